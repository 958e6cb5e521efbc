//! THE REGISTRY of codes: every code that the station can say, and how what it says is put right. A hold is here or it
//! does not exist: nobody may be left with a job that nobody can lift. Pure; must not know jobs, storage or HTTP.
//!
//! The first letter is the severity: `E` refuses, `H` holds for a person, `W` warns (and holds unless acknowledged),
//! `V` is a fault that `kartud ledger verify` found. `tests/architecture.rs` holds this list against the source.

use drivers::words::Words;
use serde::Serialize;

use crate::finding::{Finding, Severity};

/// How a finding is put right, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Whoever sent the request corrects it and sends it again; nothing was stored.
    Correct,
    /// A person at the station looks and releases the job. That is decided for good: the same is not asked again.
    Release,
    /// A technician mends the station, then the job is released. What is not mended holds it again.
    Mend,
    /// Cancelled and posted again with other data. Where a technician changed what stood in the way (a face, a rule,
    /// the clock), a release will do; what still stands in the way holds it again.
    MendOrRepost,
    /// Cancelled, and posted again with the right data or with a whole recommendation. No release helps.
    Repost,
    /// The section head accepts the warning by its code in a recommendation; the job is cancelled and posted again.
    Acknowledge,
    /// A person looks where the card is, and says so (`resolve`).
    Resolve,
    /// A technician looks after the ledger (`kartud ledger --help`).
    Ledger,
}

impl Remedy {
    /// May a person release a job that is held for this? Where the cause is looked at again on the way to the printer, a
    /// release does no harm.
    pub fn may_release(self) -> bool {
        matches!(self, Self::Release | Self::Mend | Self::MendOrRepost)
    }

    /// What is done about it, as a sentence that stands behind what was found; empty where the job is not stored.
    pub fn words(self) -> Words {
        let (id, en) = match self {
            Self::Correct | Self::Ledger => ("", ""),
            Self::Release => (
                "Bila sudah diperiksa dan benar, lepaskan pekerjaan ini (release); bila tidak, batalkan (cancel) lalu kirim lagi yang benar.",
                "If somebody has checked it and it is right, release the job; if not, cancel it and post the right one.",
            ),
            Self::Mend => (
                "Bila teknisi sudah membetulkannya, lepaskan pekerjaan ini (release); bila kartunya tidak perlu lagi, batalkan (cancel).",
                "When the technician has mended it, release the job; if its card is not wanted any more, cancel it.",
            ),
            Self::MendOrRepost => (
                "Batalkan pekerjaan ini (cancel), lalu kirim lagi yang benar; bila penyebabnya dibetulkan di stasiun ini, cukup lepaskan (release).",
                "Cancel the job and post the right one; if the cause was mended at this station, release it.",
            ),
            Self::Repost => (
                "Batalkan pekerjaan ini (cancel), lalu kirim lagi yang benar; melepaskannya tidak menolong.",
                "Cancel the job and post the right one; a release does not help.",
            ),
            Self::Acknowledge => (
                "Bila Kasi menyetujuinya: batalkan pekerjaan ini (cancel), lalu kirim lagi dengan kode ini dalam peringatan_disetujui.",
                "If the section head accepts it: cancel the job and post it again with this code in peringatan_disetujui.",
            ),
            Self::Resolve => (
                "Lihat di printer, wadah keluar dan kotak tolakan, lalu katakan apa yang terlihat (resolve).",
                "Look into the printer, the output hopper and the reject box, then say what you saw (resolve).",
            ),
        };
        Words::fixed(id, en)
    }
}

/// How a finding that stands with a stored job is put right. A code of an older or a newer station is judged by its first
/// letter: whoever holds such a job can always cancel it.
pub fn remedy(finding: &Finding) -> Remedy {
    let known = ALL.iter().find(|(code, _)| *code == finding.code).map(|(_, remedy)| *remedy);
    match (known, finding.severity()) {
        // The product's rules or its photo rules became stricter, or the photo was looked at later: both are looked
        // at again when the card is composed.
        (Some(Remedy::Correct), _) | (None, Severity::Error) => Remedy::MendOrRepost,
        (Some(remedy), _) => remedy,
        (None, Severity::Warning) => Remedy::Acknowledge,
        (None, Severity::Hold) => Remedy::Repost,
    }
}

/// Every code, in the order of the alphabet.
pub const ALL: &[(&str, Remedy)] = &[
    ("E_AGE", Remedy::Correct),
    ("E_AGE_17", Remedy::Correct),
    ("E_ALREADY_REPLACED", Remedy::Correct),
    ("E_APPROVAL_USED", Remedy::Correct),
    ("E_ATTACHMENT_HASH", Remedy::Correct),
    ("E_ATTACHMENT_REQUIRED", Remedy::Correct),
    ("E_ATTACHMENT_UNKNOWN", Remedy::Correct),
    ("E_BIRTH_AFTER_ISSUE", Remedy::Correct),
    ("E_BLANKS_BATCH", Remedy::Correct),
    ("E_BLANKS_CARDS", Remedy::Correct),
    ("E_BLANKS_CAUSE", Remedy::Correct),
    ("E_BLANKS_KIND", Remedy::Correct),
    ("E_BODY", Remedy::Correct),
    ("E_BUSY", Remedy::Correct),
    ("E_BY", Remedy::Correct),
    ("E_CARD_MOVING", Remedy::Correct),
    ("E_CONTRADICTED", Remedy::Correct),
    ("E_DATE_PAST", Remedy::Correct),
    ("E_DISK_FULL", Remedy::Correct),
    ("E_ENUM", Remedy::Correct),
    ("E_EXAMINATION", Remedy::Correct),
    ("E_FIELD_UNKNOWN", Remedy::Correct),
    ("E_FORMAT", Remedy::Correct),
    ("E_HOST", Remedy::Correct),
    ("E_IDEMPOTENCY_KEY", Remedy::Correct),
    ("E_IDEMPOTENCY_KEY_REUSED", Remedy::Correct),
    ("E_ITAP_REQUIRED", Remedy::Correct),
    ("E_JSON", Remedy::Correct),
    ("E_KIND_MISMATCH", Remedy::Correct),
    ("E_KK_LEN", Remedy::Correct),
    ("E_LEDGER", Remedy::Correct),
    ("E_LEDGER_GONE", Remedy::Correct),
    ("E_LENGTH", Remedy::Correct),
    ("E_MEDIA_TYPE", Remedy::Correct),
    ("E_METHOD", Remedy::Correct),
    ("E_METRICS", Remedy::Correct),
    ("E_NIK_DATE", Remedy::Correct),
    ("E_NIK_LEN", Remedy::Correct),
    ("E_NIK_SERIAL", Remedy::Correct),
    ("E_NOT_FOUND", Remedy::Correct),
    ("E_NOT_RELEASABLE", Remedy::Correct),
    ("E_OFFICIAL_UNKNOWN", Remedy::Correct),
    ("E_ORIGIN", Remedy::Correct),
    ("E_PART", Remedy::Correct),
    ("E_PERSONAL", Remedy::Correct),
    ("E_PHOTO_FORMAT", Remedy::Correct),
    ("E_PHOTO_REQUIRED", Remedy::Correct),
    ("E_PHOTO_TOO_LARGE", Remedy::Correct),
    ("E_PHOTO_TOO_SMALL", Remedy::Correct),
    ("E_PHOTO_TRUNCATED", Remedy::Correct),
    ("E_POLICE_REPORT", Remedy::Correct),
    ("E_PRINTER", Remedy::Correct),
    ("E_PRODUCT", Remedy::Correct),
    ("E_PROGRAM", Remedy::Correct),
    ("E_QUERY", Remedy::Correct),
    ("E_REASON", Remedy::Correct),
    ("E_RECOMMENDATION_EXPIRED", Remedy::Correct),
    ("E_RECOMMENDATION_REFUSED", Remedy::Correct),
    ("E_RECOMMENDATION_REQUIRED", Remedy::Correct),
    ("E_REF", Remedy::Correct),
    ("E_REF_TAKEN", Remedy::Correct),
    ("E_REPLACES_APPROVAL", Remedy::Correct),
    ("E_REPLACES_HOLDER", Remedy::Correct),
    ("E_REPLACES_NOT_PRINTED", Remedy::Correct),
    ("E_REPLACES_PRODUCT", Remedy::Correct),
    ("E_REPLACES_UNKNOWN", Remedy::Correct),
    ("E_REPLACES_UNSURE", Remedy::Correct),
    ("E_REQUEST", Remedy::Correct),
    ("E_REQUIRED", Remedy::Correct),
    ("E_RESOLUTION", Remedy::Correct),
    ("E_STATE", Remedy::Correct),
    ("E_STATION_ENDED", Remedy::Correct),
    ("E_TIMEOUT", Remedy::Correct),
    ("E_TOO_LARGE", Remedy::Correct),
    ("E_TRACK_CHARACTER", Remedy::Correct),
    ("E_TRACK_LENGTH", Remedy::Correct),
    ("E_TTE_REQUIRED", Remedy::Correct),
    ("H_BLANKS_SPOILED", Remedy::Release),
    ("H_CARDS_UNACCOUNTED", Remedy::Release),
    ("H_CHIP", Remedy::Mend),
    ("H_CHIP_SETUP", Remedy::Mend),
    ("H_CLOCK", Remedy::Mend),
    ("H_CODE_CHARACTER", Remedy::MendOrRepost),
    ("H_CODE_TOO_LONG", Remedy::MendOrRepost),
    ("H_CRASHED", Remedy::Release),
    ("H_DATA_DAMAGED", Remedy::Repost),
    ("H_FOREIGN_LETTER", Remedy::Release),
    ("H_GLYPH_MISSING", Remedy::MendOrRepost),
    ("H_ISSUE_FUTURE", Remedy::Release),
    ("H_ISSUE_OLD", Remedy::Release),
    ("H_KIND_CHANGED", Remedy::MendOrRepost),
    ("H_LEDGER_RESTORED", Remedy::Release),
    ("H_NAME_CHARACTER", Remedy::Release),
    ("H_NAME_DIGITS", Remedy::Release),
    ("H_NAME_LONG", Remedy::Release),
    ("H_NOT_WATCHED", Remedy::Resolve),
    ("H_NO_ENCODER", Remedy::Mend),
    ("H_NO_FACE", Remedy::Mend),
    ("H_NO_STATION", Remedy::Mend),
    ("H_OLD_CARD", Remedy::Release),
    ("H_PHOTO_BLANK", Remedy::Release),
    ("H_PHOTO_BRIGHT", Remedy::Release),
    ("H_PHOTO_DARK", Remedy::Release),
    ("H_PHOTO_FLAT", Remedy::Release),
    ("H_PHOTO_GREY", Remedy::Release),
    ("H_PHOTO_MISSING", Remedy::MendOrRepost),
    ("H_PHOTO_ORIENTATION", Remedy::Release),
    ("H_PHOTO_RATIO", Remedy::Release),
    ("H_RECOMMENDATION_CHECK", Remedy::Repost),
    ("H_RECOMMENDATION_EXPIRED", Remedy::MendOrRepost),
    ("H_RECOMMENDATION_HASH", Remedy::Repost),
    ("H_RECOMMENDATION_NUMBER", Remedy::Repost),
    ("H_RECOMMENDATION_OFFICER", Remedy::Repost),
    ("H_RECORD_KEY", Remedy::Mend),
    ("H_RECORD_MISSING", Remedy::Mend),
    ("H_RECORD_TOO_LONG", Remedy::MendOrRepost),
    ("H_SIGNATURE_BROKEN", Remedy::Mend),
    ("H_STALE", Remedy::Release),
    ("H_TEXT_LONG", Remedy::Release),
    ("H_TEXT_OVERFLOW", Remedy::MendOrRepost),
    ("H_TTE_TOO_LONG", Remedy::Release),
    ("H_UNSURE", Remedy::Resolve),
    ("H_VALIDITY", Remedy::Release),
    ("H_VALIDITY_PAST", Remedy::Repost),
    ("V_BLANKS", Remedy::Ledger),
    ("V_CHAIN", Remedy::Ledger),
    ("V_COUNTS", Remedy::Ledger),
    ("V_DATA", Remedy::Ledger),
    ("V_FILE", Remedy::Ledger),
    ("V_HEAD", Remedy::Ledger),
    ("V_HOLDERS", Remedy::Ledger),
    ("V_JOB", Remedy::Ledger),
    ("V_LIFECYCLE", Remedy::Ledger),
    ("V_LOG", Remedy::Ledger),
    ("W_AKTA_DATE", Remedy::Acknowledge),
    ("W_DISTRICT_UNKNOWN", Remedy::Acknowledge),
    ("W_KK_DATE", Remedy::Acknowledge),
    ("W_NAME_ONE_WORD", Remedy::Acknowledge),
    ("W_NAME_PUNCTUATION", Remedy::Acknowledge),
    ("W_NIK_AREA", Remedy::Acknowledge),
    ("W_NIK_DOB", Remedy::Acknowledge),
    ("W_NIK_SEX", Remedy::Acknowledge),
    ("W_PHOTO_BACKGROUND", Remedy::Acknowledge),
    ("W_PHOTO_IGNORED", Remedy::Acknowledge),
    ("W_PHOTO_PROFILE", Remedy::Acknowledge),
    ("W_PHOTO_SMALL", Remedy::Acknowledge),
    ("W_PHOTO_SOFT", Remedy::Acknowledge),
    ("W_SAME_HOLDER", Remedy::Acknowledge),
    ("W_TTE_IGNORED", Remedy::Acknowledge),
    ("W_VALIDITY_ONE_DAY", Remedy::Acknowledge),
    ("W_VALIDITY_SHORT", Remedy::Acknowledge),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_has_a_remedy_of_its_severity() {
        assert!(ALL.is_sorted_by(|a, b| a.0 < b.0), "in the order of the alphabet, none twice");
        for (code, remedy) in ALL {
            let fits = match code.as_bytes()[0] {
                b'E' => *remedy == Remedy::Correct,
                b'W' => *remedy == Remedy::Acknowledge,
                b'V' => *remedy == Remedy::Ledger,
                _ => !matches!(remedy, Remedy::Correct | Remedy::Acknowledge | Remedy::Ledger),
            };
            assert!(fits, "{code}: {remedy:?}");
        }
    }

    #[test]
    fn whatever_holds_a_job_says_in_both_languages_how_it_is_lifted() {
        for (code, _) in ALL.iter().filter(|(code, _)| !code.starts_with('V')) {
            let words = remedy(&Finding::whole(*code, Words::fixed("", ""))).words();
            for said in [&words.id, &words.en] {
                let names_a_way = ["release", "cancel", "resolve"]
                    .iter()
                    .any(|way| said.to_lowercase().contains(way));
                assert!(names_a_way && said.ends_with('.'), "{code}: {said}");
            }
        }
    }

    #[test]
    fn a_code_that_nobody_knows_can_be_lifted_too() {
        let of = |code: &str| remedy(&Finding::whole(code, Words::fixed("", "")));
        assert_eq!(of("H_OF_TOMORROW"), Remedy::Repost);
        assert_eq!(of("W_OF_TOMORROW"), Remedy::Acknowledge);
        assert_eq!(of("E_OF_TOMORROW"), Remedy::MendOrRepost);
    }
}
