//! The program `main-device`: a user's full device, in memory, until it is stopped.

use std::io::BufRead as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use client_api::{ApiError, log_in};
use main_device::{MainDevice, MainDeviceError};
use matrix_key_backup::store::homeserver::{HomeserverUrl, ReqwestTransport};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use zeroize::Zeroizing;

/// A user's full device. It makes cross-signing keys, secret storage and an authenticated backup for
/// an account that has none, and answers the user's own verified devices.
///
/// It keeps nothing over restarts. On its standard input it takes
/// `verify DEVICE FINGERPRINT`, for a device whose fingerprint was compared.
#[derive(Debug, Parser)]
#[command(name = "main-device", version)]
struct Arguments {
    /// The URL of the homeserver.
    #[arg(long)]
    homeserver: String,
    /// The user, such as @alice:example.org.
    #[arg(long)]
    user: String,
    /// The password of the account.
    #[arg(long, env = "MAIN_DEVICE_PASSWORD", hide_env_values = true)]
    password: String,
}

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
    let Arguments { homeserver, user, password } = arguments;
    let password = Zeroizing::new(password);
    let homeserver =
        HomeserverUrl::parse(&homeserver).map_err(|error| ApiError::Request(error.to_string()))?;
    let transport = ReqwestTransport::new().map(Arc::new).map_err(ApiError::Transport)?;
    let session =
        log_in(&homeserver, Arc::clone(&transport), &user, &password, "main device").await?;
    println!("device             {}", session.device_id());
    let mut device = MainDevice::create(session, transport, &password).await?;
    println!("master key         {}", device.master_key().await?);
    println!("secret storage key {}", device.recovery_key());
    println!("backup             version {}", device.backup().version());
    let mut commands = commands();
    loop {
        let mut said = Vec::new();
        device.step(Duration::from_secs(1), &mut said).await?;
        for line in said {
            println!("{line}");
        }
        while let Ok(command) = commands.try_recv() {
            obey(&device, &command).await?;
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
