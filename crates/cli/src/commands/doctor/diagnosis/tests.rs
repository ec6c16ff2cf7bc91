use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// An account in which all is well and was looked at.
fn healthy() -> Facts {
    Facts {
        store: StoreFacts {
            shown: "the account @me:example.org".to_owned(),
            argument: " --store homeserver".to_owned(),
            kind: StoreKind::Homeserver,
        },
        backup: BackupFacts::Readable {
            version: "7".to_owned(),
            public_key: "PUBLIC".to_owned(),
            is_v1: false,
            count: 10,
        },
        memory: MemoryFacts::Known { last: "7".to_owned(), went_back: None, setback: None },
        key: KeyFacts::Fits { argument: " --key-file my.key".to_owned() },
        stored: StoredKeyFacts::Fits,
        entries: Some(EntryFacts { entries: 10, authenticated: 10, ..EntryFacts::default() }),
        strangers: Vec::new(),
    }
}

type Change = fn(&mut Facts);

fn text(text: &str) -> String {
    text.to_owned()
}

fn entries_of(facts: &mut Facts) -> &mut EntryFacts {
    facts.entries.as_mut().unwrap()
}

fn v1(facts: &mut Facts) {
    if let BackupFacts::Readable { is_v1, .. } = &mut facts.backup {
        *is_v1 = true;
    }
}

/// One fact that is not well, and all that is to be said of it.
const CASES: [(Change, &[Code]); 34] = [
    (|facts| facts.backup = BackupFacts::NoStore, &[Code::NoBackup]),
    (|facts| facts.backup = BackupFacts::None, &[Code::BackupGone]),
    (
        |facts| {
            facts.backup = BackupFacts::None;
            facts.memory = MemoryFacts::Nothing;
        },
        &[Code::NoBackup],
    ),
    (
        |facts| {
            facts.backup = BackupFacts::None;
            facts.memory = MemoryFacts::NotKept;
            facts.key = KeyFacts::NotGiven;
            facts.stored = StoredKeyFacts::NotLookedAt;
        },
        &[Code::NoBackup],
    ),
    (
        |facts| {
            let (version, problem) = (text("7"), text("no public key"));
            facts.backup = BackupFacts::Unreadable { version, problem };
        },
        &[Code::AuthDataUnreadable],
    ),
    (
        |facts| {
            let (version, algorithm) = (text("7"), text("v9"));
            facts.backup = BackupFacts::UnknownAlgorithm { version, algorithm };
            facts.key = KeyFacts::NotCompared;
            facts.stored = StoredKeyFacts::NotCompared;
        },
        &[Code::AlgorithmUnknown],
    ),
    (
        |facts| {
            if let BackupFacts::Readable { count, .. } = &mut facts.backup {
                *count = 0;
            }
        },
        &[Code::EmptyBackup],
    ),
    (v1, &[Code::NotAuthenticated]),
    (|facts| facts.memory = MemoryFacts::NotKept, &[]),
    (|facts| facts.memory = MemoryFacts::Nothing, &[Code::NotTrustedYet]),
    (
        |facts| facts.memory = MemoryFacts::Unreadable { problem: text("no JSON") },
        &[Code::MemoryUnreadable],
    ),
    (
        |facts| {
            let (last, went_back) = (text("8"), Some(text("The store has gone back")));
            facts.memory = MemoryFacts::Known { last, went_back, setback: None };
        },
        &[Code::WentBack],
    ),
    (
        |facts| {
            let (last, setback) = (text("7"), Some(text("it has fewer keys")));
            facts.memory = MemoryFacts::Known { last, went_back: None, setback };
        },
        &[Code::VersionSetBack],
    ),
    // A key in secret storage that fits is a key.
    (|facts| facts.key = KeyFacts::NotGiven, &[]),
    (
        |facts| {
            facts.key = KeyFacts::NotGiven;
            facts.stored = StoredKeyFacts::NotOpened { from: text("the account") };
        },
        &[Code::KeyNotGiven, Code::StoredKeyNotChecked],
    ),
    (
        |facts| facts.key = KeyFacts::Unusable { from: text("my.key"), problem: text("parity") },
        &[Code::KeyUnusable],
    ),
    (
        |facts| {
            facts.key = KeyFacts::Other { from: text("my.key"), public_key: text("OTHER") };
        },
        &[Code::KeyDoesNotFit],
    ),
    (
        |facts| {
            facts.key = KeyFacts::Other { from: text("my.key"), public_key: text("OTHER") };
            facts.stored = StoredKeyFacts::NotLookedAt;
        },
        &[Code::KeyDoesNotFit, Code::SecretStorageNotLookedAt],
    ),
    (|facts| facts.stored = StoredKeyFacts::NotLookedAt, &[Code::SecretStorageNotLookedAt]),
    (
        |facts| {
            let (from, problem) = (text("the account"), text("there is no default key"));
            facts.stored = StoredKeyFacts::NoSecretStorage { from, problem };
        },
        &[Code::NoStoredKey],
    ),
    (
        |facts| facts.stored = StoredKeyFacts::NoSuchSecret { from: text("the account") },
        &[Code::NoStoredKey],
    ),
    (
        |facts| facts.stored = StoredKeyFacts::NotOpened { from: text("the account") },
        &[Code::StoredKeyNotChecked],
    ),
    (
        |facts| facts.stored = StoredKeyFacts::WrongStorageKey { problem: text("wrong") },
        &[Code::StorageKeyDoesNotFit],
    ),
    (
        |facts| facts.stored = StoredKeyFacts::Damaged { problem: text("its MAC") },
        &[Code::StoredKeyDamaged],
    ),
    (
        |facts| {
            let (from, public_key) = (text("the account"), text("OTHER"));
            facts.stored = StoredKeyFacts::Other { from, public_key };
        },
        &[Code::StoredKeyDoesNotFit],
    ),
    (
        |facts| {
            let (from, public_key) = (text("the account"), text("OTHER"));
            facts.strangers.push(Stranger { from, public_key, entries: 1 });
        },
        &[Code::TwoKeys],
    ),
    (|facts| entries_of(facts).forged = 1, &[Code::EntriesForged]),
    (|facts| entries_of(facts).misplaced = 2, &[Code::EntriesMisplaced]),
    (|facts| entries_of(facts).unreadable = 1, &[Code::EntriesUnreadable]),
    (|facts| entries_of(facts).missing = 1, &[Code::EntriesMissing]),
    (|facts| entries_of(facts).set_back = 2, &[Code::EntriesSetBack]),
    (|facts| entries_of(facts).ignored_macs = 1, &[Code::MacsIgnored]),
    (
        |facts| entries_of(facts).unauthenticated = BTreeMap::from([(text("m.undefined"), 4)]),
        &[Code::UnauthenticatedKeys],
    ),
    // Of an ordinary backup that is said once.
    (
        |facts| {
            v1(facts);
            entries_of(facts).unauthenticated = BTreeMap::from([(text("m.legacy-v1"), 10)]);
        },
        &[Code::NotAuthenticated],
    ),
];

fn said(change: Change) -> Vec<Diagnosis> {
    let mut facts = healthy();
    change(&mut facts);
    diagnose(&facts)
}

#[test]
fn where_all_is_well_nothing_is_said() {
    assert!(diagnose(&healthy()).is_empty());
}

#[test]
fn each_fault_has_its_code_and_no_other() {
    for (number, (change, expected)) in CASES.into_iter().enumerate() {
        let codes: Vec<_> = said(change).iter().map(|diagnosis| diagnosis.code).collect();
        assert_eq!(codes, expected, "case {number}");
    }
}

/// The names are what scripts know: none is without a case here, and none may change.
#[test]
fn the_codes_are_these() {
    let codes: BTreeSet<Code> = CASES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
    let names: Vec<_> = codes.into_iter().map(|code| serde_json::to_value(code).unwrap()).collect();
    let expected = [
        "no_backup",
        "backup_gone",
        "auth_data_unreadable",
        "algorithm_unknown",
        "went_back",
        "version_set_back",
        "memory_unreadable",
        "key_unusable",
        "key_does_not_fit",
        "key_not_given",
        "storage_key_does_not_fit",
        "stored_key_does_not_fit",
        "stored_key_damaged",
        "no_stored_key",
        "two_keys",
        "entries_forged",
        "entries_misplaced",
        "entries_unreadable",
        "entries_missing",
        "entries_set_back",
        "macs_ignored",
        "not_authenticated",
        "not_trusted_yet",
        "stored_key_not_checked",
        "secret_storage_not_looked_at",
        "unauthenticated_keys",
        "empty_backup",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_is_said_are_sentences_with_the_words_of_the_facts() {
    for (change, _) in CASES {
        for Diagnosis { code, what, mend, command, .. } in said(change) {
            for part in [&what, &mend] {
                assert!(part.ends_with('.') && !part.contains(".."), "{code:?}: {part}");
                let is_begun = part.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
                assert!(is_begun || part.starts_with('`'), "{code:?}: {part}");
            }
            let Some(command) = command else { continue };
            assert!(command.starts_with("matrix-key-backup "), "{command}");
            assert!(command.ends_with(" --store homeserver"), "{command}");
        }
    }
    for (change, words) in [
        (CASES[1].0, &["version \"7\""][..]),
        (CASES[4].0, &["no public key"]),
        (CASES[16].0, &["my.key", "OTHER", "PUBLIC"]),
        (CASES[25].0, &["1 entry is", "OTHER", "PUBLIC"]),
        (CASES[26].0, &["1 of 10 entries has"]),
        (CASES[27].0, &["2 of 10 entries are"]),
        (CASES[32].0, &["4 of 14 keys", "4 m.undefined"]),
    ] {
        let what = &said(change)[0].what;
        assert!(words.iter().all(|word| what.contains(word)), "{what}");
    }
}

/// What is worst is read first.
#[test]
fn errors_come_before_warnings_and_notes() {
    let mut facts = healthy();
    v1(&mut facts);
    facts.memory = MemoryFacts::Nothing;
    facts.stored = StoredKeyFacts::Damaged { problem: text("its MAC") };
    entries_of(&mut facts).forged = 3;
    let severities: Vec<_> = diagnose(&facts).iter().map(|it| it.severity).collect();
    let expected = [Severity::Error, Severity::Error, Severity::Warning, Severity::Note];
    assert_eq!(severities, expected);
}

/// A command can be typed as it stands, where the file of the key is known.
#[test]
fn commands_name_the_store_and_the_key() {
    let command = |facts: &Facts| diagnose(facts)[0].command.clone().unwrap();
    let mut facts = healthy();
    v1(&mut facts);
    let at = "matrix-key-backup migrate --key-file my.key --store homeserver";
    assert_eq!(command(&facts), at);
    facts.key = KeyFacts::Fits { argument: String::new() };
    facts.store.argument = String::new();
    assert_eq!(command(&facts), "matrix-key-backup migrate");
    facts.key = KeyFacts::NotGiven;
    assert_eq!(command(&facts), "matrix-key-backup migrate --key-file KEY");

    facts.store.kind = StoreKind::JsonFile;
    let said = &diagnose(&facts)[0];
    assert!(said.command.is_none(), "nothing is migrated there");
    assert!(said.mend.ends_with("that it is a copy of."), "{}", said.mend);
    facts.backup = BackupFacts::None;
    facts.memory = MemoryFacts::NotKept;
    assert!(diagnose(&facts)[0].command.is_none(), "nothing can begin there");
}
