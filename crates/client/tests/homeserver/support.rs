//! The homeserver of these tests, its users, and plain requests in their names.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share, of which each uses its part"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha1::Sha1;

/// Where the server answers: `http://127.0.0.1:` and a port.
pub const URL: &str = "MATRIX_KEY_BACKUP_TEST_HOMESERVER";
/// Its `registration_shared_secret`.
pub const SECRET: &str = "MATRIX_KEY_BACKUP_TEST_SECRET";

/// The homeserver that the environment names.
#[derive(Clone, Debug)]
pub struct Homeserver {
    pub url: String,
    registration_shared_secret: String,
    client: Client,
}

/// A user with one device, logged in.
#[derive(Clone, Debug)]
pub struct User {
    pub homeserver: Homeserver,
    pub localpart: String,
    pub user_id: String,
    pub password: String,
    pub device_id: String,
    pub access_token: String,
}

/// Status and body of a response; `null` where the body is no JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Homeserver {
    /// The server that `cargo xtask e2e` has started.
    ///
    /// # Panics
    ///
    /// When there is none: a test that cannot be run must not pass.
    pub fn from_environment() -> Self {
        let variable = |name| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run this with `cargo xtask e2e`"))
        };
        // No proxy is asked for what is on this machine.
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(120));
        Self {
            url: variable(URL),
            registration_shared_secret: variable(SECRET),
            client: client.build().unwrap(),
        }
    }

    /// Registers a user whom no other test has, and logs in.
    pub async fn new_user(&self) -> User {
        let localpart = new_localpart();
        let password = format!("password of {localpart}");
        let path = "/_synapse/admin/v1/register";
        let nonce = self.request(Method::GET, path, None, None).await.ok();
        let nonce = nonce["nonce"].as_str().unwrap();
        let body = json!({
            "nonce": nonce,
            "username": localpart,
            "password": password,
            "admin": false,
            "mac": self.registration_mac(&[nonce, &localpart, &password, "notadmin"]),
        });
        self.request(Method::POST, path, None, Some(&body)).await.ok();
        self.log_in(&localpart, &password).await
    }

    /// A new device of a user.
    pub async fn log_in(&self, localpart: &str, password: &str) -> User {
        let body = json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": localpart},
            "password": password,
        });
        let path = "/_matrix/client/v3/login";
        let answer = self.request(Method::POST, path, None, Some(&body)).await.ok();
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        User {
            homeserver: self.clone(),
            localpart: localpart.to_owned(),
            user_id: text("user_id"),
            password: password.to_owned(),
            device_id: text("device_id"),
            access_token: text("access_token"),
        }
    }

    /// One request; the path begins with a slash, and is percent-encoded already.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        access_token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        self.try_to_request(method, path, access_token, body).await.unwrap()
    }

    /// The same where perhaps no answer comes.
    pub async fn try_to_request(
        &self,
        method: Method,
        path: &str,
        access_token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(access_token) = access_token {
            request = request.bearer_auth(access_token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    /// Who may register: HMAC-SHA1 in hexadecimal, with a zero byte between the fields.
    fn registration_mac(&self, fields: &[&str]) -> String {
        let secret = self.registration_shared_secret.as_bytes();
        let mac = Hmac::<Sha1>::new_from_slice(secret).unwrap().chain_update(fields.join("\0"));
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl User {
    /// A request below `/_matrix/client`, such as `/v3/room_keys/version`.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let path = format!("/_matrix/client{path}");
        self.homeserver.request(method, &path, Some(&self.access_token), body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// The same where perhaps no answer comes.
    pub async fn try_to_put(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        let (path, token) = (format!("/_matrix/client{path}"), Some(self.access_token.as_str()));
        self.homeserver.try_to_request(Method::PUT, &path, token, Some(body)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, None).await
    }
}

impl Answer {
    /// The body.
    ///
    /// # Panics
    ///
    /// With all that the server says, where its status is not 200.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Status and `errcode`.
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.body["errcode"].as_str().unwrap_or_default())
    }
}

/// The server may have users of earlier runs as well.
fn new_localpart() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("u{time}-{}-{count}", std::process::id())
}
