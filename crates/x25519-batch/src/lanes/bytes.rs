//! 32 bytes as four words of 64 bits, the lowest first, and back.

/// The words of 32 bytes.
pub(crate) fn words_of(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    let (chunks, _) = bytes.as_chunks();
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

/// The bytes of four words.
pub(crate) fn bytes_of(words: [u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_byte_comes_first() {
        let bytes = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let words = words_of(&bytes);
        assert_eq!(words[0], 0x0706_0504_0302_0100);
        assert_eq!(words[3], 0x1f1e_1d1c_1b1a_1918);
        assert_eq!(bytes_of(words), bytes);
    }
}
