//! How much a store likes to be given at a time.

/// How much a store likes to be given in one call of [`put_keys`](super::BackupStore::put_keys).
///
/// An uploader keeps to it. A store copes with more, and with less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchLimits {
    /// As many keys.
    pub keys: usize,
    /// As many bytes of plaintext, in total.
    pub bytes: usize,
    /// So many batches are read ahead of the one that is due, so that the keys of one room, which
    /// may come far apart, can be written together. At least 1; memory grows with it.
    pub ahead: usize,
}

impl Default for BatchLimits {
    /// 256 keys or 4 MiB, in the order in which they come: right where writing costs nothing.
    fn default() -> Self {
        Self { keys: 256, bytes: 4 << 20, ahead: 1 }
    }
}
