//! States of a unit (§6.1.2, table A.1).

use std::fmt;

use super::codes::codes;

codes! {
    /// What a unit is doing: the state machine of appendix A.
    State, unknown: "the unit is in a state that the specification does not know";
    AppIdle = 0, "appIDLE", "the unit runs its application";
    AppDetach = 1, "appDETACH", "the unit runs its application and waits for a bus reset to leave it";
    Idle = 2, "dfuIDLE", "the unit is in DFU mode and waits for requests";
    DownloadSync = 3, "dfuDNLOAD-SYNC", "the unit has received a block and waits to be asked for its status";
    DownloadBusy = 4, "dfuDNBUSY", "the unit is writing a block";
    DownloadIdle = 5, "dfuDNLOAD-IDLE", "the unit is in the middle of a download and waits for the next block";
    ManifestSync = 6, "dfuMANIFEST-SYNC", "the unit has received the last block and waits to be asked for its status";
    Manifest = 7, "dfuMANIFEST", "the unit is putting the new firmware in place";
    ManifestWaitReset = 8, "dfuMANIFEST-WAIT-RESET", "the unit has put the new firmware in place and waits for a reset";
    UploadIdle = 9, "dfuUPLOAD-IDLE", "the unit is in the middle of an upload and waits for the next request";
    Error = 10, "dfuERROR", "the unit has stopped at an error that has to be cleared";
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => write!(f, "unknown state {code}"),
            known => f.write_str(known.name()),
        }
    }
}
