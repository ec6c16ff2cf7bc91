//! A homeserver that says what a test wants: one account, one backup, and nothing that is kept from
//! going back on itself. It listens on this machine alone, and ends with the process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

pub(crate) struct FakeHomeserver {
    pub(crate) url: String,
    backup: Arc<Mutex<Option<Value>>>,
}

impl FakeHomeserver {
    /// With this backup, in the form of a JSON file, as the current one.
    pub(crate) fn with(backup: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let backup = Arc::new(Mutex::new(Some(backup)));
        let shown = Arc::clone(&backup);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), shown.lock().unwrap().as_ref());
            }
        });
        Self { url, backup }
    }

    pub(crate) fn backup(&self) -> Value {
        self.backup.lock().unwrap().clone().unwrap()
    }

    /// From now on this is the current backup, or there is none.
    pub(crate) fn set(&self, backup: Option<Value>) {
        *self.backup.lock().unwrap() = backup;
    }
}

/// One request for each connection.
fn answer(mut stream: TcpStream, backup: Option<&Value>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    // A GET has no body.
    lines.find(String::is_empty);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = path.strip_prefix("/_matrix/client/v3/").and_then(|path| said(path, backup?));
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
