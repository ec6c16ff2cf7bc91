//! The sharing state machines against a model of them, in random interleavings of requests,
//! answers, cancellations, restarts, changes of the device list and hostile events.
//!
//! The model knows no state machine. It keeps a log of what happened, and decides each event from
//! the log and from the world as it is: is this a verified device of the user, was it asked, has
//! somebody answered? What it says the machines must do, in both directions: nothing more is
//! accepted or given away (G-2, G-3), and nothing less.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod honest;
mod op;
mod paths;
mod run;
mod world;

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};

use crate::{honest::Network, op::op, paths::Paths, run::Run};

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

// G-1, G-2, G-3: in no interleaving does a secret go to, or come from, a device that is not the
// user's own and verified, and none is accepted twice.
#[test]
fn the_machines_do_what_the_model_says() {
    let paths = Paths::default();
    TestRunner::new(config(1024))
        .run(&prop::collection::vec(op(), 1..80), |ops| {
            let mut run = Run::new(&paths);
            ops.iter().for_each(|op| run.step(op));
            Ok(())
        })
        .unwrap();
    paths.assert_taken(&[
        "asked",
        "nobody asked",
        "cancelled",
        "accepted",
        "cleartext send refused",
        "malformed send refused",
        "second answer refused",
        "answer after cancellation refused",
        "answer to nothing asked refused",
        "answer of another user refused",
        "answer of this device refused",
        "answer of an injected device refused",
        "answer of an unverified device refused",
        "answer of a device that was not asked refused",
        "answer under a shared key refused",
        "answer of an unknown device refused",
        "opened",
        "repeated request refused",
        "request refused",
        "cancelled by its device",
        "cancelled early or late",
        "cancellation refused",
        "answered",
        "device refused at the answer",
        "not open",
        "declined",
        "restarted",
    ]);
}

// G-1, G-3: whatever the order, and whatever comes twice, one answer is accepted, and all requests
// are closed in the end.
#[test]
fn among_honest_devices_one_answer_is_accepted_in_any_order() {
    let paths = Paths::default();
    let choices = prop::collection::vec((any::<Index>(), prop::bool::weighted(0.2)), 5..40)
        .prop_filter("what comes twice for ever never comes to an end", |choices| {
            choices.iter().any(|(_, twice)| !twice)
        });
    TestRunner::new(config(256))
        .run(&choices, |choices| {
            let (mut network, mut choices) = (Network::new(&paths), choices.iter().cycle());
            while network.choices() > 0 {
                let (choice, twice) = choices.next().unwrap();
                network.go_on(choice.index(network.choices()), *twice);
            }
            network.assert_settled();
            Ok(())
        })
        .unwrap();
    paths.assert_taken(&[
        "cancelled",
        "cancelled while its user was asked",
        "late answer refused",
        "repeated or cancelled before",
    ]);
}
