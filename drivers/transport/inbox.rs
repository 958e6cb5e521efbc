//! A line that has no beginning and no end: how an answer is cut out of what comes. Knows no family.

use super::{ANSWER_MAX_BYTES, Whole, WireFault};

/// What came over a line and was not yet handed over.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// What came before a request is no answer to it.
    pub fn forget(&mut self) {
        self.bytes.clear();
    }

    /// More came.
    pub fn take_in(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Moves bytes into `answer` until it is whole; the rest is the next answer's. Without a predicate, all that came.
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
