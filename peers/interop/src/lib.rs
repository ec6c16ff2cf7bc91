//! What our crates and the deployed implementations make of each other's output: see `tests`.
