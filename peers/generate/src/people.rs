//! Who sends in the rooms: people on several servers, some with more than one device.

use matrix_sdk_crypto::Account;
use ruma::{OwnedDeviceId, UserId};

use crate::Result;

const DEVICES: [(&str, &str); 9] = [
    ("@alice:example.org", "ALICEPHONE"),
    ("@alice:example.org", "ALICELAPTOP"),
    ("@bob:matrix.example.com", "BOBDESKTOP"),
    ("@bob:matrix.example.com", "QXHZRMDWUE"),
    ("@carol:localhost:8448", "CAROLWEB"),
    ("@dan:xn--bcher-kva.example", "KJTLMNOWVB"),
    ("@_bridge_erin:example.net", "BRIDGE01"),
    ("@frank:[2001:db8::1]", "FRANKTABLET"),
    ("@grace:203.0.113.7", "ZDEJHKAWQP"),
];

pub(crate) fn devices() -> Result<Vec<Account>> {
    DEVICES
        .into_iter()
        .map(|(user, device)| {
            Ok(Account::with_device_id(<&UserId>::try_from(user)?, &OwnedDeviceId::from(device)))
        })
        .collect()
}
