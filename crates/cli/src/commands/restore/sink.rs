//! Where restored keys go: a key export file, or JSON lines; a file, or standard output.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use matrix_key_backup::{
    BackedUpSession,
    key_export::{ExportedSessionData, KeyExportWriter, Passphrase, Rounds},
    v2::RoomAssurance,
    wire::{BUNDLE_SENDER_PROPERTY, CONTEXT_PROPERTY, Names, UnauthenticatedSource, UserId},
};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    begin::check_place,
    context::Context,
    error::Error,
    files::{NewFile, Overwrite, unwritable},
    output::{Channel, Output},
    printable::printable_json,
    progress::spin,
    secrets::{random_numbers, secret_text},
};

/// A file, or standard output.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    File { path: PathBuf, overwrite: Overwrite },
    StandardOutput,
}

impl Destination {
    pub(super) fn new(path: PathBuf, overwrite: Overwrite) -> Self {
        if path.as_os_str() == "-" { Self::StandardOutput } else { Self::File { path, overwrite } }
    }

    /// Refuses what would be refused in the end, before any work is done.
    pub(super) fn check(&self, context: &Context) -> Result<(), Error> {
        match self {
            Self::File { path, overwrite } => check_place(context, path, *overwrite),
            Self::StandardOutput => Ok(()),
        }
    }

    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::StandardOutput => None,
        }
    }

    /// A report does not go where the keys go.
    pub(super) fn report_channel(&self) -> Channel {
        match self {
            Self::File { .. } => Channel::StandardOutput,
            Self::StandardOutput => Channel::StandardError,
        }
    }
}

/// Takes restored keys, one by one.
#[derive(Debug)]
pub(super) struct Sink {
    out: Out,
    form: Form,
    written: u64,
}

#[derive(Debug)]
enum Out {
    File { file: NewFile, path: PathBuf },
    StandardOutput,
}

#[derive(Debug)]
enum Form {
    /// The file is one block by its format, and is written at the end.
    Export(KeyExportWriter),
    Lines,
}

impl Sink {
    /// A key export file (E).
    pub(super) fn export(
        destination: &Destination,
        passphrase: Passphrase,
        output: Output,
    ) -> Result<Self, Error> {
        let out = Out::begin(destination)?;
        let mut rng = random_numbers()?;
        let writer = spin(output, "Preparing the key export file", move || {
            KeyExportWriter::new(&passphrase, Rounds::DEFAULT, &mut rng)
        });
        Ok(Self { out, form: Form::Export(writer), written: 0 })
    }

    /// One JSON object per line, in clear.
    pub(super) fn lines(destination: &Destination) -> Result<Self, Error> {
        Ok(Self { out: Out::begin(destination)?, form: Form::Lines, written: 0 })
    }

    pub(super) fn write(&mut self, session: BackedUpSession) -> Result<(), Error> {
        self.written += 1;
        match &mut self.form {
            Form::Export(writer) => {
                writer.push(&exported(session));
                Ok(())
            }
            Form::Lines => self.out.write(line(session).as_bytes()),
        }
    }

    /// Ends it and says how many keys there were. Where there was none, nothing is written.
    pub(super) fn finish(mut self) -> Result<u64, Error> {
        if self.written == 0 {
            return Ok(0);
        }
        if let Form::Export(writer) = self.form {
            self.out.write(writer.finish().as_bytes())?;
        }
        self.out.finish()?;
        Ok(self.written)
    }
}

impl Out {
    fn begin(destination: &Destination) -> Result<Self, Error> {
        Ok(match destination {
            Destination::File { path, overwrite } => {
                Self::File { file: NewFile::begin(path, *overwrite)?, path: path.clone() }
            }
            Destination::StandardOutput => Self::StandardOutput,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::File { file, path } => {
                file.write_all(bytes).map_err(|source| unwritable(path, source))
            }
            Self::StandardOutput => io::stdout().write_all(bytes).map_err(not_written_out),
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            Self::File { file, .. } => file.finish(),
            Self::StandardOutput => io::stdout().flush().map_err(not_written_out),
        }
    }
}

/// Unlike a report, keys that did not arrive are worth a word whoever closed the pipe.
fn not_written_out(source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::BrokenPipe => Error::ReaderGone,
        _ => Error::StandardOutput { what: "the keys", source },
    }
}

/// The key as it was before it was backed up: what a backup adds to it stays in the backup.
fn exported(session: BackedUpSession) -> ExportedSessionData {
    let room_id = session.room_id().clone();
    let mut data = session.into_data();
    for names in Names::ALL {
        data.remove_other_property(names.unauthenticated());
    }
    data.remove_other_property(CONTEXT_PROPERTY);
    data.remove_other_property(BUNDLE_SENDER_PROPERTY);
    ExportedSessionData::new(room_id, data)
}

fn line(session: BackedUpSession) -> Zeroizing<String> {
    let unauthenticated = session.provenance().unauthenticated_source();
    let about = About {
        authenticated: unauthenticated.is_none(),
        unauthenticated: unauthenticated.map(UnauthenticatedSource::as_written),
        bundle_sender: session.bundle_sender(),
        room_under_mac: session.room_assurance() == RoomAssurance::UnderMac,
    };
    let about = json!(about).to_string();
    // The key's own JSON goes into the object as it is, beside what is said of it.
    let about = about.strip_suffix('}').unwrap_or_default();
    printable_json(&secret_text(&[about, ",\"key\":", &exported(session).to_json(), "}\n"]))
}

/// What a line says of its key.
#[derive(Serialize)]
struct About<'s> {
    authenticated: bool,
    unauthenticated: Option<&'s str>,
    bundle_sender: Option<UserId>,
    room_under_mac: bool,
}
