//! Text for people, in the two languages of the office. Knows nothing of machines or jobs.
//!
//! Every refusal and every trouble says what is wrong *and what to do*. Texts never carry personal data.

use std::borrow::Cow;

/// One text in Indonesian and in English, both complete, both with a full stop.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Text {
    /// Indonesian, the language of the office.
    pub id: Cow<'static, str>,
    /// English, for a technician from elsewhere.
    pub en: Cow<'static, str>,
}

impl Text {
    /// A text known at compile time.
    pub const fn fixed(id: &'static str, en: &'static str) -> Self {
        Self { id: Cow::Borrowed(id), en: Cow::Borrowed(en) }
    }

    /// A text that contains a number or a field's name; never a value that somebody typed.
    pub fn new(id: impl Into<String>, en: impl Into<String>) -> Self {
        Self { id: Cow::Owned(id.into()), en: Cow::Owned(en.into()) }
    }

    /// Appends another text.
    #[must_use]
    pub fn and(self, more: &Text) -> Self {
        Self::new(format!("{} {}", self.id, more.id), format!("{} {}", self.en, more.en))
    }
}
