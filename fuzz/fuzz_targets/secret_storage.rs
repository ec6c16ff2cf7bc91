//! Secret storage (S): any text as account data, a key description or a secret, and any bytes as what
//! is in a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use matrix_key_backup_secret_storage::{
    AccountData, DescribedKey, KeyDescription, KeyId, OpenedKey, Passphrase, SecretContent,
    SecretStorageKey,
};
use matrix_key_backup_wire::DECRYPTION_KEY_SECRET;

const KEY: [u8; 32] = [7; 32];
const KEY_ID: &str = "abc";
/// What asks for more is not derived: that takes time, and finds nothing new.
const MAX_ITERATIONS: u32 = 8;

fuzz_target!(|input: &[u8]| {
    read(input);
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(description) = KeyDescription::parse(text) {
        assert_eq!(description.as_json(), text, "a description keeps its text");
        open(&DescribedKey::new(key_id(), description));
    }
    if let Ok(content) = SecretContent::parse(text) {
        let again = SecretContent::parse(&content.to_json());
        assert_eq!(again.as_ref(), Ok(&content), "what is written can be read");
        let _ = opened().decrypt("x", &content);
    }
    if let Ok(account_data) = serde_json::from_str::<AccountData>(text) {
        let keys = account_data.key_ids().into_iter().filter_map(|id| account_data.key(&id).ok());
        keys.chain(account_data.default_key()).for_each(|key| open(&key));
        let _ = account_data.secret(DECRYPTION_KEY_SECRET);
    }
});

fn open(described: &DescribedKey) {
    let _ = described.open(key());
    if described.description().passphrase().is_ok_and(|it| it.iterations().get() <= MAX_ITERATIONS)
    {
        let _ = described.open_with_passphrase(&Passphrase::new("pw".to_owned()));
    }
}

/// `secret` under the name of a decryption key: it comes out as it went in, and is one or is not.
fn read(secret: &[u8]) {
    let iv = CtrIv::from_slice(&[6; 16]).expect("16 bytes");
    let keys = AesCtrHmacKeys::from_hkdf(&KEY, DECRYPTION_KEY_SECRET.as_bytes());
    let mut ciphertext = secret.to_vec();
    keys.apply_keystream(&iv, &mut ciphertext);
    let (mac, iv) = (keys.mac(&[&ciphertext]).to_base64(), base64::encode_unpadded(iv.as_bytes()));
    let ciphertext = base64::encode_unpadded(&ciphertext);
    let content = SecretContent::parse(&format!(
        r#"{{"encrypted":{{"{KEY_ID}":{{"ciphertext":"{ciphertext}","iv":"{iv}","mac":"{mac}"}}}}}}"#
    ))
    .expect("the form is right");
    let read = opened().decrypt(DECRYPTION_KEY_SECRET, &content).expect("the MAC is right");
    assert_eq!(read.expose_bytes(), secret);
    let is_key = base64::decode_either(str::from_utf8(secret).unwrap_or("")).map(|key| key.len());
    assert_eq!(read.into_decryption_key().is_ok(), is_key == Ok(32), "S-6");
}

fn opened() -> OpenedKey {
    let description = r#"{"algorithm":"m.secret_storage.v1.aes-hmac-sha2"}"#;
    let description = KeyDescription::parse(description).expect("the form is right");
    DescribedKey::new(key_id(), description).open(key()).expect("nothing checks it")
}

fn key_id() -> KeyId {
    KeyId::new(KEY_ID).expect("not empty")
}

fn key() -> SecretStorageKey {
    SecretStorageKey::from_slice(&KEY).expect("32 bytes")
}
