//! Everything that can be said about the crate through its public API.

#[cfg(test)]
mod armour;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod real_file;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod writing;
