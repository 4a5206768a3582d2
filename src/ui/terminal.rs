//! A terminal that shows less than usual of what is typed.

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// What the terminal leaves off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hush {
    /// Showing what is typed.
    Echo,
    /// That, and waiting for the end of a line: keys come one by one. Ctrl-C is what it always was.
    Keys,
}

/// Left off while it lives.
pub(super) struct Hushed(Option<Termios>);

impl Hushed {
    /// Begins; what is no terminal stays as it is.
    pub(super) fn begin(hush: Hush) -> Hushed {
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Hushed(None) };
        let mut hushed = before.clone();
        hushed.local_flags.remove(match hush {
            Hush::Echo => LocalFlags::ECHO,
            Hush::Keys => LocalFlags::ECHO | LocalFlags::ICANON,
        });
        Hushed(tcsetattr(&stdin, SetArg::TCSADRAIN, &hushed).is_ok().then_some(before))
    }
}

impl Drop for Hushed {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, before);
        }
    }
}
