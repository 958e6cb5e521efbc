//! Sets one text in a TOML file and leaves everything else of it as it stands, comments too.

use std::io;
use std::path::Path;

use drivers::private_file;
use toml_edit::{DocumentMut, Item, Table, Value};

/// The same text with this value at `[section] key`; `section` may be empty, or name tables within tables by dots.
///
/// # Errors
/// The text is no TOML, or something else than a table or a value stands there.
pub(super) fn with_text(
    text: &str,
    section: &str,
    key: &str,
    value: &str,
) -> Result<String, &'static str> {
    let mut document: DocumentMut = text.parse().map_err(|_| "it is no TOML")?;
    let mut table = document.as_table_mut();
    for name in section.split('.').filter(|name| !name.is_empty()) {
        let section = table.entry(name).or_insert(Item::Table(Table::new()));
        table = section.as_table_mut().ok_or("a section is no table")?;
    }
    let item = table.entry(key).or_insert(Item::Value(Value::from("")));
    let old = item.as_value_mut().ok_or("a key is no value")?;
    // The comment behind a value belongs to the value.
    let decor = old.decor().clone();
    *old = Value::from(value);
    *old.decor_mut() = decor;
    Ok(document.to_string())
}

/// Replaces a file, whole or not at all; its owner and its mode stay.
pub(super) fn rewrite(path: &Path, text: &str) -> io::Result<()> {
    // A symbolic link stays one.
    private_file::replace_same_access(&std::fs::canonicalize(path)?, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_of_the_shipped_configuration_changes() {
        let shipped = include_str!("../../../config/kartud.toml");
        let edited = with_text(shipped, "printer", "address", "usb:serial=1").unwrap();
        let changed: Vec<_> = shipped.lines().zip(edited.lines()).filter(|(a, b)| a != b).collect();
        let [(before, after)] = changed.as_slice() else { panic!("{changed:#?}") };
        assert_eq!(before.replace("address = \"\"", "address = \"usb:serial=1\""), **after);
        assert_eq!(shipped.lines().count(), edited.lines().count());
        let edited = with_text(shipped, "printer.emulator", "folder", "/srv/cards").unwrap();
        let changed: Vec<_> = shipped.lines().zip(edited.lines()).filter(|(a, b)| a != b).collect();
        let [(before, after)] = changed.as_slice() else { panic!("{changed:#?}") };
        assert_eq!(before.replace("\"cards\"", "\"/srv/cards\""), **after);
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_no_value_is_left() {
        let added = with_text("[station]\nname = \"a\" # b\n", "office", "profile", "o.toml");
        assert_eq!(
            added.as_deref(),
            Ok("[station]\nname = \"a\" # b\n\n[office]\nprofile = \"o.toml\"\n")
        );
        assert_eq!(
            with_text("a = 1 # c\n", "", "a", "it's \"b\"").and_then(|text| {
                let read: toml::Table = text.parse().map_err(|_| "no TOML")?;
                Ok((read["a"].as_str() == Some("it's \"b\""), text.ends_with(" # c\n")))
            }),
            Ok((true, true))
        );
        assert!(with_text("printer = 7\n", "printer", "address", "x").is_err());
        assert!(with_text("[printer.address]\n", "printer", "address", "x").is_err());
        assert!(with_text("[", "", "a", "x").is_err());
    }
}
