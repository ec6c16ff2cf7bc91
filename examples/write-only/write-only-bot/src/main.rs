//! The program `write-only-bot`: adds room keys to the user's key backup, and cannot read it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use client_api::log_in;
use matrix_key_backup::store::homeserver::{HomeserverUrl, ReqwestTransport};
use vodozemac::Ed25519PublicKey;
use write_only_bot::{Bot, BotError, State};
use zeroize::Zeroizing;

/// A device that adds to your key backup and cannot read it.
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
        /// The password of the account.
        #[arg(long, env = "WRITE_ONLY_BOT_PASSWORD", hide_env_values = true)]
        password: String,
    },
    /// Backs up room keys until it is stopped.
    Run,
}

/// How long a turn waits for something to come.
const WAIT: Duration = Duration::from_secs(30);
/// The first pause after a failure that may pass; each next one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { folder, action } = Arguments::parse();
    let outcome = match action {
        Action::Login { homeserver, user, master_key, password } => {
            let password = Zeroizing::new(password);
            set_up(&folder, &homeserver, &user, &master_key, &password).await
        }
        Action::Run => run(folder).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn set_up(
    folder: &Path,
    homeserver: &str,
    user: &str,
    master_key: &str,
    password: &str,
) -> Result<(), BotError> {
    let failed = |what: String| BotError::File { path: folder.to_owned(), what };
    if State::exists(folder) {
        return Err(failed("there is a device in this folder already".to_owned()));
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    let master_key = Ed25519PublicKey::from_base64(master_key)
        .map_err(|_| BotError::NoMasterKey(master_key.to_owned()))?;
    let homeserver = HomeserverUrl::parse(homeserver)
        .map_err(|error| client_api::ApiError::Request(error.to_string()))?;
    let transport =
        ReqwestTransport::new().map(Arc::new).map_err(client_api::ApiError::Transport)?;
    let session =
        log_in(&homeserver, Arc::clone(&transport), user, password, "write-only backup").await?;
    let device_id = session.device_id().to_owned();
    State::new(session, master_key).write(folder)?;
    let mut bot = Bot::open(folder.to_owned(), transport)?;
    bot.publish().await?;
    println!("device      {device_id}");
    println!("fingerprint {}", bot.fingerprint());
    println!("Compare both on a verified device, and verify this one there.");
    Ok(())
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
