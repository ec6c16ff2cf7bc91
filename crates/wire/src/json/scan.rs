//! Finding the end of a run of characters that mean nothing special in a JSON string.

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// How many bytes at the start of `bytes` are neither `"`, `\` nor a control character.
///
/// Exactly these three are also what canonical JSON escapes, so writing uses the same function.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        if has_special(u64::from_ne_bytes(*word)) {
            break;
        }
        length += 8;
    }
    let tail = bytes.get(length..).unwrap_or_default();
    length + tail.iter().position(|&byte| is_special(byte)).unwrap_or(tail.len())
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether one of the eight bytes is special. A borrow can only start at a byte that is itself
/// special, so there are no false alarms that a special byte does not justify.
const fn has_special(word: u64) -> bool {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let hits = (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    hits & HIGHS != 0
}
