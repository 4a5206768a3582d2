//! Names of services, which `OPEN` asks for, and the protocol of `sideload-host`.

/// The service that moves files.
#[must_use]
pub fn sync() -> Vec<u8> {
    b"sync:".to_vec()
}

/// A command whose output, errors and exit code come apart ([`super::shell`]). No terminal.
#[must_use]
pub fn shell_v2(command: &[u8]) -> Vec<u8> {
    [b"shell,v2,raw:", command].concat()
}

/// A command as the first shells ran it: output and errors mixed, no exit code.
#[must_use]
pub fn shell_v1(command: &[u8]) -> Vec<u8> {
    [b"shell:", command].concat()
}

/// A command whose output comes as it is, and whose input is the stream.
#[must_use]
pub fn exec(command: &[u8]) -> Vec<u8> {
    [b"exec:", command].concat()
}

/// A command of one of Android's services, without a shell between: arguments are kept apart by NUL.
#[must_use]
pub fn abb_exec(arguments: &[&[u8]]) -> Vec<u8> {
    [b"abb_exec:", arguments.join(&0).as_slice()].concat()
}

/// The daemon begins anew as root, where the build lets it.
#[must_use]
pub fn root() -> Vec<u8> {
    b"root:".to_vec()
}

/// The daemon begins anew as the shell's user.
#[must_use]
pub fn unroot() -> Vec<u8> {
    b"unroot:".to_vec()
}

/// What a unit restarts into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// Its own system.
    System,
    /// Its bootloader.
    Bootloader,
    /// Userspace fastboot.
    Fastboot,
    /// Its recovery.
    Recovery,
    /// Its recovery, waiting for a package.
    Sideload,
}

/// The service that restarts the unit.
#[must_use]
pub fn reboot(into: Reboot) -> Vec<u8> {
    let into = match into {
        Reboot::System => "",
        Reboot::Bootloader => "bootloader",
        Reboot::Fastboot => "fastboot",
        Reboot::Recovery => "recovery",
        Reboot::Sideload => "sideload",
    };
    format!("reboot:{into}").into_bytes()
}

/// Bytes of a block that the unit is offered (`SIDELOAD_HOST_BLOCK_SIZE`).
pub const SIDELOAD_BLOCK: u32 = 64 << 10;

/// A package that the unit reads block by block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sideload {
    /// Bytes of the package.
    pub size: u64,
    /// Bytes of a block, the last one may be shorter.
    pub block: u32,
}

/// What the unit wants next of a package: eight characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The block with this number.
    Block(u64),
    /// Nothing: it has installed the package.
    Done,
    /// Nothing: it has given up.
    Failed,
}

impl Sideload {
    /// The service that offers it.
    #[must_use]
    pub fn service(self) -> Vec<u8> {
        format!("sideload-host:{}:{}", self.size, self.block).into_bytes()
    }

    /// Where the block `number` lies: offset and length; `None` when there is no such block.
    #[must_use]
    pub fn block(self, number: u64) -> Option<(u64, u32)> {
        let offset = number.checked_mul(u64::from(self.block))?;
        let left = self.size.checked_sub(offset).filter(|left| *left > 0)?;
        Some((offset, u32::try_from(left).unwrap_or(u32::MAX).min(self.block)))
    }
}

impl Wanted {
    /// Characters of a request.
    pub const LEN: usize = 8;

    /// Reads what a unit asked for; `None` when it is nothing of the kind.
    #[must_use]
    pub fn parse(bytes: &[u8; Self::LEN]) -> Option<Self> {
        match bytes {
            b"DONEDONE" => Some(Self::Done),
            b"FAILFAIL" => Some(Self::Failed),
            digits if digits.iter().all(u8::is_ascii_digit) => {
                std::str::from_utf8(digits).ok()?.parse().ok().map(Self::Block)
            }
            _ => None,
        }
    }

    /// The characters on the wire; of a number the last eight digits.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let Self::Block(mut number) = self else {
            return if self == Self::Done { *b"DONEDONE" } else { *b"FAILFAIL" };
        };
        let mut digits = [b'0'; Self::LEN];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        digits
    }
}
