//! What a unit can do: identity, modes, capability traits. Knows no link, no driver and no profile.

mod bay;
mod capability;
mod content;
mod demands;
mod known;
mod level;
mod mode;
mod op;
mod signature;
mod text;
mod unit;

pub use bay::{Bay, BayId, Continuity, Proof, Returned};
pub use capability::{
    Activate, AppEntry, AppFile, AppIdentity, Apps, Bounds, Capability, Console, ConsoleReply, Diagnosis, Diagnostics,
    Driver, Entry, EntryKind, FileStat, Files, Firmware, Held, ImageFile, ImageIdentity, InstallOptions, Installed,
    InstalledFile, LeftOut, Listing, Marks, Measurement, Power, Put, Settings, SlotState, Take, Tells, Trees, Upload,
    Written, relative,
};
pub use content::Content;
pub use demands::{Demands, RollbackIndex};
pub use known::{Known, another};
pub use level::Level;
pub use mode::{Access, Departure, Mode, ModeSpec, Offer};
pub use op::{Cancel, Op, Progress};
pub use signature::{InterfaceClass, Pattern, Shown, Signature, Speaks, Via};
pub use text::UnitText;
pub use unit::Unit;
