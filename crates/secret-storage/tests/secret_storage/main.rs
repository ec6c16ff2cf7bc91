//! Everything that can be said about secret storage through the crate's public API.

#[cfg(test)]
mod account_data;
#[cfg(test)]
mod descriptions;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod writing;
