//! Everything that can be said about the crate through its public API.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod low_order_points;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wycheproof;
