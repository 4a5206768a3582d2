//! What Hardwire only names: it tells a person what hangs there, and is never a promise to speak to it.
//!
//! Ids: `usb.ids` of linux-usb.org (2025-07), unless a line says otherwise.

use crate::device::{InterfaceClass, Pattern, Signature};

/// bDeviceClass of a hub (USB 2.0, 11.23.1).
pub(super) const HUB: u8 = 0x09;

const fn named(name: &'static str, pattern: Pattern) -> Signature {
    Signature { name, speaks: None, pattern }
}

const fn id(name: &'static str, vendor: u16, product: u16) -> Signature {
    named(name, Pattern::device(vendor, product))
}

const fn class(class: u8) -> Pattern {
    let interface = InterfaceClass { class, subclass: None, protocol: None };
    Pattern { vendor: None, product: None, interface: Some(interface), text: None }
}

/// Mass storage: SCSI commands, bulk-only (USB Mass Storage Class overview 1.4, 2 and 3).
const STORAGE: Pattern = Pattern::interface(0x08, 0x06, 0x50);
/// Freescale's and NXP's serial downloaders.
const FREESCALE: u16 = 0x15a2;
const NXP: u16 = 0x1fc9;
const APPLE: u16 = 0x05ac;
const RASPBERRY: u16 = 0x2e8a;
const ROCKCHIP: u16 = 0x2207;
const ST: u16 = 0x0483;

/// Serial adapters: what they are says nothing of the unit behind them. The kernel makes a serial port of each.
#[rustfmt::skip]
pub(super) const ADAPTERS: &[Signature] = &[
    id("FTDI FT232R serial adapter", 0x0403, 0x6001),
    id("FTDI FT2232 serial adapter", 0x0403, 0x6010),
    id("FTDI FT4232H serial adapter", 0x0403, 0x6011),
    id("FTDI FT232H serial adapter", 0x0403, 0x6014),
    id("FTDI FT-X serial adapter", 0x0403, 0x6015),
    named("FTDI adapter", Pattern::vendor(0x0403)),
    id("CP210x serial adapter", 0x10c4, 0xea60),
    id("CP210x serial adapter", 0x10c4, 0xea61),
    id("CP210x serial adapter", 0x10c4, 0xea63),
    id("CP2105 serial adapter", 0x10c4, 0xea70),
    id("CP2108 serial adapter", 0x10c4, 0xea71),
    id("CH340 serial adapter", 0x1a86, 0x7523),
    id("CH341 serial adapter", 0x1a86, 0x5523),
    // WCH's driver for them (ch343ser_linux) lists these.
    id("CH343 serial adapter", 0x1a86, 0x55d3),
    id("CH9102 serial adapter", 0x1a86, 0x55d4),
    id("PL2303 serial adapter", 0x067b, 0x2303),
    // Linux, drivers/usb/serial/pl2303.h: types GC, GB, GT, GL, GE, GS.
    id("PL2303 serial adapter", 0x067b, 0x23a3),
    id("PL2303 serial adapter", 0x067b, 0x23b3),
    id("PL2303 serial adapter", 0x067b, 0x23c3),
    id("PL2303 serial adapter", 0x067b, 0x23d3),
    id("PL2303 serial adapter", 0x067b, 0x23e3),
    id("PL2303 serial adapter", 0x067b, 0x23f3),
];

/// Everything else. Of several that fit, the one that demands most names the device.
#[rustfmt::skip]
pub(super) const KNOWN: &[Signature] = &[
    named("USB hub", class(HUB)),

    // Debug probes.
    named("SEGGER J-Link", Pattern::vendor(0x1366)),
    id("ST-Link/V1", ST, 0x3744),
    id("ST-Link/V2", ST, 0x3748),
    id("ST-Link/V2-1", ST, 0x374b),
    id("ST-Link/V2-1", ST, 0x3752),
    id("ST-Link/V3 loader", ST, 0x374d),
    id("ST-Link/V3", ST, 0x374e),
    id("ST-Link/V3", ST, 0x374f),
    id("ST-Link/V3", ST, 0x3753),
    // OpenOCD's contrib/60-openocd.rules.
    id("ST-Link/V3", ST, 0x3754),
    id("ST-Link/V3", ST, 0x3755),
    id("ST-Link/V3", ST, 0x3757),
    // Arm, CMSIS-DAP: the product or interface string must contain the word.
    named("CMSIS-DAP probe", Pattern { vendor: None, product: None, interface: None, text: Some("CMSIS-DAP") }),

    // Phones and what speaks like one.
    named("Apple device", Pattern::vendor(APPLE)),
    // libimobiledevice's usbmuxd: vendor specific, subclass fe, protocol 2.
    named("iPhone or iPad", Pattern::interface(0xff, 0xfe, 0x02).of(APPLE)),
    id("Apple device in DFU mode", APPLE, 0x1227),
    id("Apple device in recovery mode", APPLE, 0x1281),
    // AOSP, packages/modules/adb and system/core/fastboot: class ff, subclass 42, protocols 1 and 3.
    named("Android device (adb)", Pattern::interface(0xff, 0x42, 0x01)),
    named("Android device (fastboot)", Pattern::interface(0xff, 0x42, 0x03)),
    // PIMA 15740: still image, one subclass, one protocol; MTP 1.1 shows the same or a vendor interface named "MTP".
    named("camera or phone (PTP, MTP)", Pattern::interface(0x06, 0x01, 0x01)),
    named("phone or player (MTP)", class(0xff).says("MTP")),

    // Storage, and loaders that look like it.
    named("mass storage", STORAGE),
    named("UF2 loader", STORAGE.says("UF2")),

    // Loaders in ROM.
    // Espressif's usb-pids: USB Serial/JTAG of ESP32-C3, -S3 and later; the ROM of the ESP32-S2.
    id("ESP32 USB Serial/JTAG", 0x303a, 0x1001),
    id("ESP32-S2 ROM loader", 0x303a, 0x0002),
    // Raspberry Pi's usb-pid list.
    id("RP2040 in BOOTSEL mode", RASPBERRY, 0x0003),
    id("RP2350 in BOOTSEL mode", RASPBERRY, 0x000f),
    id("Qualcomm emergency download (EDL)", 0x05c6, 0x9008),
    named("Rockchip device", Pattern::vendor(ROCKCHIP)),
    // Rockchip's rkdeveloptool and U-Boot's rockusb gadget: vendor specific, subclass 6, protocol 5.
    named("Rockchip mask ROM or loader", Pattern::interface(0xff, 0x06, 0x05).of(ROCKCHIP)),
    id("i.MX28 serial downloader", FREESCALE, 0x004f),
    id("i.MX50 serial downloader", FREESCALE, 0x0052),
    id("i.MX51 serial downloader", FREESCALE, 0x0041),
    id("i.MX53 serial downloader", FREESCALE, 0x004e),
    id("i.MX6 Quad serial downloader", FREESCALE, 0x0054),
    id("i.MX6 Solo serial downloader", FREESCALE, 0x0061),
    id("i.MX7 serial downloader", FREESCALE, 0x0076),
    id("i.MX6 ULL serial downloader", FREESCALE, 0x0080),
    // boundarydevices' imx_usb_loader, imx_usb.conf.
    id("i.MX6 SoloLite serial downloader", FREESCALE, 0x0063),
    id("i.MX6 SoloX serial downloader", FREESCALE, 0x0071),
    id("i.MX6 UltraLite serial downloader", FREESCALE, 0x007d),
    id("i.MX6 SLL serial downloader", NXP, 0x0128),
    id("i.MX7 ULP serial downloader", NXP, 0x0126),
    id("i.MX8M serial downloader", NXP, 0x012b),
    id("i.MX8M Mini serial downloader", NXP, 0x0134),
    // NXP's spsdk, usb.py of its SDP part.
    id("i.MX8QM serial downloader", NXP, 0x0129),
    id("i.MX8QXP serial downloader", NXP, 0x012f),
    id("i.MX RT serial downloader", NXP, 0x0130),
    id("i.MX RT serial downloader", NXP, 0x0135),
    id("i.MX8M Nano serial downloader", NXP, 0x013e),
    id("i.MX8M Plus serial downloader", NXP, 0x0146),
    id("i.MX93 serial downloader", NXP, 0x014e),
    id("i.MX95 serial downloader", NXP, 0x015d),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> impl Iterator<Item = &'static Signature> {
        ADAPTERS.iter().chain(KNOWN)
    }

    #[test]
    fn nothing_is_named_twice() {
        let patterns: BTreeSet<String> = all().map(|known| format!("{:?}", known.pattern)).collect();
        assert_eq!(patterns.len(), all().count());
    }
}
