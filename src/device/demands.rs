//! What images that belong together demand of the unit that they are for.

use protocols::android::archive::Requirement;

/// What a factory archive demands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// What the unit must be, as its bootloader says it.
    pub requirements: Vec<Requirement>,
    /// How new its images are, by the counters of verified boot.
    pub indexes: Vec<RollbackIndex>,
}

/// How new an image is. A unit starts none that is older than what it has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackIndex {
    /// The partition whose image says it.
    pub partition: String,
    /// Which of the unit's counters is meant.
    pub location: u32,
    /// The image's index.
    pub index: u64,
}
