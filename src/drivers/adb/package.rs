//! What Android's package manager prints, read. All of it is untrusted, and what is not understood is not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::UnitText;
use crate::digest::{Algorithm, Digest};

/// Applications that a list may have: phones have some hundred.
const MOST_APPS: usize = 16_384;
/// Files of one application: a base and its splits.
const MOST_FILES: usize = 512;

/// What `pm path` prints: a line `package:PATH` for each file. Paths go into commands, quoted.
pub(super) fn paths(text: &str) -> Vec<String> {
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("package:"));
    paths.filter(|path| path.starts_with('/')).map(str::to_owned).take(MOST_FILES).collect()
}

/// Which part of an application a file of it is: the unit names files after their parts.
pub(super) fn part(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".apk").unwrap_or(name);
    name.strip_prefix("split_").unwrap_or(name).to_owned()
}

/// What `sha256sum` prints: the digest, two characters, the path.
pub(super) fn digests(text: &str) -> BTreeMap<String, Digest> {
    let lines = text.lines().filter_map(|line| {
        let (digest, path) = line.split_once(' ')?;
        let path = path.strip_prefix([' ', '*'])?;
        Some((path.to_owned(), Digest::from_hex(Algorithm::Sha256, digest)?))
    });
    lines.take(MOST_FILES).collect()
}

/// What `pm list packages --show-versioncode` prints: `package:NAME versionCode:N`, the second where the unit knows the
/// option.
pub(super) fn list(text: &str) -> BTreeMap<String, Option<u64>> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.trim().strip_prefix("package:")?.split_whitespace();
        let name = words.next().filter(|name| is_package(name))?;
        let code = words.find_map(|word| word.strip_prefix("versionCode:")?.parse().ok());
        Some((name.to_owned(), code))
    });
    lines.take(MOST_APPS).collect()
}

/// The part of what `dumpsys package NAME` prints that is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dumped {
    /// Its version, which orders.
    pub version_code: Option<u64>,
    /// Its version, for people.
    pub version_name: Option<UnitText>,
    /// Its permissions that are asked for or granted, of the first user.
    pub permissions: BTreeMap<String, bool>,
}

/// What `dumpsys package NAME` prints. An application of the system that was updated is there twice; the first counts.
pub(super) fn dumped(text: &str, package: &str) -> Option<Dumped> {
    let begin = format!("Package [{package}] (");
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(&begin));
    let indent = indent(lines.next()?);
    let mut dumped = Dumped::default();
    let mut requested = false;
    let mut other_user = false;
    for line in lines {
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        if self::indent(line) <= indent {
            break;
        }
        if let Some(rest) = text.strip_prefix("versionCode=") {
            let digits = rest.split_whitespace().next().unwrap_or_default();
            dumped.version_code = dumped.version_code.or(digits.parse().ok());
        } else if let Some(name) = text.strip_prefix("versionName=").filter(|name| *name != "null") {
            dumped.version_name.get_or_insert_with(|| UnitText::new(name));
        }
        if let Some(user) = text.strip_prefix("User ") {
            other_user = !user.starts_with("0:");
        }
        if text.ends_with(':') {
            requested = text == "requested permissions:";
        } else if let Some((name, state)) = text.split_once(": granted=") {
            if !other_user && dumped.permissions.len() < MOST_APPS {
                dumped.permissions.insert(name.to_owned(), state.starts_with("true"));
            }
        } else if requested && is_package(text) {
            dumped.permissions.entry(text.to_owned()).or_insert(false);
        }
    }
    Some(dumped)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The number of the session that `pm install-create` began.
pub(super) fn session(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Success")?.1.split_once('[')?;
    rest.split_once(']')?.0.parse().ok()
}

/// What the package manager says of something that it was told to do: `Success`, or why not.
pub(super) fn answered(text: &str) -> Result<(), UnitText> {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.iter().any(|line| *line == "Success" || line.starts_with("Success:")) {
        return Ok(());
    }
    let why = lines.iter().find_map(|line| line.strip_prefix("Failure"));
    let why = why.map(|why| why.trim().trim_start_matches('[').trim_end_matches(']'));
    let why = why.or(lines.first().copied()).filter(|why| !why.is_empty());
    Err(UnitText::new(why.unwrap_or("it does not say why")))
}

/// The names that a text of the unit lists, of those that could be names.
pub(super) fn names(text: &str) -> BTreeSet<String> {
    list(text).into_keys().collect()
}

/// Whether it could be a package's or a permission's name: only such go into commands.
pub(super) fn is_package(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    name.len() <= 223 && name.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_the_parts_that_they_are() {
        let text = "package:/data/app/~~q==/org.example.kiosk-x==/base.apk\r\n\
                    package:/data/app/~~q==/org.example.kiosk-x==/split_config.arm64_v8a.apk\nWarning\npackage:../x\n";
        let paths = paths(text);
        assert_eq!(paths.iter().map(|path| part(path)).collect::<Vec<_>>(), ["base", "config.arm64_v8a"]);
        assert_eq!(part("/system/app/Clock/Clock.apk"), "Clock");
    }

    #[test]
    fn digests_are_known_by_path() {
        let digest = "0".repeat(64);
        let text = format!("{digest}  /data/a b.apk\n{digest} */x\nsha256sum: /y: No such file\nabcd  /z\n");
        let found = digests(&text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["/data/a b.apk", "/x"]);
    }

    #[test]
    fn a_list_with_versions_and_without() {
        let found = list(
            "package:a.b versionCode:12\npackage:android\npackage:a.$(reboot)\nrubbish\npackage:c versionCode:x\n",
        );
        let wanted = [("a.b", Some(12)), ("android", None), ("c", None)];
        assert_eq!(found.iter().map(|(name, code)| (name.as_str(), *code)).collect::<Vec<_>>(), wanted);
    }

    const DUMP: &str = "Activity Resolver Table:\n  Non-Data Actions:\n\nPackages:\n  Package [org.example.kiosk] (6b1f):\n    \
        userId=10123\n    versionCode=1203 minSdk=21 targetSdk=29\n    versionName=1.2.3\n    requested permissions:\n      \
        android.permission.CAMERA\n      android.permission.INTERNET\n      android.permission.NFC: restricted=true\n    \
        install permissions:\n      android.permission.INTERNET: granted=true\n    User 0: ceDataInode=1 installed=true\n      \
        runtime permissions:\n        android.permission.CAMERA: granted=false, flags=[ USER_SET]\n    User 10: installed=true\n      \
        runtime permissions:\n        android.permission.CAMERA: granted=true\n\n  Package [org.example.other] (7):\n    \
        versionCode=1\n\nHidden system packages:\n  Package [org.example.kiosk] (5):\n    versionCode=1000\n    \
        versionName=old\n";

    #[test]
    fn a_dump_of_a_package() {
        let found = dumped(DUMP, "org.example.kiosk").unwrap();
        assert_eq!((found.version_code, found.version_name.unwrap().untrusted()), (Some(1203), "1.2.3"));
        let permissions: Vec<_> = found.permissions.iter().map(|(name, granted)| (name.as_str(), *granted)).collect();
        assert_eq!(permissions, [("android.permission.CAMERA", false), ("android.permission.INTERNET", true)]);
        assert_eq!(dumped(DUMP, "org.example.other").unwrap().version_code, Some(1));
        assert_eq!(dumped(DUMP, "org.example"), None);
        assert_eq!(dumped("Unable to find package: org.example.kiosk\n", "org.example.kiosk"), None);
    }

    #[test]
    fn answers_of_the_package_manager() {
        assert_eq!(session("Success: created install session [1702312]\n"), Some(1_702_312));
        assert_eq!(session("Error: java.lang.SecurityException [1]"), None);
        assert_eq!(answered("Success\n"), Ok(()));
        assert_eq!(answered("Success: streamed 4096 bytes\n"), Ok(()));
        let why = |text: &str| answered(text).unwrap_err().to_string();
        assert_eq!(
            why("Failure [INSTALL_FAILED_VERSION_DOWNGRADE: older]\n"),
            "INSTALL_FAILED_VERSION_DOWNGRADE: older"
        );
        assert_eq!(why("\nError: no such session\n\tat x"), "Error: no such session");
        assert_eq!(why(""), "it does not say why");
        assert_eq!(why("Failure [\u{1b}[2J]"), "\\u{1b}[2J");
    }
}
