//! A homeserver that says what a test wants: one account, one backup, and nothing that is kept from
//! going back on itself. It listens on this machine alone, and ends with the process.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

pub(crate) struct FakeHomeserver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    backup: Option<Value>,
    /// What it says to whoever logs in.
    login: Option<Value>,
    /// What was asked of it, by method and path.
    requests: Vec<String>,
}

impl FakeHomeserver {
    /// With this backup, in the form of a JSON file, as the current one.
    pub(crate) fn with(backup: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { backup: Some(backup), ..State::default() }));
        let shown = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &mut shown.lock().unwrap());
            }
        });
        Self { url, state }
    }

    pub(crate) fn backup(&self) -> Value {
        self.state.lock().unwrap().backup.clone().unwrap()
    }

    /// From now on this is the current backup, or there is none.
    pub(crate) fn set(&self, backup: Option<Value>) {
        self.state.lock().unwrap().backup = backup;
    }

    /// From now on any password is the right one, of this user.
    pub(crate) fn let_in(&self, user_id: &str) {
        let answer = json!({ "user_id": user_id, "access_token": "token", "device_id": "DEVICE" });
        self.state.lock().unwrap().login = Some(answer);
    }

    /// Whether this was asked of it, by method and path.
    pub(crate) fn was_asked(&self, request: &str) -> bool {
        self.state.lock().unwrap().requests.iter().any(|asked| asked == request)
    }
}

/// One request for each connection.
fn answer(mut stream: TcpStream, state: &mut State) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let length = head
        .iter()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let _ = std::io::copy(&mut reader.take(length.unwrap_or(0)), &mut std::io::sink());
    let (method, path) = request.split_once(' ').unwrap_or_default();
    let path = path.split(' ').next().unwrap_or_default();
    let path = path.strip_prefix("/_matrix/client/v3/").unwrap_or_default();
    let asked = format!("{method} {path}");
    let found = match &*asked {
        "GET login" => Some(json!({ "flows": [{ "type": "m.login.password" }] })),
        "POST login" => state.login.clone(),
        "POST logout" => Some(json!({})),
        // A version of which it knows nothing afterwards.
        "POST room_keys/version" => Some(json!({ "version": "7" })),
        _ if asked.starts_with("PUT user/") => Some(json!({})),
        _ => state.backup.as_ref().and_then(|backup| said(path, backup)),
    };
    state.requests.push(asked);
    let (status, body) = match found {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", json!({ "errcode": "M_NOT_FOUND", "error": "Not found" })),
    };
    let body = body.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
    // A client that was killed does not matter.
    let _ =
        stream.write_all(format!("{head}content-type: application/json\r\n\r\n{body}").as_bytes());
}

fn said(path: &str, backup: &Value) -> Option<Value> {
    let mut version = backup.clone();
    let rooms = version.as_object_mut().unwrap().remove("rooms");
    let name = backup["version"].as_str().unwrap();
    match path {
        "room_keys/version" => Some(version),
        _ if path == format!("room_keys/version/{name}") => Some(version),
        _ if path == format!("room_keys/keys?version={name}") => Some(json!({ "rooms": rooms })),
        _ => None,
    }
}
