//! Every tier that this processor has, and the models if they are built in, through the public API.

#[cfg(test)]
mod api;
#[cfg(test)]
mod differential;
mod ed25519_points;
#[cfg(test)]
mod encodings;
#[cfg(test)]
mod rfc7748;
#[cfg(test)]
mod support;
#[cfg(test)]
mod wiped;
#[cfg(test)]
mod wycheproof;
