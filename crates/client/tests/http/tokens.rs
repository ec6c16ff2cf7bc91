//! The access token: where it goes, where it is not seen, and getting another one.

use std::future::ready;
use std::sync::{Arc, Mutex};

use matrix_key_backup::store::homeserver::{AccessToken, HomeserverError, RefusedToken};
use matrix_key_backup::store::{BackupStore, StoreError};
use pollster::block_on;

use crate::common::{plain_key, raw, room, session};
use crate::fake::{FakeHomeserver, TOKEN, Ways};

fn token(text: &str) -> AccessToken {
    AccessToken::new(text.to_owned()).unwrap()
}

/// K-5: that a request shows no token is for the server in memory to see.
#[test]
fn nothing_shows_the_token() {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let store = server.store().with_token_refresh(|_| ready(None));
    server.change_token("another", false);
    let error = block_on(store.current_version()).unwrap_err();
    let shown = format!("{store:?} {error:?} {error}");
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[test]
fn a_token_that_is_refused_is_replaced_and_the_request_sent_again() {
    for soft_logout in [false, true] {
        let server = FakeHomeserver::new(Ways::SYNAPSE);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let store = server.store().with_token_refresh(move |refused: RefusedToken| {
            seen.lock().unwrap().push(refused.soft_logout);
            ready(Some(token("new")))
        });
        let version = block_on(store.create_version("a", &raw("{}"))).unwrap();
        server.change_token("new", soft_logout);
        let keys = vec![plain_key("!r", "s"), plain_key("!r", "t")];
        assert_eq!(block_on(store.put_keys(&version, keys)).unwrap().count, 2);
        assert_eq!(*asked.lock().unwrap(), [soft_logout]);
    }
}

#[test]
fn a_new_token_that_is_refused_too_is_an_error() {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let store = server.store().with_token_refresh(|_| ready(Some(token("not_this_one"))));
    server.change_token("new", true);
    server.trouble(|_, _| None);
    match block_on(store.current_version()).unwrap_err() {
        StoreError::Store(HomeserverError::Unauthorized { refused, .. }) => {
            assert!(refused.soft_logout);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.log().len(), 2);
}

/// A refresh token can often be used once.
#[test]
fn requests_that_are_refused_together_ask_once() {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let asked = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&asked);
    let store = Arc::new(server.store().with_token_refresh(move |_| {
        *seen.lock().unwrap() += 1;
        ready(Some(token("new")))
    }));
    server.change_token("new", true);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || block_on(store.current_version()).is_ok())
        })
        .collect();
    assert!(tasks.into_iter().all(|task| task.join().unwrap()));
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[test]
fn without_a_refresh_the_error_comes_at_once() {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let store = server.store();
    let version = block_on(store.create_version("a", &raw("{}"))).unwrap();
    server.change_token("new", false);
    server.trouble(|_, _| None);
    let place = (room("!r"), session("s"));
    let errors = [
        block_on(store.put_keys(&version, vec![plain_key("!r", "s")])).unwrap_err(),
        block_on(store.keys_of(&version, &[place])).unwrap_err(),
    ];
    for error in errors {
        let unauthorized = matches!(error, StoreError::Store(HomeserverError::Unauthorized { .. }));
        assert!(unauthorized, "{error:?}");
    }
    assert!(server.slept().is_empty());
}
