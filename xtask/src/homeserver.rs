//! `cargo xtask homeserver`: a homeserver for tests, on this machine alone.
//!
//! Synapse, from PyPI. All that it needs and writes lies in target/homeserver: the program in
//! `venv`, and for each server a folder with its data. A person's server is `data`, that of
//! `cargo xtask e2e` is `e2e`; neither is in the other's way.

mod config;
mod install;
mod process;
mod state;
mod users;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;

use crate::project;
use process::{Server, Starting};
use state::State;

pub(crate) use install::ensure as install;

/// Where everything lies, seen from the root.
const FOLDER: &str = "target/homeserver";
/// The folder of a person's server.
const PERSONS: &str = "data";
/// Who is registered on a person's server.
const USERS: [&str; 2] = ["alice", "bob"];
/// Another program may take the port between our looking and the server's.
const PORTS_TRIED: usize = 3;

/// A homeserver to try things with: Synapse on a free port of 127.0.0.1, for this machine alone.
///
/// Nothing has to be installed beforehand but Python 3.10 or newer: the first start fetches
/// Synapse from PyPI, each package with the hash that this checkout names. Everything is in
/// target/homeserver, and federation is off.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Installs what is missing, starts the server, and registers the users alice and bob.
    ///
    /// One that runs already is left as it is. The last lines say where the server answers, and
    /// where the passwords and the secret for registering more users are.
    Start,
    /// Stops the server. Its users and what they have stored stay.
    Stop,
    /// Stops the server and deletes its data. The program stays installed.
    Wipe,
}

/// Runs the task.
///
/// # Errors
///
/// When the server cannot be installed, started, or stopped: the message says where to look.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    match arguments.action {
        Action::Start => start()?,
        Action::Stop => say(Homeserver::claim(PERSONS)?.stop()?),
        Action::Wipe => {
            say(Homeserver::claim(PERSONS)?.wipe()?);
            println!("its data is deleted");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(stopped: Option<String>) {
    println!("{}", stopped.unwrap_or_else(|| "Synapse does not run".to_owned()));
}

fn start() -> Result<()> {
    let started = Instant::now();
    install::ensure()?;
    let homeserver = Homeserver::claim(PERSONS)?;
    let state = homeserver.start(&USERS)?;
    let took = started.elapsed().as_secs_f64();
    println!("Synapse {} answers at {} after {took:.1} s", install::version(), state.url);
    println!("users     {}", state.user_ids().join(", "));
    println!("passwords {}", project::shown(&homeserver.state_file()));
    println!("log       {}", project::shown(&homeserver.log_file()));
    println!("to stop   cargo xtask homeserver stop");
    Ok(())
}

/// Takes the lock `name` in `folder`; while another task has it, this waits.
fn lock(folder: &Path, name: &str) -> Result<File> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{name}.lock"));
    let cannot = || format!("cannot lock {}", path.display());
    let file = File::options().create(true).append(true).open(&path).with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            println!("another task works with {FOLDER}/{name}: waiting for it");
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
    }
    file.lock().with_context(cannot)?;
    Ok(file)
}

/// One server's folder, ours alone as long as this value lives.
#[derive(Debug)]
pub(crate) struct Homeserver {
    folder: PathBuf,
    _lock: File,
}

impl Homeserver {
    /// Takes the folder `name` of target/homeserver. While another task has it, this waits.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or not locked.
    pub(crate) fn claim(name: &str) -> Result<Self> {
        Self::claim_in(&project::root()?.join(FOLDER), name)
    }

    fn claim_in(parent: &Path, name: &str) -> Result<Self> {
        let lock = lock(parent, name)?;
        Ok(Self { folder: parent.join(name), _lock: lock })
    }

    /// Starts the server unless it runs, waits until it answers, and registers `users`.
    ///
    /// # Errors
    ///
    /// When it does not answer, with the end of its log; then it is stopped again.
    pub(crate) fn start(&self, users: &[&str]) -> Result<State> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let mut state = State::read(&self.state_file())?.map_or_else(State::new, Ok)?;
        if let Some(server) = self.running(&state) {
            println!("Synapse runs already, as process {}", server.pid());
            server.wait_until_it_answers(&state.url)?;
        } else {
            self.launch(&mut state)?;
        }
        users::register(self, &mut state, users)?;
        Ok(state)
    }

    /// Starts the process, at a port that is free.
    fn launch(&self, state: &mut State) -> Result<()> {
        let mut tries = 0;
        loop {
            tries += 1;
            let port = config::free_port()?;
            state.url = format!("http://127.0.0.1:{port}");
            config::write(self, state, port)?;
            let (python, config, log) = (install::python()?, self.config_file(), self.log_file());
            let starting = Starting::spawn(&python, &config, &log)?;
            // Before it answers: whatever happens to us, `stop` then knows whom to stop.
            state.pid = Some(starting.pid());
            state.write(&self.state_file())?;
            let Err(why) = starting.wait_until_it_answers(&state.url) else { return Ok(()) };
            let end = process::end_of(&log);
            if tries < PORTS_TRIED && end.contains("Failed to listen on TCP port") {
                continue;
            }
            bail!("{why:#}. The end of {}:\n{end}", project::shown(&log));
        }
    }

    /// Stops the server, and says so if there was one to be stopped.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub(crate) fn stop(&self) -> Result<Option<String>> {
        let Some(mut state) = State::read(&self.state_file())? else { return Ok(None) };
        let Some(server) = self.running(&state) else { return Ok(None) };
        let how = server.stop()?;
        state.pid = None;
        state.write(&self.state_file())?;
        Ok(Some(format!("stopped Synapse, process {}{how}", server.pid())))
    }

    /// Stops the server, and deletes all that it has written.
    ///
    /// # Errors
    ///
    /// When it does not end, or its folder cannot be deleted.
    pub(crate) fn wipe(&self) -> Result<Option<String>> {
        let stopped = self.stop()?;
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", self.folder.display()))
            }
            _ => Ok(stopped),
        }
    }

    /// The process that was started for this folder, if it still is that one.
    pub(crate) fn running(&self, state: &State) -> Option<Server> {
        Server::find(state.pid?, &self.config_file())
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.join("homeserver.yaml")
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join("homeserver.log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_belongs_to_one_task_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let first = Homeserver::claim_in(folder.path(), "data").unwrap();
        Homeserver::claim_in(folder.path(), "e2e").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = Homeserver::claim_in(folder.path(), "data").unwrap();
                sender.send("second").unwrap();
            });
            std::thread::sleep(std::time::Duration::from_millis(200));
            assert!(receiver.try_recv().is_err(), "the first is still there");
            drop(first);
            assert_eq!(receiver.recv().unwrap(), "second");
        });
    }

    #[test]
    fn what_is_not_there_is_stopped_and_wiped_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let server = Homeserver::claim_in(folder.path(), "data").unwrap();
        assert_eq!(server.stop().unwrap(), None);
        assert_eq!(server.wipe().unwrap(), None);
    }

    /// A process that has our server's old id is somebody else's.
    #[test]
    fn a_state_of_long_ago_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let server = Homeserver::claim_in(folder.path(), "data").unwrap();
        std::fs::create_dir_all(&server.folder).unwrap();
        let state = State { pid: Some(std::process::id()), ..State::new().unwrap() };
        state.write(&server.state_file()).unwrap();
        assert_eq!(server.wipe().unwrap(), None);
        assert!(!server.folder.exists());
    }
}
