use super::support::{Bench, Unit};

#[test]
fn backups_are_listed_and_damage_is_found_before_they_are_needed() {
    let bench = Bench::new();
    assert_eq!(bench.json(&["vault", "list"]), (Vec::new(), 0));
    let unit = Unit::start(&bench, "TH-1", &[]);
    let device = unit.address();
    let file = bench.write("note.txt", "what the customer keeps");
    let put = ["put", "-d", &device, &file.display().to_string(), "/lfs1/note"];
    assert_eq!(bench.run(&put).code, 0);
    let (backup, _) = bench.last(&["backup", "-d", &device, "--path", "/lfs1/note", "--label", "before repair"]);
    let (listed, code) = bench.last(&["vault", "list", "--serial", "TH-1"]);
    assert_eq!((&listed["backup"], &listed["label"], code), (&backup["backup"], &"before repair".into(), 0));
    assert_eq!(bench.last(&["vault", "verify"]).1, 0);

    let sha256 = backup["items"][0]["sha256"].as_str().unwrap();
    let object = bench.path("home/vault/objects").join(&sha256[..2]).join(&sha256[2..]);
    let mut permissions = std::fs::metadata(&object).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "the test spoils its own file")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&object, permissions).unwrap();
    std::fs::write(&object, "what the customer kept!").unwrap();

    let (found, code) = bench.last(&["vault", "verify"]);
    assert_eq!((found["sound"].as_bool(), code), (Some(false), 4));
    assert!(found["damage"][0].as_str().unwrap().contains(sha256), "{found}");
    let (refused, code) = bench.last(&["restore", "latest", "-d", &device, "--yes"]);
    assert_eq!((refused["kind"].as_str(), code), (Some("mismatch"), 4), "nothing damaged is put on a unit");
}
