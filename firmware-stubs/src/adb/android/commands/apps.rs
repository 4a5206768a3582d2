//! `pm`, and `cmd package`, which is the same.

use super::super::command::{Call, Shell};
use super::super::store::Package;
use super::number;
use crate::usb::Stop;
use protocols::android::apk::Apk;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::PathBuf;

/// Where the parts of an installation wait for their end, below the unit's root.
const STAGE: &str = "data/app/vmdl";

/// What the package manager says where it says no.
type Refused = String;

pub(super) fn pm(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    let mut words = call.words();
    if call.name == "cmd" {
        if words.first().is_some_and(|service| service == "role") {
            return Ok(super::settings::role(shell, call));
        }
        if words.first().is_none_or(|service| service != "package") {
            let service = words.first().cloned().unwrap_or_default();
            call.printed.push((2, format!("cmd: Can't find service: {service}\n").into_bytes()));
            return Ok(20);
        }
        words.remove(0);
    }
    if words.is_empty() {
        return Ok(1);
    }
    let verb = words.remove(0);
    let (flags, operands) = arguments(&words);
    let flag = |name: &str| flags.iter().any(|(flag, _)| flag == name);
    let done = match verb.as_str() {
        "list" => {
            list(shell, call, &operands, &flag);
            return Ok(0);
        }
        "path" => return Ok(path(shell, call, &operands)),
        "grant" | "revoke" => return Ok(permission(shell, call, &verb, &operands)),
        "uninstall" => uninstall(shell, &operands),
        "install-create" => create(shell, &flags),
        "install-write" => return write(shell, call, &operands),
        "install-abandon" => {
            let _ = fs::remove_dir_all(stage(shell, operands.first().map_or("", String::as_str)));
            Ok("Success".to_owned())
        }
        "install-commit" => commit(shell, operands.first().map_or("", String::as_str)),
        "install" => return install(shell, call, &flags, &operands),
        _ => return Ok(call.complain(format!("Unknown command: {verb}"))),
    };
    Ok(answer(call, done))
}

fn answer(call: &mut Call<'_>, done: Result<String, Refused>) -> u8 {
    match done {
        Ok(words) => {
            call.line(words);
            0
        }
        Err(why) => {
            call.line(format!("Failure [{why}]"));
            1
        }
    }
}

/// Flags, with the values of those that have one, and what is none.
fn arguments(words: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    const WITH_VALUE: [&str; 6] = ["-S", "--user", "-i", "-p", "--install-location", "--originating-uri"];
    let (mut flags, mut rest) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word.as_str()) {
            flags.push((word.clone(), words.next().cloned().unwrap_or_default()));
        } else if word.starts_with('-') && word != "-" {
            flags.push((word.clone(), String::new()));
        } else {
            rest.push(word.clone());
        }
    }
    (flags, rest)
}

fn list(shell: &Shell<'_>, call: &mut Call<'_>, operands: &[String], flag: &dyn Fn(&str) -> bool) {
    match operands.first().map(String::as_str) {
        Some("packages") => {
            let filter = operands.get(1).map_or("", String::as_str);
            let mut all = vec![("android".to_owned(), 34, "/system/framework/framework-res.apk".to_owned(), true)];
            for (name, package) in &shell.system.store.kept.packages {
                let path = package.paths.first().cloned().unwrap_or_default();
                all.push((name.clone(), package.version_code, path, false));
            }
            for (name, version, path, system) in all {
                if !name.contains(filter) || (flag("-s") && !system) || (flag("-3") && system) {
                    continue;
                }
                let mut line = if flag("-f") { format!("package:{path}={name}") } else { format!("package:{name}") };
                if flag("--show-versioncode") {
                    line.push_str(&format!(" versionCode:{version}"));
                }
                call.line(line);
            }
        }
        Some("users") => call.line("Users:\n\tUserInfo{0:Owner:c13} running"),
        Some("features") => call.line("feature:android.hardware.usb.host"),
        _ => {}
    }
}

fn path(shell: &Shell<'_>, call: &mut Call<'_>, operands: &[String]) -> u8 {
    let package = operands.first().and_then(|name| shell.system.store.kept.packages.get(name));
    for path in package.map(|package| package.paths.clone()).unwrap_or_default() {
        call.line(format!("package:{path}"));
    }
    u8::from(package.is_none())
}

fn permission(shell: &mut Shell<'_>, call: &mut Call<'_>, verb: &str, operands: &[String]) -> u8 {
    let [name, permission, ..] = operands else { return 255 };
    let kept = &mut shell.system.store.kept;
    let why = match kept.packages.get_mut(name) {
        None => Some(format!("java.lang.IllegalArgumentException: Unknown package: {name}")),
        Some(_) if !permission.contains('.') => {
            Some(format!("java.lang.IllegalArgumentException: Unknown permission: {permission}"))
        }
        Some(package) if verb == "grant" => {
            package.granted.insert(permission.clone());
            None
        }
        Some(package) => {
            package.granted.remove(permission);
            None
        }
    };
    if let Some(why) = why {
        call.printed.push((2, format!("\nException occurred while executing '{verb}':\n{why}\n").into_bytes()));
        return 255;
    }
    u8::from(shell.system.store.save().is_err())
}

fn uninstall(shell: &mut Shell<'_>, operands: &[String]) -> Result<String, Refused> {
    let name = operands.first().cloned().unwrap_or_default();
    let kept = &mut shell.system.store.kept;
    if kept.owner.as_ref().is_some_and(|owner| owner.split('/').next() == Some(&name)) {
        return Err("DELETE_FAILED_DEVICE_POLICY_MANAGER".to_owned());
    }
    let package = kept.packages.remove(&name).ok_or("DELETE_FAILED_INTERNAL_ERROR")?;
    shell.system.store.save().map_err(|error| error.to_string())?;
    remove(shell, &package);
    Ok("Success".to_owned())
}

fn remove(shell: &Shell<'_>, package: &Package) {
    if let Some(folder) = package.paths.first().and_then(|path| path.strip_suffix("/base.apk")) {
        let _ = fs::remove_dir_all(shell.system.tree.root().join(folder.trim_start_matches('/')));
    }
}

fn stage(shell: &Shell<'_>, session: &str) -> PathBuf {
    let session: u32 = session.parse().unwrap_or(0);
    shell.system.tree.root().join(format!("{STAGE}{session}.tmp"))
}

fn create(shell: &mut Shell<'_>, flags: &[(String, String)]) -> Result<String, Refused> {
    let kept = &mut shell.system.store.kept;
    kept.session += 1;
    let session = kept.session;
    shell.system.store.save().map_err(|error| error.to_string())?;
    let folder = stage(shell, &session.to_string());
    let options: Vec<&str> = flags.iter().map(|(flag, _)| flag.as_str()).collect();
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("options"), options.join(" ")))
        .map_err(|error| error.to_string())?;
    Ok(format!("Success: created install session [{session}]"))
}

/// `install-write SESSION NAME [PATH | -]`.
fn write(shell: &mut Shell<'_>, call: &mut Call<'_>, operands: &[String]) -> Result<u8, Stop> {
    let [session, name, from @ ..] = operands else { return Ok(1) };
    let folder = stage(shell, session);
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) && name != "options";
    if !folder.is_dir() || !plain {
        return Ok(answer(
            call,
            Err(format!("java.lang.SecurityException: Caller has no access to session {session}")),
        ));
    }
    let bytes = match from.first().map_or("-", String::as_str) {
        "-" => Ok(call.input.to_vec()),
        path => shell
            .place(path.as_bytes(), protocols::adb::message::sync::Follow::Yes)
            .and_then(|place| shell.read(&place)),
    };
    let written = match (bytes, fs::File::create(folder.join(format!("{name}.part")))) {
        (Ok(bytes), Ok(mut file)) => shell.system.store_bytes(&mut file, &bytes)?.map(|()| bytes.len()),
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    let done = written.map(|len| format!("Success: streamed {len} bytes"));
    Ok(answer(call, done.map_err(|error| format!("INSTALL_FAILED_INSUFFICIENT_STORAGE: {error}"))))
}

/// The whole of it in one command: `install [FLAGS] PATH`, or `install -S BYTES` with the package behind it.
fn install(
    shell: &mut Shell<'_>,
    call: &mut Call<'_>,
    flags: &[(String, String)],
    operands: &[String],
) -> Result<u8, Stop> {
    let begun = create(shell, flags);
    let Ok(words) = &begun else { return Ok(answer(call, begun)) };
    let session = words.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
    let from = operands.first().cloned().unwrap_or_else(|| "-".to_owned());
    let before = call.printed.len();
    if write(shell, call, &[session.clone(), "base".to_owned(), from])? != 0 {
        return Ok(1);
    }
    call.printed.truncate(before);
    let done = commit(shell, &session);
    Ok(answer(call, done))
}

fn commit(shell: &mut Shell<'_>, session: &str) -> Result<String, Refused> {
    let folder = stage(shell, session);
    let done = installed(shell, &folder);
    let _ = fs::remove_dir_all(&folder);
    done
}

fn installed(shell: &mut Shell<'_>, folder: &std::path::Path) -> Result<String, Refused> {
    let read = |error: std::io::Error| format!("INSTALL_FAILED_INTERNAL_ERROR: {error}");
    let options = fs::read_to_string(folder.join("options")).map_err(read)?;
    let option = |name: &str| options.split(' ').any(|option| option == name);
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|end| end == "part") {
            let bytes = fs::read(&path).map_err(read)?;
            let apk = Apk::read(bytes.as_slice()).map_err(|error| format!("INSTALL_PARSE_FAILED_NOT_APK: {error}"))?;
            parts.push((apk, bytes));
        }
    }
    // The base has no name of a split, and comes first.
    parts.sort_by(|a, b| a.0.manifest.split.cmp(&b.0.manifest.split));
    let (base, _) = parts.first().ok_or("INSTALL_FAILED_INVALID_APK: no packages")?;
    let manifest = base.manifest.clone();
    if manifest.split.is_some() {
        return Err("INSTALL_FAILED_MISSING_SPLIT".to_owned());
    }
    let whole =
        |apk: &Apk| apk.manifest.package == manifest.package && apk.manifest.version_code == manifest.version_code;
    if !parts.iter().all(|(apk, _)| whole(apk)) {
        return Err("INSTALL_FAILED_INVALID_APK: parts are inconsistent".to_owned());
    }
    if manifest.test_only && !option("-t") {
        return Err("INSTALL_FAILED_TEST_ONLY: installPackageLI".to_owned());
    }
    let properties = shell.system.properties();
    let sdk = properties.get("ro.build.version.sdk").and_then(|sdk| number(sdk.as_bytes())).unwrap_or(34);
    if manifest.min_sdk.is_some_and(|least| u64::from(least) > sdk) {
        return Err("INSTALL_FAILED_OLDER_SDK".to_owned());
    }
    let abis = properties.get("ro.product.cpu.abilist").cloned().unwrap_or_default();
    if !parts.iter().all(|(apk, _)| apk.runs_on(abis.split(','))) {
        return Err("INSTALL_FAILED_NO_MATCHING_ABIS: Failed to extract native libraries, res=-113".to_owned());
    }
    let name = manifest.package.clone();
    let before = shell.system.store.kept.packages.get(&name).cloned();
    if let Some(before) = &before
        && before.version_code > manifest.version_code
        && !option("-d")
    {
        return Err("INSTALL_FAILED_VERSION_DOWNGRADE: Downgrade detected".to_owned());
    }
    let certificates: Vec<String> = base.certificates.iter().map(hex::encode).collect();
    if let Some(before) = &before
        && before.certificates != certificates
    {
        return Err(format!(
            "INSTALL_FAILED_UPDATE_INCOMPATIBLE: Existing package {name} signatures do not match newer version; ignoring!"
        ));
    }
    let seed = Sha256::digest(format!("{} {}", name, shell.system.store.kept.session));
    let (outer, inner) = (hex::encode(&seed[..8]), hex::encode(&seed[8..16]));
    let at = format!("/data/app/~~{outer}==/{name}-{inner}==");
    let here = shell.system.tree.root().join(&at[1..]);
    fs::create_dir_all(&here).map_err(read)?;
    let mut paths = Vec::new();
    for (apk, bytes) in &parts {
        let file = match &apk.manifest.split {
            None => "base.apk".to_owned(),
            Some(split) => format!("split_{split}.apk"),
        };
        fs::write(here.join(&file), bytes).map_err(read)?;
        paths.push(format!("{at}/{file}"));
    }
    let package = Package {
        paths,
        version_code: manifest.version_code,
        version_name: manifest.version_name.clone().unwrap_or_default(),
        granted: before.as_ref().map(|before| before.granted.clone()).unwrap_or_default(),
        certificates,
    };
    shell.system.store.kept.packages.insert(name, package);
    shell.system.store.save().map_err(read)?;
    if let Some(before) = before {
        remove(shell, &before);
    }
    Ok("Success".to_owned())
}
