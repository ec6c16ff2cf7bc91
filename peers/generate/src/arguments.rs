//! What the command line says.

use std::{env, path::PathBuf};

use crate::Result;

const USAGE: &str = "usage: generate [--sessions COUNT] [--rounds COUNT] FILE.txt";
const DEFAULT_SESSIONS: usize = 600;
// The least that the Matrix specification asks for, since tests open the file often.
const DEFAULT_ROUNDS: u32 = 100_000;

pub(crate) struct Arguments {
    pub(crate) sessions: usize,
    pub(crate) rounds: u32,
    pub(crate) output: PathBuf,
}

impl Arguments {
    pub(crate) fn from_command_line() -> Result<Self> {
        let (mut sessions, mut rounds, mut output) = (DEFAULT_SESSIONS, DEFAULT_ROUNDS, None);
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--sessions" => sessions = arguments.next().ok_or(USAGE)?.parse()?,
                "--rounds" => rounds = arguments.next().ok_or(USAGE)?.parse()?,
                option if option.starts_with('-') => return Err(USAGE.into()),
                _ if output.is_some() => return Err(USAGE.into()),
                _ => output = Some(PathBuf::from(argument)),
            }
        }
        Ok(Self { sessions, rounds, output: output.ok_or(USAGE)? })
    }

    /// The file beside the output that lists what is in it.
    pub(crate) fn list_file(&self) -> PathBuf {
        self.output.with_extension("json")
    }
}
