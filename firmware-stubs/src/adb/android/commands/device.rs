//! What the unit says of itself.

use super::super::command::{Call, Shell};
use super::super::{Restart, User};
use crate::adb::options::Build;
use protocols::adb::message::Reboot;

pub(super) fn getprop(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let all = shell.system.properties();
    match call.words().as_slice() {
        [] => {
            for (name, value) in all {
                call.line(format!("[{name}]: [{value}]"));
            }
        }
        [name, usual @ ..] => {
            let usual = usual.first().cloned().unwrap_or_default();
            call.line(all.get(name).cloned().unwrap_or(usual));
        }
    }
    0
}

pub(super) fn setprop(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let words = call.words();
    let [name, value] = words.as_slice() else { return call.complain("Need 2 arguments (see \"setprop --help\")") };
    match shell.system.set_property(name, value) {
        Ok(()) => 0,
        Err(why) => {
            call.printed.push((2, format!("{why}\n").into_bytes()));
            1
        }
    }
}

pub(super) fn reboot(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let words = call.words();
    let into = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let Some(into) = reboot_into(into) else { return call.complain(format!("unknown mode {into}")) };
    shell.system.restart(Restart::Unit(into));
    0
}

/// What a unit restarts into when it is told so.
pub(crate) fn reboot_into(word: &str) -> Option<Reboot> {
    Some(match word {
        "" | "userrequested" => Reboot::System,
        "bootloader" => Reboot::Bootloader,
        "fastboot" => Reboot::Fastboot,
        "recovery" => Reboot::Recovery,
        "sideload" | "sideload-auto-reboot" => Reboot::Sideload,
        _ => return None,
    })
}

/// As Android 14 prints them, with the numbers of a healthy phone.
const BATTERY: &str = "Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  Wireless powered: false\n  \
                       Dock powered: false\n  Max charging current: 500000\n  Max charging voltage: 5000000\n  Charge \
                       counter: 2873000\n  status: 2\n  health: 2\n  present: true\n  level: 83\n  scale: 100\n  \
                       voltage: 4187\n  temperature: 271\n  technology: Li-ion\n";
const THERMAL: &str = "IsStatusOverride: false\nThermalEventListeners:\n\tcallbacks: 1\nThermal Status: 0\nCached \
                       temperatures:\n\tTemperature{mValue=38.2, mType=0, mName=CPU0, mStatus=0}\n\tTemperature{\
                       mValue=27.1, mType=2, mName=battery, mStatus=0}\n\tTemperature{mValue=33.4, mType=3, \
                       mName=skin, mStatus=0}\nHAL Ready: true\nHAL connection:\n\tThermalHAL 2.0 connected: yes\n\
                       Current temperatures from HAL:\n\tTemperature{mValue=38.2, mType=0, mName=CPU0, mStatus=0}\n\
                       \tTemperature{mValue=27.1, mType=2, mName=battery, mStatus=0}\n\tTemperature{mValue=33.4, \
                       mType=3, mName=skin, mStatus=0}\n";
const MEMORY: &str = "Applications Memory Usage (in Kilobytes):\nUptime: 421070 Realtime: 421070\n\nTotal RAM: 3,895,344K \
                      (status normal)\n Free RAM: 1,893,216K (  286,420K cached pss + 1,294,348K cached kernel +   \
                      312,448K free)\n Used RAM: 1,702,128K (1,220,716K used pss +   481,412K kernel)\n Lost RAM:   \
                      300,000K\n";

pub(super) fn dumpsys(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let words = call.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["battery"] => call.out(BATTERY),
        ["thermalservice"] => call.out(THERMAL),
        ["meminfo", ..] => call.out(MEMORY),
        ["package", name] => {
            if let Some(package) = shell.system.store.kept.packages.get(*name).cloned() {
                call.line(format!("Packages:\n  Package [{name}] (7f3a1c9):\n    userId=10123"));
                call.line(format!("    codePath={}", package.paths.first().map_or("", |path| path.trim_end_matches("/base.apk"))));
                call.line(format!("    versionCode={} minSdk=24 targetSdk=34", package.version_code));
                call.line(format!("    versionName={}", package.version_name));
                call.line("    User 0: ceDataInode=4242 installed=true hidden=false\n      runtime permissions:");
                for permission in &package.granted {
                    call.printed.push((1, format!("        {permission}: granted=true, flags=[ USER_SET]\n").into_bytes()));
                }
            } else {
                call.line(format!("Unable to find package: {name}"));
            }
        }
        ["account"] => {
            let accounts = shell.system.options.accounts.clone();
            call.line(format!("User UserInfo{{0:Owner:c13}}:\n  Accounts: {}", accounts.len()));
            for account in accounts {
                call.line(format!("    Account {{name={account}, type=com.example}}"));
            }
        }
        ["device_policy"] => match shell.system.store.kept.owner.clone() {
            Some(owner) => call.line(format!("Current Device Policy Manager state:\n  Device Owner:\n    admin=ComponentInfo{{{owner}}}")),
            None => call.line("Current Device Policy Manager state:"),
        },
        ["-l"] => call.line("Currently running services:\n  account\n  battery\n  device_policy\n  meminfo\n  package\n  thermalservice"),
        [name, ..] => {
            call.printed.push((2, format!("Can't find service: {name}\n").into_bytes()));
        }
        [] => return 1,
    }
    0
}

pub(super) fn logcat(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let serial = shell.system.options.serial.clone();
    call.line("--------- beginning of main");
    call.line("11-28 09:00:01.204   612   612 I hardwired: stand-in started");
    call.line(format!("11-28 09:00:02.871   612   640 W hardwired: serial {serial}"));
    0
}

pub(super) fn bugreportz(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    if call.args.iter().any(|arg| arg == b"-v") {
        call.printed.push((2, b"1.2\n".to_vec()));
        return 0;
    }
    let path = "/data/user_de/0/com.android.shell/files/bugreports/bugreport-kiosk-2026-11-28.zip";
    // The least zip there is: its end, and nothing before it.
    let zip = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    let here = shell.system.tree.root().join(path.trim_start_matches('/'));
    let written = here.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&here, zip));
    match written {
        Ok(()) => call.line(format!("OK:{path}")),
        Err(error) => call.line(format!("FAIL:{error}")),
    }
    0
}

/// Android 16: what a dealer may know of a phone that nobody set up yet.
pub(super) fn tradeinmode(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let options = &shell.system.options;
    let status = serde_json::json!({
        "serial_number": options.serial,
        "factory_reset_protection": false,
        "imei": ["490154203237518", "490154203237526"],
        "battery": { "cycle_count": 112, "state_of_health": 94 },
        "storage": { "useful_lifetime_remaining": 97, "capacity_bytes": super::super::STORAGE },
        "launch_level": 34,
        "locks": { "bootloader": "unlocked" },
    });
    let provisioned = shell.system.store.kept.settings.get("secure/user_setup_complete");
    match call.words().first().map(String::as_str) {
        Some("getstatus") => call.line(status.to_string()),
        Some("start") if provisioned.is_some_and(|it| it == "1") && shell.system.user != User::Root => {
            call.printed.push((2, b"Cannot enter trade-in mode: device is set up.\n".to_vec()));
            return 1;
        }
        Some("start") => {}
        _ => return call.complain("unknown command"),
    }
    0
}

/// What is written to the system afterwards is allowed anyway.
pub(super) fn remount(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    if shell.system.user != User::Root {
        call.printed.push((2, b"Not running as root. Try \"adb root\" first.\n".to_vec()));
        return 1;
    }
    if shell.system.options.build == Build::User {
        call.printed.push((2, b"Device must be userdebug build\n".to_vec()));
        return 1;
    }
    call.line("Remount succeeded");
    0
}
