//! Keys of a secure channel, what is derived from them, and the two operations with them: AES and its CMAC. Everything
//! here is wiped when dropped, and `Debug` shows none of it. Knows no command.

use std::fmt;

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt};
use aes::{Aes128, Aes192, Aes256};
use cmac::{Cmac, KeyInit, Mac};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::Scp03Error;

pub(crate) const BLOCK_BYTES: usize = 16;
/// Length of challenges, cryptograms and the transmitted part of a MAC (mode S8).
pub const SHORT_BYTES: usize = 8;
/// Length of a key check value: the first bytes of an encrypted block of ones.
pub(crate) const CHECK_BYTES: usize = 3;
/// Default keys of test cards and some others (GlobalPlatform's `404142…`).
const WELL_KNOWN: [u8; 16] = *b"@ABCDEFGHIJKLMNO";

pub(crate) type Block = [u8; BLOCK_BYTES];
/// A value of that length.
pub type Short = [u8; SHORT_BYTES];

/// An AES key of 16, 24 or 32 bytes.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<Vec<u8>>,
}

/// The three keys of a security domain, all of the same length.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Encryption key.
    pub enc: Key,
    /// Message authentication key.
    pub mac: Key,
    /// Key that encrypts other keys on their way to the card.
    pub dek: Key,
}

impl Keys {
    /// Are these the publicly known default keys? A card that still has them is not finished.
    pub fn are_well_known(&self) -> bool {
        [&self.enc, &self.mac, &self.dek].iter().all(|key| key.bytes.starts_with(&WELL_KNOWN))
    }

    /// The keys in the order in which they are sent to a card.
    pub(crate) fn in_order(&self) -> [&Key; 3] {
        [&self.enc, &self.mac, &self.dek]
    }
}

impl Key {
    /// Stores a key. The caller wipes its own copy.
    ///
    /// # Errors
    /// [`Scp03Error::KeyLength`] for other lengths than AES has.
    pub fn new(bytes: &[u8]) -> Result<Self, Scp03Error> {
        match bytes.len() {
            16 | 24 | 32 => Ok(Self { bytes: Zeroizing::new(bytes.to_vec()) }),
            got => Err(Scp03Error::KeyLength(got)),
        }
    }

    /// The check value, which may be shown, to see whether two keys are the same.
    pub fn check_value(&self) -> [u8; CHECK_BYTES] {
        let mut block = [1; BLOCK_BYTES];
        self.encrypt(&mut block);
        [block[0], block[1], block[2]]
    }

    /// Its length: 16, 24 or 32.
    pub fn length_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The key itself.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn encrypt(&self, block: &mut Block) {
        match Cipher::of(self) {
            Cipher::Aes128(cipher) => cipher.encrypt_block(Array::cast_from_core_mut(block)),
            Cipher::Aes192(cipher) => cipher.encrypt_block(Array::cast_from_core_mut(block)),
            Cipher::Aes256(cipher) => cipher.encrypt_block(Array::cast_from_core_mut(block)),
        }
    }

    fn decrypt(&self, block: &mut Block) {
        match Cipher::of(self) {
            Cipher::Aes128(cipher) => cipher.decrypt_block(Array::cast_from_core_mut(block)),
            Cipher::Aes192(cipher) => cipher.decrypt_block(Array::cast_from_core_mut(block)),
            Cipher::Aes256(cipher) => cipher.decrypt_block(Array::cast_from_core_mut(block)),
        }
    }

    /// Cipher block chaining over whole blocks; bytes after the last whole block are left unchanged.
    pub(crate) fn chain_encrypt(&self, first: Block, data: &mut [u8]) {
        let mut before = first;
        for block in data.as_chunks_mut::<BLOCK_BYTES>().0 {
            block.iter_mut().zip(before).for_each(|(byte, mask)| *byte ^= mask);
            self.encrypt(block);
            before = *block;
        }
    }

    /// The reverse of [`Key::chain_encrypt`].
    pub(crate) fn chain_decrypt(&self, first: Block, data: &mut [u8]) {
        let mut before = first;
        for block in data.as_chunks_mut::<BLOCK_BYTES>().0 {
            let next = *block;
            self.decrypt(block);
            block.iter_mut().zip(before).for_each(|(byte, mask)| *byte ^= mask);
            before = next;
        }
    }

    /// CMAC (NIST SP 800-38B) over the parts in order.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Block {
        match self.bytes.len() {
            16 => mac_of::<Cmac<Aes128>>(self, parts),
            24 => mac_of::<Cmac<Aes192>>(self, parts),
            _ => mac_of::<Cmac<Aes256>>(self, parts),
        }
    }

    /// Bytes derived from this key (Amendment D, 4.1.5: KDF in counter mode with CMAC).
    pub(crate) fn derive(&self, what: u8, bytes: usize, context: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let bits = u16::try_from(bytes * 8).expect("nothing longer than a key is derived");
        let mut derived = Zeroizing::new(Vec::with_capacity(bytes + BLOCK_BYTES));
        for counter in 1_u8.. {
            if derived.len() >= bytes {
                break;
            }
            let [high, low] = bits.to_be_bytes();
            let mut label = [0; BLOCK_BYTES];
            label[11..].copy_from_slice(&[what, 0, high, low, counter]);
            let parts = [&[&label[..]], context].concat();
            derived.extend_from_slice(&self.mac(&parts));
        }
        derived.truncate(bytes);
        derived
    }

    /// A key of the same length, derived from this one.
    pub(crate) fn derive_key(&self, what: u8, context: &[&[u8]]) -> Self {
        Self { bytes: self.derive(what, self.bytes.len(), context) }
    }

    /// Eight bytes derived from this key.
    pub(crate) fn derive_short(&self, what: u8, context: &[&[u8]]) -> Short {
        let derived = self.derive(what, SHORT_BYTES, context);
        *derived.first_chunk().expect("that many were asked for")
    }
}

impl ConstantTimeEq for Key {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.bytes.ct_eq(&other.bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// AES with a key of one of its lengths; wipes its round keys.
enum Cipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl Cipher {
    fn of(key: &Key) -> Self {
        let bytes = key.bytes();
        match bytes.len() {
            16 => Self::Aes128(keyed(bytes)),
            24 => Self::Aes192(keyed(bytes)),
            _ => Self::Aes256(keyed(bytes)),
        }
    }
}

fn keyed<C: KeyInit>(bytes: &[u8]) -> C {
    C::new_from_slice(bytes).expect("the length of a key was looked at when it was made")
}

fn mac_of<M: Mac + KeyInit>(key: &Key, parts: &[&[u8]]) -> Block {
    let mut mac: M = keyed(key.bytes());
    parts.iter().for_each(|part| mac.update(part));
    let mut block = [0; BLOCK_BYTES];
    block.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(place, byte)| *place = byte);
    block
}
