//! An honest world, and a network that delivers in any order.

use matrix_key_backup_primitives::BackupMacKey;
use matrix_key_backup_secret_storage::sharing::{
    AnyOpenRequest, Arrival, Cleartext, Device, DeviceTrust, IdentityKey, Incoming,
    MacKeyRequested, OlmEncrypted, OpenRequest, OwnDevices, ReceivedSecret, SecretRequestContent,
    SecretRequester, SecretResponder, SecretSendContent, ToDeviceMessage,
};
use matrix_key_backup_wire::{Names, UserId};
use rand_core::UnwrapErr;

use crate::{
    paths::Paths,
    world::{ALICE, THIS, device_id, identity_key, mac_key},
};

const HOLDERS: [&str; 3] = ["A", "B", "C"];

/// A device that holds the keys.
struct Holder {
    devices: OwnDevices,
    responder: SecretResponder,
    /// What waits for its user.
    open: Vec<OpenRequest<BackupMacKey>>,
}

/// A message, to or from the holder of this number.
#[derive(Clone)]
enum Underway {
    Request { to: usize, content: String },
    Send { from: usize, content: String },
}

/// One device that asks, three that hold the key, and all that is under way between them.
pub(crate) struct Network<'p> {
    devices: OwnDevices,
    requester: SecretRequester,
    holders: [Holder; 3],
    underway: Vec<Underway>,
    accepted: usize,
    paths: &'p Paths,
}

impl<'p> Network<'p> {
    /// All three have been asked.
    pub(crate) fn new(paths: &'p Paths) -> Self {
        let holder = |name| {
            let (devices, responder) = (devices_known_to(name), SecretResponder::new());
            Holder { devices, responder, open: Vec::new() }
        };
        let (devices, mut requester) = (devices_known_to(THIS), SecretRequester::new());
        let (names, recipients) = (Names::Unstable, HOLDERS.map(device_id));
        let mut rng = UnwrapErr(getrandom::SysRng);
        let asked = requester.request_mac_key(None, names, &recipients, &devices, &mut rng);
        let MacKeyRequested::Asked(asked) = asked.unwrap() else { panic!("from what?") };
        let mut network = Self {
            devices,
            requester,
            holders: HOLDERS.map(holder),
            underway: Vec::new(),
            accepted: 0,
            paths,
        };
        network.send_to_holders(&asked.message);
        network
    }

    fn send_to_holders(&mut self, message: &ToDeviceMessage) {
        for (to, name) in HOLDERS.iter().enumerate() {
            if message.recipients.contains(&device_id(name)) {
                let content = message.content.clone();
                self.underway.push(Underway::Request { to, content });
            }
        }
    }

    fn waiting_holders(&self) -> Vec<usize> {
        (0..3).filter(|number| !self.holders[*number].open.is_empty()).collect()
    }

    /// In how many ways it can go on.
    pub(crate) fn choices(&self) -> usize {
        self.underway.len() + self.waiting_holders().len()
    }

    /// Delivers a message, and keeps it under way if it comes `twice`; or lets a holder answer.
    pub(crate) fn go_on(&mut self, choice: usize, twice: bool) {
        if let Some(waiting) = choice.checked_sub(self.underway.len()) {
            return self.answer(self.waiting_holders()[waiting]);
        }
        let message = self.underway[choice].clone();
        if !twice {
            self.underway.swap_remove(choice);
        }
        match message {
            Underway::Request { to, content } => self.deliver_request(to, &content),
            Underway::Send { from, content } => self.deliver_send(from, &content),
        }
    }

    fn answer(&mut self, from: usize) {
        let holder = &mut self.holders[from];
        let open = holder.open.pop().unwrap();
        match holder.responder.answer(open, &mac_key(), &holder.devices) {
            Ok(message) => {
                let content = message.expose_content().to_owned();
                self.underway.push(Underway::Send { from, content });
            }
            Err(_) => self.paths.took("cancelled while its user was asked"),
        }
    }

    fn deliver_request(&mut self, to: usize, content: &str) {
        let holder = &mut self.holders[to];
        let content = SecretRequestContent::parse(content).unwrap();
        let from = Arrival::Cleartext(Cleartext { sender: alice() });
        match holder.responder.receive_request(&from, &content, &holder.devices) {
            Ok(Incoming::Request(AnyOpenRequest::MacKey(open))) => holder.open.push(open),
            Ok(Incoming::Cancellation(_)) => self.paths.took("cancelled"),
            Ok(other) => panic!("{other:?}"),
            Err(_) => self.paths.took("repeated or cancelled before"),
        }
    }

    fn deliver_send(&mut self, from: usize, content: &str) {
        let from = OlmEncrypted { sender: alice(), sender_key: key_of(HOLDERS[from]) };
        let content = SecretSendContent::parse(content).unwrap();
        let Ok(accepted) = self.requester.receive_send(&from, &content, &self.devices) else {
            return self.paths.took("late answer refused");
        };
        let ReceivedSecret::MacKey(received) = accepted.secret else { panic!("nobody asked") };
        assert_eq!(received.into_unconfirmed(), mac_key());
        self.accepted += 1;
        accepted.cancellation.iter().for_each(|message| self.send_to_holders(message));
    }

    /// When nothing is under way: one answer was accepted, and every request is closed.
    pub(crate) fn assert_settled(&self) {
        assert_eq!(self.accepted, 1);
        assert_eq!(self.requester.live_requests().count(), 0);
        let open = self.holders.iter().map(|holder| holder.responder.open_requests().count());
        assert_eq!(open.sum::<usize>(), 0);
    }
}

fn alice() -> UserId {
    UserId::new(ALICE).unwrap()
}

fn key_of(name: &str) -> IdentityKey {
    identity_key(name.as_bytes()[0])
}

fn devices_known_to(this: &str) -> OwnDevices {
    let device = |name: &str| Device {
        user_id: alice(),
        device_id: device_id(name),
        identity_key: key_of(name),
        trust: DeviceTrust::CrossSigned,
    };
    let devices = HOLDERS.iter().map(|name| device(name)).chain([device(THIS)]);
    OwnDevices::new(alice(), device_id(this), devices).unwrap()
}
