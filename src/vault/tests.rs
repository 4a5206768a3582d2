use std::io::Write as _;

use jiff::Timestamp;

use super::*;

struct Bench {
    _root: tempfile::TempDir,
    home: Home,
    vault: Vault,
}

fn bench() -> Bench {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(Some(root.path().to_owned())).unwrap();
    let vault = Vault::open(&home).unwrap();
    Bench { _root: root, home, vault }
}

/// Every file of the vault but the locks, with its bytes.
fn files(vault: &Vault) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(dir: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
        for path in names(dir).unwrap() {
            if path.is_dir() {
                walk(&path, into);
            } else if path.file_name().unwrap() != ".lock" {
                let bytes = fs::read(&path).unwrap();
                into.push((path, bytes));
            }
        }
    }
    let mut all = Vec::new();
    walk(&vault.root, &mut all);
    all
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn manifest(vault: &Vault, serial: &str, second: i64) -> Manifest {
    let item = |kind, path: &str, bytes: &[u8]| {
        let stored = vault.put(&mut &*bytes).unwrap();
        Item::new(kind, path, stored.bytes, stored.sha256)
    };
    Manifest {
        serial: Some(serial.to_owned()),
        hwid: None,
        model: Some("thermostat".to_owned()),
        hardware: Some("B".to_owned()),
        driver: "smp".to_owned(),
        mode: "application".to_owned(),
        firmware: vec![Firmware {
            slot: "primary".to_owned(),
            version: Some("1.0.0".to_owned()),
            hash: None,
            state: vec!["active".to_owned()],
        }],
        label: None,
        at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        items: vec![
            item(ItemKind::File, "/lfs1/../../../etc/passwd", b"from the unit"),
            item(ItemKind::Setting, "net/host\u{1b}[2J\0", b"host.local"),
        ],
        omitted: Vec::new(),
        complete: true,
    }
}

#[test]
fn what_is_put_is_read_back_checked() {
    let Bench { vault, _root, .. } = bench();
    let large: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    for bytes in [&b""[..], b"x", &large] {
        let stored = vault.put(&mut &bytes[..]).unwrap();
        assert_eq!(stored, Stored { sha256: Digest::sha256(bytes), bytes: bytes.len() as u64 });
        let mut back = Vec::new();
        vault.get(&stored.sha256).unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, bytes);
        let object = vault.get_checked(&stored.sha256).unwrap();
        assert_eq!(object.len(), bytes.len() as u64);
        let mut back = vec![0; bytes.len()];
        object.read_exact_at(0, &mut back).unwrap();
        assert_eq!(back, bytes);
    }
    let object = vault.get_checked(&Digest::sha256(&large)).unwrap();
    let mut part = [0; 100];
    object.read_exact_at(123_456, &mut part).unwrap();
    assert_eq!(part, large[123_456..123_556]);
    assert!(object.read_exact_at(299_950, &mut part).is_err());
    assert!(vault.verify().unwrap().is_sound());
}

#[test]
fn the_same_bytes_are_written_once() {
    let Bench { vault, _root, .. } = bench();
    let path = vault.object_path(&vault.put(&mut &b"same"[..]).unwrap().sha256).unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    vault.put(&mut &b"same"[..]).unwrap();
    assert_eq!(files(&vault).len(), 1);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
    // Put again, a damaged object is whole.
    flip(&path, 2);
    assert!(!vault.verify().unwrap().is_sound());
    vault.put(&mut &b"same"[..]).unwrap();
    assert!(vault.verify().unwrap().is_sound());
}

#[test]
fn a_flipped_byte_is_never_handed_out_as_good() {
    let Bench { vault, _root, .. } = bench();
    let sha256 = vault.put(&mut &b"calibration"[..]).unwrap().sha256;
    flip(&vault.object_path(&sha256).unwrap(), 3);
    let error = vault.get(&sha256).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(vault.get_checked(&sha256).unwrap_err().kind(), Kind::Mismatch);
    assert_eq!(vault.verify().unwrap().damage, [Damage::Object { sha256, backups: Vec::new() }]);
    assert_eq!(vault.get(&Digest::sha256(b"other")).unwrap_err().kind(), Kind::Mismatch);
    assert_eq!(vault.get(&Digest::crc32(b"x")).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn what_is_not_finished_is_not_there() {
    let Bench { home, vault, _root } = bench();
    let mut incoming = vault.incoming().unwrap();
    incoming.write_all(b"half").unwrap();
    // Another process that opens the vault leaves a living writer alone.
    Vault::open(&home).unwrap();
    assert_eq!(files(&vault).len(), 1);
    drop(incoming);
    assert!(files(&vault).is_empty());
    // What a writer that died has left is swept.
    fs::write(vault.incoming_dir().join("object-dead"), b"half").unwrap();
    let mut incoming = vault.incoming().unwrap();
    incoming.write_all(b"whole").unwrap();
    Vault::open(&home).unwrap();
    let sha256 = incoming.finish().unwrap().sha256;
    assert_eq!(files(&vault).len(), 1);
    assert!(vault.holds(&sha256).unwrap());
}

/// A writer that made its file before it held the gate could be swept away before its file is locked.
#[test]
fn a_writer_waits_while_the_vault_is_swept() {
    let Bench { vault, _root, .. } = bench();
    let sweeper = durable::gate(&vault.incoming_dir()).unwrap();
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let vault = &vault;
        scope.spawn(move || tell.send(vault.put(&mut &b"late"[..]).unwrap()).unwrap());
        assert!(told.recv_timeout(std::time::Duration::from_millis(100)).is_err());
        assert!(files(vault).is_empty());
        drop(sweeper);
        let stored = told.recv().unwrap();
        vault.get_checked(&stored.sha256).unwrap();
    });
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let Bench { vault, _root, .. } = bench();
    assert_eq!(vault.put(&mut (&b"begun"[..]).chain(Failing)).unwrap_err().kind(), Kind::Storage);
    assert!(files(&vault).is_empty());
}

#[test]
fn backups_are_listed_by_age_and_found_by_a_prefix() {
    let Bench { home, vault, _root } = bench();
    let late = vault.keep(&manifest(&vault, "A", 50)).unwrap();
    let early = vault.keep(&manifest(&vault, "A", 10)).unwrap();
    let other = vault.keep(&manifest(&vault, "B", 90)).unwrap();
    // Opened again, the files say it all.
    let vault = Vault::open(&home).unwrap();
    assert_eq!(vault.list().unwrap(), [early.clone(), late, other]);
    assert_eq!(vault.find(&early.id.to_string()[..16]).unwrap(), early);
    for bad in ["", "zz", "../../etc/passwd", &"0".repeat(64), "latest "] {
        assert_eq!(vault.find(bad).unwrap_err().kind(), Kind::Invalid, "{bad}");
    }
}

#[test]
fn a_manifest_is_canonical_and_names_itself() {
    let Bench { vault, _root, .. } = bench();
    let backup = vault.keep(&manifest(&vault, "A", 0)).unwrap();
    let bytes = fs::read(vault.backups().join(format!("{}.json", backup.id))).unwrap();
    assert_eq!(Digest::sha256(&bytes), backup.id);
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
    assert_eq!(vault.keep(&backup.manifest).unwrap(), backup);
}

#[test]
fn names_from_a_unit_are_never_names_here() {
    let Bench { vault, _root, .. } = bench();
    let backup = vault.keep(&manifest(&vault, "../../A", 0)).unwrap();
    let named = |(path, _): &(PathBuf, Vec<u8>)| path.file_name().unwrap().to_str().unwrap().to_owned();
    for name in files(&vault).iter().map(named) {
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        assert!(stem.len() >= 62 && stem.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    }
    assert_eq!(vault.find(&backup.id.to_string()).unwrap(), backup);
}

#[test]
fn a_backup_without_its_bytes_or_its_honesty_is_refused() {
    let Bench { vault, _root, .. } = bench();
    let good = manifest(&vault, "A", 0);
    let mut missing = good.clone();
    missing.items[0].sha256 = Digest::sha256(b"never put");
    let mut short = good.clone();
    short.items[0].bytes += 1;
    let omitted = vec![Omission { kind: ItemKind::Setting, path: "wifi/psk".into(), why: "a secret".into() }];
    let boast = Manifest { omitted: omitted.clone(), ..good.clone() };
    for bad in [missing, short, boast] {
        assert_eq!(vault.keep(&bad).unwrap_err().kind(), Kind::Invalid);
    }
    assert!(vault.list().unwrap().is_empty());
    let partial = Manifest { omitted, complete: false, ..good };
    let kept = vault.keep(&partial).unwrap();
    assert_eq!(vault.list().unwrap(), [kept]);
}

#[test]
fn verify_says_which_backup_is_hurt() {
    let Bench { vault, _root, .. } = bench();
    let backup = vault.keep(&manifest(&vault, "A", 0)).unwrap();
    let found = vault.verify().unwrap();
    assert!(found.is_sound() && (found.objects, found.backups, found.bytes) == (2, 1, 23), "{found:?}");
    let [file, setting] = &backup.manifest.items[..] else { panic!("two items") };
    flip(&vault.object_path(&file.sha256).unwrap(), 0);
    fs::remove_file(vault.object_path(&setting.sha256).unwrap()).unwrap();
    fs::write(vault.objects().join("note.txt"), "?").unwrap();
    let damage = vault.verify().unwrap().damage;
    let object = Damage::Object { sha256: file.sha256.clone(), backups: vec![backup.id.clone()] };
    let missing =
        Damage::Missing { sha256: setting.sha256.clone(), backup: backup.id.clone(), path: setting.path.clone() };
    assert_eq!(damage.len(), 3, "{damage:?}");
    assert!(damage.contains(&object) && damage.contains(&missing));
    assert!(!missing.to_string().contains('\u{1b}'));
    let path = vault.backups().join(format!("{}.json", backup.id));
    flip(&path, 20);
    assert!(vault.verify().unwrap().damage.iter().any(|d| matches!(d, Damage::Backup { .. })));
    assert!(vault.list().unwrap().is_empty());
    assert_eq!(vault.find(&backup.id.to_string()).unwrap_err().kind(), Kind::Mismatch);
}

#[test]
fn many_writers_at_once_keep_everything() {
    let Bench { home, _root, .. } = bench();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let home = &home;
            scope.spawn(move || {
                for n in 0..8_u8 {
                    // Every object is put by two of them.
                    Vault::open(home).unwrap().put(&mut [n, thread / 2].as_slice()).unwrap();
                }
            });
        }
    });
    let vault = Vault::open(&home).unwrap();
    let found = vault.verify().unwrap();
    assert!(found.is_sound() && found.objects == 16, "{found:?}");
    assert_eq!(files(&vault).len(), 16);
}

const PART: &str = "HARDWIRE_TEST_VAULT_HOME";

/// Not a test: what the process with the small disk does.
#[test]
fn part_fill() {
    let Some(root) = std::env::var_os(PART) else { return };
    let vault = Vault::open(&Home::open(Some(root.into())).unwrap()).unwrap();
    let small = vault.put(&mut [7; 1000].as_slice()).unwrap();
    let error = vault.put(&mut io::repeat(1).take(10 << 20)).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.remedy().unwrap().contains("free some space"), "{error:?}");
    assert_eq!(files(&vault).len(), 1);
    vault.get_checked(&small.sha256).unwrap();
    println!("full");
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_nothing_half_and_loses_nothing() {
    let Bench { home, vault, _root } = bench();
    // The shell's limit on a file's length stands for a full disk; without the signal, the write fails as it would there.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" --exact vault::tests::part_fill --nocapture";
    let mut shell = std::process::Command::new("sh");
    let output =
        shell.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env(PART, home.root()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("full"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(vault.verify().unwrap().is_sound());
}
