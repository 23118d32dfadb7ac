#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pgtls_fuzz::body("sql")(input));
