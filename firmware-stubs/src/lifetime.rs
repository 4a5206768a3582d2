//! What ends a stand-in's process.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// What ends a stand-in's process, besides SIGTERM and SIGINT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// Nothing else.
    #[default]
    Signal,
    /// The end of standard input: a program that started it through a pipe takes it along, even when it is killed.
    Stdin,
}

/// Why a stand-in came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to: a signal, or the end of standard input.
    Asked,
    /// A fault cut its power, or unplugged it. The process should exit with [`End::POWER_LOST_STATUS`].
    PowerLost,
}

impl End {
    /// Exit status that says that a fault cut the power.
    pub const POWER_LOST_STATUS: u8 = 75;
}

/// What somebody outside of the process wants of a unit on USB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    End,
    Pull,
    Push,
}

/// SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 as bytes in sockets, and perhaps standard input.
pub(crate) struct Wishes {
    end: UnixStream,
    pull: UnixStream,
    push: UnixStream,
    stdin: Option<io::Stdin>,
}

/// A socket that gets a byte with each of these signals.
fn caught(signals: &[i32]) -> io::Result<UnixStream> {
    let (caught, sender) = UnixStream::pair()?;
    for signal in signals {
        signal_hook::low_level::pipe::register(*signal, sender.try_clone()?)?;
    }
    Ok(caught)
}

impl Wishes {
    pub(crate) fn catch(lifetime: Lifetime) -> io::Result<Self> {
        Ok(Self {
            end: caught(&[SIGTERM, SIGINT])?,
            pull: caught(&[SIGUSR1])?,
            push: caught(&[SIGUSR2])?,
            stdin: (lifetime == Lifetime::Stdin).then(io::stdin),
        })
    }

    /// Wait for a wish, or until `news` is readable, which is `None`.
    pub(crate) fn wait(&mut self, news: BorrowedFd<'_>) -> io::Result<Option<Wish>> {
        let mut fds: Vec<PollFd<'_>> = [&self.end, &self.pull, &self.push]
            .into_iter()
            .map(AsFd::as_fd)
            .chain([news])
            .chain(self.stdin.as_ref().map(AsFd::as_fd))
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or_default()).collect();
        drop(fds);
        let ready = |at: usize| ready.get(at).copied().unwrap_or_default();
        let mut bytes = [0; 64];
        if ready(0) {
            return Ok(Some(Wish::End));
        }
        if let Some(stdin) = &self.stdin
            && ready(4)
            && matches!(nix::unistd::read(stdin, &mut bytes), Ok(0) | Err(_))
        {
            return Ok(Some(Wish::End));
        }
        // One at a time: a pull and a push that came together are carried out in this order.
        for (at, socket, wish) in [(1, &mut self.pull, Wish::Pull), (2, &mut self.push, Wish::Push)] {
            if ready(at) && socket.read(&mut bytes).is_ok() {
                return Ok(Some(wish));
            }
        }
        Ok(None)
    }
}
