//! The registry as a document: `docs/codes.md`, and `kartud codes --markdown`. Knows no code by name.

use std::fmt::Write as _;

use super::{Code, Remedy, Severity, all};

const HEAD: &str = "\
# Codes

Made from the registry in [`src/codes/`](../src/codes/mod.rs); a test compares. `kartud codes` lists the codes and `kartud codes CODE`
explains one, in Indonesian or English, without a station.

An ellipsis stands for a name or a figure of the case. The sentence that comes with a job or an answer may say more: which job,
which state, what the printer said.
";

const REMEDIES: &str = "
## What to do, and who

Who is advice: the station does not check yet who acts. *Release* says whether a person may let a job that is held for it be
printed.

| remedy | who | release | Bahasa Indonesia | English |
|---|---|---|---|---|
";

/// The document.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    text += REMEDIES;
    for remedy in Remedy::ALL {
        let (name, who, words) = (remedy.name(), remedy.who(), remedy.words());
        let release = if remedy.may_release() { "yes" } else { "no" };
        let row = [name, &who.en, release, &words.id, &words.en].map(cell).join(" | ");
        let _ = writeln!(text, "| {row} |");
    }
    for severity in Severity::ALL {
        let _ = write!(text, "\n{}", section(severity));
    }
    text
}

fn section(severity: Severity) -> String {
    let (heading, words) = (heading(severity), severity.words());
    let mut text = format!("## {heading}\n\n{}\n\n*{}*\n\n", words.en, words.id);
    text += "| code | field | remedy | Bahasa Indonesia | English |\n|---|---|---|---|---|\n";
    for code in all().into_iter().filter(|code| code.severity() == severity) {
        text += &row(code);
    }
    text
}

fn heading(severity: Severity) -> &'static str {
    match severity {
        Severity::Refuse => "E_: refused",
        Severity::Hold => "H_: held for a person",
        Severity::Warn => "W_: held unless accepted",
        Severity::Verify => "V_: found in a ledger",
    }
}

fn row(code: &Code) -> String {
    let words = code.general();
    let field = if code.field.is_empty() { String::new() } else { format!("`{}`", code.field) };
    let (name, remedy) = (format!("`{}`", code.code), code.remedy.name());
    let row = [&name, &field, remedy, &words.id, &words.en].map(cell).join(" | ");
    format!("| {row} |\n")
}

/// Escapes what would end a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
