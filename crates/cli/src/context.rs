//! What every command that works on a store has at hand.

use matrix_key_backup::wire::UserId;

use crate::{args::Global, error::Error, output::Output, store::StorePlace};

/// The store, its owner, and the way to talk to the caller.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) place: StorePlace,
    pub(crate) user: Option<UserId>,
    pub(crate) output: Output,
    /// The user's word that the account may go back to an older backup. // T-4
    pub(crate) accept_older_backup: bool,
}

impl Context {
    pub(crate) fn new(global: &Global, output: Output) -> Result<Self, Error> {
        Ok(Self {
            place: StorePlace::new(global, output)?,
            user: global.user.clone(),
            output,
            accept_older_backup: global.accept_older_backup,
        })
    }
}
