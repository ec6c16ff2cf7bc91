//! Compilers and their targets: what is there is used; what is missing is installed, first by
//! rustup, then from Debian's packages. When neither works it is an error, never a skipped check.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{project, steps};

/// WebAssembly without an operating system: what browsers run.
pub(crate) const WASM32: &str = "wasm32-unknown-unknown";
/// A bare machine: what builds for it uses neither std nor an operating system.
pub(crate) const BARE_METAL: &str = "x86_64-unknown-none";

/// The oldest Rust that the crates promise to build with, as a toolchain's name.
pub(crate) fn msrv() -> String {
    let promised = env!("CARGO_PKG_RUST_VERSION");
    if promised.matches('.').count() == 1 { format!("{promised}.0") } else { promised.to_owned() }
}

/// A way to build for another target than this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrossCompiler {
    /// The compiler in use has the target's standard library.
    InUse,
    /// Debian's compiler builds the standard library from Debian's source.
    Debian,
}

impl CrossCompiler {
    /// `cargo <verb> --target <target>`, ready for packages and features.
    ///
    /// # Errors
    ///
    /// When this is not a checkout.
    pub(crate) fn cargo(self, verb: &str, target: &str) -> Result<Command> {
        let mut command = project::cargo()?;
        if self == Self::Debian {
            command = Command::new(DEBIAN_CARGO);
            command.current_dir(project::root()?);
            // The variables that rustup's cargo hands down would lead back to its compiler.
            for name in ["RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO", "RUSTDOC"] {
                command.env_remove(name);
            }
            command
                .env("RUSTC", "/usr/bin/rustc")
                // `-Zbuild-std` is what the distribution's package is for, nightly or not.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Clinker-flavor=wasm-ld");
        }
        command.arg(verb).args(["--locked", "--target", target]);
        if self == Self::Debian {
            command.args(["--target-dir", "target/debian"]);
            command.arg(match target {
                BARE_METAL => "-Zbuild-std=core,alloc",
                _ => "-Zbuild-std=std,panic_abort",
            });
        }
        Ok(command)
    }
}

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// Whether the compiler in use can build for `target` as it is. Installs nothing.
pub(crate) fn has_target(target: &str) -> bool {
    sysroot().is_ok_and(|sysroot| sysroot.join("lib/rustlib").join(target).join("lib").is_dir())
}

/// Makes `target` buildable.
///
/// # Errors
///
/// When neither rustup nor Debian's packages can provide it: the message says what was tried.
pub(crate) fn ensure_target(target: &str) -> Result<CrossCompiler> {
    if has_target(target) {
        return Ok(CrossCompiler::InUse);
    }
    println!("the target {target} is missing: asking rustup for it");
    let by_rustup = quietly_try(Command::new("rustup").args(["target", "add", target]));
    if has_target(target) {
        return Ok(CrossCompiler::InUse);
    }
    println!("rustup: {}; asking Debian's packages", because(&by_rustup));
    if debian_is_there() {
        return Ok(CrossCompiler::Debian);
    }
    let by_debian = apt_install(&DEBIAN_PACKAGES);
    if debian_is_there() {
        return Ok(CrossCompiler::Debian);
    }
    bail!(
        "cannot build for {target}. Tried `rustup target add {target}` ({}), then \
         `apt-get install {}` ({}). Install one of them by hand and start again.",
        because(&by_rustup),
        DEBIAN_PACKAGES.join(" "),
        because(&by_debian),
    )
}

/// A cargo of the promised oldest Rust.
///
/// # Errors
///
/// When that compiler is neither in use nor to be had from rustup, its only source.
pub(crate) fn ensure_msrv() -> Result<Command> {
    let version = msrv();
    if rustc_version()?.starts_with(&format!("rustc {version} ")) {
        return project::cargo();
    }
    let mut tried = quietly_try(Command::new("rustup").args(["run", &version, "rustc", "-V"]));
    if tried.is_err() {
        println!("Rust {version} is missing: asking rustup for it");
        tried = quietly_try(Command::new("rustup").args([
            "toolchain",
            "install",
            &version,
            "--profile",
            "minimal",
        ]));
    }
    if let Err(why) = tried {
        bail!(
            "cannot check that the crates build with Rust {version}, as they promise: rustup is \
             the only source of that compiler, and `rustup toolchain install {version}` did not \
             work ({why:#})"
        );
    }
    let mut command = Command::new("rustup");
    command.current_dir(project::root()?).args(["run", &version, "cargo"]);
    // Cargo would take these over from the cargo that runs us.
    command.env_remove("RUSTC").env_remove("CARGO");
    Ok(command)
}

/// A component of the compiler in use (`rustfmt`, `clippy`), found by the command it brings.
///
/// # Errors
///
/// When it is missing and rustup cannot add it.
pub(crate) fn ensure_component(component: &str, subcommand: &str) -> Result<()> {
    let works = || quietly_try(project::cargo()?.args([subcommand, "--version"]));
    if works().is_ok() {
        return Ok(());
    }
    let by_rustup = quietly_try(Command::new("rustup").args(["component", "add", component]));
    works().with_context(|| {
        format!(
            "{component} is missing; `rustup component add {component}`: {}",
            because(&by_rustup)
        )
    })
}

/// A C++ compiler, which libFuzzer is built with.
///
/// # Errors
///
/// When it is missing and Debian's packages cannot provide it.
pub(crate) fn ensure_cxx() -> Result<()> {
    let works = || quietly_try(Command::new("c++").arg("--version"));
    if std::env::var_os("CXX").is_some() || works().is_ok() {
        return Ok(());
    }
    let by_debian = apt_install(&["g++"]);
    works().with_context(|| {
        format!("libFuzzer needs a C++ compiler; `apt-get install g++`: {}", because(&by_debian))
    })
}

/// The names that Chromium and Chrome go by.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A Chromium or a Chrome, by its name.
///
/// # Errors
///
/// When there is none and Debian's packages cannot provide one.
pub(crate) fn ensure_browser() -> Result<&'static str> {
    let there = || {
        let works = |name: &&str| quietly_try(Command::new(name).arg("--version")).is_ok();
        BROWSERS.into_iter().find(works)
    };
    if let Some(name) = there() {
        return Ok(name);
    }
    println!("no Chromium is installed: asking Debian's packages for one");
    let by_debian = apt_install(&["chromium"]);
    there().with_context(|| {
        format!(
            "a page is looked at in Chromium; `apt-get install chromium`: {}",
            because(&by_debian)
        )
    })
}

/// Valgrind, with what it needs to know of the C library.
///
/// # Errors
///
/// When it is missing and Debian's packages cannot provide it.
pub(crate) fn ensure_valgrind() -> Result<()> {
    // It has to start a program: without the symbols of the C library it does not.
    let works = || quietly_try(Command::new("valgrind").args(["--quiet", "true"]));
    if works().is_ok() {
        return Ok(());
    }
    let by_debian = apt_install(&["valgrind", "libc6-dbg"]);
    works().with_context(|| {
        let why = because(&by_debian);
        format!("valgrind is missing; `apt-get install valgrind libc6-dbg`: {why}")
    })
}

/// The target that the compiler in use builds for by itself.
///
/// # Errors
///
/// When the compiler does not say.
pub(crate) fn host() -> Result<String> {
    let verbose = steps::output(rustc().arg("-vV"))?;
    verbose
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

/// `rustc 1.…`, as the compiler in use says it.
///
/// # Errors
///
/// When there is no compiler.
pub(crate) fn rustc_version() -> Result<String> {
    Ok(steps::output(rustc().arg("-V"))?.trim().to_owned())
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(steps::output(rustc().args(["--print", "sysroot"]))?.trim()))
}

fn debian_is_there() -> bool {
    let source = Path::new("/usr/bin/rustc").exists() && Path::new(DEBIAN_CARGO).exists();
    let linker = quietly_try(Command::new("wasm-ld").arg("--version")).is_ok();
    let std_source = steps::output(Command::new("/usr/bin/rustc").args(["--print", "sysroot"]))
        .is_ok_and(|root| Path::new(root.trim()).join("lib/rustlib/src/rust/library").exists());
    source && linker && std_source
}

/// Installs Debian packages as root, or by a sudo that asks nothing.
///
/// # Errors
///
/// When that does not work, or this is not Debian.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        // `exec "$@"` keeps every package name a word of its own.
        let as_root = r#"[ "$(id -u)" = 0 ] || set -- sudo -n "$@"; exec "$@""#;
        command.args(["-c", as_root, "sh", "apt-get"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        quietly_try(&mut command)
    };
    // An old list may name packages that are no longer there; a failure shows in the next line.
    apt(&["update", "-q"]).ok();
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)
}

/// Runs a command and keeps its output to itself unless it fails.
fn quietly_try(command: &mut Command) -> Result<()> {
    steps::output(command.stdin(Stdio::null())).map(drop)
}

fn because(outcome: &Result<()>) -> String {
    match outcome {
        Ok(()) => "it ended well, but what was asked for is still missing".to_owned(),
        Err(why) => format!("{why:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rust_is_a_toolchain_with_three_numbers() {
        assert_eq!(msrv().split('.').count(), 3, "{}", msrv());
    }

    #[test]
    fn a_target_that_no_compiler_has_is_not_there() {
        assert!(!has_target("pdp11-unknown-none"));
        assert!(has_target(&host().unwrap()), "the machine's own target");
    }

    #[test]
    fn debian_builds_the_standard_library_for_the_target() {
        let bare = CrossCompiler::Debian.cargo("build", BARE_METAL).unwrap();
        assert!(steps::show(&bare).contains("-Zbuild-std=core,alloc"), "no std on bare metal");
        let wasm = CrossCompiler::Debian.cargo("build", WASM32).unwrap();
        assert!(steps::show(&wasm).contains("-Zbuild-std=std,panic_abort"));
    }
}
