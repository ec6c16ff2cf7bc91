//! The table of names (N).

use matrix_key_backup_wire::{
    BackupAlgorithm, CONTEXT_PROPERTY, DECRYPTION_KEY_SECRET, Names, RoomId, SessionId,
    UnauthenticatedSource, UserId,
};

// N
#[test]
fn the_table() {
    let of = |names: Names| {
        [names.algorithm(), names.unauthenticated(), names.backup_mac(), names.mac_secret()]
    };
    assert_eq!(
        of(Names::Stable),
        [
            "m.backup.v2.curve25519-aes-sha2",
            "unauthenticated",
            "backup_mac",
            "m.megolm_backup.v1.mac"
        ]
    );
    assert_eq!(
        of(Names::Unstable),
        [
            "org.matrix.msc4048.curve25519-aes-sha2",
            "org.matrix.msc4048.unauthenticated",
            "org.matrix.msc4048.backup_mac",
            "org.matrix.msc4048.mac"
        ]
    );
    assert_eq!(DECRYPTION_KEY_SECRET, "m.megolm_backup.v1"); // S-5
    assert_eq!(CONTEXT_PROPERTY, "io.github.matrix_key_backup.context"); // B-2
}

// N-1
#[test]
fn unstable_is_the_default() {
    assert_eq!(Names::default(), Names::Unstable);
    assert_eq!(Names::ALL.map(Names::other), [Names::Unstable, Names::Stable]);
}

#[test]
fn algorithms() {
    for algorithm in BackupAlgorithm::ALL {
        let name = algorithm.as_str();
        assert_eq!(BackupAlgorithm::parse(name), Some(algorithm));
        assert_eq!(name.parse(), Ok(algorithm));
        assert_eq!(algorithm.to_string(), name);
        assert_eq!(serde_json::to_value(algorithm).unwrap(), name);
        assert_eq!(serde_json::from_value::<BackupAlgorithm>(name.into()).unwrap(), algorithm);
    }
    assert_eq!(BackupAlgorithm::V1.as_str(), "m.megolm_backup.v1.curve25519-aes-sha2");
    assert_eq!(BackupAlgorithm::V1.names(), None);
    assert_eq!(BackupAlgorithm::V2(Names::Stable).names(), Some(Names::Stable));
}

#[test]
fn unknown_algorithms_are_named() {
    for name in ["", "m.backup.v3", "M.BACKUP.V2.CURVE25519-AES-SHA2", "m.megolm.v1.aes-sha2"] {
        let error = name.parse::<BackupAlgorithm>().unwrap_err();
        assert_eq!(error.name, name);
        assert!(error.to_string().contains(&format!("{name:?}")));
        assert!(serde_json::from_value::<BackupAlgorithm>(name.into()).is_err());
    }
}

// V2-9
#[test]
fn values_of_unauthenticated() {
    use UnauthenticatedSource as Source;

    for (value, source) in [
        ("m.undefined", Source::Undefined),
        ("m.legacy-v1", Source::LegacyV1),
        ("m.forwarded_room_key", Source::ForwardedRoomKey),
    ] {
        assert_eq!(Source::from_written(value), source);
        assert_eq!(source.as_written(), value);
        assert_eq!(source.effective(), value);
    }
    for value in ["", "m.Legacy-V1", "m.legacy_v1", " m.undefined", "com.example.tool", "\u{0}é"] {
        let source = Source::from_written(value);
        assert_eq!(source, Source::Other(value.to_owned()));
        assert_eq!(source.as_written(), value);
        assert_eq!(source.effective(), "m.undefined");
    }
}

#[test]
fn identifiers_are_any_text_but_none() {
    assert!(RoomId::new("").is_err());
    assert!(SessionId::new("").is_err());
    assert!("".parse::<UserId>().is_err());
    assert!(serde_json::from_str::<RoomId>("\"\"").is_err());
    let id = SessionId::new("a/b+c").unwrap();
    assert_eq!(id.as_str(), "a/b+c");
    assert_eq!(id.to_string(), "a/b+c");
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"a/b+c\"");
    assert_eq!(serde_json::from_str::<SessionId>("\"a/b+c\"").unwrap(), id);
    assert!(RoomId::new("!room:example.org").unwrap() < RoomId::new("!z").unwrap());
}
