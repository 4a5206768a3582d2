//! What a unit can do: identity, modes, capability traits. Knows no link, no driver and no profile.

mod bay;
mod capability;
mod content;
mod level;
mod mode;
mod op;
mod signature;
mod text;
mod unit;

pub use bay::{Bay, BayId, Proof, Returned};
pub use capability::{
    Activate, Capability, Console, ConsoleReply, Diagnosis, Diagnostics, Driver, FileStat, Files, Firmware,
    ImageIdentity, Measurement, Power, Settings, SlotState, Tells, Upload, Written,
};
pub use content::Content;
pub use level::Level;
pub use mode::{Departure, Mode, ModeSpec, Offer};
pub use op::{Cancel, Op, Progress};
pub use signature::{InterfaceClass, Pattern, Shown, Signature, Speaks, Via};
pub use text::UnitText;
pub use unit::Unit;
