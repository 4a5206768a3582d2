use super::*;

fn open(root: &Path) -> Home {
    Home::open(Some(root.to_owned())).unwrap()
}

#[test]
fn a_home_opens_again_as_the_same_station() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("deep/er");
    let first = open(&root);
    let again = open(&root);
    assert_eq!(first.station(), again.station());
    assert_eq!(first.keyed(b"psk"), again.keyed(b"psk"));
    assert_ne!(first.keyed(b"psk"), Digest::sha256(b"psk"));
    assert_eq!(first.keyed(b"psk").algorithm(), Algorithm::HmacSha256);
    let left: Vec<_> = fs::read_dir(&root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with(".new-")), "{left:?}");
}

#[test]
fn two_stations_key_differently() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_ne!(open(a.path()).keyed(b"psk"), open(b.path()).keyed(b"psk"));
}

#[test]
#[cfg(unix)]
fn what_is_created_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let home = open(&root.path().join("home"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.root()), 0o700);
    assert_eq!(mode(&home.vault()), 0o700);
    assert_eq!(mode(&home.root().join(SECRET)), 0o600);
}

#[test]
fn starting_at_once_agrees_on_one_station() {
    for _ in 0..20 {
        let root = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(8);
        let seen: Vec<(Uuid, Digest)> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                let home = open(root.path());
                (home.station(), home.keyed(b"x"))
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|one| one == &seen[0]), "{seen:?}");
    }
}

#[test]
fn keys_of_others_stay_and_a_newer_format_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let home = open(root.path());
    let path = root.path().join(STATION);
    let text = format!("format: 1\nstation: {}\nbays:\n  3: {{ usb: [\"1-2\"] }}\n", home.station());
    fs::write(&path, &text).unwrap();
    assert_eq!(open(root.path()).station(), home.station());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::write(&path, text.replace("format: 1", "format: 2")).unwrap();
    assert_eq!(Home::open(Some(root.path().to_owned())).unwrap_err().kind(), Kind::Storage);
    fs::write(&path, "").unwrap();
    assert_eq!(Home::open(Some(root.path().to_owned())).unwrap_err().kind(), Kind::Storage);
}

#[test]
fn a_station_whose_secret_is_gone_gets_no_new_one() {
    let root = tempfile::tempdir().unwrap();
    open(root.path());
    fs::remove_file(root.path().join(SECRET)).unwrap();
    let error = Home::open(Some(root.path().to_owned())).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.remedy().is_some());
    assert!(!root.path().join(SECRET).exists());
}

#[test]
fn killed_between_secret_and_station_it_goes_on() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(SECRET), [7; 32]).unwrap();
    let home = open(root.path());
    assert_eq!(fs::read(root.path().join(SECRET)).unwrap(), [7; 32]);
    assert_eq!(open(root.path()).station(), home.station());
}

#[test]
fn a_ledger_without_its_station_is_damage_and_not_a_beginning() {
    let root = tempfile::tempdir().unwrap();
    let home = open(root.path());
    fs::write(home.ledger(), b"records").unwrap();
    fs::remove_file(root.path().join(STATION)).unwrap();
    let error = Home::open(Some(root.path().to_owned())).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.remedy().unwrap().contains("copy"));
    assert!(!root.path().join(STATION).exists(), "another station was made");
    fs::write(root.path().join(STATION), [0xff; 40]).unwrap();
    let error = Home::open(Some(root.path().to_owned())).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}
