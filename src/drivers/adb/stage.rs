//! Where files lie until the unit has taken all of them: in a folder of ours beside their place, from where they are moved.
//! A folder that the unit does not have yet is moved with all that is in it.
//!
//! A process costs a unit more than a small file does, so few commands mark and move many files.

use std::collections::{BTreeMap, BTreeSet};

use protocols::adb::message::sync::{FileKind, Follow, Stat};

use super::AdbDriver;
use super::files::{ABSENT, COMMAND};
use super::path::{join, split};
use super::push::permissions;
use super::shell::{SLOW, quoted};
use crate::device::{Op, Put, Trees};
use crate::error::Result;

/// The folder of ours. Whatever lies in it was never whole.
pub(super) const STAGE: &str = ".hardwire-incoming";

/// Where one file is on its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it is sent.
    pub staged: String,
    /// The folder of ours that is in.
    stage: String,
    /// What in that is moved: the file, or the folder that the unit lacks.
    moved: String,
}

impl Place {
    fn of(path: &str, is_new: impl Fn(&str) -> bool) -> Place {
        let path = path.trim_end_matches('/');
        let (mut folder, mut moved) = split(path);
        while folder != "/" && is_new(folder) {
            (folder, moved) = split(folder);
        }
        let stage = join(folder, STAGE);
        let below = path.get(folder.len()..).unwrap_or_default().trim_start_matches('/');
        Place { staged: join(&stage, below), stage, moved: moved.to_owned() }
    }
}

/// The folders above `path`.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let folder = |path| Some(split(path).0).filter(|folder| *folder != "/");
    std::iter::successors(folder(path), move |path| folder(path))
}

impl AdbDriver {
    /// Where each of `files` goes first. What another left there is removed, as it would be moved with them.
    pub(super) fn places(&mut self, files: &[Put<'_>], op: &mut Op<'_>) -> Result<Vec<Place>> {
        let folders: BTreeSet<&str> = files.iter().flat_map(|file| above(file.path)).collect();
        let stages: Vec<String> = folders.iter().chain(&["/"]).map(|folder| join(folder, STAGE)).collect();
        let asked: Vec<&str> = folders.iter().copied().chain(stages.iter().map(String::as_str)).collect();
        let stats = self.stats(&asked, Follow::Yes, op)?;
        let (of_folders, of_stages) = stats.split_at(folders.len().min(stats.len()));
        // The first version of the protocol does not tell what is absent from what may not be looked at.
        let is_new = |stat: &Stat| ABSENT.contains(&stat.error);
        let new: BTreeSet<&str> =
            folders.iter().zip(of_folders).filter(|(_, stat)| is_new(stat)).map(|(folder, _)| *folder).collect();
        let places: Vec<Place> = files.iter().map(|file| Place::of(file.path, |folder| new.contains(folder))).collect();
        let used: BTreeSet<&str> = places.iter().map(|place| place.stage.as_str()).collect();
        let is_left = |stat: &Stat| stat.mode.kind() != FileKind::Nothing;
        let left = stages.iter().zip(of_stages).filter(|(stage, stat)| is_left(stat) && used.contains(stage.as_str()));
        let left: Vec<&str> = left.map(|(stage, _)| stage.as_str()).collect();
        self.remove(&left, op)?;
        Ok(places)
    }

    /// Marks what was sent, moves it to its place, and has it written to the storage.
    pub(super) fn settle(
        &mut self,
        files: &[Put<'_>],
        stats: &[Stat],
        places: &[Place],
        op: &mut Op<'_>,
    ) -> Result<()> {
        let mut marks: BTreeMap<(u32, bool), Vec<String>> = BTreeMap::new();
        let mut moves: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for ((file, stat), place) in files.iter().zip(stats).zip(places) {
            // Some file systems have no permissions: only who asks for them must get them.
            let mark = (permissions(file, stat), file.marks.mode.is_some());
            marks.entry(mark).or_default().push(quoted(&place.staged));
            moves.entry(&place.stage).or_default().insert(&place.moved);
        }
        let mut script = Script::default();
        for ((mode, strict), paths) in marks {
            let otherwise = if strict { " || exit 1; " } else { " 2>/dev/null; " };
            script.add(&format!("chmod {mode:o}"), &paths, otherwise);
        }
        for (stage, names) in &moves {
            let names: Vec<String> = names.iter().map(|name| quoted(&format!("./{name}"))).collect();
            script.add(&format!("cd {} && mv -f", quoted(stage)), &names, " .. || exit 1; ");
        }
        // Left by one that was cut off: whatever else is in them is of no use to anybody.
        let stages: Vec<String> = moves.keys().map(|stage| quoted(stage)).collect();
        script.add("rm -rf", &stages, "; ");
        let doing = format!("putting {} files into their places", files.len());
        // A digest is taken of what the unit has in memory: without this, power lost after it would take the files.
        if let Some(last) = script.commands.last_mut() {
            last.push_str("sync; ");
        }
        for command in script.commands {
            op.check()?;
            self.wire.exec(&format!("{command}exit 0"), SLOW, op)?.require(&doing)?;
        }
        Ok(())
    }
}

/// Commands for the unit's shell, each as long as it takes.
#[derive(Debug, Default)]
struct Script {
    commands: Vec<String>,
}

impl Script {
    /// `before WORDS after`, once or as often as all words take.
    fn add(&mut self, before: &str, words: &[String], after: &str) {
        let mut words = words.iter().peekable();
        while words.peek().is_some() {
            let mut line = before.to_owned();
            while let Some(word) =
                words.next_if(|word| line.len() == before.len() || line.len() + word.len() < COMMAND / 2)
            {
                line.push(' ');
                line.push_str(word);
            }
            line.push_str(after);
            match self.commands.last_mut().filter(|command| command.len() + line.len() < COMMAND) {
                Some(command) => command.push_str(&line),
                None => self.commands.push(line),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_waits_beside_its_place_and_one_in_a_new_folder_beside_that() {
        let place = |path: &str, new: &[&str]| {
            let place = Place::of(path, |folder| new.contains(&folder));
            (place.staged, place.stage, place.moved)
        };
        let expected = |staged: &str, stage: &str, moved: &str| (staged.to_owned(), stage.to_owned(), moved.to_owned());
        let stage = "/d/.hardwire-incoming";
        assert_eq!(place("/d/a", &[]), expected("/d/.hardwire-incoming/a", stage, "a"));
        assert_eq!(
            place("/d/new/sub/a", &["/d/new", "/d/new/sub"]),
            expected("/d/.hardwire-incoming/new/sub/a", stage, "new")
        );
        assert_eq!(place("/n/a", &["/n"]), expected("/.hardwire-incoming/n/a", "/.hardwire-incoming", "n"));
        assert_eq!(above("/d/new/a").collect::<Vec<_>>(), ["/d/new", "/d"]);
        assert_eq!(above("/a").count(), 0);
    }

    #[test]
    fn what_is_too_long_for_one_command_takes_several() {
        let words: Vec<String> = (0..3000).map(|number| format!("/sdcard/folder/{number:030}")).collect();
        let mut script = Script::default();
        script.add("chmod 644", &words, "; ");
        script.add("cd /x && mv -f", &["./a".to_owned()], " .. || exit 1; ");
        assert!(script.commands.len() > 2 && script.commands.iter().all(|command| command.len() <= COMMAND));
        let all = script.commands.concat();
        assert!(words.iter().all(|word| all.contains(&format!(" {word}"))));
        assert!(all.ends_with("; cd /x && mv -f ./a .. || exit 1; "));
    }
}
