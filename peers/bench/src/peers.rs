//! What deployed implementations take for the same.

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use matrix_sdk_crypto::{
    Account,
    olm::{EncryptionSettings, InboundGroupSession, SenderData},
    store::types::BackupDecryptionKey as SdkDecryptionKey,
};
use pollster::FutureExt;
use ruma::{api::client::backup::EncryptedSessionData, device_id, room_id, user_id};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use vodozemac::{
    Curve25519PublicKey, Curve25519SecretKey, base64_encode,
    megolm::ExportedSessionKey,
    pk_encryption::{Message, PkDecryption, PkEncryption},
};

use crate::{
    Result,
    input::Input,
    subject::{Operation, Subject, Who},
};

/// How many keys are done each time where there is no form for many: enough, and not too slow.
pub(crate) const KEYS: usize = 64;

/// Every operation as the peers do it.
pub(crate) fn subjects(input: &Arc<Input>) -> Result<Vec<Subject>> {
    let mut subjects = vodozemac(input)?;
    subjects.extend(vodozemac(input)?.into_iter().map(Subject::on_two_threads));
    subjects.extend(matrix_sdk_crypto(input)?);
    Ok(subjects)
}

/// The plaintext as users of vodozemac write and read it, with serde_json. `K` is the session key:
/// vodozemac's own type, as in matrix-sdk-crypto, or text that nobody has looked at.
#[derive(Serialize, Deserialize)]
struct RoomKey<K> {
    algorithm: String,
    forwarding_curve25519_key_chain: Vec<String>,
    sender_claimed_keys: BTreeMap<String, String>,
    sender_key: String,
    session_key: K,
    /// Known to be JSON, and no more, as long as nobody asks for it.
    #[serde(rename = "io.github.matrix_key_backup.context")]
    context: Box<RawValue>,
}

/// The `session_data` of v1.
#[derive(Serialize, Deserialize)]
struct SessionData<'a> {
    ciphertext: &'a str,
    ephemeral: &'a str,
    mac: &'a str,
}

fn vodozemac(input: &Arc<Input>) -> Result<Vec<Subject>> {
    let secret = || Curve25519SecretKey::from_slice(&input.decryption_key);
    let public = Curve25519PublicKey::from(&secret());
    let decryption = || PkDecryption::from_key(secret());
    let encryption = || PkEncryption::from_key(public);
    let each = |operation, work| Subject::for_each_key(operation, Who::Vodozemac, KEYS, work);
    let as_text =
        |operation, work| Subject::for_each_key(operation, Who::VodozemacText, KEYS, work);
    let messages = || input.plaintexts.iter().map(|plaintext| encryption().encrypt(plaintext));
    let messages = || messages().collect::<Result<Vec<_>, _>>();
    Ok(vec![
        each(Operation::Agree, agree(public)),
        each(Operation::DiffieHellman, diffie_hellman(secret(), messages()?)),
        each(Operation::EncryptCore, encrypt_core(Arc::clone(input), encryption())),
        each(Operation::DecryptCore, decrypt_core(messages()?, decryption())),
        each(Operation::EncryptWire, encrypt_wire::<Key>(room_keys(input)?, encryption())),
        each(Operation::DecryptWire, decrypt_wire::<Key>(sealed(&messages()?)?, decryption())),
        as_text(Operation::EncryptWire, encrypt_wire::<String>(room_keys(input)?, encryption())),
        as_text(
            Operation::DecryptWire,
            decrypt_wire::<String>(sealed(&messages()?)?, decryption()),
        ),
    ])
}

type Work = Box<dyn Fn(usize) + Send + Sync>;

fn agree(public: Curve25519PublicKey) -> Work {
    Box::new(move |_| {
        let ephemeral = Curve25519SecretKey::new();
        let shared = ephemeral.diffie_hellman(black_box(&public));
        black_box((Curve25519PublicKey::from(&ephemeral), shared));
    })
}

fn diffie_hellman(secret: Curve25519SecretKey, messages: Vec<Message>) -> Work {
    Box::new(move |key| {
        black_box(secret.diffie_hellman(black_box(&messages[key].ephemeral_key)));
    })
}

fn encrypt_core(input: Arc<Input>, encryption: PkEncryption) -> Work {
    Box::new(move |key| {
        black_box(encryption.encrypt(black_box(&input.plaintexts[key])).unwrap());
    })
}

fn decrypt_core(messages: Vec<Message>, decryption: PkDecryption) -> Work {
    Box::new(move |key| {
        black_box(decryption.decrypt(black_box(&messages[key])).unwrap());
    })
}

/// A session key that is known to be one.
type Key = ExportedSessionKey;

fn encrypt_wire<K: Serialize + Send + Sync + 'static>(
    room_keys: Vec<RoomKey<K>>,
    encryption: PkEncryption,
) -> Work {
    Box::new(move |key| {
        let plaintext = serde_json::to_vec(black_box(&room_keys[key])).unwrap();
        black_box(json(&encryption.encrypt(&plaintext).unwrap()).unwrap());
    })
}

fn decrypt_wire<K: DeserializeOwned>(sealed: Vec<String>, decryption: PkDecryption) -> Work {
    Box::new(move |key| {
        let SessionData { ciphertext, ephemeral, mac } =
            serde_json::from_str(black_box(&sealed[key])).unwrap();
        let message = Message::from_base64(ciphertext, mac, ephemeral).unwrap();
        let plaintext = decryption.decrypt(&message).unwrap();
        black_box(serde_json::from_slice::<RoomKey<K>>(&plaintext).unwrap());
    })
}

fn room_keys<K: DeserializeOwned>(input: &Input) -> Result<Vec<RoomKey<K>>> {
    input.plaintexts.iter().map(|plaintext| Ok(serde_json::from_slice(plaintext)?)).collect()
}

fn sealed(messages: &[Message]) -> Result<Vec<String>> {
    messages.iter().map(json).collect()
}

fn json(message: &Message) -> Result<String> {
    Ok(serde_json::to_string(&SessionData {
        ciphertext: &base64_encode(&message.ciphertext),
        ephemeral: &message.ephemeral_key.to_base64(),
        mac: &base64_encode(&message.mac),
    })?)
}

/// From its own form of a room key to its own form of `session_data`, and back: it lets nobody in
/// between. Its plaintexts are shorter, since they name no room.
fn matrix_sdk_crypto(input: &Arc<Input>) -> Result<Vec<Subject>> {
    let key = SdkDecryptionKey::from_bytes(&input.decryption_key);
    let sessions = (0..KEYS).map(|_| sdk_session()).collect::<Result<Vec<_>>>()?;
    let backup_key = key.megolm_v1_public_key();
    let encrypt = |session: &InboundGroupSession| {
        let entry = backup_key.encrypt(session.clone()).block_on()?;
        Ok(serde_json::to_string(&entry.session_data)?)
    };
    let sealed = sessions.iter().map(encrypt).collect::<Result<Vec<_>>>()?;
    let backup_key = key.megolm_v1_public_key();
    let each = |operation, work| Subject::for_each_key(operation, Who::MatrixSdkCrypto, KEYS, work);
    let encrypt: Work = Box::new(move |index| {
        let session = black_box(&sessions[index]).clone();
        let entry = backup_key.encrypt(session).block_on().unwrap();
        black_box(serde_json::to_string(&entry.session_data).unwrap());
    });
    let decrypt: Work = Box::new(move |index| {
        let sealed: EncryptedSessionData = serde_json::from_str(black_box(&sealed[index])).unwrap();
        black_box(key.decrypt_session_data(sealed).unwrap());
    });
    Ok(vec![each(Operation::EncryptWire, encrypt), each(Operation::DecryptWire, decrypt)])
}

fn sdk_session() -> Result<InboundGroupSession> {
    let account = Account::with_device_id(user_id!("@alice:example.org"), device_id!("DEVICE"));
    let room = room_id!("!room:example.org");
    let settings = EncryptionSettings::default();
    let pair =
        account.static_data().create_group_session_pair(room, settings, SenderData::unknown());
    Ok(pair.block_on().map_err(|error| format!("{error:?}"))?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is compared is the same plaintext on both sides.
    #[test]
    fn vodozemac_writes_as_long_a_plaintext_as_ours() {
        let input = Input::new().unwrap();
        for (room_key, ours) in room_keys::<Key>(&input).unwrap().iter().zip(&input.plaintexts) {
            assert_eq!(serde_json::to_vec(room_key).unwrap().len(), ours.len());
        }
        for (room_key, ours) in room_keys::<String>(&input).unwrap().iter().zip(&input.plaintexts) {
            assert_eq!(serde_json::to_vec(room_key).unwrap().len(), ours.len());
        }
    }
}
