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
        let place = StorePlace::new(global, output)?;
        let user = owner(&place, global.user.as_ref())?;
        Ok(Self { place, user, output, accept_older_backup: global.accept_older_backup })
    }
}

/// Whose backup it is: of an account its user's, of a file whoever is named. // B-2, K-6
fn owner(place: &StorePlace, named: Option<&UserId>) -> Result<Option<UserId>, Error> {
    let Ok(session) = place.session() else { return Ok(named.cloned()) };
    match named {
        Some(meant) if *meant != session.user_id => Err(Error::OtherAccount {
            meant: meant.to_string(),
            found: session.user_id.to_string(),
        }),
        _ => Ok(Some(session.user_id.clone())),
    }
}
