//! The decoders and sessions of USB and DFU.

use protocols::dfu::file::{Firmware, ForDevice, Format, Image, Suffix, append_suffix, encode_dfuse, encode_hex};
use protocols::dfu::session::{
    Detach, DfuseDownload, DfusePlan, Download, Erase, Leave, Piece, Policy, Prepare, Session, Step, TransferError,
    Upload, Want,
};
use protocols::dfu::wire::{
    Access, Attributes, Command, FunctionalDescriptor, Layout, Request, StatusReply, find_functional,
};
use protocols::time::Moment;
use protocols::usb::{Bcd, Configuration, DeviceDescriptor, Setup, decode_languages, decode_string, encode_string};
use std::time::Duration;

/// Descriptors: what was read and written again reads the same, faults are bounded and can be shown.
pub fn usb_descriptors(data: &[u8]) {
    if let Ok(device) = DeviceDescriptor::parse(data) {
        assert_eq!(DeviceDescriptor::parse(&device.to_bytes()), Ok(device));
    }
    if let Ok(configuration) = Configuration::parse(data) {
        assert!(configuration.faults.len() <= Configuration::MAX_FAULTS);
        for fault in &configuration.faults {
            assert!(!fault.to_string().contains(char::is_control));
        }
        if let Ok(bytes) = configuration.to_bytes() {
            let again = Configuration::parse(&bytes).expect("our own");
            assert_eq!((&again.interfaces, &again.extra), (&configuration.interfaces, &configuration.extra));
        }
        for interface in &configuration.interfaces {
            if let Ok(found) = find_functional(&configuration, interface.number) {
                assert!((1..=4096).contains(&found.block_size(64, 4096)));
            }
        }
    }
    if let Ok(text) = decode_string(data) {
        assert!(text.chars().count() <= 127);
        if let Ok(bytes) = encode_string(&text) {
            assert_eq!(decode_string(&bytes).as_ref(), Ok(&text));
        }
    }
    let _ = decode_languages(data);
}

/// Requests, statuses, functional descriptors, commands and layouts come through, and layouts stay within bounds.
pub fn dfu_wire(data: &[u8]) {
    if let Ok(setup) = <[u8; 8]>::try_from(data)
        && let Ok((request, interface)) = Request::parse(Setup::from_bytes(setup))
    {
        assert_eq!(Request::parse(request.setup(interface)), Ok((request, interface)));
    }
    if let Ok(status) = StatusReply::parse(data) {
        assert_eq!(status.to_bytes(), data);
        assert!(!status.to_string().is_empty());
    }
    if let Ok(found) = FunctionalDescriptor::parse(data) {
        assert_eq!(FunctionalDescriptor::parse(&found.to_bytes()), Ok(found));
    }
    if let Ok(command) = Command::parse(data) {
        assert_eq!(command.to_bytes(), data);
    }
    if let Ok(layout) = Layout::parse(&String::from_utf8_lossy(data)) {
        assert!((1..=Layout::MAX_REGIONS).contains(&layout.regions.len()));
        assert_eq!(Layout::parse(&layout.to_string()).expect("our own").regions, layout.regions);
        for region in &layout.regions {
            assert!(region.page_size() > 0 && region.pages() > 0 && region.end() <= 1 << 32);
            assert!(layout.page_at(region.start().into()).is_some());
            let reach = layout.reach(region.start(), Access::READ);
            assert_eq!(layout.require(region.start(), reach - u64::from(region.start()), Access::READ), Ok(()));
        }
    }
}

/// Files: no more bytes come out than are in them, segments are in order, and what was read is written and read the same.
pub fn dfu_files(data: &[u8]) {
    one_file(data);
    // Behind a suffix that fits, so that what is before it is looked at.
    one_file(&append_suffix(data, Suffix { for_device: ForDevice::default(), version: Bcd(0x011a) }));
}

fn one_file(file: &[u8]) {
    let firmware = match Firmware::read(file) {
        Ok(firmware) => firmware,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(!format!("{error}: {cause}").contains(char::is_control));
            return;
        }
    };
    assert!(firmware.images.iter().map(Image::len).sum::<usize>() <= file.len());
    for image in &firmware.images {
        let ends = image.segments.iter().map(|segment| {
            let start = u64::from(segment.address.unwrap_or_default());
            (start, start + segment.bytes.len() as u64)
        });
        let ends: Vec<_> = ends.collect();
        assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "in order, and none touches the next");
    }
    match firmware.format {
        Format::IntelHex => {
            let again = encode_hex(&firmware.images[0].segments);
            assert_eq!(Firmware::read(again.as_bytes()).as_ref(), Ok(&firmware));
        }
        Format::Dfuse => {
            let for_device = firmware.images[0].for_device.expect("from the suffix");
            // A name of the greatest length with bytes that are no UTF-8 grows when it is read.
            if let Ok(again) = encode_dfuse(&firmware.images, Suffix { for_device, version: Bcd(0x011a) }) {
                assert_eq!(Firmware::read(&again).as_ref(), Ok(&firmware));
            }
        }
        Format::Raw | Format::Suffixed => assert_eq!(firmware.images.len(), 1),
    }
}

/// A unit that answers whatever the input says. Every session must end, within bounds, and without a panic.
pub fn dfu_sessions(data: &[u8]) {
    let Some((&kind, script)) = data.split_first() else { return };
    let (attributes, policy) = (Attributes(kind >> 3), Policy::DEFAULT);
    let image: Vec<u8> = (0..700_u16).map(|n| n as u8).collect();
    let layout = Layout::parse("@F/0x08000000/8*1Kg").expect("a layout");
    let (base, pieces) = (0x0800_0000, [Piece { address: 0x0800_0300, bytes: &image }]);
    let functional = FunctionalDescriptor { attributes, ..FunctionalDescriptor::default() };
    let sound = "a sound plan";
    match kind % 7 {
        0 => drive(&mut Prepare::new(0, policy), script),
        1 => drive(&mut Download::new(0, &image, 64, attributes, policy).expect(sound), script),
        2 => {
            let plan = DfusePlan::new(&pieces, &layout, Erase::Touched).expect(sound);
            drive(&mut DfuseDownload::new(0, plan, 64, policy).expect(sound), script);
        }
        3 => drive(&mut Upload::new(0, Want::UpTo(900), 64, policy).expect(sound), script),
        4 => drive(&mut Upload::memory(0, (base, 900), &layout, 64, policy).expect(sound), script),
        5 => drive(&mut Leave::new(0, Some(base), attributes, policy), script),
        _ => drive(&mut Detach::new(0, functional, policy), script),
    }
}

/// The script is a row of answers: what to answer with, and how long it takes.
fn drive<S: Session>(session: &mut S, script: &[u8]) {
    let mut now = Moment::START;
    let mut script = script.iter().copied();
    for _ in 0..200_000 {
        match session.next(now) {
            Step::Control(transfer) => {
                assert!(transfer.data.len() <= 64);
                let wanted = usize::from(transfer.setup.length);
                let mut answer = vec![0; if transfer.setup.is_in() { wanted } else { 0 }];
                let act = script.next().unwrap_or_default();
                for byte in answer.iter_mut().take(6) {
                    *byte = script.next().unwrap_or_default();
                }
                now += Duration::from_millis(u64::from(act >> 4));
                let reply = match act & 15 {
                    0 => Err(TransferError::Stall),
                    1 => Err(TransferError::TimedOut),
                    2 => Err(TransferError::Bus),
                    3 if act > 128 => Err(TransferError::Gone),
                    4 => Ok(answer.get(1..).unwrap_or_default()),
                    // Answers that lead on: idle, waiting for the next block, busy.
                    5..=9 if wanted == 6 => {
                        answer.copy_from_slice(&[0, 0, 0, 0, if act & 1 == 0 { 2 } else { 5 }, 0]);
                        Ok(answer.as_slice())
                    }
                    10..=11 if wanted == 6 => {
                        answer.copy_from_slice(&[0, act, 0, 0, 4, 0]);
                        Ok(answer.as_slice())
                    }
                    _ => Ok(answer.as_slice()),
                };
                session.on_reply(now, reply);
            }
            Step::Progress(progress) => assert!(progress.done <= progress.total),
            Step::WaitUntil(until) => {
                assert!(until > now, "waiting for what has passed");
                now = until;
            }
            Step::Done(_) => return,
            Step::Failed(failure) => {
                assert!(!format!("{failure}: {}", failure.cause).contains(char::is_control));
                return;
            }
        }
    }
    panic!("a session that does not end");
}
