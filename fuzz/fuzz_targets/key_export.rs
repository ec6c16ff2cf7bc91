//! Megolm key export files (E): any text as a file, and any bytes as what is in one.
#![no_main]

use std::num::NonZeroU32;

use libfuzzer_sys::fuzz_target;
use matrix_key_backup_key_export::{ExportedSessionData, KeyExportFile, Passphrase};
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};

const PASSPHRASE: &str = "pw";
/// A file that asks for more is not opened: that takes time, and finds nothing new.
const MAX_ROUNDS: u32 = 8;

fuzz_target!(|input: &[u8]| {
    if let Ok(file) = KeyExportFile::parse_bytes(input)
        && file.rounds().get() <= MAX_ROUNDS
    {
        open(file);
    }
    let file = KeyExportFile::parse(&export(input)).expect("the form is right");
    open(file);
});

fn open(file: KeyExportFile) {
    let Ok(export) = file.decrypt(&Passphrase::new(PASSPHRASE.to_owned())) else { return };
    let mut entries = 0;
    for entry in export.entries() {
        entries += 1;
        match entry {
            Ok(session) => {
                let again = ExportedSessionData::parse(&session.to_json());
                assert_eq!(again.as_ref(), Ok(&session), "what is written can be read");
            }
            Err(bad) => assert_eq!(bad.position, entries, "the right entry is named"),
        }
    }
    assert_eq!(entries, export.len());
}

/// `plaintext` in a file of one round.
fn export(plaintext: &[u8]) -> String {
    let salt = [5; 16];
    let iv = CtrIv::from_slice(&[6; 16]).expect("16 bytes");
    let keys = AesCtrHmacKeys::from_pbkdf2(PASSPHRASE.as_bytes(), &salt, NonZeroU32::MIN);
    let mut ciphertext = plaintext.to_vec();
    keys.apply_keystream(&iv, &mut ciphertext);
    let mut bytes = [&[1], &salt[..], iv.as_bytes(), &1_u32.to_be_bytes(), &ciphertext].concat();
    bytes.extend_from_slice(keys.mac(&[&bytes]).as_bytes());
    let body = base64::encode_unpadded(&bytes);
    format!("-----BEGIN MEGOLM SESSION DATA-----\n{body}\n-----END MEGOLM SESSION DATA-----\n")
}
