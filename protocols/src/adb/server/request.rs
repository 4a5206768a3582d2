//! Requests: four hex digits of length, then the name of a service.

use thiserror::Error;

use super::{Follows, ServerError, length, with_length};

/// Most bytes of a request: what four hex digits can say.
pub const MAX_REQUEST: usize = 0xffff;

/// A server's number of a unit's connection. A unit that leaves and comes back has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transport(pub u64);

/// What a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The units that it knows, with all it knows of them.
    Units,
    /// What a unit's daemon can do.
    Features(Transport),
    /// How a unit is.
    State(Transport),
    /// The next request is for this unit.
    Transport(Transport),
    /// A service of the unit that was chosen: from the answer on the connection is that stream.
    Service(&'a [u8]),
}

/// The name of a service does not fit a request.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the request has {0} bytes, at most {MAX_REQUEST} can be")]
pub struct TooLong(pub usize);

impl Request<'_> {
    /// The bytes on the wire.
    ///
    /// # Errors
    /// [`TooLong`]: a service whose name is longer than its length can say.
    pub fn to_bytes(self) -> Result<Vec<u8>, TooLong> {
        let text = match self {
            Request::Units => b"host:devices-l".to_vec(),
            Request::Features(Transport(id)) => format!("host-transport-id:{id}:features").into_bytes(),
            Request::State(Transport(id)) => format!("host-transport-id:{id}:get-state").into_bytes(),
            Request::Transport(Transport(id)) => format!("host:transport-id:{id}").into_bytes(),
            Request::Service(name) if name.len() > MAX_REQUEST => return Err(TooLong(name.len())),
            Request::Service(name) => name.to_vec(),
        };
        Ok(with_length(&text))
    }

    /// What follows when it is granted.
    #[must_use]
    pub fn follows(self) -> Follows {
        match self {
            Request::Units | Request::Features(_) | Request::State(_) => Follows::Text,
            Request::Transport(_) | Request::Service(_) => Follows::Nothing,
        }
    }
}

/// The server's side: the name in the request at the front of `input`, which is moved past it; `None` when it has not come
/// whole.
///
/// # Errors
/// [`ServerError::Length`].
pub fn take<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, ServerError> {
    let Some((digits, rest)) = input.split_first_chunk() else { return Ok(None) };
    let Some((name, rest)) = rest.split_at_checked(length(*digits)?) else { return Ok(None) };
    *input = rest;
    Ok(Some(name))
}
