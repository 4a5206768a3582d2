//! A package handed to recovery, which asks for its blocks and judges it itself.

use protocols::adb::message::{SIDELOAD_BLOCK, Sideload, SystemKind, Wanted};

use super::AdbDriver;
use super::shell::{SLOW, unreadable};
use crate::device::{Content, Op, Progress};
use crate::error::{Error, Kind, Result};

/// The name of the place to which a package goes.
pub(super) const PACKAGE: &str = "sideload";

impl AdbDriver {
    /// Whether recovery waits for a package.
    pub(super) fn takes_packages(&self) -> bool {
        self.wire.banner().system == SystemKind::Sideload
    }

    /// Hands a package to recovery, which asks for its blocks in whatever order it likes.
    pub(super) fn sideload(&mut self, content: &dyn Content, op: &mut Op<'_>) -> Result<u64> {
        let package = Sideload { size: content.len(), block: SIDELOAD_BLOCK };
        self.wire.with_stream(&package.service(), op, |wire, stream, op| {
            let (mut sent, mut asked) = (0, Vec::new());
            // A package is read about once, its directory twice; a unit that asks without end is given up.
            let most = content.len().saturating_mul(8).saturating_add(1 << 24);
            while let Some(data) = wire.more(stream, SLOW, op)? {
                asked.extend_from_slice(&data);
                while let Some((request, rest)) = asked.split_first_chunk::<{ Wanted::LEN }>() {
                    let wanted = Wanted::parse(request);
                    asked = rest.to_vec();
                    op.check()?;
                    let number = match wanted {
                        Some(Wanted::Block(number)) => number,
                        Some(Wanted::Done) => return Ok(sent),
                        Some(Wanted::Failed) => {
                            return Err(Error::new(Kind::Refused, "recovery did not install the package")
                                .next("read on the unit's screen why; its signature or model may not fit"));
                        }
                        None => return Err(Error::new(Kind::Garbled, "recovery asks for no block of the package")),
                    };
                    let Some((offset, len)) = package.block(number) else {
                        return Err(Error::new(Kind::Garbled, "recovery asks for a block that the package has not"));
                    };
                    let mut block = vec![0; len as usize];
                    content.read_exact_at(offset, &mut block).map_err(unreadable)?;
                    sent += u64::from(len);
                    if sent > most {
                        return Err(Error::new(Kind::Refused, "recovery reads the package again and again"));
                    }
                    while !block.is_empty() {
                        let room = wire.room(stream, op)?;
                        if room == 0 {
                            return Err(Error::new(Kind::Refused, "recovery ended the transfer"));
                        }
                        let rest = block.split_off(block.len().min(room));
                        wire.send(stream, std::mem::replace(&mut block, rest), op)?;
                    }
                    (op.progress)(Progress { bytes: sent.min(content.len()), total: content.len() });
                }
            }
            Err(Error::new(Kind::Refused, "recovery ended without saying whether it has installed the package"))
        })
    }
}
