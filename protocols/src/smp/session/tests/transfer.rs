use super::bench::{Bench, Fault};
use crate::smp::header::Group;
use crate::smp::message::Request as _;
use crate::smp::message::codes;
use crate::smp::session::{
    Cause, Failure, FileDownload, FileUpload, Finish, ImageTarget, ImageUpload, Limits, RetryPolicy, TransferPolicy,
    Uploaded,
};
use crate::smp::wire::{FIRST_LINE, Framing, LineLength};
use proptest::prelude::*;
use std::time::Duration;

const LIMITS: Limits = Limits { message: 380, window: 4 };

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 + n / 251) as u8).collect()
}

fn bench(fault: impl FnMut(usize) -> Fault + 'static) -> Bench {
    let mut bench = Bench::new(LIMITS.message, LIMITS.window);
    bench.fault(fault);
    bench
}

fn upload_image(bench: &mut Bench, image: &[u8], limits: Limits) -> Result<Uploaded, Failure> {
    let mut line = bench.line();
    bench.run(&mut ImageUpload::new(&mut line, ImageTarget::default(), image, limits, TransferPolicy::IMAGE))
}

fn upload_file(bench: &mut Bench, content: &[u8]) -> Result<Uploaded, Failure> {
    let mut line = bench.line();
    bench.run(&mut FileUpload::new(&mut line, "/lfs/a", content, LIMITS, TransferPolicy::FILE))
}

fn download(bench: &mut Bench) -> Result<Vec<u8>, Failure> {
    let mut line = bench.line();
    let mut session = FileDownload::new(&mut line, "/lfs/a", 1 << 20, LIMITS, TransferPolicy::FILE);
    bench.run(&mut session).map(|downloaded| downloaded.content)
}

/// All three kinds of transfer under the same faults; each must end with the right bytes.
fn survives(what: &str, fault: impl FnMut(usize) -> Fault + Clone + 'static) {
    let content = bytes(20_000);
    let mut image = bench(fault.clone());
    let uploaded = upload_image(&mut image, &content, LIMITS).unwrap_or_else(|error| panic!("{what}: image {error}"));
    assert_eq!(image.server.image, content, "{what}: image");
    assert_eq!(uploaded.total, 20_000);
    assert!(uploaded.sent < 3 * uploaded.total, "{what}: no storm of repetitions ({})", uploaded.sent);

    let mut file = bench(fault.clone());
    upload_file(&mut file, &content).unwrap_or_else(|error| panic!("{what}: file {error}"));
    assert_eq!(file.server.files["/lfs/a"], content, "{what}: file");
    assert!(file.server.open.is_none(), "{what}: closed, so that its hash is that of all of it");

    let mut read = bench(fault);
    read.server.files.insert("/lfs/a".into(), content.clone());
    let got = download(&mut read).unwrap_or_else(|error| panic!("{what}: download {error}"));
    assert!(got == content, "{what}: download");
}

#[test]
fn each_request_lost_once() {
    for lost in 0..30 {
        for fault in [Fault::LoseRequest, Fault::CutRequest, Fault::LoseAnswer, Fault::CorruptAnswer] {
            let name = format!("{fault:?} {lost}");
            survives(&name, move |n| if n == lost { fault.clone() } else { Fault::None });
        }
    }
}

#[test]
fn one_in_twenty_lost_on_either_way() {
    survives("requests", |n| if n % 20 == 19 { Fault::LoseRequest } else { Fault::None });
    survives("answers", |n| if n % 20 == 19 { Fault::LoseAnswer } else { Fault::None });
    survives("frames", |n| if n % 20 == 19 { Fault::CutRequest } else { Fault::None });
}

#[test]
fn answers_twice_and_noise_between() {
    survives("twice", |_| Fault::TwiceAnswered);
    survives("noise", |_| Fault::Noise("[00:01] <inf> app: something\r\nuart:~$ "));
    survives("half a frame", |n| {
        if n % 3 == 0 { Fault::Noise("\u{6}\u{9}AAkDAAABAAEABqFicmM=\nuart:~$ ") } else { Fault::None }
    });
}

#[test]
fn noise_reaches_the_caller() {
    let mut bench = bench(|n| if n == 1 { Fault::Noise("<inf> app: low battery\r\n") } else { Fault::None });
    upload_image(&mut bench, &bytes(1000), LIMITS).unwrap();
    assert_eq!(bench.noise, ["<inf> app: low battery"]);
}

#[test]
fn late_answers() {
    for late in [100, 2600, 6000] {
        survives("late", move |n| if n == 7 { Fault::Late(Duration::from_millis(late)) } else { Fault::None });
    }
}

#[test]
fn a_busy_unit_is_asked_again() {
    survives("busy", |n| if n > 1 && n % 9 == 0 { Fault::Busy } else { Fault::None });
    let mut bench = bench(|n| if n > 3 { Fault::Busy } else { Fault::None });
    let failure = upload_image(&mut bench, &bytes(5000), LIMITS).unwrap_err();
    assert!(matches!(failure.cause, Cause::Busy { .. }), "{failure}");
}

#[test]
fn a_unit_that_holds_fewer_requests_than_it_says() {
    for buffers in [1, 2, 3] {
        let mut bench = bench(|_| Fault::None);
        bench.buffers = buffers;
        bench.turnaround = Duration::from_millis(20);
        let image = bytes(60_000);
        let uploaded = upload_image(&mut bench, &image, LIMITS).unwrap();
        assert_eq!(bench.server.image, image);
        assert!(uploaded.sent < 70_000, "{buffers} buffers: {uploaded:?}");
        println!("{buffers} buffers: {uploaded:?} in {:?}", bench.now);
    }
}

#[test]
fn the_unit_restarts_in_the_middle() {
    let content = bytes(20_000);
    let mut image = bench(|n| if n == 30 { Fault::Restart } else { Fault::None });
    let uploaded = upload_image(&mut image, &content, LIMITS).unwrap();
    assert_eq!(image.server.image, content);
    assert_eq!((uploaded.restarts, uploaded.finish), (1, Finish::Acknowledged));

    // A file goes on where it ends, if that is where we are.
    let mut file = bench(|n| if n == 30 { Fault::Restart } else { Fault::None });
    upload_file(&mut file, &content).unwrap();
    assert_eq!(file.server.files["/lfs/a"], content);
}

#[test]
fn a_unit_that_always_restarts_ends_the_upload() {
    let mut bench = bench(|n| if n % 10 == 9 { Fault::Restart } else { Fault::None });
    let failure = upload_image(&mut bench, &bytes(20_000), LIMITS).unwrap_err();
    assert!(matches!(failure.cause, Cause::Stuck { .. }), "{failure}");
}

/// Each round brings one byte more than the one before, so no single answer is without progress.
#[test]
fn a_unit_that_creeps_forward_and_goes_back_ends_the_upload() {
    use crate::smp::header::Header;
    use crate::smp::message::{encode_reply, image};
    const PIECE: u64 = 300;
    let content = bytes(20_000);
    let limits = Limits { window: 1, ..LIMITS };
    let mut bench = bench(|_| Fault::None);
    let (mut at, mut best) = (0, 0);
    bench.server.script = Some(Box::new(move |_, header: &Header| {
        at = match at {
            at if at > best => {
                best = at;
                0
            }
            at => (at + PIECE).min(best + 1),
        };
        encode_reply::<image::Upload>(&image::UploadReply { off: Some(at), matches: None }, header).ok()
    }));
    let failure = upload_image(&mut bench, &content, limits).unwrap_err();
    assert!(matches!(failure.cause, Cause::Astray { .. }), "{failure}");
    assert!(bench.server.requests < 3000, "{} requests", bench.server.requests);
}

#[test]
fn an_upload_that_was_cut_off_goes_on() {
    let image = bytes(20_000);
    let mut bench = bench(|n| if n >= 20 { Fault::LoseRequest } else { Fault::None });
    let failure = upload_image(&mut bench, &image, LIMITS).unwrap_err();
    let stored = bench.server.image.len() as u64;
    assert!(failure.at == Some(stored) && stored > 4000, "{failure}");
    let RetryPolicy { timeout, tries } = TransferPolicy::IMAGE.piece;
    assert!(failure.tries >= tries && failure.waited >= timeout * tries, "{failure}");

    bench.fault(|_| Fault::None);
    let uploaded = upload_image(&mut bench, &image, LIMITS).unwrap();
    assert_eq!(bench.server.image, image);
    assert_eq!(uploaded.resumed_at, Some(stored));
    assert!(uploaded.sent < 20_000 - stored + 400, "{uploaded:?}");
    assert_eq!(uploaded.matched, Some(true));
}

#[test]
fn a_file_goes_on_where_the_caller_says() {
    let content = bytes(10_000);
    let mut bench = bench(|_| Fault::None);
    bench.server.files.insert("/lfs/a".into(), content[..3_000].to_vec());
    let mut line = bench.line();
    let session = FileUpload::new(&mut line, "/lfs/a", &content, LIMITS, TransferPolicy::FILE);
    let uploaded = bench.run(&mut session.resume_at(3_000)).unwrap();
    assert_eq!(bench.server.files["/lfs/a"], content);
    assert_eq!((uploaded.sent, uploaded.resumed_at), (7_000, Some(3_000)));

    let session = FileUpload::new(&mut line, "/lfs/a", &content, LIMITS, TransferPolicy::FILE);
    let uploaded = bench.run(&mut session.resume_at(10_000)).unwrap();
    assert_eq!(uploaded.sent, 0);
}

#[test]
fn a_file_that_ends_elsewhere_is_begun_again() {
    let content = bytes(10_000);
    let mut bench = bench(|_| Fault::None);
    bench.server.files.insert("/lfs/a".into(), vec![0xee; 2_999]);
    let mut line = bench.line();
    let session = FileUpload::new(&mut line, "/lfs/a", &content, LIMITS, TransferPolicy::FILE);
    let uploaded = bench.run(&mut session.resume_at(3_000)).unwrap();
    assert_eq!(bench.server.files["/lfs/a"], content);
    assert_eq!((uploaded.restarts, uploaded.resumed_at), (1, None));
}

#[test]
fn an_open_upload_to_the_same_file_is_not_mixed_in() {
    let mut bench = bench(|n| if n >= 10 { Fault::LoseRequest } else { Fault::None });
    upload_file(&mut bench, &bytes(10_000)).unwrap_err();
    bench.fault(|_| Fault::None);
    let other = vec![0x11; 5_000];
    upload_file(&mut bench, &other).unwrap();
    assert_eq!(bench.server.files["/lfs/a"], other);
}

#[test]
fn the_last_answer_lost_is_told_from_a_failure() {
    let image = bytes(2_000);
    let pieces = {
        let mut bench = bench(|_| Fault::None);
        upload_image(&mut bench, &image, LIMITS).unwrap();
        bench.sends
    };
    let mut bench = bench(move |n| if n == pieces - 1 { Fault::LoseAnswer } else { Fault::None });
    let uploaded = upload_image(&mut bench, &image, LIMITS).unwrap();
    assert_eq!(uploaded.finish, Finish::Inferred);
    assert_eq!(bench.server.image, image);
}

#[test]
fn pieces_fill_the_units_buffer_exactly_and_hold_the_header() {
    for limit in [100, 128, 255, 280, 300, 380, 508, 1020, 2044, 4096] {
        let mut bench = Bench::new(limit, 1);
        let image = bytes(30_000);
        upload_image(&mut bench, &image, Limits { message: limit, window: 1 }).unwrap();
        assert_eq!(bench.server.image, image);
        assert_eq!(bench.server.longest, limit, "a full piece");
    }
    let mut bench = Bench::new(90, 1);
    let failure = upload_image(&mut bench, &bytes(1000), Limits { message: 90, window: 1 }).unwrap_err();
    assert!(matches!(failure.cause, Cause::LimitTooSmall { limit: 90 }), "{failure}");
}

#[test]
fn a_unit_that_takes_whole_words_only() {
    let mut bench = bench(|_| Fault::None);
    bench.server.word = 16;
    let image = bytes(10_001);
    let uploaded = upload_image(&mut bench, &image, Limits { message: 380, window: 1 }).unwrap();
    assert_eq!(bench.server.image, image);
    assert!(uploaded.sent < 10_100, "only the first piece was cut: {uploaded:?}");
}

#[test]
fn only_one_piece_goes_before_the_first_answer() {
    let mut bench = bench(|_| Fault::None);
    bench.latency = Duration::from_secs(3);
    let image = bytes(3_000);
    let mut line = bench.line();
    let patient = TransferPolicy { piece: TransferPolicy::IMAGE.first, ..TransferPolicy::IMAGE };
    bench.run(&mut ImageUpload::new(&mut line, ImageTarget::default(), &image, LIMITS, patient)).unwrap();
    assert_eq!(bench.progress[0].sent, bench.progress[0].done, "nothing was sent beyond the first piece");
    assert_eq!(bench.progress.last().map(|progress| progress.done), Some(3_000));
}

#[test]
fn empty_and_tiny_contents() {
    for len in [0, 1, 31, 32, 33] {
        let content = bytes(len);
        let mut bench = bench(|_| Fault::None);
        upload_file(&mut bench, &content).unwrap();
        assert_eq!(bench.server.files["/lfs/a"], content);
        assert_eq!(download(&mut bench).unwrap(), content);
        upload_image(&mut bench, &content, LIMITS).unwrap();
        assert_eq!(bench.server.image, content);
    }
}

#[test]
fn refusals_end_a_transfer_with_the_units_words() {
    let failure = download(&mut bench(|_| Fault::None)).unwrap_err();
    assert!(matches!(&failure.cause, Cause::Refused(no) if no.is(Group::FS, codes::fs::NOT_FOUND)), "{failure}");
    assert_eq!(failure.to_string(), "the unit refused file download at offset 0 (sequence 0)");
}

#[test]
fn a_file_larger_than_allowed_is_not_read() {
    let mut bench = bench(|_| Fault::None);
    bench.server.files.insert("/lfs/a".into(), bytes(2000));
    let mut line = bench.line();
    let mut session = FileDownload::new(&mut line, "/lfs/a", 1999, LIMITS, TransferPolicy::FILE);
    let failure = bench.run(&mut session).unwrap_err();
    assert!(matches!(failure.cause, Cause::TooLarge { len: 2000, limit: 1999 }));
}

#[test]
fn bursts_of_more_than_two_lines_are_dropped_by_some_units() {
    // A UART pool of two lines: whatever comes while a request is at work is lost.
    let mut bench = bench(|_| Fault::None);
    bench.buffers = 1;
    bench.turnaround = Duration::from_millis(20);
    let content = bytes(20_000);
    let uploaded = upload_file(&mut bench, &content).unwrap();
    assert_eq!(bench.server.files["/lfs/a"], content);
    // Alone: 60 pieces of 20 ms and 7 ms of line; every probe of the window costs one wait at most.
    assert!(uploaded.losses <= 4, "{uploaded:?}");
}

#[test]
fn a_unit_that_drops_what_is_longer_than_two_lines() {
    for buffers in [1, 4] {
        let mut bench = bench(|_| Fault::None);
        bench.server.limit = 186;
        bench.buffers = buffers;
        let content = bytes(5_000);
        let uploaded = upload_file(&mut bench, &content).unwrap();
        assert_eq!(bench.server.files["/lfs/a"], content);
        assert_eq!(uploaded.limits.message, 2 * 93 - 4);
        let uploaded = upload_image(&mut bench, &content, LIMITS).unwrap();
        assert_eq!((bench.server.image.len(), uploaded.limits.message), (5_000, 182));
    }
}

#[test]
fn a_unit_without_a_buffer_left_for_its_answer() {
    // As Zephyr 4.4 with four buffers: four requests at once are all refused with rc 2.
    let mut bench = bench(|_| Fault::None);
    bench.turnaround = Duration::from_millis(10);
    bench.refuse_when_full = true;
    let image = bytes(40_000);
    let uploaded = upload_image(&mut bench, &image, LIMITS).unwrap();
    assert_eq!(bench.server.image, image);
    assert!(uploaded.losses <= 4 && uploaded.sent < 46_000, "{uploaded:?}");
    assert_eq!(uploaded.limits.window, 3, "what is worth remembering");
}

#[test]
fn raw_framing_and_long_lines_carry_transfers_too() {
    for framing in [Framing::Raw, Framing::Console(LineLength::new(512).unwrap())] {
        let mut bench = Bench::with_framing(framing, 380, 4);
        let image = bytes(9_000);
        upload_image(&mut bench, &image, LIMITS).unwrap();
        assert_eq!(bench.server.image, image);
    }
}

#[test]
fn a_file_that_could_not_be_closed_for_want_of_memory_is_closed_before_it_is_begun_again() {
    let content = bytes(284);
    // The first piece's answer is lost, and the unit is too busy to close the file: it counts on.
    let faults = [Fault::None, Fault::LoseRequest, Fault::None, Fault::LoseAnswer, Fault::Busy];
    let mut bench = bench(move |n| faults.get(n).cloned().unwrap_or(Fault::None));
    upload_file(&mut bench, &content).unwrap();
    assert_eq!(bench.server.files["/lfs/a"], content);
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::LoseRequest),
        1 => Just(Fault::CutRequest),
        1 => Just(Fault::LoseAnswer),
        1 => Just(Fault::CorruptAnswer),
        1 => Just(Fault::TwiceAnswered),
        1 => Just(Fault::Busy),
        1 => (0_u64..4000).prop_map(|late| Fault::Late(Duration::from_millis(late))),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Fault::Instead),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|mut bytes| {
            bytes.splice(0..0, FIRST_LINE);
            Fault::Instead(bytes)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever goes wrong: an upload that says it ended well stored the right bytes, and each one ends.
    #[test]
    fn no_fault_makes_a_false_success(faults in prop::collection::vec(any_fault(), 1..80), len in 1_usize..12_000) {
        let content = bytes(len);
        let at = move |n: usize| faults.get(n).cloned().unwrap_or(Fault::None);
        let mut image = bench(at.clone());
        if upload_image(&mut image, &content, LIMITS).is_ok() {
            prop_assert!(image.server.image == content, "image");
        }
        let mut file = bench(at.clone());
        if upload_file(&mut file, &content).is_ok() {
            prop_assert!(file.server.files["/lfs/a"] == content, "file");
        }
        let mut read = bench(at);
        read.server.files.insert("/lfs/a".into(), content.clone());
        if let Ok(got) = download(&mut read) {
            prop_assert!(got == content, "download");
        }
    }

    /// A unit that answers anything at all cannot make a session panic or run on.
    #[test]
    fn hostile_answers_end(answers in prop::collection::vec((0_u64..30_000, any::<bool>()), 1..40)) {
        use crate::smp::message::{encode_reply, fs, image};
        use crate::smp::header::Header;
        let content = bytes(10_000);
        for file in [false, true] {
            let answers = answers.clone();
            let mut bench = bench(|_| Fault::None);
            bench.server.script = Some(Box::new(move |n: usize, header: &Header| {
                let (off, full) = answers[n % answers.len()];
                if file && fs::Upload::is(header) {
                    encode_reply::<fs::Upload>(&fs::UploadReply { off }, header).ok()
                } else if !file && image::Upload::is(header) {
                    let reply = image::UploadReply { off: Some(off), matches: full.then_some(full) };
                    encode_reply::<image::Upload>(&reply, header).ok()
                } else {
                    None
                }
            }));
            let _ = if file { upload_file(&mut bench, &content) } else { upload_image(&mut bench, &content, LIMITS) };
        }
    }

    #[test]
    fn hostile_pieces_end(
        pieces in prop::collection::vec((0_u64..3000, 0_usize..200, prop::option::of(0_u64..5000)), 1..40),
    ) {
        use crate::smp::message::{encode_reply, fs};
        use crate::smp::header::Header;
        let mut bench = bench(|_| Fault::None);
        bench.server.script = Some(Box::new(move |n: usize, header: &Header| {
            let (off, data, len) = pieces[n % pieces.len()];
            encode_reply::<fs::Download>(&fs::DownloadReply { off, data: vec![7; data].into(), len }, header).ok()
        }));
        if let Ok(got) = download(&mut bench) {
            prop_assert!(got.len() <= 5000);
        }
    }
}
