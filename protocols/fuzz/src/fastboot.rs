//! The decoders and exchanges of fastboot.

use protocols::fastboot::message::{Command, Variable, Variables, partition_size, size};
use protocols::fastboot::session::{Exchange, Step};
use protocols::fastboot::wire::{Deframer, MAX_COMMAND, MAX_RESPONSE, Response};
use protocols::time::Moment;
use std::time::Duration;

/// Responses, commands, variables and frames: bounded, and what was read is written and read the same.
pub fn fastboot_wire(data: &[u8]) {
    if let Ok(response) = Response::parse(data) {
        let bytes = response.to_bytes();
        assert!(bytes.len() <= MAX_RESPONSE);
        assert_eq!(Response::parse(&bytes).expect("our own").to_bytes(), bytes);
    }
    if let Ok(command) = Command::parse(data) {
        // A command that is known may be written longer than it was read, and then it is too long.
        match command.to_bytes() {
            Ok(bytes) => assert_eq!(Command::parse(&bytes), Ok(command)),
            Err(_) => assert!(data.len() + 64 > MAX_COMMAND),
        }
    }
    let text = String::from_utf8_lossy(data);
    let variables: Variables = text.lines().collect();
    assert!(variables.iter().count() <= Variables::MAX);
    for (name, value) in variables.iter() {
        assert!(!name.contains(char::is_control));
        let again = Variable::parse(&format!("{name}:{value}")).expect("our own");
        assert_eq!((again.name.as_str(), again.value.as_str()), (name, value));
        let _ = (size(value), partition_size(value));
    }
    let mut deframer = Deframer::new();
    let framed = [b"FB01", data].concat();
    let parts = framed.chunks(7).flat_map(|piece| deframer.push(piece).expect("greeted"));
    let parts: usize = parts.map(|part| part.bytes.len()).sum();
    assert!(parts <= data.len());
}

/// A unit that answers whatever the input says. Every exchange must end, within bounds, and without a panic.
pub fn fastboot_sessions(data: &[u8]) {
    let Some((&kind, script)) = data.split_first() else { return };
    let fetch = Command::Fetch { partition: "boot".to_owned(), part: Some((0, 64)) };
    let exchange = match kind % 5 {
        0 => Exchange::new(&Command::GetVar("all".to_owned())),
        1 => Exchange::new(&Command::Flash("boot".to_owned())),
        2 => Ok(Exchange::download(0x1234)),
        3 => Exchange::upload(&fetch, 64),
        _ => Exchange::upload(&Command::Upload, 100),
    };
    drive(exchange.expect("a sound command"), script);
}

/// The script is a row of answers: how long it takes, and how many bytes of what follows, or one that leads on.
fn drive(mut exchange: Exchange, script: &[u8]) {
    let mut now = Moment::START;
    let mut rest = script;
    let mut took = 0;
    for _ in 0..200_000 {
        match exchange.next(now) {
            Step::Send(bytes) => {
                assert!(bytes.len() <= MAX_COMMAND);
                exchange.on_sent(now);
            }
            Step::Payload { length, .. } => {
                assert!(length > 0 && length <= 0x1234);
                exchange.on_sent(now);
            }
            Step::WaitUntil(until) => {
                assert!(until > now, "waiting for what has passed");
                let Some((&act, after)) = rest.split_first() else {
                    now = until;
                    continue;
                };
                rest = after;
                now += Duration::from_millis(u64::from(act >> 4) * 100);
                let ready: &[u8] = match act & 15 {
                    0 => b"OKAY",
                    1 => b"INFOworking",
                    2 => b"DATA00001234",
                    3 => b"DATA00000040",
                    4 => b"FAIL",
                    5 => b"MORE",
                    length => {
                        let (some, after) = rest.split_at(rest.len().min(usize::from(length)));
                        rest = after;
                        some
                    }
                };
                exchange.on_bytes(now, ready, act & 16 == 0);
            }
            Step::Line(line) => assert!(line.text().text.len() <= 3 * MAX_RESPONSE),
            Step::Data(bytes) => {
                took += bytes.len();
                assert!(took <= 100);
            }
            Step::Done(_) => return,
            Step::Failed(failure) => {
                assert!(!format!("{failure}: {}", failure.cause).contains(char::is_control));
                return;
            }
        }
    }
    panic!("an exchange that does not end");
}
