#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::TempDir::new().expect("a folder");
    caps_server::fuzzing::file(bytes, folder.path());
});
