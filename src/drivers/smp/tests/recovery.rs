//! MCUboot's serial recovery, as it answered on an emulated Cortex-M3 (MCUboot of Zephyr 4.4).

use std::sync::{Arc, Mutex};

use protocols::smp::message::image::{ImageState, StateRead, StateReply, Upload, UploadReply};
use protocols::smp::message::os::{Parameters, ParametersReply, Reset};
use protocols::smp::message::{Empty, Message, Refusal, Request, encode_refusal, encode_reply};
use protocols::smp::wire::{Deframer, Framing, Received};
use protocols::time::Moment;

use super::bench::{Unit, image};
use crate::clock::{Clock, ManualClock};
use crate::device::{Activate, Cancel, Capability, Driver, Level, Mode, Op, Progress};
use crate::drivers::smp::Smp;
use crate::drivers::{Opening, Options, Protocol};
use crate::error::Kind;
use crate::link::memory;

/// What recovery keeps of an upload.
#[derive(Default)]
struct Recovery {
    stored: Vec<u8>,
    images: Vec<ImageState>,
    resets: u32,
}

impl Recovery {
    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        let parsed = Message::parse(message).unwrap();
        let header = &parsed.header;
        if Parameters::is(header) {
            let reply = ParametersReply { buf_size: 1024, buf_count: 1 };
            return encode_reply::<Parameters>(&reply, header).unwrap();
        }
        if StateRead::is(header) {
            let reply = StateReply { images: self.images.clone(), split_status: None };
            return encode_reply::<StateRead>(&reply, header).unwrap();
        }
        if Upload::is(header) {
            let piece = parsed.request::<Upload>().unwrap();
            if piece.off == 0 {
                self.stored.clear();
            }
            if piece.off == self.stored.len() as u64 {
                self.stored.extend_from_slice(&piece.data);
            }
            let reply = UploadReply { off: Some(self.stored.len() as u64), matches: None };
            return encode_reply::<Upload>(&reply, header).unwrap();
        }
        if Reset::is(header) {
            self.resets += 1;
            return encode_reply::<Reset>(&Empty {}, header).unwrap();
        }
        encode_refusal(&Refusal::common(8), header).unwrap()
    }
}

type Opened = (Box<dyn Driver>, Arc<Mutex<Recovery>>, Arc<dyn Clock>);

fn open(images: Vec<ImageState>) -> Opened {
    let recovery = Arc::new(Mutex::new(Recovery { images, ..Recovery::default() }));
    let unit = Arc::clone(&recovery);
    let mut deframer = Deframer::new(Framing::default(), 1020);
    let answer = move |_: Moment, bytes: &[u8]| {
        let mut out = Vec::new();
        for received in deframer.push(bytes) {
            if let Received::Frame(message) = received {
                out.extend(Unit::frame(&unit.lock().unwrap().answer(&message)));
            }
        }
        out
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let device = Arc::new(Mutex::new((answer, Vec::new())));
    let opened =
        op(&clock, |op| Smp.open(memory::served(&device, &clock).into(), Opening::unknown(&Options::new()), op));
    (opened.unwrap(), recovery, clock)
}

fn op<T>(clock: &Arc<dyn Clock>, doing: impl FnOnce(&mut Op<'_>) -> T) -> T {
    let cancel = Cancel::default();
    let mut quiet = |_: Progress| {};
    doing(&mut Op::new(&**clock, &cancel, &mut quiet))
}

fn shown() -> ImageState {
    ImageState { slot: 0, version: "0.0.0".into(), hash: Some(vec![7; 32].into()), ..ImageState::default() }
}

#[test]
fn recovery_is_a_mode_of_its_own_that_takes_firmware_only() {
    for images in [vec![shown()], Vec::new()] {
        let (mut driver, ..) = open(images);
        assert_eq!(driver.unit().mode, Mode::Recovery);
        assert_eq!(driver.unit().levels(Capability::Firmware), [Level::Link, Level::Booted]);
        assert_eq!((driver.unit().limits["window"], driver.unit().limits["message"]), (1, 1020));
        assert!(driver.files().is_none() && driver.settings().is_none() && driver.console().is_none());
        assert!(driver.diagnostics().is_none() && driver.power().is_some());
        let firmware = driver.firmware().unwrap();
        assert_eq!((firmware.writable(), firmware.activations()), (vec!["primary".to_owned()], &[Activate::None][..]));
    }
}

#[test]
fn an_image_goes_straight_to_the_primary_slot_and_a_restart_leads_out() {
    let (mut driver, recovery, clock) = open(vec![shown()]);
    let content = image("2.0.0", 5000);
    let upload = op(&clock, |op| driver.firmware().unwrap().upload("primary", &content, op)).unwrap();
    assert_eq!((upload.written.sent, upload.matched), (content.len() as u64, None));
    assert_eq!(recovery.lock().unwrap().stored, content);
    let refused = op(&clock, |op| driver.firmware().unwrap().activate(&"07".repeat(32), Activate::Test, op));
    assert_eq!(refused.unwrap_err().kind(), Kind::Unsupported);
    let departure = op(&clock, |op| driver.power().unwrap().restart(Mode::Application, op)).unwrap();
    assert!(departure.to.contains(&Mode::Application));
    assert_eq!(recovery.lock().unwrap().resets, 1);
}
