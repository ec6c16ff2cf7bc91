//! The program `matrix-key-backup`.

fn main() {}
