//! Every store passes one suite, and behaves like the model on any sequence of operations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by failing"
)]

mod common;

use common::model::ModelStore;

store_conformance!(model, async { ModelStore::default() });
store_conformance!(borrowed, async { &*Box::leak(Box::new(ModelStore::default())) });
store_conformance!(shared, async { std::sync::Arc::new(ModelStore::default()) });

/// Off wasm the futures and streams of every store can move between threads; this only has to
/// compile.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn futures_are_send() {
    use matrix_key_backup::store::{BackupStore, KeyScope, VersionId};

    fn send<T: Send>(_: T) {}

    fn of_any_store<S: BackupStore>(store: &S) {
        let (version, json) = (VersionId::new("1"), common::raw("{}"));
        send(store.current_version());
        send(store.version(&version));
        send(store.create_version("", &json));
        send(store.update_auth_data(&version, "", &json));
        send(store.delete_version(&version));
        send(store.put_keys(&version, vec![]));
        send(store.keys(version.clone(), KeyScope::All));
        send(store.keys(version.clone(), KeyScope::All).next_page());
        send(store.keys_of(&version, &[]));
        send(store.delete_keys(&version, KeyScope::All));
        send(async { store.current_version().await.map(|version| version.is_some()) });
    }

    of_any_store(&ModelStore::default());
    of_any_store(&&ModelStore::default());
    of_any_store(&std::sync::Arc::new(ModelStore::default()));
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use matrix_key_backup::store::{
        BackupStore, BackupVersion, KeyScope, KeyToStore, PutOutcome, SqliteStore, StoreError,
        VersionId,
    };
    use proptest::prelude::*;

    use super::common::model::ModelStore;
    use super::{common, store_conformance};

    store_conformance!(in_memory, async { SqliteStore::in_memory().await.unwrap() });
    store_conformance!(in_a_file, async {
        let directory = tempfile::tempdir().unwrap();
        SqliteStore::create(directory.path().join("store")).await.unwrap()
    });

    /// One call, its names taken from a few.
    #[derive(Clone, Debug)]
    enum Operation {
        Create { algorithm: u8 },
        Update { version: u8, algorithm: u8, auth_data: u8 },
        DeleteVersion { version: u8 },
        Put { version: u8, keys: Vec<(u8, u8, bool, u8, u8, u8)> },
        Delete { version: u8, scope: Scope },
    }

    #[derive(Clone, Copy, Debug)]
    enum Scope {
        All,
        Room(u8),
        Session(u8, u8),
    }

    impl From<Scope> for KeyScope {
        fn from(scope: Scope) -> Self {
            let room = |id: u8| common::room(&format!("!{id}"));
            match scope {
                Scope::All => Self::All,
                Scope::Room(id) => Self::Room(room(id)),
                Scope::Session(id, session) => {
                    Self::Session(room(id), common::session(&session.to_string()))
                }
            }
        }
    }

    fn scopes() -> impl Strategy<Value = Scope> {
        prop_oneof![
            Just(Scope::All),
            (0..3_u8).prop_map(Scope::Room),
            (0..3_u8, 0..4_u8).prop_map(|(room, session)| Scope::Session(room, session)),
        ]
    }

    fn operations() -> impl Strategy<Value = Operation> {
        let versions = 1..6_u8;
        let key = (0..3_u8, 0..4_u8, any::<bool>(), 0..3_u8, 0..3_u8, any::<u8>());
        prop_oneof![
            2 => (0..2_u8).prop_map(|algorithm| Operation::Create { algorithm }),
            1 => (versions.clone(), 0..2_u8, any::<u8>()).prop_map(
                |(version, algorithm, auth_data)| Operation::Update { version, algorithm, auth_data }
            ),
            1 => versions.clone().prop_map(|version| Operation::DeleteVersion { version }),
            6 => (versions.clone(), prop::collection::vec(key, 0..12))
                .prop_map(|(version, keys)| Operation::Put { version, keys }),
            2 => (versions, scopes())
                .prop_map(|(version, scope)| Operation::Delete { version, scope }),
        ]
    }

    /// What a call answered, in words that mean the same for both stores. Etags are each store's
    /// own, so all that is kept of one is whether it changed.
    async fn apply<S: BackupStore>(store: &S, operation: &Operation) -> String {
        let name = |version: &u8| VersionId::new(version.to_string());
        let algorithm = |algorithm: &u8| format!("algorithm {algorithm}");
        let etag = |version: Option<BackupVersion>| version.map(|version| version.etag);
        let booked =
            async |version: &u8, outcome: Result<PutOutcome, StoreError<S::Error>>, before| {
                let after = etag(store.version(&name(version)).await.unwrap());
                outcome.map(|outcome| {
                    assert_eq!(after.as_ref(), Some(&outcome.etag));
                    format!("{} keys, changed: {}", outcome.count, before != after)
                })
            };
        let answer = match operation {
            Operation::Create { algorithm: number } => store
                .create_version(&algorithm(number), &common::raw("null"))
                .await
                .map(|version| version.to_string()),
            Operation::Update { version, algorithm: number, auth_data } => store
                .update_auth_data(
                    &name(version),
                    &algorithm(number),
                    &common::raw(&auth_data.to_string()),
                )
                .await
                .map(|()| String::new()),
            Operation::DeleteVersion { version } => {
                store.delete_version(&name(version)).await.map(|deleted| deleted.to_string())
            }
            Operation::Put { version, keys } => {
                let before = etag(store.version(&name(version)).await.unwrap());
                let keys = keys.iter().map(to_store).collect();
                booked(version, store.put_keys(&name(version), keys).await, before).await
            }
            Operation::Delete { version, scope } => {
                let before = etag(store.version(&name(version)).await.unwrap());
                let outcome = store.delete_keys(&name(version), (*scope).into()).await;
                booked(version, outcome, before).await
            }
        };
        answer.unwrap_or_else(|error| error.to_string())
    }

    fn to_store(
        (room, session, verified, index, forwarded, mark): &(u8, u8, bool, u8, u8, u8),
    ) -> KeyToStore {
        let metadata = common::metadata(*verified, u64::from(*index), u64::from(*forwarded));
        common::key(&format!("!{room}"), &session.to_string(), metadata, &mark.to_string())
    }

    /// All that a store holds, but for etags.
    async fn content<S: BackupStore>(store: &S) -> Vec<String> {
        let mut content = Vec::new();
        for number in 0..20 {
            let Some(found) = store.version(&VersionId::new(number.to_string())).await.unwrap()
            else {
                continue;
            };
            let keys = common::read(store, &found.version, KeyScope::All).await;
            assert_eq!(found.count, keys.len() as u64);
            content.push(format!("{number} {} {} {keys:?}", found.algorithm, found.auth_data));
        }
        let current = store.current_version().await.unwrap().map(|current| current.version);
        content.push(format!("{current:?}"));
        content
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// and all that the trait promises beside.
        #[test]
        fn behaves_like_the_model(operations in prop::collection::vec(operations(), 1..40)) {
            pollster::block_on(async {
                let model = ModelStore::default();
                let store = SqliteStore::in_memory().await.unwrap();
                for operation in &operations {
                    let (expected, found) =
                        (apply(&model, operation).await, apply(&store, operation).await);
                    prop_assert_eq!(expected, found, "{:?}", operation);
                }
                prop_assert_eq!(content(&model).await, content(&store).await);
                Ok(())
            })?;
        }
    }
}
