//! Our own `key_representation.json`.

use anyhow::Result;
use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use serde::Serialize;

use super::material::Material;
use crate::vectors::case::Expected;
use crate::vectors::hex;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    base_key_hex: String,
    valid: Vec<Valid>,
    edge_and_invalid: Vec<Edge>,
    base64_decryption_key_parsing: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Valid {
    key_hex: String,
    key_base64: String,
    base58: String,
    display_sdk: String,
    display_jssdk: String,
    backup_public_key: String,
}

#[derive(Debug, Serialize)]
struct Edge {
    case: String,
    string: String,
    expected: Expected,
}

pub(super) fn file() -> Result<File> {
    let mut material = Material::of("key_representation");
    let base = material.bytes(32);
    let mut keys = vec![base.clone(), vec![0; 32], vec![0xff; 32], (0..32).collect()];
    keys.extend((0..4).map(|_| material.bytes(32)));
    Ok(File {
        about: "base58(8b 01 | 32 bytes | parity), a space after every fourth character. The two \
                display_… are ours.",
        base_key_hex: hex::encode(&base),
        valid: keys.iter().map(|key| valid(key)).collect::<Result<_>>()?,
        edge_and_invalid: edges(&base)?,
        base64_decryption_key_parsing: base64_edges(&base),
    })
}

fn valid(bytes: &[u8]) -> Result<Valid> {
    let key = BackupDecryptionKey::from_slice(bytes)?;
    let shown = grouped(&base58(&payload(bytes)), " ");
    Ok(Valid {
        key_hex: hex::encode(bytes),
        key_base64: key.expose_base64().to_string(),
        base58: base58(&payload(bytes)),
        display_sdk: shown.clone(),
        display_jssdk: shown,
        backup_public_key: key.public_key().to_base64(),
    })
}

fn base58(bytes: &[u8]) -> String {
    bs58::encode(bytes).into_string()
}

/// Prefix, key and parity (K-3), written down once more rather than asked of the crate.
fn payload(key: &[u8]) -> Vec<u8> {
    with_parity([&[0x8b, 0x01], key].concat())
}

fn with_parity(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(bytes.iter().fold(0, |parity, byte| parity ^ byte));
    bytes
}

fn grouped(base58: &str, separator: &str) -> String {
    let characters: Vec<char> = base58.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(separator)
}

fn edges(key: &[u8]) -> Result<Vec<Edge>> {
    let good = base58(&payload(key));
    let mut edges = Vec::new();
    let mut edge = |case: &str, string: String, expected| {
        edges.push(Edge { case: case.to_owned(), string, expected });
    };
    for (case, separator) in
        [("none", ""), ("tab", "\t"), ("newline", "\n"), ("CRLF", "\r\n"), ("two spaces", "  ")]
    {
        edge(&format!("separator: {case}"), grouped(&good, separator), Expected::Accept);
    }
    for (case, space) in [("NBSP", '\u{a0}'), ("thin space", '\u{2009}'), ("NEL", '\u{85}')] {
        let string = grouped(&good, &space.to_string());
        edge(&format!("separator: {case}, which is whitespace"), string, Expected::Accept);
    }
    edge(
        "separator: zero-width space, which is none",
        grouped(&good, "\u{200b}"),
        Expected::Reject,
    );
    for bit in 0..8 {
        let mut wrong = payload(key);
        if let Some(parity) = wrong.last_mut() {
            *parity ^= 1 << bit;
        }
        edge(&format!("parity: bit {bit} flipped"), base58(&wrong), Expected::Reject);
    }
    for prefix in [[0x8a, 0x01], [0x8b, 0x00], [0x8b, 0x03], [0x01, 0x8b]] {
        let wrong = with_parity([&prefix, key].concat());
        edge(
            &format!("prefix {}, parity right", hex::encode(&prefix)),
            base58(&wrong),
            Expected::Reject,
        );
    }
    for length in [0, 1, 16, 31, 33, 64] {
        let other: Vec<u8> = key.iter().copied().cycle().take(length).collect();
        edge(&format!("{length} bytes, parity right"), base58(&payload(&other)), Expected::Reject);
    }
    for other in ['0', 'O', 'I', 'l', '+', '=', 'é'] {
        let string: String = [other].into_iter().chain(good.chars().skip(1)).collect();
        edge(&format!("first character {other}, not in the alphabet"), string, Expected::Reject);
    }
    edge("only whitespace", " \t\n".to_owned(), Expected::Reject);
    edge("last character missing", good.chars().take(good.len() - 1).collect(), Expected::Reject);
    edge("twice", format!("{good} {good}"), Expected::Reject);
    edge("leading 1, a zero byte in front", format!("1{good}"), Expected::Reject);
    Ok(edges)
}

fn base64_edges(key: &[u8]) -> Vec<Edge> {
    let good = base64::encode_unpadded(key);
    let edge =
        |case: &str, string: String, expected| Edge { case: case.to_owned(), string, expected };
    vec![
        edge("unpadded", good.clone(), Expected::Accept),
        edge("padded", format!("{good}="), Expected::Accept),
        edge("two padding characters", format!("{good}=="), Expected::Reject),
        edge("leading space", format!(" {good}"), Expected::Reject),
        edge("newline at the end", format!("{good}\n"), Expected::Reject),
        edge("hexadecimal", hex::encode(key), Expected::Reject),
        edge("empty", String::new(), Expected::Reject),
    ]
}
