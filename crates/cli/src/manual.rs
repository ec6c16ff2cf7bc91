//! What the help and the manual page say beyond commands and options.

use std::fmt::Write as _;

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use crate::{args::STORE_VARIABLE, exit, passphrase, secrets, storage_key};

/// A heading, and names with what is to be said of each.
struct Section {
    heading: &'static str,
    entries: Vec<(String, &'static str)>,
}

fn sections() -> [Section; 4] {
    let named = |entries: &[(&str, &'static str)]| {
        entries.iter().map(|(name, text)| ((*name).to_owned(), *text)).collect()
    };
    [
        Section {
            heading: "Secrets",
            entries: named(&[
                (
                    "Decryption key",
                    "From --key-file, or MATRIX_KEY_BACKUP_KEY, or (for the default store only) the \
                     key file beside it, or a prompt. base58 in groups of four or base64; which of \
                     the two is found out.",
                ),
                (
                    "Writer key",
                    "From --writer-key-file or MATRIX_KEY_BACKUP_WRITER_KEY: JSON made by `key \
                     writer`. It can add keys to a v2 backup, and read none.",
                ),
                (
                    "Passphrase of a key export file",
                    "From --passphrase-file, MATRIX_KEY_BACKUP_PASSPHRASE, or a prompt. The end of \
                     the line is no part of it, spaces are.",
                ),
                (
                    "Secret storage key",
                    "What clients call recovery key or security key: from --storage-key-file or \
                     MATRIX_KEY_BACKUP_STORAGE_KEY, base58; or its passphrase, from \
                     --passphrase-file or MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE; or a prompt for \
                     either. `unlock` opens secret storage with it.",
                ),
                (
                    "Never as an argument",
                    "Everybody on the machine can see the arguments of a running program. `-` as a \
                     file is standard input.",
                ),
            ]),
        },
        Section {
            heading: "Environment",
            entries: named(&[
                (STORE_VARIABLE, "The store, where --store is not given."),
                ("MATRIX_KEY_BACKUP_USER", "The user id, where --user is not given."),
                (secrets::KEY_VARIABLE, "The decryption key, where no file is given."),
                (secrets::WRITER_KEY_VARIABLE, "The writer key, where no file is given."),
                (
                    passphrase::EXPORT_VARIABLE,
                    "The passphrase of a key export file, where no file is given.",
                ),
                (storage_key::KEY_VARIABLE, "The secret storage key, where no file is given."),
                (
                    passphrase::STORAGE_VARIABLE,
                    "The passphrase of the secret storage key, where no file is given.",
                ),
                (
                    "NO_COLOR",
                    "If set, no colours. There are none anyway where there is no terminal.",
                ),
            ]),
        },
        Section {
            heading: "Files",
            entries: named(&[
                (
                    "matrix-key-backup/backup.sqlite3",
                    "In the user's data directory ($XDG_DATA_HOME or ~/.local/share on Linux): the \
                     default store.",
                ),
                (
                    "matrix-key-backup/backup.sqlite3.key",
                    "Beside it: the decryption key of a backup that `upload` began, or that `unlock` \
                     found and checked. Copy it to a safe place; once it is moved away, the key is asked for.",
                ),
                (
                    "matrix-key-backup/session.json",
                    "In the same directory: the account that `login` has stored, with its access \
                     token. Whoever can read it acts as you; only you can.",
                ),
                (
                    "matrix-key-backup/@user+3aserver.state.json",
                    "In the same directory: which backups of the account were used, so that a \
                     homeserver that goes back to an older one is found out.",
                ),
                (
                    "matrix-key-backup/@user+3aserver+at+homeserver.key",
                    "In the same directory, by the user id: where a new key for the account's backup \
                     goes, and that of a migration with `.new.key` at its end. It is not used \
                     unasked: give it with --key-file.",
                ),
                (
                    "backup.sqlite3.new.key",
                    "Beside any store, its name with `.new.key` added: the decryption key that \
                     `migrate --new-key` made, unless --key-out named another file. It is there \
                     before the new version is.",
                ),
            ]),
        },
        Section {
            heading: "Exit status",
            entries: exit::MEANINGS
                .iter()
                .map(|(status, meaning)| (status.number().to_string(), *meaning))
                .collect(),
        },
    ]
}

/// The sections as text, for `--help`.
pub(crate) fn reference() -> String {
    let mut text = String::new();
    for Section { heading, entries } in sections() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{heading}:");
        for (name, meaning) in entries {
            let _ = writeln!(text, "  {name}\n          {meaning}");
        }
        text.push('\n');
    }
    text
}

/// The manual page of the program, or of one of its commands.
pub(crate) fn page(command: &Command) -> Vec<u8> {
    let is_program = command.get_name() == env!("CARGO_BIN_NAME");
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = render(command, is_program, &mut page);
    page
}

fn render(command: &Command, is_program: bool, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = Man::new(command.clone());
    if !is_program {
        return man.render(page);
    }
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    man.render_subcommands_section(page)?;
    let mut roff = Roff::new();
    for Section { heading, entries } in sections() {
        roff.control("SH", [heading.to_uppercase().as_str()]);
        for (name, meaning) in entries {
            roff.control("TP", []);
            roff.text([bold(name)]);
            roff.text([roman(meaning)]);
        }
    }
    roff.to_writer(page)?;
    man.render_version_section(page)
}
