//! Steps on a card with files (ISO 7816-4): SELECT, READ BINARY, UPDATE BINARY, VERIFY; splits data into blocks. Knows
//! no memory card.

use drivers::encoder::apdu::Command;
use zeroize::Zeroizing;

use super::run::{Turn, Work};
use super::{BinaryFile, FaultKind, SecretLength, Step};

const SELECT: u8 = 0xA4;
/// P1 of SELECT by application identifier.
const BY_NAME: u8 = 0x04;
const VERIFY: u8 = 0x20;
const READ_BINARY: u8 = 0xB0;
const UPDATE_BINARY: u8 = 0xD6;
/// Offsets are coded in 15 bits.
const ADDRESSED_BYTES: usize = 0x8000;
/// P2 of SELECT: only the status is wanted.
const NO_ANSWER: u8 = 0x0C;

impl Work<'_, '_> {
    /// SELECT by AID. It ends a secure channel, whose keys belong to the application before.
    pub(super) fn select_aid(&mut self, step: &Step, aid: &[u8]) -> Result<(), Turn> {
        self.secure = None;
        let reply =
            self.ask(step, &Command::new(0, SELECT, BY_NAME, 0).with(aid).expecting(256))?;
        if reply.status.is_ok() {
            self.selected = aid.to_vec();
        }
        Ok(())
    }

    pub(super) fn update_binary(
        &mut self,
        step: &Step,
        file: &BinaryFile,
        verify: bool,
    ) -> Result<(), Turn> {
        let content = self.value(&file.data)?;
        addressed(file, content)?;
        self.select_file(step, file.fid)?;
        self.begin_writing(&file.data);
        let mut at = usize::from(file.offset);
        for block in content.chunks(self.block(file)) {
            let [high, low] = place(at);
            self.ask(step, &Command::new(0, UPDATE_BINARY, high, low).with(block))?;
            at += block.len();
        }
        if verify { self.read_selected(step, file) } else { Ok(()) }
    }

    pub(super) fn read_binary(&mut self, step: &Step, file: &BinaryFile) -> Result<(), Turn> {
        addressed(file, self.value(&file.data)?)?;
        self.select_file(step, file.fid)?;
        self.read_selected(step, file)
    }

    /// Reads as many bytes as expected, and compares them. A card may return fewer at once than requested.
    fn read_selected(&mut self, step: &Step, file: &BinaryFile) -> Result<(), Turn> {
        let written = self.value(&file.data)?;
        let mut read = Zeroizing::new(Vec::with_capacity(written.len()));
        while read.len() < written.len() {
            let wanted = self.block(file).min(written.len() - read.len());
            let [high, low] = place(usize::from(file.offset) + read.len());
            let command = Command::new(0, READ_BINARY, high, low).expecting(wanted);
            let got = Zeroizing::new(self.ask(step, &command)?.data);
            if got.is_empty() || got.len() > wanted {
                return Err(FaultKind::AnswerLength.into());
            }
            read.extend_from_slice(&got);
        }
        Ok(self.compare(&file.data, written, &read)?)
    }

    fn select_file(&mut self, step: &Step, fid: Option<u16>) -> Result<(), Turn> {
        let Some(fid) = fid else { return Ok(()) };
        let command = Command::new(0, SELECT, 0, NO_ANSWER).with(fid.to_be_bytes());
        self.ask(step, &command).map(drop)
    }

    /// Content bytes per command.
    fn block(&self, file: &BinaryFile) -> usize {
        let fits = self.channel.data_max().min(self.channel.answer_max());
        usize::from(file.block).min(self.protected(fits)).max(1)
    }

    pub(super) fn verify(
        &mut self,
        step: &Step,
        key: &str,
        reference: u8,
        pad_to: Option<u8>,
    ) -> Result<(), Turn> {
        let mut secret = self.key(key)?;
        let wanted = SecretLength::Pin(pad_to.unwrap_or(u8::MAX));
        if !wanted.allows(secret.len()) {
            return Err(FaultKind::KeyLength { name: key.to_owned(), wanted }.into());
        }
        let length = pad_to.map_or(secret.len(), usize::from);
        secret.resize(length, 0xFF);
        let command = Command::new(0, VERIFY, 0, reference).with(secret.as_slice());
        self.ask(step, &command).map(drop).map_err(|turn| not_authentic(turn, key))
    }
}

/// Does this raw command select an application, as `select_aid` does?
pub(super) fn selects(command: &Command) -> bool {
    (command.ins, command.p1) == (SELECT, BY_NAME)
}

/// A refused secret is a fault of the setup: the next card will refuse it too.
pub(super) fn not_authentic(turn: Turn, key: &str) -> Turn {
    match turn {
        Turn::Fault(FaultKind::Answer(_)) => FaultKind::NotAuthentic(key.to_owned()).into(),
        other => other,
    }
}

fn addressed(file: &BinaryFile, content: &[u8]) -> Result<(), FaultKind> {
    let fits = ADDRESSED_BYTES - usize::from(file.offset);
    if content.len() <= fits {
        return Ok(());
    }
    Err(FaultKind::TooLong { needs: content.len(), fits })
}

/// P1 and P2 of an offset below [`ADDRESSED_BYTES`].
fn place(at: usize) -> [u8; 2] {
    let [.., high, low] = at.to_be_bytes();
    [high & 0x7F, low]
}
