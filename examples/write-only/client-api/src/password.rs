//! Where a secret comes from that a person types.

use std::env;
use std::io::{self, BufRead as _, IsTerminal as _};

use zeroize::Zeroizing;

/// The value of a variable of the environment, or else the next line of the standard input. `None`
/// if there is neither.
///
/// It is no argument of a program: those can be read by every other one on the machine.
#[must_use]
pub fn password(variable: &str) -> Option<Zeroizing<String>> {
    if let Ok(value) = env::var(variable) {
        return Some(Zeroizing::new(value));
    }
    if io::stdin().is_terminal() {
        eprintln!("{variable}, in one line:");
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).ok()?;
    let value = line.trim_end_matches(['\r', '\n']);
    (!value.is_empty()).then(|| Zeroizing::new(value.to_owned()))
}
