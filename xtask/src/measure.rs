//! `cargo xtask measure`: the figures that DESIGN.md states, printed.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::project;
use crate::steps::output;

/// Uploads and restores many sessions through the SQLite store, and prints peak memory and time.
///
/// Each figure is a process of its own, built with optimisations: a peak belongs to a process.
/// The sessions are real, made as they are uploaded, and vouched for. The task fails where the
/// largest run takes over 16 MiB more than the smallest. Memory is read from /proc, on Linux.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many sessions to upload and restore, run by run.
    #[arg(long, default_values_t = [10_000, 100_000], value_name = "SESSIONS")]
    sessions: Vec<u32>,
}

/// What `examples/memory.rs` of the engine prints.
#[derive(Debug, Deserialize)]
struct Figure {
    action: String,
    sessions: u32,
    seconds: f64,
    peak_kib: u64,
    peak_before_kib: u64,
}

/// Memory must be the same whatever the size of the backup, within this much.
const TOLERANCE_KIB: u64 = 16 * 1024;

/// Runs the task.
///
/// # Errors
///
/// When a run fails, or memory grows with the size of the backup.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let folder = project::root()?.join("target/measure");
    std::fs::create_dir_all(&folder).context("cannot make target/measure")?;
    println!("| sessions | what | peak memory | of which at start | time | keys a second |");
    println!("|---:|---|---:|---:|---:|---:|");
    let mut figures = Vec::new();
    for &sessions in &arguments.sessions {
        let store = tempfile::tempdir_in(&folder).context("no room in target/measure")?;
        let file = store.path().join("store.sqlite3");
        for action in ["upload", "restore"] {
            let figure = measure(action, sessions, &file)?;
            print(&figure);
            figures.push(figure);
        }
    }
    check_flat(&figures)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(action: &str, sessions: u32, file: &std::path::Path) -> Result<Figure> {
    let mut command = project::cargo()?;
    command.args(["run", "--quiet", "--release", "--locked", "--package", "matrix-key-backup"]);
    command.args(["--example", "memory", "--features", "sqlite,rayon", "--"]);
    command.args([action, &sessions.to_string()]).arg(file);
    let printed = output(&mut command)?;
    serde_json::from_str(&printed).with_context(|| format!("not a figure: {printed}"))
}

#[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
fn print(figure: &Figure) {
    let Figure { action, sessions, seconds, peak_kib, peak_before_kib } = figure;
    let mib = |kib: u64| kib as f64 / 1024.0;
    println!(
        "| {sessions} | {action} | {:.1} MiB | {:.1} MiB | {seconds:.1} s | {:.0} |",
        mib(*peak_kib),
        mib(*peak_before_kib),
        f64::from(*sessions) / seconds,
    );
}

fn check_flat(figures: &[Figure]) -> Result<()> {
    for action in ["upload", "restore"] {
        let peaks = || figures.iter().filter(|f| f.action == action).map(|f| f.peak_kib);
        let (Some(least), Some(most)) = (peaks().min(), peaks().max()) else { continue };
        if most - least > TOLERANCE_KIB {
            bail!("{action}: memory grows with the backup, from {least} KiB to {most} KiB");
        }
    }
    Ok(())
}
