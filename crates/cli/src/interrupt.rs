//! Ctrl-C. The store needs no help: what it acknowledged stays, the rest never was. But a file that
//! is half written may hold keys in clear, and must not stay behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::exit::ExitStatus;

static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Takes care of interruptions from now on.
pub(crate) fn prepare() {
    // Where there are no signals to be had, the system ends the program as it sees fit.
    let _ = ctrlc::set_handler(|| {
        for path in unfinished().drain(..) {
            let _ = fs::remove_file(path);
        }
        process::exit(ExitStatus::Interrupted.number().into());
    });
}

/// Names a file that is being written.
pub(crate) fn remove_if_interrupted(path: &Path) {
    unfinished().push(path.to_owned());
}

/// It is finished.
pub(crate) fn nothing_to_remove(path: &Path) {
    unfinished().retain(|unfinished| unfinished != path);
}

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
