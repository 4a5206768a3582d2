use super::*;
use crate::dfu::message::{State, Status};
use crate::usb::{Bcd, Setup};
use proptest::prelude::*;

fn configuration(wanted: &str) -> crate::usb::Configuration {
    let lines = include_str!("../../usb/vectors/devices.txt").lines();
    let line = lines.map(|line| line.split(' ').collect::<Vec<_>>()).find(|columns| columns[0] == wanted).unwrap();
    crate::usb::Configuration::parse(&hex::decode(line[2]).unwrap()).unwrap()
}

/// Setup packets as table 3.2 has them, and as dfu-util 0.11 sends them.
#[test]
fn requests_are_those_of_table_3_2() {
    let block = BlockNumber(0x0102);
    let expected: [(Request, [u8; 8]); 7] = [
        (Request::Detach { timeout: 1000 }, [0x21, 0, 0xe8, 3, 5, 0, 0, 0]),
        (Request::Download { block, length: 2048 }, [0x21, 1, 2, 1, 5, 0, 0, 8]),
        (Request::Upload { block, length: 64 }, [0xa1, 2, 2, 1, 5, 0, 64, 0]),
        (Request::GetStatus, [0xa1, 3, 0, 0, 5, 0, 6, 0]),
        (Request::ClearStatus, [0x21, 4, 0, 0, 5, 0, 0, 0]),
        (Request::GetState, [0xa1, 5, 0, 0, 5, 0, 1, 0]),
        (Request::Abort, [0x21, 6, 0, 0, 5, 0, 0, 0]),
    ];
    for (request, bytes) in expected {
        assert_eq!(request.setup(5).to_bytes(), bytes, "{}", request.name());
        assert_eq!(Request::parse(Setup::from_bytes(bytes)), Ok((request, 5)));
    }
}

#[test]
fn what_is_no_request_of_the_class_is_told_apart() {
    let parse = |bytes| Request::parse(Setup::from_bytes(bytes));
    assert_eq!(parse([0x80, 6, 0, 1, 0, 0, 18, 0]), Err(RequestError::Foreign(0x80)));
    assert_eq!(parse([0x22, 1, 0, 0, 0, 0, 0, 0]), Err(RequestError::Foreign(0x22)));
    assert_eq!(parse([0x21, 7, 0, 0, 0, 0, 0, 0]), Err(RequestError::Unknown(7)));
    assert_eq!(parse([0xa1, 1, 0, 0, 0, 0, 8, 0]), Err(RequestError::Direction { request: 1 }));
    assert_eq!(parse([0x21, 3, 0, 0, 0, 0, 6, 0]), Err(RequestError::Direction { request: 3 }));
    assert_eq!(parse([0xa1, 6, 0, 0, 0, 0, 0, 0]), Ok((Request::Abort, 0)), "without data there is no direction");
    assert_eq!(BlockNumber(u16::MAX).next(), BlockNumber(0));
}

#[test]
fn a_status_has_six_bytes() {
    let busy = StatusReply {
        status: Status::Ok,
        poll_timeout: PollTimeout::from_millis(0x01_02_03),
        state: State::DownloadBusy,
        string: 0,
    };
    assert_eq!(StatusReply::parse(&[0, 3, 2, 1, 4, 0]), Ok(busy));
    assert_eq!(busy.to_bytes(), [0, 3, 2, 1, 4, 0]);
    assert_eq!(busy.poll_timeout.to_string(), "66051 ms");
    let hostile = StatusReply::parse(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap();
    assert_eq!((hostile.status, hostile.state), (Status::Other(255), State::Other(255)));
    assert_eq!(hostile.poll_timeout, PollTimeout::MAX);
    assert_eq!(PollTimeout::from_millis(u32::MAX), PollTimeout::MAX);
    for len in [0, 1, 5, 7, 64] {
        assert_eq!(StatusReply::parse(&vec![0; len]), Err(StatusReplyError { present: len }));
    }
}

#[test]
fn functional_descriptors_of_real_units() {
    let rom = find_functional(&configuration("stm32f411-rom"), 0).unwrap();
    assert_eq!((rom.transfer_size, rom.detach_timeout, rom.version), (2048, 255, Some(Bcd(0x011a))));
    assert!(rom.is_dfuse() && rom.attributes.can_download() && rom.attributes.can_upload());
    assert!(rom.attributes.will_detach() && !rom.attributes.manifestation_tolerant());
    assert_eq!(rom.to_bytes(), [9, 0x21, 0x0b, 0xff, 0, 0, 8, 0x1a, 1]);

    // The other interface has a HID descriptor of the same type.
    let jam = configuration("maschine-jam-runtime");
    let runtime = find_functional(&jam, 1).unwrap();
    assert_eq!((runtime.transfer_size, runtime.detach_timeout), (64, 250));
    assert!(runtime.attributes.manifestation_tolerant() && !runtime.attributes.will_detach() && !runtime.is_dfuse());
    assert_eq!(find_functional(&jam, 0), Err(FunctionalError::Kind));
    assert_eq!(find_functional(&jam, 9), Err(FunctionalError::Kind));
    assert_eq!(InterfaceMode::of_interface(&jam.interfaces[1]), Some(InterfaceMode::Runtime));
    assert_eq!(InterfaceMode::of_interface(&jam.interfaces[0]), None);
}

#[test]
fn functional_descriptors_in_odd_forms() {
    // DFU 1.0: Native Instruments Traktor Kontrol F1, as `lsusb -v` shows it.
    let f1 = FunctionalDescriptor::parse(&[7, 0x21, 7, 250, 0, 64, 0]).unwrap();
    assert_eq!((f1.version, f1.transfer_size), (None, 64));
    assert_eq!(f1.to_bytes(), [7, 0x21, 7, 250, 0, 64, 0]);
    // DisplayLink D6000: all descriptors of the interface in one piece, 33 bytes (fwupd issue 1152).
    let d6000 = hex::decode("092101c80000400101 10400a0036090221526964676544 6f63080b020301002006".replace(' ', ""));
    let d6000 = FunctionalDescriptor::parse(&d6000.unwrap()).unwrap();
    assert_eq!((d6000.transfer_size, d6000.detach_timeout, d6000.attributes.0), (16384, 200, 1));
    assert_eq!(d6000.block_size(64, 4096), 4096, "no more than the host can send");
    // A transfer size of zero.
    let zero = FunctionalDescriptor::default();
    assert_eq!((zero.block_size(64, 4096), zero.block_size(0, 4096), zero.block_size(64, 0)), (64, 8, 1));
    // Eight bytes have no version; a length byte that lies is held to.
    assert_eq!(FunctionalDescriptor::parse(&[8, 0x21, 7, 250, 0, 64, 0, 0x10]).unwrap().version, None);
    assert_eq!(FunctionalDescriptor::parse(&[7, 0x21, 7, 250, 0, 64, 0, 0x10, 1]).unwrap().version, None);
    assert_eq!(FunctionalDescriptor::parse(&[0, 0x21, 7, 250, 0, 64, 0]), Err(FunctionalError::Kind));
    assert_eq!(FunctionalDescriptor::parse(&[255, 0x21, 7]), Err(FunctionalError::Short { present: 3 }));
}

#[test]
fn commands_are_those_of_an3156() {
    let expected = [
        (Command::SetAddress(0x0800_c000), vec![0x21, 0x00, 0xc0, 0x00, 0x08]),
        (Command::ErasePage(0x0800_0400), vec![0x41, 0x00, 0x04, 0x00, 0x08]),
        (Command::MassErase, vec![0x41]),
        (Command::ReadUnprotect, vec![0x92]),
    ];
    for (command, bytes) in expected {
        assert_eq!(command.to_bytes(), bytes);
        assert_eq!(Command::parse(&bytes), Ok(command));
    }
    assert_eq!(Command::parse(&[]), Err(CommandError::Empty));
    assert_eq!(Command::parse(&[0x21, 1, 2, 3]), Err(CommandError::Length { code: 0x21, len: 4 }));
    assert_eq!(Command::parse(&[0x41, 1, 2, 3, 4, 5]), Err(CommandError::Length { code: 0x41, len: 6 }));
    assert_eq!(Command::parse(&[0x55]), Err(CommandError::Unknown(0x55)));
    let list = CommandList::parse(&[0x00, 0x21, 0x41, 0x92]);
    assert!(list.knows(Command::ERASE) && !list.knows(0x55));
    assert_eq!(CommandList::parse(&[7; 1000]).0.len(), 64);
}

#[test]
fn layouts_of_real_units() {
    for line in include_str!("../vectors/layouts.txt").lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split('|').collect();
        let layout = Layout::parse(columns[1]).unwrap();
        let shown = |region: &Region| {
            let (start, pages, size) = (region.start(), region.pages(), region.page_size());
            format!("{start:08x}+{pages}*{size}:{}", region.access().letter())
        };
        let regions: Vec<_> = layout.regions.iter().map(shown).collect();
        assert_eq!(regions.join(" "), columns[2], "{line}");
        assert_eq!(layout.cut.is_some(), columns.get(3) == Some(&"cut"), "{line}");
        let again = Layout::parse(&layout.to_string()).unwrap();
        assert_eq!((again.regions, again.name), (layout.regions, layout.name));
    }
}

#[test]
fn several_areas_and_what_lies_between_them() {
    let layout = Layout::parse("@Two /0x08000000/02*001Kg,01*002Ka/0x20000000/01*016Kf").unwrap();
    assert_eq!(layout.name, "Two");
    assert_eq!(layout.to_string(), "@Two/0x08000000/02*001Kg,01*002Ka/0x20000000/01*016Kf");
    assert_eq!(layout.bytes(), 4096 + 16384);
    let write = Access::WRITE;
    assert_eq!(layout.require(0x0800_0000, 2048, write), Ok(()));
    let forbidden = OutOfLayout::Forbidden { address: 0x0800_0800, wanted: write };
    assert_eq!(layout.require(0x0800_0000, 2049, write), Err(forbidden));
    assert_eq!(forbidden.to_string(), "the memory at 0x08000800 cannot be written");
    assert_eq!(layout.require(0x0800_0000, 4097, Access::READ), Err(OutOfLayout::Nothing { address: 0x0800_1000 }));
    assert_eq!(layout.require(0x2000_0000, 16384, write.and(Access::ERASE)), Ok(()));
    assert!(layout.require(0x2000_0000, 1, Access::READ).is_err());
    assert_eq!(layout.require(0x1000_0000, 0, write), Ok(()), "nothing needs no memory");
    let starts: Vec<_> = layout.pages(0x0800_03ff, 0x402).map(|page| page.start).collect();
    assert_eq!(starts, [0x0800_0000, 0x0800_0400, 0x0800_0800]);
    assert_eq!(layout.reach(0x0800_0001, Access::READ), 0x0800_1000);
    assert_eq!(layout.reach(0x0900_0000, Access::READ), 0x0900_0000);
}

#[test]
fn hostile_layouts_are_errors_or_end_early() {
    let syntax = |at, wanted| LayoutError::Syntax { at, wanted };
    let error = |text: &str| Layout::parse(text).unwrap_err();
    assert_eq!(error(""), LayoutError::NotALayout);
    assert_eq!(error("UNKNOWN"), LayoutError::NotALayout);
    assert_eq!(error("@Flash"), syntax(6, "/"));
    assert_eq!(error("@Flash/"), syntax(7, "a hexadecimal address"));
    assert_eq!(error("@Flash/0x/1*1Kg"), syntax(9, "a hexadecimal address"));
    assert_eq!(error("@Flash/0x100000000/1*1Kg"), LayoutError::Impossible { at: 9 });
    assert_eq!(error("@Flash/0x08000000"), syntax(17, "/"));
    assert_eq!(error("@F/0x0/1*1K"), syntax(11, "a letter from a to g"));
    assert_eq!(error("@F/0x0/1*1Kz"), syntax(11, "a letter from a to g"));
    assert_eq!(error("@F/0x0/0*1Kg"), LayoutError::Impossible { at: 7 });
    assert_eq!(error("@F/0x0/1*0Kg"), LayoutError::Impossible { at: 7 });
    assert_eq!(error("@F/0x0/99999999999*1Kg"), LayoutError::Impossible { at: 7 });
    assert_eq!(error("@F/0x0/1*4294967295Mg"), LayoutError::Impossible { at: 9 });
    assert_eq!(error("@F/0xFFFFFFFF/2*1 g"), LayoutError::Impossible { at: 14 });
    assert_eq!(error("@F/0x0/4294967295*4294967295 g"), LayoutError::Impossible { at: 7 });
    assert_eq!(Layout::parse("@F/0xFFFFFFFF/1*1 g,1*1 g").unwrap().cut, Some(LayoutError::Impossible { at: 20 }));
    assert_eq!(Layout::parse("@F/0xFFFFF000/4*1Kg").unwrap().regions[0].end(), 1 << 32);
    let many = format!("@F/0x0/{}", vec!["1*1Kg"; 100].join(","));
    let layout = Layout::parse(&many).unwrap();
    assert_eq!((layout.regions.len(), layout.cut), (64, Some(LayoutError::TooMany)));
    // Four thousand million pages of a byte each are looked up and not listed.
    let bytes = Layout::parse("@F/0x0/4294967295*1 g").unwrap();
    assert_eq!(bytes.page_at(4_000_000_000).map(|page| page.start), Some(4_000_000_000));
    assert_eq!(bytes.pages(7, u64::MAX).take(3).count(), 3);
    // Regions that overlap: the first counts, and looking never goes round.
    let overlap = Layout::parse("@F/0x0/2*4Kg/0x1000/4*4Ka").unwrap();
    assert_eq!(overlap.page_at(0x1000).map(|page| page.access), Some(Access::ALL));
    assert_eq!(overlap.reach(0, Access::READ), 0x5000);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = StatusReply::parse(&bytes).map(StatusReply::to_bytes);
        let _ = FunctionalDescriptor::parse(&bytes).map(|descriptor| descriptor.to_bytes());
        let _ = Command::parse(&bytes).map(Command::to_bytes);
        let _ = Layout::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_setup_panics_and_requests_come_through(bytes in any::<[u8; 8]>()) {
        if let Ok((request, interface)) = Request::parse(Setup::from_bytes(bytes)) {
            prop_assert_eq!(Request::parse(request.setup(interface)), Ok((request, interface)));
        }
    }

    /// Characters that layouts are made of, so that reading gets far.
    #[test]
    fn no_layout_panics(text in "@[A ]{0,2}(/0x[0-9A-F]{0,9}/[0-9*KMB agz,]{0,20}){0,4}", at in any::<u32>(), len in any::<u32>()) {
        let Ok(layout) = Layout::parse(&text) else { return Ok(()) };
        let _ = layout.require(at, len.into(), Access::WRITE);
        prop_assert!(layout.pages(at, len.into()).take(100).all(|page| page.len > 0 && page.end() <= 1 << 32));
        let again = Layout::parse(&layout.to_string()).unwrap();
        prop_assert_eq!(again.regions, layout.regions);
    }
}
