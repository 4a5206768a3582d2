use super::*;
use crate::dfu::wire::{Access, OutOfLayout};

const BASE: u32 = 0x0800_0000;

/// 64 pages of 1 KiB, the last half of which can only be read.
fn layout() -> Layout {
    Layout::parse("@Internal Flash  /0x08000000/32*001Kg,32*001Ka").unwrap()
}

fn piece(offset: u32, bytes: &[u8]) -> Piece<'_> {
    Piece { address: BASE + offset, bytes }
}

fn write(device: &mut Device, pieces: &[Piece<'_>], erase: Erase) -> Run<DfuseDownloaded> {
    let plan = DfusePlan::new(pieces, &layout(), erase).unwrap();
    drive(device, &mut DfuseDownload::new(INTERFACE, plan, 64, Policy::DEFAULT).unwrap())
}

#[test]
fn only_the_pages_that_are_touched_are_erased() {
    let mut device = Device { memory: vec![0xee; 0x10000], ..Device::dfuse() };
    let (first, second) = (image(1500), image(64));
    let run = write(&mut device, &[piece(0x5000, &second), piece(0x3ff, &first)], Erase::Touched);
    run.outcome.unwrap();
    assert_eq!(device.erased, [BASE, BASE + 0x400, BASE + 0x800, BASE + 0x5000]);
    assert_eq!(device.memory[0x3ff..0x3ff + 1500], first);
    assert_eq!(device.memory[0x5000..0x5040], second);
    assert_eq!(device.memory[0x3fe], 0xff, "what else is in a page is lost");
    assert_eq!((device.memory[0xc00], device.memory[0x4fff]), (0xee, 0xee));
    assert_eq!((device.state, device.too_early), (State::DownloadIdle, 0));
    assert_eq!(run.progress[..4], [(1024, 4096), (2048, 4096), (3072, 4096), (4096, 4096)]);
    assert_eq!(run.progress.last(), Some(&(1564, 1564)));
}

#[test]
fn a_page_that_two_pieces_share_is_erased_once() {
    let mut device = Device::dfuse();
    write(&mut device, &[piece(0x10, &[1; 16]), piece(0x80, &[2; 16])], Erase::Touched).outcome.unwrap();
    assert_eq!(device.erased, [BASE]);
    assert_eq!((device.memory[0x1f], device.memory[0x80]), (1, 2), "the second erasing would take the first piece");
}

#[test]
fn the_address_is_set_once_a_piece_and_again_for_a_short_last_block() {
    let commands = |len: usize| {
        let mut device = Device { busy: Duration::ZERO, ..Device::dfuse() };
        let bytes = image(len);
        let downloaded = write(&mut device, &[piece(0, &bytes)], Erase::Nothing).outcome.unwrap();
        assert_eq!(device.memory[..len], bytes);
        assert_eq!(downloaded.transfers as usize, device.log.len());
        let blocks =
            device.log.iter().filter(|request| matches!(request, Request::Download { block, .. } if block.0 > 0));
        (blocks.count(), device.log.len())
    };
    assert_eq!(commands(640), (10, 2 + 10 * 2));
    assert_eq!(commands(641), (11, 2 + 10 * 2 + 2 + 2));
    assert_eq!(commands(10), (1, 2 + 2), "a first block is where the address is, whatever its length");
}

#[test]
fn the_address_is_set_again_when_block_numbers_are_used_up() {
    // So many blocks that the numbers end: 8 bytes each, 600 KiB.
    let len = 600 * 1024;
    let mut device = Device { busy: Duration::ZERO, transfer_size: 8, memory: vec![0; len], ..Device::dfuse() };
    let bytes = image(len);
    let layout = Layout::parse("@F/0x08000000/600*1Kg").unwrap();
    let plan = DfusePlan::new(&[piece(0, &bytes)], &layout, Erase::Nothing).unwrap();
    drive(&mut device, &mut DfuseDownload::new(INTERFACE, plan, 8, Policy::DEFAULT).unwrap()).outcome.unwrap();
    assert!(device.memory == bytes);
    let commands =
        device.log.iter().filter(|request| matches!(request, Request::Download { block, .. } if block.0 == 0));
    assert_eq!(commands.count(), 2);

    let mut upload = Upload::memory(INTERFACE, (BASE, len as u64), &layout, 8, Policy::DEFAULT).unwrap();
    assert!(prepare(&mut device).outcome.is_ok());
    let uploaded = drive(&mut device, &mut upload).outcome.unwrap();
    assert!(uploaded.bytes == bytes);
    assert_eq!((uploaded.end, device.state), (End::Full, State::Idle));
}

#[test]
fn a_host_that_sends_less_at_once_than_the_unit_computes_with_sets_every_address() {
    let layout = layout();
    let bytes = image(200);
    let mut device = Device { busy: Duration::ZERO, ..Device::dfuse() };
    let plan = DfusePlan::new(&[piece(0x10, &bytes)], &layout, Erase::Nothing).unwrap();
    let blocks = Blocks::new(64, 50);
    drive(&mut device, &mut DfuseDownload::new(INTERFACE, plan, blocks, Policy::DEFAULT).unwrap()).outcome.unwrap();
    assert_eq!(device.memory[0x10..0x10 + 200], bytes);
    assert_eq!(device.log.len(), 4 * 4);
    assert!(prepare(&mut device).outcome.is_ok());
    let mut upload = Upload::memory(INTERFACE, (BASE + 0x10, 200), &layout, blocks, Policy::DEFAULT).unwrap();
    let run = drive(&mut device, &mut upload);
    assert_eq!((run.outcome.unwrap().bytes, device.state), (bytes, State::Idle));
    assert_eq!(Blocks::new(64, 64), Blocks::from(64));
}

#[test]
fn all_or_nothing_can_be_erased() {
    let mut device = Device { memory: vec![0; 0x10000], ..Device::dfuse() };
    write(&mut device, &[piece(0, &[1, 2, 3])], Erase::All).outcome.unwrap();
    assert_eq!((&device.memory[..4], device.memory[0xffff]), (&[1, 2, 3, 0xff][..], 0xff));
    let mut device = Device { memory: vec![0; 0x10000], ..Device::dfuse() };
    write(&mut device, &[piece(0, &[1, 2, 3])], Erase::Nothing).outcome.unwrap();
    assert_eq!(device.memory[..4], [1, 2, 3, 0]);
}

#[test]
fn memory_that_cannot_be_erased_is_written_without() {
    let layout = Layout::parse("@Option Bytes  /0x08000000/01*016 e").unwrap();
    let plan = DfusePlan::new(&[piece(0, &[7; 16])], &layout, Erase::Touched).unwrap();
    assert_eq!(plan.pages(), []);
    let mut device = Device { memory: vec![0; 16], ..Device::dfuse() };
    drive(&mut device, &mut DfuseDownload::new(INTERFACE, plan, 64, Policy::DEFAULT).unwrap()).outcome.unwrap();
    assert_eq!(device.memory, [7; 16]);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    let big = vec![0; 0x8001];
    let plan = |pieces: &[Piece<'_>]| DfusePlan::new(pieces, &layout(), Erase::Touched).err();
    assert_eq!(plan(&[]), Some(PlanError::Empty));
    assert_eq!(plan(&[piece(0, &[])]), Some(PlanError::Empty));
    let forbidden = |address| Some(PlanError::Layout(OutOfLayout::Forbidden { address, wanted: Access::WRITE }));
    assert_eq!(plan(&[piece(0, &big)]), forbidden(0x0800_8000));
    assert_eq!(plan(&[piece(0x8000, &[1])]), forbidden(0x0800_8000));
    let nothing = |address| Some(PlanError::Layout(OutOfLayout::Nothing { address }));
    assert_eq!(plan(&[Piece { address: 0x2000_0000, bytes: &[1] }]), nothing(0x2000_0000));
    assert_eq!(plan(&[piece(0, &[1; 10]), piece(9, &[1])]), Some(PlanError::Overlap { address: BASE + 9 }));
    let beyond = Piece { address: u32::MAX, bytes: &[1, 2] };
    assert_eq!(plan(&[beyond]), Some(PlanError::Beyond { address: u32::MAX }));
    let tiny = Layout::parse("@F/0x08000000/99999*1 g").unwrap();
    let many = DfusePlan::new(&[piece(0, &vec![0; 70_000])], &tiny, Erase::Touched).err();
    assert_eq!(many, Some(PlanError::TooManyPages { limit: DfusePlan::MAX_PAGES }));
    let upload = |start, len| Upload::memory(INTERFACE, (start, len), &layout(), 64, Policy::DEFAULT).err();
    assert_eq!(upload(BASE, 0x10001), nothing(0x0801_0000));
    assert_eq!(upload(BASE, 0), Some(PlanError::Empty));
    assert_eq!(upload(BASE, 0x10000), None);
}

#[test]
fn memory_is_read_back_from_its_address() {
    let mut device = Device { memory: image(0x10000), state: State::DownloadIdle, ..Device::dfuse() };
    let mut read = |start: u32, len: u64| {
        let mut upload = Upload::memory(INTERFACE, (BASE + start, len), &layout(), 64, Policy::DEFAULT).unwrap();
        let run = drive(&mut device, &mut upload);
        assert_eq!(device.state, State::Idle);
        run.outcome.unwrap()
    };
    let part = read(0x1234, 1000);
    assert_eq!((part.bytes, part.end), (image(0x10000)[0x1234..0x1234 + 1000].to_vec(), End::Full));
    // The address, to idle, 16 blocks, to idle.
    assert_eq!(part.transfers, 3 + 1 + 16 + 1);
    // Up to the last byte of memory: the last block is asked for as long as there is memory.
    assert_eq!(read(0xffff, 1).bytes, image(0x10000)[0xffff..]);
    let last = device.log.iter().rev().find_map(|request| match request {
        Request::Upload { length, .. } => Some(*length),
        _ => None,
    });
    assert_eq!(last, Some(1));
}

#[test]
fn leaving_starts_the_application() {
    let mut device = Device { manifest: milliseconds(100), ..Device::dfuse() };
    let run = drive(&mut device, &mut Leave::new(INTERFACE, Some(BASE), DETACHES, Policy::DEFAULT));
    assert_eq!((run.outcome.unwrap(), device.state), (After::Detaches, State::Manifest));
    let names: Vec<_> = device.log.iter().map(|request| request.name()).collect();
    assert_eq!(
        names,
        ["DFU_DNLOAD", "DFU_GETSTATUS", "DFU_GETSTATUS", "DFU_DNLOAD", "DFU_GETSTATUS"],
        "the address, then a block without data"
    );
    let mut device = Device { faults: vec![(1, Fault::Gone)], ..Device::dfuse() };
    let run = drive(&mut device, &mut Leave::new(INTERFACE, None, DETACHES, Policy::DEFAULT));
    assert_eq!(run.outcome.unwrap(), After::Left);
}

#[test]
fn failures_name_the_address() {
    let bytes = image(1000);
    // Two pages at three transfers, the address at three, four blocks at three, then the block itself.
    let mut device = Device {
        faults: vec![(1 + 3 + 3 + 12, Fault::Fails(crate::dfu::message::Status::Program))],
        ..Device::dfuse()
    };
    let failure = write(&mut device, &[piece(0, &bytes)], Erase::Touched).outcome.unwrap_err();
    assert_eq!(failure.doing, Doing::Writing);
    assert_eq!((failure.address, failure.block.map(|block| block.0)), (Some(BASE + 256), Some(6)));
    assert_eq!(failure.to_string(), "writing block 6 at 0x08000100 failed, 256 of 1000 bytes were done");
    assert_eq!(failure.cause.to_string(), "errPROG (dfuERROR): the unit cannot program its memory");
    let mut device = Device { faults: vec![(0, Fault::Stall)], ..Device::dfuse() };
    let failure = write(&mut device, &[piece(0x800, &bytes)], Erase::Touched).outcome.unwrap_err();
    assert_eq!(failure.to_string(), "erasing at 0x08000800 failed, 0 of 1000 bytes were done");
    assert_eq!(failure.cause.status(), Some(crate::dfu::message::Status::Stalled));
}
