//! A piece of the text that is kept, up to a limit.

/// Keeps bytes from a start to an end; of what is longer than the limit, the length alone.
#[derive(Debug, Default)]
pub(in crate::store) struct Capture {
    bytes: Vec<u8>,
    length: usize,
    limit: usize,
    active: bool,
}

/// More was to be kept than the limit allows.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct TooLong {
    pub(in crate::store) length: usize,
}

impl Capture {
    pub(in crate::store) fn start(&mut self, first: &[u8], limit: usize) {
        self.bytes.clear();
        (self.length, self.limit, self.active) = (0, limit, true);
        self.push(first);
    }

    pub(in crate::store) fn is_active(&self) -> bool {
        self.active
    }

    pub(in crate::store) fn push(&mut self, bytes: &[u8]) {
        if !self.active {
            return;
        }
        self.length = self.length.saturating_add(bytes.len());
        if self.length <= self.limit {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Stops, and gives what was kept.
    pub(in crate::store) fn stop(&mut self) -> Result<&[u8], TooLong> {
        self.active = false;
        if self.length <= self.limit {
            Ok(&self.bytes)
        } else {
            Err(TooLong { length: self.length })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// V2-13: the length of what a server sends does not become memory.
    #[test]
    fn no_more_is_held_than_the_limit() {
        let mut capture = Capture::default();
        for _ in 0..3 {
            capture.start(b"1", 1000);
            for _ in 0..1_000_000 {
                capture.push(b"234");
            }
            assert_eq!(capture.stop().unwrap_err().length, 3_000_001);
            assert!(capture.bytes.capacity() <= 2048);
        }
        capture.start(b"1", 4);
        capture.push(b"234");
        assert_eq!(capture.stop().unwrap(), b"1234");
    }
}
