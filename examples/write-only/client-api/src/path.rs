//! Parts of paths.

/// One part of a path or query, percent-encoded. Session ids have `/` and `+` in them.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn what_would_end_a_segment_is_encoded() {
        assert_eq!(segment("!a:b/c+d?e#f%"), "%21a%3Ab%2Fc%2Bd%3Fe%23f%25");
        assert_eq!(segment("m.room_key"), "m.room_key");
    }
}
