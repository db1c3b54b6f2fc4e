use std::collections::VecDeque;

/// The newest bytes of a stream, and how many went before them.
///
/// ```
/// use perilune_exec_native::TailRing;
///
/// let mut tail = TailRing::new(4);
/// tail.push(b"to be or ");
/// tail.push(b"not");
/// assert_eq!((tail.to_vec(), tail.dropped()), (b" not".to_vec(), 8));
/// ```
#[derive(Clone, Debug)]
pub struct TailRing {
    bytes: VecDeque<u8>,
    capacity: usize,
    dropped: u64,
}

impl TailRing {
    /// One that keeps that many; with none it only counts.
    pub fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity, dropped: 0 }
    }

    /// Adds bytes, and lets go of the oldest.
    pub fn push(&mut self, chunk: &[u8]) {
        let fits = &chunk[chunk.len().saturating_sub(self.capacity)..];
        let excess = (self.bytes.len() + fits.len()).saturating_sub(self.capacity);
        self.bytes.drain(..excess);
        self.bytes.extend(fits);
        self.dropped += (excess + chunk.len() - fits.len()) as u64;
    }

    /// What is kept, oldest first.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// How many bytes are kept no more.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_bytes_are_kept_whatever_the_pieces() {
        let all: Vec<u8> = (0..=255).collect();
        for capacity in [0, 1, 7, 64, 256, 1000] {
            for piece in [1, 3, 64, 256] {
                let mut tail = TailRing::new(capacity);
                all.chunks(piece).for_each(|chunk| tail.push(chunk));
                assert_eq!(tail.to_vec(), all[all.len().saturating_sub(capacity)..], "{capacity} {piece}");
                assert_eq!(tail.dropped() as usize, all.len().saturating_sub(capacity));
            }
        }
    }
}
