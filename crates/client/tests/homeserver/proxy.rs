//! A proxy on this machine, between engine and homeserver, that does to requests what networks do.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything is read of it.
    Refused,
    /// The request is read, and the server never sees it.
    ResetBefore,
    /// The server does it, and the connection is closed in place of the answer.
    ResetAfter,
    /// The answer ends half-way.
    Truncated,
    /// The answer trickles.
    Slow,
    /// 429 with a pause, by a proxy.
    RateLimited,
    /// 500, by a proxy.
    Failing,
    /// 413 where the body is larger than so many bytes.
    TooLarge(usize),
    /// The server gets it twice, and the second answer is given.
    Duplicated,
    /// Its answer is kept back for so many milliseconds, while those to later requests come.
    Late(u64),
    /// The server never sees it, and nothing is said until whoever asked gives up.
    SilentBefore,
    /// The server does it, and nothing is said until whoever asked gives up.
    SilentAfter,
    /// The answer comes half-way, and then nothing until whoever asked gives up.
    Stalled,
}

type Script = Box<dyn FnMut(usize) -> Option<Fault> + Send>;

/// The proxy. Each connection carries one request.
#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    requests: usize,
    /// The numbers of the late requests, as they were answered.
    late: Vec<usize>,
    /// How many of them wait for an answer, or the rest of one, that does not come.
    silent: usize,
    script: Script,
}

impl Proxy {
    /// Starts one before the server at this URL, at a port of its own on the loopback address.
    pub fn start(upstream: &str) -> Self {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared {
            requests: 0,
            late: Vec::new(),
            silent: 0,
            script: Box::new(|_| None),
        }));
        let for_connections = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (shared, upstream) = (Arc::clone(&for_connections), upstream.clone());
                // What a fault does to a connection is an error on this side too.
                thread::spawn(move || serve(connection, &upstream, &shared).ok());
            }
        });
        Self { url, shared }
    }

    /// From now on the script decides, by the number of the request.
    pub fn script(&self, script: impl FnMut(usize) -> Option<Fault> + Send + 'static) {
        let mut shared = self.shared.lock().unwrap();
        (shared.requests, shared.silent) = (0, 0);
        shared.script = Box::new(script);
    }

    /// The numbers of the requests that were late, in the order of their answers.
    pub fn late(&self) -> Vec<usize> {
        self.shared.lock().unwrap().late.clone()
    }

    /// How many requests got silence for an answer since the script was set.
    pub fn silent(&self) -> usize {
        self.shared.lock().unwrap().silent
    }

    /// How many requests came since the script was set.
    pub fn requests(&self) -> usize {
        self.shared.lock().unwrap().requests
    }
}

fn serve(mut client: TcpStream, upstream: &str, shared: &Mutex<Shared>) -> io::Result<()> {
    let (number, fault) = {
        let mut shared = shared.lock().unwrap();
        let number = shared.requests;
        shared.requests += 1;
        (number, (shared.script)(number))
    };
    if fault == Some(Fault::Refused) {
        return Ok(());
    }
    let (request, body_length) = read_request(&mut client)?;
    match fault {
        Some(Fault::ResetBefore) => Ok(()),
        Some(Fault::RateLimited) => answer(
            &mut client,
            "429 Too Many Requests",
            r#"{"errcode":"M_LIMIT_EXCEEDED","error":"too many","retry_after_ms":20}"#,
        ),
        Some(Fault::Failing) => answer(&mut client, "500 Internal Server Error", "{}"),
        Some(Fault::TooLarge(most)) if body_length > most => {
            answer(&mut client, "413 Payload Too Large", "<html>")
        }
        Some(Fault::ResetAfter) => forward(upstream, &request).map(drop),
        Some(Fault::Truncated) => {
            let whole = forward(upstream, &request)?;
            client.write_all(&whole[..whole.len() - body_of(&whole) / 2 - 1])
        }
        Some(Fault::Slow) => {
            for piece in forward(upstream, &request)?.chunks(4096) {
                client.write_all(piece)?;
                thread::sleep(Duration::from_millis(2));
            }
            Ok(())
        }
        Some(Fault::Duplicated) => {
            forward(upstream, &request)?;
            client.write_all(&forward(upstream, &request)?)
        }
        Some(Fault::Late(milliseconds)) => {
            let answer = forward(upstream, &request)?;
            thread::sleep(Duration::from_millis(milliseconds));
            shared.lock().unwrap().late.push(number);
            client.write_all(&answer)
        }
        Some(Fault::SilentBefore) => silence(&mut client, shared),
        Some(Fault::SilentAfter) => {
            forward(upstream, &request)?;
            silence(&mut client, shared)
        }
        Some(Fault::Stalled) => {
            let whole = forward(upstream, &request)?;
            client.write_all(&whole[..whole.len() - body_of(&whole) / 2 - 1])?;
            silence(&mut client, shared)
        }
        Some(Fault::TooLarge(_) | Fault::Refused) | None => {
            client.write_all(&forward(upstream, &request)?)
        }
    }
}

/// Says nothing more until the other side has closed the connection.
fn silence(client: &mut TcpStream, shared: &Mutex<Shared>) -> io::Result<()> {
    shared.lock().unwrap().silent += 1;
    client.read_to_end(&mut Vec::new()).map(drop)
}

fn answer(client: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    client.write_all((head + body).as_bytes())
}

/// One request, as it is to be sent on: the last one of its connection.
fn read_request(client: &mut TcpStream) -> io::Result<(Vec<u8>, usize)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let is = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(name);
    let length = head.lines().find(|line| is(line, "content-length:"));
    let length = length.map_or(0, |line| line[15..].trim().parse().unwrap());
    let mut request: String = head
        .trim_end()
        .lines()
        .filter(|line| !is(line, "connection:"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    request += "Connection: close\r\n\r\n";
    let mut request = request.into_bytes();
    let start = request.len();
    request.resize(start + length, 0);
    client.read_exact(&mut request[start..])?;
    Ok((request, length))
}

/// The server's answer, all of it.
fn forward(upstream: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn body_of(answer: &[u8]) -> usize {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    answer.len() - head - 4
}
