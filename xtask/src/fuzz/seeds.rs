//! What each fuzz target starts from: inputs out of the test vectors.

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
    fn strings_and_objects_are_found_at_any_depth() {
        let json = serde_json::json!({"a": [{"text": "x", "b": {"text": "y"}}], "text": 1});
        let mut seeds = BTreeSet::new();
        collect(&json, &["text", "b"], &mut seeds);
        assert_eq!(seeds.into_iter().collect::<Vec<_>>(), ["x", "y", r#"{"text":"y"}"#]);
    }
}
