//! How often each path of a test was taken.

use std::{cell::RefCell, collections::BTreeMap};

/// How often each path was taken: a test that never gets anywhere proves nothing.
#[derive(Default)]
pub(crate) struct Paths(RefCell<BTreeMap<&'static str, usize>>);

impl Paths {
    pub(crate) fn took(&self, path: &'static str) {
        *self.0.borrow_mut().entry(path).or_default() += 1;
    }

    /// Each of these was taken several times. Most are taken hundreds of times, all of them often
    /// enough that chance does not matter.
    pub(crate) fn assert_taken(&self, paths: &[&'static str]) {
        let taken = self.0.borrow();
        for path in paths {
            let times = taken.get(path).copied().unwrap_or_default();
            assert!(times >= 10, "{path}: {times} times, of {taken:?}");
        }
    }
}
