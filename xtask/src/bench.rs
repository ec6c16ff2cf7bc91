//! `cargo xtask bench`: how fast ours and the deployed implementations are, side by side.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use crate::project;
use crate::steps::{self, Steps};

/// Measures ours and deployed implementations in one process and one run, and prints a table.
///
/// Encryption and decryption of one key and of many, on every tier that the processor has, on one
/// thread and on two; restores of a file with 100,000 keys, and their memory. The program is
/// peers/bench; building it takes minutes. Figures are medians of ratios within a round, so a
/// machine that does other work as well does little harm. Linux only.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Tries out whether it all works, with few rounds and small files, built as tests are: the
    /// figures mean nothing.
    #[arg(long)]
    quick: bool,

    /// How often everything is measured [default: 100].
    #[arg(long, value_name = "COUNT")]
    rounds: Option<u32>,

    /// Restores files of 1,000,000 keys as well: takes 5 GB of disk and some minutes.
    #[arg(long)]
    million: bool,

    /// Writes the figures to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Draws them into a file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs the task.
///
/// # Errors
///
/// When the program cannot be built, or fails.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let mut command = program(arguments.quick)?;
    if let Some(rounds) = arguments.rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    if arguments.million {
        command.arg("--million");
    }
    for (option, file) in [("--json", &arguments.json), ("--svg", &arguments.svg)] {
        if let Some(file) = file {
            // From where the person stands, and not from the root.
            command.arg(option).arg(std::path::absolute(file)?);
        }
    }
    steps::status(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// What `cargo xtask ci` runs of this: whether it works, and what it writes.
///
/// # Errors
///
/// As [`main`], or when a figure is missing.
pub(crate) fn quick(steps: &mut Steps) -> Result<()> {
    let folder = project::root()?.join("target/bench");
    std::fs::create_dir_all(&folder).context("cannot make target/bench")?;
    let (json, svg) = (folder.join("quick.json"), folder.join("quick.svg"));
    let mut command = program(true)?;
    command.arg("--json").arg(&json).arg("--svg").arg(&svg);
    steps.run("bench, quickly", &mut command)?;
    steps.call("bench: what it wrote", "cargo xtask bench --quick", || {
        check_figures(&serde_json::from_str(&read(&json)?).context("not JSON")?)?;
        check_picture(&read(&svg)?)
    })
}

fn program(quick: bool) -> Result<Command> {
    let mut command = project::cargo()?;
    command.args(["run", "--quiet", "--locked", "--manifest-path", "peers/Cargo.toml"]);
    // A peer may ask for a newer Rust than it needs.
    command.args(["--ignore-rust-version", "--package", "bench"]);
    // The tests of peers/ are built without optimisations: nothing is built twice.
    command.args(if quick { ["--", "--quick"].as_slice() } else { &["--release", "--"] });
    Ok(command)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", project::shown(path)))
}

/// What other programs read of the figures.
const FIGURES: [&str; 12] = [
    "encrypt_batch_vs_vodozemac",
    "decrypt_batch_vs_vodozemac",
    "encrypt_wire_vs_vodozemac",
    "decrypt_wire_vs_vodozemac",
    "encrypt_wire_vs_vodozemac_text",
    "decrypt_wire_vs_vodozemac_text",
    "encrypt_one_vs_vodozemac",
    "decrypt_one_vs_vodozemac",
    "wire_vs_core",
    "walk_vs_core",
    "restore_100k_seconds",
    "restore_peak_mib",
];
const TIERS: [&str; 3] = ["avx512-ifma", "avx2", "portable"];

/// The shape: every figure of every tier is a number, and those of the default are its tier's.
fn check_figures(json: &Value) -> Result<()> {
    let figures = object(json, "the file")?;
    let tiers = object(figures.get("tiers").unwrap_or_default(), "`tiers`")?;
    let tier = figures.get("tier").and_then(Value::as_str).context("`tier` is missing")?;
    ensure!(tiers.contains_key("portable"), "every processor has the portable tier");
    for (name, tier) in tiers {
        ensure!(TIERS.contains(&name.as_str()), "a tier of another name: {name}");
        check_tier(object(tier, name)?).with_context(|| format!("the tier {name}"))?;
    }
    let default = object(tiers.get(tier).unwrap_or_default(), "the tier that `tier` names")?;
    for name in FIGURES {
        ensure!(figures.get(name) == default.get(name), "`{name}` is another than that of {tier}");
    }
    Ok(())
}

fn check_tier(tier: &Map<String, Value>) -> Result<()> {
    for name in FIGURES {
        let figure = tier.get(name).and_then(Value::as_f64);
        ensure!(figure.is_some_and(|figure| figure > 0.0), "`{name}` is no number above zero");
    }
    Ok(())
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().with_context(|| format!("{what} is no object"))
}

/// Who stands in how many panels: matrix-sdk-crypto lets nobody in between, so its bars are those
/// of the wire alone.
const BARS: [(&str, usize); 5] = [
    (">vodozemac</text>", 4),
    (">vodozemac, session key as text</text>", 2),
    (">matrix-sdk-crypto</text>", 2),
    (">ours, one key</text>", 4),
    (">ours, batch, portable</text>", 4),
];

/// That it is one picture, with a bar for everybody who can do what it shows.
fn check_picture(svg: &str) -> Result<()> {
    ensure!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "not one SVG");
    ensure!(svg.matches("<svg ").count() == 1, "more than one SVG");
    ensure!(!svg.contains("NaN") && !svg.contains("inf\""), "a bar without a length");
    for (name, panels) in BARS {
        ensure!(svg.matches(name).count() == panels, "{name} is not in {panels} panels");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figures() -> Value {
        let tier: Map<_, _> =
            FIGURES.map(|name| (name.to_owned(), json!(1.5))).into_iter().collect();
        let mut figures = tier.clone();
        figures.insert("tier".to_owned(), json!("avx2"));
        figures.insert("tiers".to_owned(), json!({"avx2": tier, "portable": tier}));
        figures.into()
    }

    #[test]
    fn figures_are_whole_or_refused() {
        check_figures(&figures()).unwrap();
        for (pointer, wrong) in [
            ("/tier", json!("avx512-ifma")),
            ("/tier", json!(null)),
            ("/tiers/avx2/decrypt_wire_vs_vodozemac", json!(null)),
            ("/tiers/avx2/restore_peak_mib", json!(0)),
            ("/tiers/portable", json!({})),
            ("/encrypt_one_vs_vodozemac", json!(2.5)),
        ] {
            let mut figures = figures();
            *figures.pointer_mut(pointer).unwrap() = wrong;
            check_figures(&figures).expect_err(pointer);
        }
    }

    #[test]
    fn a_picture_is_whole_or_refused() {
        let mut bars = String::new();
        for (name, panels) in BARS {
            bars += &format!("<text{name}").repeat(panels);
        }
        check_picture(&format!("<svg >{bars}</svg>\n")).unwrap();
        check_picture(&format!("<svg >{bars}{bars}</svg>\n")).unwrap_err();
        check_picture(&format!("<svg >{bars}")).unwrap_err();
        check_picture(&format!("<svg >{bars}<rect width=\"NaN\"/></svg>\n")).unwrap_err();
    }
}
