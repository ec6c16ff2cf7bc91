//! `key_representation.json`: 32-byte keys as shown to a person (K-3), and as base64 (K-4).

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_primitives::key_representation::{self, KeyBytes};
use serde::Deserialize;

use crate::vectors::case::{self, Cases, Expected, equal, judge};
use crate::vectors::hex;
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    base_key_hex: String,
    #[serde(borrow)]
    valid: Cases<'a>,
    #[serde(borrow)]
    edge_and_invalid: Cases<'a>,
    #[serde(borrow)]
    base64_decryption_key_parsing: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Valid {
    key_hex: String,
    key_base64: String,
    /// Without spaces.
    base58: String,
    /// With a space after every fourth character.
    display_sdk: String,
    display_jssdk: String,
    backup_public_key: String,
}

#[derive(Debug, Deserialize)]
struct Edge {
    string: String,
    expected: Expected,
    #[serde(default)]
    verdicts: BTreeMap<String, Verdict>,
}

/// What another reader makes of the string.
#[derive(Debug, Deserialize)]
struct Verdict {
    accept: bool,
    key_hex: Option<String>,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let parsed: File<'_> = serde_json::from_str(text)?;
    case::run_each(report, file, "valid", &parsed.valid, check_valid);
    case::run_each(report, file, "edge_and_invalid", &parsed.edge_and_invalid, |edge| {
        check_edge(edge, &parsed.base_key_hex)
    });
    let list = &parsed.base64_decryption_key_parsing;
    case::run_each(report, file, "base64_decryption_key_parsing", list, |edge: &Edge| match judge(
        edge.expected,
        BackupDecryptionKey::from_base64(&edge.string),
    )? {
        Some(key) => equal("the key", hex::encode(key.expose_bytes()), &*parsed.base_key_hex),
        None => Ok(()),
    });
    Ok(())
}

fn check_valid(valid: &Valid) -> Result<()> {
    let bytes = hex::decode(&valid.key_hex)?;
    let key = BackupDecryptionKey::from_slice(&bytes)?;
    equal("key_base64", key.expose_base64().as_str(), &*valid.key_base64)?;
    equal("backup_public_key", key.public_key().to_base64(), &*valid.backup_public_key)?;
    equal("display_sdk", key.expose_base58().as_str(), &*valid.display_sdk)?;
    let shown = key_representation::encode(&KeyBytes::from_slice(&bytes)?);
    equal("display_jssdk", shown.as_str(), &*valid.display_jssdk)?;
    equal("base58", shown.replace(' ', ""), &*valid.base58)?;
    for string in [&valid.base58, &valid.display_sdk, &valid.display_jssdk] {
        let read = key_representation::decode(string)?;
        equal("key_hex", hex::encode(read.expose_bytes()), &*valid.key_hex)?;
    }
    Ok(())
}

fn check_edge(edge: &Edge, base_key_hex: &str) -> Result<()> {
    let as_decryption_key = BackupDecryptionKey::from_base58(&edge.string);
    let read = key_representation::decode(&edge.string);
    ensure!(as_decryption_key.is_ok() == read.is_ok(), "the two readers disagree");
    let Some(key) = judge(edge.expected, read)? else { return Ok(()) };
    let ours = hex::encode(key.expose_bytes());
    // Where other readers took it, the key is theirs; else the one that the file is about.
    let mut theirs = edge
        .verdicts
        .values()
        .filter(|verdict| verdict.accept)
        .filter_map(|verdict| verdict.key_hex.as_deref())
        .peekable();
    if theirs.peek().is_none() {
        return equal("the key", ours, base_key_hex);
    }
    ensure!(theirs.any(|key| key == ours), "the key {ours} is not the one that others read");
    Ok(())
}
