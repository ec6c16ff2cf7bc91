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
    printable::{printable, printable_json, printable_lines},
    secrets::secret_text,
};

pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const NOTE: Style = AnsiColor::Green.on_default().bold();

/// How the program talks to its caller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
}

/// What a command has to report: fields for machines, text for people.
pub(crate) trait Report: Serialize {
    /// Lines for people, each ended.
    fn text(&self) -> String;

    /// Words at the beginning of a line that stand out on a terminal, and how.
    fn labels(&self) -> &'static [(&'static str, Style)] {
        &[]
    }

    /// What has been done, as a sentence without its full stop: all that is left to say where the
    /// report itself cannot be written.
    fn done(&self) -> String {
        "Nothing was changed: run the command again".to_owned()
    }
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

    /// JSON, and all else by default.
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
        let not_reported = |source| Error::NotReported { done: report.done(), source };
        let text = if self.json {
            let json = serde_json::to_string(report).map_err(|error| not_reported(error.into()))?;
            format!("{}\n", *printable_json(&json))
        } else if self.quiet {
            return Ok(());
        } else {
            coloured(&printable_lines(&report.text()), report.labels())
        };
        match channel {
            Channel::StandardOutput if !report.labels().is_empty() && !self.json => {
                unless_gone(anstream::stdout().lock().write_all(text.as_bytes()))
                    .map_err(not_reported)
            }
            Channel::StandardOutput => write_out(text.as_bytes()).map_err(not_reported),
            Channel::StandardError => {
                write_err(&text);
                Ok(())
            }
        }
    }

    /// Writes a report together with a secret, which goes to standard output: as one property more,
    /// or as a line of its own, with the report on standard error. Here a reader that has gone away
    /// is an error: nobody else has the secret.
    pub(crate) fn report_with_secret(
        self,
        report: &impl Report,
        name: &'static str,
        secret: &str,
    ) -> Result<(), Error> {
        let not_reported = |source| Error::NotReported { done: report.done(), source };
        if !self.json {
            self.report_on(Channel::StandardError, report)?;
            return write_all_out(secret_text(&[secret, "\n"]).as_bytes()).map_err(not_reported);
        }
        let json = serde_json::to_string(report).map_err(|error| not_reported(error.into()))?;
        let json = json.strip_suffix('}').unwrap_or(&json);
        // Base58 and base64 have nothing that JSON would escape.
        let json = secret_text(&[json, ",\"", name, "\":\"", secret, "\"}\n"]);
        write_all_out(printable_json(&json).as_bytes()).map_err(not_reported)
    }

    /// Writes to standard output what is neither report nor message, a script for instance; `what`
    /// names it.
    pub(crate) fn raw(self, what: &'static str, bytes: &[u8]) -> Result<(), Error> {
        write_out(bytes).map_err(|source| Error::StandardOutput { what, source })
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

    /// A question, whose answer is awaited on the same line.
    pub(crate) fn question(self, question: &str) {
        write_err(question);
    }

    /// Something that a person should change.
    pub(crate) fn warn(self, message: impl Display) {
        let message = message.to_string();
        if self.json {
            write_json_err(&json!({ "warning": { "message": message } }));
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
        // Whoever closed the pipe knows, so this is no alarm.
        if matches!(error, Error::ReaderGone) && !self.json {
            self.note(error);
            return error.kind().exit_status();
        }
        self.failure(error.kind(), &error.to_string())
    }

    /// The same for what is not known as an [`Error`]: arguments that cannot be parsed.
    pub(crate) fn failure(self, kind: Kind, message: &str) -> ExitStatus {
        let status = kind.exit_status();
        if self.json {
            let (kind, exit_status) = (kind.as_str(), status.number());
            let error = json!({ "kind": kind, "message": message, "exit_status": exit_status });
            write_json_err(&json!({ "error": error }));
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

fn write_json_err(value: &serde_json::Value) {
    write_err(&format!("{}\n", *printable_json(&value.to_string())));
}

/// Colours are taken out where nobody would see them, and where `NO_COLOR` says so.
fn write_err(text: &str) {
    // Where even this fails there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// The text with its labels in their styles, which are taken out again where nobody would see them.
fn coloured(text: &str, labels: &[(&str, Style)]) -> String {
    let line = |line: &str| {
        let label = labels.iter().find(|(label, _)| line.starts_with(&format!("{label} ")));
        let Some((label, style)) = label else { return line.to_owned() };
        format!("{style}{label}{style:#}{}", line.get(label.len()..).unwrap_or_default())
    };
    text.split_inclusive('\n').map(line).collect()
}

/// A reader that has gone away is no error.
fn write_out(bytes: &[u8]) -> io::Result<()> {
    unless_gone(write_all_out(bytes))
}

fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write_all_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}
