//! Executes a profile on one card: step by step, every response is checked, everything is read back, nothing is
//! repeated. Knows no step's bytes (`files`, `memory`, `secure`) and no clock but the one it is given.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use drivers::encoder::apdu::{Command, Reply, Status};
use drivers::encoder::channel::{Channel, Seen};
use drivers::encoder::{CardEncoder, Chip};
use drivers::scp03::Session;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::files::selects;
use super::template::Unfillable;
use super::values::{Data, KeySource, Values};
use super::{Action, ChipFault, FaultKind, Profile, Step};

/// What a profile needs besides the card.
pub struct With<'w> {
    /// The card's data.
    pub values: &'w Values,
    /// The vault.
    pub keys: &'w dyn KeySource,
    /// Elapsed time; only differences matter.
    pub clock: &'w dyn Fn() -> Duration,
    /// Eight unpredictable bytes, new at every call: the challenge of a secure channel.
    pub challenge: &'w dyn Fn() -> [u8; 8],
}

/// Progress of a running profile, for observers. Contains nothing personal and no key.
#[derive(Debug)]
pub enum StepSeen<'s> {
    /// A step begins.
    Begins(&'s str),
    /// A command was sent.
    Apdu(Seen),
    /// A step has completed.
    Ended(&'s StepDone),
}

/// A completed step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepDone {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// Commands sent.
    pub apdus: u32,
    /// Bytes of content written, and read back.
    pub bytes: usize,
}

/// A completely written chip. Everything here may be stored: personal data are included only by their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The profile's name.
    pub profile: String,
    /// The version that the profile states.
    pub version: String,
    /// SHA-256 of its text.
    pub profile_sha256: [u8; 32],
    /// SHA-256 of all data that were read back and compared equal, in that order: if a card holds only the record, this
    /// is the record's.
    pub content_sha256: [u8; 32],
    /// Length of those data.
    pub content_bytes: usize,
    /// Commands sent.
    pub apdus: u32,
    /// The completed steps, in order.
    pub steps: Vec<StepDone>,
}

/// The faults that can be found before any card is moved: missing values and keys, and keys of impossible length.
pub fn preflight(profile: &Profile, values: &Values, keys: &dyn KeySource) -> Vec<ChipFault> {
    let fault = |kind| ChipFault { step: String::new(), kind, card_touched: false };
    let missing = profile.values().into_iter().filter(|name| values.get(name).is_none());
    let missing = missing.map(|name| fault(FaultKind::NoValue(name.to_owned())));
    let locked = profile.secrets().into_iter().filter_map(|secret| {
        let name = || secret.name.to_owned();
        let kind = match keys.key(secret.name) {
            Err(why) => FaultKind::NoKey { name: name(), why },
            Ok(key) if secret.length.allows(key.len()) => return None,
            Ok(_) => FaultKind::KeyLength { name: name(), wanted: secret.length },
        };
        Some(fault(kind))
    });
    missing.chain(locked).collect()
}

/// Executes `profile` on the chip that `encoder` has switched on.
///
/// # Errors
/// [`ChipFault`]: the card is not written as required. No further command has been sent to it.
pub fn run(
    profile: &Profile,
    encoder: &mut dyn CardEncoder,
    chip: &Chip,
    with: &With<'_>,
    seen: &mut dyn FnMut(StepSeen<'_>),
) -> Result<Written, ChipFault> {
    if let Some(first) = preflight(profile, with.values, with.keys).into_iter().next() {
        return Err(first);
    }
    if profile.reader.is_some_and(|reader| reader != chip.interface) {
        let kind = FaultKind::OtherInterface(chip.interface);
        return Err(ChipFault { step: String::new(), kind, card_touched: false });
    }
    let (seen, apdus) = (RefCell::new(seen), Cell::new(0));
    let mut channel = Channel::new(encoder, chip);
    channel.watch(|one| {
        apdus.set(apdus.get() + 1);
        (seen.borrow_mut())(StepSeen::Apdu(one));
    });
    let mut work = Work::new(channel, with);
    let (mut steps, mut place) = (Vec::new(), 0);
    while let Some(step) = profile.steps.get(place) {
        (seen.borrow_mut())(StepSeen::Begins(&step.name));
        let (started, sent, content) = ((with.clock)(), apdus.get(), work.content_bytes);
        place = match work.step(step) {
            Ok(()) => place + 1,
            // The parser allows forward jumps only; this keeps a profile made in another way from looping.
            Err(Turn::Jump(target)) => target.max(place + 1),
            Err(Turn::Fault(kind)) => return Err(work.fault(&step.name, kind)),
        };
        let done = StepDone {
            name: step.name.clone(),
            took: (with.clock)().saturating_sub(started),
            apdus: apdus.get() - sent,
            bytes: work.content_bytes - content,
        };
        (seen.borrow_mut())(StepSeen::Ended(&done));
        steps.push(done);
    }
    work.end(profile, steps, apdus.get())
}

/// Why a step does not simply continue.
pub(super) enum Turn {
    /// Jump to this step, because of the card's response.
    Jump(usize),
    /// Stop.
    Fault(FaultKind),
}

impl From<FaultKind> for Turn {
    fn from(kind: FaultKind) -> Self {
        Turn::Fault(kind)
    }
}

/// The work on one card.
pub(super) struct Work<'w, 'c> {
    pub channel: Channel<'c>,
    /// An open secure channel; all commands go through it.
    pub secure: Option<Session>,
    /// The selected application; empty: the card's default.
    pub selected: Vec<u8>,
    /// Publicly known default keys that the card still has: application and version.
    pub known_keys: BTreeSet<(Vec<u8>, u8)>,
    pub with: &'w With<'w>,
    /// Data written but not read back yet.
    unread: Vec<Data>,
    /// Data read back and found equal.
    compared: Vec<Data>,
    content: Sha256,
    content_bytes: usize,
    touched: bool,
    last: Status,
}

impl<'w, 'c> Work<'w, 'c> {
    fn new(channel: Channel<'c>, with: &'w With<'w>) -> Self {
        Work {
            channel,
            secure: None,
            selected: Vec::new(),
            known_keys: BTreeSet::new(),
            with,
            unread: Vec::new(),
            compared: Vec::new(),
            content: Sha256::new(),
            content_bytes: 0,
            touched: false,
            last: Status::OK,
        }
    }

    fn fault(&self, step: &str, kind: FaultKind) -> ChipFault {
        ChipFault { step: step.to_owned(), kind, card_touched: self.touched }
    }

    /// After the last step: is the card complete?
    fn end(
        self,
        profile: &Profile,
        steps: Vec<StepDone>,
        apdus: u32,
    ) -> Result<Written, ChipFault> {
        self.may_be_final().map_err(|kind| self.fault("", kind))?;
        // If the responses led past this card's own data, the card would be empty.
        if let Some(left_out) = profile.contents().find(|data| !self.compared.contains(data)) {
            let name = left_out.name().unwrap_or_default().to_owned();
            return Err(self.fault("", FaultKind::LeftOut(name)));
        }
        Ok(Written {
            profile: profile.name.clone(),
            version: profile.version.clone(),
            profile_sha256: profile.sha256,
            content_sha256: self.content.finalize().into(),
            content_bytes: self.content_bytes,
            apdus,
            steps,
        })
    }

    /// Final steps need everything read back, and no default keys on the card.
    fn may_be_final(&self) -> Result<(), FaultKind> {
        if !self.unread.is_empty() {
            return Err(FaultKind::NotReadBack);
        }
        if self.known_keys.is_empty() { Ok(()) } else { Err(FaultKind::KnownKeys) }
    }

    fn step(&mut self, step: &Step) -> Result<(), Turn> {
        // PutKey is what removes default keys, so it cannot require that none are left.
        if step.irreversible && !matches!(step.action, Action::PutKey { .. }) {
            self.may_be_final()?;
        }
        if matches!(step.action, Action::PutKey { .. }) && !self.unread.is_empty() {
            return Err(FaultKind::NotReadBack.into());
        }
        self.last = Status::OK;
        match &step.action {
            Action::SelectAid(aid) => self.select_aid(step, aid)?,
            Action::Apdu { template, equals } => {
                let command = template.fill(self.with.values).map_err(unfillable)?;
                self.unread.extend(template.data().cloned());
                let reply = self.ask(step, &command)?;
                if selects(&command) && reply.status.is_ok() {
                    self.secure = None;
                    self.selected.clone_from(&command.data);
                }
                if let Some(data) = equals {
                    self.compare(data, self.value(data)?, &reply.data)?;
                }
            }
            Action::UpdateBinary { file, verify } => self.update_binary(step, file, *verify)?,
            Action::ReadBinary(file) => self.read_binary(step, file)?,
            Action::Verify { key, reference, pad_to } => {
                self.verify(step, key, *reference, *pad_to)?
            }
            Action::Secure { keys, key_version, level } => {
                self.secure(keys, *key_version, *level)?
            }
            Action::PutKey { keys, key_version, replaces } => {
                self.put_key(keys, *key_version, *replaces)?
            }
            Action::ClassicWrite { classic, verify } => {
                self.classic_write(step, classic, *verify)?
            }
            Action::PageWrite { page, data, verify } => {
                self.page_write(step, *page, data, *verify)?
            }
            Action::Ndef { data, kind } => self.ndef(step, data, kind.as_deref())?,
            Action::Lock => self.lock(step)?,
        }
        // An accepted status may jump too: 9000 if the content is already there.
        self.elsewhere(step).map_or(Ok(()), |target| Err(Turn::Jump(target)))
    }

    /// Sends a command of this step, and checks the response against the step's accepted status words.
    pub fn ask(&mut self, step: &Step, command: &Command) -> Result<Reply, Turn> {
        self.touched |= !matches!(step.action, Action::SelectAid(_) | Action::ReadBinary(_));
        let reply = match &mut self.secure {
            Some(session) => session
                .send(&mut self.channel, command)
                .map_err(|why| super::secure::broken("", why))?,
            None => self.channel.send(command).map_err(FaultKind::from)?,
        };
        self.last = reply.status;
        if step.accepted.iter().any(|pattern| pattern.matches(reply.status.0)) {
            return Ok(reply);
        }
        Err(match self.elsewhere(step) {
            Some(target) => Turn::Jump(target),
            None => FaultKind::Answer(reply.status.0).into(),
        })
    }

    fn elsewhere(&self, step: &Step) -> Option<usize> {
        step.on.iter().find(|(pattern, _)| pattern.matches(self.last.0)).map(|(_, target)| *target)
    }

    /// Marks the card as touched, for a command that may change it and is not sent by [`Work::ask`].
    pub fn touch(&mut self) {
        self.touched = true;
    }

    /// The bytes of a value in the profile.
    pub fn value<'d>(&self, data: &'d Data) -> Result<&'d [u8], FaultKind>
    where
        'w: 'd,
    {
        self.with.values.of(data).map_err(FaultKind::NoValue)
    }

    /// A secret of the vault.
    pub fn key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, FaultKind> {
        let found = self.with.keys.key(name);
        found.map_err(|why| FaultKind::NoKey { name: name.to_owned(), why })
    }

    /// Marks data as being written: until they are read back, no final step may run.
    pub fn begin_writing(&mut self, data: &Data) {
        self.unread.push(data.clone());
    }

    /// Compares the data read with those written.
    pub fn compare(&mut self, data: &Data, written: &[u8], read: &[u8]) -> Result<(), FaultKind> {
        if written != read {
            return Err(FaultKind::Different);
        }
        if let Some(at) = self.unread.iter().position(|one| one == data) {
            self.unread.remove(at);
        }
        self.compared.push(data.clone());
        self.content.update(read);
        self.content_bytes += read.len();
        Ok(())
    }
}

fn unfillable(why: Unfillable) -> FaultKind {
    match why {
        Unfillable::Missing(name) => FaultKind::NoValue(name),
        Unfillable::TooLong { needs } => FaultKind::TooLong { needs, fits: usize::from(u16::MAX) },
    }
}
