//! MCUboot's serial recovery: an SMP server so small that it fits a bootloader.
//!
//! It knows the image state, uploads, parameters and reset, ends good answers with `rc` 0, and writes straight over
//! the slot that boots. As seen on MCUboot of Zephyr 4.4 (`mps2_an385`, recovery built with parameters).

use super::body::{Body, Out};
use super::boot::Next;
use super::device::Device;
use super::fail::{Fail, rc};
use super::slots::{Bank, Slot};
use super::{Limits, image};
use protocols::smp::{Group, Header, Op};

/// Bytes of MCUboot's buffer, as its parameters tell it.
const BUF_SIZE: u16 = 1024;
/// Longest message that was answered; with its frame's length and CRC it is still short of the buffer.
pub(super) const LARGEST_MESSAGE: usize = 1021;
/// MCUboot takes one request at a time.
pub(super) const BUFFERS: u8 = 1;

/// The upload that is going on: it begins anew with every first chunk, whatever digest comes with it.
pub(super) struct Upload {
    bank: Bank,
    off: u64,
    size: u64,
    middle: u64,
}

impl Device {
    pub(super) fn recover(&mut self, header: &Header, bytes: &[u8]) -> Result<Out, Fail> {
        match (header.group, header.id, header.op) {
            (Group::OS, 5, Op::Write) => {
                self.ram.reset_asked = true;
                self.boot_mode_asked(bytes);
                Ok(good())
            }
            (Group::OS, 6, Op::Read) => {
                let mut out = Out::new();
                out.uint("buf_size", u64::from(BUF_SIZE)).uint("buf_count", u64::from(BUFFERS));
                Ok(out)
            }
            (Group::IMAGE, 0, Op::Read) => self.recovery_state(),
            (Group::IMAGE, 1, Op::Write) => self.recovery_upload(&Body::parse(bytes)?),
            _ => Err(Fail::Rc(rc::ENOTSUP)),
        }
    }

    /// Images whose hash holds, without flags: recovery has looked, and knows no test and no confirm.
    fn recovery_state(&mut self) -> Result<Out, Fail> {
        let mut out = Out::new();
        out.key("images").begin_list();
        for (number, slot) in [(0, Slot::Primary), (1, Slot::Secondary)] {
            let content = self.slots.read(self.boot.bank(slot))?;
            if let Some(info) = image::inspect(&content).filter(|_| image::is_valid(&content)) {
                out.begin_map().uint("slot", number);
                out.byte_string("hash", &info.hash).text("version", &info.version_text()).end();
            }
        }
        out.end();
        Ok(out)
    }

    fn recovery_upload(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let off = body.uint("off")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let data = body.bytes("data")?.unwrap_or_default();
        if off == 0 {
            self.begin_recovery(body, data)?;
        }
        let Some(upload) = &mut self.ram.recovery_upload else { return Ok(stands_at(0)) };
        if upload.off != off {
            return Ok(stands_at(upload.off));
        }
        let end = off + data.len() as u64;
        if end > upload.size {
            return Err(Fail::Rc(rc::EINVAL));
        }
        self.slots.write(upload.bank, off, data, upload.middle, &mut self.flash)?;
        upload.off = end;
        Ok(stands_at(end))
    }

    /// `image` is a slot here: none, 0 or 1 is the one that boots, 2 the other.
    fn begin_recovery(&mut self, body: &Body<'_>, data: &[u8]) -> Result<(), Fail> {
        let size = body.uint("len")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let slot = match body.uint("image")? {
            None | Some(0 | 1) => Slot::Primary,
            Some(2) => Slot::Secondary,
            Some(_) => return Err(Fail::Rc(rc::EINVAL)),
        };
        if size > u64::from(self.slots.size() - Limits::PAGE) {
            return Err(Fail::Rc(rc::EINVAL));
        }
        let bank = self.boot.bank(slot);
        self.slots.erase(bank, self.slots.size())?;
        // The trailers go with the slots: nothing waits for a test or a revert any more.
        self.boot.set_next(Next::Stay)?;
        self.ram.recovery_upload = Some(Upload { bank, off: 0, size, middle: image::middle(data, size) });
        Ok(())
    }
}

fn good() -> Out {
    let mut out = Out::new();
    out.uint("rc", 0);
    out
}

fn stands_at(off: u64) -> Out {
    let mut out = good();
    out.uint("off", off);
    out
}
