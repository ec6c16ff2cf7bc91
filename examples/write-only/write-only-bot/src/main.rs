//! The program `write-only-bot`: adds room keys to the user's key backup, and cannot read it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use client_api::{log_in, password};
use matrix_key_backup::store::homeserver::{HomeserverUrl, ReqwestTransport};
use vodozemac::Ed25519PublicKey;
use write_only_bot::{Bot, BotError, State};

/// A device that adds to your key backup and cannot read it.
///
/// It ends with the status 3 if it was logged out, with 4 if somebody has to look at the backup or at
/// the cross-signing keys before it may go on, and with 1 for anything else. What may pass, such as a
/// homeserver that does not answer, it waits for.
#[derive(Debug, Parser)]
#[command(name = "write-only-bot", version)]
struct Arguments {
    /// The folder that holds all that the device keeps.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Logs in as a new device, and says what is to be compared before it is verified.
    ///
    /// The password is taken from the variable WRITE_ONLY_BOT_PASSWORD, or else is the first line of
    /// the standard input.
    Login {
        /// The URL of the homeserver.
        #[arg(long)]
        homeserver: String,
        /// The user, such as @alice:example.org.
        #[arg(long)]
        user: String,
        /// The user's master cross-signing key, as a verified device shows it.
        #[arg(long, value_name = "KEY")]
        master_key: String,
    },
    /// Says again what is to be compared, and how many room keys wait.
    Show,
    /// Backs up room keys until it is stopped.
    Run,
}

/// Not an argument, which every program on the machine could read.
const PASSWORD: &str = "WRITE_ONLY_BOT_PASSWORD";
/// How long a turn waits for something to come.
const WAIT: Duration = Duration::from_secs(30);
/// The first pause after a failure that may pass; each next one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { folder, action } = Arguments::parse();
    let outcome = match action {
        Action::Login { homeserver, user, master_key } => {
            set_up(&folder, &homeserver, &user, &master_key).await
        }
        Action::Show => show(folder),
        Action::Run => run(folder).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stopped: {error}");
            if error.is_logged_out() {
                eprintln!(
                    "This device was logged out. Set up a new one in another folder, and verify it. \
                     Room keys that wait here, if there are any, are not in the backup."
                );
            }
            ExitCode::from(error.exit_status())
        }
    }
}

async fn set_up(
    folder: &Path,
    homeserver: &str,
    user: &str,
    master_key: &str,
) -> Result<(), BotError> {
    let failed = |what: String| BotError::File { path: folder.to_owned(), what };
    if State::exists(folder) {
        return Err(failed("there is a device in this folder already".to_owned()));
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    let master_key =
        Ed25519PublicKey::from_base64(master_key).map_err(|_| BotError::NoMasterKey)?;
    let password = password(PASSWORD).ok_or(BotError::NoPassword(PASSWORD))?;
    let homeserver = HomeserverUrl::parse(homeserver)
        .map_err(|error| client_api::ApiError::Request(error.to_string()))?;
    let transport =
        ReqwestTransport::new().map(Arc::new).map_err(client_api::ApiError::Transport)?;
    let session =
        log_in(&homeserver, Arc::clone(&transport), user, &password, "write-only backup").await?;
    State::new(session, master_key).write(folder)?;
    let mut bot = Bot::open(folder.to_owned(), transport)?;
    bot.publish().await?;
    print(&bot);
    println!("Compare both on a verified device, and verify this one there.");
    Ok(())
}

fn show(folder: PathBuf) -> Result<(), BotError> {
    let transport =
        ReqwestTransport::new().map(Arc::new).map_err(client_api::ApiError::Transport)?;
    let bot = Bot::open(folder, transport)?;
    print(&bot);
    println!("waiting     {} room keys", bot.waiting());
    println!("blocked     {} room keys, until there is another backup", bot.blocked());
    Ok(())
}

fn print(bot: &Bot<ReqwestTransport>) {
    println!("device      {}", bot.device_id());
    println!("fingerprint {}", bot.fingerprint());
}

async fn run(folder: PathBuf) -> Result<(), BotError> {
    let transport =
        ReqwestTransport::new().map(Arc::new).map_err(client_api::ApiError::Transport)?;
    let mut bot = Bot::open(folder, transport)?;
    let mut pause = PAUSE;
    loop {
        let mut said = Vec::new();
        let turn = bot.step(WAIT, &mut said).await;
        for line in said {
            println!("{line}");
        }
        match turn {
            Ok(()) => pause = PAUSE,
            Err(error) if error.is_passing() => {
                eprintln!("trying again: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}
