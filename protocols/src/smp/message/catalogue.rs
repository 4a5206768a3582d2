//! All commands as data: to name one, or to read a message without having asked for it.

use super::cbor::{DecodeError, Value, Writer};
use super::{Message, ReplyError, Request, decode_body};
use super::{enumeration, fs, image, log, os, settings, shell, statistics, zephyr};
use crate::smp::header::{Group, Header, Op};
use std::fmt::Debug;

type ReadRequest<T> = fn(&[u8]) -> Result<T, DecodeError>;
type ReadReply<T> = fn(&Message<'_>) -> Result<T, ReplyError>;

/// A command that we know.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its group.
    pub group: Group,
    /// Its number within the group.
    pub id: u8,
    /// Whether it reads or writes.
    pub op: Op,
    /// Its name for people.
    pub name: &'static str,
    read_request: ReadRequest<Box<dyn Debug>>,
    read_reply: ReadReply<Box<dyn Debug>>,
    rewrite_request: ReadRequest<Vec<u8>>,
    rewrite_reply: ReadReply<Vec<u8>>,
}

impl Command {
    const fn of<R>() -> Self
    where
        R: Request + Debug + 'static,
        R::Reply: Debug + 'static,
    {
        Self {
            group: R::GROUP,
            id: R::ID,
            op: R::OP,
            name: R::NAME,
            read_request: |body| Ok(Box::new(decode_body::<R>(body)?)),
            read_reply: |message| Ok(Box::new(message.reply::<R>()?)),
            rewrite_request: |body| Ok(body_of(&decode_body::<R>(body)?)),
            rewrite_reply: |message| Ok(body_of(&message.reply::<R>()?)),
        }
    }

    /// The command that a request or reply with this header belongs to.
    #[must_use]
    pub fn find(header: &Header) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| {
            command.group == header.group && command.id == header.id && command.op.reply() == header.op.reply()
        })
    }

    /// A request of this command, for people and logs: what a unit sent is escaped.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn read_request(&self, body: &[u8]) -> Result<Box<dyn Debug>, DecodeError> {
        (self.read_request)(body)
    }

    /// A reply to this command, for people and logs: what a unit sent is escaped.
    ///
    /// # Errors
    /// As [`Message::reply`].
    pub fn read_reply(&self, message: &Message<'_>) -> Result<Box<dyn Debug>, ReplyError> {
        (self.read_reply)(message)
    }

    /// The body of a request as we would write it: known keys in our order, definite lengths.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn rewrite_request(&self, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
        (self.rewrite_request)(body)
    }

    /// The body of a reply as we would write it.
    ///
    /// # Errors
    /// As [`Message::reply`].
    pub fn rewrite_reply(&self, message: &Message<'_>) -> Result<Vec<u8>, ReplyError> {
        (self.rewrite_reply)(message)
    }
}

fn body_of(value: &impl Value) -> Vec<u8> {
    let mut w = Writer::new();
    value.encode(&mut w);
    w.into_bytes()
}

/// Every command of every group that we speak.
pub const COMMANDS: &[Command] = &[
    Command::of::<os::Echo>(),
    Command::of::<os::TaskStatistics>(),
    Command::of::<os::PoolStatistics>(),
    Command::of::<os::DateTimeGet>(),
    Command::of::<os::DateTimeSet>(),
    Command::of::<os::Reset>(),
    Command::of::<os::Parameters>(),
    Command::of::<os::OsInfo>(),
    Command::of::<os::BootloaderInfo>(),
    Command::of::<image::StateRead>(),
    Command::of::<image::StateWrite>(),
    Command::of::<image::Upload>(),
    Command::of::<image::Erase>(),
    Command::of::<image::SlotInfo>(),
    Command::of::<statistics::Data>(),
    Command::of::<statistics::List>(),
    Command::of::<settings::ReadSetting>(),
    Command::of::<settings::WriteSetting>(),
    Command::of::<settings::DeleteSetting>(),
    Command::of::<settings::Commit>(),
    Command::of::<settings::Load>(),
    Command::of::<settings::Save>(),
    Command::of::<log::Show>(),
    Command::of::<log::Clear>(),
    Command::of::<log::ModuleList>(),
    Command::of::<log::LevelList>(),
    Command::of::<log::List>(),
    Command::of::<fs::Download>(),
    Command::of::<fs::Upload>(),
    Command::of::<fs::Status>(),
    Command::of::<fs::Hash>(),
    Command::of::<fs::SupportedHashes>(),
    Command::of::<fs::Close>(),
    Command::of::<shell::Execute>(),
    Command::of::<enumeration::Count>(),
    Command::of::<enumeration::List>(),
    Command::of::<enumeration::Single>(),
    Command::of::<enumeration::Details>(),
    Command::of::<zephyr::EraseStorage>(),
];
