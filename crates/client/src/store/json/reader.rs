//! The thread that reads a file, so that no executor waits for a disk.

use std::path::Path;
use std::sync::mpsc;
use std::thread::Builder;

use futures_channel::oneshot;

use super::JsonFileError;
use super::pass::Pass;
use crate::store::ReceivedKey;

/// What the thread answers: a page, `None` after the last one, or why reading ended.
type Page = Result<Option<Vec<ReceivedKey>>, JsonFileError>;

/// A thread of its own for one reading of a file.
///
/// It is one page ahead of whoever takes the pages, and never more, so a page is made while
/// another is worked on, and memory stays the same. It ends when this is dropped, after the chunk
/// that it is at, and nobody waits for that.
#[derive(Debug)]
pub(super) struct PageReader {
    requests: mpsc::Sender<oneshot::Sender<Page>>,
    ahead: oneshot::Receiver<Page>,
}

/// The thread ended before it answered.
#[derive(Debug)]
pub(super) struct Gone;

impl PageReader {
    /// Starts the thread, which begins with the first page.
    pub(super) fn start(path: &Path, mut pass: Pass) -> Result<Self, JsonFileError> {
        let (requests, queue) = mpsc::channel::<oneshot::Sender<Page>>();
        spawn(path, move || {
            for answer in queue {
                let page = pass.next_page(|| answer.is_canceled());
                // Nobody left to wait is no error, and the end.
                if answer.send(page).is_err() {
                    break;
                }
            }
        })?;
        let ahead = request(&requests);
        Ok(Self { requests, ahead })
    }

    /// The next page.
    pub(super) async fn next_page(&mut self) -> Result<Page, Gone> {
        let page = (&mut self.ahead).await.map_err(|oneshot::Canceled| Gone)?;
        self.ahead = request(&self.requests);
        Ok(page)
    }
}

/// Asks for a page. Where the thread is gone, waiting for the answer says so.
fn request(requests: &mpsc::Sender<oneshot::Sender<Page>>) -> oneshot::Receiver<Page> {
    let (answer, page) = oneshot::channel();
    drop(requests.send(answer));
    page
}

/// Does one piece of work on a thread of its own.
pub(super) async fn run<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, JsonFileError> + Send + 'static,
) -> Result<T, JsonFileError> {
    let (answer, result) = oneshot::channel();
    spawn(path, move || drop(answer.send(work())))?;
    match result.await {
        Ok(result) => result,
        Err(oneshot::Canceled) => Err(JsonFileError::Closed { path: path.to_owned() }),
    }
}

fn spawn(path: &Path, work: impl FnOnce() + Send + 'static) -> Result<(), JsonFileError> {
    let thread = Builder::new().name("backup file".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| JsonFileError::from_io(path, error))
}
