//! The server itself: what the other tests take for granted.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Homeserver;

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_new_user_has_no_backup() {
    let homeserver = Homeserver::from_environment();
    let versions =
        homeserver.request(Method::GET, "/_matrix/client/versions", None, None).await.ok();
    assert!(versions["versions"].as_array().unwrap().contains(&json!("v1.1")), "{versions}");
    let user = homeserver.new_user().await;
    let devices = user.get("/v3/devices").await.ok();
    assert!(devices.to_string().contains(&user.device_id), "{devices}");
    assert_eq!(user.get("/v3/room_keys/version").await.error(), (404, "M_NOT_FOUND"));
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn without_a_token_nobody_has_a_backup() {
    let homeserver = Homeserver::from_environment();
    let path = "/_matrix/client/v3/room_keys/version";
    let answer = homeserver.request(Method::GET, path, None, None).await;
    assert_eq!(answer.error(), (401, "M_MISSING_TOKEN"));
    let answer = homeserver.request(Method::GET, path, Some("not-a-token"), None).await;
    assert_eq!(answer.error(), (401, "M_UNKNOWN_TOKEN"));
}

/// By itself, Synapse refuses the sixth login within minutes.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn no_rate_is_limited() {
    let user = Homeserver::from_environment().new_user().await;
    for _ in 0..20 {
        user.homeserver.log_in(&user.localpart, &user.password).await;
    }
    for number in 0..20 {
        let room = json!({"name": format!("room {number}"), "preset": "private_chat"});
        user.post("/v3/createRoom", &room).await.ok();
    }
}

/// By itself, Synapse gives the answer of up to two minutes ago to a request that is the same.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn no_answer_comes_from_a_cache() {
    let user = Homeserver::from_environment().new_user().await;
    let before = user.get("/v3/sync").await.ok();
    let path = format!("/v3/user/{}/account_data/org.example.test", user.user_id);
    user.put(&path, &json!({"new": true})).await.ok();
    let after = user.get("/v3/sync").await.ok();
    assert!(!before.to_string().contains("org.example.test"), "{before}");
    assert!(after.to_string().contains("org.example.test"), "{after}");
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn an_access_token_that_can_be_refreshed_expires_soon() {
    let user = Homeserver::from_environment().new_user().await;
    let login = json!({
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user.localpart},
        "password": user.password,
        "refresh_token": true,
    });
    let mut device = user.post("/v3/login", &login).await.ok();
    let is_logged_in = async |device: &Value| {
        let token = device["access_token"].as_str().unwrap();
        let path = "/_matrix/client/v3/account/whoami";
        user.homeserver.request(Method::GET, path, Some(token), None).await
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    let expired = is_logged_in(&device).await;
    assert_eq!(expired.error(), (401, "M_UNKNOWN_TOKEN"));
    assert_eq!(expired.body["soft_logout"], true);

    let refresh = json!({"refresh_token": device["refresh_token"]});
    device = user.post("/v3/refresh", &refresh).await.ok();
    is_logged_in(&device).await.ok();
}
