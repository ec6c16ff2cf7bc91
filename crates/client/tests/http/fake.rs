//! A homeserver in memory, as a transport: it answers as Synapse does, and badly on request.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use matrix_key_backup::store::homeserver::{
    AccessToken, Body, HomeserverStore, HomeserverUrl, Transport, TransportError,
    TransportErrorKind,
};
use matrix_key_backup::wire::KeyBackupData;
use serde_json::{Map, Value, json};

use crate::common::suite::Rules;

pub const TOKEN: &str = "syt_secret_token";

/// How the server differs from one that keeps to the specification.
#[derive(Clone, Copy)]
pub struct Ways {
    pub rules: Rules,
    /// A refused PUT to an old version names that version as the current one.
    pub names_the_wrong_version: bool,
    /// Larger bodies are not taken.
    pub body_limit: usize,
    /// What is said of them: 413, or nothing, and the connection is reset.
    pub resets_large_bodies: bool,
    /// More rooms in one PUT are a 500.
    pub room_limit: usize,
    /// A PUT that has such an entry is a 400, after what was updated before it has been kept.
    pub refuses: fn(&str) -> bool,
    /// A PUT that has such an entry is a 500, and nothing of it is kept.
    pub trips_over: fn(&str) -> bool,
    /// Bodies come in pieces of this length.
    pub piece: usize,
}

impl Ways {
    pub const SPEC: Self = Self {
        rules: Rules::OURS,
        names_the_wrong_version: false,
        body_limit: usize::MAX,
        resets_large_bodies: false,
        room_limit: usize::MAX,
        refuses: |_| false,
        trips_over: |_| false,
        piece: 1000,
    };

    pub const SYNAPSE: Self = Self {
        rules: Rules::SYNAPSE,
        names_the_wrong_version: true,
        body_limit: 50 << 20,
        resets_large_bodies: true,
        room_limit: 900,
        ..Self::SPEC
    };
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The server never sees it.
    NoConnection,
    /// The connection is reset before the server has done anything.
    ResetBefore,
    /// The server does it, and the connection is reset before the answer.
    ResetAfter,
    /// The server does it, and does not answer.
    Silence,
    /// In place of the server a proxy answers, or the server itself before it does anything.
    Answer(u16, &'static str),
    /// The server does it, and the answer is another.
    DoneBut(u16, &'static str),
    /// The answer's body breaks off after so many bytes.
    BreaksOff(usize),
    /// The answer's body ends after so many bytes as if that were all.
    Ends(usize),
    /// The answer's body stops coming after so many bytes.
    Stalls(usize),
}

type Script = Box<dyn FnMut(usize, &str) -> Option<Trouble> + Send>;
type Act = Box<dyn FnOnce(&FakeHomeserver) + Send>;
type Key = (String, String);

#[derive(Default)]
struct Version {
    algorithm: Value,
    auth_data: Value,
    etag: u64,
    keys: BTreeMap<Key, Value>,
}

struct State {
    created: u64,
    versions: BTreeMap<u64, Version>,
    token: String,
    soft_logout: bool,
    log: Vec<String>,
    sizes: Vec<usize>,
    slept: Vec<Duration>,
    script: Script,
    before_put: Option<Act>,
}

#[derive(Clone)]
pub struct FakeHomeserver {
    state: Arc<Mutex<State>>,
    pub ways: Ways,
}

impl fmt::Debug for FakeHomeserver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FakeHomeserver")
    }
}

impl FakeHomeserver {
    pub fn new(ways: Ways) -> Self {
        let state = State {
            created: 0,
            versions: BTreeMap::new(),
            token: TOKEN.to_owned(),
            soft_logout: false,
            log: Vec::new(),
            sizes: Vec::new(),
            slept: Vec::new(),
            script: Box::new(|_, _| None),
            before_put: None,
        };
        Self { state: Arc::new(Mutex::new(state)), ways }
    }

    pub fn store(&self) -> HomeserverStore<Self> {
        let url = HomeserverUrl::parse("https://fake.example/below").unwrap();
        let token = AccessToken::new(TOKEN.to_owned()).unwrap();
        HomeserverStore::new(url, token, self.clone())
    }

    /// What goes wrong from now on: given the number of the request, from 0, and its name.
    pub fn trouble(&self, script: impl FnMut(usize, &str) -> Option<Trouble> + Send + 'static) {
        let mut state = self.state();
        state.script = Box::new(script);
        state.log.clear();
        state.sizes.clear();
        state.slept.clear();
    }

    /// The first requests of this name go wrong, in this order.
    pub fn trouble_with(&self, name: &'static str, troubles: Vec<Trouble>) {
        let mut troubles = troubles.into_iter();
        self.trouble(
            move |_, request| {
                if request.starts_with(name) { troubles.next() } else { None }
            },
        );
    }

    /// What another device does right before the next PUT of keys.
    pub fn before_put(&self, act: impl FnOnce(&Self) + Send + 'static) {
        self.state().before_put = Some(Box::new(act));
    }

    /// Takes another token from now on.
    pub fn change_token(&self, token: &str, soft_logout: bool) {
        let mut state = self.state();
        (state.token, state.soft_logout) = (token.to_owned(), soft_logout);
    }

    /// The requests since the troubles were set, by method and path.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// How many requests begin like this.
    pub fn requests(&self, name: &str) -> usize {
        self.state().log.iter().filter(|request| request.starts_with(name)).count()
    }

    /// The lengths of the bodies that were put.
    pub fn sizes(&self) -> Vec<usize> {
        self.state().sizes.clone()
    }

    pub fn slept(&self) -> Vec<Duration> {
        self.state().slept.clone()
    }

    /// The ids of the sessions that a version has.
    pub fn sessions(&self, version: u64) -> Vec<String> {
        let state = self.state();
        state.versions[&version].keys.keys().map(|(_, session)| session.clone()).collect()
    }

    /// Puts an entry, whatever is there and whatever it is.
    pub fn plant(&self, version: u64, room: &str, session: &str, entry: Value) {
        let mut state = self.state();
        let version = state.versions.get_mut(&version).unwrap();
        version.keys.insert((room.to_owned(), session.to_owned()), entry);
        version.etag += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn handle(&self, request: &Request<Bytes>) -> (u16, Value) {
        if request.method() == Method::PUT
            && let Some(act) = { self.state().before_put.take() }
        {
            act(self);
        }
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or(""));
        let path = path.strip_prefix("/below/_matrix/client/v3/room_keys/").unwrap();
        let path: Vec<_> = path.split('/').map(decoded).collect();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let version = query.strip_prefix("version=").map(decoded);
        let body = request.body();
        if body.len() > self.ways.body_limit {
            return (413, json!({"errcode": "M_TOO_LARGE", "error": "too large"}));
        }
        let json = || serde_json::from_slice::<Value>(body).unwrap();
        let mut state = self.state();
        let authorized = format!("Bearer {}", state.token);
        if request.headers()["authorization"] != authorized.as_str() {
            let soft_logout = state.soft_logout;
            let errcode = "M_UNKNOWN_TOKEN";
            return (401, json!({"errcode": errcode, "error": "no", "soft_logout": soft_logout}));
        }
        let method = request.method().as_str();
        let named = match path.as_slice() {
            ["version", number] => Some(*number),
            _ => version.as_deref(),
        };
        if !self.ways.rules.numbers_have_no_limit && named.is_some_and(is_beyond_integers) {
            return (500, json!({"errcode": "M_UNKNOWN", "error": "Internal server error"}));
        }
        match (method, path.as_slice(), version.as_deref()) {
            ("GET", ["version"], None) => {
                let newest = state.versions.keys().max().copied();
                newest.map_or_else(not_found, |newest| state.describe(newest))
            }
            ("POST", ["version"], None) => state.create(&json()),
            ("GET", ["version", number], None) => match state.find(number) {
                Some(number) => state.describe(number),
                None => not_found(),
            },
            ("PUT", ["version", number], None) => state.update(number, &json()),
            ("DELETE", ["version", number], None) => match state.find(number) {
                Some(number) => {
                    state.versions.remove(&number);
                    (200, json!({}))
                }
                None => not_found(),
            },
            ("PUT", ["keys"], Some(version)) => state.put(version, &json(), self.ways),
            ("GET", ["keys", scope @ ..], Some(version)) => state.get(version, scope),
            ("DELETE", ["keys", scope @ ..], Some(version)) => {
                state.delete(version, scope, self.ways)
            }
            other => panic!("no such request: {other:?}"),
        }
    }
}

fn is_beyond_integers(version: &str) -> bool {
    version.bytes().all(|byte| byte.is_ascii_digit())
        && !version.is_empty()
        && version.parse::<i64>().is_err()
}

fn not_found() -> (u16, Value) {
    (404, json!({"errcode": "M_NOT_FOUND", "error": "not found"}))
}

impl State {
    fn find(&self, version: &str) -> Option<u64> {
        let number = version.parse().ok().filter(|number: &u64| number.to_string() == version)?;
        self.versions.contains_key(&number).then_some(number)
    }

    fn describe(&self, number: u64) -> (u16, Value) {
        let version = &self.versions[&number];
        let answer = json!({
            "algorithm": version.algorithm,
            "auth_data": version.auth_data,
            "count": version.keys.len(),
            "etag": version.etag.to_string(),
            "version": number.to_string(),
        });
        (200, answer)
    }

    fn create(&mut self, body: &Value) -> (u16, Value) {
        self.created += 1;
        let version = Version {
            algorithm: body["algorithm"].clone(),
            auth_data: body["auth_data"].clone(),
            ..Version::default()
        };
        self.versions.insert(self.created, version);
        (200, json!({"version": self.created.to_string()}))
    }

    fn update(&mut self, version: &str, body: &Value) -> (u16, Value) {
        let Some(number) = self.find(version) else { return not_found() };
        let version = self.versions.get_mut(&number).unwrap();
        if version.algorithm != body["algorithm"] {
            return (400, json!({"errcode": "M_INVALID_PARAM", "error": "algorithm"}));
        }
        version.auth_data = body["auth_data"].clone();
        (200, json!({}))
    }

    fn put(&mut self, version: &str, body: &Value, ways: Ways) -> (u16, Value) {
        let Some(number) = self.find(version) else { return not_found() };
        let newest = *self.versions.keys().max().unwrap();
        if number != newest {
            let named = if ways.names_the_wrong_version { number } else { newest };
            let errcode = "M_WRONG_ROOM_KEYS_VERSION";
            let current = named.to_string();
            return (403, json!({"errcode": errcode, "error": "", "current_version": current}));
        }
        let rooms = body["rooms"].as_object().unwrap();
        let entries = || {
            rooms.iter().flat_map(|(room, sessions)| {
                let sessions = sessions["sessions"].as_object().unwrap().iter();
                sessions.map(move |(session, entry)| (room, session, entry))
            })
        };
        if rooms.len() > ways.room_limit
            || entries().any(|(_, session, _)| (ways.trips_over)(session))
        {
            return (500, json!({"errcode": "M_UNKNOWN", "error": "Internal server error"}));
        }
        let version = self.versions.get_mut(&number).unwrap();
        let mut inserts = Vec::new();
        let mut changed = false;
        for (room, session, entry) in entries() {
            if (ways.refuses)(session) {
                // What was updated stays, what was to be inserted is lost.
                version.etag += u64::from(changed);
                return (400, json!({"errcode": "M_BAD_JSON", "error": "bad entry"}));
            }
            let place = (room.clone(), session.clone());
            let data = |entry: &Value| serde_json::from_value::<KeyBackupData>(entry.clone());
            match version.keys.get_mut(&place) {
                None => inserts.push((place, entry.clone())),
                // What is no entry gives way.
                Some(old) => {
                    let replaces = data(old)
                        .is_ok_and(|old| !(ways.rules.new_one_wins)(&data(entry).unwrap(), &old));
                    if !replaces {
                        *old = entry.clone();
                        changed = true;
                    }
                }
            }
        }
        changed |= !inserts.is_empty();
        version.keys.extend(inserts);
        version.etag += u64::from(changed);
        version.stands()
    }

    fn get(&self, version: &str, scope: &[&str]) -> (u16, Value) {
        let Some(number) = self.find(version) else { return not_found() };
        let keys = &self.versions[&number].keys;
        if let [room, session] = scope {
            let place = ((*room).to_owned(), (*session).to_owned());
            return keys.get(&place).map_or_else(not_found, |entry| (200, entry.clone()));
        }
        let mut rooms: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for ((room, session), entry) in keys {
            rooms.entry(room).or_default().insert(session.clone(), entry.clone());
        }
        match scope {
            [] => {
                let rooms: Map<_, _> = rooms
                    .into_iter()
                    .map(|(room, sessions)| (room.to_owned(), json!({"sessions": sessions})))
                    .collect();
                (200, json!({"rooms": rooms}))
            }
            [room] => (200, json!({"sessions": rooms.remove(*room).unwrap_or_default()})),
            _ => panic!("{scope:?}"),
        }
    }

    fn delete(&mut self, version: &str, scope: &[&str], ways: Ways) -> (u16, Value) {
        let Some(number) = self.find(version) else { return not_found() };
        let version = self.versions.get_mut(&number).unwrap();
        let before = version.keys.len();
        version.keys.retain(|(room, session), _| match scope {
            [] => false,
            [one] => one != room,
            [one, other] => (one, other) != (&room.as_str(), &session.as_str()),
            _ => panic!("{scope:?}"),
        });
        let is_change = version.keys.len() < before || !ways.rules.deleting_nothing_is_no_change;
        version.etag += u64::from(is_change);
        version.stands()
    }
}

impl Version {
    fn stands(&self) -> (u16, Value) {
        (200, json!({"etag": self.etag.to_string(), "count": self.keys.len()}))
    }
}

fn decoded(part: &str) -> String {
    let pairs = format!("x={}", part.replace('+', "%2B").replace('&', "%26"));
    let mut decoded = url::form_urlencoded::parse(pairs.as_bytes());
    decoded.next().unwrap().1.into_owned()
}

fn broken() -> TransportError {
    TransportError::new(TransportErrorKind::Broken, "connection reset by peer")
}

impl Transport for FakeHomeserver {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let shown = format!("{request:?}");
        assert!(!shown.contains(TOKEN), "{shown}");
        let name = {
            let path = request.uri().path();
            let path = path.strip_prefix("/below/_matrix/client/v3/room_keys").unwrap();
            format!("{} {path}", request.method())
        };
        let trouble = {
            let mut state = self.state();
            let number = state.log.len();
            state.log.push(name.clone());
            if request.method() == Method::PUT {
                state.sizes.push(request.body().len());
            }
            (state.script)(number, &name)
        };
        let is_reset = self.ways.resets_large_bodies && request.body().len() > self.ways.body_limit;
        let (mut status, mut body) = match &trouble {
            _ if is_reset => return Err(broken()),
            Some(Trouble::NoConnection) => {
                return Err(TransportError::new(TransportErrorKind::Connect, "connection refused"));
            }
            Some(Trouble::ResetBefore) => return Err(broken()),
            Some(Trouble::Answer(status, body)) => (*status, (*body).to_owned()),
            _ => {
                let (status, body) = self.handle(&request);
                (status, body.to_string())
            }
        };
        let whole = body.len();
        let length = match trouble {
            Some(Trouble::ResetAfter) => return Err(broken()),
            Some(Trouble::Silence) => pending().await,
            Some(Trouble::DoneBut(other_status, other_body)) => {
                (status, body) = (other_status, other_body.to_owned());
                body.len()
            }
            Some(Trouble::BreaksOff(n) | Trouble::Ends(n) | Trouble::Stalls(n)) => n.min(whole),
            _ => whole,
        };
        let pieces: Vec<_> = body.as_bytes()[..length]
            .chunks(self.ways.piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let body = match trouble {
            Some(Trouble::BreaksOff(_)) => {
                Body::new(stream::iter(pieces.into_iter().chain([Err(broken())])))
            }
            Some(Trouble::Stalls(_)) => {
                use futures_util::StreamExt;
                Body::new(stream::iter(pieces).chain(stream::pending()))
            }
            _ => Body::new(stream::iter(pieces)),
        };
        Ok(Response::builder().status(status).body(body).unwrap())
    }

    /// Takes no time.
    async fn sleep(&self, duration: Duration) {
        self.state().slept.push(duration);
    }
}
