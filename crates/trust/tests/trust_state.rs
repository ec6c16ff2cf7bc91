//! What is remembered, and what is refused because of it (T-3, T-4).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_trust::{
    BackupDescription, KeyOrigin, StepBack, TrustError, TrustState, TrustedBackup, WentBack,
};
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, Names, UserId, WriterKey};
use proptest::prelude::*;
use serde_json::{Value, json};

const V1: BackupAlgorithm = BackupAlgorithm::V1;
const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);
const STABLE: BackupAlgorithm = BackupAlgorithm::V2(Names::Stable);

fn reader(fill: u8) -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap())
}

/// Trusts a version with the key `fill`, which the user has entered.
fn trust(
    state: &mut TrustState,
    version: &str,
    algorithm: BackupAlgorithm,
    fill: u8,
) -> Result<TrustedBackup, TrustError> {
    let reader = reader(fill);
    let auth_data = AuthData::new(*reader.public_key());
    let backup = BackupDescription { version, algorithm, auth_data: &auth_data };
    TrustedBackup::from_decryption_key(backup, &reader, KeyOrigin::EnteredByUser, state)
}

fn refused(result: Result<TrustedBackup, TrustError>) -> WentBack {
    match result {
        Err(TrustError::WentBack(went_back)) => *went_back,
        other => panic!("{other:?}"),
    }
}

/// A state that has seen these, one after the other.
fn seen(backups: &[(&str, BackupAlgorithm, u8)]) -> TrustState {
    let mut state = TrustState::new();
    for (version, algorithm, fill) in backups {
        trust(&mut state, version, *algorithm, *fill).unwrap();
    }
    state
}

fn how(state: &TrustState, version: &str, algorithm: BackupAlgorithm, fill: u8) -> StepBack {
    let mut after = state.clone();
    let went_back = refused(trust(&mut after, version, algorithm, fill));
    assert_eq!(after, *state, "what was refused is not remembered");
    assert_eq!(looked_at(state, version, algorithm, fill), Some(went_back.clone()));
    assert_eq!(Some(&went_back.last), state.last_trusted());
    assert_eq!((&*went_back.found.version, went_back.found.algorithm), (version, algorithm));
    went_back.how
}

/// What is told of a backup that is not trusted.
fn looked_at(
    state: &TrustState,
    version: &str,
    algorithm: BackupAlgorithm,
    fill: u8,
) -> Option<WentBack> {
    let auth_data = AuthData::new(*reader(fill).public_key());
    state.step_back(BackupDescription { version, algorithm, auth_data: &auth_data })
}

/// Whoever looks is told of steps back (`how` compares), and of nothing else.
#[test]
fn what_is_no_step_back_is_not_told_as_one() {
    assert_eq!(looked_at(&TrustState::new(), "1", V1, 1), None);
    let state = seen(&[("7", V2, 1)]);
    for (version, fill) in [("7", 1), ("8", 1), ("8", 2)] {
        assert_eq!(looked_at(&state, version, V2, fill), None, "{version}");
    }
}

#[test]
fn the_same_backup_is_admitted_as_often_as_asked() {
    let mut state = seen(&[("7", V2, 1)]);
    let once = state.clone();
    trust(&mut state, "7", V2, 1).unwrap();
    assert_eq!(state, once);
    let last = state.last_trusted().unwrap();
    assert_eq!((&*last.version, last.algorithm), ("7", V2));
    assert_eq!(last.public_key, *reader(1).public_key());
}

#[test]
fn newer_versions_are_admitted() {
    // A migration keeps the key; another backup has another one.
    seen(&[("9", V1, 1), ("10", V2, 1), ("11", STABLE, 1), ("12", V2, 1), ("400", V2, 2)]);
    seen(&[("a", V2, 1), ("b", V2, 1), ("7", V2, 2), ("c", V2, 3)]);
}

// T-4: the current version was deleted, and the one before it is back.
#[test]
fn older_version_is_refused() {
    let state = seen(&[("9", V2, 1), ("10", V2, 2)]);
    assert_eq!(how(&state, "9", V2, 1), StepBack::OlderVersion);
    assert_eq!(how(&state, "9", V2, 2), StepBack::OlderVersion);
    // Never seen, and older all the same.
    assert_eq!(how(&state, "8", V2, 3), StepBack::OlderVersion);
    assert_eq!(how(&state, "010", V2, 2), StepBack::OlderVersion);
}

// T-4: of opaque versions, those that were seen are known.
#[test]
fn opaque_version_that_was_seen_is_refused() {
    let state = seen(&[("zebra", V2, 1), ("5", V2, 2), ("ant", V2, 3)]);
    for (version, key) in [("zebra", 1), ("zebra", 4), ("5", 2), ("4", 4)] {
        assert_eq!(how(&state, version, V2, key), StepBack::OlderVersion, "{version}");
    }
}

// T-4: what was signed for a v2 backup is signed for v1 as well, since no signature covers the algorithm.
#[test]
fn lower_algorithm_is_refused() {
    for names in [V2, STABLE] {
        let state = seen(&[("9", names, 1)]);
        assert_eq!(how(&state, "10", V1, 1), StepBack::LowerAlgorithm);
        assert_eq!(how(&state, "10", V1, 2), StepBack::LowerAlgorithm);
    }
}

// T-4: an old backup under a new name.
#[test]
fn older_key_is_refused() {
    let state = seen(&[("9", V2, 1), ("10", V2, 2)]);
    assert_eq!(how(&state, "11", V2, 1), StepBack::OlderKey);
}

// T-3: a version does not change its key or its algorithm.
#[test]
fn version_that_was_changed_in_place_is_refused() {
    let state = seen(&[("9", V2, 1)]);
    for (algorithm, key) in [(V2, 2), (V1, 1), (STABLE, 1)] {
        assert_eq!(how(&state, "9", algorithm, key), StepBack::ChangedInPlace);
    }
}

// T-4: every way to a trusted backup asks the state.
#[test]
fn writer_key_asks_as_well() {
    let mut state = seen(&[("9", V2, 1), ("10", V2, 2)]);
    let reader = reader(1);
    let (me, names) = (UserId::new("@me:example.org").unwrap(), V2.names().unwrap());
    let key = WriterKey::new(me, names, *reader.public_key(), reader.mac_key().clone());
    let auth_data = AuthData::new(*reader.public_key());
    let backup = BackupDescription { version: "9", algorithm: V2, auth_data: &auth_data };
    let result = TrustedBackup::from_writer_key(backup, &key, None, &mut state);
    assert_eq!(refused(result).how, StepBack::OlderVersion);
}

// T-4: the user's word is for one step back, and for no other.
#[test]
fn going_back_takes_the_users_word_each_time() {
    let mut state = seen(&[("8", V1, 1), ("9", V2, 2), ("10", V2, 3)]);
    let went_back = refused(trust(&mut state, "8", V1, 1));
    state.accept_going_back(&went_back);
    trust(&mut state, "8", V1, 1).unwrap();
    assert_eq!(state.last_trusted(), Some(&went_back.found));
    // Neither what was left behind, nor what lies between, nor another key in its place.
    assert_eq!(how(&state, "10", V2, 3), StepBack::OlderVersion);
    assert_eq!(how(&state, "9", V2, 2), StepBack::OlderVersion);
    assert_eq!(how(&state, "8", V1, 2), StepBack::ChangedInPlace);
    // Nor v1 under a new version: the word was for this one.
    assert_eq!(how(&state, "11", V1, 1), StepBack::LowerAlgorithm);
    // What is new goes on from there.
    trust(&mut state, "11", V2, 1).unwrap();
    trust(&mut state, "12", V2, 4).unwrap();
    // And the word is used up.
    for (version, algorithm, key) in [("8", V1, 1), ("11", V2, 1), ("8", V2, 4)] {
        assert_eq!(how(&state, version, algorithm, key), StepBack::OlderVersion);
    }
}

// T-3, T-4: a version with another key is accepted, and the key that it had stays replaced.
#[test]
fn accepted_change_in_place_brings_no_old_key_back() {
    let mut state = seen(&[("1", V2, 1)]);
    let went_back = refused(trust(&mut state, "1", V2, 2));
    state.accept_going_back(&went_back);
    trust(&mut state, "1", V2, 2).unwrap();
    assert_eq!(how(&state, "1", V2, 1), StepBack::ChangedInPlace);
    assert_eq!(how(&state, "2", V2, 1), StepBack::OlderKey);
}

// T-4: the server shows the current backup, rightly signed, under as many versions as it likes, and
// then the old one under a new version.
#[test]
fn no_number_of_versions_brings_an_old_key_back() {
    for name in ["", "x"] {
        let mut state = seen(&[("1", V2, 1), ("2", V2, 2)]);
        for version in 3..1000 {
            trust(&mut state, &format!("{name}{version}"), V2, 2).unwrap();
        }
        assert_eq!(how(&state, "1000", V2, 1), StepBack::OlderKey);
        assert_eq!(how(&state, "y", V2, 1), StepBack::OlderKey);
        assert_eq!(how(&state, "2", V2, 1), StepBack::OlderVersion);
        assert_eq!(how(&state, "1000", V1, 2), StepBack::LowerAlgorithm);
    }
}

// T-4: keys are not forgotten. Where there is no more room, the next one is refused.
#[test]
fn replaced_keys_are_never_forgotten() {
    let mut state = TrustState::new();
    for key in 1..=129 {
        trust(&mut state, &key.to_string(), V2, key).unwrap();
    }
    let full = state.clone();
    for version in ["130", "129"] {
        let error = trust(&mut state, version, V2, 130).unwrap_err();
        assert_eq!(error, TrustError::TooManyKeys);
        assert!(error.to_string().contains("128 times"), "{error}");
    }
    assert_eq!(state, full);
    for key in 1..129 {
        assert_eq!(how(&state, "130", V2, key), StepBack::OlderKey, "{key}");
    }
    // What needs no room goes on: a newer version, and a key that is known.
    trust(&mut state, "130", V2, 129).unwrap();
    let went_back = refused(trust(&mut state, "131", V2, 1));
    state.accept_going_back(&went_back);
    trust(&mut state, "131", V2, 1).unwrap();
    assert_eq!(how(&state, "132", V2, 129), StepBack::OlderKey);
}

// T-4: what was found with another state, or changed since, does not make this one unreadable.
#[test]
fn what_cannot_be_remembered_is_not_accepted() {
    let mut state = seen(&[("9", V2, 1)]);
    let mut went_back = refused(trust(&mut state, "8", V2, 1));
    went_back.found.version = "v".repeat(256);
    let before = state.clone();
    state.accept_going_back(&went_back);
    assert_eq!(state, before);

    let went_back = refused(trust(&mut seen(&[("9", V2, 1)]), "8", V2, 200));
    for key in 2..=129 {
        trust(&mut state, &(key + 8).to_string(), V2, key).unwrap();
    }
    let before = state.clone();
    state.accept_going_back(&went_back);
    assert_eq!(state, before);
}

#[test]
fn what_is_not_trusted_is_not_remembered() {
    let mut state = TrustState::new();
    let auth_data = AuthData::new(*reader(2).public_key());
    let backup = BackupDescription { version: "99", algorithm: V2, auth_data: &auth_data };
    let origin = KeyOrigin::EnteredByUser;
    TrustedBackup::from_decryption_key(backup, &reader(1), origin, &mut state).unwrap_err();
    assert_eq!(state, TrustState::new());
    trust(&mut state, "1", V2, 1).unwrap();
}

#[test]
fn step_back_says_both_and_shows_no_control_character() {
    let mut state = seen(&[("10\u{1b}[2J", V2, 2)]);
    let error = trust(&mut state, "10\u{1b}[2J", V1, 1).unwrap_err().to_string();
    let keys = [reader(1).public_key().to_base64(), reader(2).public_key().to_base64()];
    for named in ["10\\u{1b}[2J", V1.as_str(), V2.as_str(), &keys[0], &keys[1]] {
        assert!(error.contains(named), "{named} is missing in {error}");
    }
    assert!(!error.contains('\u{1b}'));
}

mod kept {
    use super::*;

    fn kept(state: &TrustState) -> String {
        serde_json::to_string(state).unwrap()
    }

    fn reads(json: &Value) -> Result<TrustState, String> {
        let read = serde_json::from_str(&json.to_string()).map_err(|error| error.to_string());
        // With and without a document in between.
        assert_eq!(read.is_ok(), serde_json::from_value::<TrustState>(json.clone()).is_ok());
        read
    }

    #[test]
    fn state_survives_a_restart() {
        for state in [TrustState::new(), seen(&[("9", V1, 1), ("b\"\u{1f600}", V2, 2)])] {
            assert_eq!(serde_json::from_str::<TrustState>(&kept(&state)).unwrap(), state);
        }
        let state = seen(&[("9", V2, 1), ("10", V2, 2)]);
        let state = serde_json::from_str(&kept(&state)).unwrap();
        assert_eq!(how(&state, "9", V2, 1), StepBack::OlderVersion);
    }

    #[test]
    fn state_is_written_as_documented() {
        let expected = json!({
            "format": "trust-state-1",
            "seen": {
                "last": {
                    "version": "12",
                    "algorithm": V2.as_str(),
                    "public_key": reader(2).public_key().to_base64(),
                },
                "replaced_keys": [reader(1).public_key().to_base64()],
                "versions": ["a", "12"],
                "v2": true,
            },
            "mac_keys": [],
        });
        let state = seen(&[("9", V1, 1), ("10", V1, 1), ("a", V2, 2), ("12", V2, 2)]);
        assert_eq!(serde_json::to_value(state).unwrap(), expected);
        let nothing = json!({ "format": "trust-state-1", "seen": null, "mac_keys": [] });
        assert_eq!(serde_json::to_value(TrustState::new()).unwrap(), nothing);
    }

    // It is kept for years: neither its length nor that of anything in it is the server's to choose.
    #[test]
    fn state_is_bounded() {
        let mut state = TrustState::new();
        for version in 0..1000 {
            trust(&mut state, &format!("{version}{}", "x".repeat(250)), V2, 1).unwrap();
        }
        for key in 2..129 {
            trust(&mut state, &format!("{key}{}", "z".repeat(250)), V2, key).unwrap();
        }
        trust(&mut state, "9", V2, 128).unwrap();
        assert!(kept(&state).len() < 16 << 10, "{}", kept(&state).len());
        // The number is not forgotten for names, however many.
        for version in 0..1000 {
            trust(&mut state, &format!("w{version}"), V2, 128).unwrap();
        }
        assert_eq!(how(&state, "9", V2, 128), StepBack::OlderVersion);
        let before = state.clone();
        for (length, fits) in [(255, true), (256, false), (1 << 20, false)] {
            let result = trust(&mut state, &"y".repeat(length), V2, 128);
            match fits {
                true => drop(result.unwrap()),
                false => {
                    assert!(
                        matches!(result, Err(TrustError::VersionTooLong { found, .. }) if found == length)
                    );
                }
            }
        }
        assert_eq!(state.last_trusted().unwrap().version.len(), 255);
        assert_ne!(state, before);
    }

    #[test]
    fn hostile_and_strange_states_are_refused_by_name() {
        let good = serde_json::to_value(seen(&[("9", V2, 1)])).unwrap();
        let with = |path: &str, value: Value| {
            let mut json = good.clone();
            *json.pointer_mut(path).unwrap() = value;
            json
        };
        let key = good["seen"]["last"]["public_key"].clone();
        let fingerprint = "A".repeat(43);
        let mac_key = json!({ "public_key": key, "fingerprint": fingerprint, "confirmed": true });
        let mut without_v2 = good.clone();
        without_v2["seen"].as_object_mut().unwrap().remove("v2");
        let mut without_format = good.clone();
        without_format.as_object_mut().unwrap().remove("format");
        let mut without_seen = good.clone();
        without_seen.as_object_mut().unwrap().remove("seen");
        let mut without_mac_keys = good.clone();
        without_mac_keys.as_object_mut().unwrap().remove("mac_keys");
        let mut unknown = good.clone();
        unknown["other"] = json!(1);
        for (json, named) in [
            (json!(null), "null"),
            (json!([]), "format"),
            (json!({}), "format"),
            (without_format, "format"),
            (without_seen, "seen"),
            (without_mac_keys, "mac_keys"),
            (unknown, "other"),
            (with("/format", json!("trust-state-2")), "trust-state-2"),
            (with("/format", json!(1)), "1"),
            (without_v2, "v2"),
            (with("/seen", json!({})), "last"),
            (with("/seen", json!([])), "0"),
            (
                with("/seen/replaced_keys", json!(vec![&key; 129])),
                "`replaced_keys` has 129 elements",
            ),
            (with("/seen/replaced_keys", json!(["AAAA"])), "32"),
            (with("/seen/versions", json!(vec!["a"; 17])), "`versions` has 17 elements"),
            (with("/seen/versions", json!(["v".repeat(256)])), "255 bytes"),
            (with("/seen/v2", json!(2)), "2"),
            (with("/mac_keys", json!(vec![mac_key; 17])), "`mac_keys` has 17 elements"),
            (with("/mac_keys", json!(null)), "null"),
            (
                with(
                    "/mac_keys",
                    json!([{ "public_key": key, "fingerprint": "AAAA", "confirmed": true }]),
                ),
                "3",
            ),
            (
                with("/mac_keys", json!([{ "public_key": key, "fingerprint": fingerprint }])),
                "confirmed",
            ),
            (
                with("/mac_keys", json!([{ "fingerprint": fingerprint, "confirmed": true }])),
                "public_key",
            ),
            (with("/seen/last", json!({})), "version"),
            (with("/seen/last/version", json!(9)), "9"),
            (with("/seen/last/version", json!("v".repeat(256))), "255 bytes"),
            (with("/seen/last/algorithm", json!("org.example.v3")), "org.example.v3"),
            (with("/seen/last/public_key", json!("AAAA")), "32"),
            (with("/seen/last/public_key", json!("?")), "base64"),
        ] {
            let error = reads(&json).unwrap_err();
            assert!(error.contains(named), "{named} is missing in {error:?} of {json}");
        }
        reads(&good).unwrap();
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_state(text in "\\PC{0,200}") {
            prop_assert!(serde_json::from_str::<TrustState>(&text).is_err());
        }

        // No panic either; and what is read is what would be written.
        #[test]
        fn change_of_one_byte_is_refused_or_read_as_it_stands(at in 0_usize..400, byte in any::<u8>()) {
            let mut text = kept(&seen(&[("9", V1, 1), ("b", V2, 2)])).into_bytes();
            let at = at % text.len();
            text[at] = byte;
            if let Ok(state) = serde_json::from_slice::<TrustState>(&text) {
                let value: Value = serde_json::from_slice(&text).unwrap();
                prop_assert_eq!(serde_json::to_value(state).unwrap(), value);
            }
        }
    }
}

// T-4, as a whole: from whatever was seen, and with whatever word of the user, no backup that was
// left behind is trusted without another word.
mod model {
    use super::*;

    /// What a server may answer: few of each, so that they meet again.
    fn answer() -> impl Strategy<Value = (String, bool, u8, bool)> {
        let version = prop_oneof![
            (1_u8..8).prop_map(|version| version.to_string()),
            "[ab]".prop_map(String::from),
        ];
        (version, any::<bool>(), 1_u8..4, prop::bool::weighted(0.2))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn what_was_left_behind_stays_behind(answers in prop::collection::vec(answer(), 1..24)) {
            let mut state = TrustState::new();
            let mut history: Vec<(String, BackupAlgorithm, u8)> = Vec::new();
            for (version, is_v1, key, word) in answers {
                let algorithm = if is_v1 { V1 } else { V2 };
                let same = history.last().is_some_and(|last| *last == (version.clone(), algorithm, key));
                let met = history.iter().any(|(other, ..)| *other == version);
                let highest = history.iter().filter_map(|(other, ..)| other.parse::<u8>().ok()).max();
                let lower = version.parse::<u8>().is_ok_and(|number| Some(number) < highest);
                let was_v2 = history.iter().any(|(_, other, _)| *other == V2);
                let key_left = history.last().is_some_and(|last| last.2 != key)
                    && history.iter().any(|(.., other)| *other == key);
                let back = !same && (met || lower || was_v2 && is_v1 || key_left);
                match trust(&mut state, &version, algorithm, key) {
                    Ok(_) => prop_assert!(!back),
                    Err(TrustError::WentBack(went_back)) => {
                        prop_assert!(back);
                        if !word {
                            continue;
                        }
                        state.accept_going_back(&went_back);
                        trust(&mut state, &version, algorithm, key).unwrap();
                    }
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                }
                history.push((version, algorithm, key));
            }
        }
    }
}
