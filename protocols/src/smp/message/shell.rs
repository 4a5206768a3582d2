//! Group shell: one command of the unit's shell.

use super::Text;
use super::cbor::{DecodeError, Reader, Value};
use super::macros::record;
use crate::smp::header::{Group, Op};

record! {
    /// Run a command.
    #[derive(Default)]
    Execute {
        /// The command and its arguments.
        "argv" => argv: Vec<String>,
    }
}

impl super::Request for Execute {
    type Reply = ExecuteReply;
    const GROUP: Group = Group::SHELL;
    const ID: u8 = 0;
    const OP: Op = Op::Write;
    const NAME: &'static str = "shell command";
    /// Servers before Zephyr 3.3, and later ones built for them, give the command's own result as `rc`.
    const RC_IS_DATA_BESIDE: Option<&'static str> = Some("o");
}

/// Answer to [`Execute`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteReply {
    /// What the command printed.
    pub output: Text,
    /// What the command returned; 0 is success, negative ones are errno values usually.
    pub ret: i64,
}

record! {
    /// The reply as it travels: newer servers say `ret`, older ones `rc`.
    Wire {
        /// Output.
        "o" => output: Text,
        /// Result.
        "ret" => ret: Option<i64>,
        /// Result, older.
        "rc" => rc: Option<i64>,
    }
}

impl Value for ExecuteReply {
    fn encode(&self, w: &mut super::Writer) {
        Wire { output: self.output.clone(), ret: Some(self.ret), rc: None }.encode(w);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let wire = Wire::decode(r)?;
        Ok(Self { output: wire.output, ret: wire.ret.or(wire.rc).unwrap_or(0) })
    }
}
