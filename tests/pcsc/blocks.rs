//! The card's side of T=1 (ISO 7816-3, clause 11): blocks to commands and answers to blocks. Knows no reader.

use emulators::card::Response;

/// The card's own limit of one block's data until the reader says otherwise, and the least that any reader takes.
const INFORMATION_BYTES: usize = 32;

const MORE: u8 = 0x20;
const I_SEQUENCE: u8 = 0x40;
const S_RESPONSE: u8 = 0x20;
const S_RESYNCH: u8 = 0xC0;
const S_IFS: u8 = 0xC1;
const R_BLOCK: u8 = 0x80;
const R_SEQUENCE: u8 = 0x10;
const R_CHECK_WRONG: u8 = 0x01;

/// One card's half of the conversation.
pub struct Blocks {
    /// Sequence number of the block that is expected next, and of our own next one.
    expected: bool,
    own: bool,
    reader_takes: usize,
    command: Vec<u8>,
    /// Of the answer, what was not yet sent.
    answer: Vec<u8>,
    last: Vec<u8>,
    /// Blocks that came with a wrong check byte, and blocks that were asked for again.
    pub wrong_checks: usize,
    pub repeated: usize,
    /// The next block goes out with a wrong check byte.
    pub spoil_next: bool,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            expected: false,
            own: false,
            reader_takes: INFORMATION_BYTES,
            command: Vec::new(),
            answer: Vec::new(),
            last: Vec::new(),
            wrong_checks: 0,
            repeated: 0,
            spoil_next: false,
        }
    }
}

impl Blocks {
    /// Takes one block; `card` executes a command that is whole. Returns the block of the answer, or why there is none.
    pub fn on_bytes(
        &mut self,
        block: &[u8],
        mut card: impl FnMut(&[u8]) -> Response,
    ) -> Result<Vec<u8>, Response> {
        let [_, pcb, length, rest @ ..] = block else { return Ok(self.ask_again()) };
        if block.iter().fold(0, |sum, byte| sum ^ byte) != 0
            || rest.len() != usize::from(*length) + 1
        {
            self.wrong_checks += 1;
            return Ok(self.ask_again());
        }
        let information = &rest[..rest.len() - 1];
        match *pcb {
            pcb if pcb & 0x80 == 0 => {
                self.expected = pcb & I_SEQUENCE == 0;
                self.command.extend_from_slice(information);
                if pcb & MORE != 0 {
                    return Ok(self.say(R_BLOCK | if self.expected { R_SEQUENCE } else { 0 }, &[]));
                }
                match card(&std::mem::take(&mut self.command)) {
                    Response::Said { bytes, .. } => self.answer = bytes,
                    other => return Err(other),
                }
                Ok(self.next_piece())
            }
            S_RESYNCH => {
                let kept = (self.wrong_checks, self.repeated);
                *self = Self::default();
                (self.wrong_checks, self.repeated) = kept;
                Ok(self.say(S_RESYNCH | S_RESPONSE, &[]))
            }
            S_IFS => {
                self.reader_takes =
                    information.first().map_or(INFORMATION_BYTES, |&bytes| bytes.into());
                Ok(self.say(S_IFS | S_RESPONSE, information))
            }
            pcb if pcb & 0xC0 == R_BLOCK => {
                // It names the number that it expects: ours, if the last one did not arrive.
                if (pcb & R_SEQUENCE != 0) == self.own && !self.answer.is_empty() {
                    return Ok(self.next_piece());
                }
                self.repeated += 1;
                Ok(self.last.clone())
            }
            _ => Ok(self.ask_again()),
        }
    }

    /// The next block of the answer.
    fn next_piece(&mut self) -> Vec<u8> {
        let rest = self.answer.split_off(self.answer.len().min(self.reader_takes));
        let piece = std::mem::replace(&mut self.answer, rest);
        let more = if self.answer.is_empty() { 0 } else { MORE };
        let sequence = if self.own { I_SEQUENCE } else { 0 };
        self.own = !self.own;
        self.say(sequence | more, &piece)
    }

    fn ask_again(&mut self) -> Vec<u8> {
        self.say(R_BLOCK | R_CHECK_WRONG | if self.expected { R_SEQUENCE } else { 0 }, &[])
    }

    fn say(&mut self, pcb: u8, information: &[u8]) -> Vec<u8> {
        let length =
            u8::try_from(information.len()).expect("a block is cut to what the reader takes");
        let mut block = [&[0, pcb, length], information].concat();
        block.push(block.iter().fold(0, |sum, byte| sum ^ byte));
        self.last.clone_from(&block);
        if std::mem::take(&mut self.spoil_next) {
            *block.last_mut().expect("a block has a check byte") ^= 0x55;
        }
        block
    }
}
