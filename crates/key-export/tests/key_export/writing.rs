//! What the writer writes.

use matrix_key_backup_key_export::{KeyExportFile, KeyExportWriter, Rounds, encrypt};
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use rand_core::CryptoRng;
use serde_json::Value;

use crate::support::{BEGIN, Counting, END, json, passphrase, session, sort_entries};

fn rounds(rounds: u32) -> Rounds {
    Rounds::new(rounds).expect("within bounds")
}

fn write(count: usize, rng: &mut impl CryptoRng) -> String {
    encrypt((0..count).map(session), &passphrase("pässword"), rounds(3), rng)
}

/// Deployed clients wrap at 128 characters and pad; all of them read that.
#[test]
fn the_text_has_the_form_that_deployed_clients_write() {
    for count in 0..6 {
        let text = write(count, &mut Counting(0));
        let lines: Vec<&str> =
            text.strip_suffix('\n').expect("a final line end").split('\n').collect();
        let [begin, body @ .., last, end] = &lines[..] else { panic!("too few lines") };
        assert_eq!((*begin, *end), (BEGIN, END));
        assert!(body.iter().all(|line| line.len() == 128));
        assert!((1..=128).contains(&last.len()) && last.len() % 4 == 0);
    }
}

/// E-1, byte for byte, decrypted here in one go without the crate's own reader.
#[test]
fn the_bytes_are_those_of_the_format() {
    for count in [0, 1, 2, 30] {
        let text = write(count, &mut Counting(0x70));
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let mut bytes = base64::decode_either(&body).expect("base64");
        let tag = bytes.split_off(bytes.len() - 32);

        assert_eq!(bytes[0], 1);
        let salt: Vec<u8> = (0x71..=0x80).collect();
        assert_eq!(bytes[1..17], salt);
        let mut iv: Vec<u8> = (0x81..=0x90).collect();
        iv[8] &= 0x7f;
        assert_eq!(bytes[17..33], iv);
        assert_eq!(bytes[33..37], [0, 0, 0, 3]);

        let keys =
            AesCtrHmacKeys::from_pbkdf2("pässword".as_bytes(), &salt, 3.try_into().expect("not 0"));
        keys.verify(&[&bytes], &tag).expect("the right HMAC");
        let mut plaintext = bytes.split_off(37);
        keys.apply_keystream(&CtrIv::from_slice(&iv).expect("16 bytes"), &mut plaintext);
        let found: Vec<Value> = serde_json::from_slice(&plaintext).expect("a list");
        assert_eq!(found, (0..count).map(|index| json(&session(index))).collect::<Vec<_>>());
    }
}

#[test]
fn bit_63_of_the_iv_is_clear_and_salt_and_iv_come_from_the_generator() {
    let mut headers = Vec::new();
    for start in 0..=255 {
        let text = write(0, &mut Counting(start));
        let body = text.lines().nth(1).expect("a body");
        let bytes = base64::decode_either(body).expect("base64");
        assert_eq!(bytes[25] & 0x80, 0);
        headers.push(bytes[1..33].to_vec());
    }
    headers.sort();
    headers.dedup();
    assert_eq!(headers.len(), 256);
}

#[test]
fn sessions_may_come_one_by_one() {
    let passphrase = passphrase("pässword");
    let mut writer = KeyExportWriter::new(&passphrase, rounds(3), &mut Counting(9));
    assert!(writer.is_empty());
    for index in 0..20 {
        writer.push(&session(index));
        assert_eq!(writer.len(), index + 1);
    }
    let text = writer.finish();
    assert_eq!(text, write(20, &mut Counting(9)));
    let export = KeyExportFile::parse(&text).expect("a file").decrypt(&passphrase).expect("open");
    assert_eq!(sort_entries(&export), ((0..20).map(session).collect(), vec![]));
}

#[test]
fn the_default_number_of_rounds_is_that_of_e_1() {
    assert_eq!(Rounds::default(), Rounds::DEFAULT);
    assert_eq!(Rounds::DEFAULT.get(), 500_000);
    let text = encrypt([session(0)], &passphrase("x"), Rounds::DEFAULT, &mut Counting(0));
    assert_eq!(KeyExportFile::parse(&text).expect("a file").rounds().get(), 500_000);
}
