//! Backup versions, and answers that are none.

use std::error::Error;

use matrix_key_backup::store::homeserver::{HomeserverError, HomeserverUrl};
use matrix_key_backup::store::{BackupStore, StoreError, VersionId};
use matrix_key_backup::{OpenBackup, OpenError};
use pollster::block_on;

use crate::common::raw;
use crate::fake::{FakeHomeserver, Trouble, Ways};

fn failing(trouble: Trouble) -> HomeserverError {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    server.trouble(move |_, _| Some(trouble.clone()));
    match block_on(server.store().current_version()).unwrap_err() {
        StoreError::Store(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_say_what_was_asked_and_what_to_do() {
    for (trouble, said) in [
        (
            Trouble::NoConnection,
            "GET /room_keys/version, asked 6 times: no connection: connection refused: check the \
             connection, or try again later",
        ),
        (
            Trouble::Silence,
            "GET /room_keys/version, asked 6 times: no answer in time: it was not there after 120 \
             seconds: check the connection, or try again later",
        ),
        (
            Trouble::Answer(401, r#"{"errcode":"M_UNKNOWN_TOKEN","error":"Invalid token"}"#),
            "GET /room_keys/version: the homeserver does not accept the access token \
             (401 M_UNKNOWN_TOKEN: Invalid token): log in again",
        ),
        (
            Trouble::Answer(401, r#"{"errcode":"M_UNKNOWN_TOKEN","soft_logout":true}"#),
            "GET /room_keys/version: the homeserver does not accept the access token \
             (401 M_UNKNOWN_TOKEN): refresh it, or log in again with the same device id",
        ),
        (
            Trouble::Answer(429, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":3600000}"#),
            "GET /room_keys/version: the homeserver asks for a pause of 3600 seconds: try again \
             later",
        ),
        (
            Trouble::Answer(403, r#"{"errcode":"M_FORBIDDEN","error":"\u001b[2J"}"#),
            "GET /room_keys/version: the homeserver answered 403 M_FORBIDDEN: \u{fffd}[2J",
        ),
        (
            Trouble::Answer(404, "<html>"),
            "GET /room_keys/version: there is no such Matrix API at this address (404): check \
             the URL of the homeserver",
        ),
        (
            Trouble::Answer(404, r#"{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}"#),
            "GET /room_keys/version: there is no such Matrix API at this address \
             (404 M_UNRECOGNIZED: Unrecognized request): check the URL of the homeserver",
        ),
        (
            Trouble::Answer(502, "Bad Gateway"),
            "GET /room_keys/version, asked 6 times: the homeserver failed with 502: try again later, \
             or ask who runs it",
        ),
    ] {
        assert_eq!(failing(trouble).to_string(), said);
    }
}

/// Whoever prints a whole chain reads nothing twice.
#[test]
fn no_error_repeats_its_source() {
    for trouble in [
        Trouble::NoConnection,
        Trouble::Silence,
        Trouble::Answer(401, "{}"),
        Trouble::Answer(429, r#"{"retry_after_ms":3600000}"#),
        Trouble::Answer(500, "{}"),
        Trouble::Answer(403, "{}"),
        Trouble::Answer(404, "{}"),
        Trouble::Answer(200, "{}"),
    ] {
        assert!(failing(trouble).source().is_none());
    }
    let malformed = HomeserverUrl::parse("x").unwrap_err();
    assert!(malformed.source().is_none());
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"algorithm":7,"auth_data":{},"count":0,"etag":"0","version":"1"}"#,
        r#"{"algorithm":"a","count":0,"etag":"0","version":"1"}"#,
        r#"{"algorithm":"a","auth_data":{},"count":-1,"etag":"0","version":"1"}"#,
        r#"{"algorithm":"a","auth_data":{},"auth_data":{},"count":0,"etag":"0","version":"1"}"#,
    ] {
        let error = failing(Trouble::Answer(200, body));
        assert!(matches!(error, HomeserverError::MalformedAnswer { .. }), "{body}: {error:?}");
    }
}

#[test]
fn an_endless_answer_ends() {
    let server = FakeHomeserver::new(Ways { piece: 1 << 20, ..Ways::SYNAPSE });
    let store = server.store();
    let long = raw(&format!("\"{}\"", "x".repeat(5 << 20)));
    block_on(store.create_version("a", &long)).unwrap();
    let error = block_on(store.current_version()).unwrap_err();
    let said = "it is larger than 4194304 bytes: check its URL, and the proxies before it";
    assert!(error.to_string().ends_with(said), "{error}");
}

/// `auth_data` may be anything: the error names the version, and nothing panics.
#[test]
fn auth_data_that_is_none_is_an_error_that_names_the_version() {
    for (number, auth_data) in
        ["null", "{}", "7", "[]", r#"{"public_key":"short"}"#, r#"{"public_key":null}"#]
            .iter()
            .enumerate()
    {
        let server = FakeHomeserver::new(Ways::SYNAPSE);
        let store = server.store();
        for _ in 0..=number {
            let algorithm = crate::common::ALGORITHM;
            block_on(store.create_version(algorithm, &raw(auth_data))).unwrap();
        }
        match block_on(OpenBackup::current(&store)).unwrap_err() {
            OpenError::Unreadable(error) => {
                let name = format!("backup version {}", number + 1);
                assert!(error.to_string().starts_with(&name), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_version_is_made_once_however_often_it_is_asked_for() {
    for trouble in [
        Trouble::ResetAfter,
        Trouble::ResetBefore,
        Trouble::Silence,
        Trouble::NoConnection,
        Trouble::DoneBut(502, ""),
        Trouble::Answer(503, ""),
    ] {
        let server = FakeHomeserver::new(Ways::SYNAPSE);
        let store = server.store();
        // One that looks the same is there already.
        let first = block_on(store.create_version("a", &raw(r#"{"b": 1}"#))).unwrap();
        server.trouble_with("POST", vec![trouble.clone(); 2]);
        let second = block_on(store.create_version("a", &raw(r#"{"b": 1}"#))).unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("1", "2"), "{trouble:?}");
        let current = block_on(store.current_version()).unwrap().unwrap();
        assert_eq!(current.version, second);
    }
}

#[test]
fn a_version_that_was_deleted_unheard_was_deleted() {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let store = server.store();
    let version = block_on(store.create_version("a", &raw("{}"))).unwrap();
    server.trouble_with("DELETE", vec![Trouble::ResetAfter]);
    assert!(block_on(store.delete_version(&version)).unwrap());
    assert!(!block_on(store.delete_version(&version)).unwrap());
}

#[test]
fn names_that_no_path_can_have_are_no_versions() {
    let server = FakeHomeserver::new(Ways::SYNAPSE);
    let store = server.store();
    for name in ["", ".", ".."] {
        let version = VersionId::new(name);
        assert!(block_on(store.version(&version)).unwrap().is_none());
        assert!(!block_on(store.delete_version(&version)).unwrap());
    }
    assert!(server.log().is_empty());
}
