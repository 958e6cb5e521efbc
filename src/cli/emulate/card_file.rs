//! The content of a card's file (`--card`), as described in the commands' help, with an example of each kind. Knows no
//! reader and no command of a card.

const KEYS: &str = "\
The card (--card FILE) is a TOML file. Bytes are written in hexadecimal.
  kind          file, classic_1k, ultralight, ntag213, ntag215 or ntag216; must be given
  uid           its identifier: 4, 7 or 10 bytes (file), 4 (classic_1k), 7 (the others)
  [faults]      as in the state file, from the beginning
Only a card with files has more:
  interface     contactless (default) or contact
  protocol      t1 (default) or t0: what it speaks over contacts
  extended      true (default): it knows commands of extended length; with t0 it never does
  memory_bytes  room for its files (default 32768)
  pin           what VERIFY must show, filled up as the card wants it; without it no PIN is known
  [domain]      a security domain (SCP03): version (1-127; 255: until it is given others), aid,
                and enc, mac, dek (16, 24 or 32 bytes each)
  [[content]]   a directory: fid (3F00 is the master), aid, active, and its files: fid,
                size_bytes, content, active, read and update (always, pin, secure, never);
                what is not active bars nobody yet";

/// One of each kind, with its use. `config/chips` has a profile for each.
pub(in crate::cli) const EXAMPLES: [(&str, &str); 6] = [
    ("files", FILES),
    ("files behind a PIN (123456, filled up to 8 bytes)", PIN),
    ("a security domain with the keys that everybody knows", DOMAIN),
    ("NTAG215", "kind = \"ntag215\"\n"),
    ("MIFARE Ultralight", "kind = \"ultralight\"\nuid = \"044B4152545581\"\n"),
    ("MIFARE Classic", "kind = \"classic_1k\"\nuid = \"5A4B4152\"\nfaults = { slow_ms = 5 }\n"),
];

const FILES: &str = r#"kind = "file"
interface = "contactless"
extended = false
memory_bytes = 16384
"#;
const PIN: &str = r#"kind = "file"
pin = "313233343536FFFF"
[[content]]
fid = "4B01"
aid = "F04B494101"
files = [{ fid = "0101", size_bytes = 64, update = "pin", active = true }]
"#;
const DOMAIN: &str = r#"kind = "file"
[domain]
version = 48
enc = "404142434445464748494A4B4C4D4E4F"
mac = "404142434445464748494A4B4C4D4E4F"
dek = "404142434445464748494A4B4C4D4E4F"
"#;

/// A command's own help, followed by the description of the file.
pub(super) fn help(own: &str) -> String {
    let examples = EXAMPLES.map(|(what, text)| {
        let lines: String = text.lines().map(|line| format!("\n    {line}")).collect();
        format!("\n  Example: {what}{lines}")
    });
    format!("{own}\n\n{KEYS}{}", examples.concat())
}

/// The JSON objects in a help text that are examples of a state file, one at the beginning of each line.
#[cfg(test)]
pub(super) fn objects(help: &str) -> Vec<serde_json::Value> {
    let lines =
        help.lines().filter_map(|line| line.strip_prefix("  ").filter(|l| l.starts_with('{')));
    let first = |line: &str| serde_json::Deserializer::from_str(line).into_iter().next();
    lines.filter_map(first).map(|object| object.expect("an example is JSON")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use emulators::card::{CardSettings, DomainSettings};
    use serde::de::DeserializeOwned;

    use super::*;

    #[test]
    fn every_example_of_a_card_is_one() {
        let help = help("") + "\n";
        for (what, text) in EXAMPLES {
            let settings: CardSettings = toml::from_str(text).unwrap();
            settings.make().unwrap_or_else(|why| panic!("{what}: {why}"));
            let shown = text.lines().all(|line| help.contains(&format!("\n    {line}\n")));
            assert!(shown, "{what} stands in the help");
        }
    }

    /// The keys of a table, as serde lists them in the error for an unknown key.
    fn known<T: DeserializeOwned>(text: &str) -> Vec<String> {
        let why =
            toml::from_str::<T>(&format!("{text}\nno-such-key = 1\n")).err().unwrap().to_string();
        let listed = why.split_once("expected").unwrap_or_else(|| panic!("{why}")).1;
        listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_key_of_a_card_stands_in_the_help() {
        let mut keys = known::<CardSettings>("kind = \"file\"");
        keys.extend(known::<DomainSettings>(""));
        keys.extend(known::<emulators::card::Directory>(""));
        keys.extend(known::<emulators::card::File>(""));
        keys.extend(known::<CardSettings>("kind = \"ntag213\""));
        keys.extend(
            toml::from_str::<CardSettings>("kind = \"\"")
                .err()
                .unwrap()
                .to_string()
                .split('`')
                .skip(3)
                .step_by(2)
                .map(str::to_owned),
        );
        assert!(keys.len() > 20, "{keys:?}");
        let told =
            |key: &String| KEYS.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == key);
        let untold: Vec<_> = keys.iter().filter(|key| !told(key)).collect();
        assert!(untold.is_empty(), "{untold:?} of {keys:?}");
    }
}
