use super::*;
use crate::adb::message::SystemKind;
use crate::adb::wire::WireError;
use proptest::prelude::*;
use std::time::Duration;

const NOW: Moment = Moment::START;
const BANNER: &[u8] = b"device::ro.product.model=Pixel;features=shell_v2,delayed_ack";
const OLD: &[u8] = b"device::";

/// The other end: what was sent is read here, and answered by hand.
struct Bench {
    connection: Connection,
    deframer: Deframer,
    sent: Vec<Packet>,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Policy { person: Duration::from_secs(60), ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        let connection = Connection::new(NOW, policy);
        let deframer = Deframer::new(MAX_PAYLOAD, Version::NO_CHECKSUM);
        let mut bench = Self { connection, deframer, sent: Vec::new(), events: Vec::new() };
        assert_eq!(bench.run(NOW), Step::WaitUntil(Moment::from_millis(3000)));
        bench
    }

    fn connected(banner: &[u8]) -> Self {
        Self::new().answered(banner)
    }

    fn answered(mut self, banner: &[u8]) -> Self {
        self.gives(&Packet::new(Command::CNXN, Version::NO_CHECKSUM.0, 64 << 10, banner));
        assert_eq!(self.run(NOW), Step::Wait);
        assert!(matches!(self.events.pop(), Some(Event::Connected(_))));
        self.sent.clear();
        self
    }

    /// Until there is nothing to do but to wait.
    fn run(&mut self, now: Moment) -> Step {
        loop {
            match self.connection.next(now) {
                Step::Send(Outgoing { header, payload }) => {
                    let bytes = [header.as_slice(), &payload].concat();
                    self.sent.push(self.deframer.next(&mut bytes.as_slice()).unwrap().unwrap());
                }
                Step::Event(event) => self.events.push(event),
                step => return step,
            }
        }
    }

    fn gives(&mut self, packet: &Packet) {
        self.connection.on_bytes(NOW, &packet.to_bytes(Version::CHECKSUM));
    }

    fn answers(&mut self, command: Command, arg0: u32, arg1: u32, payload: &[u8]) -> Step {
        self.gives(&Packet::new(command, arg0, arg1, payload));
        self.run(NOW)
    }

    /// A stream that the unit calls 77.
    fn stream(&mut self, window: &[u8]) -> StreamId {
        let stream = self.connection.open(b"shell:").unwrap();
        assert_eq!(self.answers(Command::OKAY, 77, stream.0, window), Step::Wait);
        assert_eq!(self.events.pop(), Some(Event::Opened(stream)));
        self.sent.clear();
        stream
    }

    fn failure(&mut self, command: Command, arg0: u32, arg1: u32, payload: &[u8]) -> Failure {
        match self.answers(command, arg0, arg1, payload) {
            Step::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_unit_that_asks_nothing_is_there_at_once() {
    let mut bench = Bench::new();
    assert_eq!((bench.sent[0].command, bench.sent[0].arg1), (Command::CNXN, MAX_PAYLOAD));
    // What was left on the line for whoever was here before is passed over.
    bench.connection.on_bytes(NOW, b"half a payload");
    bench.gives(&Packet::new(Command::WRTE, 3, 4, *b"old"));
    assert_eq!(bench.connection.open(b"shell:"), Err(Failure::NotConnected));
    assert_eq!(bench.answers(Command::CNXN, Version::CHECKSUM.0, u32::MAX, BANNER), Step::Wait);
    let Some(Event::Connected(banner)) = bench.events.pop() else { panic!() };
    assert_eq!((banner.system, &banner.properties["ro.product.model"][..]), (SystemKind::Device, "Pixel"));
    assert_eq!(bench.connection.max_payload(), MAX_PAYLOAD as usize, "4 GiB are not believed");
    assert!(bench.connection.features().has(feature::DELAYED_ACK));
}

#[test]
fn a_unit_is_greeted_again_and_given_up() {
    let mut bench = Bench::new();
    assert_eq!(bench.run(Moment::from_millis(3000)), Step::WaitUntil(Moment::from_millis(6000)));
    assert_eq!(bench.run(Moment::from_millis(6000)), Step::WaitUntil(Moment::from_millis(9000)));
    assert_eq!(bench.run(Moment::from_millis(9000)), Step::Failed(Failure::NoAnswer { greetings: 3 }));
    assert_eq!(bench.sent.len(), 3);
}

#[test]
fn a_key_is_signed_with_then_offered_and_a_person_has_the_time_that_was_told() {
    let mut bench = Bench::new();
    let token = [7; TOKEN_LEN];
    bench.answers(Command::AUTH, 1, 0, &token);
    assert_eq!(bench.events.pop(), Some(Event::Token(token)));
    bench.connection.sign(vec![1; 256]);
    bench.answers(Command::AUTH, 1, 0, &token);
    assert_eq!((bench.sent[1].arg0, bench.sent[1].payload.len()), (2, 256));
    bench.events.clear();
    bench.connection.offer(Moment::from_millis(500), b"QAAA station");
    // The daemon repeats its token while the person thinks: nothing moves the end.
    let until = Step::WaitUntil(Moment::from_millis(60_500));
    assert_eq!(bench.answers(Command::AUTH, 1, 0, &token), until);
    assert_eq!((bench.sent[2].arg0, &bench.sent[2].payload[..]), (3, &b"QAAA station\0"[..]));
    let waited = Duration::from_secs(60);
    assert_eq!(bench.run(Moment::from_millis(60_500)), Step::Failed(Failure::NotAccepted { waited }));
}

#[test]
fn what_is_no_way_in_is_told_apart() {
    assert_eq!(Bench::new().failure(Command::STLS, Version::CHECKSUM.0, 0, b""), Failure::Tls);
    assert_eq!(Bench::new().failure(Command::AUTH, 1, 0, b"short"), Failure::Token(5));
    assert_eq!(Bench::new().failure(Command::AUTH, 3, 0, b""), Failure::AuthKind(AuthKind::PublicKey));
    assert_eq!(Bench::new().failure(Command::CNXN, 1, 24, b""), Failure::SmallPayload(24));
    let mut bench = Bench::new();
    for _ in 0..64 {
        bench.answers(Command::AUTH, 1, 0, &[0; 20]);
    }
    assert_eq!(bench.failure(Command::AUTH, 1, 0, &[0; 20]), Failure::TooManyTokens);
}

#[test]
fn without_a_window_each_side_waits_for_its_turn() {
    let mut bench = Bench::connected(OLD);
    let stream = bench.stream(b"");
    assert_eq!(bench.connection.room(stream), 64 << 10);
    bench.connection.write(stream, vec![1; 64 << 10]).unwrap();
    assert_eq!(bench.connection.write(stream, vec![1]), Err(Failure::NoRoom { len: 1, room: 0 }));
    assert_eq!(bench.answers(Command::OKAY, 77, stream.0, b""), Step::Wait);
    assert_eq!(bench.events.pop(), Some(Event::Writable(stream)));
    // A daemon says so more than once of a large packet.
    assert_eq!(bench.answers(Command::OKAY, 77, stream.0, b""), Step::Wait);
    assert_eq!(bench.events, []);

    bench.sent.clear();
    bench.answers(Command::WRTE, 77, stream.0, b"data");
    assert_eq!(bench.events.pop(), Some(Event::Data(stream, b"data".to_vec())));
    assert_eq!(bench.sent, [Packet::new(Command::OKAY, stream.0, 77, *b"")]);
    let two = [b"a", b"b"].map(|data| Packet::new(Command::WRTE, 77, stream.0, *data).to_bytes(Version::CHECKSUM));
    bench.connection.on_bytes(NOW, &two.concat());
    assert_eq!(bench.run(NOW), Step::Failed(Failure::BeyondWindow));
}

#[test]
fn who_cuts_its_packets_to_a_small_window_gets_the_whole_one() {
    for (first, allowed) in [(&b"ab"[..], 2_u32), (b"a", WINDOW)] {
        let mut bench = Bench::with(Policy { window: 1, ..Policy::default() }).answered(BANNER);
        let stream = bench.stream(&100_u32.to_le_bytes());
        bench.sent.clear();
        assert_eq!(bench.answers(Command::WRTE, 77, stream.0, first), Step::Wait);
        let acknowledged: Vec<&[u8]> = bench.sent.iter().map(|packet| packet.payload.as_slice()).collect();
        assert_eq!(acknowledged, [allowed.to_le_bytes()]);
    }
}

#[test]
fn with_a_window_bytes_are_counted() {
    let mut bench = Bench::connected(BANNER);
    let stream = bench.connection.open(b"sync:").unwrap();
    bench.run(NOW);
    let open = bench.sent.pop().unwrap();
    assert_eq!((open.command, open.arg0, open.arg1, &open.payload[..]), (Command::OPEN, 1, WINDOW, &b"sync:\0"[..]));
    bench.answers(Command::OKAY, 9, stream.0, &100_u32.to_le_bytes());
    // While there is anything left a whole packet may go.
    bench.connection.write(stream, vec![0; 60_000]).unwrap();
    assert_eq!(bench.connection.room(stream), 0);
    bench.answers(Command::OKAY, 9, stream.0, &59_900_u32.to_le_bytes());
    assert_eq!(bench.connection.room(stream), 0);
    bench.answers(Command::OKAY, 9, stream.0, &1_u32.to_le_bytes());
    assert_eq!(bench.connection.room(stream), 64 << 10);

    // What comes is acknowledged before the window is used up, and not each time.
    bench.sent.clear();
    let part = vec![5; 1 << 20];
    for _ in 0..40 {
        assert_eq!(bench.answers(Command::WRTE, 9, stream.0, &part), Step::Wait);
    }
    let acknowledged: u32 =
        bench.sent.iter().map(|packet| u32::from_le_bytes(packet.payload.as_slice().try_into().unwrap())).sum();
    assert_eq!((bench.sent.len(), acknowledged), (10, 40 << 20));
    // Nobody takes it: the unit may overdraw by a packet, not by two.
    let packet = Packet::new(Command::WRTE, 9, stream.0, part).to_bytes(Version::CHECKSUM);
    for _ in 0..32 {
        bench.connection.on_bytes(NOW, &packet);
    }
    assert_eq!(bench.connection.failed, None);
    bench.connection.on_bytes(NOW, &packet);
    assert_eq!(bench.connection.failed, Some(Failure::BeyondWindow));
}

#[test]
fn streams_end_from_either_side() {
    let mut bench = Bench::connected(OLD);
    // Refused.
    let refused = bench.connection.open(b"nothing:").unwrap();
    bench.answers(Command::CLSE, 0, refused.0, b"");
    assert_eq!(bench.events.pop(), Some(Event::Refused(refused)));
    // By the unit, which says so three times.
    let theirs = bench.stream(b"");
    bench.answers(Command::WRTE, 77, theirs.0, b"last");
    for _ in 0..3 {
        assert_eq!(bench.answers(Command::CLSE, 77, theirs.0, b""), Step::Wait);
    }
    assert_eq!(bench.events, [Event::Data(theirs, b"last".to_vec()), Event::Closed(theirs)]);
    assert_eq!(bench.connection.write(theirs, vec![1]), Err(Failure::StreamIsClosed));
    // By us, while it sends.
    bench.events.clear();
    let ours = bench.stream(b"");
    bench.connection.close(ours);
    assert_eq!(bench.answers(Command::WRTE, 77, ours.0, b"late"), Step::Wait);
    assert_eq!(bench.answers(Command::OKAY, 77, ours.0, b""), Step::Wait);
    assert_eq!(bench.answers(Command::CLSE, 0, ours.0, b""), Step::Wait);
    assert_eq!((bench.events.len(), bench.sent.clone()), (0, vec![Packet::new(Command::CLSE, ours.0, 77, *b"")]));
    // By us, before it was open.
    bench.sent.clear();
    let early = bench.connection.open(b"shell:").unwrap();
    bench.connection.close(early);
    bench.answers(Command::OKAY, 5, early.0, b"");
    assert_eq!(bench.sent.last(), Some(&Packet::new(Command::CLSE, early.0, 5, *b"")));
    // A unit that opens one to us hears that there is nothing.
    bench.answers(Command::OPEN, 12, 0, b"tcp:1\0");
    assert_eq!(bench.sent.last(), Some(&Packet::new(Command::CLSE, 0, 12, *b"")));
}

#[test]
fn what_a_hostile_unit_says_of_streams_is_told_apart() {
    let closed = || {
        let mut bench = Bench::connected(OLD);
        let stream = bench.stream(b"");
        bench.answers(Command::CLSE, 77, stream.0, b"");
        bench
    };
    assert_eq!(closed().failure(Command::OKAY, 77, 1, b""), Failure::StreamWasClosed(Command::OKAY));
    assert_eq!(closed().failure(Command::WRTE, 77, 1, b"x"), Failure::StreamWasClosed(Command::WRTE));
    let unknown = |command, id| Failure::UnknownStream { command, id };
    assert_eq!(closed().failure(Command::WRTE, 77, 2, b"x"), unknown(Command::WRTE, 2));
    assert_eq!(closed().failure(Command::CLSE, 77, 0, b""), unknown(Command::CLSE, 0));
    let open = || {
        let mut bench = Bench::connected(OLD);
        bench.stream(b"");
        bench
    };
    assert_eq!(open().failure(Command::WRTE, 78, 1, b"x"), Failure::OtherStream);
    assert_eq!(open().failure(Command::OKAY, 0, 1, b""), Failure::OtherStream);
    assert_eq!(open().failure(Command::OKAY, 77, 1, b"abcd"), Failure::Acknowledgement(4));
    assert_eq!(open().failure(Command::CNXN, 1, 4096, b"device::"), Failure::BeganAnew);
    assert_eq!(open().failure(Command(1), 1, 4096, b""), Failure::Unexpected(Command(1)));
    let mut bench = open();
    let header = Header { command: Command::WRTE, arg0: 77, arg1: 1, len: u32::MAX, check: 0 };
    bench.connection.on_bytes(NOW, &header.to_bytes());
    assert!(matches!(bench.run(NOW), Step::Failed(Failure::Wire(WireError::TooLong { claimed: u32::MAX, .. }))));
    let mut windowed = Bench::connected(BANNER);
    let stream = windowed.stream(&100_u32.to_le_bytes());
    assert_eq!(windowed.failure(Command::OKAY, 77, stream.0, b""), Failure::Acknowledgement(0));
}

#[test]
fn a_caller_is_kept_within_bounds_too() {
    let mut bench = Bench::connected(OLD);
    let most = (64 << 10) - 1;
    let long = bench.connection.open(&vec![b'x'; most + 1]);
    assert_eq!(long, Err(Failure::ServiceTooLong { len: most + 1, most }));
    for _ in 0..MAX_STREAMS {
        bench.connection.open(b"shell:").unwrap();
    }
    assert_eq!(bench.connection.open(b"shell:"), Err(Failure::TooManyStreams));
}

/// What a unit may do next.
#[derive(Debug, Clone)]
enum Act {
    Packet(u32, u32, u32, Vec<u8>),
    Bytes(Vec<u8>),
    Open,
    Write(u32, usize),
    Close(u32),
    Later(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let commands = [Command::CNXN, Command::AUTH, Command::OKAY, Command::WRTE, Command::CLSE, Command::OPEN];
    prop_oneof![
        8 => (0..commands.len(), 0..5_u32, 0..5_u32, prop::collection::vec(any::<u8>(), 0..24))
            .prop_map(move |(command, a, b, payload)| Act::Packet(commands[command].0, a, b, payload)),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Act::Bytes),
        2 => Just(Act::Open),
        2 => (1..5_u32, 0..5000_usize).prop_map(|(id, len)| Act::Write(id, len)),
        1 => (1..5_u32).prop_map(Act::Close),
        1 => (0..5000_u64).prop_map(Act::Later),
    ]
}

proptest! {
    #[test]
    fn no_unit_brings_it_down(window in any::<bool>(), acts in prop::collection::vec(act(), 0..60)) {
        let mut bench = Bench::connected(if window { BANNER } else { OLD });
        let mut now = NOW;
        for act in acts {
            match act {
                Act::Packet(command, a, b, payload) => bench.gives(&Packet::new(Command(command), a, b, payload)),
                Act::Bytes(bytes) => bench.connection.on_bytes(now, &bytes),
                Act::Open => drop(bench.connection.open(b"shell:")),
                Act::Write(id, len) => {
                    let fits = len <= bench.connection.room(StreamId(id));
                    let written = bench.connection.write(StreamId(id), vec![0; len]);
                    prop_assert!(fits || written.is_err());
                }
                Act::Close(id) => bench.connection.close(StreamId(id)),
                Act::Later(millis) => now += Duration::from_millis(millis),
            }
            let step = bench.run(now);
            prop_assert!(matches!(step, Step::Wait | Step::WaitUntil(_) | Step::Failed(_)), "{step:?}");
            if let Step::Failed(failure) = step {
                prop_assert_eq!(bench.run(now), Step::Failed(failure), "a failure stays");
                break;
            }
        }
    }
}
