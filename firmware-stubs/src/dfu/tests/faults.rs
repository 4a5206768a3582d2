//! What goes wrong when it is told to.

use super::*;

fn faulty(fault: &str) -> Bench {
    Bench::new(|options| options.faults = vec![fault.parse().unwrap()])
}

#[test]
fn transfers_stall_hang_or_are_short() {
    let mut bench = faulty("stall:2");
    bench.status();
    assert!(matches!(bench.ask(Request::GetStatus), Err(Trouble::Stall)));
    bench.status();
    let mut bench = faulty("hang");
    assert!(matches!(bench.ask(Request::GetStatus), Err(Trouble::Silence)));
    bench.status();
    let mut bench = faulty("short");
    assert_eq!(bench.ask(Request::GetStatus).unwrap().len(), 3);
    let mut bench = faulty("short:3");
    bench.detach();
    bench.send(0, &[1; 64]).unwrap();
    bench.status();
    assert_eq!(bench.memory(), [1; 32]);
}

#[test]
fn a_status_is_garbage() {
    let mut bench = faulty("garbage-status:2");
    bench.status();
    assert_eq!(bench.ask(Request::GetStatus).unwrap(), [0xa5; 6]);
    bench.status();
}

#[test]
fn unplugged_before_a_transfer_after_it_or_at_a_byte() {
    let mut bench = faulty("unplug-control:4");
    bench.detach();
    bench.send(0, &[1; 64]).unwrap();
    assert!(matches!(bench.ask(Request::GetStatus), Err(Trouble::Unplugged)));
    assert_eq!(bench.memory(), [0; 0], "the slot was erased and nothing stored");
    bench.host.replug().unwrap();
    assert_eq!(bench.status().state, State::Error, "it happens once");

    let mut bench = faulty("unplug-answer:4");
    bench.detach();
    bench.send(0, &[1; 64]).unwrap();
    assert!(matches!(bench.ask(Request::GetStatus), Err(Trouble::Unplugged)));
    assert_eq!(bench.memory(), [1; 64]);

    let mut bench = faulty("unplug-byte:70");
    bench.detach();
    bench.store(0, &[1; 64]);
    bench.send(1, &[2; 64]).unwrap();
    assert!(matches!(bench.ask(Request::GetStatus), Err(Trouble::Unplugged)));
    assert_eq!(bench.memory(), [&[1; 64][..], &[2; 6]].concat());
}

#[test]
fn a_lying_length_loses_the_second_half_of_every_block() {
    let mut bench = faulty("lie-length");
    bench.detach();
    assert_eq!(find_functional(&bench.configuration(), 0).unwrap().transfer_size, 128);
    let block: Vec<u8> = (0..128).collect();
    assert_eq!(bench.store(0, &block).status, Status::Ok);
    assert_eq!(bench.memory(), block[..64]);
}

#[test]
fn a_lost_byte_shows_in_the_upload_unless_that_lies_too() {
    let faults = |faults: &[&str]| {
        let mut bench =
            Bench::new(|options| options.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect());
        bench.detach();
        bench.store(0, &[1; 64]);
        bench.ask(Request::Abort).unwrap();
        (bench.memory()[9], bench.upload(0).unwrap()[9])
    };
    assert_eq!(faults(&["lose-byte:10"]), (0xff, 0xff));
    assert_eq!(faults(&["lose-byte:10", "lie-upload"]), (0xff, 1));
}

#[test]
fn serial_numbers_change_or_are_missing() {
    let mut bench = faulty("other-serial");
    let device = bench.device();
    assert_eq!(bench.string(device.serial), "DF-0001");
    bench.detach();
    let device = bench.device();
    assert_eq!(bench.string(device.serial), "XDF-0001");
    assert_eq!(faulty("no-serial").device().serial, 0);
}

#[test]
fn a_block_never_gets_ready() {
    let mut bench = faulty("stay:2");
    bench.detach();
    assert_eq!(bench.store(0, &[1; 64]).state, State::DownloadIdle);
    bench.send(1, &[1; 64]).unwrap();
    for _ in 0..100 {
        assert_eq!(bench.status().state, State::DownloadBusy);
        bench.host.pass(Duration::from_secs(60)).unwrap();
    }
    bench.host.replug().unwrap();
}

#[test]
fn a_unit_may_refuse_to_be_read() {
    let mut bench = Bench::new(|options| options.upload = Upload::Refused);
    bench.detach();
    assert!(!find_functional(&bench.configuration(), 0).unwrap().attributes.can_upload());
    assert!(matches!(bench.upload(0), Err(Trouble::Stall)));
}
