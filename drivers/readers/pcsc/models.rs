//! Reads `models.toml`, the known readers. Knows no PC/SC.

use serde::Deserialize;

use crate::encoder::Interface;

/// One kind of reader.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// The beginning of its name in pcscd.
    name: String,
    /// Its interface, where it is certain.
    pub interface: Option<Interface>,
    /// Most data bytes of one APDU, if its driver does not report it.
    pub data_max_bytes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Model>,
}

/// The known data of the reader with this name.
pub(super) fn find(reader: &str) -> Option<Model> {
    let file: File =
        toml::from_str(include_str!("models.toml")).expect("models.toml is checked by a test");
    file.model.into_iter().find(|model| reader.starts_with(&model.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_known_by_how_their_name_begins() {
        assert_eq!(find("GemPCTwin serial 00 00").unwrap().interface, Some(Interface::Contact));
        let virtual_reader = find("Virtual PCD 00 01").unwrap();
        assert_eq!((virtual_reader.interface, virtual_reader.data_max_bytes), (None, Some(65_536)));
        assert_eq!(find("HID OMNIKEY 5022 00 00"), None);
    }
}
