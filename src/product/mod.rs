//! A kind of card as data: fields, rules, kinds by age, faces. `Product::parse` compiles a `product.toml`;
//! `Product::check` checks a job against it. Pure: no clock, no disk (`folder` alone reads files), no drawing; must not
//! know states, storage or HTTP.
//!
//! Another card is another folder in `config/products/`, never another line of Rust here.

pub mod built_in;
pub mod folder;
pub mod office;

mod age;
mod between;
mod charset;
mod check;
mod chip;
mod definition;
mod definition_field;
mod describe;
mod indonesia;
mod photo;
mod reading;
mod recommendation;
mod record;
mod stripe;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use drivers::text::Text;

pub use crate::codes::{Code, product as codes};
pub use age::{Kind, LastDayWording, ValidUntil};
pub use charset::is_unseen;
pub use check::Checked;
pub use chip::{ChipRule, ProductChip};
pub use office::{Office, Official, SignatureMode};
pub use photo::{Backdrop, BackgroundRule, PhotoRules};
pub use recommendation::{Check, RecommendationRules};
pub use record::{RECORD, RecordContent, RecordRules};
pub use stripe::Stripe;
pub use values::ReadyCard;

pub use crate::toml_sheet::ConfigFault;

use charset::CharSet;

use crate::nearest::nearest;

/// A kind of card, ready to check jobs. Made by [`Product::parse`].
#[derive(Clone, PartialEq)]
pub struct Product {
    /// The name of its folder, `kia`; jobs name it in `product`.
    pub name: String,
    /// Its name, for people.
    pub title: Text,
    /// The fields of a job, in the order of the file.
    pub fields: Vec<Field>,
    /// Reasons for issuing a card.
    pub reasons: Vec<Reason>,
    /// The documents that can be attached.
    pub papers: Vec<Paper>,
    /// Kinds by age, from the youngest to the oldest; empty if the card is the same for everybody.
    pub kinds: Vec<Kind>,
    /// The required content of a recommendation.
    pub recommendation: RecommendationRules,
    /// Rules for the photo; `None` if the card has none.
    pub photo: Option<PhotoRules>,
    /// The field that identifies its holders; `None`: second cards are not noticed.
    pub holder: Option<HolderRule>,
    /// The content of the signed record; `None` if the card has none.
    pub record: Option<RecordRules>,
    /// The faces by layout name.
    pub layouts: BTreeMap<String, Layout>,
    /// The layout that is used unless the configuration chooses another.
    pub default_layout: String,
    /// The content of its chip; `None` if the card has none.
    pub chip: Option<ProductChip>,
    /// The content of its magnetic stripe; `None` if the card has none.
    pub stripe: Option<Stripe>,
    /// The SVG text of every face, by file name.
    pub faces: BTreeMap<String, String>,
    index: BTreeMap<String, usize>,
    issue: Option<IssueRule>,
    age: Option<AgeRule>,
    chip_rule: Option<ChipRule>,
    /// SHA-256 of the text from which it was compiled.
    definition_sha256: [u8; 32],
}

/// One field of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name in `fields`: `tgl_lahir`.
    pub name: String,
    /// Its label, for people.
    pub label: Text,
    /// Its allowed values.
    pub shape: Shape,
    /// Must it be present and not empty?
    pub required: bool,
    /// The printed value if it is absent.
    pub default: Option<String>,
    /// May a face show it? Data that only the office needs (a police report) are not printed.
    pub printed: bool,
    demand: Option<Demand>,
}

/// The allowed values of a field. Lengths are in characters.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Free text; longer than `hold_above` is held.
    Text {
        /// Shortest.
        min: usize,
        /// Longest; beyond it the job is refused.
        max: usize,
        /// A longer text is held for a person.
        hold_above: Option<usize>,
        /// Its allowed characters.
        chars: CharSet,
    },
    /// ASCII digits, printed with leading zeros up to `pad`.
    Digits {
        /// Fewest digits.
        min: usize,
        /// Most digits.
        max: usize,
        /// Printed width.
        pad: usize,
    },
    /// `YYYY-MM-DD`, printed `DD-MM-YYYY`.
    Date {
        /// Refused if it is before today.
        not_past: bool,
    },
    /// One of a list; printed as sent.
    Choice {
        /// The values that people are shown.
        values: Vec<String>,
        /// Other spellings that are accepted and printed unchanged.
        also: Vec<String>,
    },
    /// A JSON boolean.
    Flag,
    /// DOMAIN 3.1.
    Nik {
        /// Bit n: province code n exists.
        provinces: u128,
        /// The field with the date of birth.
        born: Option<usize>,
        /// The field with the sex.
        sex: Option<usize>,
        /// The value of that field for a woman.
        female: Vec<String>,
    },
    /// DOMAIN 3.2.
    NoKk,
    /// DOMAIN 3.3.
    NoAkta {
        /// The field with the date of birth.
        born: Option<usize>,
        /// Longest.
        max: usize,
        /// Its allowed characters.
        chars: CharSet,
    },
    /// A personal name (Permendagri 73/2022).
    PersonName {
        /// A longer name is held.
        hold_above: usize,
        /// A longer name is refused.
        max: usize,
    },
    /// A *kecamatan*, compared with the office's list.
    District {
        /// Longest.
        max: usize,
    },
    /// The `id` of an official of the office.
    Official,
    /// Content of the e-signature's QR code, from upstream; the station makes none.
    Tte {
        /// A longer content, in bytes, is held.
        hold_above_bytes: usize,
        /// A longer content, in characters, is refused.
        max: usize,
    },
    /// The kind as upstream derived it; only compared.
    Kind,
    /// The last day as upstream derived it; only compared, the derived one is printed.
    ValidUntil,
}

impl Shape {
    /// Does a value of this kind identify a person?
    pub fn identifies(&self) -> bool {
        matches!(self, Self::Nik { .. } | Self::NoKk | Self::PersonName { .. })
    }
}

/// A reason for issuing a card.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// `BARU`, `HILANG`, …
    pub code: String,
    /// For a person.
    pub label: Text,
    requires: Option<(usize, &'static Code)>,
}

/// A document that can be attached.
#[derive(Debug, Clone, PartialEq)]
pub struct Paper {
    /// `KK`, `AKTA`, …
    pub kind: String,
    /// Its label, for people.
    pub label: Text,
    /// Is a job without it refused?
    pub required: bool,
}

/// The faces of a card: file names, which are keys of [`Product::faces`].
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The front, the same for everybody or one per kind.
    pub front: Front,
    /// The back; `None` for a one-sided card.
    pub back: Option<String>,
    /// Does a face have space for the e-signature's QR code?
    pub tte: bool,
}

/// See [`Layout::front`].
#[derive(Debug, Clone, PartialEq)]
pub enum Front {
    /// One for everybody.
    One(String),
    /// By code of the kind.
    ByKind(BTreeMap<String, String>),
}

/// Settings of a product in the daemon's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Another layout than the product's own; see [`Product::incompatible`].
    pub layout: Option<String>,
    /// Another limit for `H_ISSUE_OLD`, days.
    pub issue_age_max_days: Option<u32>,
}

/// `field` must be filled unless the field `unless_of` holds one of `unless`.
#[derive(Debug, Clone, PartialEq)]
struct Demand {
    unless_of: usize,
    unless: Vec<String>,
    code: &'static Code,
}

/// `[holder]`: the field by which two jobs are recognised as one person's, and when that is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRule {
    /// The field: `nik`.
    pub field: String,
    /// A second card within this many days after the first gets a warning; 0: none does.
    pub same_days: u32,
}

/// `[issue]`: the field with the date of issue, and how old it may be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct IssueRule {
    field: usize,
    age_max_days: u32,
}

/// `[age]`: the field with the date of birth, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct AgeRule {
    born: usize,
    too_old: &'static Code,
    not_beyond: Option<usize>,
}

impl Product {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(*self.index.get(name)?)
    }

    /// The layout in use under `settings`; a name that does not exist counts as not set.
    pub fn layout(&self, settings: &Settings) -> Option<&Layout> {
        let chosen = settings.layout.as_ref().and_then(|name| self.layouts.get(name));
        chosen.or_else(|| self.layouts.get(&self.default_layout))
    }

    /// What the configuration asks of this product that it cannot do; empty if there is nothing.
    pub fn incompatible(&self, office: &Office, settings: &Settings) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, id: String, en: String| {
            faults.push(ConfigFault { line: 0, key: key.to_owned(), words: Text::new(id, en) });
        };
        if let Some(name) =
            settings.layout.as_ref().filter(|name| !self.layouts.contains_key(*name))
        {
            let near = nearest(name, self.layouts.keys().map(String::as_str)).unwrap_or("-");
            fault(
                "layout",
                format!("tata letak tidak ada; yang paling mirip: {near}."),
                format!("there is no such layout; the nearest is {near}."),
            );
        }
        let signs = self.fields.iter().any(|field| matches!(field.shape, Shape::Tte { .. }));
        if signs
            && office.signature == SignatureMode::TteQr
            && self.layout(settings).is_some_and(|one| !one.tte)
        {
            fault(
                "layout",
                "tata letak ini tidak memuat QR tanda tangan elektronik; pilih tata letak lain."
                    .to_owned(),
                "this layout has no room for the e-signature QR; choose another layout.".to_owned(),
            );
        }
        faults
    }

    /// Every name that a face may have in braces: the printed fields, the derived ones, the office's and `ref_cetak`.
    pub fn value_names(&self) -> Vec<&str> {
        let printed = self.fields.iter().filter(|field| values::is_printed(field));
        let mut names: Vec<&str> = printed.map(|field| field.name.as_str()).collect();
        names.extend(
            office::VALUE_NAMES
                .iter()
                .chain(&[values::REFERENCE])
                .filter(|name| !self.index.contains_key(**name)),
        );
        names
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Product({}, {} fields)", self.name, self.fields.len())
    }
}
