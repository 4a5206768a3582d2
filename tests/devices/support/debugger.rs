//! As much of the GDB remote protocol as it takes to load memory and to press reset.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Attached to an emulated machine, which stands still until [`Debugger::detach`].
pub struct Debugger {
    socket: UnixStream,
}

impl Debugger {
    /// Attaches and halts the machine; retries while the emulator starts.
    pub fn attach(path: &Path) -> Self {
        let until = Instant::now() + Duration::from_secs(20);
        let socket = loop {
            match UnixStream::connect(path) {
                Ok(socket) => break socket,
                Err(e) if Instant::now() > until => panic!("{}: {e}", path.display()),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout is set");
        Self { socket }
    }

    /// Writes into the machine's memory.
    pub fn write(&mut self, address: u32, data: &[u8]) {
        for (index, chunk) in data.chunks(1024).enumerate() {
            let at = address as usize + index * 1024;
            assert_eq!(self.ask(&format!("M{at:x},{:x}:{}", chunk.len(), hex::encode(chunk))), "OK");
        }
    }

    /// Reads the machine's memory.
    pub fn read(&mut self, address: u32, len: usize) -> Vec<u8> {
        hex::decode(self.ask(&format!("m{address:x},{len:x}"))).expect("memory as hex")
    }

    /// Runs a command of the emulator's monitor and returns what it printed.
    pub fn monitor(&mut self, command: &str) -> String {
        let mut answer = self.ask(&format!("qRcmd,{}", hex::encode(command)));
        let mut printed = String::new();
        while let Some(text) = answer.strip_prefix('O').filter(|text| *text != "K") {
            printed += &String::from_utf8_lossy(&hex::decode(text).expect("text as hex"));
            answer = self.answer();
        }
        assert_eq!(answer, "OK", "monitor command {command}");
        printed
    }

    /// Lets the machine run.
    pub fn detach(mut self) {
        self.ask("D");
    }

    fn ask(&mut self, packet: &str) -> String {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.socket.write_all(format!("${packet}#{sum:02x}").as_bytes()).expect("debugger takes a packet");
        self.answer()
    }

    /// The next answer; that the machine has halted comes unasked, at any time.
    fn answer(&mut self) -> String {
        loop {
            let packet = self.packet();
            if !packet.starts_with('T') {
                return packet;
            }
        }
    }

    fn packet(&mut self) -> String {
        let mut body = Vec::new();
        let mut next = || {
            let mut byte = [0];
            self.socket.read_exact(&mut byte).expect("debugger answers");
            byte[0]
        };
        while next() != b'$' {}
        loop {
            match next() {
                b'#' => break,
                byte => body.push(byte),
            }
        }
        let _checksum = [next(), next()];
        self.socket.write_all(b"+").expect("debugger takes an acknowledgement");
        String::from_utf8(body).expect("packet is text")
    }
}
