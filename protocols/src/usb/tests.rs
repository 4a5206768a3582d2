use super::*;
use proptest::prelude::*;

fn vector(wanted: &str) -> (Vec<u8>, Vec<u8>) {
    let mut lines = include_str!("vectors/devices.txt").lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let line = lines.find(|columns| columns[0] == wanted).expect("a vector of this name");
    (hex::decode(line[1]).unwrap(), hex::decode(line[2]).unwrap())
}

fn configuration(name: &str) -> Configuration {
    Configuration::parse(&vector(name).1).unwrap()
}

/// One interface with one endpoint, to be damaged.
fn small() -> Vec<u8> {
    let endpoint = Endpoint { address: 0x81, attributes: 2, max_packet_size: 64, ..Endpoint::default() };
    let interface = Interface { class: Class::new(0xff, 0x42, 1), endpoints: vec![endpoint], ..Interface::default() };
    let configuration = Configuration { value: 1, interfaces: vec![interface], ..Configuration::default() };
    configuration.to_bytes().unwrap()
}

#[test]
fn device_descriptors_of_real_devices() {
    let device = DeviceDescriptor::parse(&vector("stm32f411-rom").0).unwrap();
    assert_eq!(device.id.to_string(), "0483:df11");
    assert_eq!((device.usb.to_string(), device.release.to_string()), ("1.00".into(), "22.00".into()));
    assert_eq!((device.manufacturer, device.product, device.serial, device.configurations), (1, 2, 3, 1));
    assert_eq!(device.max_packet_size_0, 64);
    let device = DeviceDescriptor::parse(&vector("cc2531-cdc-acm").0).unwrap();
    assert_eq!((device.id.to_string(), device.class), ("0451:16a8".into(), Class::new(2, 0, 0)));
    for name in ["stm32f411-rom", "maschine-jam-runtime", "gd32-rom", "cc2531-cdc-acm"] {
        let bytes = vector(name).0;
        assert_eq!(DeviceDescriptor::parse(&bytes).unwrap().to_bytes().to_vec(), bytes);
    }
}

#[test]
fn a_rom_with_four_alternate_settings_and_one_functional_descriptor() {
    let rom = configuration("stm32f411-rom");
    assert_eq!(rom.faults, []);
    assert_eq!((rom.value, rom.attributes, rom.max_power), (1, 0xc0, 50));
    let alternates: Vec<_> = rom.alternates(0).collect();
    assert_eq!(alternates.iter().map(|alternate| alternate.alternate).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(alternates.iter().all(|alternate| alternate.class.to_string() == "fe/01/02"));
    assert_eq!(alternates.iter().map(|alternate| alternate.string).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert_eq!(alternates.iter().map(|alternate| alternate.extra.len()).collect::<Vec<_>>(), [0, 0, 0, 1]);
    assert_eq!(alternates[3].extra[0].bytes, [9, 0x21, 0x0b, 0xff, 0, 0, 8, 0x1a, 1]);
    assert_eq!(alternates[3].extra[0].kind(), kind::CLASS_DEVICE);
}

#[test]
fn a_runtime_interface_beside_hid_keeps_the_descriptors_of_each_apart() {
    let jam = configuration("maschine-jam-runtime");
    assert_eq!(jam.faults, []);
    assert_eq!(jam.interfaces[0].class.class, 3);
    assert_eq!(jam.interfaces[0].endpoints.len(), 2);
    assert_eq!(jam.interfaces[0].descriptors().next().unwrap().bytes[..3], [9, 0x21, 0x10]);
    assert_eq!(jam.interfaces[1].class, Class::new(0xfe, 1, 1));
    assert_eq!(jam.interfaces[1].extra[0].bytes, [9, 0x21, 7, 250, 0, 64, 0, 0x10, 1]);
}

#[test]
fn a_modem_with_class_descriptors_and_endpoints() {
    let modem = configuration("cc2531-cdc-acm");
    assert_eq!(modem.faults, []);
    let kinds: Vec<_> = modem.interfaces[0].extra.iter().map(Extra::kind).collect();
    assert_eq!(kinds, [kind::CLASS_INTERFACE; 4]);
    assert_eq!(modem.interfaces[0].endpoints[0].address, 0x82);
    let bulk: Vec<_> = modem.interfaces[1].endpoints.iter().map(|endpoint| endpoint.address).collect();
    assert_eq!(bulk, [0x84, 0x04]);
}

#[test]
fn what_was_read_is_written_the_same() {
    for name in ["stm32f411-rom", "maschine-jam-runtime", "gd32-rom", "cc2531-cdc-acm"] {
        let bytes = vector(name).1;
        assert_eq!(Configuration::parse(&bytes).unwrap().to_bytes().unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_length_of_zero_ends_the_walk_and_keeps_what_was_read() {
    let mut bytes = small();
    bytes[18] = 0;
    let configuration = Configuration::parse(&bytes).unwrap();
    assert_eq!(configuration.interfaces.len(), 1);
    assert_eq!(configuration.interfaces[0].endpoints, []);
    assert_eq!(
        configuration.faults,
        [Fault::Loop { at: 18, claimed: 0 }, Fault::EndpointCount { number: 0, alternate: 0, claimed: 1, found: 0 }]
    );
    bytes[18] = 1;
    assert_eq!(Configuration::parse(&bytes).unwrap().faults[0], Fault::Loop { at: 18, claimed: 1 });
    // Even the first descriptor may lie about its length.
    bytes[0] = 255;
    let configuration = Configuration::parse(&bytes).unwrap();
    assert_eq!((configuration.interfaces.len(), configuration.faults.len()), (0, 1));
}

#[test]
fn a_lying_length_is_told_and_does_not_reach_beyond_the_bytes() {
    let mut bytes = small();
    bytes[18] = 200;
    let faults = Configuration::parse(&bytes).unwrap().faults;
    assert_eq!(faults[0], Fault::Overrun { at: 18, claimed: 200, left: 7 });

    let mut bytes = small();
    bytes[2..4].copy_from_slice(&[0xff, 0xff]);
    let configuration = Configuration::parse(&bytes).unwrap();
    assert_eq!(configuration.faults, [Fault::TotalLength { claimed: 0xffff, present: 25 }]);
    assert_eq!(configuration.interfaces[0].endpoints.len(), 1, "all that came is read");

    // Shorter than it is: what lies beyond is not the configuration's.
    bytes[2..4].copy_from_slice(&[18, 0]);
    assert_eq!(Configuration::parse(&bytes).unwrap().interfaces[0].endpoints, []);
    bytes[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(Configuration::parse(&bytes).unwrap().interfaces[0].endpoints.len(), 1);
}

#[test]
fn every_cut_gives_an_error_or_a_part() {
    let whole = vector("cc2531-cdc-acm").1;
    for len in 0..whole.len() {
        match Configuration::parse(&whole[..len]) {
            Ok(part) => {
                assert!(len >= Configuration::LEN);
                assert_eq!(part.faults[0], Fault::TotalLength { claimed: 67, present: len });
            }
            Err(error) => assert!(len < Configuration::LEN, "{len}: {error}"),
        }
    }
}

#[test]
fn orphans_short_ones_and_a_second_configuration() {
    let endpoint = [7, kind::ENDPOINT, 0x81, 2, 64, 0, 0];
    let head = |total: u8, interfaces: u8| [9, kind::CONFIGURATION, total, 0, interfaces, 1, 0, 0x80, 50];
    let orphan = Configuration::parse(&[&head(16, 0)[..], &endpoint].concat()).unwrap();
    assert_eq!(orphan.faults, [Fault::Orphan { at: 9 }]);
    assert_eq!(orphan.extra[0].bytes, endpoint);

    let short = Configuration::parse(&[&head(12, 1)[..], &[3, kind::INTERFACE, 7]].concat()).unwrap();
    assert_eq!(
        short.faults,
        [Fault::Short { at: 9, kind: 4, claimed: 3 }, Fault::InterfaceCount { claimed: 1, found: 0 }]
    );

    let second = Configuration::parse(&[&head(18, 0)[..], &head(18, 0)].concat()).unwrap();
    assert_eq!(second.faults, [Fault::Second { at: 9 }]);
    assert_eq!(
        Configuration::parse(&head(9, 0)).unwrap(),
        Configuration { value: 1, attributes: 0x80, max_power: 50, ..Configuration::default() }
    );
}

#[test]
fn faults_are_bounded_and_sentences_are_plain() {
    let mut bytes = vec![9, kind::CONFIGURATION, 0, 0, 0, 1, 0, 0x80, 50];
    for _ in 0..5000 {
        bytes.extend([7, kind::ENDPOINT, 0x81, 2, 64, 0, 0]);
    }
    let configuration = Configuration::parse(&bytes).unwrap();
    assert_eq!(configuration.faults.len(), Configuration::MAX_FAULTS);
    for fault in configuration.faults {
        assert!(!fault.to_string().contains(char::is_control));
    }
}

#[test]
fn other_descriptors_are_not_taken_for_the_one_asked_for() {
    let (device, configuration) = vector("gd32-rom");
    assert_eq!(DeviceDescriptor::parse(&configuration), Err(DescriptorError::Kind { found: 2, wanted: 1 }));
    assert_eq!(Configuration::parse(&device), Err(DescriptorError::Kind { found: 1, wanted: 2 }));
    assert_eq!(DeviceDescriptor::parse(&device[..17]), Err(DescriptorError::Short { present: 17, needed: 18 }));
    assert_eq!(DeviceDescriptor::parse(&[8, 1, 0, 2]), Err(DescriptorError::Length { claimed: 8, needed: 18 }));
    assert_eq!(DeviceDescriptor::parse(&[]), Err(DescriptorError::Short { present: 0, needed: 18 }));
    assert_eq!(decode_string(&device), Err(DescriptorError::Kind { found: 1, wanted: 3 }));
}

#[test]
fn strings_survive_broken_utf_16_and_lying_lengths() {
    // "STM32" as a device sends it.
    let stm32 = [0x0c, 3, 0x53, 0, 0x54, 0, 0x4d, 0, 0x33, 0, 0x32, 0];
    assert_eq!(decode_string(&stm32).unwrap(), "STM32");
    assert_eq!(encode_string("STM32").unwrap(), stm32);
    // Half a surrogate pair, and the halves in the wrong order.
    assert_eq!(decode_string(&[6, 3, 0x3d, 0xd8, 0x41, 0]).unwrap(), "\u{fffd}A");
    assert_eq!(decode_string(&[6, 3, 0x00, 0xde, 0x3d, 0xd8]).unwrap(), "\u{fffd}\u{fffd}");
    assert_eq!(decode_string(&[6, 3, 0x3d, 0xd8, 0x00, 0xde]).unwrap(), "😀");
    // Longer than what came, shorter than what came, odd.
    assert_eq!(decode_string(&[200, 3, 0x41, 0]).unwrap(), "A");
    assert_eq!(decode_string(&[4, 3, 0x41, 0, 0x42, 0]).unwrap(), "A");
    assert_eq!(decode_string(&[5, 3, 0x41, 0, 0x42]).unwrap(), "A");
    assert_eq!(decode_string(&[2, 3]).unwrap(), "");
    assert_eq!(decode_string(&[0, 3]), Err(DescriptorError::Length { claimed: 0, needed: 2 }));
    assert_eq!(decode_languages(&[6, 3, 9, 4, 7, 4]).unwrap(), [0x0409, 0x0407]);
    assert_eq!(encode_languages(&[0x0409]).unwrap(), [4, 3, 9, 4]);
    assert_eq!(encode_string(&"x".repeat(126)).unwrap().len(), 254);
    assert_eq!(encode_string(&"x".repeat(127)), Err(TooLong { len: 127, limit: 126 }));
}

#[test]
fn setup_packets() {
    // Asking for the device descriptor, as every host does first.
    let setup = Setup::get_descriptor(kind::DEVICE, 0, 0, 18);
    assert_eq!(setup.to_bytes(), [0x80, 6, 0, 1, 0, 0, 18, 0]);
    assert_eq!(setup.direction(), Direction::In);
    assert_eq!((setup.kind(), setup.recipient()), (RequestKind::Standard, Recipient::Device));
    let setup = Setup::from_bytes([0x21, 1, 2, 0, 3, 0, 0, 8]);
    assert_eq!((setup.value, setup.index, setup.length), (2, 3, 2048));
    assert_eq!((setup.kind(), setup.recipient()), (RequestKind::Class, Recipient::Interface));
    assert_eq!(Setup { request_type: 0x7f, ..setup }.recipient(), Recipient::Other(31));
    assert_eq!(Setup { request_type: 0x62, ..setup }.kind(), RequestKind::Reserved);
}

#[test]
fn a_configuration_that_fits_no_length_field_is_refused() {
    let extra = vec![Extra { bytes: [&[255, 0x24][..], &[0; 253]].concat() }; 260];
    let configuration = Configuration { extra, ..Configuration::default() };
    assert_eq!(configuration.to_bytes(), Err(TooLong { len: 9 + 260 * 255, limit: 65535 }));
    let interface = Interface { endpoints: vec![Endpoint::default(); 256], ..Interface::default() };
    let configuration = Configuration { interfaces: vec![interface], ..Configuration::default() };
    assert_eq!(configuration.to_bytes(), Err(TooLong { len: 256, limit: 255 }));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = DeviceDescriptor::parse(&bytes);
        let _ = decode_string(&bytes);
        let _ = decode_languages(&bytes);
        let _ = Configuration::parse(&bytes);
    }

    /// Rows of short descriptors of the types that are read, so that the walk gets far.
    #[test]
    fn no_descriptors_panic(rows in prop::collection::vec((0_u8..12, 1_u8..7, any::<[u8; 8]>()), 0..40)) {
        let mut bytes = vec![9, 2, 0, 0, 1, 1, 0, 0x80, 50];
        for (len, kind, rest) in rows {
            bytes.extend([len, kind]);
            bytes.extend(&rest[..usize::from(len).saturating_sub(2).min(8)]);
        }
        let configuration = Configuration::parse(&bytes).unwrap();
        prop_assert!(configuration.faults.len() <= Configuration::MAX_FAULTS);
        let again = Configuration::parse(&configuration.to_bytes().unwrap()).unwrap();
        prop_assert_eq!(again.interfaces, configuration.interfaces);
        prop_assert_eq!(again.extra, configuration.extra);
    }

    #[test]
    fn setups_come_through(bytes in any::<[u8; 8]>()) {
        prop_assert_eq!(Setup::from_bytes(bytes).to_bytes(), bytes);
    }

    #[test]
    fn texts_come_through(text in "\\PC{0,60}") {
        let bytes = encode_string(&text).unwrap();
        prop_assert_eq!(decode_string(&bytes).unwrap(), text);
    }
}
