//! A unit that left its mode on command: waiting for it, and knowing it again.
//!
//! Nothing is written to what came back before it is known to be what left.

use std::time::Duration;

use super::Order;
use super::attempt::{Run, SMALL_TALK};
use super::event::{Event, EventKind};
use super::report::Return;
use crate::device::{Cancel, Continuity, Departure, Mode, Proof, Returned, Unit, UnitText};
use crate::error::{Error, Kind, Result};

/// What is awaited, and until when. `from` is the mode that the unit left.
fn awaited(departure: &Departure, from: Mode) -> String {
    let seconds = departure.within.as_secs();
    format!("waits for the unit {}, up to {seconds} s (it was in mode {from})", departure.why)
}

/// Refuses a unit that can never be known as surely as the profile demands, because it shows nothing to know it by.
pub(super) fn check_identity(order: &Order, unit: &Unit) -> Result<()> {
    let identity = &order.resolved.identity;
    let has_serial = unit.serial.is_some() || order.serial.is_some() || identity.setting.is_some();
    let lacks = match identity.proof {
        Proof::Port => return Ok(()),
        Proof::Serial if has_serial || unit.hwid.is_some() => return Ok(()),
        Proof::Hwid if unit.hwid.is_some() => return Ok(()),
        Proof::Serial => "serial number",
        Proof::Hwid => "hardware id",
    };
    let sentence = format!("the profile demands that a unit is known by its {lacks}, and this one shows none");
    Err(Error::new(Kind::Invalid, sentence)
        .next("demand less with `identity: { proof: … }`, or say with `identity: { settings: … }` where it keeps one"))
}

impl Run<'_> {
    /// Waits for the unit to come back, no longer than `timeout`, and opens what it has become.
    pub(super) fn away(&mut self, departure: Departure, timeout: Option<Duration>, cancel: &Cancel) -> Result<()> {
        let within = timeout.map_or(departure.within, |timeout| timeout.min(departure.within));
        let departure = Departure { within, ..departure };
        let mut event = self.observer.event(EventKind::Away);
        event.mode = departure.to.first().copied();
        event.within = Some(within.as_secs());
        event.say = Some(awaited(&departure, self.unit.mode));
        self.observer.tell(&event)?;
        // The link must be free before the bay is watched: a node that we hold does not come back.
        self.driver = None;
        self.restarted = true;
        let mut quiet = |_| {};
        let mut op = crate::device::Op::new(self.desk.clock, cancel, &mut quiet);
        let waiting = self.observer.event(EventKind::Waiting);
        let listener = self.desk.listener;
        let asks = |what: &str| listener.hear(&Event { say: Some(what.to_owned()), ..waiting.clone() });
        op.asks = Some(&asks);
        let returned = self
            .bay
            .wait(&self.known, &departure, &mut op)
            .map_err(|error| error.while_doing(format!("waiting for the unit {}", departure.why)))?;
        let unit = returned.driver.unit().clone();
        let proof = self.accept(returned)?;
        self.known.learn(&unit);
        self.unit = unit;
        self.report.mode = Some(self.unit.mode);
        self.report.firmware.clone_from(&self.unit.firmware);
        self.report.returns.push(Return { mode: self.unit.mode, proof });
        let mut event = self.observer.event(EventKind::ModeChanged);
        event.mode = Some(self.unit.mode);
        event.proof = Some(proof);
        self.observer.tell(&event)
    }

    /// Takes what came back for the unit that left, or lets go of it: not even a step that always runs may touch
    /// what may be another unit.
    fn accept(&mut self, returned: Returned) -> Result<Proof> {
        let Returned { driver, proof, continuity } = returned;
        self.driver = Some(driver);
        let proof = self.recognise(proof).and_then(|proof| self.suffices(proof, continuity).map(|()| proof));
        if proof.is_err() {
            self.driver = None;
        }
        proof
    }

    /// How the unit that came back is known, when its driver knew it by nothing but the port.
    fn recognise(&mut self, proof: Proof) -> Result<Proof> {
        let Some(before) = self.kept.clone().filter(|_| proof == Proof::Port) else { return Ok(proof) };
        match self.kept_serial()? {
            Some(after) if after == before => Ok(Proof::Serial),
            Some(after) => Err(crate::device::another("serial number", &before, &after)),
            None => Ok(proof),
        }
    }

    fn suffices(&self, proof: Proof, continuity: Continuity) -> Result<()> {
        if proof == Proof::Port && continuity == Continuity::Lost {
            let sentence = "something left the bay once more while the unit was away, and what is there now shows \
                            nothing by which it could be told from another unit";
            return Err(Error::new(Kind::Gone, sentence)
                .next("leave the unit alone until its run has ended; run the same again on what is there"));
        }
        let demanded = self.order.resolved.identity.proof;
        if proof > demanded {
            let sentence = format!(
                "what came back is known by {proof} only, and the profile demands {demanded} as proof of identity"
            );
            return Err(Error::new(Kind::Gone, sentence)
                .next("a unit that shows less in this mode needs a profile that demands less"));
        }
        Ok(())
    }

    /// The serial number that the unit keeps where the profile's `identity` says.
    pub(super) fn kept_serial(&mut self) -> Result<Option<UnitText>> {
        let Some(key) = self.order.resolved.identity.setting.clone() else { return Ok(None) };
        let cancel = Cancel::default();
        let value = self.with_driver(None, Some(SMALL_TALK), &cancel, |driver, bench| match driver.settings() {
            Some(settings) => settings.read(&key, bench.op),
            None => Ok(None),
        })?;
        Ok(value.and_then(|value| UnitText::padded(&value)))
    }

    /// The unit's serial number is known, or was changed by this run.
    pub(super) fn know(&mut self, serial: Option<UnitText>) {
        if serial.is_some() {
            self.kept.clone_from(&serial);
            self.known.given.clone_from(&serial);
            self.report.serial = serial;
            self.observer.know(&self.report);
        }
    }
}
