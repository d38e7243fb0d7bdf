#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strandline_outbound::fuzz::fuzz_received(bytes));
