//! The status words: 4 x 32 bits that come with every answer, each bit by its name. Knows no command.
//!
//! Source of names and bits: Evolis wire notes, section 2, measured flag by flag through the maker's SDK. `troubles.rs`
//! has the effect of each bit on printing.

use crate::contract::Stop;

/// The four words, in the order of the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusWords {
    /// Options of the machine.
    pub config: u32,
    /// Positions of cards, and current activity.
    pub information: u32,
    /// Needs attention, or soon will.
    pub warning: u32,
    /// Has failed.
    pub error: u32,
}

impl StatusWords {
    /// Length on the wire.
    pub const BYTES: usize = 16;

    /// Decodes four big-endian words.
    pub fn parse(bytes: &[u8; Self::BYTES]) -> Self {
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self { config: word(0), information: word(4), warning: word(8), error: word(12) }
    }

    /// Encodes the words.
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.config, self.information, self.warning, self.error];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Does a job own the machine? The job's `Pcla;1` sets it; it is cleared when the job is finished or dropped.
    pub fn claimed(&self) -> bool {
        self.information & information::CLAIM != 0
    }

    /// Does a sensor detect a card between feeder and hopper?
    ///
    /// `CARD_FEEDER` and `CARD_HOPPER` do not count: cards belong there.
    pub fn card_inside(&self) -> bool {
        use information::{CARD_CONTACTLESS, CARD_EJECT, CARD_FLIP, CARD_PRINT, CARD_SMART};
        self.information & (CARD_FLIP | CARD_CONTACTLESS | CARD_SMART | CARD_PRINT | CARD_EJECT)
            != 0
    }

    /// Is it printing, encoding, cleaning or updating itself now? A job that owns it may nevertheless be waiting.
    ///
    /// `SLEEP_MODE` does not count: the next command wakes the machine.
    pub fn at_work(&self) -> bool {
        use information::{
            BUSY, CLEANING_RUNNING, ENCODING_RUNNING, PRINTING_RUNNING, UPDATING_FIRMWARE,
        };
        let work =
            BUSY | PRINTING_RUNNING | ENCODING_RUNNING | CLEANING_RUNNING | UPDATING_FIRMWARE;
        self.information & work != 0
    }

    /// Does a sensor detect a card that is not yet at the exit?
    pub fn card_before_exit(&self) -> bool {
        Self { information: self.information & !information::CARD_EJECT, ..*self }.card_inside()
    }

    /// Has it been switched on, or restarted, and not been used since?
    ///
    /// The notes give the position of `RESET` and "just booted", no more. It is a guess, which the emulated machine
    /// shares, that a query leaves the bit set and that an acting command (the reservation is a driver's first) clears
    /// it. So a set bit is trusted, and a clear one proves nothing.
    pub fn restarted(&self) -> bool {
        self.information & information::RESET != 0
    }

    /// Was it switched on, or did it restart, since it reported `before`?
    pub fn restarted_since(&self, before: &StatusWords) -> bool {
        self.restarted() && !before.restarted()
    }
}

/// One word as constants by name, and as a table.
macro_rules! word {
    ($(#[$doc:meta])* $word:ident: $($mask:literal $name:ident,)*) => {
        $(#[$doc])*
        pub mod $word {
            $(
                #[doc = concat!("The bit of the maker's name `", stringify!($name), "`.")]
                pub const $name: u32 = $mask;
            )*

            /// Mask and name of every bit, from the highest.
            pub const TABLE: [(u32, &str); 32] = [$(($mask, stringify!($name)),)*];
        }
    };
}

word! {
    /// Options of the machine, and its interfaces.
    config:
    0x8000_0000 X01,
    0x4000_0000 X02,
    0x2000_0000 R02,
    0x1000_0000 X04,
    0x0800_0000 EXTENSION_1,
    0x0400_0000 S01,
    0x0200_0000 X20,
    0x0100_0000 KC200,
    0x0080_0000 WIFI,
    0x0040_0000 ETHERNET,
    0x0020_0000 USB_OVER_IP,
    0x0010_0000 FLIP,
    0x0008_0000 CONTACTLESS,
    0x0004_0000 SMART,
    0x0002_0000 MAGNETIC,
    0x0001_0000 REWRITE,
    0x0000_8000 FEED_MANUALLY,
    0x0000_4000 FEED_BY_CDE,
    0x0000_2000 FEED_BY_FEEDER,
    0x0000_1000 EJECT_REVERSE,
    0x0000_0800 FEED_CDE_REVERSE,
    0x0000_0400 EXTENDED_RESOLUTION,
    0x0000_0200 LCD,
    0x0000_0100 LOCK,
    0x0000_0080 OEM,
    0x0000_0040 JIS_MAG_HEAD,
    0x0000_0020 REJECT_SLOT,
    0x0000_0010 IO_EXT,
    0x0000_0008 MONO_ONLY,
    0x0000_0004 KC100,
    0x0000_0002 KINE,
    0x0000_0001 WIFI_ENA,
}

word! {
    /// Positions of cards, and current activity.
    information:
    0x8000_0000 CLAIM,
    0x4000_0000 CARD_HOPPER,
    0x2000_0000 CARD_FEEDER,
    0x1000_0000 CARD_FLIP,
    0x0800_0000 CARD_CONTACTLESS,
    0x0400_0000 CARD_SMART,
    0x0200_0000 CARD_PRINT,
    0x0100_0000 CARD_EJECT,
    0x0080_0000 PRINTER_MASTER,
    0x0040_0000 PCSVC_LOCKED,
    0x0020_0000 SLEEP_MODE,
    0x0010_0000 UNKNOWN_RIBBON,
    0x0008_0000 RIBBON_LOW,
    0x0004_0000 CLEANING_MANDATORY,
    0x0002_0000 CLEANING,
    0x0001_0000 RESET,
    0x0000_8000 CLEAN_OUTWARRANTY,
    0x0000_4000 CLEAN_LAST_OUTWARRANTY,
    0x0000_2000 CLEAN_2ND_PASS,
    0x0000_1000 READY_FOR_CLEANING,
    0x0000_0800 CLEANING_ADVANCED,
    0x0000_0400 WRONG_ZONE_RIBBON,
    0x0000_0200 RIBBON_CHANGED,
    0x0000_0100 CLEANING_REQUIRED,
    0x0000_0080 PRINTING_RUNNING,
    0x0000_0040 ENCODING_RUNNING,
    0x0000_0020 CLEANING_RUNNING,
    0x0000_0010 WRONG_ZONE_ALERT,
    0x0000_0008 WRONG_ZONE_EXPIRED,
    0x0000_0004 SYNCH_PRINT_CENTER,
    0x0000_0002 UPDATING_FIRMWARE,
    0x0000_0001 BUSY,
}

word! {
    /// Needs attention, or soon will.
    warning:
    0x8000_0000 POWER_SUPPLY,
    0x4000_0000 REMOVE_RIBBON,
    0x2000_0000 UNNAMED_2,
    0x1000_0000 RECEPTACLE_OPEN,
    0x0800_0000 REJECT_BOX_FULL,
    0x0400_0000 CARD_ON_EJECT,
    0x0200_0000 WAIT_CARD,
    0x0100_0000 FEEDER_EMPTY,
    0x0080_0000 UNNAMED_8,
    0x0040_0000 UNNAMED_9,
    0x0020_0000 COOLING,
    0x0010_0000 HOPPER_FULL,
    0x0008_0000 RIBBON_ENDED,
    0x0004_0000 PRINTER_LOCKED,
    0x0002_0000 COVER_OPEN,
    0x0001_0000 NO_RIBBON,
    0x0000_8000 UNSUPPORTED_RIBBON,
    0x0000_4000 UNNAMED_17,
    0x0000_2000 NO_CLEAR,
    0x0000_1000 CLEAR_END,
    0x0000_0800 CLEAR_UNSUPPORTED,
    0x0000_0400 REJECT_BOX_COVER_OPEN,
    0x0000_0200 INF_RIBBON_COMPATIBLE,
    0x0000_0100 FEEDER_OPEN,
    0x0000_0080 UNNAMED_24,
    0x0000_0040 UNNAMED_25,
    0x0000_0020 UNNAMED_26,
    0x0000_0010 UNNAMED_27,
    0x0000_0008 UNNAMED_28,
    0x0000_0004 UNNAMED_29,
    0x0000_0002 UNNAMED_30,
    0x0000_0001 EPS_NO_AUTO,
}

word! {
    /// Has failed.
    error:
    0x8000_0000 UNNAMED_0,
    0x4000_0000 UNNAMED_1,
    0x2000_0000 HEAD_TEMP,
    0x1000_0000 NO_OPTION,
    0x0800_0000 FEEDER_ERROR,
    0x0400_0000 RIBBON_ERROR,
    0x0200_0000 COVER_OPEN,
    0x0100_0000 MECHANICAL,
    0x0080_0000 REJECT_BOX_FULL,
    0x0040_0000 BAD_RIBBON,
    0x0020_0000 RIBBON_ENDED,
    0x0010_0000 HOPPER_FULL,
    0x0008_0000 BLANK_TRACK,
    0x0004_0000 MAGNETIC_DATA,
    0x0002_0000 READ_MAGNETIC,
    0x0001_0000 WRITE_MAGNETIC,
    0x0000_8000 FEATURE,
    0x0000_4000 RET_TEMPERATURE,
    0x0000_2000 CLEAR_ERROR,
    0x0000_1000 CLEAR_ENDED,
    0x0000_0800 BAD_CLEAR,
    0x0000_0400 REJECT_BOX_COVER_OPEN,
    0x0000_0200 CARD_ON_EJECT,
    0x0000_0100 NO_CARD_INSERTED,
    0x0000_0080 FEEDER_OPEN,
    0x0000_0040 INTERNAL_PRINTER,
    0x0000_0020 UNNAMED_26,
    0x0000_0010 UNNAMED_27,
    0x0000_0008 UNNAMED_28,
    0x0000_0004 UNNAMED_29,
    0x0000_0002 UNNAMED_30,
    0x0000_0001 HARDWARE,
}

/// In every extension word the highest bit announces the next one.
pub const NEXT_EXTENSION: u32 = 0x8000_0000;

/// The bits of the extension words that the notes name: word (from 1), mask, name.
pub const EXTENSIONS: [(usize, u32, &str); 4] = [
    (1, 0x0200_0000, "SCANNER"),
    (1, 0x0008_0000, "LAMINATOR"),
    (1, 0x0000_0100, "FEEDER_NEAR_EMPTY"),
    (3, 0x0000_0004, "PHYSICAL_COVER_OPEN"),
];

/// The option bit of [`config`] for the position of this stop; `None`: every machine has it.
pub fn station(stop: Stop) -> Option<u32> {
    match stop {
        Stop::Print => None,
        Stop::Contact => Some(config::SMART),
        Stop::Contactless => Some(config::CONTACTLESS),
        Stop::Magnetic => Some(config::MAGNETIC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_no_work_and_a_claim_alone_is_none_either() {
        for (mask, name) in information::TABLE {
            let words = StatusWords { information: mask, ..StatusWords::default() };
            let work = name == "BUSY" || name.ends_with("_RUNNING") || name == "UPDATING_FIRMWARE";
            assert_eq!(words.at_work(), work, "{name}");
        }
    }

    #[test]
    fn a_card_at_the_exit_is_inside_but_not_before_the_exit() {
        let words = |information| StatusWords { information, ..StatusWords::default() };
        let at_exit = words(information::CARD_EJECT);
        assert!(at_exit.card_inside() && !at_exit.card_before_exit());
        assert!(words(information::CARD_PRINT).card_before_exit());
        assert!(!words(information::CARD_FEEDER | information::CARD_HOPPER).card_inside());
    }

    #[test]
    fn every_bit_of_every_word_has_its_own_mask_and_name() {
        for table in [config::TABLE, information::TABLE, warning::TABLE, error::TABLE] {
            for (place, (mask, name)) in table.iter().enumerate() {
                assert_eq!(*mask, 0x8000_0000 >> place, "{name}");
                assert!(table[..place].iter().all(|(_, earlier)| earlier != name), "{name} twice");
            }
        }
    }

    #[test]
    fn words_go_over_the_wire_byte_for_byte() {
        let words = StatusWords {
            config: config::X01 | config::FLIP,
            information: information::CLAIM,
            warning: warning::FEEDER_EMPTY,
            error: error::COVER_OPEN | error::HARDWARE,
        };
        let bytes = [0x80, 0x10, 0, 0, 0x80, 0, 0, 0, 0x01, 0, 0, 0, 0x02, 0, 0, 0x01];
        assert_eq!(words.emit(), bytes);
        assert_eq!(StatusWords::parse(&bytes), words);
    }

    #[test]
    fn any_bit_survives_the_wire() {
        for bit in 0..128 {
            let mut bytes = [0; 16];
            bytes[bit / 8] = 0x80 >> (bit % 8);
            assert_eq!(StatusWords::parse(&bytes).emit(), bytes);
        }
    }
}
