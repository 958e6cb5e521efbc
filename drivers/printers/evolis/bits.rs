//! Every bit of every status word with its name and its class: 4 words of 32 bits and up to 4 extension words. Knows no
//! wire. `troubles.rs` says which bits an operator must see.
//!
//! Source: Evolis wire notes, section 2 (256 of 256 bits measured through the maker's SDK; the notes do not name most
//! bits of the extension words, so these are shown by number).

use super::status::{EXTENSIONS, NEXT_EXTENSION, StatusWords, config, error, information, warning};
use super::troubles;
use crate::contract::{Level, Trouble};
use crate::text::Text;

/// The status word that has a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Config,
    Information,
    Warning,
    Error,
    /// Number of the extension word, from 1.
    Extension(usize),
}

/// Text in the order of the wire.
pub const WORDS: [Word; 8] = [
    Word::Config,
    Word::Information,
    Word::Warning,
    Word::Error,
    Word::Extension(1),
    Word::Extension(2),
    Word::Extension(3),
    Word::Extension(4),
];

/// The meaning of a bit, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What kind of machine it is and which options are fitted.
    Option,
    /// What it is doing, who has reserved it, where a card is.
    State,
    /// A trouble that an operator must see; of this level.
    Trouble(Level),
    /// Good to know; nothing needs to be done.
    Information,
    /// The notes do not name it.
    Unnamed,
}

impl Class {
    /// The class's name, for a technician.
    pub fn name(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::State => "state",
            Self::Trouble(Level::Error) => "error",
            Self::Trouble(Level::Warning) => "warning",
            Self::Trouble(Level::Report) => "report",
            Self::Information => "information",
            Self::Unnamed => "unnamed",
        }
    }
}

/// One bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bit {
    /// Its word.
    pub word: Word,
    /// Its mask.
    pub mask: u32,
}

/// The bits that are set, in the order of the wire, highest first.
pub fn set(words: &StatusWords, extensions: &[u32]) -> impl DoubleEndedIterator<Item = Bit> {
    let word = |place: usize| extensions.get(place).copied().unwrap_or(0);
    let all = [
        words.config,
        words.information,
        words.warning,
        words.error,
        word(0),
        word(1),
        word(2),
        word(3),
    ];
    WORDS.into_iter().zip(all).flat_map(|(word, bits)| {
        (0..32)
            .map(|place| NEXT_EXTENSION >> place)
            .filter(move |mask| bits & mask != 0)
            .map(move |mask| Bit { word, mask })
    })
}

impl Bit {
    /// The maker's name without its prefix; empty when the notes give none.
    pub fn name(self) -> &'static str {
        let table = match self.word {
            Word::Config => &config::TABLE,
            Word::Information => &information::TABLE,
            Word::Warning => &warning::TABLE,
            Word::Error => &error::TABLE,
            Word::Extension(number) => {
                if self.mask == NEXT_EXTENSION {
                    return "NEXT_EXTENSION";
                }
                let named =
                    EXTENSIONS.iter().find(|(word, mask, _)| (*word, *mask) == (number, self.mask));
                return named.map_or("", |(_, _, name)| name);
            }
        };
        let named = table.iter().find(|(mask, _)| *mask == self.mask).map_or("", |(_, name)| name);
        if named.starts_with("UNNAMED") { "" } else { named }
    }

    /// Word and name as displayed: `WARNING.COVER_OPEN`, `EXTENSION_2.bit 17` (0 is the highest).
    pub fn label(self) -> String {
        let word = match self.word {
            Word::Config => "CONFIG",
            Word::Information => "INFORMATION",
            Word::Warning => "WARNING",
            Word::Error => "ERROR",
            Word::Extension(number) => return self.with_name(&format!("EXTENSION_{number}")),
        };
        self.with_name(word)
    }

    fn with_name(self, word: &str) -> String {
        match self.name() {
            "" => format!("{word}.bit {}", self.mask.leading_zeros()),
            name => format!("{word}.{name}"),
        }
    }

    /// Its class.
    pub fn class(self) -> Class {
        if let Some(row) = troubles::row_of(self.word, self.mask) {
            return Class::Trouble(row.level);
        }
        if self.name().is_empty() {
            return Class::Unnamed;
        }
        match self.word {
            Word::Config | Word::Extension(_) => Class::Option,
            Word::Information if self.mask & STATES != 0 => Class::State,
            _ => Class::Information,
        }
    }

    /// The trouble that it stands for, if any.
    pub fn trouble(self) -> Option<Trouble> {
        let row = troubles::row_of(self.word, self.mask)?;
        Some(Trouble {
            keyword: row.keyword,
            level: row.level,
            words: row.words(),
            vendor_code: self.name(),
        })
    }

    /// Its meaning; `None` if the notes do not name it.
    pub fn words(self) -> Option<Text> {
        if let Some(row) = troubles::row_of(self.word, self.mask) {
            return Some(row.words());
        }
        let rows: &[(u32, &str, &str)] = match self.word {
            Word::Config => OPTIONS,
            Word::Information => NOTES,
            Word::Extension(_) if self.mask == NEXT_EXTENSION => EXTENDED,
            Word::Extension(1) => FITTED,
            Word::Warning | Word::Error | Word::Extension(_) => &[],
        };
        let (_, id, en) = rows.iter().find(|(mask, ..)| *mask == self.mask)?;
        Some(Text::fixed(id, en))
    }
}

/// Bits that say what the machine is doing, who has reserved it and where a card is.
const STATES: u32 = {
    use information::*;
    CLAIM
        | CARD_HOPPER
        | CARD_FEEDER
        | CARD_FLIP
        | CARD_CONTACTLESS
        | CARD_SMART
        | CARD_PRINT
        | CARD_EJECT
        | PRINTER_MASTER
        | PCSVC_LOCKED
        | SLEEP_MODE
        | RESET
        | PRINTING_RUNNING
        | ENCODING_RUNNING
        | CLEANING_RUNNING
        | BUSY
};

#[rustfmt::skip]
const OPTIONS: &[(u32, &str, &str)] = &[
    (config::X01, "Keluarga X01 (Primacy, KC).", "Family X01 (Primacy, KC)."),
    (config::X02, "Keluarga X02 (Zenius).", "Family X02 (Zenius)."),
    (config::R02, "Keluarga R02 (Agilia).", "Family R02 (Agilia)."),
    (config::X04, "Keluarga X04 (Elypso).", "Family X04 (Elypso)."),
    (config::EXTENSION_1, "Ada kata status tambahan.", "There are more status words."),
    (config::S01, "Keluarga S01 (Badgy, Apteo).", "Family S01 (Badgy, Apteo)."),
    (config::X20, "Keluarga X20 (Primacy 2).", "Family X20 (Primacy 2)."),
    (config::KC200, "KC200.", "KC200."),
    (config::WIFI, "Terpasang Wi-Fi.", "Wi-Fi is fitted."),
    (config::ETHERNET, "Terpasang Ethernet.", "Ethernet is fitted."),
    (config::USB_OVER_IP, "USB lewat jaringan.", "USB over the network."),
    (config::FLIP, "Dapat membalik kartu.", "It can turn a card over."),
    (config::CONTACTLESS, "Terpasang stasiun nirsentuh.", "A contactless station is fitted."),
    (config::SMART, "Terpasang stasiun cip.", "A contact chip station is fitted."),
    (config::MAGNETIC, "Terpasang kepala magnetik.", "A magnetic head is fitted."),
    (config::REWRITE, "Dapat mencetak ulang kartu termal.", "It can rewrite thermal cards."),
    (config::FEED_MANUALLY, "Kartu dimasukkan dengan tangan.", "Cards are fed by hand."),
    (config::FEED_BY_CDE, "Kartu dimasukkan atas perintah.", "Cards are fed on command."),
    (config::FEED_BY_FEEDER, "Kartu diambil dari wadah masuk.", "Cards are taken from the feeder."),
    (config::EJECT_REVERSE, "Kartu keluar ke belakang.", "Cards are let out backwards."),
    (config::FEED_CDE_REVERSE, "Kartu masuk dari belakang atas perintah.", "Cards are fed from behind on command."),
    (config::EXTENDED_RESOLUTION, "Resolusi lebih tinggi tersedia.", "A higher resolution is available."),
    (config::LCD, "Terpasang layar.", "A display is fitted."),
    (config::LOCK, "Terpasang kunci.", "A lock is fitted."),
    (config::OEM, "Dijual dengan merek lain.", "Sold under another brand."),
    (config::JIS_MAG_HEAD, "Kepala magnetik JIS.", "The magnetic head is a JIS one."),
    (config::REJECT_SLOT, "Ada celah kartu gagal.", "There is a slot for rejected cards."),
    (config::IO_EXT, "Terpasang sambungan tambahan.", "Further connections are fitted."),
    (config::MONO_ONLY, "Hanya satu warna.", "It prints one colour only."),
    (config::KC100, "KC100.", "KC100."),
    (config::KINE, "Terpasang Kineclipse.", "Kineclipse is fitted."),
    (config::WIFI_ENA, "Wi-Fi menyala.", "Wi-Fi is switched on."),
];

#[rustfmt::skip]
const NOTES: &[(u32, &str, &str)] = &[
    (information::CLAIM, "Dimiliki sebuah pekerjaan.", "A job owns it."),
    (information::CARD_HOPPER, "Ada kartu di wadah keluar.", "A card is in the output hopper."),
    (information::CARD_FEEDER, "Ada kartu di wadah masuk.", "A card is in the feeder."),
    (information::CARD_FLIP, "Ada kartu di pembalik.", "A card is in the flipper."),
    (information::CARD_CONTACTLESS, "Ada kartu di stasiun nirsentuh.", "A card is at the contactless station."),
    (information::CARD_SMART, "Ada kartu di stasiun cip.", "A card is at the contact chip station."),
    (information::CARD_PRINT, "Ada kartu di bawah kepala cetak.", "A card is under the print head."),
    (information::CARD_EJECT, "Ada kartu di jalan keluar.", "A card is at the exit."),
    (information::PRINTER_MASTER, "Printer menangani gangguan sendiri (Pem;0).", "The printer handles errors by itself (Pem;0)."),
    (information::PCSVC_LOCKED, "Dikunci perangkat lunak pembuatnya.", "Locked by the maker's software."),
    (information::SLEEP_MODE, "Tidur; perintah berikutnya membangunkannya.", "Asleep; the next command wakes it."),
    (information::RESET, "Baru dinyalakan.", "It has just started."),
    (information::CLEAN_2ND_PASS, "Pembersihan menunggu kartu kedua.", "Cleaning waits for its second card."),
    (information::READY_FOR_CLEANING, "Siap dibersihkan.", "Ready to be cleaned."),
    (information::RIBBON_CHANGED, "Pita telah diganti.", "The ribbon was changed."),
    (information::PRINTING_RUNNING, "Sedang mencetak.", "It is printing."),
    (information::ENCODING_RUNNING, "Sedang menulis kartu.", "It is encoding."),
    (information::CLEANING_RUNNING, "Sedang dibersihkan.", "It is being cleaned."),
    (information::SYNCH_PRINT_CENTER, "Diselaraskan dengan perangkat lunak pembuatnya.", "In step with the maker's software."),
    (information::BUSY, "Sibuk.", "Busy."),
];

const EXTENDED: &[(u32, &str, &str)] =
    &[(NEXT_EXTENSION, "Ada kata status berikutnya.", "Another status word follows.")];

#[rustfmt::skip]
const FITTED: &[(u32, &str, &str)] = &[
    (0x0200_0000, "Terpasang pemindai.", "A scanner is fitted."),
    (0x0008_0000, "Terpasang pelapis (laminator).", "A laminator is fitted."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Bit> {
        let words = StatusWords { config: !0, information: !0, warning: !0, error: !0 };
        set(&words, &[!0; 4]).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn every_bit_of_every_word_has_a_class_and_a_label_of_its_own() {
        let labels: std::collections::BTreeSet<String> = all().map(Bit::label).collect();
        assert_eq!((all().count(), labels.len()), (256, 256));
        for bit in all() {
            let named = !bit.name().is_empty();
            assert_eq!(bit.class() != Class::Unnamed, named, "{}", bit.label());
            assert_eq!(bit.words().is_some(), named, "{}", bit.label());
            if let Some(words) = bit.words() {
                assert!(words.id.ends_with('.') && words.en.ends_with('.'), "{}", bit.label());
            }
            match (bit.word, bit.class()) {
                (Word::Config, class) => assert_eq!(class, Class::Option, "{}", bit.label()),
                (Word::Warning | Word::Error, class) => {
                    assert!(matches!(class, Class::Trouble(_) | Class::Unnamed), "{}", bit.label());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn the_classes_are_as_many_as_the_notes_name() {
        let count = |wanted: fn(Class) -> bool| all().filter(|bit| wanted(bit.class())).count();
        assert_eq!(count(|class| class == Class::Option), 32 + 4 + 2);
        assert_eq!(count(|class| class == Class::State), 16);
        assert_eq!(count(|class| class == Class::Information), 4);
        // 21 warnings, 25 errors, 12 notices, 2 of the extensions.
        assert_eq!(count(|class| matches!(class, Class::Trouble(_))), 60);
        assert_eq!(count(|class| class == Class::Unnamed), 11 + 7 + 4 * 31 - 4);
    }

    #[test]
    fn bits_come_in_the_order_of_the_wire_and_by_name_or_number() {
        let words = StatusWords { error: 1, warning: warning::COVER_OPEN, ..Default::default() };
        let labels: Vec<_> = set(&words, &[0x100, 0x4000]).map(Bit::label).collect();
        let want = [
            "WARNING.COVER_OPEN",
            "ERROR.HARDWARE",
            "EXTENSION_1.FEEDER_NEAR_EMPTY",
            "EXTENSION_2.bit 17",
        ];
        assert_eq!(labels, want);
    }
}
