//! `megolm_sessions.json`: real sessions, exported at several indices, in a backup's plaintext and
//! in a key export file's entry.

use anyhow::{Context as _, Result};
use matrix_key_backup_key_export::ExportedSessionData;
use matrix_key_backup_wire::{BackedUpSessionData, MegolmSessionExport};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::vectors::case::{self, Cases, Expected, equal, equal_json, judge};
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    sessions: Cases<'a>,
    #[serde(borrow)]
    invalid_session_keys: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Session<'a> {
    session_id: String,
    exports: Vec<Export>,
    backed_up_first_known_index: u32,
    #[serde(borrow)]
    session_data: &'a RawValue,
    #[serde(borrow)]
    exported_room_key: &'a RawValue,
    room_id: String,
}

#[derive(Debug, Deserialize)]
struct Export {
    first_known_index: u32,
    session_key: String,
    base64_len: usize,
}

#[derive(Debug, Deserialize)]
struct SessionKey {
    session_key: String,
    expected: Expected,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { sessions, invalid_session_keys } = serde_json::from_str(text)?;
    case::run_each(report, file, "sessions", &sessions, check_session);
    case::run_each(report, file, "invalid_session_keys", &invalid_session_keys, check_key);
    Ok(())
}

fn check_key(case: &SessionKey) -> Result<()> {
    let Some(key) = judge(case.expected, MegolmSessionExport::from_base64(&case.session_key))?
    else {
        return Ok(());
    };
    equal("the session key written again", &**key.expose_base64(), &*case.session_key)
}

fn check_session(session: &Session<'_>) -> Result<()> {
    for export in &session.exports {
        let key = MegolmSessionExport::from_base64(&export.session_key)?;
        equal("session_id", key.session_id().as_str(), &*session.session_id)?;
        equal("first_known_index", key.first_known_index(), export.first_known_index)?;
        let again = key.expose_base64();
        equal("the session key written again", &**again, &*export.session_key)?;
        equal("base64_len", again.len(), export.base64_len)?;
    }
    check_backed_up(session).context("session_data")?;
    check_exported(session).context("exported_room_key")
}

fn check_backed_up(session: &Session<'_>) -> Result<()> {
    let data = BackedUpSessionData::parse(session.session_data.get().as_bytes())?;
    let key = data.session_key();
    equal("session_id", key.session_id().as_str(), &*session.session_id)?;
    let index = session.backed_up_first_known_index;
    equal("backed_up_first_known_index", key.first_known_index(), index)?;
    equal_json("the plaintext written again", &data.to_json(), session.session_data.get())
}

fn check_exported(session: &Session<'_>) -> Result<()> {
    let entry = ExportedSessionData::parse(session.exported_room_key.get())?;
    equal("session_id", entry.session_id().as_str(), &*session.session_id)?;
    equal("room_id", entry.room_id().as_str(), &*session.room_id)?;
    equal_json("the entry written again", &entry.to_json(), session.exported_room_key.get())
}
