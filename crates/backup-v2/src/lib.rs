//! The authenticated algorithm m.backup.v2.curve25519-aes-sha2 of MSC4048, as a walk of types
