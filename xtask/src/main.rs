//! Tasks of this checkout.

fn main() {}
