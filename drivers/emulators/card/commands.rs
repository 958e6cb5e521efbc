//! What each command does to the files of a card (ISO/IEC 7816-4 and -9). Knows no transmission protocol, no secure
//! channel and no reader; the caller says whether a command came through a secure channel.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::files::{Access, Directory, File, Files, MASTER, NoRoom, Selected};
use drivers::encoder::apdu::{Command, EXTENDED_LE_MAX_BYTES, Reply, SHORT_LE_MAX_BYTES, Status};
use drivers::encoder::tlv;

pub(super) const SELECT: u8 = 0xA4;
const READ_BINARY: u8 = 0xB0;
const UPDATE_BINARY: u8 = 0xD6;
const CREATE_FILE: u8 = 0xE0;
const VERIFY: u8 = 0x20;
const ACTIVATE_FILE: u8 = 0x44;

/// Status words by their meaning.
pub(super) mod word {
    pub(crate) const FILE_ENDED: u16 = 0x6282;
    pub(crate) const WRONG_CRYPTOGRAM: u16 = 0x6300;
    pub(crate) const WRONG_SECRET: u16 = 0x63C0;
    pub(crate) const WRONG_LENGTH: u16 = 0x6700;
    pub(crate) const NO_SUCH_CHANNEL: u16 = 0x6881;
    pub(crate) const NO_SECURE_CHANNEL: u16 = 0x6882;
    pub(crate) const CHAIN_BROKEN: u16 = 0x6883;
    pub(crate) const NOT_ALLOWED: u16 = 0x6982;
    pub(crate) const BLOCKED: u16 = 0x6983;
    pub(crate) const NOTHING_WAITS: u16 = 0x6985;
    pub(crate) const NO_FILE_SELECTED: u16 = 0x6986;
    pub(crate) const WRONG_CODE: u16 = 0x6988;
    pub(crate) const WRONG_DATA: u16 = 0x6A80;
    pub(crate) const NOT_FOUND: u16 = 0x6A82;
    pub(crate) const NO_ROOM: u16 = 0x6A84;
    pub(crate) const WRONG_PARAMETERS: u16 = 0x6A86;
    pub(crate) const REFERENCE_NOT_FOUND: u16 = 0x6A88;
    pub(crate) const FILE_EXISTS: u16 = 0x6A89;
    pub(crate) const WRONG_OFFSET: u16 = 0x6B00;
    pub(crate) const UNKNOWN_INSTRUCTION: u16 = 0x6D00;
    pub(crate) const UNKNOWN_CLASS: u16 = 0x6E00;
}

/// A command's reply, or the status word that refuses it.
pub(super) type Outcome = Result<Reply, u16>;

/// The files, the current selection, and the conditions that were met since the card was switched on.
pub(super) struct Filing {
    pub(super) files: Files,
    pub(super) selected: Selected,
    pin: Option<Zeroizing<Vec<u8>>>,
    tries_left: u8,
    verified: bool,
}

/// Tries before a PIN is blocked for ever.
const PIN_TRIES: u8 = 3;

impl Filing {
    pub(super) fn new(files: Files, pin: Option<Zeroizing<Vec<u8>>>) -> Self {
        let selected = Selected::default();
        Self { files, selected, pin, tries_left: PIN_TRIES, verified: false }
    }

    /// Power loss clears the selection and the conditions met, but not the count of wrong PINs.
    pub(super) fn forget(&mut self) {
        self.selected = Selected::default();
        self.verified = false;
    }

    /// Tries that are left for the PIN.
    pub(super) fn pin_tries_left(&self) -> Option<u8> {
        self.pin.as_ref().map(|_| self.tries_left)
    }

    /// Executes a command; `secured`: it came through a secure channel.
    pub(super) fn obey(&mut self, command: &Command, secured: bool) -> Outcome {
        match command.ins {
            SELECT => self.select(command),
            READ_BINARY => self.read(command, secured),
            UPDATE_BINARY => self.update(command, secured),
            CREATE_FILE => self.create(command, secured),
            VERIFY => self.verify(command),
            ACTIVATE_FILE => self.activate(command, secured),
            _ => Err(word::UNKNOWN_INSTRUCTION),
        }
    }

    fn select(&mut self, command: &Command) -> Outcome {
        let found = match (command.p1, command.data.as_slice()) {
            (0x00, []) => Some(Selected::default()),
            (0x00, &[high, low]) => self.find(u16::from_be_bytes([high, low])),
            (0x01, &[high, low]) => self.child_directory(u16::from_be_bytes([high, low])),
            (0x02, &[high, low]) => self.child_file(u16::from_be_bytes([high, low])),
            (0x03, []) => Some(Selected::default()),
            (0x04, name @ [_, ..]) => {
                self.files.application(name).map(|directory| Selected { directory, file: None })
            }
            (0x08, path) => self.walk(Selected::default(), path)?,
            (0x09, path) => self.walk(self.selected, path)?,
            (0x00..=0x04, _) => return Err(word::WRONG_DATA),
            _ => return Err(word::WRONG_PARAMETERS),
        };
        // P2 asks for the next file of the same name. Names are unique, so there is none.
        let found = found.filter(|_| command.p2 & 0x03 == 0).ok_or(word::NOT_FOUND)?;
        self.selected = found;
        let data = match command.p2 & 0x0C {
            0x00 => tlv::object(0x6F, &self.control_parameters()),
            0x04 => tlv::object(0x62, &self.control_parameters()),
            _ => Vec::new(),
        };
        Ok(Reply { data, status: Status::OK })
    }

    /// Finds by file identifier alone: the master directory, a file of the current directory, or an application.
    fn find(&self, fid: u16) -> Option<Selected> {
        self.child_file(fid).or_else(|| {
            self.files.directory_of(fid).map(|directory| Selected { directory, file: None })
        })
    }

    fn child_directory(&self, fid: u16) -> Option<Selected> {
        let directory = self.files.directory_of(fid).filter(|&place| place != 0)?;
        (self.selected.directory == 0).then_some(Selected { directory, file: None })
    }

    fn child_file(&self, fid: u16) -> Option<Selected> {
        let directory = self.selected.directory;
        self.files.file_of(directory, fid).map(|file| Selected { directory, file: Some(file) })
    }

    /// Follows a path of file identifiers.
    fn walk(&self, from: Selected, path: &[u8]) -> Result<Option<Selected>, u16> {
        let (names, odd) = path.as_chunks::<2>();
        if names.is_empty() || !odd.is_empty() {
            return Err(word::WRONG_DATA);
        }
        let mut at = from;
        for name in names {
            let fid = u16::from_be_bytes(*name);
            let next = self.files.file_of(at.directory, fid);
            at = match next {
                Some(file) => Selected { file: Some(file), ..at },
                None => match self.files.directory_of(fid) {
                    Some(directory) if at.directory == 0 => Selected { directory, file: None },
                    _ => return Ok(None),
                },
            };
        }
        Ok(Some(at))
    }

    /// Control parameters of the selected file (ISO/IEC 7816-4, table 12).
    fn control_parameters(&self) -> Vec<u8> {
        let (fid, kind, active, more) = match self.files.file(self.selected) {
            Some(file) => {
                let size = u16::try_from(file.content.len()).unwrap_or(u16::MAX);
                (file.fid, 0x01, file.active, tlv::object(0x80, &size.to_be_bytes()))
            }
            None => {
                let directory = self.files.directory(self.selected.directory);
                let name = directory.aid.as_slice();
                let more = if name.is_empty() { Vec::new() } else { tlv::object(0x84, name) };
                (directory.fid, 0x38, directory.active, more)
            }
        };
        let life = if active { 0x05 } else { 0x03 };
        [
            tlv::object(0x82, &[kind]),
            tlv::object(0x83, &fid.to_be_bytes()),
            more,
            tlv::object(0x8A, &[life]),
        ]
        .concat()
    }

    fn read(&mut self, command: &Command, secured: bool) -> Outcome {
        let offset = self.aim(command)?;
        let file = self.files.file(self.selected).ok_or(word::NO_FILE_SELECTED)?;
        self.check(file.active, file.read, secured)?;
        let le = command.le.ok_or(word::WRONG_LENGTH)?;
        let rest = file.content.get(offset..).ok_or(word::WRONG_OFFSET)?;
        let all_there_is = matches!(le, SHORT_LE_MAX_BYTES | EXTENDED_LE_MAX_BYTES);
        let ended = rest.len() < le && !all_there_is;
        let status = if ended { Status(word::FILE_ENDED) } else { Status::OK };
        Ok(Reply { data: rest[..rest.len().min(le)].to_vec(), status })
    }

    fn update(&mut self, command: &Command, secured: bool) -> Outcome {
        let offset = self.aim(command)?;
        let file = self.files.file(self.selected).ok_or(word::NO_FILE_SELECTED)?;
        self.check(file.active, file.update, secured)?;
        if command.data.is_empty() {
            return Err(word::WRONG_LENGTH);
        }
        let file = self.files.file_mut(self.selected).ok_or(word::NO_FILE_SELECTED)?;
        let rest = file.content.get_mut(offset..).ok_or(word::WRONG_OFFSET)?;
        let place = rest.get_mut(..command.data.len()).ok_or(word::NO_ROOM)?;
        place.copy_from_slice(&command.data);
        Ok(Reply::bare(Status::OK.0))
    }

    /// The offset in P1 and P2; if the top bit of P1 is set, its low five bits name a file of the directory.
    fn aim(&mut self, command: &Command) -> Result<usize, u16> {
        if command.p1 & 0x80 == 0 {
            return Ok(usize::from(u16::from_be_bytes([command.p1, command.p2])));
        }
        let (directory, short) = (self.selected.directory, u16::from(command.p1 & 0x1F));
        let named = |file: &File| short != 0 && file.fid & 0x1F == short;
        let file = self.files.directory(directory).files.iter().position(named);
        self.selected.file = Some(file.ok_or(word::NOT_FOUND)?);
        Ok(usize::from(command.p2))
    }

    fn check(&self, active: bool, access: Access, secured: bool) -> Result<(), u16> {
        let may = !active
            || match access {
                Access::Always => true,
                Access::Pin => self.verified,
                Access::Secure => secured,
                Access::Never => false,
            };
        if may { Ok(()) } else { Err(word::NOT_ALLOWED) }
    }

    fn create(&mut self, command: &Command, secured: bool) -> Outcome {
        if command.p1 != 0 || command.p2 != 0 {
            return Err(word::WRONG_PARAMETERS);
        }
        let here = self.selected.directory;
        self.check(self.files.directory(here).active, Access::Secure, secured)?;
        let wanted = Wanted::parse(&command.data).ok_or(word::WRONG_DATA)?;
        let status_of = |why| match why {
            NoRoom::NameTaken => word::FILE_EXISTS,
            NoRoom::Full => word::NO_ROOM,
        };
        self.selected = match wanted {
            Wanted::File(file) => {
                let file = self.files.add_file(here, file).map_err(status_of)?;
                Selected { directory: here, file: Some(file) }
            }
            // Applications exist only in the master directory.
            Wanted::Directory(_) if here != 0 => return Err(word::WRONG_DATA),
            Wanted::Directory(directory) => {
                let directory = self.files.add_directory(directory).map_err(status_of)?;
                Selected { directory, file: None }
            }
        };
        Ok(Reply::bare(Status::OK.0))
    }

    fn verify(&mut self, command: &Command) -> Outcome {
        let pin = self.pin.as_ref().ok_or(word::REFERENCE_NOT_FOUND)?;
        if self.tries_left == 0 {
            return Err(word::BLOCKED);
        }
        if command.data.is_empty() && self.verified {
            return Ok(Reply::bare(Status::OK.0));
        }
        if !command.data.is_empty() {
            self.verified = bool::from(pin.ct_eq(&command.data));
            self.tries_left = if self.verified { PIN_TRIES } else { self.tries_left - 1 };
        }
        let tries_left = u16::from(self.tries_left);
        if self.verified {
            Ok(Reply::bare(Status::OK.0))
        } else {
            Err(word::WRONG_SECRET | tries_left)
        }
    }

    fn activate(&mut self, command: &Command, secured: bool) -> Outcome {
        if command.p1 != 0 || command.p2 != 0 || !command.data.is_empty() {
            return Err(word::WRONG_PARAMETERS);
        }
        let directory = self.files.directory(self.selected.directory).active;
        self.check(directory, Access::Secure, secured)?;
        match self.files.file_mut(self.selected) {
            Some(file) => file.active = true,
            None => self.files.directory_mut(self.selected.directory).active = true,
        }
        Ok(Reply::bare(Status::OK.0))
    }
}

/// What CREATE FILE asks for.
enum Wanted {
    File(File),
    Directory(Directory),
}

impl Wanted {
    /// `62 L { 82 kind, 83 name, 80 size or 84 application name, 86 who may read and update }`.
    fn parse(data: &[u8]) -> Option<Self> {
        let (0x62, inside, []) = tlv::split(data)? else {
            return None;
        };
        let (mut fid, mut kind, mut size, mut aid) = (None, None, None, Vec::new());
        let mut access = [Access::Always; 2];
        let mut rest = inside;
        while !rest.is_empty() {
            let (tag, value, after) = tlv::split(rest)?;
            rest = after;
            match (tag, value) {
                (0x80 | 0x81, &[high, low]) => size = Some(u16::from_be_bytes([high, low])),
                (0x82, [first, ..]) => kind = Some(*first),
                (0x83, &[high, low]) => fid = Some(u16::from_be_bytes([high, low])),
                (0x84, name) if (5..=16).contains(&name.len()) => aid = name.to_vec(),
                (0x86, &[read, update]) => access = [access_of(read)?, access_of(update)?],
                (0x8A, _) => {}
                _ => return None,
            }
        }
        let fid = fid.filter(|&fid| fid != MASTER)?;
        match (kind, size) {
            (Some(0x38), _) => {
                Some(Self::Directory(Directory { fid, aid, active: false, files: Vec::new() }))
            }
            (Some(0x01) | None, Some(size)) => Some(Self::File(File {
                fid,
                size_bytes: usize::from(size),
                content: Vec::new(),
                read: access[0],
                update: access[1],
                active: false,
            })),
            _ => None,
        }
    }
}

/// Security attributes in a format of the card's own (tag 86): 0 always, 1 PIN, 2 secure channel, FF never.
fn access_of(byte: u8) -> Option<Access> {
    match byte {
        0x00 => Some(Access::Always),
        0x01 => Some(Access::Pin),
        0x02 => Some(Access::Secure),
        0xFF => Some(Access::Never),
        _ => None,
    }
}
