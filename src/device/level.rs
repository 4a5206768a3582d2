//! How strongly a step was proven.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Evidence levels: `link` < `digest` < `readback`, and `digest` < `booted`; the last two do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Only the protocol's own acknowledgement.
    Link,
    /// The unit computed a digest over what it stored.
    Digest,
    /// Hardwire read the bytes back and compared them.
    Readback,
    /// The unit restarted and reports running exactly this.
    Booted,
}

impl Level {
    /// Whether this level is at least `demanded`.
    #[must_use]
    pub fn satisfies(self, demanded: Level) -> bool {
        matches!(self.partial_cmp(&demanded), Some(Ordering::Equal | Ordering::Greater))
    }

    /// The strongest level that both are at least: what two proofs together may claim.
    #[must_use]
    pub fn least(self, other: Level) -> Level {
        match self.partial_cmp(&other) {
            Some(Ordering::Less | Ordering::Equal) => self,
            Some(Ordering::Greater) => other,
            None => Level::Digest,
        }
    }
}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Level) -> Option<Ordering> {
        use Level::{Booted, Digest, Link, Readback};
        let rank = |level| match level {
            Link => 0,
            Digest => 1,
            Readback | Booted => 2,
        };
        match (self, other) {
            (Readback, Booted) | (Booted, Readback) => None,
            (a, b) => rank(*a).partial_cmp(&rank(*b)),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Link => "link",
            Level::Digest => "digest",
            Level::Readback => "readback",
            Level::Booted => "booted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Level::{Booted, Digest, Link, Readback};

    #[test]
    fn readback_and_booted_do_not_stand_for_each_other() {
        assert!(!Readback.satisfies(Booted) && !Booted.satisfies(Readback));
        assert!(Booted.satisfies(Digest) && Readback.satisfies(Link));
        assert_eq!(Readback.least(Booted), Digest);
        assert_eq!(Link.least(Booted), Link);
    }
}
