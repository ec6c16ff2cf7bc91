//! The bot as a process, as a person runs it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::support::User;

const PROGRAM: &str = env!("CARGO_BIN_EXE_write-only-bot");
const PATIENCE: Duration = Duration::from_secs(120);

/// `write-only-bot login`: the device, and its fingerprint.
pub(crate) fn log_in(folder: &Path, user: &User, master_key: &str) -> (String, String) {
    let output = Command::new(PROGRAM)
        .arg("--folder")
        .arg(folder)
        .args(["login", "--homeserver", &user.homeserver.url, "--user", &user.user_id])
        .args(["--master-key", master_key])
        .env("WRITE_ONLY_BOT_PASSWORD", &user.password)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    let after = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    (after("device "), after("fingerprint "))
}

/// `write-only-bot run`, which is stopped in the end.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
}

impl Running {
    pub(crate) fn start(folder: &Path) -> Self {
        let mut child = Command::new(PROGRAM)
            .arg("--folder")
            .arg(folder)
            .arg("run")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let of_err = sender.clone();
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).for_each(|l| drop(of_err.send(l)));
        });
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).for_each(|l| drop(sender.send(l)));
        });
        Self { child, lines, said: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub(crate) fn exit_status(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Waits for a line that begins and goes on like this.
    pub(crate) fn until(&mut self, beginning: &str, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line {beginning:?} … {part:?} came: {:#?}", self.said);
            };
            println!("bot           {line}");
            self.said.push(line.clone());
            if line.starts_with(beginning) && line.contains(part) {
                return line;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In the middle of whatever it does: its file must be whole at any moment.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Running {
    /// The MAC key was tried on an entry that somebody else wrote (T-5).
    pub(crate) fn has_confirmed(&mut self) {
        let confirmed = self.said.iter().any(|line| line.starts_with("confirmed: "));
        assert!(confirmed, "{:#?}", self.said);
    }
}
