//! What can happen: events in numbers, and how they are drawn.

use matrix_key_backup_secret_storage::sharing::{DeviceTrust, SharedSecret};
use proptest::{
    prelude::*,
    sample::{Index, select, subsequence},
};

use crate::world::{ALICE, DEVICES, KEYS, MALLORY, REQUEST_IDS};

/// An event. Which request is meant depends on those that there are at that moment.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Ask {
        secret: SharedSecret,
        recipients: Vec<&'static str>,
    },
    Cancel {
        request: Index,
    },
    /// An `m.secret.send` for one of the requests, or for none.
    Send {
        from: Sender,
        request: Option<Index>,
        secret: Payload,
    },
    /// An `m.secret.request` of whoever, in the name of whoever.
    Request {
        from: Sender,
        device: &'static str,
        id: &'static str,
        name: &'static str,
    },
    RequestCancellation {
        from: Sender,
        device: &'static str,
        id: &'static str,
    },
    /// The cancellation of a request that has been handed out, in the clear.
    CancelOpen {
        open: Index,
    },
    Answer {
        open: Index,
    },
    Decline {
        open: Index,
    },
    SetTrust {
        device: &'static str,
        trust: DeviceTrust,
    },
    SetKey {
        device: &'static str,
        key: u8,
    },
    SetListed {
        device: &'static str,
        listed: bool,
    },
    Restart,
}

/// Who sends an event, and how.
#[derive(Clone, Debug)]
pub(crate) enum Sender {
    Clear {
        user: &'static str,
    },
    /// From this device: its key is at the other end of the Olm session.
    Olm {
        user: &'static str,
        device: &'static str,
    },
    /// From whoever has this key.
    OlmFromKey {
        key: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload {
    DecryptionKey,
    MacKey,
    Padded,
    TooShort,
    NotBase64,
}

const SECRET_NAMES: [&str; 4] = [
    "m.megolm_backup.v1",
    "m.megolm_backup.v1.mac",
    "org.matrix.msc4048.mac",
    "m.cross_signing.master",
];

const TRUST: [DeviceTrust; 3] =
    [DeviceTrust::CrossSigned, DeviceTrust::VerifiedHere, DeviceTrust::Unverified];

/// Alice's ordinary devices most of the time.
fn device() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => select(vec!["A", "B", "C"]), 2 => select(DEVICES.to_vec())]
}

fn user() -> impl Strategy<Value = &'static str> {
    prop_oneof![9 => Just(ALICE), 1 => Just(MALLORY)]
}

fn sender() -> impl Strategy<Value = Sender> {
    prop_oneof![
        2 => user().prop_map(|user| Sender::Clear { user }),
        7 => (user(), device()).prop_map(|(user, device)| Sender::Olm { user, device }),
        1 => (0..KEYS).prop_map(|key| Sender::OlmFromKey { key }),
    ]
}

/// A sender, and the device in whose name it speaks: often itself.
fn speaker() -> impl Strategy<Value = (Sender, &'static str)> {
    prop_oneof![
        4 => device().prop_map(|device| (Sender::Clear { user: ALICE }, device)),
        3 => device().prop_map(|device| (Sender::Olm { user: ALICE, device }, device)),
        3 => (sender(), device()),
    ]
}

fn recipients() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        9 => subsequence(vec!["A", "B", "C"], 0..=3),
        1 => subsequence(DEVICES.to_vec(), 1..=3),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        2 => Just(Payload::DecryptionKey),
        4 => Just(Payload::MacKey),
        1 => Just(Payload::Padded),
        1 => Just(Payload::TooShort),
        1 => Just(Payload::NotBase64),
    ]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let request = || prop::option::weighted(0.95, any::<Index>());
    let id = || select(REQUEST_IDS.to_vec());
    let secret = select(SharedSecret::ALL.to_vec());
    let name = select(SECRET_NAMES.to_vec());
    let listed = prop::bool::weighted(0.8);
    prop_oneof![
        6 => (secret, recipients()).prop_map(|(secret, recipients)| Op::Ask { secret, recipients }),
        1 => any::<Index>().prop_map(|request| Op::Cancel { request }),
        12 => (sender(), request(), payload())
            .prop_map(|(from, request, secret)| Op::Send { from, request, secret }),
        8 => (speaker(), id(), name)
            .prop_map(|((from, device), id, name)| Op::Request { from, device, id, name }),
        2 => (speaker(), id())
            .prop_map(|((from, device), id)| Op::RequestCancellation { from, device, id }),
        1 => any::<Index>().prop_map(|open| Op::CancelOpen { open }),
        6 => any::<Index>().prop_map(|open| Op::Answer { open }),
        1 => any::<Index>().prop_map(|open| Op::Decline { open }),
        2 => (device(), select(TRUST.to_vec()))
            .prop_map(|(device, trust)| Op::SetTrust { device, trust }),
        1 => (device(), 1..KEYS).prop_map(|(device, key)| Op::SetKey { device, key }),
        1 => (device(), listed).prop_map(|(device, listed)| Op::SetListed { device, listed }),
        1 => Just(Op::Restart),
    ]
}
