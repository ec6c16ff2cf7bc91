//! Putting keys where requests are lost, refused, done in part, or too large.

use std::time::Duration;

use matrix_key_backup::store::homeserver::{HomeserverError, HomeserverStore};
use matrix_key_backup::store::{
    BackupStore, KeyScope, KeyToStore, PutOutcome, StoreError, Unwritten, UnwrittenReason,
    VersionId,
};
use pollster::block_on;
use proptest::prelude::*;

use crate::common::{entries, kept_old, key, metadata, plain_key, raw, read, room, session};
use crate::fake::{FakeHomeserver, Trouble, Ways};

const PUT: &str = "PUT /keys";

type Put = Result<PutOutcome, StoreError<HomeserverError>>;

struct Setup {
    server: FakeHomeserver,
    store: HomeserverStore<FakeHomeserver>,
    version: VersionId,
}

impl Setup {
    fn new(ways: Ways) -> Self {
        let server = FakeHomeserver::new(ways);
        let store = server.store();
        let version = block_on(store.create_version("a", &raw("{}"))).unwrap();
        server.trouble(|_, _| None);
        Self { server, store, version }
    }

    fn put(&self, keys: &[KeyToStore]) -> Put {
        block_on(self.store.put_keys(&self.version, keys.to_vec()))
    }

    /// That these keys, and no others, are there.
    fn has(&self, keys: &[KeyToStore]) {
        let there = block_on(read(&self.store, &self.version, KeyScope::All));
        assert_eq!(there, entries(keys));
    }

    /// Puts keys that all arrive, whatever happens on the way.
    fn put_all(&self, keys: &[KeyToStore]) {
        let outcome = self.put(keys).unwrap();
        assert_eq!((outcome.count, outcome.unwritten), (keys.len() as u64, vec![]));
        let now = block_on(self.store.version(&self.version)).unwrap().unwrap();
        assert_eq!((outcome.etag, outcome.count), (now.etag, now.count));
        self.has(keys);
    }
}

/// Keys in rooms of ten.
fn keys(count: usize) -> Vec<KeyToStore> {
    (0..count).map(|n| plain_key(&format!("!{}", n / 10), &format!("s{n}"))).collect()
}

fn large_keys(count: usize, length: usize) -> Vec<KeyToStore> {
    let mark = "x".repeat(length);
    let large = |n| key("!r", &format!("s{n}"), metadata(false, 0, 0), &mark);
    (0..count).map(large).collect()
}

fn refused(session_id: &str, why: &str) -> Unwritten {
    let session_id = session(session_id);
    Unwritten { room_id: room("!0"), session_id, reason: UnwrittenReason::Refused(why.to_owned()) }
}

#[test]
fn what_the_server_may_have_done_is_looked_up_and_not_done_twice() {
    for (trouble, most) in [
        (Trouble::ResetAfter, 1),
        (Trouble::Silence, 1),
        (Trouble::DoneBut(504, "<html>"), 1),
        (Trouble::DoneBut(500, "{}"), 1),
        (Trouble::BreaksOff(5), 1),
        (Trouble::ResetBefore, 4),
        (Trouble::Answer(502, ""), 4),
        (Trouble::Answer(503, ""), 4),
    ] {
        let setup = Setup::new(Ways::SYNAPSE);
        setup.server.trouble_with(PUT, vec![trouble.clone()]);
        setup.put_all(&keys(30));
        assert!(setup.server.requests(PUT) <= most, "{trouble:?}");
    }
}

#[test]
fn what_the_server_has_not_seen_is_sent_again() {
    for trouble in [
        Trouble::NoConnection,
        Trouble::Answer(429, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1500}"#),
    ] {
        let setup = Setup::new(Ways::SYNAPSE);
        setup.server.trouble_with(PUT, vec![trouble.clone(); 3]);
        setup.put_all(&keys(30));
        assert_eq!(setup.server.requests(PUT), 4, "{trouble:?}");
        assert_eq!(setup.server.requests("GET /keys"), 1, "only the test itself has read");
        let slept = setup.server.slept();
        assert_eq!(slept.len(), 3);
        if let Trouble::Answer(..) = trouble {
            assert!(slept.iter().all(|pause| *pause >= Duration::from_millis(1500)), "{slept:?}");
        }
    }
}

#[test]
fn a_server_that_stays_away_is_an_error_soon() {
    for trouble in [Trouble::NoConnection, Trouble::ResetBefore, Trouble::Silence] {
        let setup = Setup::new(Ways::SYNAPSE);
        setup.server.trouble(move |number, _| (number > 0).then(|| trouble.clone()));
        let error = setup.put(&keys(5000)).unwrap_err();
        assert!(
            matches!(error, StoreError::Store(HomeserverError::Unreachable { .. })),
            "{error:?}"
        );
        assert!(setup.server.log().len() < 20, "{:?}", setup.server.log());
        let slept: Duration = setup.server.slept().into_iter().filter(|s| s.as_secs() < 60).sum();
        assert!(slept < Duration::from_secs(60), "{slept:?}");
    }
}

#[test]
fn a_server_that_takes_nothing_is_an_error_soon() {
    for (trouble, most) in [
        (Trouble::ResetBefore, 30),
        (Trouble::Answer(500, "{}"), 60),
        (Trouble::Answer(502, "{}"), 30),
        (Trouble::Answer(400, r#"{"errcode":"M_UNKNOWN","error":"no"}"#), 80),
        (Trouble::Answer(413, ""), 60),
        (Trouble::Answer(403, r#"{"errcode":"M_FORBIDDEN"}"#), 1),
        (Trouble::Answer(418, ""), 1),
        (Trouble::Answer(307, ""), 1),
    ] {
        let setup = Setup::new(Ways::SYNAPSE);
        setup.server.trouble_with(PUT, vec![trouble.clone(); 100_000]);
        let error = setup.put(&keys(5000)).unwrap_err();
        let puts = setup.server.requests(PUT);
        assert!(puts <= most, "{puts} requests with {trouble:?}: {error}");
        setup.has(&[]);
    }
}

#[test]
fn large_requests_become_smaller_where_a_server_takes_none() {
    for resets_large_bodies in [false, true] {
        for limit in [1_000_000, 10_000, 1_200] {
            let ways = Ways { body_limit: limit, resets_large_bodies, ..Ways::SYNAPSE };
            let setup = Setup::new(ways);
            setup.put_all(&large_keys(1_000, 800));
            let sizes = setup.server.sizes();
            let too_large = sizes.iter().filter(|size| **size > limit).count();
            assert!(too_large <= 12, "{too_large} requests were too large for {limit}");
            let right = sizes.iter().filter(|size| **size <= limit).max().unwrap();
            assert!(*right > limit / 3, "{right} where {limit} may be");
        }
    }
}

#[test]
fn a_limit_that_was_found_is_remembered() {
    let setup = Setup::new(Ways { body_limit: 100_000, resets_large_bodies: false, ..Ways::SPEC });
    setup.put_all(&large_keys(1_000, 800));
    setup.server.trouble(|_, _| None);
    let more: Vec<_> = large_keys(2_000, 800);
    setup.put(&more[1_000..]).unwrap();
    assert!(setup.server.sizes().iter().all(|size| *size <= 100_000));
}

#[test]
fn a_key_that_is_too_large_for_a_server_is_reported_and_the_others_are_there() {
    let setup = Setup::new(Ways { body_limit: 10_000, resets_large_bodies: false, ..Ways::SPEC });
    let mut all = keys(30);
    all.push(key("!0", "large", metadata(false, 0, 0), &"x".repeat(20_000)));
    let outcome = setup.put(&all).unwrap();
    let why = "the homeserver answered 413 M_TOO_LARGE: too large";
    assert_eq!(outcome.unwritten, [refused("large", why)]);
    setup.has(&keys(30));
}

#[test]
fn a_key_that_always_breaks_the_connection_is_named() {
    let setup = Setup::new(Ways { body_limit: 10_000, resets_large_bodies: true, ..Ways::SPEC });
    let mut all = keys(3);
    all.push(key("!0", "large", metadata(false, 0, 0), &"x".repeat(20_000)));
    let error = setup.put(&all).unwrap_err();
    let StoreError::Store(HomeserverError::Key { room_id, session_id, cause, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((room_id.as_str(), session_id.as_str()), ("!0", "large"));
    let said = format!("the key of session large in room !0 cannot be stored: {cause}");
    assert_eq!(error.to_string(), said);
}

/// Synapse keeps the updates before a bad entry, and loses the inserts.
#[test]
fn a_bad_entry_is_reported_and_the_others_are_there() {
    let is_bad = |session: &str| session == "s7" || session == "s444";
    let setup = Setup::new(Ways { refuses: is_bad, ..Ways::SYNAPSE });
    let old: Vec<_> = keys(500)
        .into_iter()
        .filter(|key| !is_bad(key.session_id.as_str()))
        .step_by(2)
        .map(|mut key| {
            key.data.first_message_index = 9;
            key
        })
        .collect();
    setup.put(&old).unwrap();
    let outcome = setup.put(&keys(500)).unwrap();
    let why = "the homeserver answered 400 M_BAD_JSON: bad entry";
    let mut expected = vec![refused("s7", why), refused("s444", why)];
    expected[1].room_id = room("!44");
    assert_eq!(outcome.unwritten, expected);
    let good: Vec<_> =
        keys(500).into_iter().filter(|key| !is_bad(key.session_id.as_str())).collect();
    setup.has(&good);
    assert_eq!(outcome.count, 498);
    let puts = setup.server.requests(PUT);
    assert!(puts < 50, "{puts} requests");
}

#[test]
fn an_entry_that_a_server_trips_over_is_reported_and_the_others_are_there() {
    let setup = Setup::new(Ways { trips_over: |session| session == "s7", ..Ways::SYNAPSE });
    let outcome = setup.put(&keys(500)).unwrap();
    let why = "the homeserver answered 500 M_UNKNOWN: Internal server error";
    assert_eq!(outcome.unwritten, [refused("s7", why)]);
    assert_eq!((outcome.count, setup.server.sessions(1).len()), (499, 499));
    assert!(setup.server.requests(PUT) < 40);
}

#[test]
fn many_rooms_go_in_several_requests() {
    let setup = Setup::new(Ways::SYNAPSE);
    let all: Vec<_> = (0..2_000).map(|n| plain_key(&format!("!{n}"), "s")).collect();
    setup.put_all(&all);
    assert_eq!(setup.server.requests(PUT), 4);
    // And where even that is too much.
    let setup = Setup::new(Ways { room_limit: 100, ..Ways::SYNAPSE });
    setup.put_all(&all);
}

#[test]
fn keys_of_a_room_go_together() {
    let setup = Setup::new(Ways::SYNAPSE);
    let interleaved: Vec<_> =
        (0..6_000).map(|n| plain_key(&format!("!{:03}", n % 500), &format!("s{n}"))).collect();
    setup.put_all(&interleaved);
    assert_eq!(setup.server.requests(PUT), 2);
    assert_eq!(setup.server.requests("GET /keys"), 1, "only the test itself has read");
}

/// A-2: what counts as written is there, by whatever rule.
#[test]
fn what_another_device_wrote_meanwhile_is_not_counted_as_ours() {
    for sent in [1, 10] {
        another_device_writes_one_of(sent);
    }
}

fn another_device_writes_one_of(sent: usize) {
    let setup = Setup::new(Ways::SYNAPSE);
    let theirs =
        |session: &str| (key("!0", session, metadata(true, 0, 0), "theirs"), session.to_owned());
    let planted = theirs("s0");
    setup.server.before_put(move |server| {
        server.plant(1, "!0", &planted.1, serde_json::to_value(&planted.0.data).unwrap());
    });
    let ours = keys(sent);
    let outcome = setup.put(&ours).unwrap();
    assert_eq!(outcome.unwritten, kept_old([&ours[0]]));
    let mut there = ours;
    there[0] = theirs("s0").0;
    setup.has(&there);
}

#[test]
fn a_server_that_loses_what_it_acknowledged_is_found_out() {
    let setup = Setup::new(Ways::SPEC);
    let answer = r#"{"etag":"1","count":0}"#;
    setup.server.trouble_with(PUT, vec![Trouble::Answer(200, answer)]);
    let outcome = setup.put(&keys(1)).unwrap();
    let why = "the homeserver acknowledged it, and does not have it";
    assert_eq!(outcome.unwritten, [refused("s0", why)]);
}

/// A-1: Synapse names the version that was written to.
#[test]
fn which_version_is_the_newest_is_asked_for() {
    for ways in [Ways::SYNAPSE, Ways::SPEC] {
        let setup = Setup::new(ways);
        let newer = block_on(setup.store.create_version("a", &raw("{}"))).unwrap();
        match setup.put(&keys(3)).unwrap_err() {
            StoreError::WrongVersion { version, current } => {
                assert_eq!((version, current), (setup.version.clone(), Some(newer)));
            }
            other => panic!("{other:?}"),
        }
        setup.has(&[]);
    }
}

/// What no server can take is not even tried, and stops nothing.
#[test]
fn what_cannot_be_sent_is_reported() {
    let setup = Setup::new(Ways::SYNAPSE);
    let mut number = plain_key("!0", "number");
    number.data.first_message_index = 1 << 53;
    let all = [plain_key("no room", "s"), number, plain_key("!0", "good")];
    let outcome = setup.put(&all).unwrap();
    let named: Vec<_> = outcome.unwritten.iter().map(|lost| lost.session_id.as_str()).collect();
    assert_eq!((named, outcome.count), (vec!["s", "number"], 1));
}

fn troubles() -> impl Strategy<Value = Option<Trouble>> {
    let html = "<html>";
    let limited = r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1000}"#;
    prop_oneof![
        6 => Just(None),
        4 => prop_oneof![
            Just(Trouble::NoConnection),
            Just(Trouble::ResetBefore),
            Just(Trouble::ResetAfter),
            Just(Trouble::Silence),
            Just(Trouble::Answer(502, html)),
            Just(Trouble::Answer(503, html)),
            Just(Trouble::Answer(500, html)),
            Just(Trouble::Answer(429, limited)),
            Just(Trouble::Answer(413, html)),
            Just(Trouble::Answer(400, "{}")),
            Just(Trouble::DoneBut(504, html)),
            Just(Trouble::DoneBut(400, "{}")),
            (0..2000_usize).prop_map(Trouble::BreaksOff),
            (0..2000_usize).prop_map(Trouble::Ends),
            (0..2000_usize).prop_map(Trouble::Stalls),
        ].prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Whatever happens on the way: what is acknowledged is there, what is reported is not, nothing
    /// is there that was not sent; and once the trouble is over, all of it is there.
    #[test]
    fn what_is_acknowledged_is_there(
        number in 0..120_usize,
        existing in 0..60_usize,
        troubles in prop::collection::vec(troubles(), 1..40),
        bad in prop::option::of(0..120_usize),
    ) {
        let refuses: fn(&str) -> bool =
            if bad.is_some() { |session| session.ends_with('7') } else { |_| false };
        let setup = Setup::new(Ways { refuses, ..Ways::SYNAPSE });
        let all = keys(number);
        let worse: Vec<_> = all.iter().take(existing).filter(|key| !refuses(key.session_id.as_str()))
            .map(|key| {
                let mut worse = key.clone();
                worse.data.first_message_index = 9;
                worse
            })
            .collect();
        setup.put(&worse).unwrap();
        let mut script = troubles.into_iter();
        setup.server.trouble(move |_, _| script.next().flatten());
        let put = setup.put(&all);
        setup.server.trouble(|_, _| None);
        let there = block_on(read(&setup.store, &setup.version, KeyScope::All));
        if let Ok(outcome) = put {
            for key in &all {
                let unwritten = outcome.unwritten.iter().any(|lost| lost.session_id == key.session_id);
                let is_there = there.contains(&entries([key])[0]);
                prop_assert_eq!(is_there, !unwritten, "{:?}", key);
            }
        }
        for entry in &there {
            prop_assert!(entries(&all).contains(entry) || entries(&worse).contains(entry));
        }
        let outcome = setup.put(&all).unwrap();
        let good: Vec<_> = all.iter().filter(|key| !refuses(key.session_id.as_str())).cloned().collect();
        prop_assert_eq!(outcome.unwritten.len(), all.len() - good.len());
        setup.has(&good);
    }
}
