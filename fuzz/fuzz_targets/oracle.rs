#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strandline_event::fuzz::fuzz_oracle(bytes));
