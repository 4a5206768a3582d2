//! The owner of the device: who it is, and what is in the way of making somebody so.
//!
//! What Android allows over ADB is in `DevicePolicyManagerService`: one owner; and once the unit was set up, no account
//! and no second user.

use super::package::is_package;
use crate::device::UnitText;
use crate::error::{Error, Kind, Result};

/// Accounts and users that are counted; more make no difference.
const MOST: usize = 1000;

/// A component, as units write it: `com.example/.Admin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component(String);

impl Component {
    /// A component as a profile gives it. Units write a class of the package itself without the package's name, and what
    /// is read back is held against this, so that it must be written so.
    pub(super) fn parse(text: &str) -> Result<Component> {
        let wrong = |why: &str| {
            Error::new(
                Kind::Invalid,
                format!("{:?} is no component that could own the device: {why}", UnitText::new(text)),
            )
            .next("write it as units do: com.example/.Admin")
        };
        let (package, class) = text.split_once('/').ok_or_else(|| wrong("a package and a class are wanted"))?;
        if !is_package(package) || !is_class(class) {
            return Err(wrong("it has characters that no component has"));
        }
        if shortened(package, class) != text {
            return Err(wrong(&format!("it is written {} on units", shortened(package, class))));
        }
        Ok(Component(text.to_owned()))
    }

    pub(super) fn package(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

fn is_class(class: &str) -> bool {
    is_package(&class.strip_prefix('.').unwrap_or(class).replace('$', "_"))
}

fn shortened(package: &str, class: &str) -> String {
    match class.strip_prefix(package).filter(|rest| rest.starts_with('.')) {
        Some(rest) => format!("{package}/{rest}"),
        None => format!("{package}/{class}"),
    }
}

/// A component of the unit's, or nothing when it could be none.
fn component(text: &str) -> Option<String> {
    let (package, class) = text.trim().split_once('/')?;
    (is_package(package) && is_class(class)).then(|| shortened(package, class))
}

/// Whether `dpm list-owners` answered, or does not exist.
pub(super) fn is_list(text: &str) -> bool {
    text.contains("owner") && !text.contains("nknown command")
}

/// The owner in what `dpm list-owners` prints: `User  0: admin=COMPONENT,DeviceOwner`.
pub(super) fn listed(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains(",DeviceOwner"))?;
    component(line.split_once("admin=")?.1.split(',').next()?)
}

/// The owner in what `dumpsys device_policy` prints: `Device Owner:` and, below it, `admin=ComponentInfo{COMPONENT}`.
pub(super) fn dumped(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| line.trim() != "Device Owner:").skip(1);
    let line = lines.find(|line| line.trim_start().starts_with("admin="))?;
    component(line.split_once("ComponentInfo{")?.1.split('}').next()?)
}

/// How many users `pm list users` shows.
pub(super) fn users(text: &str) -> usize {
    text.lines().filter(|line| line.trim_start().starts_with("UserInfo{")).take(MOST).count()
}

/// The kinds of the accounts that `dumpsys account` shows, one for each account.
pub(super) fn accounts(text: &str) -> Vec<UnitText> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("Account {"));
    let kinds = lines.map(|line| line.rsplit_once("type=").map_or("", |(_, kind)| kind).trim_end_matches('}'));
    kinds.take(MOST).map(UnitText::new).collect()
}

/// What decides whether somebody can become the owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Who owns the device.
    pub owner: Option<String>,
    /// Whether the application is installed.
    pub installed: bool,
    /// Whether the unit went through its first start.
    pub set_up: bool,
    /// How many users there are.
    pub users: usize,
    /// The kinds of the accounts.
    pub accounts: Vec<UnitText>,
}

impl State {
    /// Whether `wanted` can become the owner.
    ///
    /// # Errors
    /// `refused`, and what to do about it. Nothing was tried then.
    pub(super) fn allows(&self, wanted: &Component) -> Result<()> {
        let refused = |why: String| Error::new(Kind::Refused, format!("{} cannot own the device: {why}", wanted.0));
        if let Some(owner) = self.owner.as_ref().filter(|owner| **owner != wanted.0) {
            return Err(refused(format!("{owner} does")).next("reset the unit to factory settings first"));
        }
        if !self.installed {
            return Err(refused(format!("{} is not installed", wanted.package())).next("install it in an earlier step"));
        }
        if !self.set_up {
            return Ok(());
        }
        match self.accounts.as_slice() {
            [] => {}
            [first, ..] => {
                let why = format!("{} accounts are logged in, one of type {first}", self.accounts.len());
                return Err(refused(why).next("remove them on the unit (Settings, Accounts), or reset it"));
            }
        }
        if self.users > 1 {
            let why = format!("the unit has {} users", self.users);
            return Err(refused(why).next("remove all users but the first on the unit, or reset it"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_read_from_either_answer() {
        let list = "1 owner:\nUser  0: admin=com.example/.Admin,DeviceOwner\n";
        assert!(is_list(list) && is_list("no owners\n") && !is_list("Error: unknown command 'list-owners'\n"));
        assert_eq!(listed(list).as_deref(), Some("com.example/.Admin"));
        assert_eq!(listed("1 owner:\nUser 10: admin=com.example/.Admin,ProfileOwner\n"), None);
        assert_eq!(listed("User 0: admin=$(id)/.A,DeviceOwner"), None);
        let dump = "Current Device Policy Manager state:\n  Device Owner: \n    admin=ComponentInfo{com.example/com.example.Admin}\n";
        assert_eq!(dumped(dump).as_deref(), Some("com.example/.Admin"));
        assert_eq!(dumped("Current Device Policy Manager state:\n"), None);
    }

    #[test]
    fn a_component_is_written_as_units_write_it() {
        assert_eq!(Component::parse("com.example/.Admin").unwrap().package(), "com.example");
        assert!(Component::parse("com.example/org.other.Admin$Inner").is_ok());
        for wrong in
            ["com.example", "com.example/com.example.Admin", "com.example/;id", "/.A", "a b/.A", "com.example/"]
        {
            assert_eq!(Component::parse(wrong).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_said_before_anything_is_tried() {
        let wanted = Component::parse("com.example/.Admin").unwrap();
        let fresh = State { installed: true, users: 1, ..State::default() };
        let account = "User UserInfo{0:Owner:c13}:\n  Accounts: 1\n    Account {name=a@b.c, type=com.google}\n";
        let used = State { set_up: true, accounts: accounts(account), ..fresh.clone() };
        assert!(fresh.allows(&wanted).is_ok());
        assert!(State { set_up: true, ..fresh.clone() }.allows(&wanted).is_ok());
        // Before the first start has ended accounts do not matter.
        assert!(State { set_up: false, ..used.clone() }.allows(&wanted).is_ok());
        let why = |state: &State| state.allows(&wanted).unwrap_err().to_string();
        assert!(why(&used).contains("1 accounts are logged in, one of type com.google"));
        assert!(why(&State { set_up: true, users: 2, ..fresh.clone() }).contains("2 users"));
        assert!(why(&State { installed: false, ..fresh.clone() }).contains("not installed"));
        let owned = State { owner: Some("com.other/.Admin".to_owned()), ..fresh };
        assert!(why(&owned).contains("com.other/.Admin does"));
        assert_eq!(users("Users:\n\tUserInfo{0:Owner:c13} running\n\tUserInfo{10:Guest:404}\n"), 2);
    }
}
