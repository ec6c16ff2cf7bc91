//! The thread that SQLite's blocking calls are made on, so that none blocks an executor.

use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use futures_channel::oneshot;

/// What the thread is asked to do.
type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A thread with a value of its own, which it works on job by job, in the order they come in.
///
/// The value never leaves the thread: it is made there and dropped there.
#[derive(Debug)]
pub(super) struct Worker<T: 'static> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread ended before it answered.
#[derive(Debug)]
pub(super) struct Gone;

impl<T> Worker<T> {
    /// Starts a thread and has it make its value; where that fails the thread ends again.
    pub(super) async fn start<E: Send + 'static>(
        make: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> std::io::Result<Result<Self, E>> {
        let (jobs, queue) = mpsc::channel::<Job<T>>();
        let (answer, made) = oneshot::channel();
        let work = move || match make() {
            Ok(mut value) => {
                if answer.send(Ok(())).is_ok() {
                    queue.into_iter().for_each(|job| job(&mut value));
                }
            }
            Err(error) => drop(answer.send(Err(error))),
        };
        let thread = Builder::new().name("backup store".to_owned()).spawn(work)?;
        let worker = Self { jobs: Some(jobs), thread: Some(thread) };
        match made.await {
            Ok(made) => Ok(made.map(|()| worker)),
            Err(oneshot::Canceled) => Err(std::io::Error::other("the thread ended at once")),
        }
    }

    /// Has the thread do a job. A job that nobody waits for any more when its turn comes is not
    /// done.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move |value: &mut T| {
            if !answer.is_canceled() {
                // Nobody left to wait is no error.
                drop(answer.send(job(value)));
            }
        });
        self.jobs.as_ref().ok_or(Gone)?.send(job).map_err(|_| Gone)?;
        result.await.map_err(|oneshot::Canceled| Gone)
    }
}

impl<T> Drop for Worker<T> {
    /// Waits until the thread has dropped its value.
    fn drop(&mut self) {
        // Without a sender the queue ends.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported to whoever waited for the job.
            drop(thread.join());
        }
    }
}
