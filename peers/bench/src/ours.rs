//! What ours takes: one key at a time, and many at once on each tier.

use std::{hint::black_box, ops::Range, sync::Arc};

use matrix_key_backup_primitives::hazmat::{self, Decryptor, Encryptor};
use matrix_key_backup_v2::{
    BackupReader, BackupWriter, DecryptedSessionData, UnusableSessionData, UnverifiedSessionData,
    VerifiedSessionData,
};
use matrix_key_backup_wire::{BackupAlgorithm, Names};
use matrix_key_backup_x25519_batch as x25519;
use rand::rng;

use crate::{
    Result,
    input::{BATCH, Input},
    peers::KEYS,
    subject::{Operation, Subject, Who},
    tier::Tier,
};

/// The algorithm of all that is sealed here.
pub(crate) const ALGORITHM: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

/// Every operation in every form.
pub(crate) fn subjects(input: &Arc<Input>) -> Result<Vec<Subject>> {
    let mut subjects = one(input);
    for tier in Tier::available() {
        subjects.extend(batch(input, tier)?);
        subjects.extend(batch(input, tier)?.into_iter().map(Subject::on_two_threads));
    }
    Ok(subjects)
}

/// In the form that takes one: the tables of an encryptor, and a ladder of its own for each key.
fn one(input: &Arc<Input>) -> Vec<Subject> {
    let encryptor = Encryptor::new(input.writer.public_key());
    vec![
        each(Operation::EncryptCore, input, move |input, key| {
            let plaintext = black_box(&input.plaintexts[key]);
            black_box(encryptor.encrypt(plaintext, &mut rng()).unwrap());
        }),
        each(Operation::DecryptCore, input, |input, key| {
            let hazmat::RawMessage { ephemeral, ciphertext } = black_box(&input.messages[key]);
            let key = input.reader.decryption_key();
            black_box(hazmat::decrypt(key, ephemeral, ciphertext).unwrap());
        }),
        each(Operation::EncryptWire, input, |input, key| {
            black_box(input.writer.seal(black_box(&input.sessions[key]), &mut rng()).unwrap());
        }),
        each(Operation::DecryptWire, input, |input, key| {
            let verified = verified(black_box(&input.sealed[key]), &input.reader);
            black_box(verified.decrypt(&input.reader).unwrap());
        }),
        each(Operation::Walk, input, |input, key| {
            let verified = verified(black_box(&input.sealed[key]), &input.reader);
            let decrypted = verified.decrypt(&input.reader).unwrap();
            black_box(decrypted.bind(&input.places[key]).unwrap());
        }),
    ]
}

fn each(
    operation: Operation,
    input: &Arc<Input>,
    work: impl Fn(&Input, usize) + Send + Sync + 'static,
) -> Subject {
    let input = Arc::clone(input);
    Subject::for_each_key(operation, Who::One, KEYS, move |key| work(&input, key))
}

fn batch(input: &Arc<Input>, tier: Tier) -> Result<Vec<Subject>> {
    let encryptor = Encryptor::with_tier(input.writer.public_key(), tier.x25519())?;
    let decryptor = Decryptor::with_tier(input.reader.decryption_key().clone(), tier.x25519())?;
    let writer = input.writer.clone().on_tier(tier.x25519())?;
    let reader = input.reader.clone().on_tier(tier.x25519())?;
    Ok(vec![
        subject(Operation::Agree, tier, agree(input, tier)?),
        subject(Operation::DiffieHellman, tier, diffie_hellman(input, tier)?),
        subject(Operation::EncryptCore, tier, encrypt_core(Arc::clone(input), encryptor)),
        subject(Operation::DecryptCore, tier, decrypt_core(Arc::clone(input), decryptor)),
        subject(Operation::EncryptWire, tier, encrypt_wire(Arc::clone(input), writer)),
        subject(Operation::DecryptWire, tier, decrypt_wire(Arc::clone(input), reader.clone())),
        subject(Operation::Walk, tier, walk(Arc::clone(input), reader)),
    ])
}

fn subject(operation: Operation, tier: Tier, work: Work) -> Subject {
    Subject::new(operation, Who::Batch(tier), BATCH, work)
}

type Work = Box<dyn Fn(Range<usize>) + Send + Sync>;

fn agree(input: &Input, tier: Tier) -> Result<Work> {
    let public_key = x25519::PublicKey::from_slice(input.writer.public_key().as_bytes())?;
    let recipient = x25519::Batch::with_tier(tier.x25519())?.recipient(&public_key);
    Ok(Box::new(move |keys| {
        let mut rng = rng();
        let ephemeral: Vec<_> = keys.map(|_| x25519::SecretKey::generate(&mut rng)).collect();
        black_box(recipient.agree(&ephemeral));
    }))
}

fn diffie_hellman(input: &Input, tier: Tier) -> Result<Work> {
    let secret = x25519::SecretKey::from_slice(&input.decryption_key)?;
    let batch = x25519::Batch::with_tier(tier.x25519())?;
    let points = input.messages.iter().map(|message| message.ephemeral.as_bytes());
    let points = points.map(x25519::PublicKey::from_slice).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(move |keys| {
        black_box(batch.diffie_hellman(&secret, black_box(&points[keys])));
    }))
}

fn encrypt_core(input: Arc<Input>, encryptor: Encryptor) -> Work {
    Box::new(move |keys| {
        let plaintexts = black_box(&input.plaintexts[keys]);
        black_box(encryptor.encrypt_batch(plaintexts, &mut rng()).unwrap());
    })
}

fn decrypt_core(input: Arc<Input>, decryptor: Decryptor) -> Work {
    Box::new(move |keys| {
        let messages = input.messages[keys].iter();
        let messages: Vec<_> =
            messages.map(|message| (message.ephemeral, &message.ciphertext)).collect();
        let plaintexts = black_box(decryptor.decrypt_batch(black_box(&messages)));
        assert!(plaintexts.iter().all(Result::is_ok));
    })
}

fn encrypt_wire(input: Arc<Input>, writer: BackupWriter) -> Work {
    Box::new(move |keys| {
        let sessions = black_box(&input.sessions[keys]);
        black_box(writer.seal_batch(sessions, &mut rng()).unwrap());
    })
}

fn decrypt_wire(input: Arc<Input>, reader: BackupReader) -> Work {
    Box::new(move |keys| {
        let decrypted = black_box(decrypted(black_box(&input.sealed[keys]), &reader));
        assert!(decrypted.iter().all(Result::is_ok));
    })
}

fn walk(input: Arc<Input>, reader: BackupReader) -> Work {
    Box::new(move |keys| {
        let (sealed, places) = (black_box(&input.sealed[keys.clone()]), &input.places[keys]);
        let decrypted = decrypted(sealed, &reader).into_iter();
        let bind = |(key, place): (Result<DecryptedSessionData, _>, _)| key.unwrap().bind(place);
        let bound: Vec<_> = decrypted.zip(places).map(bind).map(Result::unwrap).collect();
        black_box(bound);
    })
}

/// All of them with their MACs checked, and then decrypted and parsed.
fn decrypted(
    sealed: &[String],
    reader: &BackupReader,
) -> Vec<Result<DecryptedSessionData, UnusableSessionData>> {
    let verified: Vec<_> = sealed.iter().map(|sealed| verified(sealed, reader)).collect();
    VerifiedSessionData::decrypt_batch(&verified, reader)
}

fn verified<'a>(sealed: &'a str, reader: &BackupReader) -> VerifiedSessionData<'a> {
    let unverified = UnverifiedSessionData::parse(sealed, ALGORITHM).unwrap();
    unverified.verify(reader.mac_key()).unwrap()
}
