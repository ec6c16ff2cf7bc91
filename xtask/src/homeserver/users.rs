//! The users of a server, made with Synapse's own command.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::homeserver::state::{State, User};
use crate::homeserver::{Homeserver, install};

/// Registers `users`. Who is there already stays as he is.
///
/// # Errors
///
/// When the server refuses.
pub(crate) fn register(homeserver: &Homeserver, state: &mut State, users: &[&str]) -> Result<()> {
    for localpart in users {
        state.user(localpart)?;
    }
    // Before they are registered: a password that is lost cannot be had again.
    state.write(&homeserver.state_file())?;
    let wanted = |user: &&User| users.contains(&user.localpart.as_str());
    state.users.iter().filter(wanted).try_for_each(|user| register_one(homeserver, state, user))
}

fn register_one(homeserver: &Homeserver, state: &State, user: &User) -> Result<()> {
    let who = || format!("could not register {}", user.user_id);
    let mut child = Command::new(install::python()?)
        .args(["-m", "synapse._scripts.register_new_matrix_user", "--no-admin", "--exists-ok"])
        .args(["--user", &user.localpart])
        // No proxy is asked for what is on this machine.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        // Arguments can be seen by everybody on this machine.
        .args(["--password-file", "/dev/stdin"])
        .arg("--config")
        .arg(homeserver.config_file())
        .arg(&state.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(who)?;
    // Dropping it says that there is no more to come.
    let mut stdin = child.stdin.take().with_context(who)?;
    let written = stdin.write_all(user.password.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().with_context(who)?;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).with_context(who)?;
    // What matters in a traceback is its last line.
    let why = said.trim_end().lines().next_back().unwrap_or("no reason is given");
    ensure!(output.status.success(), "{}: {why}", who());
    written.with_context(who)
}
