use super::bench::{Bench, Fault};
use crate::smp::header::Group;
use crate::smp::message::{Message, Refusal, Request, codes, encode_reply, fs, os};
use crate::smp::session::{Cause, Exchange, Limits, Line, RetryPolicy, Session, Step};
use crate::smp::wire::{Framer, Framing};
use crate::time::Moment;
use std::time::Duration;

const POLICY: RetryPolicy = RetryPolicy::new(Duration::from_millis(100), 3);

fn echo(text: &str) -> os::Echo {
    os::Echo { text: text.into() }
}

fn answer(seq: u8, text: &str) -> Vec<u8> {
    let header = Message::parse(&crate::smp::message::encode_request(&echo(text), Default::default(), seq).unwrap())
        .unwrap()
        .header;
    let reply = encode_reply::<os::Echo>(&os::EchoReply { text: text.into() }, &header).unwrap();
    Framer::default().frame(&reply).unwrap()
}

fn at(milliseconds: u64) -> Moment {
    Moment::from_millis(milliseconds)
}

#[test]
fn a_request_and_its_reply() {
    let mut bench = Bench::new(384, 4);
    let mut line = bench.line();
    let reply = bench.run(&mut Exchange::new(&mut line, echo("hello"), POLICY)).unwrap();
    assert_eq!(reply.text, "hello");
    assert_eq!(bench.sends, 1);
}

#[test]
fn lost_cut_and_corrupted_requests_are_asked_again() {
    for fault in [Fault::LoseRequest, Fault::CutRequest, Fault::LoseAnswer, Fault::CorruptAnswer] {
        let mut bench = Bench::new(384, 4);
        let first = fault.clone();
        bench.fault(move |n| if n == 0 { first.clone() } else { Fault::None });
        let mut line = bench.line();
        let reply = bench.run(&mut Exchange::new(&mut line, echo("hello"), POLICY)).unwrap();
        assert_eq!((reply.text.raw(), bench.sends), ("hello", 2), "{fault:?}");
    }
}

#[test]
fn silence_fails_with_what_was_tried() {
    let mut bench = Bench::new(384, 4);
    bench.fault(|_| Fault::LoseRequest);
    let mut line = Line::new(Framing::default()).with_sequence(55);
    let failure = bench.run(&mut Exchange::new(&mut line, echo("hello"), POLICY)).unwrap_err();
    assert_eq!(failure.to_string(), "no reply to echo (sequence 57) within 0.3 s, 3 tries");
    assert!(matches!(failure.cause, Cause::NoReply { garbled: 0 }));
}

#[test]
fn damage_on_the_line_is_told_from_silence() {
    let mut bench = Bench::new(384, 4);
    bench.fault(|_| Fault::CorruptAnswer);
    let mut line = bench.line();
    let failure = bench.run(&mut Exchange::new(&mut line, echo("hello"), POLICY)).unwrap_err();
    assert!(matches!(failure.cause, Cause::NoReply { garbled: 3 }), "{failure}");
}

#[test]
fn unrelated_traffic_does_not_extend_the_deadline() {
    let mut line = Line::new(Framing::default());
    let mut session = Exchange::new(&mut line, echo("hello"), POLICY);
    assert!(matches!(session.next(at(0)), Step::Send(_)));
    for now in [20, 40, 60, 80] {
        session.on_bytes(at(now), &answer(200, "somebody else's"));
        session.on_bytes(at(now), b"a line of a log\r\n");
        assert!(matches!(session.next(at(now)), Step::Noise(text) if text == "a line of a log"));
        assert!(matches!(session.next(at(now)), Step::WaitUntil(until) if until == at(100)));
    }
    assert!(matches!(session.next(at(100)), Step::Send(_)));
}

#[test]
fn a_late_reply_does_not_poison_the_next_request() {
    let mut line = Line::new(Framing::default());
    let mut first = Exchange::new(&mut line, echo("first"), RetryPolicy::new(Duration::from_millis(10), 1));
    assert!(matches!(first.next(at(0)), Step::Send(_)));
    assert!(matches!(first.next(at(10)), Step::Failed(_)));

    let mut second = Exchange::new(&mut line, echo("second"), POLICY);
    assert!(matches!(second.next(at(20)), Step::Send(_)));
    second.on_bytes(at(21), &answer(0, "first"));
    assert!(matches!(second.next(at(21)), Step::WaitUntil(_)));
    let answers = [answer(1, "second"), answer(1, "second")].concat();
    second.on_bytes(at(22), &answers);
    assert!(matches!(second.next(at(22)), Step::Done(reply) if reply.text == "second"));
    assert!(matches!(second.next(at(22)), Step::Failed(failure) if matches!(failure.cause, Cause::Over)));
}

#[test]
fn an_answer_to_an_earlier_try_will_do() {
    let mut line = Line::new(Framing::default());
    let mut session = Exchange::new(&mut line, echo("hello"), POLICY);
    assert!(matches!(session.next(at(0)), Step::Send(_)));
    assert!(matches!(session.next(at(100)), Step::Send(_)));
    session.on_bytes(at(110), &answer(0, "hello"));
    assert!(matches!(session.next(at(110)), Step::Done(_)));
}

#[test]
fn another_command_with_our_sequence_is_not_ours() {
    let mut line = Line::new(Framing::default());
    let mut session = Exchange::new(&mut line, fs::Status { name: "/a".into() }, POLICY);
    assert!(matches!(session.next(at(0)), Step::Send(_)));
    session.on_bytes(at(1), &answer(0, "hello"));
    assert!(matches!(session.next(at(1)), Step::WaitUntil(_)));
}

#[test]
fn a_refusal_is_a_failure_with_the_units_words() {
    let mut bench = Bench::new(384, 4);
    let mut line = bench.line();
    let failure = bench.run(&mut Exchange::new(&mut line, os::Parameters {}, POLICY)).unwrap_err();
    assert_eq!(failure.to_string(), "the unit refused MCUmgr parameters (sequence 0)");
    let source = std::error::Error::source(&failure).unwrap().to_string();
    assert_eq!(source, "the unit was built without this command (rc 8, not supported)");
    assert!(matches!(failure.cause, Cause::Refused(refusal) if refusal.is_unsupported()));
    assert_eq!(os::Parameters::GROUP, Group::OS);
    assert!(!Refusal::common(1).is_unsupported());
}

#[test]
fn what_the_unit_cannot_take_is_not_sent() {
    let mut bench = Bench::new(384, 4);
    let mut line = bench.line();
    let limits = Limits { message: 32, window: 1 };
    let failure = bench.run(&mut Exchange::new(&mut line, echo(&"x".repeat(40)), POLICY).within(limits)).unwrap_err();
    assert!(matches!(failure.cause, Cause::RequestTooLong { limit: 32, .. }));
    assert_eq!(bench.sends, 0);
    let failure = bench.run(&mut Exchange::new(&mut line, echo(&"x".repeat(70_000)), POLICY)).unwrap_err();
    assert!(matches!(failure.cause, Cause::Unframeable(_)));
}

#[test]
fn slow_lines_get_the_time_that_they_need() {
    let rate = std::num::NonZeroU32::new(960);
    let mut line = Line::new(Framing::default()).with_bytes_per_second(rate);
    let mut session = Exchange::new(&mut line, echo(&"x".repeat(700)), POLICY);
    let Step::Send(bytes) = session.next(at(0)) else { panic!("nothing to send") };
    let Step::WaitUntil(until) = session.next(at(0)) else { panic!("nothing to wait for") };
    assert!(until >= at(100) + Duration::from_millis(bytes.len() as u64 * 1000 / 960));
}

#[test]
fn noise_between_sessions_is_kept_and_bounded() {
    let mut line = Line::new(Framing::default());
    line.on_idle_bytes(b"boot banner\r\nuart:~$ ");
    assert_eq!(line.take_noise(), ["boot banner"]);
    assert_eq!(line.reset(), "uart:~$ ");
    for _ in 0..10_000 {
        line.on_idle_bytes(b"chatter\n");
    }
    assert_eq!(line.take_noise().len(), 1024);
}

fn busy(seq: u8) -> Vec<u8> {
    let request = crate::smp::message::encode_request(&echo(""), Default::default(), seq).unwrap();
    let header = Message::parse(&request).unwrap().header;
    let refusal = crate::smp::message::encode_refusal(&Refusal::common(codes::common::BUSY), &header).unwrap();
    Framer::default().frame(&refusal).unwrap()
}

#[test]
fn a_busy_unit_is_asked_again_and_that_is_no_failed_try() {
    let mut line = Line::new(Framing::default());
    let once = RetryPolicy::new(Duration::from_secs(1), 1);
    let mut session = Exchange::new(&mut line, echo("hello"), once);
    for seq in 0..5 {
        let now = u64::from(seq) * 100;
        assert!(matches!(session.next(at(now)), Step::Send(_)), "{seq}");
        session.on_bytes(at(now), &busy(seq));
        assert!(matches!(session.next(at(now)), Step::WaitUntil(until) if until == at(now + 100)));
    }
    assert!(matches!(session.next(at(500)), Step::Send(_)));
    session.on_bytes(at(510), &answer(5, "hello"));
    assert!(matches!(session.next(at(510)), Step::Done(_)));

    let mut session = Exchange::new(&mut line, echo("hello"), once);
    assert!(matches!(session.next(at(0)), Step::Send(_)));
    session.on_bytes(at(1000), &busy(6));
    let Step::Failed(failure) = session.next(at(1000)) else { panic!("busy for as long as the policy allows") };
    assert!(matches!(failure.cause, Cause::Refused(refusal) if refusal.is_congestion()));
    assert_eq!(failure.tries, 1);
}

#[test]
fn an_echo_can_fill_a_message() {
    for limit in [30, 40, 200, 280, 380, 2044] {
        let message = crate::smp::message::encode_request(&os::Echo::filling(limit), Default::default(), 0).unwrap();
        assert!(message.len() == limit || message.len() + 1 == limit, "{limit}: {}", message.len());
    }
    assert_eq!(os::Echo::filling(3).text, "");
}
