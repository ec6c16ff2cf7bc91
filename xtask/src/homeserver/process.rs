//! The server's process: started, found again, and stopped, by its id and nothing else.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::steps;

/// What every command line of ours has.
const MODULE: &str = "synapse.app.homeserver";
/// A fresh database takes five seconds, or many more where other work is going on.
const STARTING: Duration = Duration::from_secs(180);
/// How long the server may take to end by itself.
const STOPPING: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);

/// A process that was just started, and may not live long.
#[derive(Debug)]
pub(crate) struct Starting {
    child: Child,
    config: PathBuf,
}

impl Starting {
    /// Starts Synapse, apart from our terminal: Ctrl-C here is not meant for it.
    ///
    /// # Errors
    ///
    /// When the log cannot be written, or Python cannot be started.
    pub(crate) fn spawn(python: &Path, config: &Path, log: &Path) -> Result<Self> {
        let mut command = Command::new(python);
        command.args(["-m", MODULE, "-c"]).arg(config);
        Self::spawn_command(&mut command, config, log)
    }

    fn spawn_command(command: &mut Command, config: &Path, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone().context("cannot share the log")?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command
            .spawn()
            .with_context(|| format!("could not start `{}`", command.get_program().display()))?;
        Ok(Self { child, config: config.to_owned() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first answer. Where there is none, the process is ended.
    ///
    /// # Errors
    ///
    /// When the process ends, or takes too long.
    pub(crate) fn wait_until_it_answers(mut self, url: &str) -> Result<()> {
        // Its command line may not be there yet.
        let ended = || !matches!(self.child.try_wait(), Ok(None));
        wait_until_it_answers(url, ended).inspect_err(|_| {
            if let Some(server) = Server::find(self.child.id(), &self.config) {
                server.stop().ok();
            }
        })
    }
}

fn wait_until_it_answers(url: &str, mut ended: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < STARTING {
        if answers(url) {
            return Ok(());
        }
        if ended() {
            bail!("Synapse ended instead of answering");
        }
        std::thread::sleep(STEP);
    }
    bail!("Synapse did not answer within {} s", STARTING.as_secs())
}

/// A process that was seen to be the server of a certain configuration file.
///
/// Ids of processes are used again, so the command line is looked at before every signal.
#[derive(Debug)]
pub(crate) struct Server {
    pid: u32,
    config: PathBuf,
}

impl Server {
    /// The process `pid`, if it is the server of `config`.
    pub(crate) fn find(pid: u32, config: &Path) -> Option<Self> {
        let server = Self { pid, config: config.to_owned() };
        server.is_alive().then_some(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the process is there, and still ours. One that has ended and is only waited for has
    /// no command line.
    fn is_alive(&self) -> bool {
        let line = command_line(self.pid);
        line.contains(MODULE) && line.contains(&*self.config.to_string_lossy())
    }

    /// Waits for an answer at `url`.
    ///
    /// # Errors
    ///
    /// When the process ends, or takes too long.
    pub(crate) fn wait_until_it_answers(&self, url: &str) -> Result<()> {
        wait_until_it_answers(url, || !self.is_alive())
    }

    /// Asks the process to end, and ends it if it does not. Says so where it came to that.
    ///
    /// # Errors
    ///
    /// When even that did not help.
    pub(crate) fn stop(&self) -> Result<&'static str> {
        self.stop_within(STOPPING)
    }

    fn stop_within(&self, patience: Duration) -> Result<&'static str> {
        self.signal("TERM")?;
        if self.is_gone_within(patience) {
            return Ok("");
        }
        self.signal("KILL")?;
        if self.is_gone_within(STOPPING) {
            return Ok(", which had to be killed");
        }
        bail!("process {} does not end: see `ps -p {}`", self.pid, self.pid)
    }

    /// A shell can do it everywhere; a call of the system would be unsafe code.
    fn signal(&self, signal: &str) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, &self.pid.to_string()]);
        match steps::output(&mut kill) {
            // It may have ended just now.
            Err(_) if !self.is_alive() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    fn is_gone_within(&self, patience: Duration) -> bool {
        let started = Instant::now();
        while self.is_alive() {
            if started.elapsed() > patience {
                return false;
            }
            std::thread::sleep(STEP);
        }
        true
    }
}

/// The arguments of a process, or nothing where there is no such process.
fn command_line(pid: u32) -> String {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).replace('\0', " ");
    }
    let mut ps = Command::new("ps");
    ps.args(["-ww", "-o", "command=", "-p", &pid.to_string()]);
    steps::output(&mut ps).unwrap_or_default()
}

/// Whether the question which versions it speaks is answered, with status 200.
fn answers(url: &str) -> bool {
    let authority = url.strip_prefix("http://").unwrap_or(url);
    let ask = || -> std::io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect(authority)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let request = "GET /_matrix/client/versions HTTP/1.0";
        stream.write_all(format!("{request}\r\nHost: {authority}\r\n\r\n").as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    };
    ask().is_ok_and(|status| status.starts_with(b"HTTP/1.") && status.ends_with(b" 200"))
}

/// The last lines of a log, for an error message.
pub(crate) fn end_of(log: &Path) -> String {
    const LINES: usize = 15;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let end = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    if end.is_empty() { "(nothing was written to it)".to_owned() } else { end.join("\n") }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::homeserver::config;

    /// A process whose command line looks like the server's, and which does what `script` says.
    fn pretend(folder: &Path, script: &str) -> Server {
        let config = folder.join("homeserver.yaml");
        let mut command = Command::new("sh");
        command.args(["-c", script, MODULE]).arg(&config);
        let log = folder.join("homeserver.log");
        let server = Starting::spawn_command(&mut command, &config, &log).unwrap();
        // A process that is just becoming another program has no command line for a moment.
        let started = Instant::now();
        while end_of(&log) != "ready" {
            assert!(started.elapsed() < STOPPING, "the shell does not start");
            std::thread::sleep(STEP);
        }
        Server { pid: server.pid(), config }
    }

    #[test]
    fn a_server_is_found_by_its_id_and_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let server = pretend(folder.path(), "echo ready; sleep 60; true");
        assert!(Server::find(server.pid, &server.config).is_some());
        assert!(Server::find(server.pid, Path::new("/other/homeserver.yaml")).is_none());
        assert!(Server::find(std::process::id(), &server.config).is_none());
        assert_eq!(server.stop().unwrap(), "");
        assert!(Server::find(server.pid, &server.config).is_none());
    }

    #[test]
    fn a_process_that_is_not_ours_is_not_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let server = pretend(folder.path(), "echo ready; sleep 60; true");
        let other = Server { pid: server.pid, config: "/other/homeserver.yaml".into() };
        assert_eq!(other.stop().unwrap(), "");
        assert!(server.is_alive());
        server.stop().unwrap();
    }

    #[test]
    fn a_server_that_does_not_listen_to_reason_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let deaf = "trap '' TERM; echo ready; sleep 60; true";
        let server = pretend(folder.path(), deaf);
        let said = server.stop_within(Duration::from_millis(200)).unwrap();
        assert_eq!(said, ", which had to be killed");
        assert!(!server.is_alive());
    }

    #[test]
    fn a_server_that_ends_at_once_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (config, log) = (folder.path().join("homeserver.yaml"), folder.path().join("log"));
        let url = format!("http://127.0.0.1:{}", config::free_port().unwrap());
        let started = Instant::now();
        let server = Starting::spawn_command(&mut Command::new("true"), &config, &log).unwrap();
        let error = server.wait_until_it_answers(&url).unwrap_err();
        assert_eq!(error.to_string(), "Synapse ended instead of answering");
        assert!(started.elapsed() < STOPPING);
    }

    #[test]
    fn only_status_200_is_an_answer() {
        for (status, expected) in [("200 OK", true), ("503 Not yet", false)] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 1024];
                let length = stream.read(&mut asked).unwrap();
                assert!(asked[..length].starts_with(b"GET /_matrix/client/versions HTTP/1.0\r\n"));
                stream.write_all(format!("HTTP/1.0 {status}\r\n\r\n").as_bytes()).unwrap();
            });
            assert_eq!(answers(&url), expected);
            server.join().unwrap();
        }
    }

    #[test]
    fn the_end_of_a_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, (0..100).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let end = end_of(&log);
        assert!(end.starts_with("85\n") && end.ends_with("\n99"), "{end}");
        assert!(end_of(&folder.path().join("none")).contains("nothing"));
    }
}
