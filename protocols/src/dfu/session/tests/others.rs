use super::*;
use crate::dfu::message::Status;

#[test]
fn any_state_leads_to_idle_or_to_a_reason() {
    for (state, requests) in [
        (State::Idle, vec!["DFU_GETSTATUS"]),
        (State::DownloadIdle, vec!["DFU_GETSTATUS", "DFU_ABORT", "DFU_GETSTATUS"]),
        (State::UploadIdle, vec!["DFU_GETSTATUS", "DFU_ABORT", "DFU_GETSTATUS"]),
        (State::Other(77), vec!["DFU_GETSTATUS", "DFU_ABORT", "DFU_GETSTATUS"]),
        (State::Error, vec!["DFU_GETSTATUS", "DFU_CLRSTATUS", "DFU_GETSTATUS"]),
        (State::ManifestSync, vec!["DFU_GETSTATUS"]),
        (State::DownloadSync, vec!["DFU_GETSTATUS", "DFU_ABORT", "DFU_GETSTATUS"]),
    ] {
        let status = if state == State::Error { Status::Verify } else { Status::Ok };
        let mut device = Device { state, status, ..Device::new() };
        let prepared = prepare(&mut device).outcome.unwrap();
        assert_eq!(prepared.status.state, State::Idle);
        assert_eq!(prepared.error.map(|error| error.status), (state == State::Error).then_some(Status::Verify));
        let names: Vec<_> = device.log.iter().map(|request| request.name()).collect();
        assert_eq!(names, requests, "{state}");
    }
    let from = |state| cause(prepare(&mut Device { state, tolerant: false, ..Device::new() }));
    assert!(matches!(from(State::AppIdle), Cause::Runtime(State::AppIdle)));
    assert!(matches!(from(State::AppDetach), Cause::Runtime(State::AppDetach)));
    assert!(matches!(from(State::ManifestWaitReset), Cause::NeedsReset));
    assert!(matches!(from(State::Manifest), Cause::NeedsReset));
}

#[test]
fn an_error_that_cannot_be_cleared_is_given_up() {
    let stuck: Vec<_> = (0..100).map(|at| (at, Fault::Garbage([4, 0, 0, 0, 10, 0, 0, 0], 6))).collect();
    let mut device = Device { faults: stuck, ..Device::new() };
    assert!(matches!(cause(prepare(&mut device)), Cause::Stuck { requests: 16 }));
    assert_eq!(device.log.len(), 16);
    // Idle, with an error of old: cleared once, then taken as it is.
    let old: Vec<_> = (0..100).map(|at| (at, Fault::Garbage([13, 0, 0, 0, 2, 0, 0, 0], 6))).collect();
    let mut device = Device { faults: old, ..Device::new() };
    assert_eq!(prepare(&mut device).outcome.unwrap().error.map(|error| error.status), Some(Status::PowerOn));
    assert_eq!(device.log.len(), 3);
}

#[test]
fn a_unit_that_refuses_to_tell_its_status_is_cleared() {
    let mut device = Device { faults: vec![(0, Fault::Stall)], ..Device::new() };
    prepare(&mut device).outcome.unwrap();
    let silent: Vec<_> = (0..100).map(|at| (at, Fault::TimedOut)).collect();
    let run = prepare(&mut Device { faults: silent, ..Device::new() });
    assert!(matches!(cause(run), Cause::Transfer(TransferError::TimedOut)));
    let run = prepare(&mut Device { faults: vec![(0, Fault::Gone)], ..Device::new() });
    assert!(cause(run).is_gone());
}

#[test]
fn an_upload_ends_at_a_short_block() {
    let read = |memory: Vec<u8>, want| {
        let mut device = Device { memory, ..Device::new() };
        let run = drive(&mut device, &mut Upload::new(INTERFACE, want, 64, Policy::DEFAULT).unwrap());
        let uploaded = run.outcome.unwrap();
        assert_eq!(device.state, State::Idle);
        (uploaded.bytes.len(), uploaded.end, uploaded.transfers, run.foretold)
    };
    assert_eq!(read(image(200), Want::UpTo(10_000)), (200, End::Short, 4, 0));
    assert_eq!(read(image(192), Want::UpTo(10_000)), (192, End::Short, 4, 0), "a block without data");
    assert_eq!(read(image(10_000), Want::UpTo(192)), (192, End::Full, 4, 0), "three blocks, and to idle");
    assert_eq!(read(image(10_000), Want::UpTo(100)), (100, End::Full, 3, 0));
    assert_eq!(read(image(10_000), Want::Exactly(6400)), (6400, End::Full, 101, 99), "all but the last are foretold");
    assert_eq!(read(image(200), Want::Exactly(6400)), (200, End::Short, 4, 3), "it had less than was known");
    assert_eq!(read(Vec::new(), Want::UpTo(10)), (0, End::Short, 1, 0));
    let new = |want, block| Upload::new(INTERFACE, want, block, Policy::DEFAULT).err();
    assert_eq!(new(Want::UpTo(0), 64), Some(PlanError::Empty));
    assert_eq!(new(Want::UpTo(1), 0), Some(PlanError::BlockSize));
}

#[test]
fn a_refused_upload_says_why() {
    let mut device = Device { faults: vec![(2, Fault::Stall)], ..Device::new() };
    let run = drive(&mut device, &mut Upload::new(INTERFACE, Want::UpTo(1000), 64, Policy::DEFAULT).unwrap());
    let failure = run.outcome.unwrap_err();
    assert!(matches!(failure.cause, Cause::Refused(status) if status.status == Status::Stalled));
    assert_eq!(failure.done, 128);
    let mut device = Device { faults: vec![(0, Fault::Garbage([1; 8], 8))], ..Device::new() };
    let run = drive(&mut device, &mut Upload::new(INTERFACE, Want::UpTo(1000), 4, Policy::DEFAULT).unwrap());
    assert!(matches!(cause(run), Cause::TooLong { came: 8, asked: 4 }));
}

#[test]
fn detaching_by_the_descriptor() {
    let functional = |attributes| FunctionalDescriptor { attributes, detach_timeout: 250, ..Default::default() };
    let detach = |attributes, faults| {
        let mut device = Device { state: State::AppIdle, faults, ..Device::new() };
        let run = drive(&mut device, &mut Detach::new(INTERFACE, functional(attributes), Policy::DEFAULT));
        assert_eq!(device.log, [Request::Detach { timeout: 250 }]);
        run.outcome.map(|detached| (detached.after, detached.within))
    };
    assert_eq!(detach(WANTS_RESET, vec![]).unwrap(), (After::BusReset, milliseconds(250)));
    assert_eq!(detach(DETACHES, vec![]).unwrap(), (After::Detaches, milliseconds(250)));
    assert_eq!(detach(DETACHES, vec![(0, Fault::Gone)]).unwrap().0, After::Left);
    assert_eq!(detach(DETACHES, vec![(0, Fault::TimedOut)]).unwrap().0, After::Detaches);
    assert!(detach(WANTS_RESET, vec![(0, Fault::TimedOut)]).is_err());
    let failure = detach(DETACHES, vec![(0, Fault::Stall)]).unwrap_err();
    assert_eq!(failure.to_string(), "making the unit leave its application failed");
}
