//! Everything that a machine tells of itself, as named values for a technician. Knows no family and no job;
//! never holds a person's data.

use crate::text::Text;

/// One thing that a machine tells.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fact {
    /// What it belongs to, such as `identity`, `status`, `ribbon`, `counters`, `network`.
    pub group: &'static str,
    /// The machine's own name for it, or ours where it has none.
    pub name: String,
    /// As the machine says it.
    pub value: String,
    /// What it means, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Text>,
}

/// Everything that a machine tells of itself, in the order in which a person reads it.
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
