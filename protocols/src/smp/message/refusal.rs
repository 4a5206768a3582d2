//! Errors that a unit answers, in the shapes of both protocol versions.

use super::cbor::{DecodeError, Reader, Value, Writer};
use super::codes;
use super::text::Text;
use crate::smp::header::{Group, Version};
use std::fmt;
use thiserror::Error;

/// Characters of a unit's own words that are kept: they end up in errors and records.
const MAX_REASON: usize = 256;

/// Whose code a refusal carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// `{"rc": code}`: the common codes. All errors of version 1, and those of the framework in version 2.
    Common,
    /// `{"err": {"group": …, "rc": …}}`: a code of that group.
    Group(Group),
}

/// A unit's "no" (specification: "Minimal response, error").
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct Refusal {
    /// Whose code it is.
    pub origin: Origin,
    /// The code, never 0. Unknown ones are kept.
    pub code: i64,
    /// The unit's own words (`rsn`).
    pub reason: Option<Text>,
    /// The length or offset that the unit holds (`len`, `off`), which the fs group adds when an offset did not fit.
    pub at: Option<u64>,
}

impl Refusal {
    /// A refusal with one of the common codes of [`mod@codes::common`].
    #[must_use]
    pub const fn common(code: i64) -> Self {
        Self { origin: Origin::Common, code, reason: None, at: None }
    }

    /// A refusal with a code of `group`.
    #[must_use]
    pub const fn group(group: Group, code: i64) -> Self {
        Self { origin: Origin::Group(group), code, reason: None, at: None }
    }

    /// This refusal with words of the unit.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Text>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// This refusal as a server of `version` would put it: version 1 knows no group codes, so they become the
    /// common code that lies nearest.
    #[must_use]
    pub fn in_version(self, version: Version) -> Self {
        match (version, self.origin) {
            (Version::V1, Origin::Group(group)) => {
                Self { origin: Origin::Common, code: codes::nearest_common(group, self.code), ..self }
            }
            _ => self,
        }
    }

    /// Name of the code in the specification, `None` for one that it does not list.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        self.entry().map(|code| code.name)
    }

    /// What the code means, in a clause: "the file does not exist".
    #[must_use]
    pub fn sentence(&self) -> Option<&'static str> {
        self.entry().map(|code| code.sentence)
    }

    /// Whether this is this common code.
    #[must_use]
    pub fn is_common(&self, code: i64) -> bool {
        self.origin == Origin::Common && self.code == code
    }

    /// Whether this is this code of this group.
    #[must_use]
    pub fn is(&self, group: Group, code: i64) -> bool {
        self.origin == Origin::Group(group) && self.code == code
    }

    /// Whether the unit does not know the command or its group.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.is_common(codes::common::NOT_SUPPORTED)
    }

    /// Whether the unit had no room to take the request now, so that it may be sent again later.
    #[must_use]
    pub fn is_congestion(&self) -> bool {
        self.is_common(codes::common::NO_MEMORY) || self.is_common(codes::common::BUSY)
    }

    fn entry(&self) -> Option<&'static codes::Code> {
        match self.origin {
            Origin::Common => codes::common(self.code),
            Origin::Group(group) => codes::of_group(group, self.code),
        }
    }

    /// The refusal that a body holds, if it is one. `rc` of 0 is a good answer, and `rc` beside the key
    /// `rc_is_data_beside` belongs to the reply.
    pub(super) fn find(body: &[u8], rc_is_data_beside: Option<&str>) -> Result<Option<Self>, DecodeError> {
        let (mut rc, mut err, mut reason, mut at, mut rc_is_data) = (None, None, None, None, false);
        Reader::body(body, |r, key| {
            rc_is_data |= rc_is_data_beside == Some(key);
            match key {
                "rc" => rc = Some(i64::decode(r).map_err(|error| error.in_key("rc"))?),
                "err" => err = Some(GroupError::decode(r).map_err(|error| error.in_key("err"))?),
                "rsn" => reason = Option::<Text>::decode(r).ok().flatten().map(|text| text.shortened(MAX_REASON)),
                "len" | "off" if is_unsigned(r) => at = Some(r.unsigned()?),
                _ => r.skip()?,
            }
            Ok(())
        })?;
        let found = match (err, rc) {
            (Some(err), _) if err.rc != 0 => Some((Origin::Group(Group(err.group)), err.rc)),
            (_, Some(rc)) if rc != 0 && !rc_is_data => Some((Origin::Common, rc)),
            _ => None,
        };
        Ok(found.map(|(origin, code)| Self { origin, code, reason, at }))
    }
}

fn is_unsigned(r: &mut Reader<'_>) -> bool {
    use minicbor::data::Type;
    matches!(r.kind(), Ok(Type::U8 | Type::U16 | Type::U32 | Type::U64))
}

super::macros::record! {
    /// Content of `err`.
    GroupError {
        "group" => group: u16,
        "rc" => rc: i64,
    }
}

impl Value for Refusal {
    fn encode(&self, w: &mut Writer) {
        w.map(1 + usize::from(self.reason.is_some()) + usize::from(self.at.is_some()));
        match self.origin {
            Origin::Common => {
                w.text("rc");
                w.signed(self.code);
            }
            Origin::Group(group) => {
                w.text("err");
                GroupError { group: group.0, rc: self.code }.encode(w);
            }
        }
        if let Some(reason) = &self.reason {
            w.text("rsn");
            reason.encode(w);
        }
        if let Some(at) = self.at {
            w.text("len");
            w.unsigned(at);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = r.rest();
        r.skip()?;
        Self::find(start, None)?.ok_or(DecodeError::Missing("rc"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sentence() {
            Some(sentence) => f.write_str(sentence)?,
            None => f.write_str("a code that the specification does not list")?,
        }
        match (self.origin, self.name()) {
            (Origin::Common, Some(name)) => write!(f, " (rc {}, {name})", self.code)?,
            (Origin::Common, None) => write!(f, " (rc {})", self.code)?,
            (Origin::Group(group), Some(name)) => write!(f, " ({group} rc {}, {name})", self.code)?,
            (Origin::Group(group), None) => write!(f, " ({group} rc {})", self.code)?,
        }
        match &self.reason {
            Some(reason) => write!(f, ": the unit says \"{reason}\""),
            None => Ok(()),
        }
    }
}
