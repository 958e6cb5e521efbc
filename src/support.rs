//! What a vendor needs to help, and nothing of anybody: each part says what it lets through, and everything else is left
//! out. Reads and writes no file.

use serde_json::{Map, Value, json};
use toml::Table;

use crate::event::Event;
use crate::ledger::Entry;

/// Keys of the configuration whose text is shown: words of our own, and kinds of machines.
const SHOWN: [&str; 11] = [
    "printer.family",
    "printer.model",
    "printer.emulator.model",
    "printer.emulator.ribbon",
    "encoder.family",
    "encoder.station",
    "log.level",
    "http.listen",
    "product.*.layout",
    "station.utc_offset_hours",
    "backup.keep",
];
/// Of these only what stands before the first colon, such as `usb` or `tcp`.
const SCHEMES: [&str; 2] = ["printer.address", "encoder.address"];
/// In place of a text.
const REMOVED: &str = "(removed)";
/// A number with as many digits may be a person's: a NIK has 16, a telephone number some 11.
const DIGITS_MAX: usize = 9;

/// The configuration: every key, the texts of the harmless ones, numbers and switches. `None`: it is no TOML.
pub fn config(text: &str) -> Option<String> {
    let table: Table = text.parse().ok()?;
    Some(harmless(&table, "").to_string())
}

fn harmless(table: &Table, above: &str) -> Table {
    let mut shown = Table::new();
    for (name, value) in table {
        let key = format!("{above}{}", if above == "product." { "*" } else { name });
        let value = match value {
            toml::Value::Table(below) => toml::Value::Table(harmless(below, &format!("{key}."))),
            toml::Value::String(text) => shown_text(&key, text).into(),
            toml::Value::Array(_) => REMOVED.into(),
            other => other.clone(),
        };
        shown.insert(name.clone(), value);
    }
    shown
}

fn shown_text(key: &str, text: &str) -> String {
    if text.is_empty() || SHOWN.contains(&key) {
        return text.to_owned();
    }
    match text.split_once(':') {
        Some((scheme, _)) if SCHEMES.contains(&key) => format!("{scheme}:{REMOVED}"),
        _ => REMOVED.to_owned(),
    }
}

/// A line of the ledger: what happened and when, its codes, and what the machine said of itself.
pub fn line(entry: &Entry) -> Value {
    let mut shown = Map::new();
    let mut show = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    show("seq", json!(entry.seq));
    show("at", json!(entry.at.to_string()));
    show("job", json!(entry.job.as_ref().map(ToString::to_string)));
    show("event", json!(entry.event));
    show("state", json!(entry.state.map(crate::lifecycle::State::name)));
    if let Some(event) = entry.read() {
        if let Event::Received(received) = &event {
            show("codes", json!(received.findings));
        }
        if let Some(findings) = event.findings() {
            let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
            show("codes", json!(codes));
        }
        if let Some(told) = of_the_station(&event) {
            show("detail", told);
        }
    }
    Value::Object(shown)
}

/// What the events of the station say that is of machines and clocks alone.
fn of_the_station(event: &Event) -> Option<Value> {
    match event {
        Event::ClockJumped { .. }
        | Event::PrinterSeen { .. }
        | Event::PrinterLost { .. }
        | Event::TroubleRaised(_)
        | Event::TroubleCleared(_)
        | Event::RibbonCounted { .. }
        | Event::CleaningCounted { .. }
        | Event::SuppliesLoaded { .. }
        | Event::CardsUnaccounted { .. }
        | Event::Migrated { .. } => Some(event.detail()),
        Event::Hold { attempt: Some(attempt), .. } => Some(json!({ "attempt": attempt })),
        Event::LeftToAPerson { row, .. } => Some(json!({ "row": row })),
        Event::RecoveryFailed { what, card, .. } => Some(json!({ "what": what, "card": card })),
        _ => None,
    }
}

/// The running station, without the numbers of applications.
pub fn station(station: &Value) -> Value {
    let reasons = station["state_reasons"].as_array().into_iter().flatten();
    let reasons: Vec<Value> = reasons
        .map(|reason| json!({ "keyword": reason["keyword"], "vendor_code": reason["vendor_code"] }))
        .collect();
    let keys = [
        "version",
        "state",
        "printer",
        "encoder",
        "specimen",
        "cards_out",
        "jobs",
        "threads",
        "last_event",
        "backup",
    ];
    let mut shown: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), station[*key].clone())).collect();
    shown.insert("state_reasons".to_owned(), reasons.into());
    Value::Object(shown)
}

/// A text in which nothing personal should stand, made sure of as far as a program can: long numbers are taken out.
pub fn masked(text: &str) -> String {
    let (mut masked, mut digits) = (String::with_capacity(text.len()), String::new());
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        masked.push_str(if digits.len() > DIGITS_MAX { "(digits)" } else { &digits });
        digits.clear();
        masked.push(letter);
    }
    masked.pop();
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_configuration_only_the_harmless_texts_are_shown() {
        let text = "[station]\nname = \"KENARI\"\nutc_offset_hours = 7\n[office]\nprofile = \"/home/kenari/office.toml\"\n\
            [printer]\nfamily = \"evolis\"\naddress = \"usb:serial=KENARI\"\n[product.kia]\nlayout = \"kia2\"\n\
            [tokens]\nlist = [\"KENARI\"]\nnew = \"KENARI\"\n# KENARI\n";
        let shown = config(text).unwrap();
        assert!(!shown.to_lowercase().contains("kenari"), "{shown}");
        for kept in ["evolis", "usb:(removed)", "kia2", "utc_offset_hours = 7"] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
        assert_eq!(config("no TOML"), None);
    }

    #[test]
    fn long_numbers_are_taken_out_wherever_they_stand() {
        let nik = "3174056108239077";
        assert_eq!(masked(&format!("a {nik}, b{nik}")), "a (digits), b(digits)");
        assert_eq!(
            masked("2026-03-02T02:00:00Z 192.168.1.17:8631"),
            "2026-03-02T02:00:00Z 192.168.1.17:8631"
        );
        assert_eq!(masked(nik), "(digits)");
    }
}
