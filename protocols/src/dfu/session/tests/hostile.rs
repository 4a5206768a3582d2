use super::*;
use crate::dfu::message::Status;
use crate::dfu::wire::PollTimeout;
use proptest::prelude::*;
use std::error::Error;

fn failing(device: &mut Device, len: usize) -> Failure {
    download(device, &image(len), TOLERANT).outcome.expect_err("a failure")
}

#[test]
fn a_unit_that_stays_busy_is_given_up_in_time() {
    let mut device = Device { busy: Duration::from_secs(10_000), lies: Some(PollTimeout::ZERO), ..Device::new() };
    let run = download(&mut device, &image(64), TOLERANT);
    assert!(run.took <= Policy::DEFAULT.block + milliseconds(20), "{:?}", run.took);
    assert!(device.log.len() < 4000, "it was asked {} times", device.log.len());
    let failure = run.outcome.unwrap_err();
    assert!(matches!(failure.cause, Cause::Busy { state: State::DownloadBusy, .. }));
    assert_eq!(failure.cause.to_string(), "the unit was still busy after 30.0 s (dfuDNBUSY)");
}

#[test]
fn a_unit_that_wants_hours_is_given_up_at_once() {
    let mut device = Device { busy: milliseconds(5), lies: Some(PollTimeout::MAX), ..Device::new() };
    let run = download(&mut device, &image(64), TOLERANT);
    assert!(run.took < milliseconds(10));
    assert_eq!(cause(run).to_string(), "the unit asks for 16777.2 s, and 30.0 s are allowed");
    // After the last block, and before the first.
    let mut device = Device { manifest: milliseconds(5), lies: Some(PollTimeout::MAX), ..Device::new() };
    assert!(matches!(failing(&mut device, 64).cause, Cause::Patience { .. }));
    let mut device = Device {
        state: State::DownloadBusy,
        faults: vec![(0, Fault::Garbage([0, 255, 255, 255, 4, 0, 0, 0], 6))],
        ..Device::new()
    };
    assert!(matches!(cause(prepare(&mut device)), Cause::Patience { .. }));
}

#[test]
fn pauses_add_up_to_what_is_allowed() {
    // Busy, and 20 of 30 s wanted, time and again.
    let slow = |at| (at, Fault::Garbage([0, 0x20, 0x4e, 0, 4, 0, 0, 0], 6));
    let mut device = Device { faults: (1..100).map(slow).collect(), ..Device::new() };
    let run = download(&mut device, &image(64), TOLERANT);
    assert!(run.took < milliseconds(20_100), "{:?}", run.took);
    assert!(matches!(cause(run), Cause::Patience { .. }));
    assert_eq!(device.log.len(), 3);
}

#[test]
fn states_that_contradict_what_was_done_end_the_download() {
    for (state, found) in
        [(0, State::AppIdle), (2, State::Idle), (7, State::Manifest), (9, State::UploadIdle), (99, State::Other(99))]
    {
        let mut device = Device { faults: vec![(1, Fault::Garbage([0, 0, 0, 0, state, 0, 0, 0], 6))], ..Device::new() };
        let failure = failing(&mut device, 640);
        assert!(matches!(failure.cause, Cause::Unexpected { found: it, .. } if it == found), "{}", failure.cause);
        assert_eq!((device.log.len(), failure.done), (2, 0), "nothing more is sent");
    }
    // A status that says no in a state that says yes, and the other way round.
    let mut device = Device { faults: vec![(1, Fault::Garbage([3, 0, 0, 0, 5, 0, 0, 0], 6))], ..Device::new() };
    assert_eq!(failing(&mut device, 64).cause.status(), Some(Status::Write));
    let mut device = Device { faults: vec![(1, Fault::Garbage([0, 0, 0, 0, 10, 0, 0, 0], 6))], ..Device::new() };
    assert_eq!(failing(&mut device, 64).cause.status(), Some(Status::Ok));
    // The end of the download is ignored.
    let mut device = Device { faults: vec![(3, Fault::Garbage([0, 0, 0, 0, 5, 0, 0, 0], 6))], ..Device::new() };
    assert!(matches!(failing(&mut device, 64).cause, Cause::Unexpected { found: State::DownloadIdle, .. }));
}

#[test]
fn garbage_for_a_status_is_an_error_of_its_own() {
    for len in [0, 1, 5, 7] {
        let mut device = Device { faults: vec![(1, Fault::Garbage([0; 8], len))], ..Device::new() };
        assert!(matches!(failing(&mut device, 64).cause, Cause::Malformed(error) if error.present == len));
    }
}

#[test]
fn a_block_that_is_refused_or_lost_is_not_sent_again() {
    let mut device = Device { faults: vec![(2, Fault::Stall)], ..Device::new() };
    let failure = failing(&mut device, 640);
    assert_eq!(failure.cause.to_string(), "errSTALLEDPKT (dfuERROR): the unit was asked for what it does not do");
    assert_eq!((failure.block.map(|block| block.0), failure.done, device.log.len()), (Some(1), 64, 4));
    assert!(failure.source().is_some());
    for (fault, error) in [
        (Fault::TimedOut, TransferError::TimedOut),
        (Fault::Gone, TransferError::Gone),
        (Fault::Short, TransferError::Short { taken: 32 }),
    ] {
        let mut device = Device { faults: vec![(2, fault)], ..Device::new() };
        assert!(matches!(failing(&mut device, 640).cause, Cause::Transfer(it) if it == error));
        assert_eq!(device.log.len(), 3);
    }
}

#[test]
fn a_status_that_does_not_come_is_asked_for_again() {
    let mut device = Device { faults: vec![(1, Fault::TimedOut), (2, Fault::TimedOut)], ..Device::new() };
    let image = image(640);
    download(&mut device, &image, TOLERANT).outcome.unwrap();
    assert_eq!(device.memory[..640], image);
    let silent: Vec<_> = (1..100).map(|at| (at, Fault::TimedOut)).collect();
    let mut device = Device { faults: silent, ..Device::new() };
    assert!(matches!(failing(&mut device, 64).cause, Cause::Transfer(TransferError::TimedOut)));
    assert_eq!(device.log.len(), 1 + 4);
}

#[test]
fn every_sentence_is_plain() {
    let reply = crate::dfu::wire::StatusReply::parse(&[255, 255, 255, 255, 255, 255]).unwrap();
    let causes = [
        Cause::Refused(reply),
        Cause::Unexplained(reply),
        Cause::Transfer(TransferError::Bus),
        Cause::Unexpected { found: State::Other(9), wanted: State::Idle },
        Cause::Runtime(State::AppIdle),
        Cause::NeedsReset,
        Cause::Stuck { requests: 3 },
        Cause::TooLong { came: 9, asked: 8 },
        Cause::Over,
    ];
    for cause in causes {
        let shown = cause.to_string();
        assert!(!shown.contains(char::is_control) && !shown.ends_with('.') && shown.len() > 20, "{shown}");
    }
}

#[derive(Clone, Debug)]
enum Act {
    Reply(Vec<u8>),
    Fails(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let status = (0_u8..4, 0_u8..40, 0_u8..12, any::<u8>()).prop_map(|(status, poll, state, string)| {
        Act::Reply(vec![status.saturating_sub(2), poll, 0, 0, state, string])
    });
    let act = prop_oneof![
        8 => status,
        2 => Just(Act::Reply(vec![0, 0, 0, 0, 5, 0])),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Act::Reply),
        1 => any::<u8>().prop_map(Act::Fails),
    ];
    prop::collection::vec(act, 0..60)
}

/// A unit that answers by script, and with nothing at all once that is over. The session must end.
fn endures<S: Session>(mut session: S, acts: &[Act]) -> Result<(), TestCaseError> {
    let mut now = Moment::START;
    let mut acts = acts.iter();
    for _ in 0..20_000 {
        match session.next(now) {
            Step::Control(_) => match acts.next() {
                Some(Act::Reply(bytes)) => session.on_reply(now, Ok(bytes)),
                Some(Act::Fails(0..80)) => session.on_reply(now, Err(TransferError::Stall)),
                Some(Act::Fails(80..160)) => session.on_reply(now, Err(TransferError::Bus)),
                Some(Act::Fails(160..)) => session.on_reply(now, Err(TransferError::TimedOut)),
                None => session.on_reply(now, Ok(&[])),
            },
            Step::WaitUntil(until) => {
                prop_assert!(until > now);
                now = until;
            }
            Step::Progress(progress) => prop_assert!(progress.done <= progress.total),
            Step::Done(_) | Step::Failed(_) => return Ok(()),
        }
    }
    Err(TestCaseError::fail("a session that does not end"))
}

proptest! {
    #[test]
    fn no_unit_holds_a_session_for_ever(acts in acts(), bits in any::<u8>()) {
        let (attributes, policy) = (Attributes(bits), Policy::DEFAULT);
        let image = image(300);
        let layout = Layout::parse("@F/0x08000000/8*1Kg").unwrap();
        let plan = DfusePlan::new(&[Piece { address: 0x0800_0300, bytes: &image }], &layout, Erase::Touched).unwrap();
        let functional = FunctionalDescriptor { attributes, ..Default::default() };
        endures(Prepare::new(3, policy), &acts)?;
        endures(Download::new(3, &image, 64, attributes, policy).unwrap(), &acts)?;
        endures(DfuseDownload::new(3, plan, 64, policy).unwrap(), &acts)?;
        endures(Upload::new(3, Want::UpTo(500), 64, policy).unwrap(), &acts)?;
        endures(Upload::memory(3, (0x0800_0000, 500), &layout, 64, policy).unwrap(), &acts)?;
        endures(Leave::new(3, Some(0x0800_0000), attributes, policy), &acts)?;
        endures(Detach::new(3, functional, policy), &acts)?;
    }

    /// A transfer that fails anywhere, in whatever way: the download ends well only if all was stored.
    #[test]
    fn no_single_fault_makes_a_false_end(
        at in 0_usize..40,
        kind in 0_u8..6,
        len in 1_usize..700,
        busy in 0_u64..4,
        on_ask in any::<bool>(),
    ) {
        let fault = match kind {
            0 => Fault::Stall,
            1 => Fault::TimedOut,
            2 => Fault::Gone,
            3 => Fault::Short,
            4 => Fault::Fails(Status::Verify),
            _ => Fault::Garbage([0, 0, 0, 0, 3, 0, 0, 0], 6),
        };
        let works = if on_ask { Works::OnAsk } else { Works::OnReceipt };
        let mut device = Device { faults: vec![(at, fault)], busy: milliseconds(busy), works, ..Device::new() };
        let image = image(len);
        if let Ok(downloaded) = download(&mut device, &image, TOLERANT).outcome {
            prop_assert!(device.memory[..len] == image[..], "after {:?}", downloaded.after);
        }
        prop_assert_eq!(device.too_early, 0);
    }
}
