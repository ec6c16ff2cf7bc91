//! Backups to draw: what a page must be able to show, in the form that the program reads as a JSON
//! file.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use matrix_key_backup_key_export::{KeyExportFile, Passphrase};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::{BackupReader, BackupWriter, SourcedSession};
use matrix_key_backup_wire::{BackedUpSessionData, Names, RoomId, UnauthenticatedSource};
use serde_json::{Value, json};

use crate::project;
use crate::vectors::rng::SeededRng;

/// Markup and a character that turns the direction of what follows it: a name is text.
const HOSTILE_ROOM: &str = "!<b onclick=\"alert('1')\">&amp;\u{202e}:example.org";
/// The most that a page names of one room is less than this room has of sessions that begin late.
const LARGEST_ROOM: usize = 0;

/// A backup in a file, and what a page of it has to show.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    /// The file.
    pub(super) store: String,
    /// Texts that a person must be able to see, spaces for line ends.
    pub(super) expected: Vec<String>,
}

/// The decryption key of all samples, base58. It is nobody's.
pub(super) fn key() -> Result<String> {
    Ok(reader()?.decryption_key().expose_base58().to_string())
}

fn reader() -> Result<BackupReader> {
    Ok(BackupReader::new(BackupDecryptionKey::from_slice(&[42; 32])?))
}

/// The samples: one with everything that can be in a backup, one in which all is well, one with
/// nothing in it.
pub(super) fn samples() -> Result<[Sample; 3]> {
    let rooms = sessions()?;
    let all_is_well = rooms.iter().map(|(room, sessions)| {
        let from_the_first = |session: &&BackedUpSessionData| first_message(session) == 0;
        (room.clone(), sessions.iter().filter(from_the_first).cloned().collect())
    });
    let all_is_well: Rooms = all_is_well.collect();
    Ok([
        sample("mixed", &rooms, of_every_kind)?,
        sample("sound", &all_is_well, |_, _| Kind::Authenticated)?,
        sample("empty", &Rooms::new(), |_, _| Kind::Authenticated)?,
    ])
}

type Rooms = Vec<(RoomId, Vec<BackedUpSessionData>)>;

/// The sessions of the key export file, the largest room first. One room gets a name that is meant
/// to do harm.
fn sessions() -> Result<Rooms> {
    let folder = project::root()?.join("testdata/key-export");
    let file = std::fs::read_to_string(folder.join("600-sessions.txt"))?;
    let passphrase = std::fs::read_to_string(folder.join("passphrase.txt"))?;
    let passphrase = Passphrase::new(passphrase.trim_end_matches('\n').to_owned());
    let export = KeyExportFile::parse(&file)?.decrypt(&passphrase)?;
    let mut rooms: BTreeMap<RoomId, Vec<_>> = BTreeMap::new();
    for session in export.entries() {
        let (room, data) = session?.into_parts();
        rooms.entry(room).or_default().push(data);
    }
    let mut rooms: Rooms = rooms.into_iter().collect();
    rooms.sort_by_key(|(_, sessions)| std::cmp::Reverse(sessions.len()));
    let (room, _) = rooms.get_mut(1).context("more rooms than one")?;
    *room = RoomId::new(HOSTILE_ROOM)?;
    Ok(rooms)
}

fn first_message(session: &BackedUpSessionData) -> u32 {
    session.session_key().first_known_index()
}

/// What is to become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Authenticated,
    LegacyV1,
    Forwarded,
    Undefined,
    Forged,
    Misplaced,
    Unreadable,
}

impl Kind {
    /// What a page says of entries of this kind, after their number.
    fn said(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::LegacyV1 => "from a v1 backup",
            Self::Forwarded => "forwarded by a device",
            Self::Undefined => "nobody vouches for them",
            Self::Forged => "forged",
            Self::Misplaced => "misplaced",
            Self::Unreadable => "unreadable",
        }
    }

    fn gives_a_key(self) -> bool {
        self < Self::Forged
    }
}

/// By the room's place in the list, and the session's in the room.
fn of_every_kind(room: usize, session: usize) -> Kind {
    match (room, session) {
        (1, 3 | 9 | 11) | (4, 2) => Kind::Forged,
        (1, 5) | (6, 1) => Kind::Misplaced,
        (4, 7) => Kind::Unreadable,
        (2 | 8, _) => Kind::LegacyV1,
        (3, n) if n % 2 == 0 => Kind::Undefined,
        (LARGEST_ROOM | 5, n) if n % 7 == 0 => Kind::Forwarded,
        (10.., _) => Kind::Undefined,
        _ => Kind::Authenticated,
    }
}

fn sample(
    name: &'static str,
    rooms: &Rooms,
    kind: impl Fn(usize, usize) -> Kind,
) -> Result<Sample> {
    let reader = reader()?;
    let rng = SeededRng::new(name);
    let mut sealer = Sealer { writer: reader.writer(Names::Stable), rng };
    let (mut written, mut counts) = (serde_json::Map::new(), Counts::default());
    for (room_number, (room, sessions)) in rooms.iter().enumerate() {
        let mut entries = serde_json::Map::new();
        for (number, session) in sessions.iter().enumerate() {
            let kind = kind(room_number, number);
            counts.add(kind, first_message(session));
            let entry = sealer.entry(kind, room, session, sessions)?;
            entries.insert(session.session_key().session_id().to_string(), entry);
        }
        written.insert(room.to_string(), json!({ "sessions": entries }));
    }
    let store = json!({
        "version": "7",
        "algorithm": "m.backup.v2.curve25519-aes-sha2",
        "auth_data": { "public_key": reader.public_key().to_base64() },
        "rooms": written,
    });
    let expected = counts.expected(rooms.len());
    Ok(Sample { name, store: store.to_string(), expected })
}

struct Sealer {
    writer: BackupWriter,
    rng: SeededRng,
}

impl Sealer {
    /// An entry as a server would have it.
    fn entry(
        &mut self,
        kind: Kind,
        room: &RoomId,
        session: &BackedUpSessionData,
        others: &[BackedUpSessionData],
    ) -> Result<Value> {
        let (data, room) = (session.clone(), room.clone());
        let sourced = match kind {
            Kind::LegacyV1 => marked(data, room, UnauthenticatedSource::LegacyV1),
            Kind::Forwarded => marked(data, room, UnauthenticatedSource::ForwardedRoomKey),
            Kind::Undefined => SourcedSession::unvouched(data, room),
            // The entry of another session is put in this one's place.
            Kind::Misplaced => {
                let other = others.iter().find(|other| {
                    other.session_key().session_id() != data.session_key().session_id()
                });
                let other = other.context("more sessions than one in a room")?;
                SourcedSession::own_session(other.clone(), room, None)
            }
            _ => SourcedSession::own_session(data, room, None),
        };
        let sealed = self.writer.seal(&sourced, &mut self.rng)?;
        let mut session_data: Value = serde_json::from_str(sealed.as_json())?;
        match kind {
            // Changed after the MAC was made.
            Kind::Forged => {
                let object = session_data.as_object_mut().context("an entry is an object")?;
                object.insert("added".to_owned(), true.into());
            }
            Kind::Unreadable => session_data = "what was here is damaged".into(),
            _ => {}
        }
        Ok(json!({
            "first_message_index": first_message(session),
            "forwarded_count": 0,
            "is_verified": false,
            "session_data": session_data,
        }))
    }
}

fn marked(
    data: BackedUpSessionData,
    room: RoomId,
    source: UnauthenticatedSource,
) -> SourcedSession {
    SourcedSession::unauthenticated(data, source, room)
}

/// What was written, counted here, and not by the program that is tried.
#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<Kind, u64>,
    late: u64,
    messages_lost: u64,
}

impl Counts {
    fn add(&mut self, kind: Kind, first_message: u32) {
        *self.kinds.entry(kind).or_default() += 1;
        if kind.gives_a_key() && first_message > 0 {
            self.late += 1;
            self.messages_lost += u64::from(first_message);
        }
    }

    fn expected(&self, rooms: usize) -> Vec<String> {
        let sessions: u64 = self.kinds.values().sum();
        let keys: u64 = self.kinds.iter().filter(|it| it.0.gives_a_key()).map(|it| it.1).sum();
        let mut expected = vec![
            format!("{rooms} rooms"),
            format!("{sessions} sessions"),
            format!("{keys} keys that can be imported"),
            format!("{} entries that give no key", sessions - keys),
            format!("{} keys that begin after", self.late),
            format!("{} messages before those", in_groups(self.messages_lost)),
        ];
        for (kind, number) in &self.kinds {
            expected.push(format!("{number} {}", kind.said()));
        }
        expected
    }
}

/// As a page writes what is less than a thousand million.
fn in_groups(number: u64) -> String {
    match (number / 1_000_000, number / 1000 % 1000, number % 1000) {
        (0, 0, rest) => rest.to_string(),
        (0, thousands, rest) => format!("{thousands},{rest:03}"),
        (millions, thousands, rest) => format!("{millions},{thousands:03},{rest:03}"),
    }
}
