//! `chip.toml` → [`Profile`]: the head and the order of the steps; `definition_step.rs` has the single step. Reports
//! every fault at once, with its line. Knows no card.

use std::collections::BTreeMap;

use drivers::encoder::Interface;
use sha2::{Digest as _, Sha256};

use super::check;
use super::definition_step::{self as step, Outline};
use super::{Profile, ProfileFault, Step};
use crate::nearest::nearest;
use crate::toml_sheet::{Page, Sheet};

/// A chip is written in a dozen steps; a file with more than this is not a profile.
const STEPS_MAX: usize = 200;
/// Names appear in traces and in the ledger.
const NAME_CHARS_MAX: usize = 40;

impl Profile {
    /// Compiles the text of a `chip.toml`.
    ///
    /// # Errors
    /// Everything that is wrong, with line, key and a sentence.
    pub fn parse(text: &str) -> Result<Profile, Vec<ProfileFault>> {
        let sha256 = Sha256::digest(text.as_bytes()).into();
        Page::read(text, |mut sheet| {
            let profile = Profile {
                name: named(&mut sheet, "name"),
                version: named(&mut sheet, "version"),
                sha256,
                reader: interface(&mut sheet, "reader"),
                steps: steps(&mut sheet),
            };
            sheet.close();
            profile
        })
    }
}

/// A name that is safe in traces.
fn named(sheet: &mut Sheet<'_>, key: &'static str) -> String {
    let name = sheet.demanded_text(key);
    if sheet.has(key) {
        well_named(sheet, key, &name);
    }
    name
}

/// Letters, digits and `-_. `, and a limited length: such a name can neither break a line nor carry personal data.
fn well_named(sheet: &Sheet<'_>, key: &str, name: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        sheet.fault(
            key,
            format!("harus 1-{NAME_CHARS_MAX} huruf, angka, spasi atau - _ ."),
            format!("must be 1-{NAME_CHARS_MAX} letters, digits, blanks or - _ ."),
        );
    }
}

/// `contact` or `contactless`, if given.
pub(crate) fn interface(sheet: &mut Sheet<'_>, key: &'static str) -> Option<Interface> {
    let typed = sheet.text(key)?;
    let known = [("contact", Interface::Contact), ("contactless", Interface::Contactless)];
    step::one_of(sheet, key, &typed, &known)
}

fn steps(sheet: &mut Sheet<'_>) -> Vec<Step> {
    let mut sheets = sheet.list("step");
    if sheets.is_empty() || sheets.len() > STEPS_MAX {
        sheet.fault(
            "step",
            format!("harus ada 1-{STEPS_MAX} [[step]]."),
            format!("there must be 1-{STEPS_MAX} [[step]]."),
        );
        return Vec::new();
    }
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (place, one) in sheets.iter_mut().enumerate() {
        let Some(label) = one.text("label") else { continue };
        well_named(one, "label", &label);
        if places.insert(label, place).is_some() {
            one.fault("label", "label ini sudah dipakai.", "this label is taken already.");
        }
    }
    let read: Vec<_> = sheets
        .into_iter()
        .enumerate()
        .map(|(place, mut one)| (step::read(&mut one, place), one))
        .collect();
    check::order(&read);
    read.into_iter()
        .enumerate()
        .filter_map(|(place, (outline, sheet))| {
            let step = outline.and_then(|outline| linked(outline, place, &places, &sheet));
            sheet.close();
            step
        })
        .collect()
}

/// Resolves the labels of a step's jumps to step indexes, forward only.
fn linked(
    outline: Outline,
    place: usize,
    places: &BTreeMap<String, usize>,
    sheet: &Sheet<'_>,
) -> Option<Step> {
    let Outline { mut step, jumps } = outline;
    for (pattern, label) in jumps {
        match places.get(&label) {
            Some(target) if *target > place => step.on.push((pattern, *target)),
            Some(_) => sheet.fault(
                "on",
                "hanya boleh melompat maju; profil tidak mengenal pengulangan.",
                "may only jump forward; a profile has no loops.",
            ),
            None => {
                let near = nearest(&label, places.keys().map(String::as_str)).unwrap_or("-");
                sheet.fault(
                    "on",
                    format!("label tidak ada; yang paling mirip: {near}."),
                    format!("names a label that does not exist; the nearest is {near}."),
                );
            }
        }
    }
    step.on.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.narrowness()));
    Some(step)
}
