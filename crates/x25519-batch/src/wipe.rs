//! What a computation leaves on the stack.

use zeroize::zeroize_stack;

/// How much a tier uses below the call, optimised or not, and then some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StackSize {
    /// 24 KB: one operation at a time.
    Small,
    /// 96 KB, of which 32 KB are the fractions of a batch.
    #[cfg_attr(
        not(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2"))),
        expect(dead_code, reason = "there are no lanes")
    )]
    Large,
}

/// Runs `work`, then writes zeros over the stack that it used.
pub(crate) fn then_wipe_stack<T>(size: StackSize, work: impl FnOnce() -> T) -> T {
    // If it were inlined, its frame would be ours, and out of the reach of what follows.
    #[inline(never)]
    fn apart<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let result = apart(work);
    match size {
        StackSize::Small => zeroize_stack::<{ 24 * 1024 }>(),
        StackSize::Large => zeroize_stack::<{ 96 * 1024 }>(),
    }
    result
}
