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

/// Whether a unit can be pulled and pushed by signals. To one that cannot they mean what they mean to any process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulls {
    Wanted,
    None,
}

/// SIGTERM and SIGINT, perhaps SIGUSR1 and SIGUSR2, as bytes in sockets; and perhaps standard input.
pub(crate) struct Wishes {
    sockets: Vec<(UnixStream, Wish)>,
    stdin: Option<io::Stdin>,
}

/// A socket that gets a byte with each of these signals.
fn caught(signals: &[i32]) -> io::Result<UnixStream> {
    let (caught, sender) = UnixStream::pair()?;
    caught.set_nonblocking(true)?;
    for signal in signals {
        signal_hook::low_level::pipe::register(*signal, sender.try_clone()?)?;
    }
    Ok(caught)
}

impl Wishes {
    pub(crate) fn catch(lifetime: Lifetime, pulls: Pulls) -> io::Result<Self> {
        let mut sockets = vec![(caught(&[SIGTERM, SIGINT])?, Wish::End)];
        if pulls == Pulls::Wanted {
            sockets.push((caught(&[SIGUSR1])?, Wish::Pull));
            sockets.push((caught(&[SIGUSR2])?, Wish::Push));
        }
        Ok(Self { sockets, stdin: (lifetime == Lifetime::Stdin).then(io::stdin) })
    }

    /// What becomes readable with a wish.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(|(socket, _)| socket.as_fd()).chain(self.stdin.as_ref().map(AsFd::as_fd))
    }

    /// The next wish, if there is one. A pull and a push that came together are carried out in this order.
    pub(crate) fn take(&self) -> Option<Wish> {
        let mut bytes = [0; 64];
        let asked = |(mut socket, wish): (&UnixStream, Wish)| {
            matches!(socket.read(&mut [0; 64]), Ok(count) if count > 0).then_some(wish)
        };
        if let Some(wish) = self.sockets.iter().find_map(|(socket, wish)| asked((socket, *wish))) {
            return Some(wish);
        }
        let stdin = self.stdin.as_ref()?;
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let readable = poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0);
        (readable && matches!(nix::unistd::read(stdin, &mut bytes), Ok(0) | Err(_))).then_some(Wish::End)
    }

    /// Wait for a wish, or until `news` is readable, which is `None`.
    pub(crate) fn wait(&self, news: BorrowedFd<'_>) -> io::Result<Option<Wish>> {
        let mut fds: Vec<PollFd<'_>> = self.fds().chain([news]).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(self.take()),
            Err(errno) => Err(errno.into()),
        }
    }
}
