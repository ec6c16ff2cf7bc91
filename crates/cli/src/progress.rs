//! Progress on standard error, for people: after a second, and only where there is a terminal.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// What is over before this is over needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

const BAR: &str = "{msg} {wide_bar} {human_pos}/{human_len} ({eta} left)";
const SPINNER: &str = "{spinner} {msg} ({elapsed})";

/// A bar that shows itself once the work has taken a second.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    may_appear: AtomicBool,
}

impl Progress {
    /// `what` is being done, `total` times.
    pub(crate) fn new(output: Output, what: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            .with_style(style(BAR))
            .with_message(what);
        let may_appear = AtomicBool::new(output.shows_progress());
        Self { bar, begun: Instant::now(), may_appear }
    }

    /// This much is done.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
        if self.begun.elapsed() >= PATIENCE && self.may_appear.swap(false, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Another so much is done.
    pub(crate) fn add(&self, done: usize) {
        self.set(self.bar.position() + done as u64);
    }

    /// Takes the bar away while something else is written.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Does one long piece of work, beside something that turns.
pub(crate) fn spin<T: Send>(
    output: Output,
    what: &'static str,
    work: impl FnOnce() -> T + Send,
) -> T {
    if !output.shows_progress() {
        return work();
    }
    thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let spinner =
                    ProgressBar::new_spinner().with_style(style(SPINNER)).with_message(what);
                spinner.enable_steady_tick(Duration::from_millis(100));
                let _ = waiting.recv();
                spinner.finish_and_clear();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// The templates are constants, so they are either all right or all wrong.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
