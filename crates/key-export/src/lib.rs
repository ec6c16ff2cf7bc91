//! Megolm key export files, both ways
