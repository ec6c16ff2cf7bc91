//! `cargo xtask measure`: the figures that DESIGN.md states, printed.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::homeserver::{self, Homeserver};
use crate::project;
use crate::steps::output;

/// Uploads and restores many sessions through the SQLite store, and prints peak memory and time.
///
/// Each figure is a process of its own, built with optimisations: a peak belongs to a process.
/// The sessions are real, made as they are uploaded, and vouched for. The task fails where the
/// largest run takes over 16 MiB more than the smallest. Memory is read from /proc, on Linux.
///
/// With --homeserver the store is a real homeserver, started for it with empty data. How long it was
/// waited for, and how long its process had a processor, is printed as well.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, value_name = "SESSIONS")]
    #[arg(help = "How many sessions to upload and restore, run by run [default: 10000 100000]")]
    sessions: Vec<u32>,

    /// On a homeserver: 25,000 and 50,000 sessions, in rooms of 100, where --sessions says nothing
    /// else.
    #[arg(long)]
    homeserver: bool,
}

const IN_A_FILE: [u32; 2] = [10_000, 100_000];
/// Both larger than what an uploader reads ahead for a homeserver, so that memory can be compared.
const ON_A_HOMESERVER: [u32; 2] = [25_000, 50_000];
const USER: &str = "alice";
const EXAMPLE: [&str; 7] = [
    "--locked",
    "--package",
    "matrix-key-backup",
    "--example",
    "memory",
    "--features",
    "sqlite,http,rayon",
];

/// What the engine's `examples/memory` prints.
#[derive(Debug, Deserialize)]
struct Figure {
    action: String,
    sessions: u32,
    seconds: f64,
    /// In which an answer of the homeserver, or the next piece of one, was waited for.
    waiting_seconds: f64,
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
    let or_else = |default: &[u32]| match arguments.sessions.is_empty() {
        true => default.to_vec(),
        false => arguments.sessions.clone(),
    };
    let figures = match arguments.homeserver {
        true => on_a_homeserver(&or_else(&ON_A_HOMESERVER))?,
        false => in_a_file(&or_else(&IN_A_FILE))?,
    };
    check_flat(&figures)?;
    Ok(ExitCode::SUCCESS)
}

fn in_a_file(sessions: &[u32]) -> Result<Vec<Figure>> {
    let folder = project::root()?.join("target/measure");
    std::fs::create_dir_all(&folder).context("cannot make target/measure")?;
    println!("| sessions | what | peak memory | of which at start | time | keys a second |");
    println!("|---:|---|---:|---:|---:|---:|");
    let mut figures = Vec::new();
    for &sessions in sessions {
        let store = tempfile::tempdir_in(&folder).context("no room in target/measure")?;
        let file = store.path().join("store.sqlite3");
        for action in ["upload", "restore"] {
            let figure = run(example(action, sessions)?.arg(&file))?;
            println!("{}", row(&figure));
            figures.push(figure);
        }
    }
    Ok(figures)
}

/// Each size has a server with nothing else in it.
fn on_a_homeserver(sessions: &[u32]) -> Result<Vec<Figure>> {
    homeserver::install()?;
    // Built before the first run, which would wait for it.
    output(project::cargo()?.args(["build", "--release"]).args(EXAMPLE))?;
    let server = Homeserver::claim("measure")?;
    println!(
        "| sessions | what | peak memory | of which at start | time | keys a second | waiting for the \
         server | the server computed |"
    );
    println!("|---:|---|---:|---:|---:|---:|---:|---:|");
    let mut figures = Vec::new();
    for &sessions in sessions {
        server.wipe()?;
        let measured = sizes(&server, sessions);
        server.wipe()?;
        figures.extend(measured?);
    }
    Ok(figures)
}

fn sizes(server: &Homeserver, sessions: u32) -> Result<Vec<Figure>> {
    let mut state = server.start(&[USER])?;
    let (url, pid) = (state.url.clone(), state.pid.context("a server that runs")?);
    let password = state.user(USER)?.password.clone();
    let mut figures = Vec::new();
    for action in ["upload", "restore"] {
        let before = processor_seconds(pid)?;
        let mut command = example(action, sessions)?;
        command.arg(&url).env("MATRIX_KEY_BACKUP_TEST_USER", USER);
        let figure = run(command.env("MATRIX_KEY_BACKUP_TEST_PASSWORD", &password))?;
        let (waiting, computed) = (figure.waiting_seconds, processor_seconds(pid)? - before);
        ensure!(waiting > 0.0, "{action}: nothing was asked of the server");
        println!("{} {waiting:.1} s | {computed:.1} s |", row(&figure));
        figures.push(figure);
    }
    Ok(figures)
}

/// How long a process has had a processor, as Linux counts it: in hundredths of a second.
fn processor_seconds(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/stat");
    let said = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    // The name in parentheses, which may hold anything, comes before.
    let fields = said.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(ticks.len() == 2, "{file} is not as Linux writes it");
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn example(action: &str, sessions: u32) -> Result<Command> {
    let mut command = project::cargo()?;
    command.args(["run", "--quiet", "--release"]).args(EXAMPLE);
    command.args(["--", action, &sessions.to_string()]);
    Ok(command)
}

fn run(command: &mut Command) -> Result<Figure> {
    let printed = output(command)?;
    serde_json::from_str(&printed).with_context(|| format!("not a figure: {printed}"))
}

#[expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]
fn row(figure: &Figure) -> String {
    let Figure { action, sessions, seconds, peak_kib, peak_before_kib, .. } = figure;
    let mib = |kib: u64| kib as f64 / 1024.0;
    format!(
        "| {sessions} | {action} | {:.1} MiB | {:.1} MiB | {seconds:.1} s | {:.0} |",
        mib(*peak_kib),
        mib(*peak_before_kib),
        f64::from(*sessions) / seconds,
    )
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
