//! Serial ports and pseudoterminals.
//!
//! The `serialport` crate sets the port up and holds it exclusively (`TIOCEXCL`, and a `flock` because the former does
//! not stop root). Bytes go through a second, non-blocking descriptor of the same port, since its own would block in
//! the middle of a write, where no deadline reaches.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use serialport::{FlowControl, SerialPort, TTYPort};

use super::{Address, Contact, Flow, LineState, Link, SerialOptions, polled};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// Opens the port at `path`, for us alone.
pub(super) fn open(path: &Path, options: &SerialOptions, clock: &Arc<dyn Clock>) -> Result<Link> {
    let address = Address::Tty(path.to_owned()).to_string();
    let stream = descriptor(path).map_err(|error| not_opened(&address, error))?;
    let port = set_up(path, options).map_err(|error| not_set_up(&address, error))?;
    let link = polled::link(stream, Some(Box::new(port)), address, clock);
    // Eight bits of a byte travel with a start and a stop bit.
    Ok(Link { bytes_per_second: NonZeroU32::new(options.baud.get() / 10), ..link })
}

/// Opens the port at `path` for its line CTS.
pub(super) fn contact(path: &Path, options: &SerialOptions) -> Result<Box<dyn Contact>> {
    let address = Address::Tty(path.to_owned()).to_string();
    drop(descriptor(path).map_err(|error| not_opened(&address, error))?);
    let port = set_up(path, options).map_err(|error| not_set_up(&address, error))?;
    Ok(Box::new(Cts { port, address }))
}

struct Cts {
    port: TTYPort,
    address: String,
}

impl Contact for Cts {
    fn is_closed(&mut self) -> Result<bool> {
        self.port.read_clear_to_send().map_err(|error| {
            if self.port.name().is_some_and(|path| Path::new(&path).exists()) {
                Error::new(Kind::Unsupported, format!("{} has no line CTS", self.address)).because(error)
            } else {
                Error::new(Kind::Gone, format!("{} left", self.address)).because(error)
            }
        })
    }
}

fn descriptor(path: &Path) -> io::Result<File> {
    let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits();
    let stream = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    if nix::unistd::isatty(&stream)? { Ok(stream) } else { Err(Errno::ENOTTY.into()) }
}

fn set_up(path: &Path, options: &SerialOptions) -> serialport::Result<TTYPort> {
    let flow = match options.flow {
        Flow::None => FlowControl::None,
        Flow::RtsCts => FlowControl::Hardware,
        Flow::XonXoff => FlowControl::Software,
    };
    let mut port = TTYPort::open(
        &serialport::new(path.to_string_lossy(), options.baud.get()).flow_control(flow).preserve_dtr_on_open(),
    )?;
    match options.dtr {
        LineState::Keep => {}
        LineState::On => port.write_data_terminal_ready(true)?,
        LineState::Off => port.write_data_terminal_ready(false)?,
    }
    match options.rts {
        LineState::Keep => {}
        LineState::On => port.write_request_to_send(true)?,
        LineState::Off => port.write_request_to_send(false)?,
    }
    Ok(port)
}

fn not_opened(address: &str, error: io::Error) -> Error {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let (kind, sentence, next) = match errno {
        Some(Errno::EACCES | Errno::EPERM) => (
            Kind::NotPermitted,
            format!("this user may not open {address}"),
            "join the group that owns the port (often dialout: `sudo usermod -aG dialout $USER`, then log in again), \
             or install a udev rule for it with TAG+=\"uaccess\"",
        ),
        Some(Errno::EBUSY) => return taken(address).because(error),
        Some(Errno::ENOTTY | Errno::EISDIR) => {
            (Kind::Invalid, format!("{address} is no serial port"), "name one that `hardwire detect` lists")
        }
        _ => {
            return Error::absent(format!("{address} could not be opened"))
                .because(error)
                .next("see that the unit is plugged in and that `hardwire detect` lists it");
        }
    };
    Error::new(kind, sentence).because(error).next(next)
}

fn not_set_up(address: &str, error: serialport::Error) -> Error {
    match error.kind() {
        // What the library calls "no device" are EBUSY and a lock held by another process.
        serialport::ErrorKind::NoDevice => taken(address).because(error),
        serialport::ErrorKind::Io(kind) => not_opened(address, kind.into()),
        _ => Error::new(Kind::Gone, format!("{address} does not take its settings"))
            .because(error)
            .next("see that the unit is plugged in, and that the port can do this baud rate and flow control"),
    }
}

fn taken(address: &str) -> Error {
    let path = address.trim_start_matches("tty:");
    Error::new(Kind::Busy, format!("{address} is held by another program"))
        .next(format!("close the terminal or ModemManager that has it open (`fuser -v {path}` shows which)"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::*;
    use crate::clock::SystemClock;

    /// A pseudoterminal: its far end, and the address of its near end.
    fn pty() -> (TTYPort, Address) {
        let (mut far, near) = TTYPort::pair().unwrap();
        let path = near.name().unwrap();
        far.set_exclusive(false).ok();
        drop(near);
        (far, Address::Tty(path.into()))
    }

    #[test]
    fn a_pseudoterminal_has_no_contact() {
        let (_far, address) = pty();
        let mut contact = crate::link::contact(&address, &SerialOptions::default()).unwrap();
        assert_eq!(contact.is_closed().unwrap_err().kind(), Kind::Unsupported);
    }

    fn clock() -> Arc<dyn Clock> {
        Arc::new(SystemClock::new())
    }

    fn open(address: &Address) -> Result<Link> {
        let Address::Tty(path) = address else { unreachable!("tests open terminals only") };
        super::open(path, &SerialOptions::default(), &clock())
    }

    #[test]
    fn bytes_pass_unchanged_both_ways() {
        let (mut far, address) = pty();
        let mut link = open(&address).unwrap();
        let all: Vec<u8> = (0..=255).collect();
        link.sender.send(&all, Duration::from_secs(2)).unwrap();
        let mut got = vec![0; 256];
        far.set_timeout(Duration::from_secs(2)).unwrap();
        far.read_exact(&mut got).unwrap();
        assert_eq!(got, all);
        far.write_all(&all).unwrap();
        let mut got = Vec::new();
        while got.len() < 256 {
            let mut buf = [0; 100];
            let count = link.receiver.receive(&mut buf, Duration::from_secs(2)).unwrap();
            assert!(count > 0, "nothing came");
            got.extend_from_slice(&buf[..count]);
        }
        assert_eq!(got, all);
    }

    #[test]
    fn silence_is_no_error() {
        let (_far, address) = pty();
        let mut link = open(&address).unwrap();
        assert_eq!(link.receiver.receive(&mut [0; 8], Duration::from_millis(5)).unwrap(), 0);
    }

    #[test]
    fn a_port_is_ours_alone() {
        let (_far, address) = pty();
        let _link = open(&address).unwrap();
        let error = open(&address).unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        assert!(error.remedy().is_some_and(|next| next.contains("fuser")));
    }

    #[test]
    fn a_port_is_free_again_after_use() {
        let (_far, address) = pty();
        drop(open(&address).unwrap());
        open(&address).unwrap();
    }

    #[test]
    fn a_vanished_port_is_gone() {
        let (far, address) = pty();
        let mut link = open(&address).unwrap();
        drop(far);
        assert_eq!(link.receiver.receive(&mut [0; 8], Duration::from_secs(5)).unwrap_err().kind(), Kind::Gone);
        assert_eq!(link.sender.send(b"x", Duration::from_secs(5)).unwrap_err().kind(), Kind::Gone);
        drop(link);
        assert_eq!(open(&address).unwrap_err().kind(), Kind::Gone);
    }

    #[test]
    fn what_is_no_port_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Address::Tty(folder.path().join("none"));
        assert_eq!(open(&missing).unwrap_err().kind(), Kind::Gone);
        let file = folder.path().join("file");
        std::fs::write(&file, b"keep me").unwrap();
        assert_eq!(open(&Address::Tty(file.clone())).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(open(&Address::Tty(folder.path().to_owned())).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(std::fs::read(file).unwrap(), b"keep me");
    }

    #[test]
    fn a_send_that_nobody_takes_ends_in_time() {
        let (_far, address) = pty();
        let mut link = open(&address).unwrap();
        let error = link.sender.send(&vec![b'x'; 1 << 20], Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut);
    }

    #[test]
    fn a_unit_that_writes_before_it_reads_does_not_stop_us() {
        let (mut far, address) = pty();
        let mut link = open(&address).unwrap();
        const LEN: usize = 200_000;
        let unit = std::thread::spawn(move || {
            far.set_timeout(Duration::from_secs(10)).unwrap();
            far.write_all(&vec![b'a'; LEN]).unwrap();
            let mut got = vec![0; LEN];
            far.read_exact(&mut got).unwrap();
            far
        });
        link.sender.send(&vec![b'b'; LEN], Duration::from_secs(10)).unwrap();
        let mut got = 0;
        while got < LEN {
            let count = link.receiver.receive(&mut [0; 4096], Duration::from_secs(10)).unwrap();
            assert!(count > 0, "{got} bytes came");
            got += count;
        }
        unit.join().unwrap();
    }
}
