//! Our own `secret_storage.json`.

use std::num::NonZeroU32;

use anyhow::{Context as _, Result};
use matrix_key_backup_primitives::key_representation::{self, KeyBytes};
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::material::Material;
use crate::vectors::case::Expected;
use crate::vectors::hex;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    encrypted_js: Vec<Storage>,
    encrypted_rust: Vec<Storage>,
    edge: Vec<Edge>,
    key_description_checks: Vec<Check>,
    ctr_wrap: Vec<CounterWrap>,
}

#[derive(Debug, Serialize)]
struct Storage {
    id: String,
    note: &'static str,
    passphrase: Option<&'static str>,
    key_hex: String,
    recovery_key: Option<String>,
    key_description: Event,
    secrets: Vec<Secret>,
}

#[derive(Debug, Serialize)]
struct Event {
    r#type: String,
    content: Box<RawValue>,
}

#[derive(Debug, Serialize)]
struct Secret {
    name: &'static str,
    plaintext: String,
    account_data: Event,
    iv_bit63_clear: bool,
}

#[derive(Debug, Serialize)]
struct Edge {
    case: &'static str,
    key_hex: String,
    name: &'static str,
    data: Box<RawValue>,
    original_plaintext: String,
    expected: Expected,
}

#[derive(Debug, Serialize)]
struct Check {
    case: String,
    content: Box<RawValue>,
    input: String,
    key_hex: String,
    expected: Expected,
}

#[derive(Debug, Serialize)]
struct CounterWrap {
    iv_hex: String,
    key_hex: String,
    name: &'static str,
    plaintext: String,
    js_data: Box<RawValue>,
    sdk_same: bool,
    sdk_plaintext_base64: String,
    expected_plaintext_base64: String,
}

const ALGORITHM: &str = r#""algorithm":"m.secret_storage.v1.aes-hmac-sha2""#;
const BACKUP: &str = "m.megolm_backup.v1";

pub(super) fn file() -> Result<File> {
    let mut material = Material::of("secret_storage");
    Ok(File {
        about: "Secret storage m.secret_storage.v1.aes-hmac-sha2: storages, damaged secrets, key \
                checks, counter wrap. The lists have the names of the form; all is ours.",
        encrypted_js: padded_storages(&mut material)?,
        encrypted_rust: storages(&mut material)?,
        edge: edges(&mut material)?,
        key_description_checks: checks(&mut material)?,
        ctr_wrap: counter_wraps(&mut material)?,
    })
}

/// One secret, encrypted (S-1).
struct Encrypted {
    iv: String,
    ciphertext: String,
    mac: String,
}

impl Encrypted {
    fn new(key: &[u8], name: &str, iv: &CtrIv, secret: &[u8]) -> Self {
        let keys = AesCtrHmacKeys::from_hkdf(key, name.as_bytes());
        let mut text = secret.to_vec();
        keys.apply_keystream(iv, &mut text);
        Self {
            iv: base64::encode_unpadded(iv.as_bytes()),
            mac: keys.mac(&[&text]).to_base64(),
            ciphertext: base64::encode_unpadded(&text),
        }
    }

    fn padded(self) -> Self {
        let pad = |text: String| format!("{text}{}", "=".repeat(text.len().wrapping_neg() % 4));
        Self { iv: pad(self.iv), ciphertext: pad(self.ciphertext), mac: pad(self.mac) }
    }

    fn json(&self) -> String {
        let Self { iv, ciphertext, mac } = self;
        format!(r#"{{"ciphertext":"{ciphertext}","iv":"{iv}","mac":"{mac}"}}"#)
    }

    /// `iv` and `mac` of 32 zero bytes under the name "" (S-2), as properties.
    fn check(key: &[u8], material: &mut Material) -> String {
        let Self { iv, mac, .. } =
            Self::new(key, "", &CtrIv::generate(&mut material.rng), &[0; 32]);
        format!(r#","iv":"{iv}","mac":"{mac}""#)
    }
}

fn raw(json: String) -> Result<Box<RawValue>> {
    RawValue::from_string(json).context("not JSON")
}

/// A key from a passphrase (S-4), and `passphrase` as a property.
fn derive(passphrase: &str, iterations: u32, bits: Option<usize>) -> Result<(Vec<u8>, String)> {
    let salt = "own salt é";
    let counted = NonZeroU32::new(iterations).context("no iterations")?;
    let block = AesCtrHmacKeys::from_pbkdf2(passphrase.as_bytes(), salt.as_bytes(), counted);
    let key = block.expose_bytes().get(..bits.unwrap_or(256) / 8).context("too many bits")?;
    Ok((key.to_vec(), passphrase_property(&iterations.to_string(), bits, salt)))
}

fn passphrase_property(iterations: &str, bits: Option<usize>, salt: &str) -> String {
    let bits = bits.map(|bits| format!(r#","bits":{bits}"#)).unwrap_or_default();
    format!(
        r#","passphrase":{{"algorithm":"m.pbkdf2","iterations":{iterations},"salt":"{salt}"{bits}}}"#
    )
}

fn recovery_key(key: &[u8]) -> Option<String> {
    KeyBytes::from_slice(key).ok().map(|key| key_representation::encode(&key).to_string())
}

fn storages(material: &mut Material) -> Result<Vec<Storage>> {
    let random = material.bytes(32);
    let check = Encrypted::check(&random, material);
    let mut storages = vec![
        storage(material, "no passphrase", None, &random, &check)?,
        storage(material, "no key check", None, &random, "")?,
        storage(
            material,
            "unknown properties, and a `passphrase` that nobody understands",
            None,
            &random,
            &format!(r#"{check},"passphrase":{{"algorithm":"m.argon2"}},"org.example":[1.50]"#),
        )?,
    ];
    for (note, passphrase, iterations, bits) in [
        ("no `bits`", "own passphrase", 1000, None),
        ("128 bits", "Schlüssel 🔑", 2, Some(128)),
        ("264 bits", "", 1, Some(264)),
        ("512 bits", " spaces ", 3, Some(512)),
    ] {
        let (key, property) = derive(passphrase, iterations, bits)?;
        let properties = Encrypted::check(&key, material) + &property;
        storages.push(storage(material, note, Some(passphrase), &key, &properties)?);
    }
    Ok(storages)
}

fn storage(
    material: &mut Material,
    note: &'static str,
    passphrase: Option<&'static str>,
    key: &[u8],
    properties: &str,
) -> Result<Storage> {
    let key_id = hex::encode(&material.bytes(8));
    let mut secrets = Vec::new();
    let backup = material.decryption_key().expose_base64().to_string();
    let padded = format!("{}=", *material.decryption_key().expose_base64());
    for (name, plaintext) in [
        (BACKUP, backup),
        (BACKUP, padded),
        (BACKUP, "no decryption key".to_owned()),
        ("m.example.empty", String::new()),
        ("org.example.имя", "é".repeat(100)),
    ] {
        let bit63_clear = secrets.len() % 2 == 0;
        let iv =
            if bit63_clear { CtrIv::generate(&mut material.rng) } else { bit63_set(material)? };
        let entry = Encrypted::new(key, name, &iv, plaintext.as_bytes()).json();
        let other = r#""another key":{"passthrough":true}"#;
        let content =
            format!(r#"{{"encrypted":{{{other},"{key_id}":{entry}}},"org.example":1.0}}"#);
        let account_data = Event { r#type: name.to_owned(), content: raw(content)? };
        secrets.push(Secret { name, plaintext, account_data, iv_bit63_clear: bit63_clear });
    }
    Ok(Storage {
        id: format!("own-4s-{key_id}"),
        note,
        passphrase,
        key_hex: hex::encode(key),
        recovery_key: recovery_key(key),
        key_description: Event {
            r#type: format!("m.secret_storage.key.{key_id}"),
            content: raw(format!("{{{ALGORITHM}{properties}}}"))?,
        },
        secrets,
    })
}

/// The same with padded base64, as some writers have it.
fn padded_storages(material: &mut Material) -> Result<Vec<Storage>> {
    let key = material.bytes(32);
    let iv = CtrIv::generate(&mut material.rng);
    let Encrypted { iv, mac, .. } = Encrypted::new(&key, "", &iv, &[0; 32]).padded();
    let mut storage =
        storage(material, "padded", None, &key, &format!(r#","iv":"{iv}","mac":"{mac}""#))?;
    storage.secrets.truncate(1);
    Ok(vec![storage])
}

fn bit63_set(material: &mut Material) -> Result<CtrIv> {
    let mut iv = material.bytes(16);
    if let Some(byte) = iv.get_mut(8) {
        *byte |= 0x80;
    }
    Ok(CtrIv::from_slice(&iv)?)
}

fn edges(material: &mut Material) -> Result<Vec<Edge>> {
    let key = material.bytes(32);
    let plaintext = "x".repeat(1000); // so long that its base64 has every character
    let iv = CtrIv::from_slice(&[0xfb; 16])?; // its base64 has both `+` and `/`
    let good = Encrypted::new(&key, "x", &iv, plaintext.as_bytes());
    let other = Encrypted::new(&material.bytes(32), "x", &iv, plaintext.as_bytes());
    let json = good.json();
    let with = |property: &str, value: String| {
        let Encrypted { iv, ciphertext, mac } = &good;
        let (mut iv, mut ciphertext, mut mac) = (json!(iv), json!(ciphertext), json!(mac));
        match property {
            "iv" => iv = json!(value),
            "ciphertext" => ciphertext = json!(value),
            _ => mac = json!(value),
        }
        format!(r#"{{"ciphertext":{ciphertext},"iv":{iv},"mac":{mac}}}"#)
    };
    let longer = |text: &str, more: &[u8]| -> Result<String> {
        Ok(base64::encode_unpadded(&[&*base64::decode_unpadded(text)?, more].concat()))
    };
    let shorter = |text: &str| -> Result<String> {
        let bytes = base64::decode_unpadded(text)?;
        Ok(base64::encode_unpadded(bytes.split_last().context("no bytes")?.1))
    };
    let url_safe = |text: &str| text.replace('+', "-").replace('/', "_");
    let cases = [
        ("unpadded", json.clone(), Expected::Accept),
        ("unknown properties", json.replacen('{', r#"{"x":1.5,"#, 1), Expected::Accept),
        ("a property twice", json.replacen('{', r#"{"iv":"","#, 1), Expected::Reject),
        ("iv url-safe", with("iv", url_safe(&good.iv)), Expected::Reject),
        ("ciphertext url-safe", with("ciphertext", url_safe(&good.ciphertext)), Expected::Reject),
        ("iv half padded", with("iv", format!("{}=", good.iv)), Expected::Reject),
        ("mac padded too far", with("mac", format!("{}==", good.mac)), Expected::Reject),
        ("whitespace", with("mac", format!("{}\n", good.mac)), Expected::Reject),
        ("iv 15 bytes", with("iv", shorter(&good.iv)?), Expected::Reject),
        ("mac 31 bytes", with("mac", shorter(&good.mac)?), Expected::Reject),
        ("mac 33 bytes", with("mac", longer(&good.mac, &[0])?), Expected::Reject),
        ("ciphertext cut", with("ciphertext", shorter(&good.ciphertext)?), Expected::Reject),
        (
            "ciphertext longer",
            with("ciphertext", longer(&good.ciphertext, b"x")?),
            Expected::Reject,
        ),
        ("under another key", other.json(), Expected::Reject),
        ("null", "null".to_owned(), Expected::Reject),
        ("no object", json!(good.ciphertext).to_string(), Expected::Reject),
    ];
    let mut edges = Vec::new();
    for (case, data, expected) in cases {
        edges.push(Edge {
            case,
            key_hex: hex::encode(&key),
            name: "x",
            data: raw(data)?,
            original_plaintext: plaintext.clone(),
            expected,
        });
    }
    Ok(edges)
}

fn checks(material: &mut Material) -> Result<Vec<Check>> {
    let random = material.bytes(32);
    let typed = recovery_key(&random).context("no 32 bytes")?;
    let sound = Encrypted::check(&random, material);
    let part = |property: &str| sound.split(',').find(|part| part.contains(property));
    let mut checks = Vec::new();
    for (case, properties, expected) in [
        ("no check", String::new(), Expected::Accept),
        ("iv alone", format!(",{}", part("iv").context("iv")?), Expected::Reject),
        ("mac alone", format!(",{}", part("mac").context("mac")?), Expected::Reject),
        ("a property twice", format!("{sound}{sound}"), Expected::Reject),
        ("iv null", format!("{},\"iv\":null", sound.replacen("iv", "x", 1)), Expected::Reject),
        (
            "`passphrase` null, and the key",
            format!(r#"{sound},"passphrase":null"#),
            Expected::Accept,
        ),
        (
            "too many iterations, and the key",
            sound.clone() + &passphrase_property("4294967295", None, ""),
            Expected::Accept,
        ),
        (
            "the check of another key",
            Encrypted::check(&material.bytes(32), material),
            Expected::Reject,
        ),
    ] {
        checks.push(Check {
            case: case.to_owned(),
            content: raw(format!("{{{ALGORITHM}{properties}}}"))?,
            input: typed.clone(),
            key_hex: hex::encode(&random),
            expected,
        });
    }
    checks.extend(passphrase_checks(material)?);
    Ok(checks)
}

/// What a description says of the derivation, the check being right throughout.
fn passphrase_checks(material: &mut Material) -> Result<Vec<Check>> {
    const INPUT: &str = "own passphrase";
    let (key, property) = derive(INPUT, 10, None)?;
    let sound = Encrypted::check(&key, material);
    let mut checks = Vec::new();
    let mut check = |case: String, input: &str, properties: &str, expected| -> Result<()> {
        let content = raw(format!("{{{ALGORITHM}{sound}{properties}}}"))?;
        let (input, key_hex) = (input.to_owned(), hex::encode(&key));
        checks.push(Check { case, content, input, key_hex, expected });
        Ok(())
    };
    check("the passphrase".to_owned(), INPUT, &property, Expected::Accept)?;
    check("256 bits".to_owned(), INPUT, &derive(INPUT, 10, Some(256))?.1, Expected::Accept)?;
    check("another passphrase".to_owned(), "own passphrasf", &property, Expected::Reject)?;
    check("no `passphrase`".to_owned(), INPUT, "", Expected::Reject)?;
    for iterations in ["0", "9", "10000001", "4294967295", "-10", "10.0", "1e1", "\"10\"", "null"] {
        let property = passphrase_property(iterations, None, "own salt é");
        check(format!("{iterations} iterations"), INPUT, &property, Expected::Reject)?;
    }
    for bits in [0, 8, 120, 255, 257, 520, 65792] {
        let property = passphrase_property("10", Some(bits), "own salt é");
        check(format!("{bits} bits"), INPUT, &property, Expected::Reject)?;
    }
    let salted = passphrase_property("10", None, "own salt e");
    check("another salt".to_owned(), INPUT, &salted, Expected::Reject)?;
    let capital = property.replace("m.pbkdf2", "m.PBKDF2");
    check("another algorithm".to_owned(), INPUT, &capital, Expected::Reject)?;
    Ok(checks)
}

fn counter_wraps(material: &mut Material) -> Result<Vec<CounterWrap>> {
    let key = material.bytes(32);
    let plaintext = "counter ".repeat(8);
    let mut cases = Vec::new();
    for iv in [
        "00112233445566777fffffffffffffff",
        "0011223344556677ffffffffffffffff",
        "ffffffffffffffffffffffffffffffff",
    ] {
        let encrypted =
            Encrypted::new(&key, "x", &CtrIv::from_slice(&hex::decode(iv)?)?, plaintext.as_bytes());
        cases.push(CounterWrap {
            iv_hex: iv.to_owned(),
            key_hex: hex::encode(&key),
            name: "x",
            js_data: raw(encrypted.json())?,
            sdk_same: true,
            sdk_plaintext_base64: base64::encode_unpadded(plaintext.as_bytes()),
            expected_plaintext_base64: base64::encode_unpadded(plaintext.as_bytes()),
            plaintext: plaintext.clone(),
        });
    }
    Ok(cases)
}
