//! `key_export.json`: Megolm key export files (E), good and bad.

use anyhow::{Context as _, Result, ensure};
use matrix_key_backup_key_export::{ExportedSessionData, KeyExportFile, Passphrase};
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::vectors::case::{self, Cases, Expected, equal, equal_json, judge};
use crate::vectors::hex;
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    exports: Cases<'a>,
    #[serde(borrow)]
    edge: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Export {
    passphrase: String,
    rounds: u32,
    n_keys: usize,
    text: String,
    salt_hex: String,
    iv_hex: String,
    iv_bit63_clear: bool,
    plaintext: String,
}

#[derive(Debug, Deserialize)]
struct Edge {
    passphrase: String,
    text: String,
    expected: Expected,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { exports, edge } = serde_json::from_str(text)?;
    case::run_each(report, file, "exports", &exports, check_export);
    case::run_each(report, file, "edge", &edge, check_edge);
    Ok(())
}

fn check_export(export: &Export) -> Result<()> {
    check_parts(export)?;
    let opened = open(&export.text, &export.passphrase)?;
    equal("rounds", opened.rounds, export.rounds)?;
    equal("n_keys", opened.good.len() + opened.bad.len(), export.n_keys)?;
    ensure!(opened.bad.is_empty(), "unusable entries: {}", opened.bad.join("; "));
    let expected: Vec<&RawValue> = serde_json::from_str(&export.plaintext)?;
    equal("the number of entries", opened.good.len(), expected.len())?;
    for (ours, expected) in opened.good.iter().zip(expected) {
        equal_json("an entry written again", &ours.to_json(), expected.get())?;
    }
    Ok(())
}

fn check_edge(edge: &Edge) -> Result<()> {
    let opened = open(&edge.text, &edge.passphrase);
    if edge.expected == Expected::AcceptWithReport {
        let bad = opened?.bad;
        ensure!(!bad.is_empty(), "expected accept-with-report, but every entry is accepted");
        return Ok(());
    }
    let opened = opened.and_then(|opened| {
        ensure!(opened.bad.is_empty(), "unusable entries: {}", opened.bad.join("; "));
        Ok(opened)
    });
    judge(edge.expected, opened).map(drop)
}

/// What came out of a file.
struct Opened {
    rounds: u32,
    good: Vec<ExportedSessionData>,
    /// What is said of each entry that cannot be used.
    bad: Vec<String>,
}

fn open(text: &str, passphrase: &str) -> Result<Opened> {
    let file = KeyExportFile::parse(text)?;
    let rounds = file.rounds().get();
    let export = file.decrypt(&Passphrase::new(passphrase.to_owned()))?;
    let mut opened = Opened { rounds, good: Vec::new(), bad: Vec::new() };
    for entry in export.entries() {
        match entry {
            Ok(session) => opened.good.push(session),
            Err(bad) => opened.bad.push(bad.to_string()),
        }
    }
    equal("the number of entries", opened.good.len() + opened.bad.len(), export.len())?;
    Ok(opened)
}

/// The file taken apart by hand, with `primitives` alone (E-1).
fn check_parts(export: &Export) -> Result<()> {
    let body: String = export.text.lines().filter(|line| !line.starts_with("-----")).collect();
    let bytes = base64::decode_either(body.trim()).context("the body")?;
    let (salt, rest) = bytes.get(1..).and_then(|rest| rest.split_at_checked(16)).context("salt")?;
    let (iv, rest) = rest.split_at_checked(16).context("iv")?;
    let (rounds, rest) = rest.split_first_chunk::<4>().context("rounds")?;
    let (ciphertext, tag) = rest.split_last_chunk::<32>().context("tag")?;
    equal("salt_hex", hex::encode(salt), &*export.salt_hex)?;
    equal("iv_hex", hex::encode(iv), &*export.iv_hex)?;
    let bit63 = iv.get(8).map(|byte| byte & 0x80);
    equal("iv_bit63_clear", bit63 == Some(0), export.iv_bit63_clear)?;
    let rounds = u32::from_be_bytes(*rounds).try_into().context("rounds")?;
    let keys = AesCtrHmacKeys::from_pbkdf2(export.passphrase.as_bytes(), salt, rounds);
    keys.verify(&[bytes.strip_suffix(tag).context("tag")?], tag)?;
    let mut plaintext = ciphertext.to_vec();
    keys.apply_keystream(&CtrIv::from_slice(iv)?, &mut plaintext);
    equal("plaintext", str::from_utf8(&plaintext)?, &*export.plaintext)
}
