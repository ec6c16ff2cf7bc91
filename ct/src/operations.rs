//! What the crate offers, each as a function from secrets to all bytes that come of them.

use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey, SharedSecret};

/// The operations of one tier, prepared for given points.
pub(crate) struct Operations {
    batch: Batch,
    points: Vec<PublicKey>,
}

/// Secrets in, results out; what x25519-dalek makes of the same is what must come out.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// How many secrets it wants.
    pub(crate) secrets: usize,
    run: fn(&Operations, &[SecretKey]) -> Results,
    wanted: Wanted,
}

type Results = Vec<[u8; 32]>;
/// From secrets and points.
type Wanted = fn(&[[u8; 32]], &[[u8; 32]]) -> Results;

/// u = 2, which is on the twist, where a fixed point has no table.
const ON_THE_TWIST: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 2;
    bytes
};
/// u = 16, which is on the curve.
const ON_THE_CURVE: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 16;
    bytes
};
const BASE_POINT: [u8; 32] = x25519_dalek::X25519_BASEPOINT_BYTES;

impl Operations {
    /// For as many points as are given.
    pub(crate) fn new(batch: Batch, points: &[[u8; 32]]) -> Self {
        Self { batch, points: points.iter().map(point).collect() }
    }

    /// All there are, for `many` secrets where one operation takes several.
    pub(crate) fn all(many: usize) -> Vec<Operation> {
        let fixed = |name, run, wanted| Operation { name, secrets: many, run, wanted };
        vec![
            Operation {
                name: "one secret, many points",
                secrets: 1,
                run: |it, secrets| shared(&it.batch.diffie_hellman(&secrets[0], &it.points)),
                wanted: |secrets, points| {
                    points.iter().map(|point| x25519_dalek::x25519(secrets[0], *point)).collect()
                },
            },
            fixed(
                "public keys",
                |it, secrets| {
                    let base_point = it.batch.fixed_point(&PublicKey::BASE_POINT);
                    base_point.public_keys(secrets).iter().map(bytes).collect()
                },
                |secrets, _| each(secrets, &[BASE_POINT]),
            ),
            fixed(
                "many secrets, a point on the curve",
                |it, secrets| shared(&it.fixed(&ON_THE_CURVE, secrets)),
                |secrets, _| each(secrets, &[ON_THE_CURVE]),
            ),
            fixed(
                "many secrets, a point on the twist",
                |it, secrets| shared(&it.fixed(&ON_THE_TWIST, secrets)),
                |secrets, _| each(secrets, &[ON_THE_TWIST]),
            ),
            fixed(
                "key agreements with one recipient",
                |it, secrets| {
                    let agreed = it.batch.recipient(&point(&ON_THE_CURVE)).agree(secrets);
                    let both = agreed
                        .iter()
                        .map(|agreed| [bytes(&agreed.public_key), exposed(&agreed.shared_secret)]);
                    both.flatten().collect()
                },
                |secrets, _| each(secrets, &[BASE_POINT, ON_THE_CURVE]),
            ),
        ]
    }

    fn fixed(&self, of: &[u8; 32], secrets: &[SecretKey]) -> Vec<SharedSecret> {
        self.batch.fixed_point(&point(of)).shared_secrets(secrets)
    }

    /// Runs one of them.
    pub(crate) fn run(&self, operation: &Operation, secrets: &[SecretKey]) -> Results {
        (operation.run)(self, secrets)
    }

    /// What must come of it, by x25519-dalek.
    pub(crate) fn wanted(&self, operation: &Operation, secrets: &[[u8; 32]]) -> Results {
        let points: Vec<_> = self.points.iter().map(bytes).collect();
        (operation.wanted)(secrets, &points)
    }
}

/// Every secret times every point, the points in turn.
fn each(secrets: &[[u8; 32]], points: &[[u8; 32]]) -> Results {
    let all = |secret: &[u8; 32]| {
        points.iter().map(|point| x25519_dalek::x25519(*secret, *point)).collect::<Vec<_>>()
    };
    secrets.iter().flat_map(all).collect()
}

/// A secret key out of its bytes.
pub(crate) fn secret(bytes: &[u8; 32]) -> SecretKey {
    SecretKey::from_slice(bytes).expect("32 bytes are a secret key")
}

fn point(bytes: &[u8; 32]) -> PublicKey {
    PublicKey::from_slice(bytes).expect("32 bytes are a point")
}

fn bytes(point: &PublicKey) -> [u8; 32] {
    point.as_bytes().try_into().expect("a point is 32 bytes")
}

fn exposed(secret: &SharedSecret) -> [u8; 32] {
    secret.expose_bytes().try_into().expect("a shared secret is 32 bytes")
}

fn shared(secrets: &[SharedSecret]) -> Results {
    secrets.iter().map(exposed).collect()
}
