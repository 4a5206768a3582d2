//! A phone on a host in memory, spoken to packet by packet.

use super::{Mode, Options, Phone};
use crate::adb::{Authorisation, Fault, Prompt};
use crate::usb::host::{Host, Trouble};
use crate::usb::{Stop, Then};
use protocols::adb::message::shell::{Kind, Reader};
use protocols::adb::message::{AuthKind, Banner, SystemKind, feature};
use protocols::adb::wire::{Command, Deframer, MAX_PAYLOAD, Packet, Version};
use std::time::Duration;

const BASE: &[u8] = include_bytes!("../../../protocols/src/android/apk/vectors/base.apk");
const SOON: Duration = Duration::from_secs(1);

struct Client {
    host: Host<Phone>,
    banner: Banner,
    deframer: Deframer,
    stream: u32,
}

impl Client {
    fn plug(options: Options) -> Result<Self, Stop> {
        let host = Host::plug(Phone::open(options).expect("a phone"))?;
        let banner = Banner::host();
        Ok(Self { host, banner, deframer: Deframer::hunting(), stream: 0 })
    }

    fn send(&mut self, packet: &Packet) -> Result<(), Trouble> {
        self.host.write(1, &packet.header(Version::NO_CHECKSUM).to_bytes())?;
        if packet.payload.is_empty() { Ok(()) } else { self.host.write(1, &packet.payload) }
    }

    fn next(&mut self) -> Result<Packet, Trouble> {
        loop {
            let bytes = self.host.read(1, 16_384)?;
            if let Some(packet) =
                self.deframer.next(&mut bytes.as_slice()).map_err(|e| Trouble::Broken(e.to_string()))?
            {
                return Ok(packet);
            }
        }
    }

    fn hello(&mut self) -> Result<Packet, Trouble> {
        self.host.enumerate()?;
        self.deframer = Deframer::hunting();
        let banner = Banner { features: feature_set(&self.banner), ..self.banner.clone() };
        self.send(&Packet::new(Command::CNXN, Version::NO_CHECKSUM.0, MAX_PAYLOAD, banner.to_bytes()))?;
        self.next()
    }

    /// Runs a command: output, errors, exit code.
    fn shell(&mut self, command: &str) -> Result<(String, String, u8), Trouble> {
        self.stream += 1;
        let local = self.stream;
        self.send(&Packet::new(Command::OPEN, local, 0, format!("shell,v2,raw:{command}\0")))?;
        let (mut out, mut err, mut code, mut reader) = (Vec::new(), Vec::new(), None, Reader::default());
        loop {
            let packet = self.next()?;
            match packet.command {
                Command::WRTE => {
                    let mut bytes = packet.payload.as_slice();
                    while let Some(part) = reader.next(&mut bytes).expect("shell packets") {
                        match part.kind {
                            Kind::Stdout => out.extend_from_slice(part.data),
                            Kind::Stderr => err.extend_from_slice(part.data),
                            Kind::Exit => code = part.data.first().copied(),
                            other => panic!("{other:?}"),
                        }
                    }
                    self.send(&Packet::new(Command::OKAY, local, packet.arg0, []))?;
                }
                Command::CLSE => break,
                _ => {}
            }
        }
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ok((text(out), text(err), code.expect("an exit code")))
    }

    #[track_caller]
    fn says(&mut self, command: &str, expected: &str) {
        assert_eq!(self.shell(command).unwrap(), (expected.to_owned(), String::new(), 0), "{command}");
    }

    #[track_caller]
    fn refuses(&mut self, command: &str, code: u8) -> String {
        let (out, err, ended) = self.shell(command).unwrap();
        assert_eq!(ended, code, "{command}: {out}{err}");
        out + &err
    }
}

/// Without bytes that are acknowledged: this client has no window.
fn feature_set(banner: &Banner) -> protocols::adb::message::Features {
    banner.features.names().filter(|name| *name != feature::DELAYED_ACK).collect()
}

fn new(folder: &tempfile::TempDir) -> Options {
    Options::new(folder.path().to_owned())
}

fn online(options: Options) -> Client {
    let mut client = Client::plug(options).unwrap();
    let hello = client.hello().unwrap();
    assert_eq!(hello.command, Command::CNXN);
    assert_eq!(Banner::parse(&hello.payload).system, SystemKind::Device);
    client
}

#[test]
fn the_shell_speaks_as_androids_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = online(new(&folder));
    client.says("echo a 'b  c' | cat; x=7; echo \"$x-$?\"", "a b  c\n7-0\n");
    client.says("for p in ls nonsense stat; do command -v $p >/dev/null 2>&1 && echo $p; done", "ls\nstat\n");
    client.says("if [ -d /sdcard ]; then echo yes; else echo no; fi", "yes\n");
    client.says("mkdir -p /sdcard/a/b && echo -n text > /sdcard/a/b/c && cat /sdcard/a/b/c && rm -r /sdcard/a", "text");
    client.says("printf '/sdcard\\0/none' | xargs -0 ls -d 2>/dev/null; true", "/sdcard\n");
    client.says("printf hello | sha256sum -b", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n");
    assert_eq!(client.refuses("cat /none", 1), "cat: /none: No such file or directory\n");
    assert_eq!(client.refuses("nonsense", 127), "/system/bin/sh: nonsense: inaccessible or not found\n");
    assert_eq!(client.shell("false || (").unwrap().2, 1);
}

#[test]
fn settings_properties_and_owners_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = online(new(&folder));
    client.says("settings put secure lock 1; setprop persist.kiosk on; setprop kiosk.now on", "");
    client.says("settings get secure lock; getprop persist.kiosk; getprop kiosk.now", "1\non\non\n");
    assert!(client.refuses("settings put other lock 1", 1).contains("Invalid namespace"));
    client.refuses("setprop ro.serialno X", 1);
    let mut options = new(&folder);
    drop(client);
    options.adb.accounts = vec!["me".into()];
    let mut client = online(options);
    client.says("settings get secure lock; getprop persist.kiosk; getprop kiosk.now", "1\non\n\n");
    let owner = "dpm set-device-owner org.example.kiosk/.Admin";
    assert!(client.refuses(owner, 255).contains("Unknown admin"));
    client.shell("settings put global x 1").unwrap();
    assert!(client.refuses("setprop kiosk.long $(printf '%s%s%s%s' aaaaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaaaaaa)", 1).contains("too long"));
}

#[test]
fn applications_are_installed_from_sessions_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = online(new(&folder));
    std::fs::write(folder.path().join("files/data/local/tmp/base.apk"), BASE).unwrap();
    std::fs::write(folder.path().join("files/data/local/tmp/bad.apk"), b"no package").unwrap();
    assert!(client.refuses("pm install /data/local/tmp/base.apk", 1).contains("INSTALL_FAILED_TEST_ONLY"));
    assert!(client.refuses("pm install -t /data/local/tmp/bad.apk", 1).contains("INSTALL_PARSE_FAILED_NOT_APK"));
    client.refuses("pm path org.example.kiosk", 1);
    client.says("pm install-create -r -t -S 1", "Success: created install session [3]\n");
    let written = format!("Success: streamed {} bytes\n", BASE.len());
    client.says("pm install-write 3 base /data/local/tmp/base.apk", &written);
    client.says("pm install-commit 3", "Success\n");
    let path = client.shell("pm path org.example.kiosk").unwrap().0;
    let path = path.trim().strip_prefix("package:").unwrap();
    assert_eq!(std::fs::read(folder.path().join("files").join(&path[1..])).unwrap(), BASE);
    client.says(
        "pm list packages --show-versioncode",
        "package:android versionCode:34\npackage:org.example.kiosk versionCode:1203\n",
    );
    client.says("pm grant org.example.kiosk android.permission.CAMERA", "");
    let dumped = client.shell("dumpsys package org.example.kiosk").unwrap().0;
    assert!(dumped.contains("versionCode=1203") && dumped.contains("android.permission.CAMERA: granted=true"));
    client.shell("dpm set-device-owner org.example.kiosk/.Admin").unwrap();
    assert!(client.refuses("pm uninstall org.example.kiosk", 1).contains("DEVICE_POLICY_MANAGER"));
    client.shell("dpm remove-active-admin org.example.kiosk/.Admin").unwrap();
    client.says("pm uninstall org.example.kiosk", "Success\n");
    assert!(!folder.path().join("files").join(&path[1..]).exists());
}

#[test]
fn a_phone_leaves_for_its_bootloader_and_comes_back_with_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = online(new(&folder));
    client.shell("reboot bootloader").unwrap();
    assert!(matches!(client.host.pass(SOON).unwrap(), Then::Leave { .. }));
    assert_eq!(client.host.device.mode(), Mode::Bootloader);
    client.host.enumerate().unwrap();
    let mut fastboot = |command: &[u8]| {
        client.host.write(1, command).unwrap();
        client.host.read(1, 256).unwrap()
    };
    assert_eq!(fastboot(b"download:00000004"), b"DATA00000004");
    assert_eq!(fastboot(b"abcd"), b"OKAY");
    let mut said = fastboot(b"flash:boot_b");
    while said.starts_with(b"INFO") {
        said = client.host.read(1, 256).unwrap();
    }
    assert_eq!(said, b"OKAY");
    client.host.write(1, b"reboot").unwrap();
    client.host.read(1, 256).unwrap();
    let _ = client.host.pass(SOON);
    assert_eq!(client.host.device.mode(), Mode::Android);
    assert_eq!(client.hello().unwrap().command, Command::CNXN);
    client.says("head -c 4 /dev/block/by-name/boot_b", "abcd");
    client.says("getprop ro.boot.slot_suffix", "_a\n");
}

#[test]
fn a_key_that_is_not_known_gets_no_further_than_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = new(&folder);
    options.adb.authorisation = Authorisation::Keys(Prompt::Refuse);
    let mut client = Client::plug(options).unwrap();
    let asked = client.hello().unwrap();
    assert_eq!((asked.command, asked.arg0, asked.payload.len()), (Command::AUTH, AuthKind::Token.code(), 20));
    client.send(&Packet::new(Command::AUTH, AuthKind::Signature.code(), 0, [7; 256])).unwrap();
    let again = client.next().unwrap();
    assert_eq!(again.command, Command::AUTH);
    assert_ne!(again.payload, asked.payload, "a token is used once");
    client.send(&Packet::new(Command::AUTH, AuthKind::PublicKey.code(), 0, *b"QAAAA= me\0")).unwrap();
    assert!(matches!(client.next(), Err(Trouble::Silence)));
    client.send(&Packet::new(Command::OPEN, 1, 0, *b"shell:id\0")).unwrap();
    assert!(matches!(client.next(), Err(Trouble::Silence)));
}

#[test]
fn faults_happen_when_they_are_due() {
    let with = |fault| {
        let folder = tempfile::tempdir().unwrap();
        let mut options = new(&folder);
        options.adb.faults = vec![fault];
        (online(options), folder)
    };
    let (mut client, _folder) = with(Fault::UnplugPacket(2));
    assert!(matches!(client.shell("true"), Err(Trouble::Unplugged)));
    let (mut client, _folder) = with(Fault::Hang(2));
    assert!(matches!(client.shell("true"), Err(Trouble::Silence)));
    let (mut client, folder) = with(Fault::UnplugByte(3));
    assert!(matches!(client.shell("echo abcdef > /sdcard/x"), Err(Trouble::Unplugged)));
    assert_eq!(std::fs::read(folder.path().join("files/data/media/0/x")).unwrap(), b"abc");
    let (mut client, _folder) = with(Fault::DiskFull);
    assert!(client.refuses("echo abcdef > /sdcard/x", 1).contains("No space left on device"));
    let (mut client, _folder) = with(Fault::LieExit);
    client.says("false", "");
}
