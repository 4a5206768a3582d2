//! Files, with daemons that answer what they should not.

use protocols::adb::message::sync::{self, Entry, Mode, Request, Stat, Version};

use super::daemon::{Asked, Daemon, Reply};
use super::*;
use crate::device::{Bounds, EntryKind, Put, Take};
use crate::digest::{Algorithm, Digest};

const V2: &str = "device::features=shell_v2,stat_v2,ls_v2,sendrecv_v2,sendrecv_v2_lz4,sendrecv_v2_zstd,delayed_ack";
const PROGRAMS: &str = "chmod\nmkdir\nmv\nrm\nsha256sum\ntouch\n";

fn is_survey(service: &[u8]) -> bool {
    service.starts_with(b"shell,v2,raw:for p in")
}

/// A unit with the usual programs; `shell` answers its commands.
fn unit(banner: &str, shell: impl Fn(&str) -> Reply + Send + 'static) -> Daemon {
    Daemon::with_banner(banner).on("shell", move |service| {
        if is_survey(service) || !service.starts_with(b"shell,v2") {
            let printed = format!("{PROGRAMS}-hardwire-\n0\n-hardwire-\n-hardwire-\n-hardwire-\n");
            return if service.starts_with(b"shell,v2") { Reply::shell(&printed, "", 0) } else { Reply::raw(&printed) };
        }
        let command = String::from_utf8_lossy(service).into_owned();
        shell(command.trim_start_matches("shell,v2,raw:").trim_end_matches('\0'))
    })
}

fn stat(mode: Mode, size: u64) -> Stat {
    Stat { mode, size, mtime: 1000, ..Stat::default() }
}

/// The answer to a look at a file.
fn looked(request: &Request, stat: Stat) -> Vec<u8> {
    match request {
        Request::Stat { version, follow, .. } => stat.to_bytes(*version, *follow),
        other => panic!("{other:?}"),
    }
}

fn absent() -> Stat {
    Stat { error: 2, ..Stat::default() }
}

#[test]
fn a_file_goes_to_a_folder_of_ours_and_is_moved_when_it_is_whole() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let commands = Arc::new(Mutex::new(Vec::new()));
    let (seen, heard) = (Arc::clone(&sent), Arc::clone(&commands));
    let daemon = unit(V2, move |command| {
        heard.lock().unwrap().push(command.to_owned());
        Reply::shell("", "", 0)
    })
    .files(move |asked| match asked {
        Asked::Request(ref request @ Request::Stat { ref path, .. }) => {
            looked(request, if path == b"/d" { stat(Mode::folder(0o755), 0) } else { absent() })
        }
        Asked::Request(_) => Vec::new(),
        Asked::Sent(path, data) => {
            seen.lock().unwrap().push((path, data));
            sync::okay()
        }
    });
    let content = vec![7_u8; 200_000];
    let small = b"x".to_vec();
    let (written, _) = with(daemon, &[("compress", "none")], |driver, op| {
        let put = |path, content| Put { path, content, marks: crate::device::Marks::default() };
        driver.files().expect("files").write_many(&[put("/d/big", &content), put("/d/it's", &small)], op)
    });
    assert_eq!(written.unwrap().unwrap().sent, 200_001);
    let sent = sent.lock().unwrap();
    assert_eq!(sent[0], ("/d/.hardwire-incoming/big".to_owned(), content));
    assert_eq!(sent[1], ("/d/.hardwire-incoming/it's".to_owned(), small));
    let commands = commands.lock().unwrap();
    let staged = r"/d/.hardwire-incoming/big '/d/.hardwire-incoming/it'\''s'";
    let moved = r"cd /d/.hardwire-incoming && mv -f ./big './it'\''s' .. || exit 1";
    assert_eq!(
        *commands,
        [format!("chmod 644 {staged} 2>/dev/null; {moved}; rm -rf /d/.hardwire-incoming; sync; exit 0")]
    );
}

#[test]
fn a_folder_that_the_unit_lacks_is_moved_whole_and_without_what_another_left() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let commands = Arc::new(Mutex::new(Vec::new()));
    let (seen, heard) = (Arc::clone(&sent), Arc::clone(&commands));
    let daemon = unit(V2, move |command| {
        heard.lock().unwrap().push(command.to_owned());
        Reply::shell("", "", 0)
    })
    .files(move |asked| match asked {
        Asked::Request(ref request @ Request::Stat { ref path, .. }) => {
            let there = [&b"/d"[..], b"/d/.hardwire-incoming"].contains(&path.as_slice());
            looked(request, if there { stat(Mode::folder(0o755), 0) } else { absent() })
        }
        Asked::Request(_) => Vec::new(),
        Asked::Sent(path, _) => {
            seen.lock().unwrap().push(path);
            sync::okay()
        }
    });
    let content = b"x".to_vec();
    let (written, _) = with(daemon, &[], |driver, op| {
        let put = |path| Put { path, content: &content, marks: crate::device::Marks::default() };
        let files = [put("/d/new/a"), put("/d/new/sub/b"), put("/d/c")];
        driver.files().expect("files").write_many(&files, op)
    });
    assert_eq!(written.unwrap().unwrap().sent, 3);
    let stage = "/d/.hardwire-incoming";
    let staged = ["new/a", "new/sub/b", "c"].map(|path| format!("{stage}/{path}"));
    assert_eq!(*sent.lock().unwrap(), staged);
    let moved = format!("cd {stage} && mv -f ./c ./new .. || exit 1; rm -rf {stage}; sync; exit 0");
    let marked = format!("chmod 644 {} 2>/dev/null", staged.join(" "));
    assert_eq!(*commands.lock().unwrap(), [format!("rm -rf {stage}"), format!("{marked}; {moved}")]);
}

#[test]
fn without_exit_codes_files_go_to_their_place_and_no_digest_is_believed() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    let daemon = unit("device::", |_| Reply::raw("")).files(move |asked| match asked {
        Asked::Request(request @ Request::Stat { .. }) => looked(&request, Stat::default()),
        Asked::Request(_) => Vec::new(),
        Asked::Sent(path, data) => {
            seen.lock().unwrap().push((path, data));
            sync::okay()
        }
    });
    let (done, _) = with(daemon, &[], |driver, op| {
        assert!(!driver.unit().levels(Capability::Files).contains(&Level::Digest));
        let files = driver.files().expect("files");
        assert!(files.algorithms().is_empty() && files.trees().is_none());
        assert_eq!(files.digest("/d/a", Algorithm::Sha256, None, op).unwrap_err().kind(), Kind::Unsupported);
        files.write("/d/a", &vec![1_u8; 10], op)
    });
    assert_eq!(done.unwrap().unwrap().sent, 10);
    assert_eq!(sent.lock().unwrap()[0], ("/d/a".to_owned(), vec![1; 10]));
}

#[test]
fn a_refusal_is_told_in_the_units_words() {
    let daemon = unit(V2, |_| Reply::shell("", "", 0)).files(|asked| match asked {
        Asked::Request(request @ Request::Stat { .. }) => looked(&request, absent()),
        Asked::Request(_) => Vec::new(),
        Asked::Sent(..) => sync::fail(b"No space left on \x1b[2Jdevice"),
    });
    let (error, daemon) =
        with(daemon, &[], |driver, op| driver.files().expect("files").write("/d/a", &vec![1_u8; 10], op).unwrap_err());
    let error = error.unwrap();
    assert_eq!(error.kind(), Kind::Refused);
    let shown = std::iter::once(error.to_string()).chain(error.causes()).collect::<String>();
    assert!(shown.contains("No space left") && !shown.contains('\x1b'), "{shown}");
    assert_eq!(daemon.open_streams(), 0, "the stream is of no use after a refusal");
}

struct Taken(Vec<u8>);

impl Take for Taken {
    fn bytes(&mut self, _: usize, bytes: &[u8]) -> Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    fn end(&mut self, _: usize, there: bool) -> Result<()> {
        self.0.extend_from_slice(if there { b"|" } else { b"-" });
        Ok(())
    }
}

fn data(bytes: &[u8]) -> Vec<u8> {
    [sync::data_header(bytes.len() as u32).as_slice(), bytes].concat()
}

fn read(replies: impl Fn(&str) -> Vec<u8> + Send + 'static, size: u64, most: u64) -> Result<Vec<u8>> {
    let daemon = unit(V2, |_| Reply::shell("", "", 0)).files(move |asked| match asked {
        Asked::Request(Request::Receive { path, .. }) => replies(&String::from_utf8(path).unwrap()),
        Asked::Request(ref request @ Request::Stat { ref path, .. }) => {
            looked(request, if path == b"/none" { absent() } else { stat(Mode::file(0o644), size) })
        }
        Asked::Request(_) | Asked::Sent(..) => Vec::new(),
    });
    with(daemon, &[], |driver, op| {
        let mut taken = Taken(Vec::new());
        driver.files().expect("files").read_many(&["/a", "/none", "/b"], most, &mut taken, op)?;
        Ok(taken.0)
    })
    .0
    .unwrap()
}

#[test]
fn many_files_are_read_and_one_that_never_ends_is_not() {
    let good = |path: &str| [data(path.as_bytes()), data(b"."), sync::done()].concat();
    assert_eq!(read(good, 3, 100).unwrap(), b"/a.|-/b.|");
    assert_eq!(read(good, 3, 2).unwrap_err().kind(), Kind::Refused, "it says that it is longer");
    // It says that it has three bytes, and sends on and on.
    let endless = |_: &str| data(&[0; 60_000]).repeat(400);
    assert_eq!(read(endless, 3, u64::MAX).unwrap_err().kind(), Kind::Refused);
    let oversized = |_: &str| [sync::data_header(1 << 20).as_slice(), &[0; 100]].concat();
    assert_eq!(read(oversized, 3, 1 << 30).unwrap_err().kind(), Kind::Garbled);
    let refused = |_: &str| [data(b"half"), sync::fail(b"I/O error")].concat();
    assert_eq!(read(refused, 9, 100).unwrap_err().kind(), Kind::Refused);
}

#[test]
fn what_a_unit_compressed_badly_is_garbled_and_a_refusal_in_it_is_one() {
    let compressed = |reply: Vec<u8>| {
        let daemon = unit(V2, |_| Reply::shell("", "", 0)).files(move |asked| match asked {
            Asked::Request(Request::Receive { .. }) => reply.clone(),
            Asked::Request(request) => looked(&request, stat(Mode::file(0o644), 1 << 40)),
            Asked::Sent(..) => Vec::new(),
        });
        with(daemon, &[("compress", "zstd")], |driver, op| {
            driver.files().expect("files").read("/a", &mut Vec::new(), op)
        })
        .0
        .unwrap()
    };
    let good = zstd::encode_all(b"hello".as_slice(), 1).unwrap();
    assert_eq!(compressed([data(&good), sync::done()].concat()).unwrap(), Some(5));
    assert_eq!(compressed([data(&good[..8]), sync::done()].concat()).unwrap_err().kind(), Kind::Garbled);
    assert_eq!(compressed([data(b"no frame at all"), sync::done()].concat()).unwrap_err().kind(), Kind::Garbled);
    assert_eq!(compressed([data(&good[..8]), sync::fail(b"gone")].concat()).unwrap_err().kind(), Kind::Refused);
}

fn entries(entries: &[(&[u8], Mode)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, mode) in entries {
        bytes.extend(Entry { name: name.to_vec(), stat: stat(*mode, 5) }.to_bytes(Version::V2));
    }
    bytes.extend(Entry::end(Version::V2));
    bytes
}

/// Path and why.
type LeftOut = Vec<(String, String)>;

fn listed(bounds: Bounds, of: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (Vec<(String, EntryKind)>, LeftOut) {
    let daemon = unit(V2, |_| Reply::shell("", "", 0)).files(move |asked| match asked {
        Asked::Request(Request::List { path, .. }) => of(&String::from_utf8(path).unwrap()),
        Asked::Request(request) => looked(&request, stat(Mode::folder(0o755), 0)),
        Asked::Sent(..) => Vec::new(),
    });
    let (listing, _) =
        with(daemon, &[], |driver, op| driver.files().and_then(Files::trees).expect("trees").list("/r", bounds, op));
    let listing = listing.unwrap().unwrap().unwrap();
    (
        listing.entries.into_iter().map(|entry| (entry.path, entry.kind)).collect(),
        listing.left_out.into_iter().map(|left| (left.path.to_string(), left.why)).collect(),
    )
}

#[test]
fn a_tree_holds_files_and_folders_and_nothing_that_leads_out_of_it() {
    let (found, left) = listed(Bounds::default(), |folder| match folder {
        "/r//" => entries(&[
            (b".", Mode::folder(0o755)),
            (b"..", Mode::folder(0o755)),
            (b"a", Mode::file(0o644)),
            (b"sub", Mode::folder(0o755)),
            (b"../../etc/passwd", Mode::file(0o644)),
            (b"loop", Mode::LINK),
            (b"dev", Mode(0o020_666)),
            (b"\xff\xfe", Mode::file(0o644)),
            (b"\x1b[2J", Mode::file(0o644)),
            (b".hardwire-incoming", Mode::folder(0o755)),
        ]),
        "/r/sub/" => entries(&[(b"b", Mode::file(0o600))]),
        other => panic!("{other}"),
    });
    let name = |name: &str, kind| (name.to_owned(), kind);
    assert_eq!(found, [name("a", EntryKind::File), name("sub", EntryKind::Folder), name("sub/b", EntryKind::File)]);
    let why: Vec<&str> = left.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(
        why,
        [
            "its name leads out of the folder",
            "it is a symbolic link",
            "it is a device file",
            "its name is not UTF-8",
            "its name holds characters that steer a screen"
        ]
    );
    assert!(left.iter().all(|(path, _)| !path.contains('\x1b')));
}

#[test]
fn a_tree_without_end_is_cut() {
    let deep = |_: &str| entries(&[(b"d", Mode::folder(0o755))]);
    let (found, left) = listed(Bounds { entries: 1000, depth: 5 }, deep);
    assert_eq!((found.len(), left[0].1.as_str()), (5, "it lies too deep"));
    let wide = |_: &str| entries(&vec![(b"f".as_slice(), Mode::file(0o644)); 5000]);
    let (found, left) = listed(Bounds { entries: 1000, depth: 5 }, wide);
    assert_eq!((found.len(), left[0].1.as_str()), (1000, "there is more in the tree than is listed"));
}

#[test]
fn digests_are_asked_in_few_commands_and_held_to_the_files() {
    let daemon = |shell: fn(&str) -> Reply| {
        unit(V2, shell).files(|asked| match asked {
            Asked::Request(ref request @ Request::Stat { ref path, .. }) => {
                looked(request, if path == b"/none" { absent() } else { stat(Mode::file(0o644), 5) })
            }
            Asked::Request(_) | Asked::Sent(..) => Vec::new(),
        })
    };
    let digests = |shell: fn(&str) -> Reply| {
        with(daemon(shell), &[], |driver, op| {
            driver.files().expect("files").digests(&["/a", "/none", "/b c"], Algorithm::Sha256, op)
        })
        .0
        .unwrap()
    };
    let good = digests(|command| {
        assert_eq!(command, r#"d=$(sha256sum /a '/b c') && echo "$d""#);
        let [a, b] = ["a", "b"].map(|text| Digest::sha256(text.as_bytes()).to_string());
        Reply::shell(
            &format!("{}  /a\n\\{}  /b c\n", a.trim_start_matches("sha256:"), b.trim_start_matches("sha256:")),
            "",
            0,
        )
    });
    assert_eq!(good.unwrap(), [Some(Digest::sha256(b"a")), None, Some(Digest::sha256(b"b"))]);
    let short = digests(|_| Reply::shell("00  /a\n", "", 0)).unwrap_err();
    assert_eq!(short.kind(), Kind::Garbled);
    assert_eq!(digests(|_| Reply::shell("", "sha256sum: I/O error", 1)).unwrap_err().kind(), Kind::Refused);
}

#[test]
fn what_a_list_showed_is_not_looked_at_again_unless_it_left_meanwhile() {
    let digests = |reply: fn() -> Reply| {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let daemon = unit(V2, move |_| reply()).files(move |asked| match asked {
            Asked::Request(Request::List { .. }) => {
                entries(&[(b"a", Mode::file(0o644)), (b"b", Mode::file(0o644)), (b"c", Mode::folder(0o755))])
            }
            Asked::Request(ref request @ Request::Stat { ref path, .. }) => {
                seen.lock().unwrap().push(String::from_utf8(path.clone()).unwrap());
                looked(request, if path == b"/r" { stat(Mode::folder(0o755), 0) } else { absent() })
            }
            Asked::Request(_) | Asked::Sent(..) => Vec::new(),
        });
        let (digests, _) = with(daemon, &[], |driver, op| {
            let files = driver.files().expect("files");
            files.trees().expect("trees").list("/r", Bounds { depth: 0, ..Bounds::default() }, op).unwrap();
            files.digests(&["/r/a", "/r/b"], Algorithm::Sha256, op)
        });
        let asked = asked.lock().unwrap().clone();
        (digests.unwrap().unwrap(), asked)
    };
    let [a, b] = [b"a", b"b"].map(|bytes| Digest::sha256(bytes));
    let there = || {
        let [a, b] = [b"a", b"b"].map(|bytes| Digest::sha256(bytes));
        Reply::shell(&format!("{a}  /r/a\n{b}  /r/b\n"), "", 0)
    };
    assert_eq!(digests(there), (vec![Some(a), Some(b)], vec!["/r".to_owned()]));
    let left = || Reply::shell("", "sha256sum: /r/a: No such file or directory", 1);
    assert_eq!(digests(left), (vec![None, None], ["/r", "/r/a", "/r/b"].map(str::to_owned).to_vec()));
}
