//! The checks of what is plugged in: printer and chip reader. Pure.

use super::Diagnosis;
use super::advice as say;
use super::facts::{Answers, PrinterFacts, ReaderFacts};

pub(super) fn printer(facts: &PrinterFacts, answers: Option<&Answers>) -> Vec<Diagnosis> {
    if !facts.is_configured {
        return vec![say::PRINTER_NONE.said()];
    }
    let mut found = Vec::new();
    if facts.is_plugged_in == Some(false) {
        found.push(say::PRINTER_UNPLUGGED.with(&[("{address}", &facts.address)]));
    }
    if let Some(file) = &facts.forbidden_file {
        found.push(say::PRINTER_FORBIDDEN.with(&[("{file}", file)]));
    }
    found.extend(facts.usblp_in_the_way.then(|| say::PRINTER_USBLP.said()));
    let Some(answers) = answers else {
        found.push(say::PRINTER_UNASKED.said());
        return found;
    };
    if let Some(version) = &answers.other_version {
        found.push(say::STATION_VERSION.with(&[("{version}", version)]));
    }
    let errors = answers.reasons.iter().filter(|(keyword, _)| keyword.ends_with("-error"));
    let troubles: Vec<Diagnosis> =
        errors.map(|(_, words)| say::PRINTER_TROUBLE.about(words.clone())).collect();
    if troubles.is_empty() && !answers.printer_answers {
        found.push(say::PRINTER_SILENT.said());
    }
    found.extend(troubles);
    found
}

pub(super) fn reader(facts: Option<&ReaderFacts>, answers: Option<&Answers>) -> Vec<Diagnosis> {
    let Some(facts) = facts else { return Vec::new() };
    let mut found = Vec::new();
    found.extend((facts.pcscd_runs == Some(false)).then(|| say::READER_PCSCD.said()));
    if let Some(file) = &facts.unusable_file {
        found.push(say::READER_FILE.with(&[("{file}", file)]));
    }
    let state = answers.and_then(|answers| answers.reader_state.as_deref());
    found.extend((state == Some("stopped")).then(|| say::READER_STOPPED.said()));
    found
}
