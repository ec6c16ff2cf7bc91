//! What Synapse is told: to listen on 127.0.0.1 alone, to know no other server, to have no limits.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::homeserver::Homeserver;
use crate::homeserver::state::{self, State};

/// The part of a user id behind the colon.
pub(crate) const SERVER_NAME: &str = "localhost";

/// A port of 127.0.0.1 that nobody listens on.
///
/// # Errors
///
/// When there is none.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("a port without a number")?.port())
}

/// Writes the configuration: as JSON, which YAML includes, and which needs no care with quotes.
///
/// # Errors
///
/// When the file cannot be written.
pub(crate) fn write(homeserver: &Homeserver, state: &State, port: u16) -> Result<()> {
    let text = serde_json::to_vec_pretty(&configuration(homeserver, state, port))
        .context("cannot write the configuration")?;
    state::write_for_owner(&homeserver.config_file(), &text)
}

fn configuration(homeserver: &Homeserver, state: &State, port: u16) -> Value {
    let mut configuration = json!({
        "server_name": SERVER_NAME,
        "public_baseurl": state.url,
        "listeners": [{
            "type": "http",
            "bind_addresses": ["127.0.0.1"],
            "port": port,
            "tls": false,
            "resources": [{"names": ["client"]}],
        }],
        "database": {
            "name": "sqlite3",
            "args": {"database": homeserver.folder.join("homeserver.db")},
        },
        "enable_media_repo": false,
        "report_stats": false,

        // No word to other servers.
        "federation_domain_whitelist": [],
        "trusted_key_servers": [],
        "suppress_key_server_warning": true,

        "signing_key": state.signing_key,
        "macaroon_secret_key": state.macaroon_secret_key,
        "form_secret": state.macaroon_secret_key,
        // Only who knows the secret makes users.
        "registration_shared_secret": state.registration_shared_secret,
        "enable_registration": false,

        // Tests wait for nothing: neither for password hashes nor for answers two minutes old.
        "bcrypt_rounds": 4,
        "caches": {"sync_response_cache_duration": "0s"},
        "presence": {"enabled": false},
        // Who logs in with `refresh_token: true` wants to see an access token expire.
        "refreshable_access_token_lifetime": "2s",
    });
    if let (Value::Object(all), Value::Object(limits)) = (&mut configuration, no_limits()) {
        all.extend(limits);
    }
    configuration
}

/// Every limit of a rate that Synapse knows, out of reach.
fn no_limits() -> Value {
    let none = json!({"per_second": 100_000, "burst_count": 100_000});
    json!({
        "rc_message": none,
        "rc_registration": none,
        "rc_registration_token_validity": none,
        "rc_login": {"address": none, "account": none, "failed_attempts": none},
        "rc_admin_redaction": none,
        "rc_joins": {"local": none, "remote": none},
        "rc_joins_per_room": none,
        "rc_key_requests": none,
        "rc_3pid_validation": none,
        "rc_invites": {"per_room": none, "per_user": none, "per_issuer": none},
        "rc_third_party_invite": none,
        "rc_media_create": none,
        "rc_presence": {"per_user": none},
        "rc_delayed_event_mgmt": none,
        "rc_reports": none,
        "rc_room_creation": none,
        "rc_user_directory": none,
        "rc_profile": none,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_listens_on_this_machine_alone_and_knows_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let homeserver = Homeserver::claim_in(folder.path(), "data").unwrap();
        std::fs::create_dir_all(&homeserver.folder).unwrap();
        write(&homeserver, &State::new().unwrap(), 4711).unwrap();
        let text = std::fs::read_to_string(homeserver.config_file()).unwrap();
        let written: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(written["listeners"].as_array().unwrap().len(), 1);
        assert_eq!(written["listeners"][0]["bind_addresses"], json!(["127.0.0.1"]));
        assert_eq!(written["listeners"][0]["port"], 4711);
        assert_eq!(written["listeners"][0]["resources"], json!([{"names": ["client"]}]));
        assert_eq!(written["federation_domain_whitelist"], json!([]));
        assert_eq!(written["trusted_key_servers"], json!([]));
        assert_eq!(written["enable_registration"], false);
        assert_eq!(written["caches"]["sync_response_cache_duration"], "0s");
        assert_eq!(written["rc_login"]["failed_attempts"]["burst_count"], 100_000);
    }
}
