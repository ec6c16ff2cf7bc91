//! The builds for other machines than this one: bare metal and WebAssembly.

use anyhow::Result;

use crate::layers::{CLIENT, PRIMITIVES, RUMA_TYPES, X25519_BATCH, below_ruma};
use crate::steps::Steps;
use crate::toolchain::{BARE_METAL, CrossCompiler, WASM32};

/// Builds `x25519-batch` and `primitives` without std.
///
/// # Errors
///
/// When it does not build.
pub(crate) fn no_std(steps: &mut Steps, compiler: CrossCompiler) -> Result<()> {
    let mut build = compiler.cargo("build", BARE_METAL)?;
    build.args(["--no-default-features", "-p", X25519_BATCH, "-p", PRIMITIVES]);
    steps.run("no_std: x25519-batch, primitives", &mut build)
}

/// Builds for wasm32 what must run there.
///
/// # Errors
///
/// When something does not build.
pub(crate) fn wasm32(steps: &mut Steps, compiler: CrossCompiler) -> Result<()> {
    let mut lower = compiler.cargo("build", WASM32)?;
    lower.arg("--no-default-features");
    lower.args(below_ruma().flat_map(|package| ["-p", package]));
    steps.run("wasm32: the layers below ruma-types", &mut lower)?;
    // Each on its own, so that one does not get by on what another has switched on.
    for (name, package, features) in [
        ("client without features", CLIENT, ""),
        ("client on a browser's transport", CLIENT, "homeserver"),
        ("ruma-types", RUMA_TYPES, ""),
    ] {
        let mut build = compiler.cargo("build", WASM32)?;
        build.args(["--no-default-features", "-p", package, "--features", features]);
        steps.run(&format!("wasm32: {name}"), &mut build)?;
    }
    Ok(())
}
