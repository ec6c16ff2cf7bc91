//! What each fuzz target starts from: inputs out of the test vectors, and special points.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::project;

/// libFuzzer cuts at this length anyway.
const MAX_BYTES: usize = 65_536;

/// Puts the seeds of `target` into its corpus. A target without seeds starts from nothing.
///
/// # Errors
///
/// When the vectors cannot be read, or the corpus cannot be written.
pub(crate) fn write(target: &str, corpus: &Path) -> Result<()> {
    let sources: &[(&str, &[&str])] = match target {
        "base58" => &[("key_representation.json", &["base58", "string", "display_sdk"])],
        "canonical_json" => &[
            ("session_data_v2.json", &["session_data_raw", "canonical_json_utf8", "plaintext"]),
            ("migration.json", &["old_session_data_raw"]),
        ],
        "session_data" => &[
            ("session_data_v2.json", &["session_data_raw"]),
            ("migration.json", &["old_session_data_raw"]),
        ],
        "secret_storage" => {
            &[("secret_storage.json", &["content", "data"]), ("accounts.json", &["account_data"])]
        }
        "key_export" => &[("key_export.json", &["text", "plaintext"])],
        _ => &[],
    };
    let corpus = project::root()?.join(corpus);
    if target == "x25519_batch" {
        return write_points(&corpus);
    }
    for (file, properties) in sources {
        let path = project::root()?.join("testdata/vectors").join(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let vectors: Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is not JSON", path.display()))?;
        let mut seeds = BTreeSet::new();
        collect(&vectors, properties, &mut seeds);
        for (number, seed) in seeds.iter().enumerate() {
            let name = corpus.join(format!("seed-{}-{number:03}", file.trim_end_matches(".json")));
            std::fs::write(&name, seed)
                .with_context(|| format!("cannot write {}", name.display()))?;
        }
    }
    Ok(())
}

/// For each of three tiers, as many points as fill some lanes, a vector, and all that share an
/// inversion.
fn write_points(corpus: &Path) -> Result<()> {
    for tier in 0..3 {
        for count in [2, 9, 300] {
            let name = corpus.join(format!("seed-points-{tier}-{count:03}"));
            let mut seed = vec![tier];
            seed.extend(special_points().into_iter().cycle().take(count).flatten());
            std::fs::write(&name, seed)
                .with_context(|| format!("cannot write {}", name.display()))?;
        }
    }
    Ok(())
}

/// 2, which is on the twist, 9, which is the base point, points of low order, and numbers that are
/// not below p = 2^255 − 19.
fn special_points() -> Vec<[u8; 32]> {
    let number = |lowest: u8, others: u8, highest: u8| {
        let mut bytes = [others; 32];
        bytes[0] = lowest;
        bytes[31] = highest;
        bytes
    };
    let small = [2, 9, 0, 1].map(|lowest| number(lowest, 0, 0));
    let around_p = [0xec, 0xed, 0xee, 0xff].map(|lowest| number(lowest, 0xff, 0x7f));
    let bit_255 = number(9, 0, 0x80);
    [&small[..], &around_p, &[bit_255]].concat()
}

/// Every string and every object, as JSON, that stands under one of the `properties`, at any depth.
fn collect(value: &Value, properties: &[&str], seeds: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if properties.contains(&name.as_str()) {
                    seeds.extend(seed(member).filter(|seed| seed.len() <= MAX_BYTES));
                }
                collect(member, properties, seeds);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, properties, seeds)),
        _ => {}
    }
}

fn seed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_seeds_of_x25519() {
        let folder = tempfile::tempdir().unwrap();
        write("x25519_batch", folder.path()).unwrap();
        let lengths =
            |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().metadata().unwrap().len();
        let lengths: BTreeSet<_> = folder.path().read_dir().unwrap().map(lengths).collect();
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [65, 289, 9601]);
    }

    #[test]
    fn strings_and_objects_are_found_at_any_depth() {
        let json = serde_json::json!({"a": [{"text": "x", "b": {"text": "y"}}], "text": 1});
        let mut seeds = BTreeSet::new();
        collect(&json, &["text", "b"], &mut seeds);
        assert_eq!(seeds.into_iter().collect::<Vec<_>>(), ["x", "y", r#"{"text":"y"}"#]);
    }
}
