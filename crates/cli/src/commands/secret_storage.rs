//! `secret-storage`: a new secret storage key, and the decryption key stored under it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use matrix_key_backup::wire::{DECRYPTION_KEY_SECRET, Names};
use matrix_key_backup_secret_storage::{
    AccountDataError, AccountDataEvent, Iterations, NewKey, SecretContent,
};
use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{
    access::given_decryption_key,
    account_data::GivenAccountData,
    args::KeyArguments,
    begin::check_new_file,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::{Input, KEEP_KEYS, NewFile, Overwrite},
    homeserver::connect,
    known_backup::{KeyFit, KnownBackup},
    output::{Output, Report},
    passphrase::{self, Opens},
    progress::spin,
    runtime::block_on,
    secrets::{self, GivenKey, random_numbers, secret_text},
    session::Session,
    storage_error::StorageError,
    store::is_same_place,
    wording::{count, quoted, shown},
};

/// Make a secret storage key (4S), and store the backup's decryption key under it
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(CreateArguments),
}

/// Make a new secret storage key
///
/// The key is random, or made from a passphrase with --with-passphrase or --passphrase-file; then
/// either opens it. If a decryption key is given, it is stored under the new key; one that does not
/// fit the backup that --auth-data tells of, or else that in the store, is refused.
///
/// With `--store homeserver` it is stored in the account that is logged in. With --out it is written
/// to a file instead: a list of events, to be put one after the other, in this order, with PUT
/// /user/{userId}/account_data/{type}.
///
/// What an account has stored under other keys is kept, and its default key stays the default one
/// unless --replace-default is given. What it has is asked for, or given with --account-data; without
/// either the account must have no secret storage.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("key").required(true))]
#[command(after_help = "Examples:
  matrix-key-backup secret-storage create --store homeserver --key-out storage.key --key-file my.key
  matrix-key-backup secret-storage create --out events.json --key-out storage.key --key-file my.key
  matrix-key-backup secret-storage create --out events.json --print --with-passphrase
  matrix-key-backup secret-storage create --out more.json --print --account-data sync.json")]
pub(crate) struct CreateArguments {
    /// Write the account data to this new file: a JSON list of {type, content} [default: store it in
    /// the account, with `--store homeserver`]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write the secret storage key to this new file, readable by you only
    #[arg(long, value_name = "FILE", group = "key")]
    key_out: Option<PathBuf>,

    /// Print the secret storage key to standard output
    #[arg(long, group = "key")]
    print: bool,

    /// What the key is called
    #[arg(long)]
    name: Option<String>,

    /// Make the key from a passphrase, which is asked for if it is not given
    #[arg(long)]
    with_passphrase: bool,

    /// Make the key from the passphrase in this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<Input>,

    /// The account data that there is, JSON: what it has stored is kept; `-` is standard input
    #[arg(long, value_name = "FILE")]
    account_data: Option<Input>,

    /// Make the new key the default one although there is one
    #[arg(long)]
    replace_default: bool,

    /// The answer of GET /room_keys/version, or the `auth_data` in it, to compare the decryption key
    /// with [default: the backup in the store]
    #[arg(long, value_name = "FILE")]
    auth_data: Option<Input>,

    #[command(flatten)]
    decryption_key: KeyArguments,
}

/// What was made.
#[derive(Debug, Serialize)]
struct CreateReport {
    key_id: String,
    key_name: Option<String>,
    /// Whether a passphrase opens it too.
    passphrase: bool,
    /// Whether it is to be the default key.
    default: bool,
    /// The secrets that are stored under it.
    stored: Vec<&'static str>,
    /// Where the decryption key came from, if it is one of them.
    decryption_key_from: Option<String>,
    /// What is known of it.
    decryption_key: Option<KeyFit>,
    /// The secrets that are stored under other keys only.
    not_stored: Vec<String>,
    /// Where the account data was written, if it went to a file.
    events_file: Option<String>,
    /// The account that it was stored in, if it was.
    account: Option<String>,
    events: usize,
    /// Where the key was written.
    key_file: Option<String>,
}

impl Report for CreateReport {
    fn text(&self) -> String {
        let name = self.key_name.as_ref().map(|name| format!(", {}", quoted(name)));
        let name = name.unwrap_or_default();
        let passphrase = if self.passphrase { ", opened by its passphrase too" } else { "" };
        let mut text = format!("Secret storage key  {}{name}{passphrase}\n", quoted(&self.key_id));
        text += &match &self.decryption_key_from {
            Some(origin) => format!("Stored under it     the decryption key from {origin}\n"),
            None => "Stored under it     nothing: no decryption key was given\n".to_owned(),
        };
        text += &self.decryption_key.as_ref().map_or_else(String::new, KeyFit::text);
        let events = count(self.events as u64, "event");
        text += &format!("Account data        {events} in {}\n", self.place());
        if !self.default {
            text += "Default key         stays the one that there is\n";
        }
        if let Some(file) = &self.key_file {
            text += &format!(
                "\nThe secret storage key is in {file}, readable by you only. Whoever has it can read \
                 what is\nstored under it: keep a copy in a safe place.\n"
            );
        }
        if self.events_file.is_some() {
            text += "\nNothing is on the homeserver yet: put the events there, in their order.\n";
        }
        text
    }

    fn done(&self) -> String {
        match &self.key_file {
            Some(key) => format!(
                "The work is done: the secret storage key is in {key}, the account data in {}",
                self.place()
            ),
            None => "Nothing was changed: run the command again".to_owned(),
        }
    }
}

impl CreateReport {
    /// Where the account data is.
    fn place(&self) -> &str {
        self.events_file.as_deref().or(self.account.as_deref()).unwrap_or_default()
    }
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<ExitStatus, Error> {
    match command {
        Command::Create(arguments) => create(arguments, context),
    }
}

fn create(arguments: &CreateArguments, context: &Context) -> Result<ExitStatus, Error> {
    arguments.check_places(context)?;
    let account = GivenAccountData::find(arguments.account_data.as_ref(), None, context)?;
    let account = account.as_ref();
    let default = arguments.is_default(account)?;
    let decryption_key = given_decryption_key(&arguments.decryption_key, context)?;
    let fit = arguments.fit(decryption_key.as_ref(), context)?;
    let (new_key, passphrase) = arguments.new_key(context.output)?;

    let secret = decryption_key.as_ref().map(|given| stored(&new_key, given, account));
    let secret = secret.transpose()?.map(|secret| secret.to_event(DECRYPTION_KEY_SECRET));
    let mut events = vec![new_key.event()];
    events.extend(secret);
    events.extend(default.then(|| new_key.default_key_event()));

    let report = CreateReport {
        key_id: new_key.opened().id().to_string(),
        key_name: arguments.name.clone(),
        passphrase,
        default,
        stored: decryption_key.iter().map(|_| DECRYPTION_KEY_SECRET).collect(),
        decryption_key_from: decryption_key.as_ref().map(|given| given.origin.to_string()),
        decryption_key: fit,
        not_stored: not_stored(account, decryption_key.is_some()),
        events_file: arguments.out.as_deref().map(shown),
        account: arguments.account(context)?.map(Session::shown),
        events: events.len(),
        key_file: arguments.key_out.as_deref().map(shown),
    };
    warn_of_not_stored(&report, context.output);
    arguments.put(&new_key, &events, &report, context)?;
    Ok(ExitStatus::Done)
}

impl CreateArguments {
    /// Refuses what would be refused in the end, before anything is asked or made.
    fn check_places(&self, context: &Context) -> Result<(), Error> {
        if self.out.is_none() && !context.place.is_homeserver() {
            let message = "say where the account data goes: with --out to a file, or with \
                           --store homeserver to the account that is logged in";
            return Err(Error::Usage(message.to_owned()));
        }
        if self.replace_default && self.account_data.is_none() && !context.place.is_homeserver() {
            let message = "--replace-default is about an account that has secret storage: give what \
                           it has with --account-data, or the account with --store homeserver";
            return Err(Error::Usage(message.to_owned()));
        }
        self.out.iter().try_for_each(|out| check_new_file(context, out))?;
        let Some(key_out) = &self.key_out else { return Ok(()) };
        check_new_file(context, key_out)?;
        if self.out.as_ref().is_some_and(|out| is_same_place(out, key_out)) {
            let message = "--out and --key-out name the same file: give the key one of its own";
            return Err(Error::Usage(message.to_owned()));
        }
        Ok(())
    }

    /// The account that it is stored in, if it goes to no file.
    fn account<'c>(&self, context: &'c Context) -> Result<Option<&'c Session>, Error> {
        if self.out.is_some() { Ok(None) } else { context.place.session().map(Some) }
    }

    /// Whether the new key is to be the default one. // S-3
    fn is_default(&self, account: Option<&GivenAccountData>) -> Result<bool, Error> {
        let Some(GivenAccountData { from, account_data, .. }) = account else { return Ok(true) };
        match account_data.default_key_id() {
            Ok(_) => Ok(self.replace_default),
            Err(AccountDataError::NoDefaultKey { .. }) => Ok(true),
            Err(_) if self.replace_default => Ok(true),
            Err(error) => Err(StorageError::AccountData { from: from.clone(), error }.into()),
        }
    }

    /// Compares the decryption key with a backup: stored under a new key, that of another backup
    /// would be taken for this one's. // S-6
    fn fit(&self, given: Option<&GivenKey>, context: &Context) -> Result<Option<KeyFit>, Error> {
        let Some(GivenKey { reader, origin }) = given else {
            return match self.auth_data {
                Some(_) => Err(Error::Usage(NOTHING_TO_COMPARE.to_owned())),
                None => Ok(None),
            };
        };
        let backup = KnownBackup::find(self.auth_data.as_ref(), context)?;
        if let Some(backup) = &backup {
            backup.check(reader.public_key(), origin)?;
        }
        Ok(Some(KeyFit::new(reader.public_key(), backup.as_ref())))
    }

    /// The key, and whether it follows from a passphrase.
    fn new_key(&self, output: Output) -> Result<(NewKey, bool), Error> {
        let (name, mut rng) = (self.name.as_deref(), random_numbers()?);
        let file = self.passphrase_file.as_ref();
        let from_passphrase =
            self.with_passphrase || file.is_some() || secrets::is_set(passphrase::STORAGE_VARIABLE);
        if !from_passphrase {
            return Ok((NewKey::generate(name, &mut rng), false));
        }
        let passphrase = Opens::StorageKey.required_anew(file, output)?;
        let new_key = spin(output, "Deriving the key from the passphrase", || {
            NewKey::from_passphrase(&passphrase, Iterations::DEFAULT, name, &mut rng)
        });
        Ok((new_key, true))
    }

    /// First the key is where it is to be, then there is account data that needs it.
    fn put(
        &self,
        new_key: &NewKey,
        events: &[AccountDataEvent],
        report: &CreateReport,
        context: &Context,
    ) -> Result<(), Error> {
        let (key, output) = (base58(new_key), context.output);
        let key_line = secret_text(&[&key, "\n"]); // K-3
        let key_file = self.key_out.as_deref();
        let key_file = key_file.map(|path| NewFile::prepare(path, key_line.as_bytes(), KEEP_KEYS));
        let key_file = key_file.transpose()?;
        let events_file = self.out.as_deref();
        let events_file =
            events_file.map(|path| NewFile::prepare(path, &json(events), KEEP_EVENTS));
        let events_file = events_file.transpose()?;
        let put = || match (events_file, self.account(context)?) {
            (Some(file), _) => file.finish(),
            (None, Some(session)) => block_on(put_in_account(session, events, output)),
            (None, None) => Ok(()),
        };
        match key_file {
            Some(key_file) => {
                key_file.finish()?;
                put()?;
                output.report(report)
            }
            None => {
                output.report_with_secret(report, "secret_storage_key", &key)?;
                put()
            }
        }
    }
}

/// One after the other: what describes the key, what is stored under it, and that it is the default.
async fn put_in_account(
    session: &Session,
    events: &[AccountDataEvent],
    output: Output,
) -> Result<(), Error> {
    let store = connect(session, output)?;
    for event in events {
        let content: &RawValue = serde_json::from_str(event.content())
            .map_err(|error| Error::Usage(error.to_string()))?;
        store.account().put_data(&session.user_id, event.event_type(), content).await?;
    }
    Ok(())
}

const NOTHING_TO_COMPARE: &str = "--auth-data is what a decryption key is compared with, and none was \
                                  given: give the file that holds it with --key-file, or leave out \
                                  --auth-data";

const KEEP_EVENTS: Overwrite = Overwrite::No("give another path, or move that file away");

#[expect(clippy::expect_used, reason = "every key that is made here has 32 bytes")]
fn base58(new_key: &NewKey) -> Zeroizing<String> {
    new_key.opened().expose_key().expose_base58().expect("32 bytes")
}

#[expect(clippy::expect_used, reason = "strings and JSON texts")]
fn json(events: &[AccountDataEvent]) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(events).expect("JSON");
    json.push(b'\n');
    json
}

/// The decryption key under the new key, beside what is stored under others (S-5).
fn stored(
    new_key: &NewKey,
    given: &GivenKey,
    account: Option<&GivenAccountData>,
) -> Result<SecretContent, Error> {
    let mut content = match account.map(|account| account.secret(DECRYPTION_KEY_SECRET)) {
        Some(Ok(content)) => content,
        None
        | Some(Err(StorageError::AccountData {
            error: AccountDataError::NoSuchSecret { .. },
            ..
        })) => SecretContent::new(),
        Some(Err(error)) => return Err(error.into()),
    };
    let key = given.reader.decryption_key();
    new_key
        .opened()
        .store_decryption_key(key, &mut content, &mut random_numbers()?)
        .map_err(StorageError::from)?;
    Ok(content)
}

/// The secrets that somebody who knows only the new key does not find.
fn not_stored(account: Option<&GivenAccountData>, has_decryption_key: bool) -> Vec<String> {
    let is_stored = |name: &str| has_decryption_key && name == DECRYPTION_KEY_SECRET;
    let is_never_stored = |name| Names::ALL.iter().any(|names| names.mac_secret() == name); // S-5
    let secrets = account.into_iter().flat_map(GivenAccountData::secrets);
    let missing = secrets.filter(|name| !is_stored(name) && !is_never_stored(*name));
    missing.map(ToOwned::to_owned).collect()
}

fn warn_of_not_stored(report: &CreateReport, output: Output) {
    const NAMED: usize = 10;
    if !report.default || report.not_stored.is_empty() {
        return;
    }
    let names: Vec<_> = report.not_stored.iter().take(NAMED).map(|name| quoted(name)).collect();
    let more = report.not_stored.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    output.warn(format_args!(
        "these secrets are not stored under the new key, and clients do not find them once it is \
         the default one: {}{more}. Keep the old key until a client has stored them anew",
        names.join(", ")
    ));
}
