//! How fast ours and the deployed implementations do the same work: `cargo xtask bench`.
//!
//! Everything is measured in one process and one run, in rounds: each round does every piece of
//! work once, so that whatever else the machine does hits all alike. What counts is the median
//! over the rounds of the ratio within a round. [`subject`] is one piece of work, [`rounds`] does
//! them, [`peers`] and [`ours`] say what they are. [`restore`] restores whole files, each in a
//! process of its own.
//!
//! The program is no library code: whatever goes wrong ends it.

mod arguments;
mod backup_file;
mod clock;
mod figures;
mod input;
mod memory;
mod ours;
mod peers;
mod plot;
mod restore;
mod rounds;
mod subject;
mod table;
mod tier;

use std::{error::Error, fs, path::Path};

use crate::arguments::{Arguments, Comparison};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    match Arguments::from_command_line()? {
        Arguments::Compare(comparison) => compare(&comparison),
        Arguments::Restore(errand) => {
            let outcome = pollster::block_on(restore::run(&errand))?;
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
    }
}

fn compare(comparison: &Comparison) -> Result<()> {
    let input = input::Input::new()?;
    let mut subjects = peers::subjects(&input)?;
    subjects.extend(ours::subjects(&input)?);
    rounds::run(&mut subjects, comparison.rounds)?;
    let restores = restore::all(comparison)?;
    let figures = figures::Figures::new(comparison.rounds, &subjects, restores)?;
    println!("{}", table::markdown(&figures));
    if let Some(file) = &comparison.json {
        write(file, &(serde_json::to_string_pretty(&figures)? + "\n"))?;
    }
    if let Some(file) = &comparison.svg {
        write(file, &plot::svg(&figures))?;
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
