//! What the program says: reports on standard output, everything else on standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::Global,
    error::{Error, Kind},
    exit::ExitStatus,
    printable::printable,
};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Green.on_default().bold();

/// How the program talks to its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
}

/// What a command has to report: fields for machines, text for people.
pub(crate) trait Report: Serialize {
    /// Lines for people, each ended.
    fn text(&self) -> String;
}

/// Where a report goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    StandardOutput,
    /// Where standard output carries the keys themselves.
    StandardError,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet, verbose: global.verbose }
    }

    /// For errors before it is known what was asked for.
    pub(crate) fn json() -> Self {
        Self { json: true, quiet: false, verbose: false }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether something that moves may be shown on standard error.
    pub(crate) fn shows_progress(self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Writes a report: one JSON object, or lines.
    ///
    /// A reader that has gone away is no error: what the report is about has been done.
    pub(crate) fn report(self, report: &impl Report) -> Result<(), Error> {
        self.report_on(Channel::StandardOutput, report)
    }

    pub(crate) fn report_on(self, channel: Channel, report: &impl Report) -> Result<(), Error> {
        let text = if self.json {
            let mut json = serde_json::to_string(report)
                .map_err(|error| Error::StandardOutput(error.into()))?;
            json.push('\n');
            json
        } else if self.quiet {
            return Ok(());
        } else {
            report.text()
        };
        match channel {
            Channel::StandardOutput => write_out(text.as_bytes()),
            Channel::StandardError => {
                write_err(&text);
                Ok(())
            }
        }
    }

    /// Writes to standard output what is neither report nor message, a script for instance.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<(), Error> {
        write_out(bytes)
    }

    /// Something that went on, for those who want to know.
    pub(crate) fn detail(self, message: impl Display) {
        if self.verbose && !self.json {
            say("", Style::new(), &message.to_string());
        }
    }

    /// Something that a person must know, even one who wants to be left alone.
    pub(crate) fn note(self, message: impl Display) {
        if !self.json {
            say("note", NOTE, &message.to_string());
        }
    }

    /// Something that a person should change.
    pub(crate) fn warn(self, message: impl Display) {
        let message = message.to_string();
        if self.json {
            write_err(&format!("{}\n", json!({ "warning": { "message": message } })));
        } else {
            say("warning", WARNING, &message);
        }
    }

    /// A line about one entry.
    pub(crate) fn finding(self, message: impl Display) {
        say("", Style::new(), &message.to_string());
    }

    /// Why the command failed.
    pub(crate) fn error(self, error: &Error) -> ExitStatus {
        self.failure(error.kind(), &error.to_string())
    }

    /// The same for what is not known as an [`Error`]: arguments that cannot be parsed.
    pub(crate) fn failure(self, kind: Kind, message: &str) -> ExitStatus {
        let status = kind.exit_status();
        if self.json {
            let (kind, exit_status) = (kind.as_str(), status.number());
            let error = json!({ "kind": kind, "message": message, "exit_status": exit_status });
            write_err(&format!("{}\n", json!({ "error": error })));
        } else {
            say("error", ERROR, message);
        }
        status
    }
}

/// One line on standard error.
fn say(label: &str, style: Style, message: &str) {
    let message = printable(message);
    write_err(&match label {
        "" => format!("{message}\n"),
        label => format!("{style}{label}:{style:#} {message}\n"),
    });
}

/// Colours are taken out where nobody would see them, and where `NO_COLOR` says so.
fn write_err(text: &str) {
    // Where even this fails there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

fn write_out(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::StandardOutput(error))
        }
        _ => Ok(()),
    }
}
