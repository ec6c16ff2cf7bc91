//! What the program returns to its caller.

use std::process::ExitCode;

/// The exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    Done,
    /// The command was carried out, and there is something to look at.
    Findings,
    Usage,
    WrongKey,
    Store,
    StandardOutput,
    NotLoggedIn,
    Interrupted,
}

/// Each number with its meaning, for the help and the man page.
pub(crate) const MEANINGS: [(ExitStatus, &str); 8] = [
    (ExitStatus::Done, "Done."),
    (
        ExitStatus::Findings,
        "Done, and something was forged, unreadable or missing, or was left out, or `doctor` has \
         found a fault; what it was is said.",
    ),
    (
        ExitStatus::Usage,
        "Wrong usage: an argument that makes no sense; a file that cannot be read or written, or \
         is damaged or of an unknown kind; a backup, key or secret that is not there; a backup that \
         is there already. Nothing was changed.",
    ),
    (
        ExitStatus::WrongKey,
        "Wrong key, passphrase or password; or a backup that another program changed after its key was tried, \
         or that the homeserver has gone back to. Nothing was changed.",
    ),
    (
        ExitStatus::Store,
        "The store cannot be reached, is broken, or is none; or the homeserver has failed, refuses, or \
         asks for a pause. What was acknowledged before stays.",
    ),
    (
        ExitStatus::StandardOutput,
        "Standard output could not be written to, so what was to be read there is missing. What \
         the command was to change is changed; the message says what that is.",
    ),
    (
        ExitStatus::NotLoggedIn,
        "Nobody is logged in, or the homeserver does not take the access token (any more): log in, and run the command again.",
    ),
    (ExitStatus::Interrupted, "Interrupted. The store is as the last finished batch left it."),
];

impl ExitStatus {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::WrongKey => 3,
            Self::Store => 4,
            Self::StandardOutput => 5,
            Self::NotLoggedIn => 6,
            Self::Interrupted => 130, // 128 and the number of SIGINT
        }
    }

    /// [`Findings`](Self::Findings) if there are any.
    pub(crate) fn from_findings(any: bool) -> Self {
        if any { Self::Findings } else { Self::Done }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.number())
    }
}
