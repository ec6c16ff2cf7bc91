//! `list`: rooms and sessions by their names and metadata. It takes no key.

use std::collections::BTreeMap;

use clap::Args;
use matrix_key_backup::{
    store::{BackupStore as _, KeyScope, ReceivedKey},
    wire::RoomId,
};
use serde::Serialize;

use crate::{
    args::{self, VersionArguments},
    context::Context,
    error::Error,
    exit::ExitStatus,
    output::Report,
    printable::printable,
    progress::Progress,
    runtime::block_on,
    wording::{About, count, figure},
};

/// List the rooms that the backup has keys for, or the sessions of one room
///
/// No key is needed, and nothing is verified: this is what the store says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// List the sessions of this room
    #[arg(long, value_name = "ROOM", value_parser = args::room_id)]
    room: Option<RoomId>,

    #[command(flatten)]
    version: VersionArguments,
}

/// What the store has.
#[derive(Debug, Serialize)]
struct ListReport {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    listed: Listed,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Listed {
    Rooms(Vec<RoomEntry>),
    Sessions(Vec<SessionEntry>),
}

#[derive(Debug, Serialize)]
struct RoomEntry {
    room_id: String,
    sessions: u64,
}

/// Metadata: nobody's word but the uploader's and the store's. // B-1
#[derive(Debug, Serialize)]
struct SessionEntry {
    session_id: String,
    first_message_index: Option<u64>,
    forwarded_count: Option<u64>,
    is_verified: Option<bool>,
    /// Why the entry has none.
    problem: Option<String>,
}

impl From<ReceivedKey> for SessionEntry {
    fn from(key: ReceivedKey) -> Self {
        let data = key.data.as_ref().ok();
        Self {
            session_id: key.session_id.to_string(),
            first_message_index: data.map(|data| data.first_message_index),
            forwarded_count: data.map(|data| data.forwarded_count),
            is_verified: data.map(|data| data.is_verified),
            problem: key.data.as_ref().err().map(ToString::to_string),
        }
    }
}

impl Report for ListReport {
    fn text(&self) -> String {
        self.about.text() + &self.listed.text()
    }
}

impl Listed {
    fn text(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Rooms(rooms) => {
                for RoomEntry { room_id, sessions } in rooms {
                    text += &figure(*sessions, &printable(room_id));
                }
                let sessions = rooms.iter().map(|room| room.sessions).sum();
                let (sessions, rooms) =
                    (count(sessions, "session"), count(rooms.len() as u64, "room"));
                text + &format!("\n{sessions} in {rooms}.\n")
            }
            Self::Sessions(sessions) => {
                for session in sessions {
                    text += &session.text();
                }
                text + &format!("\n{}.\n", count(sessions.len() as u64, "session"))
            }
        }
    }
}

impl SessionEntry {
    fn text(&self) -> String {
        let id = printable(&self.session_id);
        let Some(index) = self.first_message_index else {
            return format!("{id:<43}  {}\n", self.problem.as_deref().unwrap_or_default());
        };
        let mut text = format!("{id:<43}  from message {index}");
        if let Some(times) = self.forwarded_count.filter(|times| *times > 0) {
            text += &format!(", forwarded {}", count(times, "time"));
        }
        if self.is_verified == Some(true) {
            text += ", sender verified";
        }
        text + "\n"
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    block_on(list(arguments, context))
}

async fn list(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let store = context.place.open().await?;
    let backup = context.place.existing_backup(&store, &arguments.version).await?;
    let progress = Progress::new(context.output, "Reading the backup", backup.count());

    let scope = arguments.room.clone().map_or(KeyScope::All, KeyScope::Room);
    let mut pages = store.keys(backup.version().clone(), scope);
    let mut rooms: BTreeMap<String, u64> = BTreeMap::new();
    let mut sessions = Vec::new();
    while let Some(page) = pages.next_page().await {
        let page =
            page.map_err(|error| Error::from_store(context.place.path().to_owned(), error))?;
        progress.add(page.len());
        for key in page {
            if arguments.room.is_some() {
                sessions.push(SessionEntry::from(key));
            } else {
                *rooms.entry(key.room_id.to_string()).or_default() += 1;
            }
        }
    }
    drop(pages);
    progress.finish();
    store.close().await?;

    let listed = if arguments.room.is_some() {
        Listed::Sessions(sessions)
    } else {
        let entry = |(room_id, sessions)| RoomEntry { room_id, sessions };
        Listed::Rooms(rooms.into_iter().map(entry).collect())
    };
    context.output.report(&ListReport { about: About::new(context, &backup), listed })?;
    Ok(ExitStatus::Done)
}
