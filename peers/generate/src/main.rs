//! Makes a Megolm key export file the way a client does, with matrix-sdk-crypto: real accounts
//! create real group sessions, one device takes them all in, and that device writes the file.
//!
//! The program is no library code: whatever goes wrong ends it.

mod arguments;
mod contents;
mod people;
mod rooms;

use std::{error::Error, fs, path::Path, time::Instant};

use matrix_sdk_crypto::{OlmMachine, encrypt_room_key_export, olm::ExportedRoomKey};
use ruma::{device_id, user_id};

use crate::arguments::Arguments;

/// The passphrase of every file made here: public, and kept beside the file in `testdata`.
const PASSPHRASE: &str = include_str!("../../../testdata/key-export/passphrase.txt");

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments = Arguments::from_command_line()?;
    pollster::block_on(generate(&arguments))
}

async fn generate(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let keys = export_from_one_device(new_sessions(arguments.sessions).await?).await?;
    write(&arguments.list_file(), &contents::list(&keys, arguments.rounds)?)?;
    let file = encrypt_room_key_export(&keys, PASSPHRASE.trim_end(), arguments.rounds)?;
    write(&arguments.output, &file)?;
    println!("{} sessions in {:.1} s", keys.len(), start.elapsed().as_secs_f32());
    Ok(())
}

/// Group sessions of several people in several rooms, exported as their devices would.
async fn new_sessions(count: usize) -> Result<Vec<ExportedRoomKey>> {
    let devices = people::devices()?;
    let mut sessions = Vec::with_capacity(count);
    for room in rooms::rooms(count)? {
        for number in 0..room.sessions {
            let sender = &devices[(number + room.first_sender) % devices.len()];
            sessions.push(room.new_session(sender, number).await?);
        }
    }
    Ok(sessions)
}

/// Takes the sessions into a device of their reader, which drops what it finds wrong, and exports
/// them from there.
async fn export_from_one_device(sessions: Vec<ExportedRoomKey>) -> Result<Vec<ExportedRoomKey>> {
    let count = sessions.len();
    let machine =
        OlmMachine::new(user_id!("@reader:example.org"), device_id!("READERDEVICE")).await;
    machine.store().import_exported_room_keys(sessions, |_, _| {}).await?;
    let keys = machine.store().export_room_keys(|_| true).await?;
    if keys.len() == count {
        Ok(keys)
    } else {
        Err(format!("{} of {count} sessions came back", keys.len()).into())
    }
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("{} ({} bytes)", path.display(), content.len());
    Ok(())
}
