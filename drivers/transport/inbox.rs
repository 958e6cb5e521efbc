//! Cuts answers out of the bytes from a line without connections. Knows no family.

use super::{ANSWER_MAX_BYTES, Whole, WireFault};

/// Received bytes that were not handed over yet.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Drops the bytes that arrived before a request: they cannot answer it.
    pub fn forget(&mut self) {
        self.bytes.clear();
    }

    /// Adds received bytes.
    pub fn take_in(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Moves bytes into `answer` until it is complete; the rest belongs to the next answer. Without a predicate it
    /// moves all bytes.
    ///
    /// # Errors
    /// [`WireFault::TooLong`].
    pub fn hand_over(
        &mut self,
        answer: &mut Vec<u8>,
        whole: Option<Whole>,
    ) -> Result<bool, WireFault> {
        for at in 0..self.bytes.len() {
            if answer.len() == ANSWER_MAX_BYTES {
                return Err(WireFault::TooLong(ANSWER_MAX_BYTES));
            }
            answer.push(self.bytes[at]);
            if whole.is_some_and(|whole| whole(answer)) {
                self.bytes.drain(..=at);
                return Ok(true);
            }
        }
        self.bytes.clear();
        Ok(whole.is_none() && !answer.is_empty())
    }
}
