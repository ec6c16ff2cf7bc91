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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use pollster::block_on;

    use super::*;

    fn start<T: Send>(value: T) -> Worker<T> {
        block_on(Worker::start(move || Ok::<_, Infallible>(value))).unwrap().unwrap()
    }

    #[test]
    fn jobs_are_done_elsewhere_and_in_order() {
        let worker = start(Vec::new());
        let here = std::thread::current().id();
        for n in 0..10 {
            let there = block_on(worker.run(move |done: &mut Vec<i32>| {
                done.push(n);
                std::thread::current().id()
            }));
            assert_ne!(there.unwrap(), here);
        }
        assert_eq!(block_on(worker.run(|done| done.clone())).unwrap(), Vec::from_iter(0..10));
    }

    #[test]
    fn what_cannot_be_made_is_told() {
        let worker = block_on(Worker::<()>::start(|| Err("no")));
        assert_eq!(worker.unwrap().unwrap_err(), "no");
    }

    #[test]
    fn a_panic_ends_the_worker_and_not_the_caller() {
        let worker = start(());
        assert!(block_on(worker.run(|()| panic!("of the test"))).is_err());
        assert!(block_on(worker.run(|()| 1)).is_err());
    }

    #[test]
    fn dropping_waits_for_the_value_to_be_dropped() {
        struct Slow(Arc<AtomicBool>);
        impl Drop for Slow {
            fn drop(&mut self) {
                std::thread::sleep(Duration::from_millis(50));
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let dropped = Arc::new(AtomicBool::new(false));
        drop(start(Slow(Arc::clone(&dropped))));
        assert!(dropped.load(Ordering::SeqCst));
    }

    #[test]
    fn a_job_that_nobody_waits_for_is_not_begun() {
        let worker = start(0);
        let (go, wait) = mpsc::channel::<()>();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(worker.run(move |_| wait.recv().unwrap()));
        assert!(matches!(first.as_mut().poll(&mut context), Poll::Pending));
        {
            let second = pin!(worker.run(|value| *value = 2));
            assert!(matches!(second.poll(&mut context), Poll::Pending));
        }
        go.send(()).unwrap();
        block_on(first).unwrap();
        assert_eq!(block_on(worker.run(|value| *value)).unwrap(), 0);
    }
}
