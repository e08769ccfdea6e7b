#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caps_server::fuzzing::query(bytes));
