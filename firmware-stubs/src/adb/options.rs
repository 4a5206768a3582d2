//! What an ADB stand-in is told to be.

use super::fault::Fault;
use protocols::usb::UsbId;
use std::path::PathBuf;
use std::time::Duration;

/// What runs on the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runs {
    /// Android.
    #[default]
    Android,
    /// Recovery, which has files and a shell and nothing of Android.
    Recovery,
    /// Recovery, waiting for a package.
    Sideload,
}

/// Whom the unit believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authorisation {
    /// Everybody: no question is asked.
    #[default]
    None,
    /// Who signs with a key that is installed, or whose key its person accepts.
    Keys(Prompt),
}

/// What the person at the unit does when it asks whether to believe a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Accepts it, for good: the key is installed.
    Accept,
    /// Refuses it. The unit stays silent then, as Android does.
    Refuse,
    /// Is not there.
    Ignore,
}

/// How much the unit's shell may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Build {
    /// Engineering: the shell is root.
    #[default]
    Eng,
    /// The shell is root when it was asked for.
    UserDebug,
    /// The shell is never root.
    User,
}

/// How old the unit's daemon is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// Of Android 14.
    #[default]
    New,
    /// Before Android 7: no exit codes, one version of the file records, checksums.
    Old,
}

/// An ADB stand-in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder with everything it does not forget; made when it is not there. Files of the unit are in `files/`,
    /// partitions in `partitions/`, keys that it believes in `adb_keys`.
    pub state: PathBuf,
    /// Serial number.
    pub serial: String,
    /// Model.
    pub model: String,
    /// Code name of the product.
    pub product: String,
    /// Vendor and product number on USB.
    pub usb_id: UsbId,
    /// What runs there.
    pub runs: Runs,
    /// Whom it believes.
    pub authorisation: Authorisation,
    /// How much its shell may do.
    pub build: Build,
    /// How old its daemon is.
    pub age: Age,
    /// Properties beside the usual ones, or instead of them.
    pub properties: Vec<(String, String)>,
    /// Accounts that are logged in: with one, nobody can become the device's owner.
    pub accounts: Vec<String>,
    /// How long it is away from the bus when it restarts.
    pub boot_time: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Options {
    /// A healthy phone with its state in `state`, which believes everybody.
    #[must_use]
    pub fn new(state: PathBuf) -> Self {
        Self {
            state,
            serial: "PH-0001".to_owned(),
            model: "Kiosk One".to_owned(),
            product: "kiosk".to_owned(),
            usb_id: UsbId::new(0x18d1, 0x4ee7),
            runs: Runs::Android,
            authorisation: Authorisation::None,
            build: Build::Eng,
            age: Age::New,
            properties: Vec::new(),
            accounts: Vec::new(),
            boot_time: Duration::from_millis(200),
            faults: Vec::new(),
        }
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}
