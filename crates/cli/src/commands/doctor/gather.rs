//! Finding the facts out. Nothing is written anywhere, and nothing remembered.

use futures_util::StreamExt as _;
use matrix_key_backup::{
    EntryReader, OpenBackup, RestoreSummary, Unreadable, UnreadableBackup, restore,
    state::RestoreWatch,
    store::{BackupVersion, KeyScope},
    trust::WentBack,
    v2::BackupReader,
    wire::{BackupAlgorithm, DECRYPTION_KEY_SECRET},
};
use matrix_key_backup_secret_storage::{AccountDataError, OpenedKey, SecretContent};

use super::{
    Arguments,
    facts::{
        BackupFacts, EntryFacts, Facts, KeyFacts, MemoryFacts, StoreFacts, StoreKind,
        StoredKeyFacts, Stranger,
    },
};
use crate::{
    access::given_decryption_key,
    account_data::GivenAccountData,
    any_store::AnyStore,
    context::Context,
    error::Error,
    files::Input,
    memory::Memory,
    places::{Places, withheld},
    progress::Progress,
    runtime::block_on,
    secrets::{GivenKey, Origin},
    storage_error::StorageError,
    wording::{in_shell, shown},
};

/// What was found, and what a report says of the backup.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) facts: Facts,
    pub(super) backup: Option<BackupVersion>,
}

/// Finds everything out that can be without asking.
pub(super) fn gather(arguments: &Arguments, context: &Context) -> Result<Gathered, Error> {
    let account = account_data(arguments, context)?;
    let given = match given_decryption_key(&arguments.key, context) {
        Err(Error::NotAKey { origin, error }) => {
            Given::Unusable { from: origin.to_string(), problem: error.to_string() }
        }
        given => given?.map_or(Given::Nothing, Given::Key),
    };
    let stored = match &account {
        Some(account) => stored_key(account, arguments, context)?,
        None => Stored::Not(StoredKeyFacts::NotLookedAt),
    };
    block_on(examine(given, stored, context))
}

/// The account's data, by which secret storage is found: from a file, or from the account that is
/// the store.
fn account_data(
    arguments: &Arguments,
    context: &Context,
) -> Result<Option<GivenAccountData>, Error> {
    let key_id = arguments.storage_key.key_id.as_ref();
    let account = GivenAccountData::find(arguments.account_data.as_ref(), key_id, context)?;
    if account.is_none() && arguments.storage_key.is_meant() {
        return Err(Error::Usage(
            "there is no account data to open: give the file that holds it with --account-data, or \
             the account that is logged in with --store homeserver"
                .to_owned(),
        ));
    }
    Ok(account)
}

/// A key that was given.
enum Given {
    Nothing,
    Unusable { from: String, problem: String },
    Key(GivenKey),
}

/// A key that was stored.
enum Stored {
    /// None could be taken out.
    Not(StoredKeyFacts),
    Key {
        reader: BackupReader,
        from: String,
    },
}

/// The decryption key in secret storage, as far as one gets without asking.
fn stored_key(
    account: &GivenAccountData,
    arguments: &Arguments,
    context: &Context,
) -> Result<Stored, Error> {
    let from = account.from.to_string();
    let described = match arguments.storage_key.described(account) {
        Ok(described) => described,
        Err(Error::Storage(error)) => return Ok(Stored::Not(no_secret_storage(error, from))),
        Err(error) => return Err(error),
    };
    let secret = match account.secret(DECRYPTION_KEY_SECRET) {
        Ok(secret) => secret,
        Err(StorageError::AccountData { error: AccountDataError::NoSuchSecret { .. }, .. }) => {
            return Ok(Stored::Not(StoredKeyFacts::NoSuchSecret { from }));
        }
        Err(error) => return Ok(damaged(&error)),
    };
    let opened = match arguments.storage_key.given(context.output) {
        Ok(None) => return Ok(Stored::Not(StoredKeyFacts::NotOpened { from })),
        Ok(Some(given)) => given.open(&described, context.output),
        Err(error) => Err(error),
    };
    match opened {
        Ok(opened) => Ok(taken_out(&opened, &secret, account, from)),
        Err(Error::Storage(error)) => {
            Ok(Stored::Not(StoredKeyFacts::WrongStorageKey { problem: error.to_string() }))
        }
        Err(error) => Err(error),
    }
}

fn no_secret_storage(error: StorageError, from: String) -> StoredKeyFacts {
    match error {
        StorageError::AccountData { error, .. } => {
            StoredKeyFacts::NoSecretStorage { from, problem: error.to_string() }
        }
        error => StoredKeyFacts::NoSecretStorage { from, problem: error.to_string() },
    }
}

fn damaged(error: &StorageError) -> Stored {
    Stored::Not(StoredKeyFacts::Damaged { problem: error.to_string() })
}

fn taken_out(
    opened: &OpenedKey,
    secret: &SecretContent,
    account: &GivenAccountData,
    from: String,
) -> Stored {
    let place = || account.from.clone();
    let decrypted = opened
        .decrypt(DECRYPTION_KEY_SECRET, secret)
        .map_err(|error| StorageError::NotDecrypted { from: place(), error });
    let key = decrypted.and_then(|secret| {
        secret
            .into_decryption_key()
            .map_err(|error| StorageError::NotADecryptionKey { from: place(), error })
    });
    match key {
        // It is compared with the backup before anything is made of it. // S-6
        Ok(key) => Stored::Key { reader: BackupReader::new(key.hazmat_into_unchecked()), from },
        Err(error) => damaged(&error),
    }
}

async fn examine(given: Given, stored: Stored, context: &Context) -> Result<Gathered, Error> {
    let store = context.place.open_if_there().await?;
    let said = match &store {
        Some(store) => context.place.current(store).await?,
        None => None,
    };
    let read = said.clone().map(OpenBackup::read);
    let open = read.as_ref().and_then(|read| read.as_ref().ok());
    let memory = Memory::seen(context);
    let mut facts = Facts {
        store: store_facts(context),
        backup: match (&store, &read) {
            (None, _) => BackupFacts::NoStore,
            (_, None) => BackupFacts::None,
            (_, Some(read)) => backup_facts(read, said.as_ref()),
        },
        memory: MemoryFacts::NotKept,
        key: key_facts(&given, open),
        stored: stored_facts(&stored, open),
        entries: None,
        strangers: Vec::new(),
    };
    let mut watch = None;
    if let (Some(store), Some(backup)) = (&store, open) {
        watch = read_with_keys(&mut facts, store, backup, given, stored, &memory, context).await?;
    }
    if let Some(store) = store {
        store.close().await?;
    }
    remembered(&mut facts, &memory, open, watch);
    Ok(Gathered { facts, backup: said })
}

fn store_facts(context: &Context) -> StoreFacts {
    let place = &context.place;
    let (kind, argument) = match () {
        () if place.is_homeserver() => (StoreKind::Homeserver, " --store homeserver".to_owned()),
        () if place.is_json_file() => (StoreKind::JsonFile, named(context)),
        () if place.is_default() => (StoreKind::File, String::new()),
        () => (StoreKind::File, named(context)),
    };
    StoreFacts { shown: shown(place.path()), argument, kind }
}

fn named(context: &Context) -> String {
    format!(" --store {}", in_shell(context.place.path()))
}

fn backup_facts(
    read: &Result<OpenBackup, UnreadableBackup>,
    said: Option<&BackupVersion>,
) -> BackupFacts {
    match read {
        Ok(backup) => BackupFacts::Readable {
            version: backup.version().to_string(),
            public_key: backup.public_key().to_base64(),
            is_v1: backup.algorithm() == BackupAlgorithm::V1,
            count: backup.count(),
        },
        Err(UnreadableBackup { version, reason: Unreadable::Algorithm(_), .. }) => {
            let algorithm = said.map(|said| said.algorithm.clone()).unwrap_or_default();
            BackupFacts::UnknownAlgorithm { version: version.to_string(), algorithm }
        }
        Err(UnreadableBackup { version, reason, .. }) => {
            let (version, problem) = (version.to_string(), reason.to_string());
            BackupFacts::Unreadable { version, problem }
        }
    }
}

fn key_facts(given: &Given, backup: Option<&OpenBackup>) -> KeyFacts {
    let key = match given {
        Given::Nothing => return KeyFacts::NotGiven,
        Given::Unusable { from, problem } => {
            return KeyFacts::Unusable { from: from.clone(), problem: problem.clone() };
        }
        Given::Key(key) => key,
    };
    let Some(backup) = backup else { return KeyFacts::NotCompared };
    let found = key.reader.public_key();
    if found != backup.public_key() {
        return KeyFacts::Other { from: key.origin.to_string(), public_key: found.to_base64() };
    }
    let argument = match &key.origin {
        Origin::Input(Input::File(path)) => format!(" --key-file {}", in_shell(path)),
        Origin::Input(Input::StandardInput) => " --key-file -".to_owned(),
        _ => String::new(),
    };
    KeyFacts::Fits { argument }
}

fn stored_facts(stored: &Stored, backup: Option<&OpenBackup>) -> StoredKeyFacts {
    match (stored, backup) {
        (Stored::Not(facts), _) => facts.clone(),
        (Stored::Key { .. }, None) => StoredKeyFacts::NotCompared,
        (Stored::Key { reader, .. }, Some(backup))
            if reader.public_key() == backup.public_key() =>
        {
            StoredKeyFacts::Fits
        }
        (Stored::Key { reader, from }, Some(_)) => {
            let public_key = reader.public_key().to_base64();
            StoredKeyFacts::Other { from: from.clone(), public_key }
        }
    }
}

/// Reads every entry with the key that fits, and with each that does not: two keys may have been
/// used under one version.
async fn read_with_keys(
    facts: &mut Facts,
    store: &AnyStore,
    backup: &OpenBackup,
    given: Given,
    stored: Stored,
    memory: &Result<Memory, Error>,
    context: &Context,
) -> Result<Option<RestoreWatch>, Error> {
    let mut keys: Vec<(BackupReader, String)> = Vec::new();
    if let Given::Key(key) = given {
        keys.push((key.reader, key.origin.to_string()));
    }
    if let Stored::Key { reader, from } = stored
        && keys.iter().all(|(key, _)| key.public_key() != reader.public_key())
    {
        keys.push((reader, from));
    }
    let mut watch = None;
    for (reader, from) in keys {
        let public_key = *reader.public_key();
        let fits = public_key == *backup.public_key();
        let watching = memory.as_ref().ok().filter(|_| fits);
        let mut going = watching.map(|memory| memory.watch(backup, &KeyScope::All));
        let (summary, places) = read(store, backup, reader, going.as_mut(), context).await?;
        if fits {
            let missing = withheld(store, backup, places.count()).await;
            let missing = missing
                .map_err(|error| Error::from_store(context.place.path().to_owned(), error))?;
            facts.entries = Some(entry_facts(&summary, missing));
            watch = going;
            continue;
        }
        let entries =
            summary.keys.authenticated + summary.keys.unauthenticated.values().sum::<u64>();
        if entries > 0 {
            facts.strangers.push(Stranger { from, public_key: public_key.to_base64(), entries });
        }
    }
    Ok(watch)
}

async fn read(
    store: &AnyStore,
    backup: &OpenBackup,
    reader: BackupReader,
    mut watch: Option<&mut RestoreWatch>,
    context: &Context,
) -> Result<(RestoreSummary, Places), Error> {
    let progress = Progress::new(context.output, "Reading keys", backup.count());
    let reader = EntryReader::new(reader, backup.algorithm(), context.user.clone());
    let mut batches = restore(store, backup.version().clone(), KeyScope::All, reader);
    let (mut summary, mut places) = (RestoreSummary::default(), Places::default());
    while let Some(batch) = batches.next().await {
        let batch =
            batch.map_err(|error| Error::from_store(context.place.path().to_owned(), error))?;
        summary.add(&batch);
        places.repeated_in(&batch).for_each(drop);
        if let Some(watch) = &mut watch {
            watch.note(&batch);
        }
        progress.set(summary.entries);
    }
    progress.finish();
    Ok((summary, places))
}

fn entry_facts(summary: &RestoreSummary, missing: u64) -> EntryFacts {
    let rejected = |class: &str| summary.rejected.get(class).copied().unwrap_or_default();
    let unauthenticated = summary.keys.unauthenticated.iter();
    EntryFacts {
        entries: summary.entries,
        authenticated: summary.keys.authenticated,
        unauthenticated: unauthenticated.map(|(source, n)| ((*source).to_owned(), *n)).collect(),
        forged: rejected("forged"),
        misplaced: rejected("misplaced"),
        unreadable: rejected("unreadable"),
        ignored_macs: summary.ignored_macs,
        missing,
        set_back: 0,
    }
}

/// What is remembered is compared with what was found, and stays as it was.
fn remembered(
    facts: &mut Facts,
    memory: &Result<Memory, Error>,
    backup: Option<&OpenBackup>,
    watch: Option<RestoreWatch>,
) {
    let memory = match memory {
        Ok(memory) if memory.is_kept() => memory,
        Ok(_) => return,
        Err(Error::Memory { file, source }) => {
            let problem = format!("{}: {source}", file.display());
            facts.memory = MemoryFacts::Unreadable { problem };
            return;
        }
        Err(error) => {
            facts.memory = MemoryFacts::Unreadable { problem: error.to_string() };
            return;
        }
    };
    let Some(last) = memory.last_trusted() else {
        facts.memory = MemoryFacts::Nothing;
        return;
    };
    let setbacks = backup.map(|backup| memory.look(backup, watch)).unwrap_or_default();
    if let Some(entries) = &mut facts.entries {
        entries.set_back = setbacks.keys.len() as u64;
    }
    let went_back = backup.and_then(|backup| memory.step_back(backup));
    facts.memory = MemoryFacts::Known {
        last: last.to_owned(),
        went_back: went_back.map(|went_back| {
            let WentBack { found, last, how, .. } = went_back;
            format!("The store names {found}, but this account has used {last}. {how}")
        }),
        setback: setbacks.version.map(|setback| setback.to_string()),
    };
}
