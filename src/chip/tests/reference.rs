//! The reference in the comments of `config/chips` (every key of every step), compared with the parser.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::chip::{Profile, Step};

const EXAMPLES: [&str; 5] = [
    include_str!("../../../config/chips/ntag.toml"),
    include_str!("../../../config/chips/classic.toml"),
    include_str!("../../../config/chips/ultralight.toml"),
    include_str!("../../../config/chips/globalplatform.toml"),
    include_str!("../../../config/chips/pin.toml"),
];
const SHARED: &str = include_str!("../../../config/chips/README.md");
const PARSER: &str = include_str!("../definition_step.rs");

/// `#   key   rule   description`, below `# action: …`.
struct Row {
    example: &'static str,
    action: &'static str,
    key: &'static str,
    rule: &'static str,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for example in EXAMPLES {
        let mut action = "";
        for line in example.lines().filter_map(|line| line.strip_prefix('#')) {
            let cells: Vec<_> =
                line.split("   ").map(str::trim).filter(|c| !c.is_empty()).collect();
            match (cells.as_slice(), line.strip_prefix("   ")) {
                ([key, rule, _, ..], Some(row)) if !row.starts_with(' ') => {
                    rows.push(Row { example, action, key, rule });
                }
                _ => {
                    let heading =
                        line.trim_start().split_once(": ").filter(|(word, _)| is_key(word));
                    action = heading.map_or(action, |(word, _)| word);
                }
            }
        }
    }
    rows
}

fn is_key(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Every key that the step parser asks for, taken from its source.
fn asked() -> BTreeSet<&'static str> {
    let mut quoted = PARSER.split('"');
    let mut asked = BTreeSet::new();
    while let (Some(code), Some(text)) = (quoted.next(), quoted.next()) {
        let code = code.trim_end();
        let asks = ["(sheet, ", "(one, "].iter().any(|call| code.ends_with(call.trim_end()))
            || code.strip_suffix('(').is_some_and(|call| {
                let call = call.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '_');
                call.ends_with("sheet.") || call.ends_with("one.")
            });
        asked.extend((asks && is_key(text)).then_some(text));
    }
    asked
}

impl Row {
    /// The example's steps after `change` was applied to the table that contains the key.
    fn changed(&self, change: impl FnOnce(&mut Table)) -> Result<Vec<Step>, String> {
        let mut profile: Table = self.example.parse().unwrap();
        let steps = profile["step"].as_array_mut().unwrap();
        let step = steps.iter_mut().find(|step| step.get(self.action).is_some()).unwrap();
        change(match step.get(self.action) {
            Some(Value::Table(_)) => step[self.action].as_table_mut().unwrap(),
            _ => step.as_table_mut().unwrap(),
        });
        let read = Profile::parse(&profile.to_string());
        read.map(|profile| profile.steps).map_err(|faults| format!("{faults:?}"))
    }

    fn without(&self) -> Result<Vec<Step>, String> {
        self.changed(|table| drop(table.remove(self.key)))
    }
}

#[test]
fn what_is_said_of_a_key_is_so() {
    for row in rows() {
        let name = format!("{}.{}: {}", row.action, row.key, row.rule);
        match row.rule.split_once(": ") {
            None if row.rule == "must be given" => {
                let why = row.without().expect_err(&name);
                assert!(
                    why.contains("must be given") || why.contains("exactly one of"),
                    "{name}: {why}"
                );
            }
            None if row.rule == "may be absent" => assert!(row.without().is_ok(), "{name}"),
            Some(("default", value)) => {
                let value = format!("v = {value}").parse::<Table>().unwrap()["v"].clone();
                let told = row.changed(|table| drop(table.insert(row.key.to_owned(), value)));
                assert_eq!(told.expect(&name), row.without().expect(&name), "{name}");
            }
            _ => panic!("{name}: no such rule"),
        }
    }
}

#[test]
fn every_key_of_every_step_is_told_where_it_belongs() {
    let rows = rows();
    let told = |action: &str, key: &str| rows.iter().any(|r| r.action == action && r.key == key);
    let shared: BTreeSet<&str> = SHARED.split('`').skip(1).step_by(2).collect();
    let actions: BTreeSet<&str> = rows.iter().map(|row| row.action).collect();
    for key in asked() {
        let found = actions.contains(key) || rows.iter().any(|row| row.key == key);
        assert!(found || shared.contains(key), "{key} is told nowhere");
    }
    for action in super::super::definition_step::ACTIONS {
        let row = rows.iter().find(|row| row.action == action);
        let row = row.unwrap_or_else(|| panic!("{action} has no example"));
        assert!(shared.contains(action), "{action} is not in the table of README.md");
        for key in rows.iter().map(|row| row.key).collect::<BTreeSet<_>>() {
            let with = row.changed(|table| {
                table.entry(key).or_insert(Value::Integer(1));
            });
            assert!(told(action, key) || with.is_err(), "{action} knows {key}, and nobody says so");
        }
    }
}
