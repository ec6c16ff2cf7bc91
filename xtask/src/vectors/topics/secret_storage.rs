//! `secret_storage.json`: secret storage keys, key descriptions with their check, and secrets (S),
//! whole and damaged.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use matrix_key_backup_primitives::{AesCtrHmacKeys, BackupDecryptionKey, CtrIv, base64};
use matrix_key_backup_secret_storage::{
    DecryptedSecret, DescribedKey, KEY_EVENT_TYPE_PREFIX, KeyCheck, KeyDescription, KeyId,
    OpenedKey, Passphrase, SecretContent, SecretStorageKey,
};
use matrix_key_backup_wire::{AuthData, DECRYPTION_KEY_SECRET, Json};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::vectors::case::{self, Cases, Expected, equal, judge, understand};
use crate::vectors::hex;
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    encrypted_js: Cases<'a>,
    #[serde(borrow)]
    encrypted_rust: Cases<'a>,
    #[serde(borrow)]
    edge: Cases<'a>,
    #[serde(borrow)]
    key_description_checks: Cases<'a>,
    #[serde(borrow)]
    ctr_wrap: Cases<'a>,
}

/// A key, what account data says of it, and what is stored under it.
#[derive(Debug, Deserialize)]
struct Storage<'a> {
    passphrase: Option<String>,
    key_hex: String,
    /// None for a key that has not 32 bytes.
    recovery_key: Option<String>,
    /// The whole key check, of which the description has a part.
    key_check: Option<Encrypted>,
    #[serde(borrow)]
    key_description: Event<'a>,
    #[serde(borrow)]
    secrets: Vec<Secret<'a>>,
    /// How another reader opens it.
    sdk_open: Option<PeerOpen>,
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    r#type: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct Secret<'a> {
    name: String,
    plaintext: String,
    #[serde(borrow)]
    account_data: Event<'a>,
    iv_bit63_clear: bool,
}

/// `{iv, ciphertext, mac}`.
#[derive(Debug, Deserialize)]
struct Encrypted {
    iv: String,
    ciphertext: String,
    mac: String,
}

#[derive(Debug, Deserialize)]
struct PeerOpen {
    /// The key that it got, if it got one.
    recovery_key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Edge<'a> {
    key_hex: String,
    name: String,
    #[serde(borrow)]
    data: &'a RawValue,
    /// What was encrypted before anything was damaged.
    original_plaintext: String,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
struct Check<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
    /// What a person typed: a key in base58, or a passphrase.
    input: String,
    key_hex: String,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
struct CounterWrap<'a> {
    iv_hex: String,
    key_hex: String,
    name: String,
    /// What was encrypted, by a writer that may count in 64 bits.
    plaintext: String,
    #[serde(borrow)]
    js_data: &'a RawValue,
    /// Whether the two ways to count come to the same.
    sdk_same: bool,
    sdk_plaintext_base64: String,
    expected_plaintext_base64: String,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let parsed: File<'_> = serde_json::from_str(text)?;
    case::run_each(report, file, "encrypted_js", &parsed.encrypted_js, check_storage);
    case::run_each(report, file, "encrypted_rust", &parsed.encrypted_rust, check_storage);
    let undamaged = undamaged(&parsed.edge);
    note_harmless_damage(report, file, &parsed.edge, &undamaged);
    case::run_each(report, file, "edge", &parsed.edge, |edge| check_edge(edge, &undamaged));
    let checks = &parsed.key_description_checks;
    case::run_each(report, file, "key_description_checks", checks, check_check);
    case::run_each(report, file, "ctr_wrap", &parsed.ctr_wrap, check_counter_wrap);
    Ok(())
}

fn check_storage(storage: &Storage<'_>) -> Result<()> {
    let key = hex::decode(&storage.key_hex)?;
    let description = storage.key_description.content;
    if let Some(check) = &storage.key_check {
        check_key_check(check, description, &key).context("key_check")?;
    }
    let key_id = storage.key_description.r#type.strip_prefix(KEY_EVENT_TYPE_PREFIX);
    let key_id = key_id.context("key_description is of another type")?;
    let described = described(key_id, description)?;
    let routes = storage.open(&described)?;
    ensure!(!routes.is_empty(), "this case is not understood: nothing opens the key");
    for opened in routes {
        equal("the key check", opened.check(), expected_check(description)?)?;
        equal("key_hex", opened.expose_key().expose_bytes(), key.as_slice())?;
        let shown = opened.expose_key().expose_base58().map(|shown| without_spaces(&shown));
        let expected = storage.recovery_key.as_deref().map(without_spaces);
        equal("recovery_key", shown, expected)?;
        for secret in &storage.secrets {
            secret.check(&opened, &key).with_context(|| format!("the secret {:?}", secret.name))?;
        }
    }
    match storage.sdk_open.as_ref().and_then(|peer| peer.recovery_key.as_deref()) {
        Some(peer) => equal(
            "recovery_key of sdk_open",
            Some(without_spaces(peer)),
            storage.recovery_key.as_deref().map(without_spaces),
        ),
        None => Ok(()),
    }
}

impl Storage<'_> {
    /// The key, in every way that there is to it.
    fn open(&self, described: &DescribedKey) -> Result<Vec<OpenedKey>> {
        let mut opened = Vec::new();
        if let Some(passphrase) = &self.passphrase {
            let passphrase = Passphrase::new(passphrase.clone());
            opened.push(described.open_with_passphrase(&passphrase)?);
        }
        if let Some(recovery_key) = &self.recovery_key {
            opened.push(described.open(SecretStorageKey::from_base58(recovery_key)?)?);
            let bytes = hex::decode(&self.key_hex)?;
            opened.push(described.open(SecretStorageKey::from_slice(&bytes)?)?);
        }
        Ok(opened)
    }
}

impl Secret<'_> {
    fn check(&self, opened: &OpenedKey, key: &[u8]) -> Result<()> {
        equal("the type", &self.account_data.r#type, &self.name)?;
        self.check_by_hand(opened.id(), key)?;
        let content = SecretContent::parse(self.account_data.content.get())?;
        let secret = opened.decrypt(&self.name, &content)?;
        equal("plaintext", secret.expose_text()?, &*self.plaintext)?;
        check_type(secret, &self.plaintext)
    }

    /// With `primitives` alone (S-1).
    fn check_by_hand(&self, key_id: &KeyId, key: &[u8]) -> Result<()> {
        let content: Value = serde_json::from_str(self.account_data.content.get())?;
        let entry = content.get("encrypted").and_then(|keys| keys.get(key_id.as_str()));
        let entry: Encrypted = Encrypted::deserialize(entry.context("no entry of this key")?)?;
        let plaintext = entry.decrypt(key, &self.name)?;
        equal("plaintext", plaintext.as_slice(), self.plaintext.as_bytes())?;
        let bit63 = base64::decode_either(&entry.iv)?.get(8).map(|byte| byte & 0x80);
        equal("iv_bit63_clear", bit63 == Some(0), self.iv_bit63_clear)
    }
}

impl Encrypted {
    fn decrypt(&self, key: &[u8], name: &str) -> Result<Vec<u8>> {
        let keys = AesCtrHmacKeys::from_hkdf(key, name.as_bytes());
        let mut text = base64::decode_either(&self.ciphertext)?;
        keys.verify(&[&text], &base64::decode_either(&self.mac)?)?;
        keys.apply_keystream(&CtrIv::from_slice(&base64::decode_either(&self.iv)?)?, &mut text);
        Ok(text)
    }
}

/// S-6: a secret of this name is a decryption key, or it is refused; and it is that of one backup.
fn check_type(secret: DecryptedSecret, plaintext: &str) -> Result<()> {
    if secret.name() != DECRYPTION_KEY_SECRET {
        ensure!(secret.into_decryption_key().is_err(), "taken for a backup's decryption key");
        return Ok(());
    }
    let Ok(expected) = BackupDecryptionKey::from_base64(plaintext) else {
        ensure!(secret.into_decryption_key().is_err(), "taken for a backup's decryption key");
        return Ok(());
    };
    let stored = secret.into_decryption_key()?;
    let other = BackupDecryptionKey::from_slice(&[1; 32])?.public_key();
    ensure!(stored.clone().check(&AuthData::new(other)).is_err(), "taken for any backup's key");
    let key = stored.check(&AuthData::new(expected.public_key()))?;
    ensure!(key == expected, "the decryption key is another one");
    Ok(())
}

/// The description's `iv` and `mac` are those of 32 zero bytes under the name "" (S-2).
fn check_key_check(check: &Encrypted, description: &RawValue, key: &[u8]) -> Result<()> {
    let description: BTreeMap<&str, Value> = serde_json::from_str(description.get())?;
    let told = |property| description.get(property).and_then(Value::as_str);
    equal("iv", told("iv"), Some(&*check.iv))?;
    equal("mac", told("mac"), Some(&*check.mac))?;
    equal("the plaintext", check.decrypt(key, "")?, vec![0; 32])
}

/// The cases that nothing is wrong with: key, name and data.
fn undamaged(edges: &Cases<'_>) -> Vec<(String, String, Value)> {
    let edges = edges.iter().filter_map(|raw| understand::<Edge<'_>>(raw).ok());
    edges
        .filter(|edge| edge.expected == Expected::Accept)
        .filter_map(|edge| edge.input().ok())
        .collect()
}

fn note_harmless_damage(
    report: &mut Report,
    file: &str,
    edges: &Cases<'_>,
    undamaged: &[(String, String, Value)],
) {
    for (number, raw) in edges.iter().enumerate() {
        if understand::<Edge<'_>>(raw).is_ok_and(|edge| edge.is_harmless(undamaged)) {
            let what = "to be rejected, and the same as a case that is to be accepted: accepted";
            report.note(file, &format!("edge[{number}]"), what);
        }
    }
}

fn check_edge(edge: &Edge<'_>, undamaged: &[(String, String, Value)]) -> Result<()> {
    let harmless = edge.is_harmless(undamaged);
    let expected = if harmless { Expected::Accept } else { edge.expected };
    let opened = unchecked(&edge.key_hex)?;
    let secret = content(opened.id(), edge.data)
        .and_then(|content| Ok(opened.decrypt(&edge.name, &content)?));
    let Some(secret) = judge(expected, secret)? else { return Ok(()) };
    let is_original = secret.expose_bytes() == edge.original_plaintext.as_bytes();
    ensure!(is_original || expected != Expected::Accept, "the plaintext is another one");
    if is_original {
        return check_type(secret, &edge.original_plaintext);
    }
    // S-6: what came out because the MAC does not cover the IV is no key.
    ensure!(secret.into_decryption_key().is_err(), "taken for a backup's decryption key");
    Ok(())
}

impl Edge<'_> {
    /// Key, name and data. Both paddings of base64 are the same, if they are right.
    fn input(&self) -> Result<(String, String, Value)> {
        // A property that is there twice is lost on the way.
        Json::parse(self.data.get())?;
        let mut data: BTreeMap<String, Value> = serde_json::from_str(self.data.get())?;
        for value in data.values_mut() {
            if let Some(Ok(bytes)) = value.as_str().map(base64::decode_either) {
                *value = base64::encode_unpadded(&bytes).into();
            }
        }
        Ok((self.key_hex.clone(), self.name.clone(), json!(data)))
    }

    /// Whether it is to be refused though nothing is wrong: damage that happened to change nothing,
    /// such as the URL-safe alphabet in base64 that has neither `+` nor `/`. No reader could both
    /// take and refuse one input.
    fn is_harmless(&self, undamaged: &[(String, String, Value)]) -> bool {
        self.expected == Expected::Reject
            && self.input().is_ok_and(|input| undamaged.contains(&input))
    }
}

fn check_check(check: &Check<'_>) -> Result<()> {
    let key = hex::decode(&check.key_hex)?;
    let typed = SecretStorageKey::from_base58(&check.input);
    if let Ok(typed) = &typed {
        equal("key_hex", typed.expose_bytes(), key.as_slice())?;
    }
    let opened = described("key", check.content).and_then(|described| match typed {
        Ok(key) => Ok(described.open(key)?),
        Err(_) => Ok(described.open_with_passphrase(&Passphrase::new(check.input.clone()))?),
    });
    let Some(opened) = judge(check.expected, opened)? else { return Ok(()) };
    equal("key_hex", opened.expose_key().expose_bytes(), key.as_slice())?;
    equal("the key check", opened.check(), expected_check(check.content)?)
}

/// Whether there is something to check a key with.
fn expected_check(description: &RawValue) -> Result<KeyCheck> {
    let description: BTreeMap<&str, Value> = serde_json::from_str(description.get())?;
    let told = |property| description.contains_key(property);
    Ok(if told("iv") && told("mac") { KeyCheck::Fits } else { KeyCheck::NotChecked })
}

fn check_counter_wrap(case: &CounterWrap<'_>) -> Result<()> {
    let entry: Encrypted = serde_json::from_str(case.js_data.get())?;
    equal("iv_hex", hex::encode(&base64::decode_either(&entry.iv)?), &*case.iv_hex)?;
    let opened = unchecked(&case.key_hex)?;
    let secret = opened.decrypt(&case.name, &content(opened.id(), case.js_data)?)?;
    let plaintext = base64::encode_unpadded(secret.expose_bytes());
    equal("expected_plaintext_base64", &plaintext, &case.expected_plaintext_base64)?;
    equal("sdk_plaintext_base64", &plaintext, &case.sdk_plaintext_base64)?;
    equal("sdk_same", secret.expose_bytes() == case.plaintext.as_bytes(), case.sdk_same)
}

fn described(key_id: &str, description: &RawValue) -> Result<DescribedKey> {
    Ok(DescribedKey::new(KeyId::new(key_id)?, KeyDescription::parse(description.get())?))
}

/// A key of which nothing is known.
fn unchecked(key_hex: &str) -> Result<OpenedKey> {
    let description = json!({"algorithm": "m.secret_storage.v1.aes-hmac-sha2"}).to_string();
    let described = DescribedKey::new(KeyId::new("key")?, KeyDescription::parse(&description)?);
    let opened = described.open(SecretStorageKey::from_slice(&hex::decode(key_hex)?)?)?;
    match opened.check() {
        KeyCheck::NotChecked => Ok(opened),
        KeyCheck::Fits => bail!("a key is said to fit, and there was nothing to check it with"),
    }
}

fn content(key_id: &KeyId, entry: &RawValue) -> Result<SecretContent> {
    let (key_id, entry) = (json!(key_id), entry.get());
    Ok(SecretContent::parse(&format!(r#"{{"encrypted":{{{key_id}:{entry}}}}}"#))?)
}

fn without_spaces(shown: &str) -> String {
    shown.replace(' ', "")
}
