use super::*;

#[test]
fn a_block_takes_two_transfers_and_the_end_two() {
    let mut device = Device::new();
    let image = image(64 * 10 + 5);
    let run = download(&mut device, &image, TOLERANT);
    let downloaded = run.outcome.unwrap();
    assert_eq!(device.memory[..image.len()], image);
    assert_eq!(downloaded, Downloaded { after: After::Idle, transfers: 11 * 2 + 2 });
    assert_eq!(device.log.len(), 24);
    assert_eq!(run.foretold, 12, "every question could have been sent right behind its block");
    assert_eq!(run.progress.last(), Some(&(645, 645)));
    assert_eq!(run.progress.len(), 11);
}

#[test]
fn a_unit_that_works_meanwhile_is_asked_once_it_is_through() {
    let mut device = Device { busy: milliseconds(10), ..Device::new() };
    let image = image(64 * 50);
    let run = download(&mut device, &image, TOLERANT);
    assert_eq!(device.memory[..image.len()], image);
    assert_eq!(device.too_early, 0);
    // The first two blocks are asked about twice; later ones once.
    assert_eq!(run.outcome.unwrap().transfers, 2 * 3 + 48 * 2 + 2);
    // A host that always asks twice needs 12 ms a block and a tick: 10 of work, of which 1 hides the first question.
    assert!(run.took < milliseconds(50 * 12), "{:?}", run.took);
}

#[test]
fn a_unit_that_works_only_when_asked_is_waited_for_in_vain_once() {
    let mut device = Device { busy: milliseconds(10), works: Works::OnAsk, ..Device::new() };
    let image = image(64 * 50);
    let run = download(&mut device, &image, TOLERANT);
    assert_eq!(device.memory[..image.len()], image);
    assert_eq!(device.too_early, 0);
    assert_eq!(run.outcome.unwrap().transfers, 50 * 3 + 2);
    assert!(run.took < milliseconds(50 * 13 + 20), "{:?}", run.took);
}

#[test]
fn a_unit_that_becomes_faster_is_noticed() {
    let policy = Policy::DEFAULT;
    let image = image(64 * 400);
    let mut session = Download::new(INTERFACE, &image, 64, TOLERANT, policy).unwrap();
    let mut device = Device { busy: milliseconds(20), ..Device::new() };
    let mut now = Moment::START;
    loop {
        match session.next(now) {
            Step::Control(transfer) => {
                if device.log.len() == 100 {
                    device.busy = Duration::ZERO;
                }
                let reply = device.control(now, &transfer);
                now += unit::TRANSFER;
                session.on_reply(now, reply.as_deref().map_err(|error| *error));
            }
            Step::WaitUntil(until) => now = until,
            Step::Progress(_) => {}
            Step::Done(_) => break,
            Step::Failed(failure) => panic!("{failure}: {}", failure.cause),
        }
    }
    // 50 blocks of 20 ms, at most 64 more that are waited for in vain, and the rest at once.
    assert!(now.since_start() < milliseconds(114 * 22 + 290 * 2 + 100), "{now}");
}

#[test]
fn block_numbers_go_round() {
    let mut device = Device { memory: vec![0; 70_000], transfer_size: 1, ..Device::new() };
    let image = image(70_000);
    download(&mut device, &image, TOLERANT).outcome.unwrap();
    assert!(device.memory == image);
    let numbers = device.log.iter().filter_map(|request| match request {
        Request::Download { block, .. } => Some(block.0),
        _ => None,
    });
    assert!(numbers.eq((0..=70_000_u32).map(|number| number as u16)));
}

#[test]
fn manifestation_by_the_attributes() {
    let image = image(100);
    let run = |attributes, device: &mut Device| download(device, &image, attributes).outcome.unwrap().after;
    let slow = || Device { manifest: milliseconds(500), ..Device::new() };

    // Tolerant: asked until it is idle again, and not before it may be asked.
    let mut device = slow();
    assert_eq!(run(TOLERANT, &mut device), After::Idle);
    assert_eq!((device.state, device.too_early), (State::Idle, 0));
    // Not tolerant: it has answered for the last time, and is left alone.
    for (attributes, after) in [(DETACHES, After::Detaches), (WANTS_RESET, After::BusReset)] {
        let mut device = Device { tolerant: false, ..slow() };
        assert_eq!(run(attributes, &mut device), after);
        assert_eq!((device.state, device.log.len()), (State::Manifest, 2 * 2 + 2));
    }
    // It says that it wants a reset, or that it is idle, whatever its attributes.
    let mut device = Device { faults: vec![(5, Fault::Garbage([0, 0, 0, 0, 8, 0, 0, 0], 6))], ..Device::new() };
    assert_eq!(run(TOLERANT, &mut device), After::BusReset);
    assert_eq!(run(WANTS_RESET, &mut Device::new()), After::Idle);
}

#[test]
fn a_unit_that_leaves_after_the_last_block_has_not_failed() {
    let image = image(64);
    let left = |attributes, faults: Vec<(usize, Fault)>| {
        let mut device = Device { tolerant: false, faults, ..Device::new() };
        download(&mut device, &image, attributes).outcome.map(|downloaded| downloaded.after)
    };
    assert_eq!(left(DETACHES, vec![(3, Fault::Gone)]).unwrap(), After::Left);
    assert_eq!(left(TOLERANT, vec![(3, Fault::Gone)]).unwrap(), After::Left);
    let silent: Vec<_> = (3..100).map(|at| (at, Fault::TimedOut)).collect();
    assert_eq!(left(DETACHES, silent.clone()).unwrap(), After::Detaches);
    assert_eq!(left(WANTS_RESET, silent.clone()).unwrap(), After::BusReset);
    // One that promised to answer has.
    assert!(matches!(left(TOLERANT, silent).unwrap_err().cause, Cause::Transfer(TransferError::TimedOut)));
    // One that is gone before it has taken the last block, too.
    let failure = left(DETACHES, vec![(2, Fault::Gone)]).unwrap_err();
    assert!(failure.cause.is_gone());
    assert_eq!(failure.doing, Doing::Finishing);
}

#[test]
fn nothing_to_send_and_no_blocks_to_send_it_in_are_refused() {
    let new = |image, block| Download::new(INTERFACE, image, block, TOLERANT, Policy::DEFAULT).err();
    assert_eq!(new(&[], 64), Some(PlanError::Empty));
    assert_eq!(new(&[1], 0), Some(PlanError::BlockSize));
}
