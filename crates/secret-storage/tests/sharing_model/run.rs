//! The machines and the model, side by side.

use matrix_key_backup_secret_storage::sharing::{
    AnyOpenRequest, Arrival, DeviceId, DeviceTrust, Incoming, MacKeyRequested, OlmMessage,
    ReceivedSecret, RequestAction, RequestId, SecretRequestContent, SecretRequester,
    SecretResponder, SecretSendContent, SharedSecret, ToDeviceMessage,
};
use proptest::sample::Index;
use rand_core::UnwrapErr;

use crate::{
    op::{Op, Payload, Sender},
    paths::Paths,
    world::{
        ALICE, DEVICES, Happened, INJECTED, REQUEST_IDS, THIS, World, decryption_key, device_id,
        identity_key, is_well_formed, mac_key, payload, user_of,
    },
};

pub(crate) struct Run<'p> {
    world: World,
    requester: SecretRequester,
    responder: SecretResponder,
    /// All ids that were ever asked under.
    requests: Vec<RequestId>,
    /// All open requests that were ever handed out, and are not used up.
    open: Vec<AnyOpenRequest>,
    paths: &'p Paths,
}

impl<'p> Run<'p> {
    pub(crate) fn new(paths: &'p Paths) -> Self {
        Self {
            world: World::new(),
            requester: SecretRequester::new(),
            responder: SecretResponder::new(),
            requests: Vec::new(),
            open: Vec::new(),
            paths,
        }
    }

    pub(crate) fn step(&mut self, op: &Op) {
        match op {
            Op::Ask { secret, recipients } => self.ask(*secret, recipients),
            Op::Cancel { request } => self.cancel(*request),
            Op::Send { from, request, secret } => self.receive_send(from, *request, *secret),
            Op::Request { from, device, id, name } => self.receive_request(from, device, id, name),
            Op::RequestCancellation { from, device, id } => {
                self.receive_cancellation(from, device, id);
            }
            Op::CancelOpen { open } => self.cancel_open(*open),
            Op::Answer { open } => self.answer(*open),
            Op::Decline { open } => self.decline(*open),
            Op::SetTrust { device: INJECTED, .. } => {}
            Op::SetTrust { device, trust } => {
                self.world.devices.get_mut(device).unwrap().trust = *trust;
            }
            Op::SetKey { device, key } => self.world.devices.get_mut(device).unwrap().key = *key,
            Op::SetListed { device, listed } => {
                self.world.devices.get_mut(device).unwrap().listed = *listed;
            }
            Op::Restart => self.restart(),
        }
        self.compare_state();
    }

    fn ask(&mut self, secret: SharedSecret, recipients: &[&'static str]) {
        let ids: Vec<_> = recipients.iter().map(|name| device_id(name)).collect();
        let (devices, mut rng) = (self.world.snapshot(), UnwrapErr(getrandom::SysRng));
        let asked = match secret {
            SharedSecret::DecryptionKey => {
                self.requester.request_decryption_key(&ids, &devices, &mut rng)
            }
            SharedSecret::MacKey(names) => {
                let asked = self.requester.request_mac_key(None, names, &ids, &devices, &mut rng);
                asked.map(|asked| match asked {
                    MacKeyRequested::Asked(asked) => asked,
                    MacKeyRequested::Derived(_) => panic!("from what?"),
                })
            }
            other => panic!("{other}"),
        };
        let expected =
            !recipients.is_empty() && recipients.iter().all(|name| self.world.is_worthy(name));
        assert_eq!(asked.is_ok(), expected, "{asked:?}");
        let Ok(asked) = asked else { return self.paths.took("nobody asked") };
        self.paths.took("asked");
        let devices = recipients.iter().map(|name| (*name, self.world.devices[name].key));
        let devices = devices.collect();
        let request = asked.request_id;
        self.requests.push(request.clone());
        self.world.log.push(Happened::Asked { request, secret, devices });
    }

    fn cancel(&mut self, request: Index) {
        if self.requests.is_empty() {
            return;
        }
        let request = request.get(&self.requests).clone();
        let cancellation = self.requester.cancel(&request, &device_id(THIS));
        let expected = self.world.is_live(&request).then(|| self.world.unanswered(&request));
        assert_eq!(recipients(cancellation.as_ref()), expected);
        if expected.is_some() {
            self.paths.took("cancelled");
            self.world.log.push(Happened::Cancelled { request });
        }
    }

    fn receive_send(&mut self, from: &Sender, request: Option<Index>, secret: Payload) {
        let request = match request {
            Some(request) if !self.requests.is_empty() => request.get(&self.requests).clone(),
            _ => RequestId::new("never made").unwrap(),
        };
        let content = SecretSendContent::new(request.clone(), payload(secret));
        let from_olm = match self.world.arrival(from) {
            Arrival::OlmEncrypted(from) => from,
            Arrival::Cleartext(from) => {
                let _ = self.requester.receive_cleartext_send(&from, &content);
                return self.paths.took("cleartext send refused");
            }
        };
        let expected = self.world.accepted_answer(from, &request);
        let accepted = self.requester.receive_send(&from_olm, &content, &self.world.snapshot());
        let Some(device) = expected else {
            accepted.unwrap_err();
            return self.note_refused_send(from, &request);
        };
        if !is_well_formed(secret) {
            accepted.unwrap_err();
            self.paths.took("malformed send refused");
            return self.world.log.push(Happened::Spoiled { request, device });
        }
        let accepted = accepted.unwrap();

        // G-3, said once more without the model: from the user's own verified device, and once.
        let sender = &self.world.devices[device];
        assert!(sender.user == ALICE && sender.trust != DeviceTrust::Unverified);
        assert!(identity_key(sender.key) == from_olm.sender_key && device != THIS);
        assert!(!self.world.log.contains(&Happened::Accepted { request: request.clone() }));
        assert!(!self.world.log.contains(&Happened::Cancelled { request: request.clone() }));
        // G-2: what was asked for decides what it is.
        match (self.world.secret_of(&request), &accepted.secret) {
            (SharedSecret::DecryptionKey, ReceivedSecret::DecryptionKey(received)) => {
                assert_eq!(received.device_id(), &device_id(device));
            }
            (SharedSecret::MacKey(_), ReceivedSecret::MacKey(received)) => {
                assert_eq!(received.device_id(), &device_id(device));
            }
            (asked, _) => panic!("{asked} was asked for"),
        }
        let mut others = self.world.unanswered(&request);
        others.retain(|name| *name != device);
        let cancelled = recipients(accepted.cancellation.as_ref());
        assert_eq!(cancelled.unwrap_or_default(), others);
        self.paths.took("accepted");
        self.world.log.push(Happened::Accepted { request });
    }

    fn note_refused_send(&self, from: &Sender, request: &RequestId) {
        let world = &self.world;
        let key = world.key(from).unwrap();
        let path = if world.log.contains(&Happened::Accepted { request: request.clone() }) {
            "second answer refused"
        } else if world.log.contains(&Happened::Cancelled { request: request.clone() }) {
            "answer after cancellation refused"
        } else if !self.requests.contains(request) {
            "answer to nothing asked refused"
        } else if user_of(from) != ALICE {
            "answer of another user refused"
        } else if let Some(name) = world.sole_holder(key) {
            match (name, world.is_worthy(name)) {
                (THIS, _) => "answer of this device refused",
                (INJECTED, _) => "answer of an injected device refused",
                (_, false) => "answer of an unverified device refused",
                (_, true) => "answer of a device that was not asked refused",
            }
        } else if world.devices.values().filter(|device| device.key == key).count() > 1 {
            "answer under a shared key refused"
        } else {
            "answer of an unknown device refused"
        };
        self.paths.took(path);
    }

    fn receive_request(
        &mut self,
        from: &Sender,
        device: &'static str,
        id: &'static str,
        name: &'static str,
    ) {
        let action = RequestAction::Request { name: name.to_owned() };
        let incoming = self.receive(from, device, id, action);
        let secret = SharedSecret::from_name(name);
        let world = &mut self.world;
        let expected = world.may_speak_for(from, device)
            && world.is_worthy(device)
            && secret.is_some()
            && !world.seen(device, id);
        let Some(incoming) = incoming else {
            assert!(!expected, "request of {device} from {from:?} refused");
            let repeated = world.seen(device, id);
            let path = if repeated { "repeated request refused" } else { "request refused" };
            return self.paths.took(path);
        };
        assert!(expected, "request of {device} from {from:?} opened");
        let Incoming::Request(open) = incoming else { panic!("{incoming:?}") };
        let secret = secret.unwrap();
        assert_eq!((open.device_id().as_str(), open.request_id().as_str()), (device, id));
        assert_eq!(open.secret(), secret);
        let key = world.devices[device].key;
        world.log.push(Happened::Opened { device, id, secret, key });
        self.open.push(open);
        self.paths.took("opened");
    }

    fn receive_cancellation(&mut self, from: &Sender, device: &'static str, id: &'static str) {
        let incoming = self.receive(from, device, id, RequestAction::Cancellation);
        let world = &mut self.world;
        let known = world.seen(device, id);
        let expected = world.may_speak_for(from, device) && (known || world.is_worthy(device));
        let Some(incoming) = incoming else {
            assert!(!expected, "cancellation of {device} from {from:?} refused");
            return self.paths.took("cancellation refused");
        };
        assert!(expected, "cancellation of {device} from {from:?} heard");
        let Incoming::Cancellation(cancelled) = incoming else { panic!("{incoming:?}") };
        assert_eq!(cancelled.was_open, world.opened(device, id).is_some());
        self.paths.took(if cancelled.was_open {
            "cancelled by its device"
        } else {
            "cancelled early or late"
        });
        world.log.push(Happened::Closed { device, id });
    }

    fn receive(
        &mut self,
        from: &Sender,
        device: &str,
        id: &str,
        action: RequestAction,
    ) -> Option<Incoming> {
        let content = SecretRequestContent {
            action,
            requesting_device_id: device_id(device),
            request_id: RequestId::new(id).unwrap(),
        };
        let content = SecretRequestContent::parse(&content.to_json()).unwrap();
        let (from, devices) = (self.world.arrival(from), self.world.snapshot());
        self.responder.receive_request(&from, &content, &devices).ok()
    }

    fn answer(&mut self, open: Index) {
        let Some((open, device, id)) = self.take_open(open) else { return };
        let opened = self.world.opened(device, id);
        let expected = opened.filter(|(_, key)| {
            self.world.is_worthy(device) && self.world.devices[device].key == *key
        });
        let devices = self.world.snapshot();
        let message = match open {
            AnyOpenRequest::DecryptionKey(open) => {
                self.responder.answer(open, &decryption_key(), &devices)
            }
            AnyOpenRequest::MacKey(open) => self.responder.answer(open, &mac_key(), &devices),
            other => panic!("{other:?}"),
        };
        assert_eq!(message.is_ok(), expected.is_some(), "{message:?}");
        self.world.log.push(Happened::Closed { device, id });
        let Ok(message) = message else {
            let path = if opened.is_some() { "device refused at the answer" } else { "not open" };
            return self.paths.took(path);
        };
        self.check_sent(&message, device, id, expected.unwrap());
        self.paths.took("answered");
    }

    /// G-2, said once more without the model: to the user's own verified device, and only the
    /// secret that was asked for.
    fn check_sent(
        &self,
        message: &OlmMessage,
        device: &'static str,
        id: &str,
        (secret, key): (SharedSecret, u8),
    ) {
        let recipient = &self.world.devices[device];
        assert!(recipient.user == ALICE && device != THIS);
        assert!(recipient.trust != DeviceTrust::Unverified && recipient.listed);
        assert_eq!(message.device_id(), &device_id(device));
        assert_eq!((message.identity_key(), recipient.key), (&identity_key(key), key));
        let (right, wrong) = match secret {
            SharedSecret::MacKey(_) => {
                (mac_key().expose_base64(), decryption_key().expose_base64())
            }
            SharedSecret::DecryptionKey => {
                (decryption_key().expose_base64(), mac_key().expose_base64())
            }
            other => panic!("{other}"),
        };
        assert!(message.expose_content().contains(&*right));
        assert!(!message.expose_content().contains(&*wrong));
        let content = SecretSendContent::parse(message.expose_content()).unwrap();
        assert_eq!(content.request_id().as_str(), id);
    }

    fn decline(&mut self, open: Index) {
        let Some((open, device, id)) = self.take_open(open) else { return };
        match open {
            AnyOpenRequest::DecryptionKey(open) => self.responder.decline(open),
            AnyOpenRequest::MacKey(open) => self.responder.decline(open),
            other => panic!("{other:?}"),
        }
        self.world.log.push(Happened::Closed { device, id });
        self.paths.took("declined");
    }

    /// The open request stays in hand: whoever uses it later finds it closed.
    fn cancel_open(&mut self, open: Index) {
        let Some((open, device, id)) = self.take_open(open) else { return };
        self.receive_cancellation(&Sender::Clear { user: ALICE }, device, id);
        self.open.push(open);
    }

    fn take_open(&mut self, open: Index) -> Option<(AnyOpenRequest, &'static str, &'static str)> {
        if self.open.is_empty() {
            return None;
        }
        let open = self.open.swap_remove(open.index(self.open.len()));
        let device = DEVICES.into_iter().find(|name| open.device_id().as_str() == *name);
        let id = REQUEST_IDS.into_iter().find(|name| open.request_id().as_str() == *name);
        let (device, id) = (device.unwrap(), id.unwrap());
        Some((open, device, id))
    }

    /// What was stored is all there is; requests that are open are handed out once more.
    fn restart(&mut self) {
        let requester = serde_json::to_string(&self.requester).unwrap();
        let responder = serde_json::to_string(&self.responder).unwrap();
        for secret in [decryption_key().expose_base64(), mac_key().expose_base64()] {
            assert!(!requester.contains(&*secret) && !responder.contains(&*secret));
        }
        self.requester = serde_json::from_str(&requester).unwrap();
        self.responder = serde_json::from_str(&responder).unwrap();
        self.open.extend(self.responder.open_requests());
        self.paths.took("restarted");
    }

    /// What is live and open is the same in both.
    fn compare_state(&self) {
        let live: Vec<_> = self.requester.live_requests().map(|live| live.request_id).collect();
        let mut expected: Vec<_> =
            self.requests.iter().filter(|request| self.world.is_live(request)).collect();
        expected.sort();
        assert_eq!(live, expected);
        for live in self.requester.live_requests() {
            let asked: Vec<_> = live.asked.iter().map(|device| device.as_str()).collect();
            assert_eq!(asked, self.world.unanswered(live.request_id));
        }
        let open = self.responder.open_requests().map(|open| {
            (open.device_id().to_string(), open.request_id().to_string(), open.secret())
        });
        let mut open: Vec<_> = open.collect();
        open.sort();
        let places = DEVICES.iter().flat_map(|device| REQUEST_IDS.map(|id| (*device, id)));
        let mut expected: Vec<_> = places
            .filter_map(|(device, id)| {
                let (secret, _) = self.world.opened(device, id)?;
                Some((device.to_owned(), id.to_owned(), secret))
            })
            .collect();
        expected.sort();
        assert_eq!(open, expected);
    }
}

fn recipients(message: Option<&ToDeviceMessage>) -> Option<Vec<&str>> {
    message.map(|message| message.recipients.iter().map(DeviceId::as_str).collect())
}
