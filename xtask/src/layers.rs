//! The stack as design has it: who may know whom, and how much a layer may weigh.
//!
//! A maintainer pulls in one layer alone, so what it drags along is part of its interface.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{project, steps};

/// The layers from the bottom to the top. An arrow points down: never up, never to a neighbour.
const LAYERS: &[&[&str]] = &[
    &[X25519_BATCH],
    &["matrix-key-backup-primitives"],
    &["matrix-key-backup-wire"],
    &["matrix-key-backup-v1", "matrix-key-backup-v2"],
    &[
        "matrix-key-backup-trust",
        "matrix-key-backup-key-export",
        "matrix-key-backup-secret-storage",
    ],
    &["matrix-key-backup-ruma"],
    &[CLIENT],
    &["matrix-key-backup-cli"],
];

/// The engine. Without its features it is as free of I/O as the layers below it.
pub(crate) const CLIENT: &str = "matrix-key-backup";
/// Ruma's types, for SDKs that are built on them.
pub(crate) const RUMA_TYPES: &str = "matrix-key-backup-ruma";
/// Many X25519 operations at once. It must do without std, as the layer above it.
pub(crate) const X25519_BATCH: &str = "matrix-key-backup-x25519-batch";
/// The first layer that knows of Matrix. It must do without std.
pub(crate) const PRIMITIVES: &str = "matrix-key-backup-primitives";

const PRIMITIVES_MAX_CRATES: usize = 40;

/// The layers below `ruma-types`: no I/O, nothing of Ruma, wasm32 like anything else.
pub(crate) fn below_ruma() -> impl Iterator<Item = &'static str> {
    LAYERS
        .iter()
        .take_while(|layer| !layer.contains(&RUMA_TYPES))
        .flat_map(|layer| layer.iter().copied())
}

/// A package of the workspace, as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// Absent for what the library itself needs, else `dev` or `build`.
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// The packages of the stack: those in crates/. Examples and tasks stand beside it, and may know
/// every layer.
///
/// # Errors
///
/// When cargo does not understand the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let json = steps::output(project::cargo()?.args([
        "metadata",
        "--no-deps",
        "--locked",
        "--format-version=1",
    ]))?;
    let metadata: Metadata =
        serde_json::from_str(&json).context("`cargo metadata` wrote something unexpected")?;
    let stack = project::root()?.join("crates");
    let in_stack = |package: &Package| package.manifest_path.starts_with(&stack);
    let packages: Vec<_> = metadata.packages.into_iter().filter(in_stack).collect();
    ensure!(!packages.is_empty(), "no package of the workspace is in {}", stack.display());
    Ok(packages)
}

/// Checks that every arrow between packages of the workspace points down.
///
/// # Errors
///
/// Names the package, and what it must not know.
pub(crate) fn check_arrows() -> Result<()> {
    let packages = packages()?;
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in &packages {
        let from = height(&package.name)?;
        for dependency in package.dependencies.iter().filter(|known| known.kind.is_none()) {
            if ours.contains(dependency.name.as_str()) {
                let to = height(&dependency.name)?;
                let (name, known) = (&package.name, &dependency.name);
                ensure!(to < from, "{name} must not depend on {known}: an arrow points down");
            }
        }
    }
    println!("{} packages, every arrow points down", packages.len());
    Ok(())
}

fn height(package: &str) -> Result<usize> {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&package))
        .with_context(|| format!("{package} is in no layer: give it one in xtask/src/layers.rs"))
}

/// Checks what each layer drags along: the number of crates, and that none of them is Ruma's.
///
/// # Errors
///
/// Names the layer that is too heavy, and by what.
pub(crate) fn check_weight() -> Result<()> {
    for layer in below_ruma().chain([CLIENT]) {
        let crates = tree(layer, layer == CLIENT)?;
        println!("{:>4} crates  {layer}", crates.len());
        let ruma: Vec<_> = crates.iter().filter(|name| name.starts_with("ruma")).collect();
        if !ruma.is_empty() {
            bail!("{layer} pulls in {ruma:?}: Ruma belongs in {RUMA_TYPES} and above");
        }
        if layer == PRIMITIVES && crates.len() > PRIMITIVES_MAX_CRATES {
            bail!("{layer} pulls in {} crates; {PRIMITIVES_MAX_CRATES} is the limit", crates.len());
        }
    }
    Ok(())
}

/// The crates that end up in a program that uses `package`, itself included, as `name vVERSION`.
fn tree(package: &str, without_features: bool) -> Result<BTreeSet<String>> {
    let mut command = project::cargo()?;
    command.args(["tree", "--locked", "--edges=normal", "--prefix=none", "-p", package]);
    if without_features {
        command.arg("--no-default-features");
    }
    let lines = steps::output(&mut command)?;
    // `name v1.2.3 (path or mark)`: the first two words are the crate.
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(lines.lines().filter(|line| !line.is_empty()).map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_below_ruma_end_below_ruma() {
        let below: Vec<_> = below_ruma().collect();
        assert!(below.contains(&PRIMITIVES) && below.contains(&"matrix-key-backup-key-export"));
        assert!(!below.contains(&RUMA_TYPES) && !below.contains(&CLIENT));
    }

    #[test]
    fn every_package_has_a_layer() {
        let packages = packages().unwrap();
        assert_eq!(packages.len(), LAYERS.iter().map(|layer| layer.len()).sum::<usize>());
        assert!(packages.iter().all(|package| height(&package.name).is_ok()));
    }
}
