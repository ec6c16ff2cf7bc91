//! `cargo xtask page`: the page that `status --html` draws, as a browser shows it.

mod browser;
mod contrast;
mod look;
mod sample;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use self::browser::{Browser, Scheme, Size};
use self::look::complaints;
use self::sample::Sample;
use crate::steps::Steps;
use crate::{program, project};

/// How a person runs this alone.
const TASK: &str = "cargo xtask page";
/// Where pages and pictures are left.
const FOLDER: &str = "target/page";

/// Draws the page of `status --html`, and looks at it in Chromium.
///
/// The program draws backups that have everything in them, nothing wrong in them, and nothing in
/// them. Each page is opened in light and in dark, on a desk and on a phone: the figures can be
/// seen, text and bars stand out from their ground, nothing is wider than the window, nothing is
/// loaded from anywhere, and the browser has no error to report. A page that is spoilt on purpose
/// must be found out. Chromium is installed from Debian's packages where there is none; pages and
/// pictures are left in target/page.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Runs the task.
///
/// # Errors
///
/// When there is no browser, or a page is not as it should be.
pub(crate) fn main(_: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = all(&mut steps);
    steps.finish(TASK);
    outcome.map(|()| ExitCode::SUCCESS)
}

/// What `cargo xtask ci` runs of this: all.
///
/// # Errors
///
/// As [`main`].
pub(crate) fn all(steps: &mut Steps) -> Result<()> {
    let browser = steps.call("page: browser", TASK, Browser::find)?;
    let program = steps.call("page: build the program", program::BUILD, program::build)?;
    let folder = project::root()?.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    let samples = steps.call("page: backups to draw", TASK, sample::samples)?;
    for sample in &samples {
        let Sample { name, expected, .. } = sample;
        let page =
            steps.call(&format!("page: {name}: draw"), TASK, || draw(sample, &program, &folder))?;
        steps.call(&format!("page: {name}: look"), TASK, || {
            let complaints = look_at(&browser, &page, expected)?;
            ensure!(complaints.is_empty(), "{}:\n{}", page.shown(), complaints.join("\n"));
            page.take_pictures(&browser)
        })?;
    }
    steps.call("page: spoilt on purpose", TASK, || find_out(&browser, &folder))
}

/// A page and its name, which its copies and pictures have too.
#[derive(Debug)]
struct Page {
    folder: PathBuf,
    name: String,
}

/// How wide a window is.
#[derive(Debug, Clone, Copy)]
struct Device {
    name: &'static str,
    width: u32,
}

const DEVICES: [Device; 2] =
    [Device { name: "desk", width: 1100 }, Device { name: "phone", width: 390 }];
const SCHEMES: [Scheme; 2] = [Scheme::Light, Scheme::Dark];

/// Has the program draw a backup.
fn draw(sample: &Sample, program: &Path, folder: &Path) -> Result<Page> {
    let page = Page { folder: folder.to_owned(), name: sample.name.to_owned() };
    let (store, key) = (page.file("json"), folder.join("key"));
    std::fs::write(&store, &sample.store)?;
    std::fs::write(&key, sample::key()?)?;
    let mut status = program::call(program);
    status.arg("status").arg("--store").arg(&store).arg("--key-file").arg(&key);
    status.args(["--quiet", "--force", "--html"]).arg(page.file("html"));
    let output = status.output().context("could not start the program")?;
    // 1 is that something was found, as it should be in one of them.
    ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "the program ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(page)
}

/// Everything that is wrong with a page, on every device in every scheme.
fn look_at(browser: &Browser, page: &Page, expected: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for scheme in SCHEMES {
        let opened = browser.open(&page.file("html"), scheme, Size { width: 1100, height: 900 })?;
        let console = opened.console.iter().map(|said| format!("the browser says {said}"));
        found.extend(console);
        for device in DEVICES {
            let seen = browser.look(&page.probe(device)?, scheme)?;
            ensure!(seen.width == device.width, "a frame of {} pixels", seen.width);
            let what = format!("{}, {}: ", device.name, scheme.name());
            let complaints = complaints(&seen, scheme, expected).into_iter();
            found.extend(complaints.map(|complaint| what.clone() + &complaint));
        }
    }
    Ok(found)
}

/// A page that loads something and has text that nobody can read is found out, so that the browser
/// is known to tell.
fn find_out(browser: &Browser, folder: &Path) -> Result<()> {
    let page = Page { folder: folder.to_owned(), name: "spoilt".to_owned() };
    let sound = std::fs::read_to_string(folder.join("sound.html"))?;
    let spoil = "<p style=\"color:#8888\">faint</p><p style=\"width:1200px\">wide</p>\
                 <img src=\"https://example.org/spoilt.png\" alt=\"\"></main>";
    std::fs::write(page.file("html"), sound.replace("</main>", spoil))?;
    let complaints = look_at(browser, &page, &["not to be seen".to_owned()])?.join("\n");
    for named in ["`faint`", "pixels wide", "asks for https://", "nobody can see", "the browser"] {
        ensure!(complaints.contains(named), "{named} was not found out:\n{complaints}");
    }
    Ok(())
}

impl Page {
    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }

    fn shown(&self) -> String {
        project::shown(&self.file("html"))
    }

    /// A frame with a copy of the page that tells what can be seen, and that nothing keeps from
    /// loading what it asks for.
    fn probe(&self, device: Device) -> Result<PathBuf> {
        let page = std::fs::read_to_string(self.file("html"))?;
        let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';";
        let Some((before, rest)) = page.split_once(policy) else {
            bail!("{} does not forbid to load anything", self.shown())
        };
        let (_, after) = rest.split_once('>').context("a policy that does not end")?;
        let (body, end) = after.rsplit_once("</body>").context("a page without a body")?;
        let script = include_str!("page/probe.js");
        let probe = format!("{before}{body}<script>\n{script}</script></body>{end}");
        std::fs::write(self.file("probe.html"), probe)?;
        self.frame("probe.html", device.width, 900)
    }

    fn frame(&self, copy: &str, width: u32, height: u32) -> Result<PathBuf> {
        let frame = include_str!("page/frame.html")
            .replace("@PAGE@", &format!("{}.{copy}", self.name))
            .replace("@WIDTH@", &width.to_string())
            .replace("@HEIGHT@", &height.to_string());
        let file = self.file("frame.html");
        std::fs::write(&file, frame)?;
        Ok(file)
    }

    /// For a person to look at, from top to bottom.
    fn take_pictures(&self, browser: &Browser) -> Result<()> {
        for (device, scheme) in DEVICES.into_iter().flat_map(|it| SCHEMES.map(|s| (it, s))) {
            let height = browser.look(&self.probe(device)?, scheme)?.high;
            let picture = self.file(&format!("{}-{}.png", device.name, scheme.name()));
            // A window can not be as narrow as a phone, but a frame can.
            let frame = self.frame("html", device.width, height)?;
            let size = Size { width: device.width.max(500), height };
            browser.draw(&frame, scheme, size, &picture)?;
            println!("{}", project::shown(&picture));
        }
        for device in DEVICES {
            let picture = |scheme: Scheme| {
                std::fs::read(self.file(&format!("{}-{}.png", device.name, scheme.name())))
            };
            let same = picture(Scheme::Light)? == picture(Scheme::Dark)?;
            ensure!(!same, "{}: light and dark are one picture", self.shown());
        }
        Ok(())
    }
}
