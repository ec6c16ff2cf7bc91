//! Runs steps one after another, says what each one does and how long it took.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::project;

/// A row of the closing table.
#[derive(Debug)]
struct Finished {
    name: String,
    took: Duration,
    passed: bool,
}

/// Something that a person may believe was checked, but was not.
#[derive(Debug)]
struct Skipped {
    what: String,
    how: String,
}

/// The steps of one task. Each step's output goes straight to the terminal; the first failure ends
/// the task; [`Steps::finish`] prints the table.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    finished: Vec<Finished>,
    skipped: Vec<Skipped>,
}

impl Steps {
    /// Runs one command as a step.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or ends with another status than 0.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let shown = show(command);
        self.call(name, &shown, || status(command))
    }

    /// Runs work of this process as a step. `what` stands where a command would.
    ///
    /// # Errors
    ///
    /// What the work returns, with the step's name.
    pub(crate) fn call<T>(
        &mut self,
        name: &str,
        what: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        println!("\n── {name}\n$ {what}");
        // The command writes to the same terminal: ours must be there first.
        std::io::stdout().flush().ok();
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        self.finished.push(Finished { name: name.to_owned(), took, passed: outcome.is_ok() });
        println!("── {name}: {} in {}", word(outcome.is_ok()), seconds(took));
        outcome.with_context(|| format!("the step `{name}` failed; to run it alone: {what}"))
    }

    /// Notes what this task does not check, and the command that would.
    pub(crate) fn skip(&mut self, what: &str, how: &str) {
        self.skipped.push(Skipped { what: what.to_owned(), how: how.to_owned() });
    }

    /// Prints the table of durations and all that was skipped, whether the task passed or not.
    pub(crate) fn finish(&self, task: &str) {
        println!("\n══ {task}: the steps and how long they took");
        for step in &self.finished {
            println!("{:>9}  {:6}  {}", seconds(step.took), word(step.passed), step.name);
        }
        let total: Duration = self.finished.iter().map(|step| step.took).sum();
        println!("{:>9}  in all", seconds(total));
        if !self.skipped.is_empty() {
            println!("\n══ NOT CHECKED by {task}");
            for skipped in &self.skipped {
                println!("  ! {}\n      to check it: {}", skipped.what, skipped.how);
            }
        }
    }
}

fn word(passed: bool) -> &'static str {
    if passed { "ok" } else { "FAILED" }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Runs a command to its end; anything but exit status 0 is an error.
///
/// # Errors
///
/// When it cannot be started, or ends with another status.
pub(crate) fn status(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| could_not_start(command))?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(())
}

/// What a command writes to standard output, when it ends with exit status 0.
///
/// # Errors
///
/// When it cannot be started, fails, or writes something other than UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| could_not_start(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", show(command), output.status, stderr.trim_end());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something other than UTF-8", show(command)))
}

fn could_not_start(command: &Command) -> String {
    format!("could not start `{}`: is it installed?", command.get_program().display())
}

/// The command as a person would type it in a shell, with the variables it is given.
pub(crate) fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.display(), quoted(value)));
        }
    }
    words.push(program_name(command.get_program()));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

/// `cargo` for the full path that cargo hands to what it runs; what is in the checkout, from its
/// root.
fn program_name(program: &OsStr) -> String {
    let path = Path::new(program);
    let root = project::root().unwrap_or_default();
    match path.file_name() {
        Some(name) if name == "cargo" => "cargo".to_owned(),
        _ => quoted(path.strip_prefix(root).unwrap_or(path).as_os_str()),
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_an_error_that_names_the_step_and_the_command() {
        let mut steps = Steps::default();
        steps.run("one", Command::new("true").arg("a b")).unwrap();
        let error = steps.run("two", Command::new("false").arg("a b")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the step `two` failed; to run it alone: false 'a b'",
            "the message is what a person copies into a shell",
        );
        let rows: Vec<_> =
            steps.finished.iter().map(|step| (step.name.as_str(), step.passed)).collect();
        assert_eq!(rows, [("one", true), ("two", false)]);
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let error =
            Steps::default().run("nothing", &mut Command::new("no-such-program-here")).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program-here"), "{error:#}");
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["doc", "it's"]).env("RUSTDOCFLAGS", "-Dwarnings").env_remove("RUSTC");
        assert_eq!(show(&command), r"RUSTDOCFLAGS=-Dwarnings cargo doc 'it'\''s'");
    }
}
