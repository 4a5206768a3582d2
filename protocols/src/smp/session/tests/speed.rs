//! Rates on a line of 921600 baud, 8N1. The bounds are the project's aims, not what was measured.

use super::bench::Bench;
use crate::smp::session::{FileDownload, FileUpload, ImageTarget, ImageUpload, Limits, TransferPolicy};
use std::time::Duration;

const IMAGE: usize = 200_000;
/// What console framing leaves of 92160 bytes a second: 93 of every 127 bytes.
const CEILING: f64 = 92_160.0 * 93.0 / 127.0;

fn image() -> Vec<u8> {
    (0..IMAGE).map(|n| (n * 7 + n / 256) as u8).collect()
}

/// Payload bytes a second of an image upload.
fn rate(buf_size: u32, buf_count: u32, window: usize, latency: u64) -> f64 {
    let limits = Limits { window, ..Limits::from_parameters(buf_size, buf_count) };
    let mut bench = Bench::new(limits.message, buf_count as usize);
    bench.latency = Duration::from_millis(latency);
    let image = image();
    let mut line = bench.line();
    let began = bench.now;
    let mut session = ImageUpload::new(&mut line, ImageTarget::default(), &image, limits, TransferPolicy::IMAGE);
    let uploaded = bench.run(&mut session).unwrap();
    assert_eq!(bench.server.image, image);
    assert_eq!((uploaded.sent, uploaded.losses), (IMAGE as u64, 0));
    assert!(bench.most_in_flight <= buf_count as usize);
    IMAGE as f64 / (bench.now - began).as_secs_f64()
}

#[test]
fn large_buffers_reach_nine_tenths_of_the_line_at_any_latency() {
    for latency in [0, 1, 16] {
        let rate = rate(2048, 4, 4, latency);
        println!("2048x4, {latency} ms: {rate:.0} B/s, {:.1} % of the ceiling", rate / CEILING * 100.0);
        assert!(rate >= 0.9 * CEILING, "{latency} ms: {rate:.0} of {CEILING:.0}");
    }
}

#[test]
fn small_buffers_are_three_times_as_fast_as_stop_and_wait() {
    for latency in [0, 1, 16] {
        let (alone, windowed) = (rate(384, 4, 1, latency), rate(384, 4, 4, latency));
        println!("384x4, {latency} ms: {windowed:.0} B/s, {:.2} times stop-and-wait", windowed / alone);
        assert!(latency < 16 || windowed >= 3.0 * alone, "{windowed:.0} against {alone:.0}");
    }
}

#[test]
fn files_go_both_ways_as_fast() {
    let limits = Limits::from_parameters(2048, 4);
    let mut bench = Bench::new(limits.message, 4);
    bench.latency = Duration::from_millis(16);
    let (content, mut line) = (image(), bench.line());
    let began = bench.now;
    bench.run(&mut FileUpload::new(&mut line, "/lfs/a", &content, limits, TransferPolicy::FILE)).unwrap();
    assert_eq!(bench.server.files["/lfs/a"], content);
    let up = IMAGE as f64 / (bench.now - began).as_secs_f64();

    let began = bench.now;
    let mut session = FileDownload::new(&mut line, "/lfs/a", u64::MAX, limits, TransferPolicy::FILE);
    let downloaded = bench.run(&mut session).unwrap();
    assert_eq!(downloaded.content, content);
    let down = IMAGE as f64 / (bench.now - began).as_secs_f64();
    println!("file up {up:.0} B/s, down {down:.0} B/s");
    assert!(up >= 0.88 * CEILING && down >= 0.88 * CEILING, "up {up:.0}, down {down:.0} of {CEILING:.0}");
}
