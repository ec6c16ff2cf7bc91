//! Hexadecimal, as the files have it: lower case, two digits a byte.

use anyhow::{Context as _, Result, ensure};

pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// # Errors
///
/// When `text` is anything else.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    ensure!(rest.is_empty(), "an odd number of hexadecimal digits");
    let digit = |digit: u8| char::from(digit).to_digit(16).context("not a hexadecimal digit");
    pairs.iter().map(|[high, low]| Ok(u8::try_from(digit(*high)? * 16 + digit(*low)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        assert_eq!(encode(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(decode("00abff").unwrap(), [0, 0xab, 0xff]);
        assert!(decode("0").is_err() && decode("0g").is_err() && decode("é").is_err());
    }
}
