//! Our own `migration.json`.

use anyhow::{Result, ensure};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_wire::{BackupAlgorithm, Names};
use serde::Serialize;
use serde_json::value::RawValue;

use super::entry::{authenticate, cleartext};
use super::material::Material;
use crate::vectors::hex;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    vectors: Vec<Vector>,
}

#[derive(Debug, Serialize)]
struct Vector {
    id: String,
    description: &'static str,
    old_algorithm: &'static str,
    new_algorithm: &'static str,
    old_decryption_key: String,
    new_decryption_key: String,
    same_decryption_key: bool,
    old_session_data_raw: String,
    old_plaintext: String,
    old_backup_mac_status: &'static str,
    expected: Expected,
}

#[derive(Debug, Default, Serialize)]
struct Expected {
    action: &'static str,
    unauthenticated: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_session_data_raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example_new_plaintext: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example_new_session_data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example_ephemeral_private_hex: Option<String>,
}

/// What stands in the old backup.
struct Old {
    algorithm: BackupAlgorithm,
    /// More properties in the plaintext, as `,"name":value`.
    in_plaintext: &'static str,
    /// More properties beside the ciphertext.
    in_cleartext: &'static str,
    v1_mac: bool,
    /// The names of its MAC.
    names: &'static [Names],
    change: Option<Change>,
}

/// A change after the MAC was made, and what it makes of the MAC.
type Change = (fn(&str) -> String, &'static str);

/// What becomes of it.
enum New {
    Drop,
    /// With its MAC under this name.
    Unchanged(Names),
    Reencrypt {
        unauthenticated: Option<&'static str>,
        /// What is kept beside the ciphertext.
        in_cleartext: &'static str,
    },
}

struct Case {
    description: &'static str,
    old: Old,
    target: Names,
    same_key: bool,
    new: New,
}

const EXTRA: &str = r#","org.example":{"a":[1,null]}"#;
const STABLE: &[Names] = &[Names::Stable];
const UNSTABLE: &[Names] = &[Names::Unstable];
const BOTH: &[Names] = &Names::ALL;

/// A plain v1 key, from which most cases start.
const PLAIN_V1: Old = Old {
    algorithm: BackupAlgorithm::V1,
    in_plaintext: "",
    in_cleartext: "",
    v1_mac: true,
    names: &[],
    change: None,
};
/// The same with a MAC.
const HYBRID: Old = Old { names: STABLE, ..PLAIN_V1 };
/// A plain v2 key with unstable names.
const PLAIN_V2: Old = Old {
    algorithm: BackupAlgorithm::V2(Names::Unstable),
    v1_mac: false,
    names: UNSTABLE,
    ..PLAIN_V1
};
const LEGACY: New = New::Reencrypt { unauthenticated: Some("m.legacy-v1"), in_cleartext: "" };

pub(super) fn file() -> Result<File> {
    let mut material = Material::of("migration");
    let keys = [material.decryption_key(), material.decryption_key()];
    let cases = [from_v1(), from_hybrid(), from_v2()].into_iter().flatten();
    let vectors = cases
        .enumerate()
        .map(|(number, case)| vector(&mut material, &keys, number, &case))
        .collect::<Result<_>>()?;
    Ok(File {
        about: "Migration of one entry. expected.action: unchanged | reencrypt | drop; \
                expected.unauthenticated: the value required in the new plaintext (null = absent).",
        vectors,
    })
}

/// M-1, M-2.
fn from_v1() -> Vec<Case> {
    let case =
        |description, old, target, new| Case { description, old, target, same_key: true, new };
    vec![
        case("v1, target stable", PLAIN_V1, Names::Stable, LEGACY),
        case("v1, target unstable", PLAIN_V1, Names::Unstable, LEGACY),
        case(
            "v1 that claims both names of unauthenticated",
            Old {
                in_plaintext: r#","unauthenticated":null,"org.matrix.msc4048.unauthenticated":"m.undefined""#,
                ..PLAIN_V1
            },
            Names::Unstable,
            LEGACY,
        ),
        case(
            "v1, unknown properties: kept inside, where nobody vouches dropped outside",
            Old { in_plaintext: EXTRA, in_cleartext: EXTRA, ..PLAIN_V1 },
            Names::Stable,
            LEGACY,
        ),
        case(
            "v1, mac wrong: dropped and reported",
            Old {
                change: Some((|raw| raw.replace(r#""mac":"#, r#""mac":null,"x":"#), "missing")),
                ..PLAIN_V1
            },
            Names::Stable,
            New::Drop,
        ),
    ]
}

/// M-3 out of a v1 backup, H-2.
fn from_hybrid() -> Vec<Case> {
    let case =
        |description, old, target, same_key, new| Case { description, old, target, same_key, new };
    let add_property: fn(&str) -> String = |raw| raw.replacen('{', r#"{"x":1,"#, 1);
    let kept = New::Reencrypt { unauthenticated: None, in_cleartext: EXTRA };
    vec![
        case(
            "hybrid, same names and key",
            HYBRID,
            Names::Stable,
            true,
            New::Unchanged(Names::Stable),
        ),
        case(
            "hybrid, other names: the MAC is renamed",
            HYBRID,
            Names::Unstable,
            true,
            New::Unchanged(Names::Unstable),
        ),
        case(
            "hybrid, both MAC names: one is left",
            Old { names: BOTH, ..HYBRID },
            Names::Stable,
            true,
            New::Unchanged(Names::Stable),
        ),
        case(
            "hybrid, other key: cleartext properties kept, mac dropped",
            Old { in_cleartext: EXTRA, ..HYBRID },
            Names::Stable,
            false,
            kept,
        ),
        case(
            "hybrid changed after the MAC: as if there were none",
            Old { change: Some((add_property, "wrong")), ..HYBRID },
            Names::Stable,
            true,
            LEGACY,
        ),
        case(
            "hybrid without mac, changed after the MAC: nothing holds",
            Old { v1_mac: false, change: Some((add_property, "wrong")), ..HYBRID },
            Names::Stable,
            true,
            New::Drop,
        ),
    ]
}

/// N-1: from the unstable names to the stable ones, and M-1 for what has no valid MAC.
fn from_v2() -> Vec<Case> {
    let case = |description, old, same_key, new| Case {
        description,
        old,
        target: Names::Stable,
        same_key,
        new,
    };
    let add_property: fn(&str) -> String = |raw| raw.replacen('{', r#"{"x":1,"#, 1);
    let remove_mac: fn(&str) -> String = |raw| raw.replace("backup_mac", "backup_mac2");
    let marked = |unauthenticated| New::Reencrypt {
        unauthenticated: Some(unauthenticated),
        in_cleartext: "",
    };
    vec![
        case(
            "v2, authenticated: the MAC is renamed",
            PLAIN_V2,
            true,
            New::Unchanged(Names::Stable),
        ),
        case(
            "v2, marked under the unstable name: the value is kept, the name is the target's",
            Old {
                in_plaintext: r#","org.matrix.msc4048.unauthenticated":"m.forwarded_room_key""#,
                ..PLAIN_V2
            },
            true,
            marked("m.forwarded_room_key"),
        ),
        case(
            "v2, marked with a custom value",
            Old {
                in_plaintext: r#","org.matrix.msc4048.unauthenticated":"org.example.x""#,
                ..PLAIN_V2
            },
            true,
            marked("org.example.x"),
        ),
        case(
            "v2, other key",
            PLAIN_V2,
            false,
            New::Reencrypt { unauthenticated: None, in_cleartext: "" },
        ),
        case(
            "v2, changed after the MAC",
            Old { change: Some((add_property, "wrong")), ..PLAIN_V2 },
            true,
            New::Drop,
        ),
        case(
            "v2, no MAC",
            Old { change: Some((remove_mac, "missing")), ..PLAIN_V2 },
            true,
            New::Drop,
        ),
    ]
}

fn vector(
    material: &mut Material,
    keys: &[BackupDecryptionKey; 2],
    number: usize,
    case: &Case,
) -> Result<Vector> {
    let [old_key, other_key] = keys;
    let new_key = if case.same_key { old_key } else { other_key };
    let Old { algorithm, in_plaintext, in_cleartext, v1_mac, names, change } = case.old;
    let old_plaintext = material.room_key(0, in_plaintext).json;
    let (ephemeral, _) = material.ephemeral()?;
    let cleartext = cleartext(old_key, &ephemeral, old_plaintext.as_bytes(), v1_mac, in_cleartext)?;
    let authenticated = |names: &[Names]| match names {
        [] => cleartext.clone(),
        names => authenticate(&cleartext, old_key, names),
    };
    let status = if names.is_empty() { "missing" } else { "valid" };
    let old = authenticated(names);
    let (old_session_data_raw, old_backup_mac_status) =
        change.map_or((old.clone(), status), |(change, status)| (change(&old), status));
    ensure!(change.is_none() || old_session_data_raw != old, "{}: no change", case.description);
    let expected = match case.new {
        New::Drop => Expected { action: "drop", ..Expected::default() },
        New::Unchanged(names) => Expected {
            action: "unchanged",
            new_session_data_raw: Some(authenticated(&[names])),
            ..Expected::default()
        },
        New::Reencrypt { unauthenticated, in_cleartext } => {
            let plaintext = old_plaintext.replace(in_plaintext_mark(in_plaintext), "");
            let marked = mark(&plaintext, unauthenticated, case.target);
            reencrypted(material, new_key, case.target, marked, unauthenticated, in_cleartext)?
        }
    };
    Ok(Vector {
        id: format!("own-mig-{number:02}"),
        description: case.description,
        old_algorithm: algorithm.as_str(),
        new_algorithm: BackupAlgorithm::V2(case.target).as_str(),
        old_decryption_key: old_key.expose_base64().to_string(),
        new_decryption_key: new_key.expose_base64().to_string(),
        same_decryption_key: case.same_key,
        old_session_data_raw,
        old_plaintext,
        old_backup_mac_status,
        expected,
    })
}

/// What of the old plaintext does not go over: a mark, under whatever name.
fn in_plaintext_mark(in_plaintext: &str) -> &str {
    if in_plaintext.contains("unauthenticated") { in_plaintext } else { "\0" }
}

/// The plaintext with its mark under the target's name, where it has one.
fn mark(plaintext: &str, unauthenticated: Option<&str>, target: Names) -> String {
    let Some(value) = unauthenticated else { return plaintext.to_owned() };
    let open = plaintext.strip_suffix('}').unwrap_or_default();
    format!(r#"{open},"{}":"{value}"}}"#, target.unauthenticated())
}

fn reencrypted(
    material: &mut Material,
    key: &BackupDecryptionKey,
    target: Names,
    plaintext: String,
    unauthenticated: Option<&'static str>,
    in_cleartext: &str,
) -> Result<Expected> {
    let (ephemeral, private) = material.ephemeral()?;
    let cleartext = cleartext(key, &ephemeral, plaintext.as_bytes(), false, in_cleartext)?;
    let session_data = authenticate(&cleartext, key, &[target]);
    Ok(Expected {
        action: "reencrypt",
        unauthenticated,
        new_session_data_raw: None,
        example_new_plaintext: Some(plaintext),
        example_new_session_data: Some(RawValue::from_string(session_data)?),
        example_ephemeral_private_hex: Some(hex::encode(&private)),
    })
}
