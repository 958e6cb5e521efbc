//! The hash chain of the ledger's lines: each line contains a hash over itself and the hash of the line before. Pure.
//!
//! `hash = SHA-256(previous ‖ seq ‖ LF ‖ at ‖ LF ‖ job ‖ LF ‖ event ‖ LF ‖ state ‖ LF ‖ detail)`: `previous` are the 32
//! bytes of the line before (zeros before the first), the rest is text as it is stored, empty where there is none. A
//! chain shows that nothing in it was changed, left out or inserted. Only a comparison with a later head shows that its
//! end was cut off, and a person who can write everywhere can write another chain.

use base16ct::lower::encode_string as hex;
use sha2::{Digest as _, Sha256};

/// A hash of the chain.
pub type Hash = [u8; 32];

/// The hash before the first line.
pub const START: Hash = [0; 32];

/// The hashed parts of one line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its number.
    pub seq: u64,
    /// Its time, as stored.
    pub at: &'a str,
    /// The job's id.
    pub job: Option<&'a str>,
    /// The event's name.
    pub event: &'a str,
    /// The state after it.
    pub state: Option<&'a str>,
    /// JSON, as stored.
    pub detail: &'a str,
}

impl Line<'_> {
    /// Its hash after `previous`.
    pub fn hash(&self, previous: &Hash) -> Hash {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(self.seq.to_string());
        for part in
            [self.at, self.job.unwrap_or(""), self.event, self.state.unwrap_or(""), self.detail]
        {
            hash.update(b"\n");
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// The hashed data of a job: everything that is not in a line of its own.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// Makes the hash useless without the data.
    pub salt: &'a [u8],
    /// The client's key.
    pub key: Option<&'a str>,
    /// The hash that identifies equal bodies.
    pub body_sha256: &'a [u8],
    /// JSON, as stored.
    pub request: &'a str,
    /// The typed card; JSON, as stored. Jobs of ledgers before version 4 have none.
    pub card: Option<&'a str>,
    /// As received.
    pub photo: Option<&'a [u8]>,
}

impl Data<'_> {
    /// `SHA-256(salt ‖ key ‖ 0 ‖ body_sha256 ‖ request ‖ 0 ‖ photo)` in hexadecimal; the job's first line contains it.
    /// With a card it is `SHA-256(salt ‖ key ‖ 1 ‖ body_sha256 ‖ request ‖ 0 ‖ card ‖ 0 ‖ photo)`: neither separator
    /// byte occurs in a key or in JSON, so data of one form never have the hash of the other.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.salt);
        hash.update(self.key.unwrap_or_default());
        hash.update([u8::from(self.card.is_some())]);
        hash.update(self.body_sha256);
        hash.update(self.request);
        hash.update([0]);
        if let Some(card) = self.card {
            hash.update(card);
            hash.update([0]);
        }
        hash.update(self.photo.unwrap_or_default());
        hex(&hash.finalize())
    }
}

/// SHA-256 of a text, in hexadecimal.
pub fn sha256_of(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_hashed_as_the_head_of_this_file_says() {
        // printf '%064d' 0 | xxd -r -p; printf '1\n2026-03-02T02:00:00Z\n\nstarted\n\n{}' | sha256sum over both.
        let line = Line {
            seq: 1,
            at: "2026-03-02T02:00:00Z",
            job: None,
            event: "started",
            state: None,
            detail: "{}",
        };
        assert_eq!(
            hex(&line.hash(&START)),
            "0cf75a609810329896e3d569ada884bbe7d43fc4c280570b93670cad8be233b9"
        );
        let other = Line { detail: "{ }", ..line };
        assert_ne!(other.hash(&START), line.hash(&START));
        assert_ne!(line.hash(&[1; 32]), line.hash(&START));
    }

    #[test]
    fn data_are_hashed_as_their_type_says() {
        let body_sha256 = [0; 32];
        let data = Data {
            salt: b"salt",
            key: Some("key"),
            body_sha256: &body_sha256,
            request: "{}",
            card: None,
            photo: Some(b"photo"),
        };
        // (printf 'saltkey\0'; head -c 32 /dev/zero; printf '{}\0photo') | sha256sum
        let old = "9b34eb3fbd0978934eca32fcf99ff89b8e9ed2f8b02d6a060ae5f4a2e61aefcd";
        assert_eq!(data.sha256(), old, "lines of older ledgers carry it");
        let with = |card| Data { card: Some(card), ..data };
        // (printf 'saltkey\1'; head -c 32 /dev/zero; printf '{}\0[]\0photo') | sha256sum
        let new = "228bccb51b84f2113d57a0075119f72e5ae5508eaa2aa0dc38362218144dd73b";
        assert_eq!(with("[]").sha256(), new);
        let moved = Data { request: "{}\0[]", ..data };
        assert_ne!(with("[]").sha256(), moved.sha256());
        assert_ne!(with("").sha256(), data.sha256());
    }
}
