//! What counts as a verified device of this user (G-2, G-3).

use matrix_key_backup_secret_storage::sharing::{
    Device, DeviceId, DeviceTrust, DuplicateDevice, IdentityKey, IdentityKeyError, OwnDevices,
};

use crate::support::*;

fn verified(devices: &OwnDevices) -> Vec<&str> {
    devices.verified().map(DeviceId::as_str).collect()
}

// G-2: whatever else is in the list, a secret may go to verified devices of this user only.
#[test]
fn only_verified_devices_of_this_user_count() {
    assert_eq!(verified(&known_to(BOT)), [LAPTOP, PHONE, TABLET]);
    for (trust, counts) in [
        (DeviceTrust::Unverified, false),
        (DeviceTrust::VerifiedHere, true),
        (DeviceTrust::CrossSigned, true),
    ] {
        let devices = known_to_with(BOT, PHONE, |device| device.trust = trust);
        assert_eq!(verified(&devices).contains(&PHONE), counts);
    }
    let foreign = known_to_with(BOT, PHONE, |device| device.user_id = mallory());
    assert_eq!(verified(&foreign), [LAPTOP, TABLET]);
}

#[test]
fn this_device_does_not_count() {
    let mut devices = all_known_to(BOT);
    devices.push(device(BOT, DeviceTrust::CrossSigned));
    assert_eq!(verified(&own(BOT, devices)), [LAPTOP, PHONE, TABLET]);
}

// A device that claims the key of another makes the key worthless, whichever is verified.
#[test]
fn devices_that_share_an_identity_key_do_not_count() {
    let mut devices = all_known_to(BOT);
    devices.push(Device { identity_key: key_of(PHONE), ..device("EVIL", DeviceTrust::Unverified) });
    assert_eq!(verified(&own(BOT, devices)), [LAPTOP, TABLET]);
}

// … but a device of another user, who may claim any key, does not matter.
#[test]
fn another_users_claim_to_an_identity_key_does_not_matter() {
    let mut devices = all_known_to(BOT);
    let mut evil = device("EVIL", DeviceTrust::CrossSigned);
    (evil.user_id, evil.identity_key) = (mallory(), key_of(PHONE));
    devices.push(evil);
    assert_eq!(verified(&own(BOT, devices)), [LAPTOP, PHONE, TABLET]);
}

#[test]
fn a_device_id_names_one_device() {
    let mut devices = all_known_to(BOT);
    devices.push(Device { identity_key: key_of("X"), ..device(PHONE, DeviceTrust::Unverified) });
    let error = OwnDevices::new(alice(), id(BOT), devices).unwrap_err();
    assert!(matches!(&error, DuplicateDevice { device_id, .. } if *device_id == id(PHONE)));
    assert_eq!(error.to_string(), r#"the device "PHONE" is in the list twice"#);
    // Ids are one for each user, not one for all.
    let mut devices = all_known_to(BOT);
    devices.push(Device { user_id: mallory(), ..device(PHONE, DeviceTrust::CrossSigned) });
    assert_eq!(verified(&own(BOT, devices)), [LAPTOP, PHONE, TABLET]);
}

#[test]
fn identity_keys_are_32_bytes_in_either_base64() {
    let key = key_of(PHONE);
    assert_eq!(IdentityKey::from_base64(&key.to_base64()), Ok(key));
    assert_eq!(IdentityKey::from_base64(&format!("{key}=")), Ok(key));
    assert_eq!(key.as_bytes(), [b'P'; 32]);
    for length in [0, 31, 33, 64] {
        let error = IdentityKey::from_slice(&vec![0; length]).unwrap_err();
        assert!(matches!(error, IdentityKeyError::Length { found, .. } if found == length));
    }
    let error = IdentityKey::from_base64("no base64!").unwrap_err();
    assert_eq!(error.to_string(), "the identity key is not well-formed base64");
}
