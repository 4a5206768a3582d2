//! Values under keys: Android's tables of settings, properties, permissions, the owner of the device, default applications.

use std::time::Duration;

use super::AdbDriver;
use super::owner;
use super::package;
use super::shell::{Output, QUICK, quoted};
use crate::device::{Op, Settings, UnitText};
use crate::error::{Error, Kind, Result};

/// What `settings` prints for what is not set.
const NULL: &str = "null";
/// Bytes of a property's value (`PROP_VALUE_MAX`, its last byte a zero).
const MOST_PROPERTY: u64 = 91;
/// Android writes settings and permissions behind, two seconds later at the latest (`SettingsState`).
const WRITTEN_WITHIN: Duration = Duration::from_millis(2100);

/// What a key names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key<'a> {
    /// `global/NAME`, `secure/NAME`, `system/NAME`.
    Table(&'a str, &'a str),
    /// `prop/NAME`.
    Property(&'a str),
    /// `perm/PACKAGE/PERMISSION`: `granted` or `denied`.
    Permission(&'a str, &'a str),
    /// `owner/device`: the component that owns the device.
    Owner,
    /// `role/ROLE`: the application that has this part.
    Role(String),
}

impl<'a> Key<'a> {
    fn parse(key: &'a str) -> Result<Key<'a>> {
        let name =
            |name: &str| !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:".contains(&byte);
        let parsed = match key.split_once('/') {
            Some((table @ ("global" | "secure" | "system"), rest)) if name(rest) && !rest.starts_with('-') => {
                Some(Key::Table(table, rest))
            }
            Some(("prop", rest)) if name(rest) && rest.bytes().all(plain) && !rest.starts_with('-') => {
                Some(Key::Property(rest))
            }
            Some(("perm", rest)) => rest
                .split_once('/')
                .filter(|(package, permission)| package::is_package(package) && package::is_package(permission))
                .map(|(package, permission)| Key::Permission(package, permission)),
            Some(("owner", "device")) => Some(Key::Owner),
            Some(("role", role)) if package::is_package(role) => {
                let prefix = if role.contains('.') { "" } else { "android.app.role." };
                Some(Key::Role(format!("{prefix}{role}")))
            }
            _ => None,
        };
        parsed.ok_or_else(|| {
            Error::new(Kind::Invalid, format!("{:?} is no key of a setting on Android", UnitText::new(key))).next(
                "keys are global/NAME, secure/NAME, system/NAME, prop/NAME, perm/PACKAGE/PERMISSION, owner/device and \
                 role/ROLE",
            )
        })
    }
}

fn invalid(key: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("setting {key} {why}"))
}

impl Settings for AdbDriver {
    fn read(&mut self, key: &str, op: &mut Op<'_>) -> Result<Option<Vec<u8>>> {
        let value = match Key::parse(key)? {
            Key::Table(table, name) => {
                let output = self.wire.exec(&format!("settings get {table} {}", quoted(name)), QUICK, op)?;
                answered(&output, key)?;
                Some(line(&output.text())).filter(|value| value != NULL)
            }
            Key::Property(name) => {
                let output = self.wire.exec(&format!("getprop {name}"), QUICK, op)?;
                Some(line(&output.text())).filter(|value| !value.is_empty())
            }
            Key::Permission(package, permission) => {
                let dumped = self.dumped(package, op)?.unwrap_or_default();
                dumped.permissions.get(permission).map(|granted| if *granted { "granted" } else { "denied" }.to_owned())
            }
            Key::Owner => self.owner(op)?,
            Key::Role(role) => {
                let output = self.wire.exec(&format!("cmd role get-role-holders {role}"), QUICK, op)?;
                if output.status.is_some_and(|status| status != 0) {
                    return Err(Error::new(Kind::Unsupported, "this version of Android does not say who has a role")
                        .next("leave the role out, or set it at a unit with Android 12 or later"));
                }
                role_holders(&output.text())
            }
        };
        Ok(value.map(String::into_bytes))
    }

    fn write(&mut self, key: &str, value: &[u8], op: &mut Op<'_>) -> Result<()> {
        let parsed = Key::parse(key)?;
        let text = std::str::from_utf8(value).ok().filter(|text| !text.contains('\0'));
        let text =
            text.ok_or_else(|| invalid(key, "takes text, and its value is none").next("give a value of type str"))?;
        let command = match &parsed {
            Key::Table(..) if text == NULL => {
                return Err(invalid(key, "cannot hold `null`: units say so of what is not set")
                    .next("delete the setting instead"));
            }
            Key::Table(table, name) => format!("settings put {table} {} {}", quoted(name), quoted(text)),
            Key::Property(name) if name.starts_with("ro.") => {
                return Err(invalid(key, "is read-only").next("it comes with the firmware"));
            }
            Key::Property(name) => format!("setprop {name} {}", quoted(text)),
            Key::Permission(package, permission) => match text {
                "granted" => format!("pm grant {package} {permission}"),
                "denied" => format!("pm revoke {package} {permission}"),
                _ => return Err(invalid(key, "is either `granted` or `denied`")),
            },
            Key::Owner => return self.own(text, op),
            Key::Role(role) if package::is_package(text) => format!("cmd role add-role-holder {role} {text}"),
            Key::Role(_) => return Err(invalid(key, "takes a package's name")),
        };
        let output = self.wire.exec(&command, QUICK, op)?;
        answered(&output, key)
    }

    fn delete(&mut self, key: &str, op: &mut Op<'_>) -> Result<()> {
        let command = match Key::parse(key)? {
            Key::Table(table, name) => format!("settings delete {table} {}", quoted(name)),
            Key::Property(name) if name.starts_with("ro.") => {
                return Err(invalid(key, "is read-only").next("it comes with the firmware"));
            }
            Key::Property(name) => format!("setprop {name} ''"),
            Key::Permission(package, permission) => {
                if self.dumped(package, op)?.is_none() {
                    return Ok(());
                }
                format!("pm revoke {package} {permission}")
            }
            Key::Owner => return self.disown(op),
            Key::Role(role) => format!("cmd role clear-role-holders {role}"),
        };
        let output = self.wire.exec(&command, QUICK, op)?;
        answered(&output, key)
    }

    fn save(&mut self, op: &mut Op<'_>) -> Result<()> {
        op.clock.sleep(WRITTEN_WITHIN);
        self.wire.exec("sync", QUICK, op).map(|_| ())
    }

    fn is_text(&self, _: &str) -> bool {
        true
    }

    fn max_value(&self, key: &str) -> Option<u64> {
        matches!(Key::parse(key), Ok(Key::Property(_))).then_some(MOST_PROPERTY)
    }
}

/// What a command prints, without the end of its line.
fn line(text: &str) -> String {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line).to_owned()
}

/// Commands that set something say nothing when they did. A daemon that tells no exit codes shows errors as output.
fn answered(output: &Output, key: &str) -> Result<()> {
    let text = output.text();
    let complains = ["Exception", "Error", "Failed", "Invalid", "Unknown", "not found", "inaccessible"];
    let good = match output.status {
        Some(status) => status == 0,
        None => !complains.iter().any(|word| text.lines().next().unwrap_or_default().contains(word)),
    };
    if good {
        return Ok(());
    }
    Err(Error::new(Kind::Refused, format!("the unit refuses setting {key}: {}", output.complaint()))
        .next("see whether the unit's shell may do that, and whether what it names is there"))
}

/// What `cmd role get-role-holders` prints: names, with `;` between them.
fn role_holders(text: &str) -> Option<String> {
    let names = text.split(|c: char| c == ';' || c.is_whitespace()).filter(|name| package::is_package(name));
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| names.join(","))
}

impl AdbDriver {
    /// The component that owns the device.
    fn owner(&mut self, op: &mut Op<'_>) -> Result<Option<String>> {
        let output = self.wire.exec("dpm list-owners", QUICK, op)?;
        if output.status.is_none_or(|status| status == 0) && owner::is_list(&output.text()) {
            return Ok(owner::listed(&output.text()));
        }
        // Before Android 12 there is no such command.
        let dumped = self.wire.exec("dumpsys device_policy", QUICK, op)?;
        Ok(owner::dumped(&dumped.text()))
    }

    /// Makes a component the owner, when nothing is in the way: Android answers with a stack of calls, we with what to do.
    fn own(&mut self, component: &str, op: &mut Op<'_>) -> Result<()> {
        let wanted = owner::Component::parse(component)?;
        let held = self.owner(op)?;
        let package = self.wire.exec(&format!("pm path {}", wanted.package()), QUICK, op)?;
        let setup = self.wire.exec("settings get secure user_setup_complete", QUICK, op)?;
        let users = self.wire.exec("pm list users", QUICK, op)?;
        let accounts = self.wire.exec("dumpsys account", QUICK, op)?;
        owner::State {
            owner: held,
            installed: !package::paths(&package.text()).is_empty(),
            set_up: setup.text().trim() == "1",
            users: owner::users(&users.text()),
            accounts: owner::accounts(&accounts.text()),
        }
        .allows(&wanted)?;
        let output = self.wire.exec(&format!("dpm set-device-owner {}", quoted(component)), QUICK, op)?;
        done(&output, "make that the owner of the device")
    }

    fn disown(&mut self, op: &mut Op<'_>) -> Result<()> {
        let Some(owner) = self.owner(op)? else { return Ok(()) };
        let output = self.wire.exec(&format!("dpm remove-active-admin {}", quoted(&owner)), QUICK, op)?;
        done(&output, "take the owner of the device away")
    }
}

/// What `dpm` answers.
fn done(output: &Output, what: &str) -> Result<()> {
    let text = String::from_utf8_lossy(&[output.stdout.as_slice(), b"\n", &output.stderr].concat()).into_owned();
    package::answered(&text).map_err(|why| {
        Error::new(Kind::Refused, format!("the unit does not {what}: {why}"))
            .next("an owner that is not made for tests goes only with a factory reset; a new one needs an unused unit")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_what_they_set() {
        let key = |text| Key::parse(text).unwrap();
        assert_eq!(key("global/adb_enabled"), Key::Table("global", "adb_enabled"));
        assert_eq!(key("secure/a/b"), Key::Table("secure", "a/b"));
        assert_eq!(key("prop/persist.sys.timezone"), Key::Property("persist.sys.timezone"));
        assert_eq!(key("perm/a.b/android.permission.CAMERA"), Key::Permission("a.b", "android.permission.CAMERA"));
        assert_eq!(key("role/HOME"), Key::Role("android.app.role.HOME".to_owned()));
        assert_eq!(key("role/com.vendor.role.X"), Key::Role("com.vendor.role.X".to_owned()));
        for wrong in [
            "",
            "global",
            "global/",
            "config/x",
            "prop/a b",
            "prop/$(id)",
            "prop/-x",
            "perm/a.b",
            "perm/a.b/;",
            "owner/profile",
            "role/a;b",
            "system/a\u{1b}[2J",
            "global/--user",
        ] {
            assert_eq!(Key::parse(wrong).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn a_value_is_what_stands_before_the_end_of_the_line() {
        assert_eq!(
            (line("a b\n"), line("a\r\n"), line("\n"), line("a\n\n")),
            ("a b".into(), "a".into(), "".into(), "a\n".into())
        );
        assert_eq!(role_holders("com.a;com.b\n").as_deref(), Some("com.a,com.b"));
        assert_eq!(role_holders("\n"), None);
    }
}
