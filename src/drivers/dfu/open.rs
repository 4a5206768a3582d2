//! Recognising a unit by its descriptors. Nothing on it is changed by that.

use std::collections::BTreeMap;
use std::time::Duration;

use protocols::dfu::wire::{Attributes, BlockNumber, FunctionalDescriptor, InterfaceMode, find_functional};
use protocols::usb::{Bcd, Interface, Setup, UsbId, kind};

use super::exchange::Wire;
use super::options::DfuOptions;
use super::slots::{self, Slot};
use super::{DfuDriver, NAME};
use crate::device::{Capability, Level, Mode, Offer, SlotState, Unit, UnitText};
use crate::error::{Error, Kind, Result};
use crate::link::usb::{self, MAX_CONTROL, Transfer};

/// Alternate settings that are looked at.
const MAX_SLOTS: usize = 64;
/// How long a unit that does not say may wait for a bus reset after it was told to detach.
const DETACH: u16 = 1000;

/// What a unit was seen to be able to do.
#[derive(Debug, Clone)]
pub(super) struct Survey {
    pub functional: FunctionalDescriptor,
    /// Most bytes of a block.
    pub block_size: u16,
    /// Empty in the application.
    pub slots: Vec<Slot>,
}

impl Survey {
    pub(super) fn attributes(&self) -> Attributes {
        self.functional.attributes
    }
}

/// Opens the unit behind `device`.
pub(super) fn open(mut device: Box<dyn usb::Device>, options: &DfuOptions) -> Result<DfuDriver> {
    let about = device.about().clone();
    let (mode, interface) = find(&about)?;
    let shown = find_functional(&about.configuration, interface.number).ok();
    let shown = shown.or_else(|| asked(&mut *device));
    let functional = shown.unwrap_or(FunctionalDescriptor {
        attributes: Attributes(Attributes::CAN_DOWNLOAD),
        detach_timeout: DETACH,
        transfer_size: 0,
        version: None,
    });
    let slots = match mode {
        Mode::Dfu => settings(&mut *device, &about, interface.number, functional.is_dfuse())?,
        _ => Vec::new(),
    };
    let block_size = functional.block_size(about.packet, MAX_CONTROL);
    let block_size = options.transfer.map_or(block_size, |most| most.min(block_size));
    let survey = Survey { functional, block_size, slots };
    let offers = offers(survey.attributes());
    let ahead = match mode {
        Mode::Dfu => BTreeMap::new(),
        // The application's descriptor tells of the loader (4.1.3); where there is none nothing is known.
        _ => shown.map(|_| (Mode::Dfu, offers.clone())).into_iter().collect(),
    };
    let text = |text: &Option<String>| text.as_deref().map(UnitText::new);
    let unit = Unit {
        driver: NAME,
        mode,
        serial: text(&about.serial),
        hwid: None,
        model: text(&about.model),
        hardware: None,
        locked: None,
        firmware: held(mode, Bcd(about.release), &survey.slots),
        offers: if mode == Mode::Dfu { offers } else { vec![power()] },
        ahead,
        limits: BTreeMap::from([("transfer_size", u64::from(block_size))]),
    };
    let ids = [Some(UsbId::new(about.vendor, about.product)), options.ids];
    let first = BlockNumber(if survey.functional.is_dfuse() { 2 } else { 0 });
    let mut wire = Wire::new(device, interface.number, first);
    wire.choose(interface.alternate)?;
    Ok(DfuDriver { wire, survey, unit, ids: ids.into_iter().flatten().collect(), start: None })
}

/// The first DFU interface; one in DFU mode before one of an application.
fn find(about: &usb::About) -> Result<(Mode, Interface)> {
    let is = |wanted: InterfaceMode| {
        let shows = move |interface: &&Interface| InterfaceMode::of_interface(interface) == Some(wanted);
        about.configuration.interfaces.iter().find(shows)
    };
    let loader = is(InterfaceMode::Dfu).map(|interface| (Mode::Dfu, interface.clone()));
    let application = is(InterfaceMode::Runtime).map(|interface| (Mode::Application, interface.clone()));
    loader.or(application).ok_or_else(|| {
        let sentence = format!("the device on {} shows no DFU interface", about.address());
        Error::new(Kind::Unsupported, sentence)
            .next("see that its loader runs (often: hold a button while plugging it in)")
    })
}

/// The functional descriptor, asked for by itself: some loaders leave it out of their configuration.
fn asked(device: &mut dyn usb::Device) -> Option<FunctionalDescriptor> {
    let mut buf = [0; FunctionalDescriptor::LEN];
    let setup = Setup::get_descriptor(kind::CLASS_DEVICE, 0, 0, FunctionalDescriptor::LEN as u16);
    match device.control_in(setup, &mut buf, Duration::from_secs(1)) {
        Ok(Transfer::Done(len)) => FunctionalDescriptor::parse(buf.get(..len)?).ok(),
        _ => None,
    }
}

fn settings(device: &mut dyn usb::Device, about: &usb::About, interface: u8, dfuse: bool) -> Result<Vec<Slot>> {
    let mut settings: Vec<(u8, Option<String>)> = Vec::new();
    for setting in about.configuration.alternates(interface) {
        let known = settings.iter().any(|(alternate, _)| *alternate == setting.alternate);
        if InterfaceMode::of_interface(setting) == Some(InterfaceMode::Dfu) && !known && settings.len() < MAX_SLOTS {
            settings.push((setting.alternate, device.string(setting.string)?));
        }
    }
    Ok(slots::named(settings, dfuse))
}

fn held(mode: Mode, release: Bcd, slots: &[Slot]) -> Vec<SlotState> {
    let state = |slot: &str, version, state: &[&'static str]| SlotState {
        slot: slot.to_owned(),
        version,
        hash: None,
        state: state.to_vec(),
    };
    match mode {
        Mode::Dfu => slots.iter().map(|slot| state(&slot.name, None, &[])).collect(),
        // A release is all that an application shows of itself.
        _ => vec![state("application", Some(UnitText::new(&release.to_string())), &["active"])],
    }
}

fn power() -> Offer {
    Offer::new(Capability::Power, &[])
}

/// What a loader with these attributes offers.
fn offers(attributes: Attributes) -> Vec<Offer> {
    let mut offers = Vec::new();
    if attributes.can_download() {
        let mut levels = vec![Level::Link];
        levels.extend(attributes.can_upload().then_some(Level::Readback));
        offers.push(Offer::new(Capability::Firmware, &[]).at(levels));
    }
    if attributes.can_upload() {
        offers.push(Offer::new(Capability::Backup, &[]));
    }
    offers.push(power());
    offers
}
