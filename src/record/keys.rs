//! A list of public keys, TOML: the keys that a verifier trusts, from when to when, and which cards are revoked. Knows
//! no record. The list is not signed: its distributor must make sure that it arrives unchanged, as with any list of
//! roots.
//!
//! ```toml
//! format = "kartu-keys/1"
//!
//! [[key]]
//! name = "Dinas Contoh, dokumen 2026"   # its name, for people
//! kid = "0123456789abcdef"              # compared with the key, so that a wrongly assembled list is refused
//! public = """
//! -----BEGIN PUBLIC KEY-----
//! …
//! -----END PUBLIC KEY-----
//! """
//! from = "2026-01-01"                   # records of earlier days are not trusted (UTC); optional
//! until = "2028-12-31"                  # nor those of later days; optional
//! withdrawn = false                     # true: the key is compromised, and no record of it is trusted
//! revoked = ["1301-2026-S2"]            # numbers of revoked cards
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base16ct::lower::encode_string as hex;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use p256::ecdsa::VerifyingKey;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};

use super::envelope::kid;
use crate::toml_sheet::{ConfigFault, Page, Sheet};

/// The required value of `format`.
pub const FORMAT: &str = "kartu-keys/1";

/// The keys that a verifier trusts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyList {
    keys: Vec<PublicKey>,
}

/// One key of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicKey {
    /// Its name, for people.
    pub name: String,
    /// The key.
    pub key: VerifyingKey,
    /// First day of its records.
    pub from: Option<Date>,
    /// Last day of its records.
    pub until: Option<Date>,
    /// It is compromised.
    pub withdrawn: bool,
    /// Numbers of revoked cards.
    pub revoked: BTreeSet<String>,
}

impl PublicKey {
    /// A key without limits.
    pub fn new(name: impl Into<String>, key: VerifyingKey) -> Self {
        let (from, until, withdrawn, revoked) = (None, None, false, BTreeSet::new());
        Self { name: name.into(), key, from, until, withdrawn, revoked }
    }

    /// A key without limits, from PEM (SPKI); `None`: it is no public key of P-256.
    pub fn of_pem(name: impl Into<String>, pem: &str) -> Option<Self> {
        VerifyingKey::from_public_key_pem(pem.trim()).ok().map(|key| Self::new(name, key))
    }

    /// Its point, uncompressed, as RFC 9180 writes public keys of P-256.
    pub fn to_point(&self) -> Vec<u8> {
        self.key.to_sec1_point(false).as_bytes().to_vec()
    }

    /// Is this moment within the key's days?
    pub(super) fn covers(&self, moment: Timestamp) -> bool {
        let day = Offset::UTC.to_datetime(moment).date();
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// The key as PEM (SPKI).
    pub fn to_pem(&self) -> String {
        self.key.to_public_key_pem(LineEnding::LF).expect("a point of P-256 has a PEM form")
    }

    /// Its id in records, in hexadecimal.
    pub fn kid(&self) -> String {
        hex(&kid(&self.key))
    }

    /// Its entry in a key list.
    pub fn to_toml(&self) -> String {
        let pem = self.to_pem();
        let mut text = format!(
            "[[key]]\nname = {}\nkid = \"{}\"\npublic = \"\"\"\n{pem}\"\"\"\n",
            toml::Value::from(self.name.as_str()),
            self.kid()
        );
        for (key, day) in [("from", self.from), ("until", self.until)] {
            if let Some(day) = day {
                let _ = writeln!(text, "{key} = \"{day}\"");
            }
        }
        if self.withdrawn {
            text.push_str("withdrawn = true\n");
        }
        if !self.revoked.is_empty() {
            let revoked: Vec<toml::Value> =
                self.revoked.iter().map(|card| card.as_str().into()).collect();
            let _ = writeln!(text, "revoked = {}", toml::Value::from(revoked));
        }
        text
    }
}

impl KeyList {
    /// Reads a list.
    ///
    /// # Errors
    /// Every fault, with line, key and a sentence.
    pub fn parse(text: &str) -> Result<KeyList, Vec<ConfigFault>> {
        Page::read(text, |mut sheet| {
            if sheet.demanded_text("format") != FORMAT {
                sheet.fault("format", format!("harus {FORMAT}."), format!("must be {FORMAT}."));
            }
            let keys: Vec<_> = sheet.list("key").into_iter().filter_map(read_key).collect();
            let kids: BTreeSet<_> = keys.iter().map(|one| kid(&one.key)).collect();
            if kids.len() != keys.len() {
                sheet.fault("key", "satu kunci tertulis dua kali.", "one key stands here twice.");
            }
            sheet.close();
            KeyList { keys }
        })
    }

    /// The list as a file.
    pub fn to_toml(&self) -> String {
        let entries: Vec<String> = self.keys.iter().map(PublicKey::to_toml).collect();
        format!("format = \"{FORMAT}\"\n\n{}", entries.join("\n"))
    }

    /// The key with this id.
    pub fn find(&self, name: &[u8]) -> Option<&PublicKey> {
        self.keys.iter().find(|one| kid(&one.key) == name)
    }
}

impl FromIterator<PublicKey> for KeyList {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect() }
    }
}

fn read_key(mut sheet: Sheet<'_>) -> Option<PublicKey> {
    let (name, stated, pem) =
        (sheet.demanded_text("name"), sheet.text("kid"), sheet.demanded_text("public"));
    let (from, until) = (read_day(&mut sheet, "from"), read_day(&mut sheet, "until"));
    let withdrawn = sheet.flag("withdrawn").unwrap_or_default();
    let revoked = sheet.texts("revoked").unwrap_or_default().into_iter().collect();
    let key = VerifyingKey::from_public_key_pem(pem.trim()).ok();
    match &key {
        None => sheet.fault(
            "public",
            "bukan kunci publik P-256 dalam PEM.",
            "is not a public key of P-256 in PEM.",
        ),
        Some(key) if stated.is_some_and(|stated| stated != hex(&kid(key))) => sheet.fault(
            "kid",
            "bukan nama kunci ini; salin lagi keduanya dari kantor penerbit.",
            "is not the name of this key; copy both again from the issuing office.",
        ),
        Some(_) => {}
    }
    sheet.close();
    Some(PublicKey { name, key: key?, from, until, withdrawn, revoked })
}

fn read_day(sheet: &mut Sheet<'_>, key: &'static str) -> Option<Date> {
    let text = sheet.text(key)?;
    let day = text.parse().ok();
    if day.is_none() {
        sheet.fault(key, "harus tanggal, YYYY-MM-DD.", "must be a date, YYYY-MM-DD.");
    }
    day
}
