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
/// In place of a path.
const PATH: &str = "(path)";
/// Folders of the program and of the system, and the station's own addresses; any other path may bear a person's name.
const OURS: [&str; 9] =
    ["/dev", "/etc", "/metrics", "/proc", "/run/systemd", "/sys", "/usr", "/v1", "/var/lib/kartu"];
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

/// The places that a configuration names and that may bear somebody's name, the longest first.
pub fn places(config: &str) -> Vec<String> {
    let mut places = Vec::new();
    if let Ok(table) = config.parse::<Table>() {
        collect_places(&toml::Value::Table(table), &mut places);
    }
    places.sort_by_key(|place| std::cmp::Reverse(place.len()));
    places
}

fn collect_places(value: &toml::Value, places: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => table.values().for_each(|one| collect_places(one, places)),
        toml::Value::String(text) if text.contains('/') && !is_ours(text) => {
            places.push(text.clone());
        }
        _ => {}
    }
}

/// A text in which nothing personal should stand, made sure of as far as a program can: long numbers are taken out, and so
/// are `places` and all other paths that are not the program's or the system's.
pub fn masked(text: &str, places: &[String]) -> String {
    let replaced = places.iter().fold(text.to_owned(), |text, place| text.replace(place, PATH));
    without_numbers(&without_paths(&replaced))
}

fn is_ours(path: &str) -> bool {
    OURS.iter().any(|ours| {
        path.strip_prefix(ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn without_paths(text: &str) -> String {
    let ends = |letter: char| letter.is_whitespace() || "\"\\'`,;()".contains(letter);
    let (mut shown, mut done) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices('/') {
        let before = text[..at].chars().next_back();
        if at < done || !before.is_none_or(|letter| ends(letter) || "=:".contains(letter)) {
            continue;
        }
        let path = text[at..].split(ends).next().unwrap_or_default().trim_end_matches(['.', ':']);
        if path.len() < 2 || path.starts_with("//") || is_ours(path) {
            continue;
        }
        shown.push_str(&text[done..at]);
        shown.push_str(PATH);
        done = at + path.len();
    }
    shown + &text[done..]
}

fn without_numbers(text: &str) -> String {
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
        let masked = |text: &str| masked(text, &[]);
        assert_eq!(masked(&format!("a {nik}, b{nik}")), "a (digits), b(digits)");
        assert_eq!(
            masked("2026-03-02T02:00:00Z 192.168.1.17:8631"),
            "2026-03-02T02:00:00Z 192.168.1.17:8631"
        );
        assert_eq!(masked(nik), "(digits)");
    }

    #[test]
    fn paths_that_may_bear_a_name_are_taken_out_and_those_of_the_program_stay() {
        let config = "[office]\nprofile = \"/home/siti kenari/office.toml\"\n[station]\nledger = \"/var/lib/kartu/ledger.db\"\n";
        let places = places(config);
        assert_eq!(places, ["/home/siti kenari/office.toml"]);
        for (text, wanted) in [
            ("office.profile /home/siti kenari/office.toml cannot", "office.profile (path) cannot"),
            ("\"en\": \"the folder /media/kenari: no\\n\"", "\"en\": \"the folder (path): no\\n\""),
            ("{\"a\": \"\\\"/home/kenari\\\"\"}", "{\"a\": \"\\\"(path)\\\"\"}"),
            ("lp:/media/kenari.", "lp:(path)."),
            ("ledger=/var/lib/kartu/ledger.db", "ledger=/var/lib/kartu/ledger.db"),
            ("path=/v1/jobs tcp://h:9100 1/2 /", "path=/v1/jobs tcp://h:9100 1/2 /"),
            ("/var/lib/kartuku/x /etc/kartu/kartud.toml", "(path) /etc/kartu/kartud.toml"),
        ] {
            assert_eq!(masked(text, &places), wanted);
        }
    }
}
