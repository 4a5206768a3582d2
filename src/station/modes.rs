//! The modes of one unit, whoever speaks to it in them.

use std::collections::BTreeMap;

use crate::device::{Mode, ModeSpec};
use crate::drivers::Protocol;

/// What units that are spoken to by `own` can do in each mode: by its own word, by that of its kin, and by that of the
/// drivers that a profile names for a mode (`spoken`). Where several speak in one mode, the profile decides, then the
/// order in which they are named here.
#[must_use]
pub fn modes(own: &str, spoken: &BTreeMap<Mode, String>, protocols: &[&'static dyn Protocol]) -> Vec<ModeSpec> {
    let find = |name: &str| protocols.iter().find(|protocol| protocol.name() == name);
    let kin = find(own).map_or(&[][..], |protocol| protocol.kin());
    let named = std::iter::once(own).chain(kin.iter().copied()).chain(spoken.values().map(String::as_str));
    let mut modes: Vec<ModeSpec> = Vec::new();
    for spec in named.filter_map(find).flat_map(|protocol| protocol.modes()) {
        let is_other = spoken.get(&spec.mode).is_some_and(|driver| driver != spec.driver);
        if !is_other && !modes.iter().any(|known| known.mode == spec.mode) {
            modes.push(*spec);
        }
    }
    modes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Driver, Offer, Op};
    use crate::drivers::{Opening, Over};
    use crate::error::{Error, Kind, Result};
    use crate::link::Opened;

    struct Speaks(&'static str, &'static [&'static str], &'static [ModeSpec]);

    impl Protocol for Speaks {
        fn name(&self) -> &'static str {
            self.0
        }
        fn modes(&self) -> &'static [ModeSpec] {
            self.2
        }
        fn kin(&self) -> &'static [&'static str] {
            self.1
        }
        fn over(&self) -> &'static [Over] {
            &[]
        }
        fn open(&self, _: Opened, _: Opening<'_>, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
            Err(Error::new(Kind::Unsupported, "it has modes and nothing else"))
        }
    }

    const NONE: &[Offer] = &[];

    const fn spec(driver: &'static str, mode: Mode, reaches: &'static [Mode]) -> ModeSpec {
        ModeSpec { mode, driver, offers: NONE, reaches }
    }

    static ADB: Speaks = Speaks(
        "adb",
        &["fastboot"],
        &[spec("adb", Mode::Application, &[Mode::Bootloader]), spec("adb", Mode::Recovery, &[])],
    );
    static FASTBOOT: Speaks = Speaks(
        "fastboot",
        &["adb"],
        &[spec("fastboot", Mode::Bootloader, &[]), spec("fastboot", Mode::Fastbootd, &[])],
    );
    static SMP: Speaks = Speaks("smp", &[], &[spec("smp", Mode::Application, &[])]);
    static DFU: Speaks = Speaks("dfu", &[], &[spec("dfu", Mode::Application, &[]), spec("dfu", Mode::Dfu, &[])]);

    fn of(own: &str, spoken: &[(Mode, &str)]) -> Vec<(Mode, &'static str)> {
        let spoken = spoken.iter().map(|(mode, driver)| (*mode, (*driver).to_owned())).collect();
        let all: [&'static dyn Protocol; 4] = [&SMP, &DFU, &ADB, &FASTBOOT];
        modes(own, &spoken, &all).into_iter().map(|spec| (spec.mode, spec.driver)).collect()
    }

    #[test]
    fn kin_speak_to_the_same_unit() {
        use Mode::{Application, Bootloader, Fastbootd, Recovery};
        let adb = [(Application, "adb"), (Recovery, "adb"), (Bootloader, "fastboot"), (Fastbootd, "fastboot")];
        assert_eq!(of("adb", &[]), adb);
        assert_eq!(of("fastboot", &[]), [adb[2], adb[3], adb[0], adb[1]]);
        assert_eq!(of("smp", &[]), [(Application, "smp")]);
    }

    #[test]
    fn a_profile_says_who_speaks_in_a_mode() {
        use Mode::{Application, Dfu};
        let spoken = [(Application, "smp"), (Dfu, "dfu")];
        assert_eq!(of("smp", &spoken), [(Application, "smp"), (Dfu, "dfu")]);
        assert_eq!(of("dfu", &spoken), [(Dfu, "dfu"), (Application, "smp")]);
        assert_eq!(of("dfu", &[]), [(Application, "dfu"), (Dfu, "dfu")]);
    }
}
