//! Where an upload goes: into the backup that is there, or into one that it begins.

use std::path::{Path, PathBuf};

use matrix_key_backup::{
    OpenBackup,
    trust::TrustedBackup,
    wire::{BackupAlgorithm, Names},
};

use super::Arguments;
use crate::{
    access::Access,
    any_store::AnyStore,
    begin::{
        begin_backup, check_new_file, prepare_key_file, warn_of_other_keys, warn_of_unwanted_backup,
    },
    context::Context,
    error::Error,
    secrets::{GivenKey, Origin},
};

/// What was found, before anything is changed.
#[derive(Debug)]
pub(super) enum Target {
    Existing(Box<Upload>),
    /// There is no backup, and one may be begun.
    New(Box<NewBackup>),
}

/// A backup that may be begun.
#[derive(Debug)]
pub(super) struct NewBackup {
    /// The store, where there is one that has no backup yet.
    store: Option<AnyStore>,
    key: GivenKey,
    /// Where the key goes, if it is new.
    key_file: Option<PathBuf>,
}

/// A backup that may be uploaded to, and the key for it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) store: AnyStore,
    pub(super) backup: OpenBackup,
    pub(super) trusted: TrustedBackup,
    pub(super) access: Access,
    pub(super) created: bool,
    pub(super) key_file: Option<PathBuf>,
}

impl Target {
    /// Looks for the backup and for a key that fits it.
    pub(super) async fn find(arguments: &Arguments, context: &Context) -> Result<Self, Error> {
        let Some(store) = context.place.open_if_there().await? else {
            return Self::new(arguments, context, None, |path| Error::NoStore {
                path,
                advice: "check the path after --store, or add --create to begin a backup there",
            });
        };
        let Some(backup) = context.place.backup(&store).await? else {
            return Self::new(arguments, context, Some(store), |store| Error::NoBackup {
                store,
                advice: "check the path after --store, or add --create to begin one there",
            });
        };
        if let Some(path) = &arguments.key_out {
            return Err(Error::Usage(format!(
                "nothing was written to {}: there is a backup already, and --key-out is for the \
                 key of a new one. Leave it out",
                path.display()
            )));
        }
        let access = Access::required(&arguments.key, context)?;
        let trusted = access.trust_current(&backup, context)?;
        warn_of_unwanted_backup(&context.place, &store, context.output).await;
        let (created, key_file) = (false, None);
        Ok(Self::Existing(Box::new(Upload { store, backup, trusted, access, created, key_file })))
    }

    /// Unasked in the default store only; see [`StorePlace`](crate::store::StorePlace).
    fn new(
        arguments: &Arguments,
        context: &Context,
        store: Option<AnyStore>,
        refuse: impl FnOnce(PathBuf) -> Error,
    ) -> Result<Self, Error> {
        if !context.place.is_default() && !arguments.create {
            return Err(refuse(context.place.path().to_owned()));
        }
        let (key, key_file) = new_key(arguments, context)?;
        Ok(Self::New(Box::new(NewBackup { store, key, key_file })))
    }

    /// Begins the backup if there is none.
    pub(super) async fn begin(self, context: &Context) -> Result<Upload, Error> {
        match self {
            Self::Existing(upload) => Ok(*upload),
            Self::New(new) => new.begin(context).await,
        }
    }
}

/// The key to begin with, and the file to write it to if it is new.
///
/// A path after --key-out asks for a new key, whatever the environment or the file beside the
/// store holds: an argument counts more than what lies about.
fn new_key(arguments: &Arguments, context: &Context) -> Result<(GivenKey, Option<PathBuf>), Error> {
    let path = match &arguments.key_out {
        Some(path) => path.clone(),
        None => match Access::given(&arguments.key, context)? {
            Some(Access::Reader(key)) => return Ok((key, None)),
            Some(Access::Writer(given)) => {
                return Err(Error::Usage(format!(
                    "there is no backup in {}, and {} cannot begin one: that takes the decryption \
                     key",
                    context.place.path().display(),
                    given.origin
                )));
            }
            None => context.place.key_file(),
        },
    };
    check_new_file(context, &path)?;
    Ok((GivenKey::generate()?, Some(path)))
}

impl NewBackup {
    async fn begin(self, context: &Context) -> Result<Upload, Error> {
        let Self { store, key, key_file } = self;
        context.place.make_default_directory()?;
        let draft = key_file.as_deref().map(|path| prepare_key_file(context, &key.reader, path));
        let draft = draft.transpose()?;
        let store = context.place.opened_or_created(store).await?;
        // N-1: unstable names until the proposal is accepted.
        let algorithm = BackupAlgorithm::V2(Names::Unstable);
        let backup = begin_backup(context, &store, &key.reader, algorithm, draft).await?;
        tell(context, &key, key_file.as_deref());
        warn_of_other_keys(&key, context);
        let trusted = key.trust_current(&backup, context)?;
        Ok(Upload { store, backup, trusted, access: Access::Reader(key), created: true, key_file })
    }
}

/// Said loudly, because a lost key is a lost backup.
fn tell(context: &Context, key: &GivenKey, key_file: Option<&Path>) {
    let output = context.output;
    output.note(format_args!(
        "there was no backup in {}: an authenticated one (v2) was begun",
        context.place.path().display()
    ));
    match (key_file, &key.origin) {
        (Some(path), _) => output.note(format_args!(
            "its new decryption key is in {}, readable by you only. Whoever has it can read the \
             backup, and without it nobody can: keep a copy in a safe place",
            path.display()
        )),
        (None, Origin::New) => {}
        (None, source) => output.note(format_args!("its decryption key is that from {source}")),
    }
}
