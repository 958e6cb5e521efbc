//! The security domain of an emulated card: the card's side of SCP03, and the keys with which it is personalized.
//! Whichever application is selected, the keys of this one domain open the channel. Knows no file and no reader.

use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::commands::{Outcome, word};
use super::hex;
use super::settings::{Hex, Secret};
use drivers::encoder::apdu::{Command, Reply, Status};
use drivers::encoder::tlv;
use drivers::scp03::card_side::{
    DIVERSIFICATION_BYTES, KEY_INFORMATION, Messages, SHORT_BYTES, Short, card_challenge,
    read_key_set,
};
use drivers::scp03::{Key, Keys, Level};

/// GlobalPlatform's AID of the issuer security domain.
const ISSUERS: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
const PROTOCOL: u8 = 0x03;
/// Parameter `i`: responses can be authenticated and encrypted, and the challenge is derived from a counter.
const MODE: u8 = 0x70;
/// Key version that many cards have on delivery. The first key set that is put on such a card replaces it (reported by
/// users: github.com/martinpaljak/GlobalPlatformPro, issue 184).
const FACTORY: u8 = 0xFF;
/// How many key sets the domain can store.
const SETS_MAX: usize = 8;

/// A security domain as delivered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainSettings {
    /// Its AID; `None`: GlobalPlatform's for the issuer security domain.
    #[serde(default)]
    pub aid: Option<Hex>,
    /// Version of its keys, 1 to 127; 255 until other keys are put on it.
    pub version: u8,
    /// Encryption key.
    pub enc: Secret,
    /// Message authentication key.
    pub mac: Secret,
    /// Key that encrypts other keys on their way to the card.
    pub dek: Secret,
}

/// The domain, and the state of the channel that the host is opening.
pub(super) struct Domain {
    aid: Vec<u8>,
    sets: Vec<(u8, Keys)>,
    /// Number of channels begun; part of every challenge.
    sequence: u32,
    channel: ChannelState,
}

enum ChannelState {
    Shut,
    /// The card has answered INITIALIZE UPDATE; the host must now present this cryptogram. The number is the key set.
    Challenged {
        messages: Box<Messages>,
        host: Short,
        set: usize,
    },
    Open {
        messages: Box<Messages>,
        set: usize,
    },
}

impl Domain {
    pub(super) fn new(settings: &DomainSettings) -> Result<Self, String> {
        let key = |name: &str, secret: &Secret| {
            Key::new(secret.bytes()).map_err(|why| format!("domain.{name}: {why}"))
        };
        let keys = Keys {
            enc: key("enc", &settings.enc)?,
            mac: key("mac", &settings.mac)?,
            dek: key("dek", &settings.dek)?,
        };
        if !matches!(settings.version, 1..=0x7F | FACTORY) {
            return Err("domain.version: 1 to 127, or 255".to_owned());
        }
        let aid = settings.aid.as_ref().map_or_else(|| ISSUERS.to_vec(), |aid| aid.0.clone());
        let sets = vec![(settings.version, keys)];
        Ok(Self { aid, sets, sequence: 0, channel: ChannelState::Shut })
    }

    /// Does this AID, or its beginning, name the domain?
    pub(super) fn is_called(&self, name: &[u8]) -> bool {
        self.aid.starts_with(name)
    }

    /// The response to SELECT.
    pub(super) fn control_information(&self) -> Vec<u8> {
        // A5 { 9F65 01 FF }: the longest command data is 255 bytes.
        let longest = [0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF];
        tlv::object(0x6F, &[tlv::object(0x84, &self.aid), longest.to_vec()].concat())
    }

    pub(super) fn shut(&mut self) {
        self.channel = ChannelState::Shut;
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.channel, ChannelState::Open { .. })
    }

    /// INITIALIZE UPDATE. `identifier` diversifies the keys.
    pub(super) fn challenge(&mut self, command: &Command, identifier: &[u8]) -> Outcome {
        self.shut();
        let host: Short = command.data.as_slice().try_into().map_err(|_| word::WRONG_LENGTH)?;
        if command.p2 != 0 {
            return Err(word::WRONG_PARAMETERS);
        }
        let wanted = |(version, _): &(u8, Keys)| command.p1 == 0 || *version == command.p1;
        let set = self.sets.iter().position(wanted).ok_or(word::REFERENCE_NOT_FOUND)?;
        self.sequence = (self.sequence + 1) & 0x00FF_FFFF;
        let [_, sequence @ ..] = self.sequence.to_be_bytes();
        let (version, keys) = &self.sets[set];
        let challenge = card_challenge(keys, sequence, &self.aid);
        let (messages, cryptograms) = Messages::new(keys, host, challenge);
        let data = [
            &diversification(identifier)[..],
            &[*version, PROTOCOL, MODE],
            &challenge,
            &cryptograms.card,
            &sequence,
        ]
        .concat();
        let messages = Box::new(messages);
        self.channel = ChannelState::Challenged { messages, host: cryptograms.host, set };
        Ok(Reply { data, status: Status::OK })
    }

    /// EXTERNAL AUTHENTICATE: opens the channel, or closes it.
    pub(super) fn authenticate(&mut self, command: &Command) -> Outcome {
        let state = std::mem::replace(&mut self.channel, ChannelState::Shut);
        let ChannelState::Challenged { mut messages, host, set } = state else {
            return Err(word::NOTHING_WAITS);
        };
        let level = Level::of(command.p1).filter(|_| command.p2 == 0);
        let level = level.ok_or(word::WRONG_PARAMETERS)?;
        if command.data.len() != 2 * SHORT_BYTES {
            return Err(word::WRONG_LENGTH);
        }
        let plain = messages.verified(command).ok_or(word::WRONG_CODE)?;
        if !bool::from(plain.data.ct_eq(&host)) {
            return Err(word::WRONG_CRYPTOGRAM);
        }
        messages.open(level);
        self.channel = ChannelState::Open { messages, set };
        Ok(Reply::bare(Status::OK.0))
    }

    /// Unwraps a command that came through the channel; a command outside the channel closes it.
    pub(super) fn unwrap(&mut self, secured: &Command) -> Result<Command, u16> {
        let ChannelState::Open { messages, .. } = &mut self.channel else {
            return Err(word::NOTHING_WAITS);
        };
        let plain = messages.unwrap_command(secured);
        if plain.is_none() {
            self.shut();
        }
        plain.ok_or(word::WRONG_CODE)
    }

    /// Wraps a response for the channel, if it is still open.
    pub(super) fn wrap(&self, reply: Reply) -> Reply {
        match &self.channel {
            ChannelState::Open { messages, .. } => messages.wrap_reply(reply),
            ChannelState::Shut | ChannelState::Challenged { .. } => reply,
        }
    }

    /// PUT KEY: replaces a key set or adds one.
    pub(super) fn put_key(&mut self, command: &Command, secured: bool) -> Outcome {
        let ChannelState::Open { set, .. } = self.channel else {
            return Err(word::NOT_ALLOWED);
        };
        if !secured {
            return Err(word::NOT_ALLOWED);
        }
        let all_from_the_first = command.p2 == 0x81;
        let (version, keys) = read_key_set(&self.sets[set].1.dek, &command.data)
            .filter(|(version, _)| all_from_the_first && (1..=0x7F).contains(version))
            .ok_or(word::WRONG_DATA)?;
        let confirmed: Vec<u8> = std::iter::once(version).chain(check_values(&keys)).collect();
        let place_of = |wanted: u8| self.sets.iter().position(|(version, _)| *version == wanted);
        let replaced = match command.p1 {
            0 => place_of(FACTORY),
            replaced => Some(place_of(replaced).ok_or(word::REFERENCE_NOT_FOUND)?),
        };
        if place_of(version).is_some_and(|taken| replaced != Some(taken)) {
            return Err(word::WRONG_DATA);
        }
        match replaced {
            Some(place) => self.sets[place] = (version, keys),
            None if self.sets.len() < SETS_MAX => self.sets.push((version, keys)),
            None => return Err(word::NO_ROOM),
        }
        Ok(Reply { data: confirmed, status: Status::OK })
    }

    /// GET DATA: the key information template (GlobalPlatform Card Specification 2.3, 11.3.3.1), and nothing else.
    pub(super) fn data(&self, command: &Command) -> Outcome {
        if [command.p1, command.p2] != KEY_INFORMATION {
            return Err(word::REFERENCE_NOT_FOUND);
        }
        let data: Vec<u8> = self
            .sets
            .iter()
            .flat_map(|(version, keys)| {
                (1..).zip([&keys.enc, &keys.mac, &keys.dek]).map(|(n, key)| (n, *version, key))
            })
            .flat_map(|(number, version, key)| {
                let length = u8::try_from(key.length_bytes()).unwrap_or(u8::MAX);
                tlv::object(0xC0, &[number, version, 0x88, length])
            })
            .collect();
        Ok(Reply { data: tlv::object(0xE0, &data), status: Status::OK })
    }

    /// Versions and check values of its keys, and nothing that would help to guess them.
    pub(super) fn state(&self) -> Value {
        let keys: Vec<Value> = self
            .sets
            .iter()
            .map(|(version, keys)| {
                let check: Vec<u8> = check_values(keys).collect();
                json!({"version": version, "check_values": hex::text(&check)})
            })
            .collect();
        json!({"aid": hex::text(&self.aid), "channels_begun": self.sequence, "keys": keys})
    }
}

fn check_values(keys: &Keys) -> impl Iterator<Item = u8> {
    [&keys.enc, &keys.mac, &keys.dek].map(Key::check_value).into_iter().flatten()
}

/// The card's identifier, padded on the left.
fn diversification(identifier: &[u8]) -> [u8; DIVERSIFICATION_BYTES] {
    let mut bytes = [0; DIVERSIFICATION_BYTES];
    bytes.iter_mut().rev().zip(identifier.iter().rev()).for_each(|(place, byte)| *place = *byte);
    bytes
}
