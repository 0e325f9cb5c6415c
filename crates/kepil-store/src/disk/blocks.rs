//! Memory that direct input and output accept.

/// Alignment and unit of every write to a segment, in bytes.
pub const BLOCK_BYTES: usize = 4096;

/// A buffer that begins on a block boundary and is whole blocks long.
///
/// `O_DIRECT` demands both. The boundary is found inside a vector that is one block
/// too long, so no unsafe code is needed.
#[derive(Debug, Default)]
pub struct Blocks {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Blocks {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a copy of the bytes and fills the last block with zeros.
    pub fn fill(&mut self, bytes: &[u8]) {
        self.length = bytes.len().next_multiple_of(BLOCK_BYTES);
        if self.memory.len() < self.length + BLOCK_BYTES {
            // A new vector has a new address; INVARIANT: `start` belongs to this one.
            self.memory = vec![0; self.length + BLOCK_BYTES];
            self.start = self
                .memory
                .as_ptr()
                .align_offset(BLOCK_BYTES)
                .min(BLOCK_BYTES);
        }
        if let Some(target) = self.memory.get_mut(self.start..self.start + self.length)
            && let Some((data, padding)) = target.split_at_mut_checked(bytes.len())
        {
            data.copy_from_slice(bytes);
            padding.fill(0);
        }
    }

    /// The blocks.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.memory
            .get(self.start..self.start + self.length)
            .unwrap_or_default()
    }

    /// Length in bytes, a multiple of [`BLOCK_BYTES`].
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::try_from(self.length).unwrap_or(u64::MAX)
    }

    /// True when there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_padded_with_zeros() {
        let mut blocks = Blocks::new();
        for length in [1, 4095, 4096, 4097, 100_000, 5, 0] {
            blocks.fill(&vec![7; length]);
            let bytes = blocks.as_bytes();
            assert_eq!(bytes.len(), length.next_multiple_of(BLOCK_BYTES));
            assert!(length == 0 || bytes.as_ptr().align_offset(BLOCK_BYTES) == 0);
            assert!(bytes[..length].iter().all(|byte| *byte == 7));
            assert!(bytes[length..].iter().all(|byte| *byte == 0));
        }
    }
}
