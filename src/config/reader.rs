//! Takes keys out of a TOML text one by one, with their defaults, and remembers every fault with its
//! line. What was never asked for is unknown, and the nearest key that was asked for is named.
//! Knows no key by itself.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use drivers::words::Words;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Two names further apart than this are not a typing error (Jaro-Winkler, 1 = equal).
const NEAR: f64 = 0.8;

/// One thing wrong with a configuration, or with a file that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, if it is not the configuration itself.
    pub file: Option<String>,
    /// Line in the file, from 1; 0 when the fault has no place in it.
    pub line: usize,
    /// What is wrong and what to do. Twice the same where it is known in English only.
    pub words: Words,
}

impl Fault {
    /// One without a place, or with a place in the configuration, that is told in English only.
    pub fn english(line: usize, sentence: impl Into<String>) -> Fault {
        let sentence = sentence.into();
        Fault::at(line, Words::new(sentence.clone(), sentence))
    }

    /// One in the configuration itself.
    pub fn at(line: usize, words: Words) -> Fault {
        Fault { file: None, line, words }
    }

    /// With `key: ` before the sentence, in this file.
    pub fn of_key(file: Option<String>, line: usize, key: &str, words: &Words) -> Fault {
        let said = |sentence: &str| format!("{key}: {sentence}");
        Fault { file, line, words: Words::new(said(&words.id), said(&words.en)) }
    }

    /// Place and sentence, the latter as `pick` chooses it.
    pub fn told(&self, pick: impl FnOnce(&Words) -> &str) -> String {
        let file = self.file.as_ref().map_or(String::new(), |file| format!("{file}: "));
        let line = if self.line == 0 { String::new() } else { format!("line {}: ", self.line) };
        format!("{file}{line}{}", pick(&self.words))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(|words| &words.en))
    }
}

/// A TOML text from which keys are taken.
pub(super) struct Reader<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    asked: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str) -> Result<Self, Vec<Fault>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let faults: Vec<Fault> = errors
            .into_iter()
            .map(|error| {
                let (line, why) =
                    (error.span().map_or(0, |span| line_of(text, span.start)), error.message());
                let words = Words::new(
                    format!("ini bukan TOML yang benar: {why}"),
                    format!("this is not TOML: {why}"),
                );
                Fault::at(line, words)
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { text, root, asked: BTreeSet::new(), faults })
    }

    /// The names of the tables in a table: `[product.kia]` → `kia`.
    pub fn tables(&mut self, key: &str) -> Vec<String> {
        let Some(DeValue::Table(table)) = self.find(key).map(Spanned::get_ref) else {
            return Vec::new();
        };
        table
            .iter()
            .filter(|(_, v)| v.get_ref().is_table())
            .map(|(k, _)| k.get_ref().to_string())
            .collect()
    }

    pub fn text(&mut self, key: &str, default: &str) -> String {
        self.take(key, "a text in quotes", |value| value.as_str().map(str::to_owned))
            .unwrap_or_else(|| default.to_owned())
    }

    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        self.take(key, "true or false", |value| value.as_bool()).unwrap_or(default)
    }

    pub fn number<T: FromStr>(&mut self, key: &str, default: T) -> T {
        let read = |value: &DeValue<'_>| match value {
            DeValue::Integer(n) if n.radix() == 10 => n.as_str().parse().ok(),
            DeValue::Float(n) => n.as_str().parse().ok(),
            _ => None,
        };
        self.take(key, "a number that fits here", read).unwrap_or(default)
    }

    /// Says that the value of a key will not do.
    pub fn fault(&mut self, key: &str, rule: &str) {
        let line = self.find(key).map_or(0, |value| line_of(self.text, value.span().start));
        self.faults.push(Fault::english(line, format!("{key} {rule}")));
    }

    /// Unknown keys are faults too.
    pub fn finish(mut self) -> Result<(), Vec<Fault>> {
        let mut unknown = Vec::new();
        collect_unknown(self.root.get_ref(), "", &self.asked, &mut unknown);
        for (key, start) in unknown {
            let nearest = self
                .asked
                .iter()
                .map(|known| (strsim::jaro_winkler(known, &key), known))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > NEAR);
            let hint = |asks: &str| {
                nearest.map_or(String::new(), |(_, known)| format!("; {asks} {known}?"))
            };
            let words = Words::new(
                format!("{key} bukan kunci konfigurasi{}", hint("maksudnya")),
                format!("{key} is not a key{}", hint("did you mean")),
            );
            self.faults.push(Fault::at(line_of(self.text, start), words));
        }
        self.faults.sort_by_key(|fault| fault.line);
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    /// Every key that was asked for.
    pub fn asked(self) -> Vec<String> {
        self.asked.into_iter().collect()
    }

    fn take<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Option<T> {
        self.asked.insert(key.to_owned());
        let found = read(self.find(key)?.get_ref());
        if found.is_none() {
            self.fault(key, &format!("must be {wanted}"));
        }
        found
    }

    fn find(&self, key: &str) -> Option<&Spanned<DeValue<'t>>> {
        let mut parts = key.split('.');
        let mut at = self.root.get_ref().get(parts.next()?)?;
        for part in parts {
            at = at.get_ref().as_table()?.get(part)?;
        }
        Some(at)
    }
}

fn collect_unknown(
    table: &DeTable<'_>,
    prefix: &str,
    asked: &BTreeSet<String>,
    unknown: &mut Vec<(String, usize)>,
) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let inside = format!("{key}.");
        match value.get_ref() {
            DeValue::Table(inner) if asked.iter().any(|known| known.starts_with(&inside)) => {
                collect_unknown(inner, &inside, asked, unknown);
            }
            _ if asked.contains(&key) => {}
            _ => unknown.push((key, name.span().start)),
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count()
}
