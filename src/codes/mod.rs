//! THE REGISTRY of codes: every code that the station can report, what it means, and how it is put right. A code that
//! is not here does not exist, so that no job is held for a reason that nobody can resolve. Pure; must not know jobs,
//! storage or HTTP.
//!
//! A code has one general sentence in two languages. If the sentence depends on the case (it names a state, a job, a
//! printer's answer), the code that knows the case has it, and the general sentence here fits all cases.
//!
//! `docs/codes.md` is generated from it ([`document`]), and `kartud codes` shows it. `tests/architecture.rs` compares
//! it with the source.

use std::borrow::Cow;

use drivers::text::Text;

pub mod document;
pub mod ledger;
pub mod picture;
pub mod product;
mod remedy;
pub mod requests;
pub mod station;

pub use remedy::Remedy;

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Stable name; the first letter is the severity.
    pub code: &'static str,
    /// The field, as in a finding: `photo`; `fields.*` is any field, and empty means none in particular.
    pub field: &'static str,
    /// How it is put right.
    pub remedy: Remedy,
    /// Indonesian; names in braces are filled in per finding.
    pub id: &'static str,
    /// English.
    pub en: &'static str,
}

/// The consequence of a code, given by its first letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// `E_…`: refused, nothing stored.
    Refuse,
    /// `H_…`: stored and held for a person.
    Hold,
    /// `W_…`: stored; held unless the recommendation accepts the code.
    Warn,
    /// `V_…`: `kartud ledger verify` found a fault.
    Verify,
}

/// Texts for the braces of a sentence: the brace's name and the text in both languages.
pub type Filling<'a> = [(&'static str, &'a Text)];

impl Severity {
    /// Every severity, in the order in which they are explained.
    pub const ALL: [Severity; 4] = [Self::Refuse, Self::Hold, Self::Warn, Self::Verify];

    /// The severity of a code by name, even one that this station does not know.
    pub fn of(code: &str) -> Severity {
        match code.as_bytes().first() {
            Some(b'H') => Self::Hold,
            Some(b'W') => Self::Warn,
            Some(b'V') => Self::Verify,
            _ => Self::Refuse,
        }
    }

    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hold => "hold",
            Self::Warn => "warn",
            Self::Verify => "verify",
        }
    }

    /// What follows, in words.
    pub fn words(self) -> Text {
        match self {
            Self::Refuse => {
                Text::fixed("Ditolak; tidak ada yang disimpan.", "Refused; nothing is stored.")
            }
            Self::Hold => Text::fixed(
                "Pekerjaan disimpan dan ditahan untuk seorang petugas.",
                "The job is stored, and held for a person.",
            ),
            Self::Warn => Text::fixed(
                "Pekerjaan disimpan, dan ditahan bila rekomendasi tidak menyebut kode ini dalam peringatan_disetujui.",
                "The job is stored, and held unless the recommendation names this code in peringatan_disetujui.",
            ),
            Self::Verify => Text::fixed(
                "Kesalahan yang ditemukan `kartud ledger verify` dalam buku besar.",
                "A fault that `kartud ledger verify` found in the ledger.",
            ),
        }
    }
}

impl Code {
    /// What follows from it.
    pub fn severity(&self) -> Severity {
        Severity::of(self.code)
    }

    /// Its sentence, with the braces filled in.
    pub fn words(&self, filling: &Filling<'_>) -> Text {
        let mut words = Text::fixed(self.id, self.en);
        for (brace, with) in filling {
            words.id = Cow::Owned(words.id.replace(brace, &with.id));
            words.en = Cow::Owned(words.en.replace(brace, &with.en));
        }
        words
    }

    /// Its sentence for every case: an ellipsis replaces what would be filled in.
    pub fn general(&self) -> Text {
        Text::new(without_braces(self.id), without_braces(self.en))
    }
}

/// A brace around a single word is filled in; any other brace is literal.
fn without_braces(sentence: &str) -> String {
    let mut parts = sentence.split('{');
    let mut general = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((_, rest)) => general.extend(["…", rest]),
            None => general.extend(["{", part]),
        }
    }
    general
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Codes of one group: constants, and a table of them.
macro_rules! codes {
    ($($name:ident $field:literal $remedy:ident $id:literal $en:literal)*) => {
        $(
            #[doc = $en]
            pub const $name: Code = Code {
                code: stringify!($name),
                field: $field,
                remedy: $crate::codes::Remedy::$remedy,
                id: $id,
                en: $en,
            };
        )*
        /// All of them, in the order in which they are documented.
        pub const TABLE: &[Code] = &[$($name),*];
    };
}
use codes;

const TABLES: [&[Code]; 5] =
    [product::TABLE, picture::TABLE, station::TABLE, requests::TABLE, ledger::TABLE];

/// Every code, in alphabetical order.
pub fn all() -> Vec<&'static Code> {
    let mut all: Vec<&Code> = TABLES.iter().copied().flatten().collect();
    all.sort_by_key(|code| code.code);
    all
}

/// The code of this name.
pub fn find(code: &str) -> Option<&'static Code> {
    TABLES.iter().copied().flatten().find(|known| known.code == code)
}

/// How a finding of a stored job is put right. An unknown code, of an older or a newer station, is judged by its first
/// letter: its job can always be cancelled.
pub fn remedy(code: &str) -> Remedy {
    match (find(code).map(|known| known.remedy), Severity::of(code)) {
        // The product's rules or its photo rules became stricter, or the photo was inspected later. Both are checked
        // again when the card is composed.
        (Some(Remedy::Correct | Remedy::Retry), _) | (None, Severity::Refuse) => {
            Remedy::MendOrRepost
        }
        (Some(remedy), _) => remedy,
        (None, Severity::Warn) => Remedy::Acknowledge,
        (None, Severity::Hold | Severity::Verify) => Remedy::Repost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_has_a_remedy_of_its_severity() {
        assert!(all().is_sorted_by(|a, b| a.code < b.code), "none twice");
        for code in all() {
            let of_no_job = matches!(code.remedy, Remedy::Correct | Remedy::Retry);
            let fits = match code.severity() {
                Severity::Refuse => of_no_job,
                Severity::Warn => code.remedy == Remedy::Acknowledge,
                Severity::Verify => code.remedy == Remedy::Ledger,
                Severity::Hold => {
                    !of_no_job && !matches!(code.remedy, Remedy::Acknowledge | Remedy::Ledger)
                }
            };
            assert!(fits, "{}: {:?}", code.code, code.remedy);
        }
    }

    #[test]
    fn whatever_holds_a_job_says_in_both_languages_how_it_is_lifted() {
        for code in all().iter().filter(|code| code.severity() != Severity::Verify) {
            let words = remedy(code.code).words();
            for said in [&words.id, &words.en] {
                let names_a_way = ["release", "cancel", "resolve"]
                    .iter()
                    .any(|way| said.to_lowercase().contains(way));
                assert!(names_a_way && said.ends_with('.'), "{}: {said}", code.code);
            }
        }
    }

    #[test]
    fn a_code_that_nobody_knows_can_be_lifted_too() {
        assert_eq!(remedy("H_OF_TOMORROW"), Remedy::Repost);
        assert_eq!(remedy("W_OF_TOMORROW"), Remedy::Acknowledge);
        assert_eq!(remedy("E_OF_TOMORROW"), Remedy::MendOrRepost);
    }

    #[test]
    fn every_sentence_is_whole_in_both_languages_with_the_same_braces() {
        let braces = |text: &'static str| {
            let names = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
            let names = names.map(|(name, _)| name).filter(|name| is_name(name));
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            names
        };
        for code in all() {
            assert_eq!(braces(code.id), braces(code.en), "{}", code.code);
            let general = code.general();
            for said in [general.id, general.en] {
                assert_eq!(without_braces(&said), said, "nothing is left to be filled in");
                assert!(said.ends_with(['.', ')']), "{said}");
            }
        }
    }

    #[test]
    fn what_is_filled_in_is_left_out_of_the_general_sentence() {
        assert_eq!(product::E_REQUIRED.general().en, "… must be filled in.");
        let json = requests::E_RESOLUTION;
        assert_eq!(json.general().en, json.en, "braces that are not filled in stay");
    }
}
