//! Ctrl-C. The store needs no help: what it acknowledged stays, the rest never was. But a file that
//! is half written may hold keys in clear, and must not stay behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use crate::exit::ExitStatus;

static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Takes care of interruptions from now on.
pub(crate) fn prepare() {
    // Where there are no signals to be had, the system ends the program as it sees fit.
    let _ = ctrlc::set_handler(|| {
        if let Some(path) = unfinished(None) {
            let _ = fs::remove_file(path);
        }
        process::exit(ExitStatus::Interrupted.number().into());
    });
}

/// Names the one file that is being written.
pub(crate) fn remove_if_interrupted(path: &Path) {
    unfinished(Some(path.to_owned()));
}

/// It is finished.
pub(crate) fn nothing_to_remove() {
    unfinished(None);
}

fn unfinished(path: Option<PathBuf>) -> Option<PathBuf> {
    std::mem::replace(&mut UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner), path)
}
