//! What DfuSe sends as the data of block 0 (AN3156 §4 and §5).

use thiserror::Error;

/// A DfuSe command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// 0x21: where block 2 of the next download or upload lies.
    SetAddress(u32),
    /// 0x41 with an address: erase the page that holds it.
    ErasePage(u32),
    /// 0x41 alone: erase all of the memory.
    MassErase,
    /// 0x92: lift the read protection, which erases everything and restarts the unit.
    ReadUnprotect,
}

/// Why the data of block 0 are not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// There is nothing.
    #[error("an empty block 0 holds no command")]
    Empty,
    /// There is no such command.
    #[error("DfuSe has no command {0:#04x}")]
    Unknown(u8),
    /// It has not the length that the command has.
    #[error("command {code:#04x} does not have {len} bytes")]
    Length {
        /// Number of the command.
        code: u8,
        /// Bytes that came.
        len: usize,
    },
}

impl Command {
    /// Number of "set address pointer".
    pub const SET_ADDRESS: u8 = 0x21;
    /// Number of "erase".
    pub const ERASE: u8 = 0x41;
    /// Number of "read unprotect".
    pub const READ_UNPROTECT: u8 = 0x92;
    /// Number of "get commands", which is an upload of block 0 and no download: see [`CommandList`].
    pub const GET_COMMANDS: u8 = 0x00;

    /// The data of the block.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let with = |code: u8, address: u32| [&[code][..], &address.to_le_bytes()].concat();
        match self {
            Self::SetAddress(address) => with(Self::SET_ADDRESS, address),
            Self::ErasePage(address) => with(Self::ERASE, address),
            Self::MassErase => vec![Self::ERASE],
            Self::ReadUnprotect => vec![Self::READ_UNPROTECT],
        }
    }

    /// The command in these data.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(data: &[u8]) -> Result<Self, CommandError> {
        let (&code, rest) = data.split_first().ok_or(CommandError::Empty)?;
        let address = <[u8; 4]>::try_from(rest).map(u32::from_le_bytes);
        match (code, address, rest) {
            (Self::SET_ADDRESS, Ok(address), _) => Ok(Self::SetAddress(address)),
            (Self::ERASE, Ok(address), _) => Ok(Self::ErasePage(address)),
            (Self::ERASE, _, []) => Ok(Self::MassErase),
            (Self::READ_UNPROTECT, _, []) => Ok(Self::ReadUnprotect),
            (Self::SET_ADDRESS | Self::ERASE | Self::READ_UNPROTECT, ..) => {
                Err(CommandError::Length { code, len: data.len() })
            }
            _ => Err(CommandError::Unknown(code)),
        }
    }
}

/// The commands that a unit knows: the answer to an upload of block 0 (AN3156 §4.2), a row of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandList(pub Vec<u8>);

impl CommandList {
    /// Bytes to ask for: more commands than this are not listed by any known bootloader.
    pub const MAX_LEN: u16 = 64;

    /// The list in these bytes, at most [`Self::MAX_LEN`] of them.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().take(usize::from(Self::MAX_LEN)).collect())
    }

    /// Whether the unit knows the command of this number.
    #[must_use]
    pub fn knows(&self, code: u8) -> bool {
        self.0.contains(&code)
    }
}
