//! Commands and responses inside a secure channel, both directions side by side: the card unwraps what the host wraps,
//! and the reverse (Amendment D, 6.2). Knows no reader and no card; each side calls its own functions.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::keys::{BLOCK_BYTES, Block, Key, Keys, SHORT_BYTES, Short};
use super::{Level, Scp03Error};
use crate::encoder::apdu::{Command, Reply};

/// Bit of the class byte: this command is secured.
pub const SECURED: u8 = 0x04;
const PADDING: u8 = 0x80;
/// Top byte of the counter in the encryption of responses.
const OF_ANSWERS: u8 = 0x80;

/// What derived bytes are used for (Amendment D, table 4-1).
mod purpose {
    pub(super) const CARD_CRYPTOGRAM: u8 = 0x00;
    pub(super) const HOST_CRYPTOGRAM: u8 = 0x01;
    pub(super) const CARD_CHALLENGE: u8 = 0x02;
    pub(super) const ENC: u8 = 0x04;
    pub(super) const MAC: u8 = 0x06;
    pub(super) const RMAC: u8 = 0x07;
}

/// One side's state of a secure channel.
pub struct Messages {
    enc: Key,
    mac: Key,
    rmac: Key,
    level: Level,
    /// The complete MAC of the last command.
    chain: Block,
    /// Number of commands since the channel was opened.
    counter: u128,
}

/// Proof, for each side, that the other has the keys.
pub struct Cryptograms {
    /// The card's.
    pub card: Short,
    /// The host's.
    pub host: Short,
}

/// A pseudo-random card challenge, derived from the counter and the AID (Amendment D, 6.2.2.1).
pub fn card_challenge(keys: &Keys, sequence: [u8; 3], aid: &[u8]) -> Short {
    keys.enc.derive_short(purpose::CARD_CHALLENGE, &[&sequence, aid])
}

impl Messages {
    /// Derives the session keys from both challenges; the session starts at the level of a plain C-MAC.
    pub fn new(keys: &Keys, host: Short, card: Short) -> (Self, Cryptograms) {
        let context: [&[u8]; 2] = [&host, &card];
        let mac = keys.mac.derive_key(purpose::MAC, &context);
        let cryptograms = Cryptograms {
            card: mac.derive_short(purpose::CARD_CRYPTOGRAM, &context),
            host: mac.derive_short(purpose::HOST_CRYPTOGRAM, &context),
        };
        let messages = Self {
            enc: keys.enc.derive_key(purpose::ENC, &context),
            rmac: keys.mac.derive_key(purpose::RMAC, &context),
            mac,
            level: Level::Mac,
            chain: [0; BLOCK_BYTES],
            counter: 0,
        };
        (messages, cryptograms)
    }

    /// Switches to this level.
    pub fn open(&mut self, level: Level) {
        self.level = level;
        self.counter = 0;
    }

    /// The current level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Host: wraps a command for the card. The data grow by the padding of one block and a short MAC at most.
    pub fn wrap(&mut self, plain: &Command) -> Command {
        self.counter += 1;
        // Allocate space for padding and MAC too, so that growing leaves no copy behind.
        let mut data = Vec::with_capacity(plain.data.len() + BLOCK_BYTES + SHORT_BYTES);
        data.extend_from_slice(&plain.data);
        if self.level.encrypts_commands() && !data.is_empty() {
            pad(&mut data);
            self.enc.chain_encrypt(self.first_block(0), &mut data);
        }
        let [_, ins, p1, p2] = plain.header();
        let mut secured = Command::new(plain.cla | SECURED, ins, p1, p2).with(data);
        secured.le = plain.le;
        self.sign(secured)
    }

    /// Host: adds the MAC.
    pub fn sign(&mut self, mut command: Command) -> Command {
        command.cla |= SECURED;
        self.chain = self.command_code(&command, &command.data);
        command.data.extend_from_slice(&self.chain[..SHORT_BYTES]);
        command
    }

    /// Card: unwraps a command; `None` if it is not the host's next one.
    pub fn unwrap_command(&mut self, secured: &Command) -> Option<Command> {
        let mut plain = self.verified(secured)?;
        self.counter += 1;
        if self.level.encrypts_commands() && !plain.data.is_empty() {
            if plain.data.len() % BLOCK_BYTES != 0 {
                return None;
            }
            let first = self.first_block(0);
            self.enc.chain_decrypt(first, &mut plain.data);
            unpad(&mut plain.data)?;
        }
        plain.cla &= !SECURED;
        Some(plain)
    }

    /// Card: removes a command's MAC; `None` if it is wrong.
    pub fn verified(&mut self, secured: &Command) -> Option<Command> {
        let (data, code) = secured.data.split_last_chunk::<SHORT_BYTES>()?;
        let whole = self.command_code(secured, data);
        if !bool::from(whole[..SHORT_BYTES].ct_eq(code)) {
            return None;
        }
        self.chain = whole;
        let mut plain = secured.clone();
        plain.data.truncate(data.len());
        Some(plain)
    }

    /// The MAC over the chain so far, the header with the transmitted length, and the data without their MAC.
    fn command_code(&self, command: &Command, data: &[u8]) -> Block {
        let length = data.len() + SHORT_BYTES;
        let [.., high, low] = length.to_be_bytes();
        let extended = [0, high, low];
        let lc = if length < 0x100 { &extended[2..] } else { &extended[..] };
        self.mac.mac(&[&self.chain, &command.header(), lc, data])
    }

    /// Card: wraps a response for the host.
    pub fn wrap_reply(&self, mut reply: Reply) -> Reply {
        if !self.level.signs_answers() || !carries_code(&reply) {
            return reply;
        }
        if self.level.encrypts_answers() && !reply.data.is_empty() {
            pad(&mut reply.data);
            self.enc.chain_encrypt(self.first_block(OF_ANSWERS), &mut reply.data);
        }
        let code = self.answer_code(&reply, &reply.data);
        reply.data.extend_from_slice(&code);
        reply
    }

    /// Host: unwraps a response, if it is the card's response to the last command. An error response has no MAC, so
    /// nothing in it but the status is used.
    pub fn unwrap_reply(&self, mut reply: Reply) -> Result<Reply, Scp03Error> {
        if !self.level.signs_answers() {
            return Ok(reply);
        }
        if !carries_code(&reply) {
            return Ok(Reply::bare(reply.status.0));
        }
        let (data, code) =
            reply.data.split_last_chunk::<SHORT_BYTES>().ok_or(Scp03Error::Tampered)?;
        if !bool::from(self.answer_code(&reply, data).ct_eq(code)) {
            return Err(Scp03Error::Tampered);
        }
        let length = data.len();
        reply.data.truncate(length);
        if self.level.encrypts_answers() && length > 0 {
            if length % BLOCK_BYTES != 0 {
                return Err(Scp03Error::Tampered);
            }
            self.enc.chain_decrypt(self.first_block(OF_ANSWERS), &mut reply.data);
            unpad(&mut reply.data).ok_or(Scp03Error::Tampered)?;
        }
        Ok(reply)
    }

    fn answer_code(&self, reply: &Reply, data: &[u8]) -> Short {
        let code = self.rmac.mac(&[&self.chain, data, &reply.status.0.to_be_bytes()]);
        *code.first_chunk().expect("a code has sixteen bytes")
    }

    /// The encrypted counter; for commands and responses the top byte differs.
    fn first_block(&self, top: u8) -> Block {
        let mut block = self.counter.to_be_bytes();
        block[0] |= top;
        self.enc.encrypt(&mut block);
        block
    }
}

/// Responses to executed commands, with or without a warning, have a MAC; errors have none.
fn carries_code(reply: &Reply) -> bool {
    reply.status.is_ok() || reply.status.is_warning()
}

fn pad(data: &mut Vec<u8>) {
    data.push(PADDING);
    data.resize(data.len().next_multiple_of(BLOCK_BYTES), 0);
}

fn unpad(data: &mut Vec<u8>) -> Option<()> {
    let end = data.iter().rposition(|&byte| byte != 0)?;
    (data[end] == PADDING && data.len() - end <= BLOCK_BYTES).then(|| data.truncate(end))
}

/// A key for the card: encrypted, and padded to whole blocks.
pub(crate) fn encrypted_key(dek: &Key, key: &Key) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * BLOCK_BYTES));
    bytes.extend_from_slice(key.bytes());
    bytes.resize(key.bytes().len().next_multiple_of(BLOCK_BYTES), 0);
    dek.chain_encrypt([0; BLOCK_BYTES], &mut bytes);
    bytes
}

/// Decrypts such a key.
pub(crate) fn decrypted_key(dek: &Key, sent: &[u8], length: usize) -> Result<Key, Scp03Error> {
    let mut bytes = Zeroizing::new(sent.to_vec());
    dek.chain_decrypt([0; BLOCK_BYTES], &mut bytes);
    Key::new(bytes.get(..length).ok_or(Scp03Error::KeyLength(length))?)
}
