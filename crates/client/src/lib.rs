//! Authenticated server-side key backup for Matrix (MSC4048): create, upload, restore, merge and migrate

pub mod maybe_send;
pub mod replacement;
pub mod store;
