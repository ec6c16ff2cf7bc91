//! The key representation (K-3): no text makes it panic, and every key has exactly one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use matrix_key_backup_primitives::key_representation::{KeyBytes, decode, encode};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = str::from_utf8(input) {
        read(text);
    }
    if let Some(bytes) = input.first_chunk::<32>() {
        write(bytes);
    }
});

fn read(text: &str) {
    let Ok(key) = decode(text) else { return };
    let without_whitespace = |text: &str| text.split_whitespace().collect::<String>();
    let again = encode(&key);
    assert_eq!(without_whitespace(text), without_whitespace(&again), "one key, two forms");
}

fn write(bytes: &[u8]) {
    let key = KeyBytes::from_slice(bytes).expect("32 bytes are a key");
    let read = decode(&encode(&key)).expect("what is written can be read");
    assert_eq!(read.expose_bytes(), bytes);
}
