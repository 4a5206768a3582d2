//! What Android's tools print of a unit's health, read into numbers with units. What is not understood is not there.

use crate::device::{Diagnosis, Measurement, UnitText};

/// Numbers of one kind that are kept.
const MOST: usize = 64;

/// The power of ten that turns `1.234` into thousandths.
const THOUSANDTHS: usize = 3;

fn measured(name: impl Into<String>, value: i64, unit: Option<&'static str>) -> Measurement {
    Measurement { name: name.into(), value, unit }
}

/// `text` as a part of a measurement's name: small letters, digits and `-`.
fn plain(text: &str) -> String {
    let small = text.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    small.collect::<String>().trim_matches('-').to_owned()
}

/// A decimal number in thousandths.
fn thousandths(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: String = part.chars().chain("000".chars()).take(THOUSANDTHS).collect();
    let whole = whole.parse::<i64>().ok()?.checked_mul(1000)?;
    Some(sign * whole.checked_add(part.parse().ok()?)?)
}

/// What `dumpsys battery` prints.
pub(super) fn battery(text: &str, into: &mut Diagnosis) {
    for (key, value) in text.lines().filter_map(|line| line.trim().split_once(": ")) {
        let number = value.trim().parse::<i64>().ok();
        let known = |names: &[&'static str]| {
            number.and_then(|number| usize::try_from(number).ok()).and_then(|number| names.get(number).copied())
        };
        let mut fact = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                into.facts.insert(name.to_owned(), UnitText::new(value));
            }
        };
        // Numbers of states: `BatteryManager` in Android's documentation.
        match key {
            "status" => {
                fact("battery/status", known(&["", "unknown", "charging", "discharging", "not-charging", "full"]));
            }
            "health" => fact(
                "battery/health",
                known(&["", "unknown", "good", "overheat", "dead", "over-voltage", "failure", "cold"]),
            ),
            "technology" => fact("battery/technology", Some(value.trim())),
            _ => {}
        }
        let (name, unit, factor) = match key {
            "level" => ("battery/level", Some("%"), 1),
            "voltage" => ("battery/voltage", Some("mV"), 1),
            // In tenths of a degree.
            "temperature" => ("battery/temperature", Some("m°C"), 100),
            "Charge counter" => ("battery/charge", Some("µAh"), 1),
            _ => continue,
        };
        if let Some(value) = number.and_then(|number| number.checked_mul(factor)) {
            into.measurements.push(measured(name, value, unit));
        }
    }
}

/// What `df -k PATH` prints: a line of titles, and one of numbers, in KiB.
pub(super) fn storage(text: &str, into: &mut Diagnosis) {
    let Some(line) = text.lines().nth(1) else { return };
    let mut numbers = line.split_whitespace().skip(1).map(|word| word.parse::<i64>().ok()?.checked_mul(1024));
    for name in ["storage/total", "storage/used", "storage/free"] {
        if let Some(bytes) = numbers.next().flatten() {
            into.measurements.push(measured(name, bytes, Some("bytes")));
        }
    }
}

/// What `/proc/meminfo` holds, in KiB.
pub(super) fn memory(text: &str, into: &mut Diagnosis) {
    for (title, name) in [("MemTotal:", "memory/total"), ("MemAvailable:", "memory/available")] {
        let line = text.lines().find_map(|line| line.strip_prefix(title));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1024));
        if let Some(bytes) = number {
            into.measurements.push(measured(name, bytes, Some("bytes")));
        }
    }
}

/// What `/proc/uptime` holds: seconds since the start.
pub(super) fn uptime(text: &str, into: &mut Diagnosis) {
    if let Some(milliseconds) = text.split_whitespace().next().and_then(thousandths) {
        into.measurements.push(measured("uptime", milliseconds, Some("ms")));
    }
}

/// What `dumpsys thermalservice` prints: a status, and temperatures, those of now after those of before.
pub(super) fn thermal(text: &str, into: &mut Diagnosis) {
    let status = text.lines().find_map(|line| line.trim().strip_prefix("Thermal Status: ")?.trim().parse().ok());
    into.measurements.extend(status.map(|status| measured("thermal/status", status, None)));
    let now = text.split_once("Current temperatures from HAL:").map_or(text, |(_, now)| now);
    // What follows are other things with the same words: fans, thresholds.
    let now = now.split_once("Current cooling devices").map_or(now, |(now, _)| now);
    let mut found = 0;
    for line in now.lines().filter_map(|line| line.trim().strip_prefix("Temperature{")).take(MOST) {
        let field =
            |name: &str| line.split([',', '}']).find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        let (Some(value), Some(name)) = (field("mValue").and_then(thousandths), field("mName").map(plain)) else {
            continue;
        };
        let name = format!("thermal/{name}");
        if !into.measurements.iter().any(|measurement| measurement.name == name) {
            into.measurements.push(measured(name, value, Some("m°C")));
            found += 1;
        }
    }
    if found == 0 && status.is_none() {
        into.missing.insert("thermal".to_owned(), "the unit gives no temperatures".to_owned());
    }
}

/// What `service call iphonesubinfo` prints: words of 32 bits in hexadecimal, of which the first says whether something
/// went wrong, the second how long the text is, and the rest are the text, two letters each.
pub(super) fn imei(text: &str) -> Option<String> {
    // What is quoted is the same again, for people.
    let shown = text.lines().map(|line| line.split('\'').next().unwrap_or_default());
    let words = shown.flat_map(|line| line.split([' ', '(', ')']));
    let words: Vec<u32> =
        words.filter(|word| word.len() == 8).filter_map(|word| u32::from_str_radix(word, 16).ok()).take(MOST).collect();
    let (0, len, letters) = (*words.first()?, *words.get(1)? as usize, words.get(2..)?) else { return None };
    let letters = letters.iter().flat_map(|word| [word & 0xffff, word >> 16]).take(len);
    let letters: String = letters.filter_map(char::from_u32).collect();
    let digits = letters.bytes().all(|byte| byte.is_ascii_digit());
    // 14 without the digit that checks it, 16 with the version of its software.
    (digits && (14..=16).contains(&letters.len()) && letters.len() == len).then_some(letters)
}

/// What `tradeinmode getstatus` prints: JSON, of which every number and every text is taken, under its path.
pub(super) fn trade_in(text: &str, into: &mut Diagnosis) -> Result<(), String> {
    let start = text.find('{').ok_or("it prints no JSON")?;
    let mut values = serde_json::Deserializer::from_str(text.get(start..).unwrap_or_default()).into_iter();
    let value = values.next().ok_or("it prints no JSON")?.map_err(|_| "what it prints is no JSON")?;
    leaves("trade-in", &value, 0, into);
    Ok(())
}

fn leaves(path: &str, value: &serde_json::Value, depth: usize, into: &mut Diagnosis) {
    const DEEPEST: usize = 4;
    if depth > DEEPEST || into.measurements.len() + into.facts.len() > 1000 {
        return;
    }
    let fact = |text: &str, into: &mut Diagnosis| into.facts.insert(path.to_owned(), UnitText::new(text));
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields.iter().take(MOST) {
                leaves(&format!("{path}/{}", plain(name)), value, depth + 1, into);
            }
        }
        serde_json::Value::Array(values) => {
            for (index, value) in (1..).zip(values.iter().take(MOST)) {
                leaves(&format!("{path}/{index}"), value, depth + 1, into);
            }
        }
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(value) => {
                let unit = path.ends_with("-bytes").then_some("bytes");
                into.measurements.push(measured(path, value, unit));
            }
            None => drop(fact(&number.to_string(), into)),
        },
        serde_json::Value::String(text) => drop(fact(text, into)),
        serde_json::Value::Bool(value) => drop(fact(if *value { "true" } else { "false" }, into)),
        serde_json::Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Named<V> = Vec<(String, V)>;

    fn read(reader: fn(&str, &mut Diagnosis), text: &str) -> (Named<i64>, Named<String>) {
        let mut diagnosis = Diagnosis::default();
        reader(text, &mut diagnosis);
        let facts = diagnosis.facts.iter().map(|(name, fact)| (name.clone(), fact.to_string())).collect();
        (diagnosis.measurements.into_iter().map(|it| (it.name, it.value)).collect(), facts)
    }

    fn owned<V>(pairs: Vec<(&str, V)>) -> Named<V> {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_battery() {
        let text = "Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  Charge counter: 2371000\n  \
                    status: 2\n  health: 2\n  present: true\n  level: 85\n  scale: 100\n  voltage: 4123\n  \
                    temperature: 271\n  technology: Li-ion\n";
        let (numbers, facts) = read(battery, text);
        let wanted = vec![
            ("battery/charge", 2_371_000),
            ("battery/level", 85),
            ("battery/voltage", 4123),
            ("battery/temperature", 27_100),
        ];
        assert_eq!(numbers, owned(wanted));
        let wanted = [("battery/health", "good"), ("battery/status", "charging"), ("battery/technology", "Li-ion")];
        assert_eq!(facts, wanted.map(|(name, fact)| (name.to_owned(), fact.to_owned())));
        assert_eq!(read(battery, "  health: 99\n  level: much\n  status: -1\n"), (vec![], vec![]));
    }

    #[test]
    fn storage_and_memory_are_in_bytes() {
        let text = "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/block/dm-47 8388608 2097152   6291456  25% /data\n";
        let wanted =
            vec![("storage/total", 8_589_934_592), ("storage/used", 2_147_483_648), ("storage/free", 6_442_450_944)];
        assert_eq!(read(storage, text).0, owned(wanted));
        assert_eq!(read(storage, "df: /data: No such file\n").0, vec![]);
        let text = "MemTotal:        3895344 kB\nMemFree:          312448 kB\nMemAvailable:    1893216 kB\n";
        assert_eq!(
            read(memory, text).0,
            owned(vec![("memory/total", 3_988_832_256), ("memory/available", 1_938_653_184)])
        );
        assert_eq!(read(uptime, "421.07 1203.5\n").0, owned(vec![("uptime", 421_070)]));
        assert_eq!(read(uptime, "soon\n").0, vec![]);
    }

    #[test]
    fn temperatures_of_now() {
        let text = "Thermal Status: 1\nCached temperatures:\n\tTemperature{mValue=99.9, mType=0, mName=CPU0, mStatus=0}\n\
                    Current temperatures from HAL:\n\tTemperature{mValue=38.2, mType=0, mName=CPU0, mStatus=0}\n\
                    \tTemperature{mValue=-5.25, mType=3, mName=Skin Therm, mStatus=0}\n\tTemperature{mValue=NaN, mName=x}\n\
                    Current cooling devices from HAL:\n\tCoolingDevice{mValue=0, mType=0, mName=fan}\n";
        let wanted = vec![("thermal/status", 1), ("thermal/cpu0", 38_200), ("thermal/skin-therm", -5250)];
        assert_eq!(read(thermal, text).0, owned(wanted));
        let mut nothing = Diagnosis::default();
        thermal("Can't find service: thermalservice\n", &mut nothing);
        assert_eq!(nothing.missing.keys().collect::<Vec<_>>(), ["thermal"]);
    }

    #[test]
    fn an_imei_in_a_parcel() {
        let text = "Result: Parcel(\n  0x00000000: 00000000 0000000f 00390034 00310030 '........4.9.0.1.'\n  \
                    0x00000010: 00340035 00300032 00320033 00370033 '5.4.2.0.3.2.3.7.'\n  \
                    0x00000020: 00310035 00000038                   '5.1.8...        ')\n";
        assert_eq!(imei(text).as_deref(), Some("490154203237518"));
        assert_eq!(imei("Result: Parcel(ffffffff 00000010 00650074 '........t.e.')\n"), None);
        assert_eq!(imei("Result: Parcel(00000000 ffffffff '........')\n"), None);
        assert_eq!(imei("service: Service iphonesubinfo does not exist\n"), None);
    }

    #[test]
    fn what_a_dealer_may_know() {
        let mut found = Diagnosis::default();
        let text = "{\"battery\":{\"cycle_count\":112,\"state_of_health\":94},\"storage\":{\"capacity_bytes\":8589934592},\
                    \"imei\":[\"490154203237518\"],\"factory_reset_protection\":false,\"x\":1.5,\"y\":null}\nmore\n";
        assert_eq!(trade_in(text, &mut found), Ok(()));
        let numbers: Vec<_> = found.measurements.iter().map(|it| (it.name.as_str(), it.value, it.unit)).collect();
        assert_eq!(
            numbers,
            [
                ("trade-in/battery/cycle-count", 112, None),
                ("trade-in/battery/state-of-health", 94, None),
                ("trade-in/storage/capacity-bytes", 8_589_934_592, Some("bytes"))
            ]
        );
        assert_eq!(found.facts["trade-in/imei/1"].untrusted(), "490154203237518");
        assert_eq!(found.facts["trade-in/factory-reset-protection"].untrusted(), "false");
        for wrong in ["", "no", "{", "[1]"] {
            assert!(trade_in(wrong, &mut Diagnosis::default()).is_err(), "{wrong}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(60), "}".repeat(60));
        let mut found = Diagnosis::default();
        assert_eq!((trade_in(&deep, &mut found), found.measurements.len()), (Ok(()), 0));
    }
}
