//! A sentence that a person reads, in the two languages of the office. Knows nothing of machines or jobs.
//!
//! Every refusal and every trouble says what is wrong *and what to do*. Sentences never carry personal data.

use std::borrow::Cow;

/// One sentence in Indonesian and in English, both complete, both with a full stop.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Text {
    /// Bahasa Indonesia, the language of the office.
    pub id: Cow<'static, str>,
    /// English, for the technician from elsewhere.
    pub en: Cow<'static, str>,
}

impl Text {
    /// A sentence known when the program was written.
    pub const fn fixed(id: &'static str, en: &'static str) -> Self {
        Self { id: Cow::Borrowed(id), en: Cow::Borrowed(en) }
    }

    /// A sentence with a figure or a name of a field in it; never a value that somebody typed.
    pub fn new(id: impl Into<String>, en: impl Into<String>) -> Self {
        Self { id: Cow::Owned(id.into()), en: Cow::Owned(en.into()) }
    }

    /// With another sentence behind it.
    #[must_use]
    pub fn and(self, more: &Text) -> Self {
        Self::new(format!("{} {}", self.id, more.id), format!("{} {}", self.en, more.en))
    }
}
