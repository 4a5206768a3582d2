//! DfuSe: memory with addresses.

use super::*;

#[test]
fn addressed_memory_is_erased_before_it_is_programmed() {
    let mut bench = Bench::addressed(|_| {});
    assert_eq!(bench.status().state, State::Idle, "ST's bootloaders do not tell that there is no firmware");
    let configuration = bench.configuration();
    assert!(find_functional(&configuration, 0).unwrap().is_dfuse());
    assert_eq!(bench.string(configuration.interfaces[0].string), LAYOUT);
    assert_eq!(bench.upload(0).unwrap(), [0x00, 0x21, 0x41]);

    assert_eq!(bench.command(Command::SetAddress(START + 0x400)).state, State::DownloadIdle);
    assert_eq!(bench.store(2, &[1; 64]).status, Status::Ok);
    assert_eq!(bench.store(4, &[3; 64]).status, Status::Ok);
    assert_eq!(bench.store(2, &[1; 64]).status, Status::Ok, "the same again");
    assert_eq!(bench.store(2, &[0; 64]).status, Status::Program);
    bench.ask(Request::ClearStatus).unwrap();
    let memory = bench.memory();
    assert_eq!((memory.len(), &memory[0x400..0x440], &memory[0x440..0x480]), (6144, &[1; 64][..], &[0xff; 64][..]));
    assert_eq!(memory[0x480..0x4c0], [3; 64]);

    assert_eq!(bench.upload(4).unwrap(), [3; 64], "the pointer stays");
    bench.ask(Request::Abort).unwrap();
    assert_eq!(bench.command(Command::ErasePage(START + 0x7ff)).status, Status::Ok);
    assert_eq!(bench.store(2, &[0; 64]).status, Status::Ok);
    assert_eq!(bench.command(Command::MassErase).status, Status::Ok);
    assert!(bench.memory()[..4096].iter().all(|byte| *byte == 0xff));
}

#[test]
fn addressed_memory_ends_where_its_layout_does() {
    let mut bench = Bench::addressed(|_| {});
    let mut refused = |command: Command, status: Status| {
        assert_eq!(bench.command(command).status, status, "{command:?}");
        bench.ask(Request::ClearStatus).unwrap();
    };
    refused(Command::SetAddress(START - 1), Status::Address);
    refused(Command::SetAddress(START + 6144), Status::Address);
    refused(Command::ErasePage(START + 6144), Status::Address);
    refused(Command::ErasePage(START + 4096), Status::Erase);
    refused(Command::ReadUnprotect, Status::Stalled);
    bench.command(Command::SetAddress(START + 4096 - 64));
    assert_eq!(bench.store(2, &[7; 64]).status, Status::Ok);
    assert_eq!(bench.store(3, &[7; 64]).status, Status::Write, "pages that can only be read");
    bench.ask(Request::ClearStatus).unwrap();
    bench.command(Command::SetAddress(START + 6144 - 32));
    bench.ask(Request::Abort).unwrap();
    assert_eq!(bench.upload(2).unwrap(), [0xff; 32], "short at the end");
    assert!(matches!(bench.upload(3), Err(Trouble::Stall)));
}

#[test]
fn an_addressed_unit_leaves_and_starts_its_firmware() {
    let mut bench = Bench::addressed(|_| {});
    let image = image(0x0777, 40);
    bench.command(Command::SetAddress(START));
    bench.store(2, &image);
    bench.host.enumerate().unwrap();
    assert_eq!(bench.status().state, State::DownloadIdle, "a reset does not start it");
    bench.send(0, &[]).unwrap();
    assert_eq!(bench.status().state, State::Manifest);
    assert_ne!(bench.host.pass(Duration::ZERO).unwrap(), Then::Stay);
    bench.host.enumerate().unwrap();
    assert_eq!(bench.device().release, Bcd(0x0777));
    bench.detach();
    bench.command(Command::ErasePage(START));
    bench.host.replug().unwrap();
    bench.host.enumerate().unwrap();
    assert_eq!(bench.status().state, State::Idle);
}
