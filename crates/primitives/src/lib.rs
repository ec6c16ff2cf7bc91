//! Keys, key derivation, encryption and MACs of Matrix key backup, without JSON and without I/O
