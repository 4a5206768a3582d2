use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use super::Bench;

/// A stand-in device; it ends with the test.
pub struct Stub {
    child: Child,
    /// As `-d` takes it.
    pub address: String,
}

impl Stub {
    /// `hardwire stub` with these arguments, spoken to by `driver`.
    pub fn start(bench: &Bench, driver: &str, args: &[&str]) -> Stub {
        let mut child = bench
            .command(&[&["stub"], args, &["--json"]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap_or_else(|_| panic!("it did not start: {ready}"));
        Stub { child, address: format!("{driver}@{}", ready["address"].as_str().unwrap()) }
    }

    /// A phone in Android. Its state survives in `phone.state`.
    pub fn phone(bench: &Bench, options: &[&str]) -> Stub {
        Stub::over_tcp(bench, "adb", "phone.state", options)
    }

    /// A phone in its bootloader. Its state survives in `fastboot.state`.
    pub fn loader(bench: &Bench, options: &[&str]) -> Stub {
        Stub::over_tcp(bench, "fastboot", "fastboot.state", options)
    }

    fn over_tcp(bench: &Bench, kind: &str, state: &str, options: &[&str]) -> Stub {
        let state = bench.path(state);
        let args = [kind, "--tcp", "127.0.0.1:0", "--state", state.to_str().unwrap()];
        Stub::start(bench, kind, &[&args[..], options].concat())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
