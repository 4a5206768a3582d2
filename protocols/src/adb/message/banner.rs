//! What a side says of itself in `CNXN`: `device::ro.product.name=…;ro.product.model=…;features=shell_v2,cmd,…`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Bytes of a banner that are looked at.
pub const MAX_BANNER: usize = 4096;
/// Properties and features that are kept of a banner.
const MOST: usize = 128;

/// Names of features. A side may use one only when both announce it.
pub mod feature {
    /// Shells with exit codes, and output apart from errors.
    pub const SHELL_V2: &str = "shell_v2";
    /// The unit has Android's `cmd`.
    pub const CMD: &str = "cmd";
    /// `STA2` and `LST2`.
    pub const STAT_V2: &str = "stat_v2";
    /// `LIS2`.
    pub const LS_V2: &str = "ls_v2";
    /// Folders that a push creates need no request of their own.
    pub const FIXED_PUSH_MKDIR: &str = "fixed_push_mkdir";
    /// The unit takes APEX packages.
    pub const APEX: &str = "apex";
    /// Android's binder bridge, with a shell's protocol.
    pub const ABB: &str = "abb";
    /// Android's binder bridge, raw.
    pub const ABB_EXEC: &str = "abb_exec";
    /// A symbolic link may be pushed with a time.
    pub const FIXED_PUSH_SYMLINK_TIMESTAMP: &str = "fixed_push_symlink_timestamp";
    /// `remount` is a command of the unit's shell.
    pub const REMOUNT_SHELL: &str = "remount_shell";
    /// Processes can be tracked.
    pub const TRACK_APP: &str = "track_app";
    /// `SND2` and `RCV2`.
    pub const SENDRECV_V2: &str = "sendrecv_v2";
    /// … compressed by brotli.
    pub const SENDRECV_V2_BROTLI: &str = "sendrecv_v2_brotli";
    /// … compressed by LZ4 frames.
    pub const SENDRECV_V2_LZ4: &str = "sendrecv_v2_lz4";
    /// … compressed by zstd.
    pub const SENDRECV_V2_ZSTD: &str = "sendrecv_v2_zstd";
    /// … sent without being written.
    pub const SENDRECV_V2_DRY_RUN_SEND: &str = "sendrecv_v2_dry_run_send";
    /// Bytes are acknowledged, not packets: a stream has a window.
    pub const DELAYED_ACK: &str = "delayed_ack";

    /// What the host's side here can make use of.
    pub const OURS: &[&str] = &[
        SHELL_V2,
        CMD,
        STAT_V2,
        LS_V2,
        FIXED_PUSH_MKDIR,
        APEX,
        ABB,
        FIXED_PUSH_SYMLINK_TIMESTAMP,
        ABB_EXEC,
        REMOUNT_SHELL,
        SENDRECV_V2,
        SENDRECV_V2_BROTLI,
        SENDRECV_V2_LZ4,
        SENDRECV_V2_ZSTD,
        SENDRECV_V2_DRY_RUN_SEND,
        DELAYED_ACK,
    ];
}

/// A set of features by name; unknown ones are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features(BTreeSet<String>);

impl Features {
    /// These features.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        names.iter().copied().collect()
    }

    /// Names between commas, as they stand in a banner or in what an adb server answers.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        list.split(',').filter(|name| !name.is_empty()).take(MOST).collect()
    }

    /// Whether `name` is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Those that `other` has too: what may be used.
    #[must_use]
    pub fn shared(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// Their names. Untrusted text when a unit sent them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Features {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{}", name.escape_debug())?;
        }
        Ok(())
    }
}

/// What runs on the other side (`ConnectionState` as the banner names it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemKind {
    /// An adb host.
    Host,
    /// Android, or whatever else runs the daemon.
    Device,
    /// Android's recovery.
    Recovery,
    /// Android's recovery, waiting for a package.
    Sideload,
    /// Android's recovery in rescue mode.
    Rescue,
    /// A bootloader that speaks ADB.
    Bootloader,
    /// Another word. Untrusted text.
    Other(String),
}

impl SystemKind {
    fn parse(name: &str) -> Self {
        match name {
            "host" => Self::Host,
            "device" => Self::Device,
            "recovery" => Self::Recovery,
            "sideload" => Self::Sideload,
            "rescue" => Self::Rescue,
            "bootloader" => Self::Bootloader,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word in the banner.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::Device => "device",
            Self::Recovery => "recovery",
            Self::Sideload => "sideload",
            Self::Rescue => "rescue",
            Self::Bootloader => "bootloader",
            Self::Other(other) => other,
        }
    }
}

/// The payload of `CNXN`. All text of a unit's banner is untrusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// What runs there.
    pub system: SystemKind,
    /// Properties by name, without `features`.
    pub properties: BTreeMap<String, String>,
    /// What it can do.
    pub features: Features,
}

impl Banner {
    /// What the host's side here says of itself.
    #[must_use]
    pub fn host() -> Self {
        Self { system: SystemKind::Host, properties: BTreeMap::new(), features: Features::of(feature::OURS) }
    }

    /// Reads a banner. There is none that cannot be read: what is not understood is left out.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Self {
        let payload = payload.get(..payload.len().min(MAX_BANNER)).unwrap_or_default();
        let text = String::from_utf8_lossy(payload);
        let mut parts = text.trim_end_matches('\0').splitn(3, ':');
        let system = SystemKind::parse(parts.next().unwrap_or_default());
        let (_serial, rest) = (parts.next(), parts.next().unwrap_or_default());
        let mut banner = Self { system, properties: BTreeMap::new(), features: Features::default() };
        for (key, value) in rest.split(';').filter_map(|pair| pair.split_once('=')).take(MOST) {
            if key == "features" {
                banner.features = Features::parse(value);
            } else {
                banner.properties.insert(key.to_owned(), value.to_owned());
            }
        }
        banner
    }

    /// The bytes on the wire. A host's banner has no semicolon at its end; a unit's has one after every property.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}::", self.system.name());
        for (key, value) in &self.properties {
            text.push_str(&format!("{key}={value};"));
        }
        let names: Vec<&str> = self.features.names().collect();
        text.push_str(&format!("features={}", names.join(",")));
        text.into_bytes()
    }
}
