//! New keys for a card, as the host sends and the card reads them (GlobalPlatform Card Specification 2.3, 11.8;
//! Amendment D, 7.2). Does not know where keys are stored.

use std::collections::BTreeSet;

use subtle::ConstantTimeEq;

use super::keys::{CHECK_BYTES, Key, Keys};
use super::messages::{decrypted_key, encrypted_key};
use super::{GLOBAL_PLATFORM, Scp03Error, Session, accepted};
use crate::encoder::apdu::{Command, SHORT_LE_MAX_BYTES};
use crate::encoder::channel::Channel;
use crate::encoder::tlv;

/// Instruction that puts new keys on a card.
pub const PUT_KEY: u8 = 0xD8;
const GET_DATA: u8 = 0xCA;
/// Data object with the keys of the selected security domain (GlobalPlatform Card Specification 2.3, 11.3.3.1).
pub const KEY_INFORMATION: [u8; 2] = [0x00, 0xE0];
const KEY_TEMPLATE: u8 = 0xE0;
/// Data of one key: its number, the version of its set, its type.
const KEY_DATA: u8 = 0xC0;
/// Several keys in one command, the first of which is number 1.
const ALL_FROM_THE_FIRST: u8 = 0x81;
const AES: u8 = 0x88;

impl Session {
    /// Puts new keys on the card, replacing those of version `replaced` (0: in addition to the others). The channel
    /// continues with the old keys; the next one is opened with the new.
    ///
    /// # Errors
    /// [`Scp03Error`]; after [`Scp03Error::KeysNotConfirmed`] the card may hold keys that nobody knows.
    pub fn put_key(
        &mut self,
        channel: &mut Channel<'_>,
        replaced: u8,
        version: u8,
        new: &Keys,
    ) -> Result<(), Scp03Error> {
        let data = key_set(&self.keys.dek, version, new);
        let command = Command::new(GLOBAL_PLATFORM, PUT_KEY, replaced, ALL_FROM_THE_FIRST)
            .with(data)
            .expecting(SHORT_LE_MAX_BYTES);
        let reply = accepted("PUT KEY", self.send(channel, &command)?)?;
        let mut confirmed = vec![version];
        confirmed.extend(new.in_order().into_iter().flat_map(Key::check_value));
        if bool::from(confirmed.ct_eq(&reply.data)) {
            Ok(())
        } else {
            Err(Scp03Error::KeysNotConfirmed)
        }
    }

    /// The versions of the card's key sets, as it reports them; `None`: it does not report them.
    ///
    /// # Errors
    /// [`Scp03Error`].
    pub fn key_versions(
        &mut self,
        channel: &mut Channel<'_>,
    ) -> Result<Option<BTreeSet<u8>>, Scp03Error> {
        let [high, low] = KEY_INFORMATION;
        let command =
            Command::new(GLOBAL_PLATFORM, GET_DATA, high, low).expecting(SHORT_LE_MAX_BYTES);
        let reply = self.send(channel, &command)?;
        Ok(reply.status.is_ok().then(|| versions(&reply.data)).flatten())
    }
}

/// Parses a key information template; `None` unless it is complete and valid.
pub(super) fn versions(data: &[u8]) -> Option<BTreeSet<u8>> {
    let (tag, mut keys, rest) = tlv::split(data)?;
    if tag != KEY_TEMPLATE || !rest.is_empty() {
        return None;
    }
    let mut versions = BTreeSet::new();
    while !keys.is_empty() {
        let (tag, value, after) = tlv::split(keys)?;
        let [_number, version, ..] = value else { return None };
        if tag != KEY_DATA {
            return None;
        }
        versions.insert(*version);
        keys = after;
    }
    Some(versions)
}

/// The new version, then for each key: type, length of what follows, the key's length, the encrypted key, its check
/// value.
fn key_set(dek: &Key, version: u8, keys: &Keys) -> Vec<u8> {
    let mut data = vec![version];
    for key in keys.in_order() {
        let sent = encrypted_key(dek, key);
        let length = |bytes: usize| u8::try_from(bytes).expect("a key has 32 bytes at most");
        data.extend_from_slice(&[AES, length(sent.len() + 1), length(key.bytes().len())]);
        data.extend_from_slice(&sent);
        data.push(length(CHECK_BYTES));
        data.extend_from_slice(&key.check_value());
    }
    data
}

/// Card: decodes a key set; `None` if a check value or anything else is wrong.
pub fn read_key_set(dek: &Key, data: &[u8]) -> Option<(u8, Keys)> {
    let (&version, mut rest) = data.split_first()?;
    let mut next = || {
        let (&[AES, length, own], after) = rest.split_first_chunk()? else {
            return None;
        };
        let (sent, after) = after.split_at_checked(usize::from(length).checked_sub(1)?)?;
        let (&[3, a, b, c], after) = after.split_first_chunk()? else {
            return None;
        };
        rest = after;
        let key = decrypted_key(dek, sent, usize::from(own)).ok()?;
        (key.check_value() == [a, b, c]).then_some(key)
    };
    let keys = Keys { enc: next()?, mac: next()?, dek: next()? };
    rest.is_empty().then_some((version, keys))
}
