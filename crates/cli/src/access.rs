//! The key to a backup: found, asked for, and compared with the backup before anything is done.

use matrix_key_backup::{
    OpenBackup,
    trust::{KeyOrigin, TrustError, TrustState, TrustedBackup},
};

use crate::{
    args::{AnyKeyArguments, KeyArguments},
    context::Context,
    error::Error,
    memory::Memory,
    secrets::{self, GivenKey, GivenWriterKey, Origin},
};

/// A key to a backup: one that reads and writes, or one that only writes.
#[derive(Debug)]
pub(crate) enum Access {
    Reader(GivenKey),
    Writer(GivenWriterKey),
}

impl Access {
    /// The key that was given, if one was: a file counts more than the environment, and that more
    /// than the key file beside the default store.
    pub(crate) fn given(
        arguments: &AnyKeyArguments,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        let named = arguments.decryption.key_file.is_some() || arguments.writer_key_file.is_some();
        if !named && secrets::environment_is_ambiguous() {
            return Err(Error::Usage(format!(
                "{} and {} are both set, and which one is meant cannot be told: unset one, or give \
                 a file with --key-file or --writer-key-file",
                secrets::KEY_VARIABLE,
                secrets::WRITER_KEY_VARIABLE
            )));
        }
        if arguments.decryption.key_file.is_none()
            && let Some(given) = GivenWriterKey::given(arguments, context.output)?
        {
            return Ok(Some(Self::Writer(given)));
        }
        Ok(given_decryption_key(&arguments.decryption, context)?.map(Self::Reader))
    }

    /// The same, and a question on the terminal where none was given.
    pub(crate) fn required(arguments: &AnyKeyArguments, context: &Context) -> Result<Self, Error> {
        match Self::given(arguments, context)? {
            Some(given) => Ok(given),
            None => prompt(context).map(Self::Reader),
        }
    }

    /// Which of the two, for reports.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Reader(_) => "decryption",
            Self::Writer(_) => "writer",
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        match self {
            Self::Reader(given) => &given.origin,
            Self::Writer(given) => &given.origin,
        }
    }

    /// Whether this key may work on this backup (T-1).
    pub(crate) fn trust(
        &self,
        backup: &OpenBackup,
        context: &Context,
    ) -> Result<TrustedBackup, Error> {
        match self {
            Self::Reader(given) => given.trust(backup, context),
            Self::Writer(given) => {
                let (user, state) = (context.user.as_ref(), &mut no_memory());
                let trusted =
                    TrustedBackup::from_writer_key(backup.description(), &given.key, user, state);
                told(trusted, &given.origin, backup, context)
            }
        }
    }
}

impl Access {
    /// Whether this key may work on the current backup, which is remembered (T-1, T-3, T-4).
    pub(crate) fn trust_current(
        &self,
        backup: &OpenBackup,
        context: &Context,
    ) -> Result<TrustedBackup, Error> {
        let trusted = match self {
            Self::Reader(given) => return given.trust_current(backup, context),
            Self::Writer(given) => Memory::of(context)?.trust(context, |state| {
                let user = context.user.as_ref();
                TrustedBackup::from_writer_key(backup.description(), &given.key, user, state)
            })?,
        };
        told(trusted, self.origin(), backup, context)
    }
}

impl GivenKey {
    /// Whether this is the key of the current backup, which is remembered (T-1, T-3, T-4).
    pub(crate) fn trust_current(
        &self,
        backup: &OpenBackup,
        context: &Context,
    ) -> Result<TrustedBackup, Error> {
        let origin = self.key_origin();
        let trusted = Memory::of(context)?.trust(context, |state| {
            TrustedBackup::from_decryption_key(backup.description(), &self.reader, origin, state)
        })?;
        told(trusted, &self.origin, backup, context)
    }

    fn key_origin(&self) -> KeyOrigin {
        match self.origin {
            Origin::New => KeyOrigin::CreatedHere,
            _ => KeyOrigin::EnteredByUser,
        }
    }

    /// The decryption key for a command that has to read: given, or asked for.
    pub(crate) fn required(arguments: &KeyArguments, context: &Context) -> Result<Self, Error> {
        match given_decryption_key(arguments, context)? {
            Some(given) => Ok(given),
            None => prompt(context),
        }
    }

    /// Whether this is the key of this backup (T-1).
    pub(crate) fn trust(
        &self,
        backup: &OpenBackup,
        context: &Context,
    ) -> Result<TrustedBackup, Error> {
        let origin = self.key_origin();
        let (backup_said, state) = (backup.description(), &mut no_memory());
        let trusted = TrustedBackup::from_decryption_key(backup_said, &self.reader, origin, state);
        told(trusted, &self.origin, backup, context)
    }
}

/// Nothing is remembered of what is only looked at: an older version that the user has named is no
/// step back.
fn no_memory() -> TrustState {
    TrustState::new()
}

fn told(
    trusted: Result<TrustedBackup, TrustError>,
    origin: &Origin,
    backup: &OpenBackup,
    context: &Context,
) -> Result<TrustedBackup, Error> {
    let trusted = trusted.map_err(|error| Error::OtherKey {
        origin: origin.clone(),
        version: backup.version().clone(),
        store: context.place.path().to_owned(),
        problem: error.to_string(),
    })?;
    let (version, reason) = (trusted.version(), trusted.reason());
    context.output.detail(format_args!("Backup version {version} is trusted: {reason}."));
    Ok(trusted)
}

/// The decryption key that was given, by file, environment or beside the default store.
pub(crate) fn given_decryption_key(
    arguments: &KeyArguments,
    context: &Context,
) -> Result<Option<GivenKey>, Error> {
    let given = match GivenKey::given(arguments, context.output)? {
        Some(given) => Some(given),
        None => beside_default_store(context)?,
    };
    if let Some(given) = &given {
        context.output.detail(format_args!("The decryption key is from {}.", given.origin));
    }
    Ok(given)
}

fn beside_default_store(context: &Context) -> Result<Option<GivenKey>, Error> {
    let path = context.place.key_file();
    if context.place.is_default() && path.is_file() {
        GivenKey::from_file(path, context.output).map(Some)
    } else {
        Ok(None)
    }
}

/// Where a key file lies beside a store that was named, it takes the user's word to use it: it may
/// be somebody else's, like the store. // T-1
fn prompt(context: &Context) -> Result<GivenKey, Error> {
    let beside = context.place.key_file();
    if beside.is_file() {
        context.output.note(format_args!(
            "there is a key file beside this store; if it is yours, give it with --key-file {}",
            beside.display()
        ));
    }
    GivenKey::prompt()
}
