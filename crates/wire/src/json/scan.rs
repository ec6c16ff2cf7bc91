//! Finding the end of a run of characters that mean nothing special in a JSON string.

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// How many bytes at the start of `bytes` are neither `"`, `\` nor a control character.
///
/// Exactly these three are also what canonical JSON escapes, so writing uses the same function.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        // Little-endian, so that the first byte is the lowest.
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + tail.iter().position(|&byte| is_special(byte)).unwrap_or(tail.len())
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of each byte that is special.
///
/// Subtracting borrows from the next byte only where this byte is itself special, so the lowest
/// bit that is set is right, and those above it may not be.
const fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let hits = (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    hits & HIGHS
}

#[cfg(test)]
mod tests {
    use super::{is_special, plain_run};

    // All pairs of bytes, at each place of a word and of what is left after the words.
    #[test]
    fn as_if_byte_by_byte() {
        for first in 0..=255 {
            for second in
                [0, 0x1f, 0x20, 0x21, b'"', 0x23, 0x5b, b'\\', 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff]
            {
                for place in 0..19 {
                    let mut bytes = [b'x'; 20];
                    bytes[place] = first;
                    bytes[place + 1] = second;
                    let expected = bytes.iter().position(|&byte| is_special(byte));
                    assert_eq!(plain_run(&bytes), expected.unwrap_or(20), "{bytes:x?}");
                }
            }
        }
    }
}
