//! A microprocessor card with files: its interfaces, how its answers are sent over T=0, T=1 and contactless, and
//! command chaining. `commands` executes commands, `domain` has the secure channel. Knows no reader.

use serde_json::{Value, json};

use super::commands::{Filing, Outcome, SELECT, word};
use super::domain::Domain;
use super::faults::{RefusalForm, Trouble, flip_bit};
use super::files::{Files, Selected};
use super::settings::{FileCardSettings, Protocol, counted_up};
use super::{Activation, EmulatedChip, Response, atr, hex};
use drivers::encoder::Interface;
use drivers::encoder::apdu::{
    Command, EXTENDED_LE_MAX_BYTES, Form, Reply, SHORT_LE_MAX_BYTES, Status,
};
use drivers::scp03::card_side::{EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE, PUT_KEY, SECURED};

const GET_RESPONSE: u8 = 0xC0;
const GET_DATA: u8 = 0xCA;
/// P1 of SELECT.
const BY_NAME: u8 = 0x04;
/// Bit of the class byte: more of this command follows.
const MORE_FOLLOWS: u8 = 0x10;
/// Most data of one command, over all the blocks of its chain.
const CHAIN_MAX_BYTES: usize = 65_535;

/// A microprocessor card with files.
pub struct FileCard {
    interface: Interface,
    t0: bool,
    extended: bool,
    first_uid: Vec<u8>,
    own_uid: Vec<u8>,
    filing: Filing,
    domain: Option<Domain>,
    memory_bytes: usize,
    /// The part of the last answer that was not fetched yet.
    waiting: Vec<u8>,
    /// Blocks of a command whose last block has not arrived yet.
    chain: Option<Command>,
    trouble: Trouble,
}

impl FileCard {
    /// The blank of this number in a batch of such cards.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn new(settings: &FileCardSettings, number: u32) -> Result<Self, String> {
        let first_uid = settings.uid.0.clone();
        if !matches!(first_uid.len(), 4 | 7 | 10) {
            return Err(format!("uid: 4, 7 or 10 bytes, not {}", first_uid.len()));
        }
        let files = Files::new(&settings.content, settings.memory_bytes)?;
        let pin = settings.pin.as_ref().map(|pin| pin.bytes().to_vec().into());
        let t0 = settings.interface == Interface::Contact && settings.protocol == Protocol::T0;
        Ok(Self {
            interface: settings.interface,
            t0,
            extended: settings.extended && !t0,
            own_uid: counted_up(&first_uid, number),
            first_uid,
            filing: Filing::new(files, pin),
            domain: settings.domain.as_ref().map(Domain::new).transpose()?,
            memory_bytes: settings.memory_bytes,
            waiting: Vec::new(),
            chain: None,
            trouble: Trouble::new(settings.faults.clone()),
        })
    }

    fn uid(&self) -> &[u8] {
        if self.trouble.faults().same_uid { &self.first_uid } else { &self.own_uid }
    }

    /// The historical bytes. A card with contacts has its number there.
    fn historical(&self) -> Vec<u8> {
        let makers = match (self.interface, self.uid().last_chunk::<4>()) {
            (Interface::Contact, Some(&[a, b, c, d])) => [b'K', a, b, c, d],
            _ => *b"KARTU",
        };
        atr::historical(self.extended, makers)
    }

    fn forget(&mut self) {
        self.filing.forget();
        self.waiting.clear();
        self.chain = None;
        self.domain.iter_mut().for_each(Domain::shut);
    }

    fn on_bytes(&mut self, bytes: &[u8]) -> Outcome {
        let command = Command::parse(bytes).map_err(|_| word::WRONG_LENGTH)?;
        if command.ins == GET_RESPONSE && command.cla == 0 {
            return Ok(self.fetched(command.le.unwrap_or(SHORT_LE_MAX_BYTES)));
        }
        self.waiting.clear();
        let too_long = Form::of(bytes) == Form::Extended && !self.extended;
        let both = self.t0 && !command.data.is_empty() && command.le.is_some();
        if too_long || both {
            return Err(word::WRONG_LENGTH);
        }
        match command.cla {
            cla if cla & 0x68 != 0 => return Err(word::UNKNOWN_CLASS),
            cla if cla & 0x03 != 0 => return Err(word::NO_SUCH_CHANNEL),
            _ => {}
        }
        let Some(command) = self.linked(command)? else {
            return Ok(Reply::bare(Status::OK.0));
        };
        let reply = self.carry_out(&command)?;
        Ok(self.deliver(reply, &command))
    }

    /// Joins the blocks of a chain; `None`: more blocks follow.
    fn linked(&mut self, mut command: Command) -> Result<Option<Command>, u16> {
        let follows = command.cla & MORE_FOLLOWS != 0;
        command.cla &= !MORE_FOLLOWS;
        if let Some(mut before) = self.chain.take() {
            if before.header() != command.header() {
                return Err(word::CHAIN_BROKEN);
            }
            if before.data.len() + command.data.len() > CHAIN_MAX_BYTES {
                return Err(word::WRONG_LENGTH);
            }
            before.data.extend_from_slice(&command.data);
            before.le = command.le;
            command = before;
        }
        if !follows {
            return Ok(Some(command));
        }
        self.chain = Some(command);
        Ok(None)
    }

    /// Executes a command, unwrapping it from the secure channel and wrapping its answer if it is secured. A plain
    /// command closes an open channel.
    fn carry_out(&mut self, command: &Command) -> Outcome {
        let secured = command.cla & SECURED != 0;
        if secured && command.ins != EXTERNAL_AUTHENTICATE {
            let domain = self.domain.as_mut().ok_or(word::NO_SECURE_CHANNEL)?;
            let mut plain = domain.unwrap(command)?;
            // With T=0 a command with data, which every secured command is, cannot state the expected length.
            plain.le = plain.le.or(self.t0.then_some(SHORT_LE_MAX_BYTES));
            let reply = self.obey(&plain, true).unwrap_or_else(Reply::bare);
            return Ok(self.domain.as_ref().map_or(reply.clone(), |domain| domain.wrap(reply)));
        }
        let opens = [SELECT, INITIALIZE_UPDATE, EXTERNAL_AUTHENTICATE].contains(&command.ins);
        match &mut self.domain {
            None if secured => return Err(word::NO_SECURE_CHANNEL),
            Some(domain) if domain.is_open() && !opens => {
                domain.shut();
                return Err(word::NOT_ALLOWED);
            }
            _ => {}
        }
        self.obey(command, false)
    }

    fn obey(&mut self, command: &Command, secured: bool) -> Outcome {
        let Some(domain) = &mut self.domain else {
            return self.filing.obey(command, secured);
        };
        match (command.ins, command.p1) {
            (INITIALIZE_UPDATE, _) => {
                let same = self.trouble.faults().same_uid;
                let identifier = if same { &self.first_uid } else { &self.own_uid };
                domain.challenge(command, identifier)
            }
            (EXTERNAL_AUTHENTICATE, _) if command.cla & SECURED != 0 => {
                domain.authenticate(command)
            }
            (PUT_KEY, _) => domain.put_key(command, secured),
            (GET_DATA, _) => domain.data(command),
            (SELECT, BY_NAME) if domain.is_called(&command.data) => {
                domain.shut();
                self.filing.selected = Selected::default();
                Ok(Reply { data: domain.control_information(), status: Status::OK })
            }
            (SELECT, BY_NAME) => {
                let selected = self.filing.obey(command, secured)?;
                domain.shut();
                Ok(selected)
            }
            _ => self.filing.obey(command, secured),
        }
    }

    /// How an answer is sent. With T=0 a command carries data or returns data, never both, and a wrong length is
    /// answered with the right one; otherwise the part beyond the expected length waits for GET RESPONSE.
    fn deliver(&mut self, reply: Reply, command: &Command) -> Reply {
        let length = reply.data.len();
        if length == 0 || (!self.t0 && command.le.is_none()) {
            return Reply { data: Vec::new(), status: reply.status };
        }
        let room = self.room_for_answer(command);
        match room.filter(|_| command.data.is_empty()) {
            None if self.t0 => {
                self.waiting = reply.data;
                Reply::bare(0x6100 | low_byte(length))
            }
            Some(le) if self.t0 && length < le => Reply::bare(0x6C00 | low_byte(length)),
            _ => {
                let le = room.unwrap_or(SHORT_LE_MAX_BYTES);
                if length <= le {
                    return reply;
                }
                self.waiting = reply.data;
                self.fetched(le)
            }
        }
    }

    /// Space for the answer: the MAC and padding of a secured answer come on top of the expected length.
    fn room_for_answer(&self, command: &Command) -> Option<usize> {
        let secured = command.cla & SECURED != 0;
        command.le.map(|le| match le {
            _ if !secured => le,
            ..=SHORT_LE_MAX_BYTES => SHORT_LE_MAX_BYTES,
            _ => EXTENDED_LE_MAX_BYTES,
        })
    }

    /// GET RESPONSE.
    fn fetched(&mut self, le: usize) -> Reply {
        let length = self.waiting.len();
        if length == 0 {
            return Reply::bare(word::NOTHING_WAITS);
        }
        if self.t0 && length < le {
            return Reply::bare(0x6C00 | low_byte(length));
        }
        let rest = self.waiting.split_off(length.min(le));
        let data = std::mem::replace(&mut self.waiting, rest);
        let status = match self.waiting.len() {
            0 => Status::OK,
            left => Status(0x6100 | low_byte(left)),
        };
        Reply { data, status }
    }

    /// Flips a bit of a file's content.
    fn flip_stored(&mut self, flip: &Value) -> Result<(), String> {
        let wrong =
            || "flip_stored: needs directory, file (four hexadecimal digits) and bit".to_owned();
        let name = |key: &str| {
            let bytes = hex::bytes(flip[key].as_str()?).ok()?;
            Some(u16::from_be_bytes(<[u8; 2]>::try_from(bytes).ok()?))
        };
        let (directory, file) = name("directory").zip(name("file")).ok_or_else(wrong)?;
        let bit =
            flip["bit"].as_u64().and_then(|bit| usize::try_from(bit).ok()).ok_or_else(wrong)?;
        let files = &mut self.filing.files;
        let place = files.directory_of(directory).ok_or_else(wrong)?;
        let file = files.file_of(place, file).ok_or_else(wrong)?;
        flip_bit(&mut files.directory_mut(place).files[file].content, bit);
        Ok(())
    }
}

/// The low byte of a length in a status word; 256 and more are written as 0.
fn low_byte(length: usize) -> u16 {
    u16::try_from(length).ok().filter(|&length| length < 0x100).unwrap_or(0)
}

impl EmulatedChip for FileCard {
    fn atr(&self) -> Vec<u8> {
        let historical = self.historical();
        match self.interface {
            _ if self.trouble.is_gone() => Vec::new(),
            Interface::Contactless => atr::contactless_files(&historical),
            Interface::Contact if self.t0 => atr::contact_t0(&historical),
            Interface::Contact => atr::contact_t1(&historical),
        }
    }

    fn in_field(&self) -> Option<Activation> {
        if self.interface == Interface::Contact || self.trouble.is_gone() {
            return None;
        }
        let uid = self.uid().to_vec();
        // The size of the identifier is coded in the second byte.
        let atqa = [
            0x03,
            match uid.len() {
                4 => 0x04,
                7 => 0x44,
                _ => 0x84,
            },
        ];
        Some(Activation { atqa, sak: 0x20, uid, ats: Some(atr::select(&self.historical())) })
    }

    fn power_on(&mut self) {
        self.forget();
    }

    fn power_off(&mut self) {
        self.forget();
    }

    fn apdu(&mut self, command: &[u8]) -> Response {
        let mut trouble = std::mem::take(&mut self.trouble);
        let refusal = trouble.wrong_status().to_be_bytes().to_vec();
        let response = trouble.respond(&RefusalForm { refusal, status_bytes: 2 }, || {
            let reply = self.on_bytes(command).unwrap_or_else(Reply::bare);
            Some(reply.into_bytes())
        });
        self.trouble = trouble;
        response
    }

    /// Frames are the reader's task: they carry commands, which arrive by [`EmulatedChip::apdu`].
    fn frame(&mut self, _frame: &[u8]) -> Response {
        Response::Mute
    }

    fn state(&self) -> Value {
        json!({
            "kind": "file",
            "uid": hex::text(self.uid()),
            "atr": hex::text(&self.atr()),
            "pin_tries_left": self.filing.pin_tries_left(),
            "domain": self.domain.as_ref().map(Domain::state),
            "content": self.filing.files.content(),
            "faults": self.trouble.faults(),
        })
    }

    fn change(&mut self, change: &Value) -> Result<(), String> {
        let keys = change.as_object().ok_or("a change is an object")?;
        let (mut trouble, mut files) = (None, None);
        for (key, value) in keys {
            match key.as_str() {
                "faults" => trouble = Some(self.trouble.changed(value)?),
                "content" => {
                    let content: Vec<_> = serde_json::from_value(value.clone())
                        .map_err(|why| format!("content: {why}"))?;
                    files = Some(Files::new(&content, self.memory_bytes)?);
                }
                "flip_stored" => {}
                _ => {
                    return Err(format!(
                        "{key}: cannot be set; faults, content and flip_stored can"
                    ));
                }
            }
        }
        if let Some(flip) = keys.get("flip_stored") {
            self.flip_stored(flip)?;
        }
        self.trouble = trouble.unwrap_or_else(|| std::mem::take(&mut self.trouble));
        if let Some(files) = files {
            self.filing.files = files;
            self.forget();
        }
        Ok(())
    }
}
