//! The compatibility algorithm m.megolm_backup.v1.curve25519-aes-sha2, as deployed clients speak it
