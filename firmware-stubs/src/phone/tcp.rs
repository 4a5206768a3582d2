//! The phone on TCP.

use super::system::{Half, after, open, start, started};
use super::{Mode, Options};
use crate::Error;
use crate::adb::{self, Restart, System};
use crate::clock::moment;
use crate::fastboot::{self, Engine, wait};
use crate::lifetime::{End, Lifetime, Pulls, Wish, Wishes};
use crate::usb::Stop;
use nix::poll::{PollFd, PollFlags};
use protocols::time::Moment;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// How long a unit that was told to restart goes on with what was under way.
const GRACE: Duration = Duration::from_millis(50);

/// Where a phone listens: one of the two at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// While it speaks ADB.
    pub adb: SocketAddr,
    /// While it speaks fastboot.
    pub fastboot: SocketAddr,
}

enum Now {
    Adb(adb::Server, Engine),
    Fastboot(fastboot::Server),
}

/// Serves a phone until a fault unplugs it or the process is asked to end. `ready` is told where it is, with ports chosen
/// where 0 was given.
///
/// # Errors
/// When it cannot listen, or the device fails.
pub fn serve(
    options: Options,
    addresses: Addresses,
    lifetime: Lifetime,
    ready: impl FnOnce(Addresses),
) -> Result<End, Error> {
    let wishes = Wishes::catch(lifetime, Pulls::None)?;
    let mut mode = options.first;
    let (mut system, engine) = open(options)?;
    let addresses = chosen(addresses)?;
    let mut now = listen(mode, &mut system, engine, addresses)?;
    ready(addresses);
    let mut leaves: Option<Moment> = None;
    loop {
        let fds = wishes.fds().map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match &now {
            Now::Adb(server, _) => wait(fds.chain(server.fds()).collect(), leaves)?,
            Now::Fastboot(server) => wait(fds.chain(server.fds()).collect(), server.wakes_at())?,
        }
        if wishes.take() == Some(Wish::End) {
            return Ok(End::Asked);
        }
        let next = match step(&mut now, &mut system, &mut leaves) {
            Ok(next) => next,
            Err(Stop::Unplugged) => return Ok(End::PowerLost),
            Err(Stop::Broken(error)) => return Err(Error::System(io::Error::other(error))),
        };
        let Some(next) = next else { continue };
        let engine = match now {
            Now::Adb(server, engine) => {
                drop(server);
                engine
            }
            Now::Fastboot(server) => server.engine,
        };
        // Nobody listens while the phone starts.
        wait(Vec::new(), Some(moment() + system.options().boot_time))?;
        mode = match next {
            Next::Daemon => mode,
            Next::Mode(next) => next,
        };
        now = match next {
            Next::Daemon => Now::Adb(adb::Server::listen(addresses.adb)?, engine),
            Next::Mode(mode) => listen(mode, &mut system, engine, addresses)?,
        };
    }
}

#[derive(Clone, Copy)]
enum Next {
    Daemon,
    Mode(Mode),
}

fn step(now: &mut Now, system: &mut System, leaves: &mut Option<Moment>) -> Result<Option<Next>, Stop> {
    let server = match now {
        Now::Fastboot(server) => return Ok(server.step()?.map(|outcome| Next::Mode(started(outcome)))),
        Now::Adb(server, _) => server,
    };
    server.step(system)?;
    let Some(restart) = system.restarts() else { return Ok(None) };
    if *leaves.get_or_insert(moment() + GRACE) > moment() {
        return Ok(None);
    }
    *leaves = None;
    system.restarted();
    Ok(Some(match restart {
        Restart::Daemon => Next::Daemon,
        Restart::Unit(_) => Next::Mode(after(restart, Mode::Android)),
    }))
}

fn listen(mode: Mode, system: &mut System, mut engine: Engine, addresses: Addresses) -> Result<Now, Error> {
    start(mode, system, &mut engine)?;
    Ok(match mode.half() {
        Half::Adb(_) => Now::Adb(adb::Server::listen(addresses.adb)?, engine),
        Half::Fastboot(_) => Now::Fastboot(fastboot::Server::listen(engine, addresses.fastboot)?),
    })
}

/// Chooses ports where none were given. Both are bound for it at once, so that they differ.
fn chosen(addresses: Addresses) -> Result<Addresses, Error> {
    let (adb, fastboot) = (TcpListener::bind(addresses.adb)?, TcpListener::bind(addresses.fastboot)?);
    Ok(Addresses { adb: adb.local_addr()?, fastboot: fastboot.local_addr()? })
}
