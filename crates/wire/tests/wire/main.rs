//! Everything that can be said about the crate through its public API.

#[cfg(test)]
mod auth_data;
#[cfg(test)]
mod canonical;
#[cfg(test)]
mod json_differential;
#[cfg(test)]
mod json_limits;
#[cfg(test)]
mod json_syntax;
#[cfg(test)]
mod key_backup_data;
#[cfg(test)]
mod names;
#[cfg(test)]
mod no_panic;
#[cfg(test)]
mod plaintext;
#[cfg(test)]
mod ratchet;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod session_data;
#[cfg(test)]
mod session_data_v2;
#[cfg(test)]
mod session_key;
#[cfg(test)]
mod shared_history;
#[cfg(test)]
mod support;
#[cfg(test)]
mod writer_key;
