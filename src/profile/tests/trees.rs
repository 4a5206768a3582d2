//! Folders as artifacts.

use super::super::model::{Body, FilesStep};
use super::super::{Prepared, lock};
use super::{Bench, HEAD, facts, no_inputs};
use crate::device::Marks;

fn text(keep: &str) -> String {
    format!(
        "{HEAD}artifacts: {{ m: {{ tree: media }} }}\nsteps:\n  - files: {{ put: {{ /sdcard/m: {{ tree: m{keep} }} }} }}\n"
    )
}

/// A profile and its tree: a file, a program, an empty folder.
fn bench(keep: &str) -> Bench {
    let bench = Bench::new(&[("p.yaml", &text(keep))]);
    std::fs::create_dir_all(bench.path("media/sub/empty")).unwrap();
    std::fs::write(bench.path("media/z"), "last").unwrap();
    std::fs::write(bench.path("media/sub/run"), "#!").unwrap();
    mode(&bench, "media/sub/run", 0o755);
    bench
}

fn mode(bench: &Bench, path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(bench.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn step(prepared: &Prepared) -> FilesStep {
    let resolved = prepared.resolve(&facts(), &no_inputs()).unwrap();
    let Body::Files(step) = &resolved.steps[0].body else { panic!() };
    step.clone()
}

#[test]
fn a_folder_is_pinned_by_what_is_in_it() {
    let bench = bench("");
    let error = bench.prepare().err().unwrap();
    assert!(bench.said(&error).contains("artifact `m` (media) is not pinned"), "{}", bench.said(&error));
    let pin = lock(bench.path("p.yaml")).unwrap()[0].after.clone();
    let step = step(&bench.prepare().unwrap());
    let tree = &step.trees[0];
    let paths: Vec<&str> = tree.leaves.iter().map(|leaf| leaf.path.as_str()).collect();
    assert_eq!((tree.root.as_str(), paths), ("/sdcard/m", vec!["sub", "sub/empty", "sub/run", "z"]));
    assert!(tree.leaves.iter().all(|leaf| leaf.marks == Marks::default()));
    // Neither times nor what a umask makes of it are part of the pin; that a program is one is.
    mode(&bench, "media/z", 0o600);
    assert_eq!(lock(bench.path("p.yaml")).unwrap()[0].after, pin);
    for harm in [
        &|| mode(&bench, "media/z", 0o700) as _,
        &|| std::fs::write(bench.path("media/z"), "lost").unwrap(),
        &|| std::fs::write(bench.path("media/new"), "").unwrap(),
        &|| std::fs::create_dir(bench.path("media/sub/empty/more")).unwrap(),
    ] as [&dyn Fn(); 4]
    {
        harm();
        let error = bench.prepare().err().unwrap();
        assert!(bench.said(&error).contains("is not the pinned"), "{}", bench.said(&error));
        lock(bench.path("p.yaml")).unwrap();
    }
}

#[test]
fn what_is_kept_of_its_marks_is_said() {
    let bench = bench(", keep: [modes, times]");
    lock(bench.path("p.yaml")).unwrap();
    let step = step(&bench.prepare().unwrap());
    let marks: Vec<_> =
        step.trees[0].leaves.iter().map(|leaf| (leaf.marks.mode, leaf.marks.modified.is_some())).collect();
    assert_eq!(marks, [(Some(0o755), false), (Some(0o755), false), (Some(0o755), true), (Some(0o644), true)]);
    assert_eq!(step.paths().collect::<Vec<_>>(), ["/sdcard/m/sub/run", "/sdcard/m/z"]);
}

#[test]
fn what_cannot_be_a_tree_is_named() {
    let broken = bench("");
    std::os::unix::fs::symlink("/etc/passwd", broken.path("media/sub/link")).unwrap();
    let error = lock(broken.path("p.yaml")).unwrap_err();
    let said = broken.said(&error);
    assert!(said.contains("p.yaml:5:") && said.contains("sub/link is neither a file nor a folder"), "{said}");
    let missing = Bench::new(&[("p.yaml", &text(""))]);
    assert_eq!(lock(missing.path("p.yaml")).unwrap_err().kind(), crate::error::Kind::Invalid);
    for (from, to, says) in [
        ("tree: media", "tree: media, file: a", "is either a `file` or a `tree`, not both"),
        ("tree: media", "file: media", "artifact `m` is a file, and a tree is needed here"),
        ("tree: m }", "artifact: m }", "artifact `m` is a tree, and a file is needed here"),
        ("tree: m }", "tree: m, text: x }", "is exactly one of `artifact`, `text`, `hex` or `tree`"),
        ("tree: m }", "tree: m, keep: [mode] }", "(did you mean `modes`?)"),
        ("tree: m }", "text: m, keep: [modes] }", "`keep` says what of a `tree` is kept, and there is none"),
    ] {
        let bench = Bench::new(&[("p.yaml", &text("").replace(from, to))]);
        let error = bench.load().unwrap_err();
        let said = bench.said(&error);
        assert!(said.contains(says) && said.contains("p.yaml:"), "{to}: {said}");
    }
}
