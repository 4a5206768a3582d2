//! System properties.

use super::System;
use crate::adb::options::{Build, Runs};
use std::collections::BTreeMap;

/// Bytes that a value which is no `ro.` one has to stay below (`PROP_VALUE_MAX`).
const MOST: usize = 92;

impl System {
    /// All properties, as they are now.
    pub(crate) fn properties(&self) -> BTreeMap<String, String> {
        let options = &self.options;
        let (build, debuggable) = match options.build {
            Build::Eng => ("eng", "1"),
            Build::UserDebug => ("userdebug", "1"),
            Build::User => ("user", "0"),
        };
        let completed = if options.runs == Runs::Android { "1" } else { "0" };
        let fingerprint = format!("hardwire/{0}/{0}:14/UP1A.231005.007/1:{build}/test-keys", options.product);
        let usual = [
            ("ro.product.model", options.model.as_str()),
            ("ro.product.name", &options.product),
            ("ro.product.device", &options.product),
            ("ro.product.manufacturer", "Hardwire"),
            ("ro.product.brand", "hardwire"),
            ("ro.product.cpu.abi", "arm64-v8a"),
            ("ro.product.cpu.abilist", "arm64-v8a,armeabi-v7a,armeabi"),
            ("ro.serialno", &options.serial),
            ("ro.boot.serialno", &options.serial),
            ("ro.boot.slot_suffix", "_a"),
            ("ro.boot.verifiedbootstate", "orange"),
            ("ro.boot.flash.locked", "0"),
            ("ro.build.version.release", "14"),
            ("ro.build.version.sdk", "34"),
            ("ro.build.version.security_patch", "2026-10-05"),
            ("ro.build.id", "UP1A.231005.007"),
            ("ro.build.type", build),
            ("ro.build.fingerprint", &fingerprint),
            ("ro.debuggable", debuggable),
            ("ro.secure", if options.build == Build::Eng { "0" } else { "1" }),
            ("ro.hardware", "standin"),
            ("ro.revision", "b"),
            ("gsm.version.baseband", "1.0"),
            ("persist.sys.timezone", "Europe/Berlin"),
            ("init.svc.adbd", "running"),
            ("sys.boot_completed", completed),
        ];
        let mut all: BTreeMap<String, String> =
            usual.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.extend(options.properties.iter().cloned());
        all.extend(self.store.kept.properties.clone());
        all.extend(self.store.passing.clone());
        all
    }

    /// Sets a property; what `setprop` says where it is refused.
    pub(crate) fn set_property(&mut self, name: &str, value: &str) -> Result<(), String> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:".contains(&byte);
        let read_only = name.starts_with("ro.");
        if !read_only && value.len() >= MOST {
            return Err(format!("Failed to set property '{name}' to '{value}'.\nValue is too long."));
        }
        let taken = read_only && self.properties().contains_key(name);
        if name.is_empty() || !name.bytes().all(good) || taken {
            return Err(format!("Failed to set property '{name}' to '{value}'.\nSee dmesg for error reason."));
        }
        if name.starts_with("persist.") {
            self.store.kept.properties.insert(name.to_owned(), value.to_owned());
            return self.store.save().map_err(|error| format!("Failed to set property '{name}': {error}"));
        }
        self.store.passing.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}
