//! What a computation leaves on the stack.

use zeroize::zeroize_stack;

/// How much a tier uses below the call in optimised builds, and then some: 32 KB are the fractions
/// of a batch.
const STACK: usize = 96 * 1024;

/// Runs `work`, then writes zeros over the stack that it used.
pub(crate) fn then_wipe_stack<T>(work: impl FnOnce() -> T) -> T {
    // If it were inlined, its frame would be ours, and out of the reach of what follows.
    #[inline(never)]
    fn apart<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let result = apart(work);
    zeroize_stack::<STACK>();
    result
}
