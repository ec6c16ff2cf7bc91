//! Our own `key_export.json`.

use std::num::NonZeroU32;

use anyhow::{Context as _, Result};
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use serde::Serialize;

use super::material::Material;
use crate::vectors::case::Expected;
use crate::vectors::hex;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    exports: Vec<Export>,
    edge: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Export {
    id: String,
    passphrase: &'static str,
    rounds: u32,
    n_keys: usize,
    text: String,
    salt_hex: String,
    iv_hex: String,
    iv_bit63_clear: bool,
    plaintext: String,
}

#[derive(Debug, Serialize)]
struct Edge {
    case: &'static str,
    text: String,
    passphrase: &'static str,
    expected: Expected,
}

const PASSPHRASE: &str = "pass é 🔑";
/// Few, since this is no secret: the time is better spent on other cases.
const ROUNDS: u32 = 3;

pub(super) fn file() -> Result<File> {
    let mut material = Material::of("key_export");
    let mut exports = Vec::new();
    for (rounds, count, passphrase) in
        [(1, 0, "empty list"), (ROUNDS, 1, PASSPHRASE), (1000, 3, "  spaces  ")]
    {
        let plaintext = list(&(0..count).map(|_| entry(&mut material)).collect::<Vec<_>>());
        let body = Body::encrypt(&mut material, passphrase, rounds, plaintext.as_bytes())?;
        exports.push(Export {
            id: format!("own-kx-{:02}", exports.len()),
            passphrase,
            rounds,
            n_keys: count,
            text: armour(&base64::encode_unpadded(&body.bytes)),
            salt_hex: hex::encode(&body.salt),
            iv_hex: hex::encode(body.iv.as_bytes()),
            iv_bit63_clear: true,
            plaintext,
        });
    }
    Ok(File {
        about: "Megolm key export files: base64 of 01 | salt(16) | iv(16) | rounds(4) | \
                AES-256-CTR | HMAC-SHA-256.",
        exports,
        edge: edges(&mut material)?,
    })
}

/// An `ExportedSessionData`.
fn entry(material: &mut Material) -> String {
    let key = material.room_key(3, "");
    let open = key.json.strip_suffix('}').unwrap_or_default();
    let session_id = key.session_id;
    format!(r#"{open},"room_id":"!own:example.org","session_id":"{session_id}"}}"#)
}

fn list(entries: &[String]) -> String {
    format!("[{}]", entries.join(","))
}

fn armour(body: &str) -> String {
    format!("-----BEGIN MEGOLM SESSION DATA-----\n{body}\n-----END MEGOLM SESSION DATA-----\n")
}

/// A file between its markers, before base64.
struct Body {
    salt: Vec<u8>,
    iv: CtrIv,
    keys: AesCtrHmacKeys,
    bytes: Vec<u8>,
}

impl Body {
    fn encrypt(
        material: &mut Material,
        passphrase: &str,
        rounds: u32,
        plaintext: &[u8],
    ) -> Result<Self> {
        let salt = material.bytes(16);
        let iv = CtrIv::generate(&mut material.rng);
        let counted = NonZeroU32::new(rounds).context("no rounds")?;
        let keys = AesCtrHmacKeys::from_pbkdf2(passphrase.as_bytes(), &salt, counted);
        let mut bytes = vec![1];
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(iv.as_bytes());
        bytes.extend_from_slice(&rounds.to_be_bytes());
        let mut text = plaintext.to_vec();
        keys.apply_keystream(&iv, &mut text);
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(keys.mac(&[&bytes]).as_bytes());
        Ok(Self { salt, iv, keys, bytes })
    }

    /// The same with one byte changed, and the HMAC computed again.
    fn with_byte(&self, position: usize, byte: u8) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.truncate(bytes.len().saturating_sub(32));
        if let Some(changed) = bytes.get_mut(position) {
            *changed = byte;
        }
        bytes.extend_from_slice(self.keys.mac(&[&bytes]).as_bytes());
        bytes
    }
}

fn edges(material: &mut Material) -> Result<Vec<Edge>> {
    let good = list(&[entry(material), entry(material)]);
    let body = Body::encrypt(material, PASSPHRASE, ROUNDS, good.as_bytes())?;
    let mut edges = Vec::new();
    let mut edge = |case, text: String, expected| {
        edges.push(Edge { case, text, passphrase: PASSPHRASE, expected });
    };
    let one_line = base64::encode_unpadded(&body.bytes);
    edge("CRLF", armour(&one_line).replace('\n', "\r\n"), Expected::Accept);
    edge("two exports in one file", armour(&one_line).repeat(2), Expected::Reject);
    edge("no begin", armour(&one_line).replace("BEGIN", "BEGINNING"), Expected::Reject);
    edge("url-safe base64", armour(&one_line.replace(['+', '/'], "-")), Expected::Reject);
    let bytes = |bytes: &[u8]| armour(&base64::encode_unpadded(bytes));
    edge("version 0, MAC right", bytes(&body.with_byte(0, 0)), Expected::Reject);
    edge("0 rounds, MAC right", bytes(&body.with_byte(36, 0)), Expected::Reject);
    edge("more than 10,000,000 rounds", bytes(&body.with_byte(33, 1)), Expected::Reject);
    let (_, cut) = body.bytes.split_last().context("no bytes")?;
    edge("last byte missing", bytes(cut), Expected::Reject);
    edge("a byte after the MAC", bytes(&[&*body.bytes, &[0]].concat()), Expected::Reject);
    let wrong = Body::encrypt(material, "another passphrase", ROUNDS, good.as_bytes())?;
    edge("another passphrase", bytes(&wrong.bytes), Expected::Reject);
    for (case, plaintext, expected) in inside(material) {
        let body = Body::encrypt(material, PASSPHRASE, ROUNDS, plaintext.as_bytes())?;
        edge(case, bytes(&body.bytes), expected);
    }
    Ok(edges)
}

/// The MAC is right, and something is wrong inside.
fn inside(material: &mut Material) -> Vec<(&'static str, String, Expected)> {
    let good = entry(material);
    let other = entry(material);
    let moved = material.room_key(0, "").session_id;
    let id = format!("\"session_id\":\"{moved}\"");
    let wrong_id = match other.split_once("\"session_id\"") {
        Some((before, _)) => format!("{before}{id}}}"),
        None => other.clone(),
    };
    let broken = |bad: &str| list(&[good.clone(), bad.to_owned(), other.clone()]);
    let report = Expected::AcceptWithReport;
    vec![
        ("a list that does not end", format!("[{good}"), Expected::Reject),
        ("something after the list", format!("[{good}] []"), Expected::Reject),
        ("null", "null".to_owned(), Expected::Reject),
        ("an entry that is null", broken("null"), report),
        ("an entry without a room", broken(&other.replace("room_id", "room")), report),
        ("an entry under another session id (B-1)", broken(&wrong_id), report),
        (
            "an entry with a property twice",
            broken(&other.replacen('{', "{\"x\":1,\"x\":1,", 1)),
            report,
        ),
        (
            "an unknown property",
            broken(&other.replacen('{', "{\"org.example\":1.5,", 1)),
            Expected::Accept,
        ),
    ]
}
