//! What was found out about an account's backup, before anything is made of it.

use std::collections::BTreeMap;

/// All that the diagnoses follow from.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) store: StoreFacts,
    pub(super) backup: BackupFacts,
    pub(super) memory: MemoryFacts,
    pub(super) key: KeyFacts,
    pub(super) stored: StoredKeyFacts,
    /// What the key that fits reads; none where there is no such key.
    pub(super) entries: Option<EntryFacts>,
    /// Keys that are not the backup's, and what they read in it.
    pub(super) strangers: Vec<Stranger>,
}

/// Where the backup lies.
#[derive(Clone, Debug)]
pub(super) struct StoreFacts {
    pub(super) shown: String,
    /// ` --store …` for commands, nothing for the default store.
    pub(super) argument: String,
    pub(super) kind: StoreKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreKind {
    /// A file that can be written to.
    File,
    /// A file that is only read.
    JsonFile,
    /// An account.
    Homeserver,
}

/// What the store says of the current version.
#[derive(Clone, Debug)]
pub(super) enum BackupFacts {
    /// Not even a store is there.
    NoStore,
    None,
    UnknownAlgorithm {
        version: String,
        algorithm: String,
    },
    Unreadable {
        version: String,
        problem: String,
    },
    Readable {
        version: String,
        public_key: String,
        is_v1: bool,
        count: u64,
    },
}

/// What the program remembers of the account. // B-3, T-3, T-4
#[derive(Clone, Debug)]
pub(super) enum MemoryFacts {
    /// Of a file nothing is.
    NotKept,
    /// No backup of this account was ever trusted here.
    Nothing,
    Unreadable {
        problem: String,
    },
    Known {
        /// The version that was trusted last.
        last: String,
        went_back: Option<String>,
        /// What the version had, and has no longer.
        setback: Option<String>,
    },
}

/// The decryption key that was given.
#[derive(Clone, Debug)]
pub(super) enum KeyFacts {
    NotGiven,
    Unusable {
        from: String,
        problem: String,
    },
    /// There is nothing that it could be compared with.
    NotCompared,
    Other {
        from: String,
        public_key: String,
    },
    Fits {
        /// ` --key-file …` for commands, nothing where it is found without.
        argument: String,
    },
}

/// The decryption key in secret storage. // S
#[derive(Clone, Debug)]
pub(super) enum StoredKeyFacts {
    /// No account data was given.
    NotLookedAt,
    /// There is account data, and nothing in it that could be opened.
    NoSecretStorage {
        from: String,
        problem: String,
    },
    NoSuchSecret {
        from: String,
    },
    /// It is there, and was not opened: no secret storage key was given.
    NotOpened {
        from: String,
    },
    /// The secret storage key, or the passphrase, that was given is wrong.
    WrongStorageKey {
        problem: String,
    },
    Damaged {
        problem: String,
    },
    /// There is nothing that it could be compared with.
    NotCompared,
    Other {
        from: String,
        public_key: String,
    },
    Fits,
}

/// What came of reading every entry.
#[derive(Clone, Debug, Default)]
pub(super) struct EntryFacts {
    pub(super) entries: u64,
    pub(super) authenticated: u64,
    pub(super) unauthenticated: BTreeMap<String, u64>,
    pub(super) forged: u64,
    pub(super) misplaced: u64,
    pub(super) unreadable: u64,
    pub(super) ignored_macs: u64,
    /// Entries that the store says it has, and did not give.
    pub(super) missing: u64,
    /// Keys that are less than they were. // B-3
    pub(super) set_back: u64,
}

/// A key that is not the backup's, and yet reads something in it.
#[derive(Clone, Debug)]
pub(super) struct Stranger {
    pub(super) from: String,
    pub(super) public_key: String,
    pub(super) entries: u64,
}
