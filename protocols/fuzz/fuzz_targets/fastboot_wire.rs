#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::fastboot_wire(data));
