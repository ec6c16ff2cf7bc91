//! Finding a homeserver, logging in, and account data: on answers that are made up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use matrix_key_backup::account::{
    DiscoveryError, KeyBackupPreference, Login, LoginError, NewDevice, RefreshToken, discover,
};
use matrix_key_backup::store::homeserver::{
    AccessToken, Body, HomeserverError, HomeserverStore, HomeserverUrl, Transport, TransportError,
    TransportErrorKind,
};
use matrix_key_backup::wire::UserId;
use pollster::block_on;
use serde_json::{Value, json};

/// What is asked: method and URL, whether with a token, and the body.
#[derive(Clone, Debug)]
struct Asked {
    name: String,
    token: Option<String>,
    body: Value,
}

type Answer = (u16, &'static str, String);
type Script = Box<dyn FnMut(&str) -> Answer + Send>;

/// Answers whatever a test says.
#[derive(Clone)]
struct Scripted {
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The status with which the connection breaks instead.
const BREAKS: u16 = 0;

impl std::fmt::Debug for Scripted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Scripted")
    }
}

impl Scripted {
    fn new(script: impl FnMut(&str) -> Answer + Send + 'static) -> Self {
        Self { script: Arc::new(Mutex::new(Box::new(script))), asked: Arc::default() }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn names(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.name).collect()
    }
}

impl Transport for Scripted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let name = format!("{} {}", request.method(), request.uri());
        let token = request.headers().get("authorization");
        let token = token.map(|token| token.to_str().unwrap().to_owned());
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        self.asked.lock().unwrap().push(Asked { name: name.clone(), token, body });
        let (status, location, body) = (self.script.lock().unwrap())(&name);
        if status == BREAKS {
            return Err(TransportError::new(TransportErrorKind::Broken, "reset by peer"));
        }
        let mut response = Response::builder().status(status);
        if !location.is_empty() {
            response = response.header("location", location);
        }
        Ok(response.body(Body::full(body)).unwrap())
    }

    async fn sleep(&self, _: Duration) {}
}

fn url(text: &str) -> HomeserverUrl {
    HomeserverUrl::parse(text).unwrap()
}

fn json(value: &Value) -> Answer {
    (200, "", value.to_string())
}

fn refusal(status: u16, errcode: &str) -> Answer {
    (status, "", json!({"errcode": errcode, "error": "because"}).to_string())
}

fn versions() -> Answer {
    json(&json!({"versions": ["v1.1"]}))
}

fn user() -> UserId {
    UserId::new("@alice:example.org").unwrap()
}

#[test]
fn a_user_id_leads_to_the_host_of_its_server() {
    for (id, found) in [
        ("@alice:example.org", Some("https://example.org/")),
        ("@alice:example.org:8448", Some("https://example.org/")),
        ("@alice:[::1]:8448", Some("https://[::1]/")),
        ("alice", None),
        ("@alice", None),
        ("@alice:exa mple.org", None),
        ("@alice:example.org/path", None),
    ] {
        let url = HomeserverUrl::of_user(&UserId::new(id).unwrap());
        assert_eq!(url.as_ref().map(HomeserverUrl::as_str), found, "{id}");
    }
}

#[test]
fn the_well_known_file_leads_to_the_homeserver() {
    let server = Scripted::new(|name| match name {
        "GET https://example.org/.well-known/matrix/client" => {
            json(&json!({"m.homeserver": {"base_url": "https://matrix.example.org/under/"}}))
        }
        "GET https://matrix.example.org/under/_matrix/client/versions" => versions(),
        other => panic!("{other}"),
    });
    let found = block_on(discover(url("https://example.org"), server.clone())).unwrap();
    assert_eq!(found.as_str(), "https://matrix.example.org/under/");
    assert!(server.asked().iter().all(|asked| asked.token.is_none()));
}

#[test]
fn where_there_is_none_the_beginning_itself_is_tried() {
    let server = Scripted::new(|name| match name {
        "GET https://example.org/.well-known/matrix/client" => (404, "", "<html>".to_owned()),
        "GET https://example.org/_matrix/client/versions" => versions(),
        other => panic!("{other}"),
    });
    let found = block_on(discover(url("https://example.org"), server)).unwrap();
    assert_eq!(found.as_str(), "https://example.org/");
}

#[test]
fn redirections_are_followed_a_few_times() {
    let server = Scripted::new(|name| match name {
        "GET https://example.org/.well-known/matrix/client" => {
            (301, "https://www.example.org/w", String::new())
        }
        "GET https://www.example.org/w" => (302, "/elsewhere", String::new()),
        "GET https://www.example.org/elsewhere" => {
            json(&json!({"m.homeserver": {"base_url": "https://hs.example.org"}}))
        }
        "GET https://hs.example.org/_matrix/client/versions" => versions(),
        other => panic!("{other}"),
    });
    let found = block_on(discover(url("https://example.org"), server)).unwrap();
    assert_eq!(found.as_str(), "https://hs.example.org/");

    let around = Scripted::new(|_| (302, "/again", String::new()));
    let error = block_on(discover(url("https://example.org"), around.clone())).unwrap_err();
    assert!(matches!(error, DiscoveryError::Redirections { .. }), "{error:?}");
    assert_eq!(around.names().len(), 6);
}

/// A password must not go out in the clear because of what a server says.
#[test]
fn nothing_leads_from_https_to_http() {
    let to = |base_url: &'static str| {
        let server = Scripted::new(move |name| match name {
            "GET https://example.org/.well-known/matrix/client" => {
                json(&json!({"m.homeserver": {"base_url": base_url}}))
            }
            other => panic!("{other}"),
        });
        block_on(discover(url("https://example.org"), server)).unwrap_err()
    };
    for bad in [
        "http://matrix.example.org",
        "http://127.0.0.1:8008",
        "",
        "matrix.example.org",
        "ftp://a",
        "https://a\"b.example",
        "https://{a}.example",
    ] {
        let error = to(bad);
        assert!(matches!(error, DiscoveryError::Url { .. }), "{bad}: {error:?}");
        assert!(error.to_string().contains("give the homeserver's URL"), "{error}");
    }
    for location in ["http://127.0.0.1/", "https://a`b.example/"] {
        let server = Scripted::new(move |_| (302, location, String::new()));
        let error = block_on(discover(url("https://example.org"), server)).unwrap_err();
        assert!(matches!(error, DiscoveryError::Url { .. }), "{error:?}");
    }
}

#[test]
fn what_is_no_homeserver_is_said() {
    for (answer, said) in [
        ((200, "", "<html>".to_owned()), "/.well-known/matrix/client does not tell"),
        (json(&json!({"m.homeserver": "x"})), "/.well-known/matrix/client does not tell"),
        ((403, "", String::new()), "/.well-known/matrix/client does not tell"),
        ((BREAKS, "", String::new()), "/.well-known/matrix/client does not tell"),
    ] {
        let server = Scripted::new(move |_| answer.clone());
        let error = block_on(discover(url("https://example.org"), server)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(said) && text.contains("give its URL"), "{text}");
    }
    for answer in
        [(200, "", "<html>".to_owned()), json(&json!({"versions": []})), refusal(404, "M")]
    {
        let server = Scripted::new(move |name| match name {
            name if name.ends_with("client") => (404, "", String::new()),
            _ => answer.clone(),
        });
        let error = block_on(discover(url("https://example.org"), server)).unwrap_err();
        assert!(matches!(error, DiscoveryError::NoHomeserver { .. }), "{error:?}");
    }
}

fn logged_in() -> Answer {
    json(&json!({
        "user_id": "@alice:example.org",
        "device_id": "DEVICE",
        "access_token": "syt_access",
        "refresh_token": "syr_refresh",
        "expires_in_ms": 60_000,
    }))
}

fn flows(types: &[&str]) -> Answer {
    let flows: Vec<_> = types.iter().map(|name| json!({"type": name})).collect();
    json(&json!({"flows": flows}))
}

fn login(server: &Scripted) -> Login<Scripted> {
    Login::new(url("https://hs.example.org"), server.clone())
}

const LOGIN: &str = "POST https://hs.example.org/_matrix/client/v3/login";
const FLOWS: &str = "GET https://hs.example.org/_matrix/client/v3/login";
const REFRESH: &str = "POST https://hs.example.org/_matrix/client/v3/refresh";

#[test]
fn a_password_brings_both_tokens() {
    let server = Scripted::new(|name| match name {
        FLOWS => flows(&["m.login.sso", "m.login.password"]),
        LOGIN => logged_in(),
        other => panic!("{other}"),
    });
    let device = NewDevice::named("a backup");
    let me = block_on(login(&server).with_password("alice", "swordfish", device)).unwrap();
    assert_eq!((me.user_id, me.device_id.as_str()), (user(), "DEVICE"));
    assert_eq!(me.access_token.expose_access_token(), "syt_access");
    assert_eq!(me.refresh_token.unwrap().expose_refresh_token(), "syr_refresh");
    assert_eq!(me.expires_in, Some(Duration::from_secs(60)));
    let asked = &server.asked()[1];
    assert_eq!(asked.token, None);
    assert_eq!(
        asked.body,
        json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": "alice"},
            "password": "swordfish",
            "initial_device_display_name": "a backup",
            "refresh_token": true,
        })
    );
}

#[test]
fn a_token_that_lasts_is_asked_for_where_nobody_refreshes_it() {
    let server = Scripted::new(|name| match name {
        FLOWS => flows(&["m.login.password"]),
        _ => logged_in(),
    });
    let server = Arc::new(server);
    let login = Login::new(url("https://hs.example.org"), Arc::clone(&server));
    let device = NewDevice::named("a bot").with_lasting_token();
    block_on(login.with_password("alice", "swordfish", device)).unwrap();
    assert_eq!(server.asked()[1].body.get("refresh_token"), None);
}

/// K-5
#[test]
fn no_password_is_sent_where_none_is_asked_for_nor_shown() {
    let server = Scripted::new(|_| flows(&["m.login.sso", "m.login.token"]));
    let login = login(&server);
    let error = block_on(login.with_password("a", "swordfish", NewDevice::default())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("m.login.sso, m.login.token") && text.contains("access token"), "{text}");
    assert_eq!(server.names(), [FLOWS]);
    assert!(!format!("{login:?} {error:?}").contains("swordfish"));
}

#[test]
fn a_wrong_password_is_not_tried_again() {
    let server = Scripted::new(|name| match name {
        FLOWS => flows(&["m.login.password"]),
        _ => refusal(403, "M_FORBIDDEN"),
    });
    let error = block_on(login(&server).with_password("a", "swordfish", NewDevice::default()));
    let error = error.unwrap_err();
    assert!(matches!(error, LoginError::WrongPassword { .. }), "{error:?}");
    assert!(error.to_string().contains("check both"), "{error}");
    assert_eq!(server.names(), [FLOWS, LOGIN]);
}

/// Each login makes a device: only what the server has not seen is sent again.
#[test]
fn a_login_whose_answer_is_lost_is_not_sent_again() {
    let lost = Scripted::new(|name| match name {
        FLOWS => flows(&["m.login.password"]),
        _ => (BREAKS, "", String::new()),
    });
    let error = block_on(login(&lost).with_password("a", "b", NewDevice::default())).unwrap_err();
    let unreachable = matches!(error, LoginError::Homeserver(HomeserverError::Unreachable { .. }));
    assert!(unreachable, "{error:?}");
    assert_eq!(lost.names(), [FLOWS, LOGIN]);

    let mut limited = 0;
    let busy = Scripted::new(move |name| match name {
        FLOWS => flows(&["m.login.password"]),
        _ => {
            limited += 1;
            if limited < 3 { refusal(429, "M_LIMIT_EXCEEDED") } else { logged_in() }
        }
    });
    block_on(login(&busy).with_password("a", "b", NewDevice::default())).unwrap();
    assert_eq!(busy.names(), [FLOWS, LOGIN, LOGIN, LOGIN]);
}

#[test]
fn tokens_that_are_none_are_malformed_answers() {
    let server = Scripted::new(|name| match name {
        FLOWS => flows(&["m.login.password"]),
        _ => json(&json!({"user_id": "@a:b", "device_id": "D", "access_token": "a b"})),
    });
    let error = block_on(login(&server).with_password("a", "b", NewDevice::default())).unwrap_err();
    let malformed =
        matches!(error, LoginError::Homeserver(HomeserverError::MalformedAnswer { .. }));
    assert!(malformed && !error.to_string().contains("a b"), "{error}");
}

#[test]
fn a_refresh_token_brings_the_next_ones() {
    let mut times = 0;
    let server = Scripted::new(move |name| {
        assert_eq!(name, REFRESH);
        times += 1;
        match times {
            1 => (BREAKS, "", String::new()),
            2 => json(&json!({"access_token": "syt_2", "refresh_token": "syr_2"})),
            3 => json(&json!({"access_token": "syt_3"})),
            4 => refusal(401, "M_UNKNOWN_TOKEN"),
            _ => refusal(403, "M_FORBIDDEN"),
        }
    });
    let login = login(&server);
    let first = RefreshToken::new("syr_swordfish".to_owned());
    let second = block_on(login.refresh(&first)).unwrap();
    assert_eq!(second.access_token.expose_access_token(), "syt_2");
    assert_eq!(second.refresh_token.unwrap().expose_refresh_token(), "syr_2");
    assert!(block_on(login.refresh(&first)).unwrap().refresh_token.is_none());
    for _ in 0..2 {
        let error = block_on(login.refresh(&first)).unwrap_err();
        assert!(matches!(error, LoginError::RefreshTokenEnded { .. }), "{error:?}");
        assert!(error.to_string().contains("log in again"), "{error}");
        assert!(!format!("{error:?}").contains("swordfish"));
    }
    let asked = &server.asked()[0];
    assert_eq!((&asked.token, &asked.body), (&None, &json!({"refresh_token": "syr_swordfish"})));
}

fn store(server: &Scripted) -> HomeserverStore<Scripted> {
    let token = AccessToken::new("syt_token".to_owned()).unwrap();
    HomeserverStore::new(url("https://hs.example.org"), token, server.clone())
}

/// K-5: the token is in the header, and nowhere else.
#[test]
fn account_data_is_read_and_written_in_the_users_name() {
    let server = Scripted::new(|name| match name {
        "GET https://hs.example.org/_matrix/client/v3/account/whoami" => {
            json(&json!({"user_id": "@alice:example.org", "device_id": "D"}))
        }
        "GET https://hs.example.org/_matrix/client/v3/user/@alice:example.org/account_data/\
         org.example%2Fa%3Fb" => json(&json!({"a": [1, "ä"]})),
        name if name.starts_with("PUT") => json(&json!({})),
        _ => refusal(404, "M_NOT_FOUND"),
    });
    let store = store(&server);
    let account = store.account();
    let me = block_on(account.who_am_i()).unwrap();
    assert_eq!((&me.user_id, me.device_id.as_deref()), (&user(), Some("D")));
    let content = block_on(account.data(&me.user_id, "org.example/a?b")).unwrap().unwrap();
    assert_eq!(content.get(), r#"{"a":[1,"ä"]}"#);
    assert!(block_on(account.data(&me.user_id, "org.example.none")).unwrap().is_none());
    block_on(account.put_data(&me.user_id, "org.example.x", &content)).unwrap();
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.token.as_deref() == Some("Bearer syt_token")));
    assert_eq!(asked[3].body, json!({"a": [1, "ä"]}));
    for unfit in ["", ".", ".."] {
        let error = block_on(account.data(&me.user_id, unfit)).unwrap_err();
        assert!(matches!(error, HomeserverError::NoPath { .. }), "{error:?}");
    }
    assert_eq!(server.asked().len(), 4);
}

/// P-1: both are written, the one that counts first; the other is read where that is absent.
#[test]
fn the_wish_for_a_backup_is_written_twice_and_read_in_order() {
    let server = Scripted::new(|name| match name {
        name if name.starts_with("PUT") => json(&json!({})),
        name if name.ends_with("/m.org.matrix.custom.backup_disabled") => {
            json(&json!({"disabled": true}))
        }
        _ => refusal(404, "M_NOT_FOUND"),
    });
    let store = store(&server);
    let account = store.account();
    let preference = block_on(account.key_backup_preference(&user())).unwrap();
    assert_eq!(preference, Some(KeyBackupPreference::Disabled));
    let me = user();
    block_on(account.set_key_backup_preference(&me, KeyBackupPreference::Enabled)).unwrap();
    let asked = server.asked();
    assert!(asked[2].name.ends_with("/m.key_backup"), "{asked:?}");
    assert_eq!(asked[2].body, json!({"enabled": true}));
    assert_eq!(asked[3].body, json!({"disabled": false}));

    let stable = Scripted::new(|_| json(&json!({"enabled": "yes"})));
    let preference = block_on(self::store(&stable).account().key_backup_preference(&user()));
    assert_eq!(preference.unwrap(), None);
    assert_eq!(stable.names().len(), 1, "what is there counts, malformed or not");
}

#[test]
fn logging_out_twice_is_no_error() {
    let mut times = 0;
    let server = Scripted::new(move |name| {
        assert_eq!(name, "POST https://hs.example.org/_matrix/client/v3/logout");
        times += 1;
        if times == 1 { json(&json!({})) } else { refusal(401, "M_UNKNOWN_TOKEN") }
    });
    let store = store(&server);
    block_on(store.account().log_out()).unwrap();
    block_on(store.account().log_out()).unwrap();
}

/// What a server calls somebody is shown to people, so it makes no line of its own.
#[test]
fn ids_with_line_ends_are_malformed_answers() {
    for (user_id, device_id) in [("@a\nFORGED:example.org", "D"), ("@a:example.org", "D\u{1b}[2J")]
    {
        let (of_login, of_whoami) = (
            json!({"user_id": user_id, "device_id": device_id, "access_token": "syt"}),
            json!({"user_id": user_id, "device_id": device_id}),
        );
        let server = Scripted::new(move |name| match name {
            FLOWS => flows(&["m.login.password"]),
            LOGIN => json(&of_login),
            _ => json(&of_whoami),
        });
        let error = block_on(login(&server).with_password("a", "b", NewDevice::default()));
        let malformed =
            |error: &HomeserverError| matches!(error, HomeserverError::MalformedAnswer { .. });
        match error.unwrap_err() {
            LoginError::Homeserver(error) => assert!(malformed(&error), "{error:?}"),
            other => panic!("{other:?}"),
        }
        let error = block_on(store(&server).account().who_am_i()).unwrap_err();
        assert!(malformed(&error), "{error:?}");
    }
}
