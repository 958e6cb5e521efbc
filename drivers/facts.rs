//! Everything that a machine reports about itself, as named values for a technician. Knows no family and no job; never
//! holds personal data.

use crate::text::Text;

/// One reported value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fact {
    /// Its group, such as `identity`, `status`, `ribbon`, `counters`, `network`.
    pub group: &'static str,
    /// The machine's own name for it, or ours where it has none.
    pub name: String,
    /// The value as reported.
    pub value: String,
    /// An explanation, where the value is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Text>,
}

/// Everything that a machine reports about itself, in reading order.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Facts(pub Vec<Fact>);

impl Facts {
    /// Adds a fact.
    pub fn push(
        &mut self,
        group: &'static str,
        name: impl Into<String>,
        value: impl Into<String>,
        words: Option<Text>,
    ) {
        self.0.push(Fact { group, name: name.into(), value: value.into(), words });
    }

    /// The value of one fact.
    pub fn value(&self, group: &str, name: &str) -> Option<&str> {
        let fact = self.0.iter().find(|fact| fact.group == group && fact.name == name)?;
        Some(&fact.value)
    }
}
