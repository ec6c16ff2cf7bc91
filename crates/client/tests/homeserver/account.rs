//! Logging in, refreshing, account data and the wish for a backup, on the server itself.

use matrix_key_backup::account::{
    KeyBackupPreference, Login, LoginError, NewDevice, RefreshToken, discover,
};
use matrix_key_backup::store::BackupStore as _;
use matrix_key_backup::store::homeserver::{
    AccessToken, HomeserverError, HomeserverStore, HomeserverUrl, ReqwestTransport,
};
use matrix_key_backup::wire::UserId;
use serde_json::json;
use serde_json::value::to_raw_value;

use std::sync::{Arc, Mutex};

use crate::support::{Homeserver, User};

fn url(user: &User) -> HomeserverUrl {
    HomeserverUrl::parse(&user.homeserver.url).unwrap()
}

fn transport() -> ReqwestTransport {
    ReqwestTransport::new().unwrap()
}

fn login(user: &User) -> Login<ReqwestTransport> {
    Login::new(url(user), transport())
}

fn store(user: &User, token: AccessToken) -> HomeserverStore<ReqwestTransport> {
    HomeserverStore::new(url(user), token, transport())
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn it_is_found_and_a_password_logs_in() {
    let user = Homeserver::from_environment().new_user().await;
    let found = discover(url(&user), transport()).await.unwrap();
    assert_eq!(found, url(&user));

    let device = NewDevice::named("a backup");
    let me = login(&user).with_password(&user.user_id, &user.password, device).await.unwrap();
    assert_eq!(me.user_id.as_str(), user.user_id);
    let store = store(&user, me.access_token);
    let who = store.account().who_am_i().await.unwrap();
    assert_eq!((who.user_id, who.device_id), (me.user_id, Some(me.device_id.clone())));
    let devices = user.get("/v3/devices").await.ok();
    assert!(devices.to_string().contains("a backup"), "{devices}");

    store.account().log_out().await.unwrap();
    let error = store.account().who_am_i().await.unwrap_err();
    assert!(matches!(error, HomeserverError::Unauthorized { .. }), "{error:?}");
    store.account().log_out().await.unwrap();
    let devices = user.get("/v3/devices").await.ok();
    assert!(!devices.to_string().contains(&me.device_id), "{devices}");
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_wrong_password_and_a_wrong_user_are_told() {
    let user = Homeserver::from_environment().new_user().await;
    for (name, password) in [(&*user.localpart, "another"), ("nobody-at-all", &*user.password)] {
        let error =
            login(&user).with_password(name, password, NewDevice::default()).await.unwrap_err();
        assert!(matches!(error, LoginError::WrongPassword { .. }), "{error:?}");
    }
}

/// An upload goes on where the token ends in the middle of it, and the rotated refresh token is
/// there for the caller to keep. The server lets such tokens live two seconds.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_token_that_has_ended_is_refreshed_and_the_next_one_too() {
    let user = Homeserver::from_environment().new_user().await;
    let device = NewDevice::default();
    let me = login(&user).with_password(&user.localpart, &user.password, device).await.unwrap();
    let kept = Arc::new(Mutex::new(vec![me.refresh_token.unwrap()]));
    let (keeping, again) = (Arc::clone(&kept), user.clone());
    let store = store(&user, me.access_token).with_token_refresh(move |refused| {
        assert!(refused.soft_logout);
        let (keeping, login) = (Arc::clone(&keeping), login(&again));
        let last = keeping.lock().unwrap().last().cloned().unwrap();
        async move {
            let refreshed = login.refresh(&last).await.unwrap();
            keeping.lock().unwrap().push(refreshed.refresh_token.unwrap());
            Some(refreshed.access_token)
        }
    });
    for round in 2..4 {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        store.current_version().await.unwrap();
        assert_eq!(kept.lock().unwrap().len(), round);
    }
    let first = kept.lock().unwrap()[0].clone();
    let error = login(&user).refresh(&first).await.unwrap_err();
    assert!(matches!(error, LoginError::RefreshTokenEnded { .. }), "{error:?}");
    let nonsense = RefreshToken::new("syr_of_nobody".to_owned());
    let error = login(&user).refresh(&nonsense).await.unwrap_err();
    assert!(matches!(error, LoginError::RefreshTokenEnded { .. }), "{error:?}");
}

/// P-1
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn account_data_and_the_wish_for_a_backup() {
    let server = Homeserver::from_environment();
    let (user, other) = (server.new_user().await, server.new_user().await);
    let store = store(&user, AccessToken::new(user.access_token.clone()).unwrap());
    let account = store.account();
    let me = UserId::new(user.user_id.clone()).unwrap();
    assert_eq!(account.key_backup_preference(&me).await.unwrap(), None);
    for preference in [KeyBackupPreference::Disabled, KeyBackupPreference::Enabled] {
        account.set_key_backup_preference(&me, preference).await.unwrap();
        assert_eq!(account.key_backup_preference(&me).await.unwrap(), Some(preference));
        let of = async |kind: &str| {
            user.get(&format!("/v3/user/{}/account_data/{kind}", user.user_id)).await.ok()
        };
        let enabled = preference == KeyBackupPreference::Enabled;
        assert_eq!(of("m.key_backup").await, json!({"enabled": enabled}));
        let custom = of("m.org.matrix.custom.backup_disabled").await;
        assert_eq!(custom, json!({"disabled": !enabled}));
    }
    for odd in ["org.example/with?all#of%2F it", "ä.ö"] {
        let content = to_raw_value(&json!({"of": odd})).unwrap();
        assert!(account.data(&me, odd).await.unwrap().is_none(), "{odd}");
        account.put_data(&me, odd, &content).await.unwrap();
        let back = account.data(&me, odd).await.unwrap().unwrap();
        let back: serde_json::Value = serde_json::from_str(back.get()).unwrap();
        assert_eq!(back, json!({"of": odd}));
    }
    let others = UserId::new(other.user_id).unwrap();
    let error = account.data(&others, "m.key_backup").await.unwrap_err();
    assert!(matches!(error, HomeserverError::Refused { .. }), "{error:?}");
}
