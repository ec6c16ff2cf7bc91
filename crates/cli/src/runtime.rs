//! What drives the program's futures: a homeserver's connections take an async runtime.

use crate::error::Error;

/// Runs a command to its end, on this thread.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::NoRuntime { source })?;
    let done = runtime.block_on(command);
    // A name that is still being looked up is nothing to wait for.
    runtime.shutdown_background();
    done
}
