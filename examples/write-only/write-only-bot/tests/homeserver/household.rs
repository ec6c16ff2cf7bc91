//! Alice with her main device and her bot, Bob, and their room.

use core::time::Duration;
use std::sync::Arc;

use client_api::{Session, log_in};
use main_device::{MainDevice, Said as MainSaid};
use matrix_key_backup::store::homeserver::{HomeserverUrl, ReqwestTransport, Transport};
use olm_device::OlmDevice;
use ruma::{OwnedUserId, UserId};
use tempfile::TempDir;
use vodozemac::Ed25519PublicKey;
use write_only_bot::{Bot, BotError, Said, State};

use crate::support::{Homeserver, User};

/// How often something is waited for, a second each time.
const TURNS: usize = 60;
const TURN: Duration = Duration::from_secs(1);

pub(crate) fn http() -> Arc<ReqwestTransport> {
    Arc::new(ReqwestTransport::new().unwrap())
}

pub(crate) fn session(user: &User) -> Session {
    Session::new(&user.homeserver.url, &user.user_id, &user.device_id, &user.access_token)
}

pub(crate) struct Household {
    pub(crate) server: Homeserver,
    /// Alice, by her main device.
    pub(crate) alice: User,
    pub(crate) main: MainDevice,
    /// Bob, by his only device.
    pub(crate) bob: OlmDevice,
    pub(crate) room: String,
    /// The session of what was said before there was a bot.
    pub(crate) first_session: String,
}

impl Household {
    /// Everybody but the bot. The backup has one key, which the bot never sees.
    pub(crate) async fn new() -> Self {
        let server = Homeserver::from_environment();
        let alice = server.new_user().await;
        let main = MainDevice::create(session(&alice), http(), &alice.password).await.unwrap();
        let bob = OlmDevice::new(session(&server.new_user().await), http()).await.unwrap();
        let room = main.device().create_room(&bob.user_id()).await.unwrap();
        bob.join(&room).await.unwrap();
        let mut household = Self { server, alice, main, bob, room, first_session: String::new() };
        household.first_session = household.alice_says("before there was a bot").await;
        household.main.step(Duration::ZERO, &mut Vec::new()).await.unwrap();
        household
    }

    fn members(&self) -> [OwnedUserId; 2] {
        [self.main.device().user_id(), self.bob.user_id()]
    }

    pub(crate) async fn alice_says(&self, body: &str) -> String {
        say(self.main.device(), &self.room, &self.members(), body).await
    }

    pub(crate) async fn bob_says(&self, body: &str) -> String {
        say(&self.bob, &self.room, &self.members(), body).await
    }

    /// A bot in this process, logged in, and not verified yet.
    pub(crate) async fn new_bot<T: Transport>(&self, transport: Arc<T>) -> TestBot<T> {
        let folder = tempfile::tempdir().unwrap();
        let url = HomeserverUrl::parse(&self.server.url).unwrap();
        let (user, password) = (&self.alice.user_id, &self.alice.password);
        let session = log_in(&url, http(), user, password, "bot").await.unwrap();
        let device_id = session.device_id().to_owned();
        let master_key = self.main.master_key().await.unwrap();
        let master_key = Ed25519PublicKey::from_base64(&master_key).unwrap();
        State::new(session, master_key).write(folder.path()).unwrap();
        let mut bot = Bot::open(folder.path().to_owned(), transport).unwrap();
        bot.publish().await.unwrap();
        TestBot { bot, device_id, said: Vec::new(), folder }
    }

    /// One that has the MAC key, and has written one key of Bob's.
    pub(crate) async fn working_bot<T: Transport>(&mut self, transport: Arc<T>) -> TestBot<T> {
        let mut bot = self.new_bot(transport).await;
        self.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
        bot.until(|said| matches!(said, Said::Asked { .. })).await;
        self.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
        bot.until(|said| matches!(said, Said::MacKeyReceived { .. })).await;
        let session = self.bob_says("the bot is at work").await;
        bot.until_written(&session).await;
        bot
    }

    /// Lets the main device work until it says what is waited for.
    pub(crate) async fn main_until(&mut self, wanted: impl Fn(&MainSaid) -> bool) -> MainSaid {
        let mut said = Vec::new();
        for _ in 0..TURNS {
            self.main.step(TURN, &mut said).await.unwrap();
            if let Some(found) = said.iter().find(|said| wanted(said)) {
                return found.clone();
            }
        }
        panic!("the main device did not come so far: {said:?}");
    }
}

async fn say(device: &OlmDevice, room: &str, members: &[OwnedUserId], body: &str) -> String {
    let members: Vec<&UserId> = members.iter().map(AsRef::as_ref).collect();
    device.say(room, &members, body).await.unwrap()
}

pub(crate) struct TestBot<T> {
    pub(crate) bot: Bot<T>,
    pub(crate) device_id: String,
    pub(crate) said: Vec<Said>,
    pub(crate) folder: TempDir,
}

impl<T: Transport> TestBot<T> {
    /// Turns until the bot says what is waited for.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Said) -> bool) -> Said {
        for _ in 0..TURNS {
            self.bot.step(TURN, &mut self.said).await.unwrap();
            if let Some(found) = self.said.iter().find(|said| wanted(said)) {
                return found.clone();
            }
        }
        panic!("the bot did not come so far: {:?}", self.said);
    }

    pub(crate) async fn until_written(&mut self, session: &str) {
        let written =
            |said: &Said| matches!(said, Said::Written { session_id, .. } if session_id == session);
        self.until(written).await;
    }

    /// Turns until the bot stops.
    pub(crate) async fn until_it_stops(&mut self) -> BotError {
        for _ in 0..TURNS {
            if let Err(error) = self.bot.step(TURN, &mut self.said).await {
                return error;
            }
        }
        panic!("the bot did not stop: {:?}", self.said);
    }

    /// The bot begins anew from its file.
    pub(crate) fn restarted(self, transport: Arc<T>) -> Self {
        let Self { bot, device_id, folder, .. } = self;
        drop(bot); // a folder has one bot at a time
        let bot = Bot::open(folder.path().to_owned(), transport).unwrap();
        Self { bot, device_id, said: Vec::new(), folder }
    }
}
