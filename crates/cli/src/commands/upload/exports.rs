//! The key export files of an upload, opened.

use matrix_key_backup::{
    key_export::{
        DecryptError, DecryptedKeyExport, ExportedSessionData, KeyExportFile, Passphrase,
    },
    upload::RoomKey,
    v2::SourcedSession,
};

use crate::{
    error::Error,
    files::Input,
    findings::{Finding, Findings},
    output::Output,
    progress::spin,
    secrets::Origin,
};

/// Key export files, each decrypted and known to be a list.
#[derive(Debug)]
pub(super) struct Exports(Vec<(Input, DecryptedKeyExport)>);

impl Exports {
    /// Opens all files, or none.
    pub(super) fn open(
        files: &[Input],
        passphrase: &Passphrase,
        origin: &Origin,
        output: Output,
    ) -> Result<Self, Error> {
        let open = |file: &Input| Ok((file.clone(), open(file, passphrase, origin, output)?));
        files.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// How many entries there are, good and bad.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(_, export)| export.len() as u64).sum()
    }

    /// The keys, one by one; entries that are none are named.
    pub(super) fn keys<'e>(
        &'e self,
        findings: &'e Findings<'_>,
    ) -> impl Iterator<Item = RoomKey> + Send + 'e {
        self.0.iter().flat_map(move |(file, export)| {
            export.entries().filter_map(move |entry| match entry {
                Ok(entry) => Some(unvouched(entry)),
                Err(bad) => {
                    findings.add(Finding::bad_entry(file, &bad));
                    None
                }
            })
        })
    }
}

/// A file cannot vouch for what is in it. // V2-11
fn unvouched(entry: ExportedSessionData) -> RoomKey {
    let (room_id, data) = entry.into_parts();
    RoomKey::new(SourcedSession::unvouched(data, room_id))
}

fn open(
    file: &Input,
    passphrase: &Passphrase,
    origin: &Origin,
    output: Output,
) -> Result<DecryptedKeyExport, Error> {
    let export = KeyExportFile::parse_bytes(&file.read()?)
        .map_err(|source| Error::NotAKeyExport { file: file.clone(), source })?;
    let rounds = export.rounds();
    let opened = spin(output, "Opening the key export file", || export.decrypt(passphrase));
    let opened = opened.map_err(|error| match error {
        DecryptError::WrongPassphraseOrDamaged => {
            Error::WrongPassphrase { file: file.clone(), origin: origin.clone() }
        }
        source => Error::NotAListOfKeys { file: file.clone(), source },
    })?;
    output.detail(format_args!("{file} has {} entries ({rounds} rounds).", opened.len()));
    Ok(opened)
}
