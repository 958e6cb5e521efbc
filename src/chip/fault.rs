//! Why a chip could not be written, as facts: which step, what kind of fault. Contains no written data and no key.

use std::fmt;

use drivers::encoder::{EncoderError, Interface};
use drivers::text::Text;

use super::profile::SecretLength;
use super::values::KeyFault;

/// A profile that did not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipFault {
    /// The step's name; empty before the first.
    pub step: String,
    /// What happened.
    pub kind: FaultKind,
    /// Had a command that writes been sent? The card is then no longer a blank.
    pub card_touched: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The card returned this status word, which the profile does not accept.
    Answer(u16),
    /// The card's response has the wrong length.
    AnswerLength,
    /// The card was lost during the work.
    Lost,
    /// The reader failed.
    Reader(EncoderError),
    /// The data read back differ from those written.
    Different,
    /// Written data were not read back on the path that was taken.
    NotReadBack,
    /// The card has another interface than the profile requires.
    OtherInterface(Interface),
    /// A value is missing.
    NoValue(String),
    /// A key is missing.
    NoKey {
        /// Its name in the vault.
        name: String,
        /// Why.
        why: KeyFault,
    },
    /// A key has the wrong length for its use.
    KeyLength {
        /// Its name in the vault.
        name: String,
        /// The required length.
        wanted: SecretLength,
    },
    /// More data than there is room for, on the card or in a length.
    TooLong {
        /// Length of the data.
        needs: usize,
        /// Space available.
        fits: usize,
    },
    /// The tag declares that it holds no NDEF data.
    NoNdef,
    /// The locks of this kind of tag are not known.
    UnknownTag,
    /// The card does not prove that it has the keys of this name, or refuses the station's proof.
    NotAuthentic(String),
    /// The card does not support this secure channel.
    OtherProtocol,
    /// The card still has publicly known default keys: it must not be issued.
    KnownKeys,
    /// The card's responses led past the steps that write this value, so the card lacks it.
    LeftOut(String),
    /// A response through the secure channel was modified, or is not the card's.
    Unprotected,
}

/// What a person must check first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The card: another blank may work.
    Card,
    /// The reader: no card will work until it is fixed.
    Reader,
    /// The job, the profile or the vault: another card or another reader does not help.
    Setup,
}

impl ChipFault {
    /// What a person must check first.
    pub fn blame(&self) -> Blame {
        match &self.kind {
            FaultKind::Reader(EncoderError::NoCard { .. } | EncoderError::CardLost) => Blame::Card,
            FaultKind::Reader(_) => Blame::Reader,
            FaultKind::NotReadBack
            | FaultKind::NoValue(_)
            | FaultKind::NoKey { .. }
            // It would spoil every card of the batch, and some cards would block themselves.
            | FaultKind::NotAuthentic(_)
            | FaultKind::KnownKeys
            | FaultKind::KeyLength { .. } => Blame::Setup,
            // The hopper may contain a tag of another size.
            _ => Blame::Card,
        }
    }

    /// For the technician: what is wrong and what to do.
    pub fn words(&self) -> Text {
        let (id, en) = self.kind.told();
        if self.step.is_empty() {
            return Text::new(id, en);
        }
        Text::new(
            format!("Langkah \"{}\": {id}", self.step),
            format!("Step \"{}\": {en}", self.step),
        )
    }
}

impl fmt::Display for ChipFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().en)
    }
}

impl std::error::Error for ChipFault {}

impl From<EncoderError> for FaultKind {
    fn from(error: EncoderError) -> Self {
        match error {
            EncoderError::CardLost => FaultKind::Lost,
            other => FaultKind::Reader(other),
        }
    }
}

impl FaultKind {
    /// A word for programs: `answer`, `lost`, `key_missing`, …
    pub fn code(&self) -> &'static str {
        match self {
            FaultKind::Answer(_) => "answer",
            FaultKind::AnswerLength => "answer_length",
            FaultKind::Lost => "lost",
            FaultKind::Reader(_) => "reader",
            FaultKind::Different => "read_back_differs",
            FaultKind::NotReadBack => "not_read_back",
            FaultKind::OtherInterface(_) => "other_interface",
            FaultKind::NoValue(_) => "value_missing",
            FaultKind::NoKey { .. } => "key_missing",
            FaultKind::KeyLength { .. } => "key_length",
            FaultKind::TooLong { .. } => "too_long",
            FaultKind::NoNdef => "no_ndef",
            FaultKind::UnknownTag => "unknown_tag",
            FaultKind::NotAuthentic(_) => "not_authentic",
            FaultKind::OtherProtocol => "other_protocol",
            FaultKind::KnownKeys => "known_keys",
            FaultKind::LeftOut(_) => "left_out",
            FaultKind::Unprotected => "unprotected",
        }
    }

    fn told(&self) -> (String, String) {
        match self {
            FaultKind::Answer(status) => answer(*status),
            FaultKind::Reader(error) => {
                let Text { id, en } = error.words();
                (id.into_owned(), en.into_owned())
            }
            FaultKind::OtherInterface(found) => other_interface(*found),
            FaultKind::NoValue(name) => (
                format!("data {name} tidak ada. Lengkapi pekerjaannya."),
                format!("there is no value {name}. Complete the job."),
            ),
            FaultKind::NoKey { name, why } => (
                format!("kunci {name} tidak dapat diambil dari brankas ({why})."),
                format!("the key {name} cannot be had from the vault: {why}."),
            ),
            FaultKind::NotAuthentic(name) => (
                format!(
                    "kartu dan stasiun tidak saling mengenali dengan kunci {name}. Periksa kunci dan asal blangkonya."
                ),
                format!(
                    "card and station do not prove the keys {name} to each other. Check the keys, and whose blanks these are."
                ),
            ),
            FaultKind::KeyLength { name, wanted } => (
                format!("kunci {name} harus {wanted} byte."),
                format!("the key {name} must be {wanted} bytes."),
            ),
            FaultKind::LeftOut(name) => (
                format!(
                    "data {name} tidak ditulis: jawaban kartu melompati langkahnya. Kartu ini bukan blangko baru, atau profilnya salah (on)."
                ),
                format!(
                    "{name} was not written: the card's answer led past its step. This is no fresh blank, or the profile is wrong (on)."
                ),
            ),
            FaultKind::TooLong { needs, fits } => (
                format!(
                    "{needs} byte harus ditulis, tempatnya {fits}. Pakai kartu yang lebih besar."
                ),
                format!(
                    "{needs} bytes are to be written, there is room for {fits}. Use a larger card."
                ),
            ),
            plain => {
                let (id, en) = plain.fixed();
                (id.to_owned(), en.to_owned())
            }
        }
    }

    fn fixed(&self) -> (&'static str, &'static str) {
        match self {
            FaultKind::AnswerLength => (
                "panjang jawaban kartu tidak sesuai. Coba blangko lain.",
                "the card's answer has the wrong length. Try another blank.",
            ),
            FaultKind::Lost => (
                "kartu hilang dari pembaca saat dikerjakan. Kartu ini rusak.",
                "the card was lost while it was worked on. This card is spoiled.",
            ),
            FaultKind::Different => (
                "yang dibaca kembali berbeda dari yang ditulis. Kartu ini rusak.",
                "what was read back is not what was written. This card is spoiled.",
            ),
            FaultKind::NotReadBack => (
                "ada yang ditulis tetapi tidak dibaca kembali. Perbaiki profilnya.",
                "something was written and not read back. Correct the profile.",
            ),
            FaultKind::NoNdef => (
                "tag ini belum disiapkan untuk NDEF. Pakai tag NTAG yang baru.",
                "this tag is not made ready for NDEF. Use a fresh NTAG.",
            ),
            FaultKind::UnknownTag => (
                "jenis tag ini tidak dikenal, jadi tidak dapat dikunci. Pakai NTAG213, 215 atau 216.",
                "this kind of tag is not known, so it cannot be locked. Use an NTAG213, 215 or 216.",
            ),
            FaultKind::OtherProtocol => (
                "kartu tidak mengenal saluran aman seperti itu. Periksa profil atau jenis blangkonya.",
                "the card cannot open such a secure channel. Check the profile, or the kind of blank.",
            ),
            FaultKind::KnownKeys => (
                "kartu masih memakai kunci bawaan yang diketahui semua orang. Profil harus menggantinya (put_key).",
                "the card still has the keys that everybody knows. The profile must replace them (put_key).",
            ),
            _ => (
                "jawaban kartu berubah di jalan atau bukan dari kartu itu.",
                "the card's answer was changed on the way, or is not the card's.",
            ),
        }
    }
}

fn other_interface(found: Interface) -> (String, String) {
    let (id, en) = match found {
        Interface::Contact => ("lewat kontak", "through its contacts"),
        Interface::Contactless => ("tanpa kontak", "through the air"),
    };
    (
        format!("kartu dijangkau {id}; profil ini untuk cara lain."),
        format!("the card is reached {en}; the profile is for the other way."),
    )
}

/// The usual status words in words (ISO 7816-4, 5.6), and always the word itself.
fn answer(status: u16) -> (String, String) {
    let (id, en) = match status {
        0x9000 => ("berhasil, padahal seharusnya tidak", "done, which it should not be"),
        0x6282 | 0x6B00 => ("di luar batas berkas", "beyond the end of the file"),
        0x6300..=0x63FF => ("kunci atau PIN salah", "a key or PIN is wrong"),
        0x6581 => ("memori kartu gagal", "the card's memory failed"),
        0x6700 => ("panjang salah", "wrong length"),
        0x6982 => ("tidak diizinkan tanpa kunci", "not allowed without a key"),
        0x6983 => ("terkunci", "blocked"),
        0x6985 => ("tidak diizinkan dalam keadaan ini", "not allowed in this state"),
        0x6986 => ("tidak ada berkas yang dipilih", "no file is selected"),
        0x6A80 => ("data salah", "wrong data"),
        0x6A82 => ("berkas tidak ada", "there is no such file"),
        0x6A84 => ("memori penuh", "no room left"),
        0x6A89 => ("berkas sudah ada", "the file exists already"),
        0x6D00 => ("perintah tidak dikenal", "the command is not known"),
        0x6E00 => ("kelas perintah tidak dikenal", "the class of commands is not known"),
        _ => ("tidak diharapkan", "not expected"),
    };
    (
        format!("kartu menjawab SW{status:04X} ({id})."),
        format!("the card answered SW{status:04X} ({en})."),
    )
}
