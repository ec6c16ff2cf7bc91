//! Accounts and secret storage that deployed clients wrote, as files for the program.

use std::{fs, path::Path, sync::LazyLock};

use serde_json::{Map, Value, json};

use crate::support::World;

fn load(name: &str) -> Value {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    serde_json::from_slice(&fs::read(vectors.join(name)).unwrap()).unwrap()
}

/// Whole accounts: account data, a backup, its keys.
pub(crate) static ACCOUNTS: LazyLock<Vec<Value>> =
    LazyLock::new(|| load("accounts.json")["scenarios"].as_array().unwrap().clone());

/// Keys with their descriptions, and secrets stored under them.
pub(crate) static STORAGE: LazyLock<Value> = LazyLock::new(|| load("secret_storage.json"));

pub(crate) fn string<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

/// A file with the account data of a scenario, and the two secrets that open it, as files too.
pub(crate) fn account_files(world: &mut World, scenario: &Value) {
    world.write("account.json", scenario["account_data"].to_string());
    world.write("version.json", scenario["version_info"].to_string());
    world.write("storage.key", string(scenario, "ssss_recovery_key"));
    world.write("storage.passphrase", string(scenario, "ssss_passphrase"));
    for secret in ["ssss_recovery_key", "ssss_passphrase", "decryption_key", "backup_recovery_key"]
    {
        world.keep_secret(string(scenario, secret));
    }
    world.keep_secret(&string(scenario, "ssss_recovery_key").replace(' ', ""));
}

/// Account data in every form that it is found in.
pub(crate) fn forms(contents: &Value) -> [(&'static str, Value); 4] {
    let contents: &Map<_, _> = contents.as_object().unwrap();
    let events: Vec<_> = contents
        .iter()
        .map(|(event_type, content)| json!({ "type": event_type, "content": content }))
        .collect();
    let rooms = json!({ "join": { "!r:example.org": { "account_data": { "events": [] } } } });
    [
        ("contents by type", contents.clone().into()),
        ("a list of events", events.clone().into()),
        ("an object with events", json!({ "events": events })),
        (
            "an answer of /sync",
            json!({ "next_batch": "s1", "rooms": rooms, "account_data": { "events": events } }),
        ),
    ]
}

/// Account data with one key, the default one, and one secret.
pub(crate) fn account(description: &Value, secret: &Value) -> Value {
    let event_type = string(description, "type");
    let key_id = event_type.strip_prefix("m.secret_storage.key.").unwrap();
    json!({
        "m.secret_storage.default_key": { "key": key_id },
        event_type: description["content"],
        string(secret, "type"): secret["content"],
    })
}
