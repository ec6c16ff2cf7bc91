//! Our own transport, over real connections on this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use matrix_key_backup::store::homeserver::{
    AccessToken, HomeserverError, HomeserverStore, HomeserverUrl, Patience, ReqwestTransport,
    TransportErrorKind,
};
use matrix_key_backup::store::{BackupStore, KeyScope, StoreError, VersionId};
use serde_json::json;

use crate::common::{room, session};

const VERSION: &str = r#"{"algorithm":"a","auth_data":{},"count":7,"etag":"0","version":"1"}"#;
const TOKEN: &str = "syt_secret_token";

type Store = HomeserverStore<ReqwestTransport>;

/// A server that answers each connection, by its number, with raw bytes, then closes it. It hands
/// over the requests that it has seen.
fn serve(
    mut answer: impl FnMut(usize, &mut TcpStream) + Send + 'static,
) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for (number, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            if sender.send(head(&mut connection)).is_err() {
                return;
            }
            answer(number, &mut connection);
        }
    });
    (port, receiver)
}

/// A request up to the end of its head.
fn head(connection: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) == 1 {
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

fn write(connection: &mut TcpStream, text: &str) {
    // A client that has given up already is no error.
    let _ = connection.write_all(text.as_bytes());
}

fn answer(connection: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    write(connection, &format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"));
}

fn store(port: u16) -> Store {
    let url = HomeserverUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let token = AccessToken::new(TOKEN.to_owned()).unwrap();
    let mut patience = Patience::default();
    patience.tries = 3;
    patience.first_pause = Duration::from_millis(10);
    patience.answer = Duration::from_millis(500);
    patience.piece = Duration::from_millis(500);
    patience.look_up = Duration::from_secs(2);
    HomeserverStore::new(url, token, ReqwestTransport::new().unwrap()).with_patience(patience)
}

fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

fn failing(store: &Store) -> HomeserverError {
    match run(store.current_version()).unwrap_err() {
        StoreError::Store(error) => error,
        other => panic!("{other:?}"),
    }
}

fn kind(error: &HomeserverError) -> TransportErrorKind {
    match error {
        HomeserverError::Unreachable { cause, .. } | HomeserverError::BrokenOff { cause, .. } => {
            cause.kind()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_and_its_answer() {
    let (port, requests) = serve(|_, connection| answer(connection, "200 OK", VERSION));
    let found = run(store(port).current_version()).unwrap().unwrap();
    assert_eq!(found.count, 7);
    let request = requests.recv().unwrap().to_lowercase();
    assert!(request.starts_with("get /_matrix/client/v3/room_keys/version http/1.1\r\n"));
    assert!(request.contains("authorization: bearer syt_secret_token\r\n"), "{request}");
    assert!(request.contains("user-agent: matrix-key-backup/"), "{request}");
}

/// A server that sends a byte now and then keeps nobody waiting for ever: not with an answer, and not
/// with the words of an error.
#[test]
fn an_answer_that_trickles_ends() {
    for status in ["200 OK", "500 Internal Server Error"] {
        let (port, requests) = serve(move |_, connection| {
            write(connection, &format!("HTTP/1.1 {status}\r\nContent-Length: 1000\r\n\r\n"));
            while connection.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        let error = failing(&store(port));
        assert_eq!(kind(&error), TransportErrorKind::Timeout, "{status}: {error}");
        assert_eq!(requests.iter().take(3).count(), 3);
    }
}

/// Nor does a list in which something is looked up, which nobody sees the pages of.
#[test]
fn a_look_up_in_a_list_without_end_ends() {
    let (port, _requests) = serve(|number, connection| {
        if number == 0 {
            return answer(connection, "200 OK", VERSION);
        }
        write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while connection.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let places: Vec<_> = ["!a", "!b"].map(|id| (room(id), session("s"))).into();
    let found = run(store(port).keys_of(&VersionId::new("1"), &places));
    let StoreError::Store(error) = found.unwrap_err() else { panic!("a failure of the store") };
    assert_eq!(kind(&error), TransportErrorKind::Timeout, "{error}");
}

/// A token goes nowhere but to the homeserver.
#[test]
fn a_redirection_is_not_followed() {
    let (elsewhere, asked) = serve(|_, connection| answer(connection, "200 OK", VERSION));
    let (port, _requests) = serve(move |_, connection| {
        let location = format!("302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/");
        answer(connection, &location, "");
    });
    let error = failing(&store(port)).to_string();
    let said =
        format!("the homeserver answered 302: it has moved to http://127.0.0.1:{elsewhere}/");
    assert!(error.ends_with(&said), "{error}");
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_broken_connection_is_tried_again() {
    let (port, requests) = serve(|number, connection| {
        if number == 2 {
            answer(connection, "200 OK", VERSION);
        }
    });
    assert_eq!(run(store(port).current_version()).unwrap().unwrap().count, 7);
    assert_eq!(requests.try_iter().count(), 3);
}

#[test]
fn what_happened_to_a_request_is_told_apart() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = failing(&store(nobody));
    assert_eq!(kind(&refused), TransportErrorKind::Connect, "{refused}");
    let (port, _requests) = serve(|_, _| {});
    let broken = failing(&store(port));
    assert_eq!(kind(&broken), TransportErrorKind::Broken, "{broken}");
    let (port, _requests) = serve(|_, connection| write(connection, "SSH-2.0-OpenSSH_9.2\r\n"));
    let no_http = failing(&store(port));
    assert_eq!(kind(&no_http), TransportErrorKind::Broken, "{no_http}");
    let (port, _requests) = serve(|_, connection| {
        // Until the client gives up.
        let _ = connection.read(&mut [0; 1]);
    });
    let silent = failing(&store(port));
    assert_eq!(kind(&silent), TransportErrorKind::Timeout, "{silent}");
    for error in [refused, broken, no_http, silent] {
        let said = format!("{error} {error:?}");
        assert!(said.contains("GET /room_keys/version, asked 3 times: "), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
    }
}

/// How a list of keys ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Well,
    Closed,
    Stalled,
}

/// Serves a thousand keys in chunks, up to an end.
fn serve_keys(end: End) -> (u16, Receiver<String>) {
    serve(move |_, connection| {
        let entry = json!({
            "first_message_index": 0, "forwarded_count": 0, "is_verified": false,
            "session_data": {"ciphertext": "x".repeat(1000)},
        });
        write(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut chunk = |text: &str| write(connection, &format!("{:x}\r\n{text}\r\n", text.len()));
        chunk(r#"{"rooms":{"!r":{"sessions":{"first":7"#);
        for number in 0..1000 {
            chunk(&format!(",\"{number}\":{entry}"));
        }
        match end {
            End::Well => {
                chunk("}}}}");
                chunk("");
            }
            End::Closed => {}
            End::Stalled => drop(connection.read(&mut [0; 1])),
        }
    })
}

#[test]
fn a_body_is_read_as_it_comes_in() {
    for (end, kind_then) in [
        (End::Well, None),
        (End::Closed, Some(TransportErrorKind::Broken)),
        (End::Stalled, Some(TransportErrorKind::Timeout)),
    ] {
        let (port, _requests) = serve_keys(end);
        let store = store(port);
        run(async {
            let mut pages = store.keys(VersionId::new("1"), KeyScope::All);
            let (mut read, mut failed) = (0, None);
            while let Some(page) = pages.next_page().await {
                match page {
                    Ok(page) => read += page.len(),
                    Err(StoreError::Store(error)) => failed = Some(kind(&error)),
                    Err(other) => panic!("{other:?}"),
                }
            }
            assert_eq!((read, failed), (1001, kind_then), "{end:?}");
        });
    }
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let (port, _requests) = serve(|_, connection| answer(connection, "200 OK", VERSION));
    let error = pollster::block_on(store(port).current_version()).unwrap_err();
    assert!(error.to_string().contains("no reactor running"), "{error}");
}

/// A client of the caller's that follows them all the same is found out.
#[test]
fn an_answer_from_elsewhere_is_refused() {
    let (elsewhere, asked) = serve(|_, connection| answer(connection, "200 OK", VERSION));
    let (port, _requests) = serve(move |_, connection| {
        let location = format!("302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/");
        answer(connection, &location, "");
    });
    let url = HomeserverUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let token = AccessToken::new(TOKEN.to_owned()).unwrap();
    let transport = ReqwestTransport::with_client(reqwest::Client::new());
    let error = failing(&HomeserverStore::new(url, token, transport));
    assert_eq!(kind(&error), TransportErrorKind::Other, "{error}");
    assert!(error.to_string().contains("has followed a redirection"), "{error}");
    assert!(!asked.recv().unwrap().contains(TOKEN));
}

const CHILD: &str = "HOMESERVER_TO_ASK";

/// Not a test of its own: asks the homeserver that the environment names, with the proxies that it
/// names.
#[test]
fn child() {
    let Some(url) = std::env::var_os(CHILD) else { return };
    let url = HomeserverUrl::parse(url.to_str().unwrap()).unwrap();
    let token = AccessToken::new(TOKEN.to_owned()).unwrap();
    let mut patience = Patience::default();
    patience.tries = 1;
    let store = HomeserverStore::new(url, token, ReqwestTransport::new().unwrap());
    let found = run(store.with_patience(patience).current_version());
    eprintln!("{}", found.map_or_else(|error| error.to_string(), |_| "found it".to_owned()));
}

fn ask(url: &str, proxy: u16) -> String {
    let proxy = format!("http://127.0.0.1:{proxy}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["reqwest::child", "--exact", "--nocapture"])
        .env(CHILD, url)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .envs(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"].map(|name| (name, &proxy)))
        .output()
        .unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_goes_out_in_the_clear_goes_to_no_proxy() {
    let (proxy, at_proxy) = serve(|_, connection| answer(connection, "502 Bad Gateway", ""));
    let (port, _requests) = serve(|_, connection| answer(connection, "200 OK", VERSION));
    let said = ask(&format!("http://127.0.0.1:{port}"), proxy);
    assert!(said.contains("found it"), "{said}");
    assert!(at_proxy.try_recv().is_err());
    // The rest goes there, and through it.
    let said = ask("https://matrix.example.invalid", proxy);
    assert!(said.contains("asked once: "), "{said}");
    let request = at_proxy.try_recv().unwrap();
    assert!(request.starts_with("CONNECT matrix.example.invalid:443 HTTP/1.1\r\n"), "{request}");
    assert!(!request.contains(TOKEN), "{request}");
}
