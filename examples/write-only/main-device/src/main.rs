//! The program `main-device`: a user's full device, in memory, until it is stopped.

use std::io::BufRead as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use client_api::{ApiError, log_in, password};
use main_device::{MainDevice, MainDeviceError};
use matrix_key_backup::store::homeserver::{HomeserverUrl, ReqwestTransport};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A user's full device. It makes cross-signing keys, secret storage and an authenticated backup for
/// an account that has none, and answers the user's own verified devices.
///
/// It has no file. When it is started again it is a new device of the account, and needs the secret
/// storage key that the first one showed (`--existing`). Devices that are no longer in use can be
/// signed out with any client.
///
/// The password is taken from the variable MAIN_DEVICE_PASSWORD, or else is the first line of the
/// standard input; with --existing the secret storage key is in MAIN_DEVICE_SECRET_STORAGE_KEY, or the next
/// line. After that it takes `verify DEVICE FINGERPRINT` there, for a device whose fingerprint was
/// compared.
#[derive(Debug, Parser)]
#[command(name = "main-device", version)]
struct Arguments {
    /// The URL of the homeserver.
    #[arg(long)]
    homeserver: String,
    /// The user, such as @alice:example.org.
    #[arg(long)]
    user: String,
    /// The account has all of it, which is taken out of secret storage.
    #[arg(long)]
    existing: bool,
}

// Not arguments, which every program on the machine could read.
const PASSWORD: &str = "MAIN_DEVICE_PASSWORD";
const SECRET_STORAGE_KEY: &str = "MAIN_DEVICE_SECRET_STORAGE_KEY";

const TURN: Duration = Duration::from_secs(1);
/// How long it waits after a failure that may pass.
const PAUSE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), MainDeviceError> {
    let Arguments { homeserver, user, existing } = arguments;
    let secret = |name| password(name).ok_or(MainDeviceError::NoPassword(name));
    let password = secret(PASSWORD)?;
    let recovery_key = if existing { Some(secret(SECRET_STORAGE_KEY)?) } else { None };
    let homeserver =
        HomeserverUrl::parse(&homeserver).map_err(|error| ApiError::Request(error.to_string()))?;
    let transport = ReqwestTransport::new().map(Arc::new).map_err(ApiError::Transport)?;
    let session =
        log_in(&homeserver, Arc::clone(&transport), &user, &password, "main device").await?;
    println!("device             {}", session.device_id());
    let store = session.backup_store(Arc::clone(&transport))?;
    let begun = match recovery_key {
        Some(key) => MainDevice::sign_in(session, transport, &key).await,
        None => MainDevice::create(session, transport, &password).await,
    };
    let mut device = match begun {
        Ok(device) => device,
        Err(error) => {
            store.account().log_out().await.ok(); // it leaves no device behind that nobody has
            return Err(error);
        }
    };
    println!("master key         {}", device.master_key().await?);
    if !existing {
        println!("secret storage key {}", device.recovery_key());
        println!("Write it down: it alone brings all of this back, and it is not shown again.");
    }
    println!("backup             version {}", device.backup().version());
    work(&mut device).await
}

async fn work(device: &mut MainDevice) -> Result<(), MainDeviceError> {
    let mut commands = commands();
    loop {
        let mut said = Vec::new();
        let mut done = device.step(TURN, &mut said).await;
        for line in said {
            println!("{line}");
        }
        while let Ok(command) = commands.try_recv() {
            done = done.and(obey(device, &command).await);
        }
        match done {
            Err(error) if error.is_passing() => {
                eprintln!("trying again: {error}");
                tokio::time::sleep(PAUSE).await;
            }
            other => other?,
        }
    }
}

async fn obey(device: &MainDevice, command: &str) -> Result<(), MainDeviceError> {
    let words: Vec<_> = command.split_whitespace().collect();
    match *words.as_slice() {
        ["verify", id, fingerprint] => match device.verify(id, fingerprint).await {
            Ok(()) => println!("verified: {id}"),
            Err(
                error @ (MainDeviceError::OtherFingerprint { .. }
                | MainDeviceError::NoSuchDevice(_)),
            ) => println!("not verified: {error}"),
            Err(error) => return Err(error),
        },
        [] => {}
        _ => println!("there is one command: verify DEVICE FINGERPRINT"),
    }
    Ok(())
}

/// Lines of the standard input, without waiting for one.
fn commands() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
