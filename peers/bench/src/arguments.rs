//! What the command line says.

use std::{env, path::PathBuf};

use crate::{Result, restore::Errand};

const USAGE: &str =
    "usage: bench [--quick] [--rounds COUNT] [--million] [--json FILE] [--svg FILE]";
const ROUNDS: usize = 100;
const SESSIONS: usize = 100_000;

/// What is to be done.
pub(crate) enum Arguments {
    /// The whole comparison.
    Compare(Comparison),
    /// One restore, in a process that does nothing else: its memory is what is measured.
    Restore(Errand),
}

/// How much is measured, and where the figures go.
pub(crate) struct Comparison {
    /// How often everything is measured.
    pub(crate) rounds: usize,
    /// How many keys a restored file has.
    pub(crate) sessions: usize,
    /// Whether files of a million keys are restored as well.
    pub(crate) million: bool,
    /// Where to write the figures.
    pub(crate) json: Option<PathBuf>,
    /// Where to draw them.
    pub(crate) svg: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn from_command_line() -> Result<Self> {
        let mut comparison = Comparison {
            rounds: ROUNDS,
            sessions: SESSIONS,
            million: false,
            json: None,
            svg: None,
        };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--quick" => (comparison.rounds, comparison.sessions) = (2, 1_000),
                "--rounds" => comparison.rounds = value()?.parse()?,
                "--million" => comparison.million = true,
                "--json" => comparison.json = Some(value()?.into()),
                "--svg" => comparison.svg = Some(value()?.into()),
                Errand::OPTION => return Ok(Self::Restore(serde_json::from_str(&value()?)?)),
                _ => return Err(USAGE.into()),
            }
        }
        if comparison.rounds == 0 { Err(USAGE.into()) } else { Ok(Self::Compare(comparison)) }
    }
}
