//! A Chromium without a window.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;

use crate::steps::{self, show};
use crate::toolchain;

/// What a person has set their machine to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Blink's own number for it. Other switches ask the machine first.
    fn switch(self) -> &'static str {
        match self {
            Self::Light => "--blink-settings=preferredColorScheme=1",
            Self::Dark => "--blink-settings=preferredColorScheme=0",
        }
    }
}

/// Of what is drawn, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A browser with a profile of its own, which is thrown away.
#[derive(Debug)]
pub(super) struct Browser {
    program: &'static str,
    profile: TempDir,
}

/// A document as the browser has understood it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) document: String,
    /// What the browser says of it to its author: errors, and what a policy has kept it from.
    pub(super) console: Vec<String>,
}

/// What `probe.js` tells of a page.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Seen {
    /// Whether the page was asked for its dark form.
    pub(super) dark: bool,
    /// How wide the frame was.
    pub(super) width: u32,
    /// How wide the page is in it.
    pub(super) wide: u32,
    pub(super) high: u32,
    /// Everything that the page has asked for.
    pub(super) loaded: Vec<String>,
    pub(super) ground: String,
    /// The text that a person can see.
    pub(super) text: String,
    pub(super) inks: Vec<Ink>,
}

/// Two colours that something is drawn in.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ink {
    /// The first thing that is.
    pub(super) what: String,
    pub(super) colour: String,
    pub(super) ground: String,
    /// Whether it is large text, or no text.
    pub(super) large: bool,
}

impl Browser {
    /// The one that is installed, or else Debian's.
    pub(super) fn find() -> Result<Self> {
        let program = toolchain::ensure_browser()?;
        println!("{}", steps::output(Command::new(program).arg("--version"))?.trim());
        let profile = tempfile::tempdir().context("no room for a browser's profile")?;
        Ok(Self { program, profile })
    }

    /// Opens a page, and says what became of it.
    pub(super) fn open(&self, page: &Path, scheme: Scheme, size: Size) -> Result<Opened> {
        let mut command = self.command(scheme, size);
        // Frames and messages are waited for, on a clock that does not wait.
        command.args(["--virtual-time-budget=5000", "--dump-dom"]).arg(url(page)?);
        let output = command.output().context("could not start the browser")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!("`{}` ended with {}: {said}", show(&command), output.status);
        }
        let console = said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned);
        let document = String::from_utf8(output.stdout).context("a document that is no text")?;
        Ok(Opened { document, console: console.collect() })
    }

    /// What a page's `probe.js` sees, in a frame of its own document.
    pub(super) fn look(&self, frame: &Path, scheme: Scheme) -> Result<Seen> {
        let opened = self.open(frame, scheme, Size { width: 1200, height: 900 })?;
        let seen = opened.document.split_once("<pre id=\"seen\" hidden=\"\">");
        let seen = seen.and_then(|(_, rest)| rest.split_once("</pre>")).context("no `seen`")?.0;
        serde_json::from_str(seen).with_context(|| {
            format!("the page in the frame said nothing: `{seen}` {:?}", opened.console)
        })
    }

    /// Draws a page as a picture.
    pub(super) fn draw(&self, page: &Path, scheme: Scheme, size: Size, to: &Path) -> Result<()> {
        std::fs::remove_file(to).ok();
        let mut command = self.command(scheme, size);
        command.arg(format!("--screenshot={}", to.display())).arg(url(page)?);
        steps::output(&mut command)?;
        // It ends well also where it could not write.
        if !to.exists() {
            bail!("`{}` has drawn nothing", show(&command));
        }
        Ok(())
    }

    fn command(&self, scheme: Scheme, size: Size) -> Command {
        let mut command = Command::new(self.program);
        command.args([
            "--headless",
            // Root and containers have no sandbox for it, and it opens nothing but files of ours.
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            // Neither for the page nor for itself does it get at anything outside.
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            scheme.switch(),
        ]);
        command.arg(format!("--user-data-dir={}", self.profile.path().display()));
        command.arg(format!("--window-size={},{}", size.width, size.height));
        command
    }
}

fn url(page: &Path) -> Result<String> {
    let page = page.canonicalize().with_context(|| format!("no {}", page.display()))?;
    let page = page.to_str().context("the path of this checkout is no text")?;
    // What a path may have, and a URL not.
    let page = page.replace('%', "%25").replace('#', "%23").replace('?', "%3f").replace(' ', "%20");
    Ok(format!("file://{page}"))
}
