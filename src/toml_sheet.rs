//! A table of a TOML file while it is being read: collects every fault with its line instead of stopping at the first,
//! and refuses unknown keys. Must not know what the keys mean.
//!
//! It does not use serde's derive, because a person who writes a configuration, a product or a chip profile wants all
//! faults at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use drivers::text::Text;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::nearest::nearest;

/// One fault in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The line, from 1; 0 if the fault has no line.
    pub line: usize,
    /// The key with its tables: `field[3].max`.
    pub key: String,
    /// What is wrong and what to do.
    pub words: Text,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.key, self.words.en)
    }
}

/// The text being read and the faults found so far.
pub struct Page<'t> {
    text: &'t str,
    /// Replaces a table that the text omits.
    empty: DeTable<'t>,
    faults: RefCell<Vec<ConfigFault>>,
    /// Every key that was requested, with its tables.
    asked: RefCell<BTreeSet<String>>,
}

impl<'t> Page<'t> {
    /// Reads `text` with `read`, which reports faults on its sheet and returns what it could read.
    ///
    /// # Errors
    /// Everything that is wrong, by line. If the text is not TOML at all, only that.
    pub fn read<T>(
        text: &'t str,
        read: impl FnOnce(Sheet<'_>) -> T,
    ) -> Result<T, Vec<ConfigFault>> {
        let page = Page::new(text);
        let (root, broken) = DeTable::parse_recoverable(text);
        for error in broken {
            let (at, why) = (error.span().unwrap_or(0..0), error.message());
            let id = format!("bukan TOML yang benar ({why}); perbaiki baris ini.");
            page.note(
                &at,
                String::new(),
                Text::new(id, format!("not valid TOML ({why}); correct this line.")),
            );
        }
        if !page.faults.borrow().is_empty() {
            return Err(page.into_faults());
        }
        let result = read(Sheet::new(&page, root.get_ref(), root.span(), String::new()));
        let faults = page.into_faults();
        if faults.is_empty() { Ok(result) } else { Err(faults) }
    }

    /// Every key that `read` requests, with its tables: the known keys of such a file.
    pub fn keys_asked(text: &'t str, read: impl FnOnce(Sheet<'_>)) -> Vec<String> {
        let page = Page::new(text);
        let (root, _) = DeTable::parse_recoverable(text);
        read(Sheet::new(&page, root.get_ref(), root.span(), String::new()));
        page.asked.into_inner().into_iter().collect()
    }

    fn new(text: &'t str) -> Self {
        Page { text, empty: DeTable::new(), faults: RefCell::default(), asked: RefCell::default() }
    }

    fn note(&self, at: &Range<usize>, key: String, words: Text) {
        let line = self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1;
        self.faults.borrow_mut().push(ConfigFault { line, key, words });
    }

    fn into_faults(self) -> Vec<ConfigFault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }
}

/// One table. Every requested key counts as known; `close` refuses the rest.
pub struct Sheet<'p> {
    page: &'p Page<'p>,
    table: &'p DeTable<'p>,
    span: Range<usize>,
    path: String,
    asked: Vec<&'static str>,
}

impl<'p> Sheet<'p> {
    fn new(page: &'p Page<'_>, table: &'p DeTable<'_>, span: Range<usize>, path: String) -> Self {
        Sheet { page, table, span, path, asked: Vec::new() }
    }

    /// Reports a fault at `key`, or at the table if it has no such key.
    pub fn fault(&self, key: &str, id: impl Into<String>, en: impl Into<String>) {
        let span = self.table.get(key).map_or(self.span.clone(), Spanned::span);
        self.page.note(&span, self.key(key), Text::new(id, en));
    }

    /// A fault whose sentence exists in English only.
    pub fn fault_in_english(&self, key: &str, sentence: &str) {
        self.fault(key, sentence, sentence);
    }

    /// Does the table have this key? The key then counts as known.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// A text, if given.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.typed(key, "teks", "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A required text; empty if it is missing, which is reported.
    pub fn demanded_text(&mut self, key: &'static str) -> String {
        self.demand(key);
        self.text(key).unwrap_or_default()
    }

    /// A whole number from 0, if given.
    pub fn count(&mut self, key: &'static str) -> Option<u32> {
        self.typed(key, "bilangan bulat mulai 0", "a whole number from 0", |value| {
            let number = value.as_integer()?;
            u32::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    /// A required whole number from 0; 0 if it is missing, which is reported.
    pub fn demanded_count(&mut self, key: &'static str) -> u32 {
        self.demand(key);
        self.count(key).unwrap_or_default()
    }

    /// A decimal number, if given.
    pub fn decimal(&mut self, key: &'static str) -> Option<f32> {
        self.typed(key, "bilangan desimal", "a decimal number", |value| {
            value.as_float()?.as_str().parse().ok()
        })
    }

    /// A number of any type, if given: whole or decimal, as the type parses it.
    pub fn number<T: FromStr>(&mut self, key: &'static str) -> Option<T> {
        self.typed(key, "bilangan yang cocok di sini", "a number that fits here", |value| {
            match value {
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
                DeValue::Float(number) => number.as_str().parse().ok(),
                _ => None,
            }
        })
    }

    /// `true` or `false`, if given.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.typed(key, "true atau false", "true or false", DeValue::as_bool)
    }

    /// A list of texts, if given.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.typed(key, "daftar teks", "a list of texts", |value| {
            value.as_array()?.iter().map(|one| one.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// A table of texts, `A = "a.svg"`, if given.
    pub fn named_texts(&mut self, key: &'static str) -> Option<BTreeMap<String, String>> {
        self.typed(key, "tabel teks", "a table of texts", |value| {
            let pair = |(name, one): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
                let name: &str = name.get_ref();
                Some((name.to_owned(), one.get_ref().as_str()?.to_owned()))
            };
            value.as_table()?.iter().map(pair).collect()
        })
    }

    /// A required `{ id = "…", en = "…" }`; empty if it is missing, which is reported.
    pub fn words(&mut self, key: &'static str) -> Text {
        self.demand(key);
        let Some(mut sheet) = self.child(key) else { return Text::fixed("", "") };
        let words = Text::new(sheet.demanded_text("id"), sheet.demanded_text("en"));
        sheet.close();
        words
    }

    /// A table under this one, if given.
    pub fn child(&mut self, key: &'static str) -> Option<Sheet<'p>> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, "tabel", "a table");
            return None;
        };
        Some(Sheet::new(self.page, table, value.span(), self.key(key)))
    }

    /// A table under this one, read and closed; a missing one is read as empty.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Sheet<'p>) -> T) -> T {
        let mut sheet = self.child(key).unwrap_or_else(|| {
            Sheet::new(self.page, &self.page.empty, self.span.clone(), self.key(key))
        });
        let result = read(&mut sheet);
        sheet.close();
        result
    }

    /// The tables under this one by name: `[layouts.kia1]`, `[layouts.kia2]`.
    pub fn children(&mut self, key: &'static str) -> Vec<(String, Sheet<'p>)> {
        let Some(group) = self.child(key) else { return Vec::new() };
        let mut children = Vec::new();
        for (name, value) in group.table {
            let name: &str = name.get_ref().as_ref();
            match value.get_ref().as_table() {
                Some(table) => {
                    let sheet = Sheet::new(self.page, table, value.span(), group.key(name));
                    children.push((name.to_owned(), sheet));
                }
                None => group.wrong_type(name, "tabel", "a table"),
            }
        }
        children
    }

    /// The tables of a list, `[[field]]`, in order.
    pub fn list(&mut self, key: &'static str) -> Vec<Sheet<'p>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, "daftar tabel [[…]]", "a list of tables [[…]]");
            return Vec::new();
        };
        let mut sheets = Vec::new();
        for (index, one) in array.iter().enumerate() {
            match one.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}[{}]", self.key(key), index + 1);
                    sheets.push(Sheet::new(self.page, table, one.span(), path));
                }
                None => self.wrong_type(key, "daftar tabel [[…]]", "a list of tables [[…]]"),
            }
        }
        sheets
    }

    /// Reports every key that was never requested, with the nearest known one.
    pub fn close(self) {
        for (key, _) in self.table {
            let name: &str = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let near = nearest(name, self.asked.iter().copied()).unwrap_or("-");
            let words = Text::new(
                format!("kunci tidak dikenal; yang paling mirip: {near}. Perbaiki atau hapus."),
                format!("unknown key; the nearest is {near}. Correct or remove it."),
            );
            self.page.note(&key.span(), self.key(name), words);
        }
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&mut self, key: &'static str) -> Option<&'p Spanned<DeValue<'p>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    fn demand(&mut self, key: &'static str) {
        if !self.table.contains_key(key) {
            self.fault(key, "harus diisi.", "must be given.");
        }
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        id: &str,
        en: &str,
        take: impl Fn(&DeValue<'p>) -> Option<T>,
    ) -> Option<T> {
        self.page.asked.borrow_mut().insert(self.key(key));
        let value = self.value(key)?;
        let taken = take(value.get_ref());
        if taken.is_none() {
            self.wrong_type(key, id, en);
        }
        taken
    }

    fn wrong_type(&self, key: &str, id: &str, en: &str) {
        self.fault(key, format!("harus berupa {id}."), format!("must be {en}."));
    }
}
