//! The result of a check: a stable code, the field, and a sentence in two languages. Knows no rule.
//!
//! A finding never repeats what somebody typed: codes and field names may be logged, values may not.

use drivers::text::Text;
use serde::{Deserialize, Serialize};

use crate::codes::{Code, Filling, Severity};

/// One fault or warning. Several are reported together, never only the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, for programs: `E_NIK_LEN`, `W_NIK_AREA`, `H_TEXT_OVERFLOW`. The first letter is the severity.
    pub code: String,
    /// The place: `fields.nik`, `photo`, `attachments`; absent if it concerns the whole job.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// For people: what is wrong and what to do.
    pub words: Text,
    /// The recommendation names this warning as seen and accepted.
    #[serde(default)]
    pub acknowledged: bool,
}

impl Code {
    /// A finding at `field` (`fields.nik`, `photo`, `attachments`).
    pub(crate) fn at(&self, field: impl Into<String>, filling: &Filling<'_>) -> Finding {
        Finding::at(field, self.code, self.words(filling))
    }

    /// A finding about the job as a whole, or the request.
    pub(crate) fn whole(&self) -> Finding {
        Finding::whole(self.code, self.words(&[]))
    }
}

impl Finding {
    /// A finding about one field.
    pub fn at(field: impl Into<String>, code: impl Into<String>, words: Text) -> Self {
        Self { code: code.into(), field: Some(field.into()), words, acknowledged: false }
    }

    /// A finding about the job as a whole.
    pub fn whole(code: impl Into<String>, words: Text) -> Self {
        Self { code: code.into(), field: None, words, acknowledged: false }
    }

    /// Does it keep the job from being printed until a person decides?
    pub fn holds(&self) -> bool {
        match self.severity() {
            Severity::Warn => !self.acknowledged,
            Severity::Hold | Severity::Refuse | Severity::Verify => true,
        }
    }

    /// Given by the first letter of the code.
    pub fn severity(&self) -> Severity {
        Severity::of(&self.code)
    }
}
