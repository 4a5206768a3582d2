//! `settings`, and `dpm`, which makes an app the owner of the device.

use super::super::command::{Call, Shell};

/// What `settings` prints for what is not set.
const NULL: &str = "null";

pub(super) fn settings(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let mut words = call.words();
    // For whom: one person has this unit.
    if words.first().is_some_and(|word| word == "--user") {
        words.drain(..words.len().min(2));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let namespaces = ["global", "secure", "system"];
    let kept = &mut shell.system.store.kept.settings;
    let changed = match words.as_slice() {
        [verb, namespace, ..] if !namespaces.contains(namespace) => {
            return call.complain(format!("Invalid namespace '{namespace}' for {verb}"));
        }
        ["get", namespace, name] => {
            let value = kept.get(&format!("{namespace}/{name}")).cloned();
            call.line(value.as_deref().unwrap_or(NULL));
            return 0;
        }
        ["list", namespace] => {
            let prefix = format!("{namespace}/");
            for (name, value) in kept.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value))) {
                call.printed.push((1, format!("{name}={value}\n").into_bytes()));
            }
            return 0;
        }
        ["put", namespace, name, value] | ["put", namespace, name, value, "default"] => {
            kept.insert(format!("{namespace}/{name}"), (*value).to_owned());
            None
        }
        ["delete", namespace, name] => {
            let gone = kept.remove(&format!("{namespace}/{name}")).is_some();
            Some(format!("Deleted {} rows", u8::from(gone)))
        }
        _ => {
            call.printed.push((2, b"Settings provider (settings) commands:\n".to_vec()));
            return 255;
        }
    };
    if let Some(words) = changed {
        call.line(words);
    }
    match shell.system.store.save() {
        Ok(()) => 0,
        Err(error) => call.complain(error.to_string()),
    }
}

pub(super) fn dpm(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let words = call.words();
    let component = words.iter().skip(1).rfind(|word| word.contains('/')).cloned();
    let system = &mut *shell.system;
    match (words.first().map(String::as_str), component) {
        (Some("set-device-owner"), Some(component)) => {
            let package = component.split('/').next().unwrap_or_default();
            let why = if system.store.kept.owner.is_some() {
                Some("Trying to set the device owner, but device owner is already set.")
            } else if !system.store.kept.packages.contains_key(package) {
                call.printed.push((2, format!("Unknown admin: ComponentInfo{{{component}}}\n").into_bytes()));
                return 255;
            } else if !system.options.accounts.is_empty() {
                Some("Not allowed to set the device owner because there are already some accounts on the device.")
            } else {
                None
            };
            if let Some(why) = why {
                call.printed.push((2, format!("java.lang.IllegalStateException: {why}\n").into_bytes()));
                return 255;
            }
            system.store.kept.owner = Some(component.clone());
            call.line(format!("Success: Device owner set to package {package}"));
            call.line(format!("Active admin set to component {component}"));
        }
        (Some("remove-active-admin"), Some(component)) if system.store.kept.owner.as_ref() == Some(&component) => {
            system.store.kept.owner = None;
            call.line(format!("Success: Admin removed ComponentInfo{{{component}}}"));
        }
        (Some("list-owners"), _) => match &system.store.kept.owner {
            Some(owner) => call.line(format!("1 owner:\nUser  0: admin={owner},DeviceOwner")),
            None => call.line("no owners"),
        },
        _ => return call.complain("unknown command"),
    }
    match shell.system.store.save() {
        Ok(()) => 0,
        Err(error) => call.complain(error.to_string()),
    }
}

/// Roles that one application has at most, and that the unit knows.
const ROLES: [&str; 8] =
    ["ASSISTANT", "BROWSER", "CALL_REDIRECTION", "CALL_SCREENING", "DIALER", "EMERGENCY", "HOME", "SMS"];

/// `cmd role`: which application has a part.
pub(super) fn role(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let mut words = call.words();
    words.remove(0);
    if words.get(1).is_some_and(|word| word == "--user") {
        words.drain(1..words.len().min(3));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let kept = &mut shell.system.store.kept;
    let known = |role: &str| role.strip_prefix("android.app.role.").is_some_and(|role| ROLES.contains(&role));
    match words.as_slice() {
        ["get-role-holders", role] => {
            let holder = kept.roles.get(*role).cloned().unwrap_or_default();
            call.line(holder);
            return 0;
        }
        ["add-role-holder", role, package, ..] if known(role) && kept.packages.contains_key(*package) => {
            kept.roles.insert((*role).to_owned(), (*package).to_owned());
        }
        ["remove-role-holder", role, package, ..] if kept.roles.get(*role).is_some_and(|held| held == package) => {
            kept.roles.remove(*role);
        }
        ["clear-role-holders", role, ..] => {
            kept.roles.remove(*role);
        }
        ["add-role-holder" | "remove-role-holder", _, _, ..] => {
            call.printed.push((2, b"Error: see logcat for details.\n".to_vec()));
            return 255;
        }
        _ => {
            call.printed.push((2, b"Role (role) commands:\n".to_vec()));
            return 255;
        }
    }
    match shell.system.store.save() {
        Ok(()) => 0,
        Err(error) => call.complain(error.to_string()),
    }
}
