#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strandline_history::fuzz_dump(bytes));
