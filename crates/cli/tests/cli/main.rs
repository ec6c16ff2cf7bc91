//! The program as people call it: as a process, with files, an environment and an exit status.
//!
//! Every call goes through [`support::World`], which looks for the secrets of the test in
//! everything that the program prints. They look at file modes and send signals, so they are for Unix.
#![cfg(unix)]

#[cfg(test)]
mod arguments;
#[cfg(test)]
mod begin;
#[cfg(test)]
mod delete;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod fake_homeserver;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod json;
#[cfg(test)]
mod key_check;
#[cfg(test)]
mod key_out;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod page;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod secret_storage;
#[cfg(test)]
mod standard_output;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod support;
#[cfg(test)]
mod unlock;
#[cfg(test)]
mod upload;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod v1;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod writer;
