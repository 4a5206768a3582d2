use super::*;
use crate::fastboot::message::Command;
use crate::fastboot::wire::{ResponseError, Text};
use crate::time::Moment;
use std::time::Duration;

/// What a unit does when it hears a packet: answers, each after so many milliseconds.
type Script<'a> = dyn FnMut(&[u8]) -> Vec<(u64, Vec<u8>)> + 'a;

#[derive(Debug, Default)]
struct Ended {
    reply: Option<Reply>,
    failure: Option<Box<Failure>>,
    lines: Vec<Line>,
    data: Vec<u8>,
    sent: u64,
    at: Moment,
}

impl Ended {
    fn cause(&self) -> &Cause {
        &self.failure.as_ref().expect("a failure").cause
    }
}

fn run(mut exchange: Exchange, script: &mut Script<'_>) -> Ended {
    let mut ended = Ended::default();
    let mut now = Moment::from_millis(7);
    let mut coming: Vec<(Moment, Vec<u8>)> = Vec::new();
    for _ in 0..100_000 {
        let mut answer = |packet: &[u8], now: Moment, coming: &mut Vec<(Moment, Vec<u8>)>| {
            let mut at = now;
            for (after, bytes) in script(packet) {
                at += Duration::from_millis(after);
                coming.push((at, bytes));
            }
        };
        match exchange.next(now) {
            Step::Send(bytes) => {
                answer(&bytes, now, &mut coming);
                exchange.on_sent(now);
            }
            Step::Payload { at, length, .. } => {
                assert_eq!(at, ended.sent);
                ended.sent += length;
                answer(&vec![0; length as usize], now, &mut coming);
                exchange.on_sent(now);
            }
            Step::WaitUntil(until) => {
                assert!(until > now, "a wait for what has passed");
                if coming.first().is_some_and(|(at, _)| *at <= until) {
                    let (at, bytes) = coming.remove(0);
                    now = now.max(at);
                    exchange.on_bytes(now, &bytes, true);
                } else {
                    now = until;
                }
            }
            Step::Line(line) => ended.lines.push(line),
            Step::Data(bytes) => ended.data.extend(bytes),
            Step::Done(reply) => {
                ended.reply = Some(reply);
                ended.at = now;
                return ended;
            }
            Step::Failed(failure) => {
                ended.failure = Some(failure);
                ended.at = now;
                return ended;
            }
        }
    }
    panic!("an exchange that does not end");
}

fn says(answers: &'static [&'static [u8]]) -> impl FnMut(&[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut said = false;
    move |_| {
        let first = !std::mem::replace(&mut said, true);
        if first { answers.iter().map(|answer| (0, answer.to_vec())).collect() } else { Vec::new() }
    }
}

fn command(command: &Command) -> Exchange {
    Exchange::new(command).unwrap()
}

#[test]
fn the_session_of_the_specification_goes_through() {
    let text = include_str!("../vectors/session.txt");
    let mut lines = text.lines().peekable();
    while let Some(asked) = lines.next() {
        let asked = asked.strip_prefix("> ").unwrap();
        let mut answers: Vec<Vec<u8>> = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("< ") || *line == "> (data)") {
            answers.push(line.trim_start_matches(['<', '>', ' ']).as_bytes().to_vec());
        }
        let exchange = match Command::parse(asked.as_bytes()).unwrap() {
            Command::Download(length) => Exchange::download(length),
            other => command(&other),
        };
        let mut answers = answers.into_iter();
        let ended = run(exchange, &mut |_| {
            // Up to the data, then from there on.
            let until = answers.by_ref().take_while(|line| line != b"(data)");
            until.map(|line| (0, line)).collect()
        });
        match asked {
            "getvar:version" => assert_eq!(ended.reply.unwrap().text.text, "0.4"),
            "download:00001234" => assert_eq!(ended.sent, 0x1234),
            "flash:bootloader" => {
                let said: Vec<&str> = ended.lines.iter().map(|line| line.text().text.as_str()).collect();
                assert_eq!(said, ["erasing flash", "writing flash"]);
                assert_eq!(ended.reply.unwrap().lines, ended.lines);
            }
            _ => assert!(matches!(ended.cause(), Cause::Refused(_)), "{asked}"),
        }
    }
}

#[test]
fn a_payload_goes_in_parts_and_its_end_is_waited_for() {
    let mut heard = 0_u64;
    let ended = run(Exchange::download(5_000_000), &mut |packet| {
        if packet.starts_with(b"download:") {
            return vec![(0, b"DATA004c4b40".to_vec())];
        }
        heard += packet.len() as u64;
        if heard == 5_000_000 { vec![(20_000, b"OKAY".to_vec())] } else { Vec::new() }
    });
    assert_eq!((ended.sent, ended.reply.unwrap().bytes), (5_000_000, 5_000_000));
}

#[test]
fn data_come_in_whatever_pieces_and_the_end_may_hang_on_the_last() {
    let fetch = Command::Fetch { partition: "boot".into(), part: Some((0, 10)) };
    for answers in [
        &[&b"DATA0000000a"[..], b"0123456789", b"OKAY"][..],
        &[b"INFOreading", b"DATA0000000a", b"01234", b"", b"56789OKAY"],
        &[b"DATA0000000a", b"0", b"1", b"2345678", b"9", b"INFOdone", b"OKAY"],
    ] {
        let ended = run(Exchange::upload(&fetch, 99).unwrap(), &mut says_all(answers));
        assert_eq!(ended.data, b"0123456789");
        assert_eq!(ended.reply.unwrap().bytes, 10);
    }
    let ended = run(Exchange::upload(&Command::Upload, 4).unwrap(), &mut says(&[b"DATA00000000", b"OKAY"]));
    assert_eq!(ended.reply.unwrap().bytes, 0);
}

fn says_all<'a>(answers: &'a [&'a [u8]]) -> impl FnMut(&[u8]) -> Vec<(u64, Vec<u8>)> + 'a {
    move |_| answers.iter().map(|answer| (0, answer.to_vec())).collect()
}

#[test]
fn what_a_unit_gets_wrong_has_a_name() {
    let download = || Exchange::download(16);
    let flash = || command(&Command::Flash("boot".into()));
    let fetch = || Exchange::upload(&Command::Fetch { partition: "boot".into(), part: Some((0, 16)) }, 16).unwrap();
    let upload = || Exchange::upload(&Command::Upload, 16).unwrap();
    let refused = |text: &str| Cause::Refused(Text::from(text));
    for (exchange, answers, cause) in [
        (download(), &[&b"DATA00000008"[..]][..], Cause::Length { announced: 8, expected: 16 }),
        (download(), &[b"DATA00000020"], Cause::Length { announced: 32, expected: 16 }),
        (download(), &[b"OKAY"], Cause::Early),
        (download(), &[b"FAILtoo large"], refused("too large")),
        (flash(), &[b"DATA00000010"], Cause::Unasked(16)),
        (flash(), &[b"INFOwriting", b"FAILflash write failure"], refused("flash write failure")),
        (flash(), &[b"nonsense"], Cause::Garbage(ResponseError::Tag(*b"nons"))),
        (flash(), &[b"OK"], Cause::Garbage(ResponseError::Short(2))),
        (fetch(), &[b"DATA00000011"], Cause::Length { announced: 17, expected: 16 }),
        (fetch(), &[b"OKAY"], Cause::Early),
        (upload(), &[b"DATAffffffff"], Cause::TooMuch { announced: 0xffff_ffff, most: 16 }),
        (upload(), &[b"DATA00000004", b"0123", b"DATA00000004"], Cause::Unasked(4)),
    ] {
        let ended = run(exchange, &mut says_all(answers));
        assert_eq!(*ended.cause(), cause, "{answers:?}");
    }
}

#[test]
fn a_unit_that_fails_in_the_middle_of_its_data_is_heard() {
    let mut exchange = Exchange::download(4 << 20);
    let now = Moment::START;
    assert!(matches!(exchange.next(now), Step::Send(_)));
    exchange.on_sent(now);
    exchange.on_bytes(now, b"DATA00400000", true);
    assert!(matches!(exchange.next(now), Step::Payload { at: 0, length: 0x10_0000, .. }));
    exchange.on_sent(now);
    exchange.on_bytes(now, b"FAILout of memory", true);
    let Step::Failed(failure) = exchange.next(now) else { panic!("it said that it failed") };
    assert_eq!((failure.doing, failure.done, failure.total), (Doing::Sending, 1 << 20, 4 << 20));
    assert!(failure.to_string().contains("after 1048576 of 4194304 bytes"), "{failure}");
    assert!(matches!(exchange.next(now), Step::Failed(failure) if failure.cause == Cause::Over));
}

#[test]
fn silence_ends_it_and_lines_keep_it_alive_but_not_for_ever() {
    let patience = Patience { silence: Duration::from_secs(5), whole: Duration::from_secs(60), part: Duration::MAX };
    let erase = || command(&Command::Erase("userdata".into())).patient(patience);
    let ended = run(erase(), &mut says(&[]));
    assert_eq!(*ended.cause(), Cause::Silence(Duration::from_secs(5)));
    let lines = |count: usize, last: &'static [u8]| {
        let mut answers = vec![(4000, b"INFOerasing".to_vec()); count];
        answers.push((4000, last.to_vec()));
        answers
    };
    let ended = run(erase(), &mut |_| lines(9, b"OKAY"));
    assert!(ended.reply.is_some());
    let ended = run(erase(), &mut |_| lines(100, b"OKAY"));
    assert!(matches!(ended.cause(), Cause::Late(_)), "{:?}", ended.failure);
    assert_eq!(ended.failure.unwrap().said.as_deref(), Some("erasing"));
    assert_eq!(ended.at, Moment::from_millis(60_007));
}

#[test]
fn a_flood_is_bounded() {
    let mut exchange = command(&Command::GetVar("all".into()));
    let now = Moment::START;
    exchange.next(now);
    exchange.on_sent(now);
    for _ in 0..10_000 {
        exchange.on_bytes(now, b"INFOline", true);
        assert!(matches!(exchange.next(now), Step::Line(_)));
    }
    exchange.on_bytes(now, b"OKAY", true);
    assert!(matches!(exchange.next(now), Step::Done(reply) if reply.lines.len() == 4096));

    let mut exchange = command(&Command::GetVar("all".into()));
    exchange.next(now);
    exchange.on_sent(now);
    for _ in 0..10 {
        exchange.on_bytes(now, &[b'x'; 10_000], false);
    }
    assert!(matches!(exchange.next(now), Step::Failed(failure) if failure.cause == Cause::Endless));
}

#[test]
fn what_an_exchange_before_left_behind_is_not_heard() {
    let mut exchange = command(&Command::GetVar("version".into()));
    let now = Moment::START;
    exchange.on_bytes(now, b"FAILlate", true);
    exchange.next(now);
    exchange.on_sent(now);
    exchange.on_bytes(now, b"OKAY0.4", true);
    assert!(matches!(exchange.next(now), Step::Done(_)));
}

#[test]
fn a_failure_can_be_shown_whatever_the_command_holds() {
    let ended = run(command(&Command::Oem(format!("{}\u{202e}", "x".repeat(300)))), &mut says(&[b"FAILno"]));
    let text = ended.failure.unwrap().to_string();
    assert!(text.contains('…') && text.len() < 200, "{text}");
}
