//! Synapse, installed from PyPI into target/homeserver/venv.
//!
//! requirements.txt names every package with its version and the hashes of its files, for all
//! machines and versions of Python; uv.txt likewise the installer, for those who have none.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::homeserver::{FOLDER, process};
use crate::{project, steps, toolchain};

/// What is installed, seen from the root.
const REQUIREMENTS: &str = "xtask/src/homeserver/requirements.txt";
/// What installs it, where there is no uv.
const INSTALLER: &str = "xtask/src/homeserver/uv.txt";
/// Written last: a copy of the requirements that are installed.
const MARKER: &str = "installed.txt";
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// The version of Synapse that the requirements name.
pub(crate) fn version() -> &'static str {
    let requirements = include_str!("requirements.txt");
    let name = |line: &'static str| line.strip_prefix("matrix-synapse==")?.split(' ').next();
    requirements.lines().find_map(name).unwrap_or("of an unknown version")
}

/// The Python that has Synapse.
///
/// # Errors
///
/// When xtask is not inside a checkout.
pub(crate) fn python() -> Result<PathBuf> {
    Ok(venv()?.join("bin/python"))
}

fn venv() -> Result<PathBuf> {
    Ok(project::root()?.join(FOLDER).join("venv"))
}

/// Installs Synapse, unless what requirements.txt names is installed already.
///
/// # Errors
///
/// When there is no Python, or a package cannot be had: the message says where the installer's
/// output is.
pub(crate) fn ensure() -> Result<()> {
    let root = project::root()?;
    let _lock = super::lock(&root.join(FOLDER), "venv")?;
    let wanted = std::fs::read(root.join(REQUIREMENTS)).context("no requirements.txt")?;
    let marker = venv()?.join(MARKER);
    let installed = std::fs::read(&marker).ok();
    if installed.as_ref() == Some(&wanted) && runs(&python()?) {
        return Ok(());
    }
    if !cfg!(unix) {
        bail!("Synapse does not run on this system: use Linux or macOS");
    }
    println!("installing Synapse {} into {FOLDER}/venv: 150 MB, once", version());
    let started = Instant::now();
    Installation::begin(&root)?.run()?;
    std::fs::write(&marker, wanted).context("cannot write into the venv")?;
    println!("installed in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// One attempt. All that is said in it goes to a log of its own.
#[derive(Debug)]
struct Installation {
    root: PathBuf,
    venv: PathBuf,
    log: PathBuf,
}

impl Installation {
    fn begin(root: &Path) -> Result<Self> {
        let log = root.join(FOLDER).join("install.log");
        File::create(&log).context("cannot write target/homeserver/install.log")?;
        Ok(Self { root: root.to_owned(), venv: venv()?, log })
    }

    fn run(&self) -> Result<()> {
        if self.venv.exists() {
            std::fs::remove_dir_all(&self.venv).context("cannot delete the old venv")?;
        }
        let uv = if runs(Path::new("uv")) { Some(PathBuf::from("uv")) } else { None };
        self.make_venv(uv.as_deref())?;
        match uv.or_else(|| self.fetch_uv()) {
            Some(uv) => {
                let mut install = self.uv(&uv);
                install.args(["pip", "install", "--python"]).arg(python()?);
                self.packages(&mut install, REQUIREMENTS)
            }
            None => self.packages(&mut self.pip()?, REQUIREMENTS),
        }
    }

    /// Debian keeps the module venv in a package of its own.
    fn make_venv(&self, uv: Option<&Path>) -> Result<()> {
        let python = find_python()?;
        if let Some(uv) = uv {
            return self.log(self.uv(uv).args(["venv", "--python"]).arg(&python).arg(&self.venv));
        }
        let make = || self.log(Command::new(&python).args(["-m", "venv"]).arg(&self.venv));
        if make().is_ok() {
            return Ok(());
        }
        println!("Python's module venv does not work: asking Debian's packages for it");
        let by_debian = toolchain::apt_install(&["python3-venv"]);
        make().with_context(|| {
            let tried = by_debian.map_or_else(|why| format!("{why:#}"), |()| "done".to_owned());
            format!("Python's module venv is needed; `apt-get install python3-venv`: {tried}")
        })
    }

    /// uv takes seconds where pip takes a minute. Where it is not to be had, pip will do.
    fn fetch_uv(&self) -> Option<PathBuf> {
        self.packages(&mut self.pip().ok()?, INSTALLER).ok()?;
        let uv = self.venv.join("bin/uv");
        runs(&uv).then_some(uv)
    }

    fn pip(&self) -> Result<Command> {
        let mut pip = Command::new(python()?);
        pip.args(["-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]);
        Ok(pip)
    }

    /// uv, kept from downloading another Python, and from writing outside target/.
    fn uv(&self, uv: &Path) -> Command {
        let mut command = Command::new(uv);
        command.env("UV_PYTHON_DOWNLOADS", "never");
        command.env("UV_NO_CACHE", "1");
        command
    }

    /// Nothing but what the file names, and nothing that would have to be built here.
    fn packages(&self, install: &mut Command, requirements: &str) -> Result<()> {
        install.args(["--require-hashes", "--only-binary", ":all:", "--requirement", requirements]);
        self.log(install)
    }

    /// Runs a command; what it says is kept, and its end shown where it fails.
    fn log(&self, command: &mut Command) -> Result<()> {
        let log = || File::options().append(true).open(&self.log).context("install.log is gone");
        command.current_dir(&self.root).stdin(Stdio::null()).stdout(log()?).stderr(log()?);
        let what = steps::show(command);
        let status = command.status().with_context(|| format!("could not start `{what}`"))?;
        if !status.success() {
            let (log, end) = (project::shown(&self.log), process::end_of(&self.log));
            bail!("`{what}` ended with {status}. The end of {log}:\n{end}");
        }
        Ok(())
    }
}

/// A Python that is new enough: the system's own, or one beside it.
fn find_python() -> Result<PathBuf> {
    let (major, oldest) = OLDEST_PYTHON;
    let newer = (oldest..=oldest + 10).rev().map(|minor| format!("python{major}.{minor}"));
    let names = ["python3".to_owned()].into_iter().chain(newer).chain(["python".to_owned()]);
    names.map(PathBuf::from).find(|name| is_new_enough(name)).with_context(|| {
        format!(
            "no Python {major}.{oldest} or newer: the homeserver for tests needs one. On Debian: \
             apt-get install python3-venv"
        )
    })
}

fn is_new_enough(python: &Path) -> bool {
    let (major, minor) = OLDEST_PYTHON;
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    steps::output(Command::new(python).args(["-c", &check])).is_ok()
}

fn runs(program: &Path) -> bool {
    steps::output(Command::new(program).arg("--version")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version_and_hashes_and_no_source_is_named() {
        for text in [include_str!("requirements.txt"), include_str!("uv.txt")] {
            let text = text.replace("\\\n", "");
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            for line in lines {
                assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
                assert!(!line.contains("://") && !line.starts_with('-'), "{line}");
            }
        }
        let chosen = include_str!("requirements.in");
        assert!(chosen.contains(&format!("matrix-synapse=={}", version())));
    }

    #[test]
    fn a_python_that_is_not_there_is_not_new_enough() {
        assert!(is_new_enough(&find_python().unwrap()));
        assert!(!is_new_enough(Path::new("no-such-python")));
    }
}
