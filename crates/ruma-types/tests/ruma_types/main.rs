//! Tests of this crate against Ruma itself.

#[cfg(test)]
mod canonical_json;
#[cfg(test)]
mod conversions;
#[cfg(test)]
mod secret_storage;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod traps;
