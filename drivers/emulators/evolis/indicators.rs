//! The emulated machine's current status words (Evolis wire notes, section 2), and its options. Knows no command.

use super::Machine;
use super::mechanics::{Mechanics, Work};
use super::places::{Exit, Place};
use crate::evolis::EvolisSettings;
use crate::machine::EmulationError;
use drivers::models::Model;
use drivers::printers::evolis::Wire;
use drivers::printers::evolis::status::{StatusWords, config, information, warning};

/// Most extension words on the wire.
const EXTENSIONS: usize = 4;
/// In each extension word: another one follows.
const MORE_EXTENSIONS: u32 = 0x8000_0000;
/// Options whose bits are in the first extension word.
const EXTENSION_OPTIONS: [(&str, u32); 2] = [("SCANNER", 0x0200_0000), ("LAMINATOR", 0x0008_0000)];

/// The fitted options: a CONFIG word and the first extension word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    config: u32,
    extension: u32,
}

impl Options {
    /// The model's options, with those that the settings add or remove.
    ///
    /// # Errors
    /// [`EmulationError::Unknown`] for a name that is no option, and for a model that is not known here.
    pub fn of(model: &Model<Wire>, settings: &EvolisSettings) -> Result<Self, EmulationError> {
        let mut options = Self { config: own_options(model)?, extension: 0 };
        for (names, fitted) in [(&settings.fitted, true), (&settings.not_fitted, false)] {
            for name in names {
                options.fit(name, fitted)?;
            }
        }
        Ok(options)
    }

    fn fit(&mut self, name: &str, fitted: bool) -> Result<(), EmulationError> {
        let in_config =
            config::TABLE.iter().find(|(_, known)| *known == name).map(|(mask, _)| *mask);
        let in_extension =
            EXTENSION_OPTIONS.iter().find(|(known, _)| *known == name).map(|(_, mask)| *mask);
        let (word, mask) = match (in_config, in_extension) {
            (Some(mask), _) => (&mut self.config, mask),
            (None, Some(mask)) => (&mut self.extension, mask),
            (None, None) => {
                return Err(EmulationError::Unknown {
                    what: "Evolis option",
                    name: name.to_owned(),
                    known: "known: FLIP, MAGNETIC, JIS_MAG_HEAD, SMART, CONTACTLESS, LCD, LOCK, \
                            WIFI, SCANNER, LAMINATOR and the other names of the CONFIG word"
                        .to_owned(),
                });
            }
        };
        *word = if fitted { *word | mask } else { *word & !mask };
        Ok(())
    }

    /// Is this bit of the CONFIG word fitted?
    pub fn has(&self, mask: u32) -> bool {
        self.config & mask != 0
    }

    /// Can it turn a card over?
    pub fn flips(&self) -> bool {
        self.has(config::FLIP)
    }

    /// Does it have a scanner?
    pub fn scans(&self) -> bool {
        self.extension & EXTENSION_OPTIONS[0].1 != 0
    }
}

/// Each model's generation in the CONFIG word, and whether it has a flipper. A model that is not listed here cannot be
/// emulated.
const OWN: [(&str, u32, bool); 8] = [
    ("Primacy", config::X01, true),
    ("Primacy 2", config::X20, true),
    ("Zenius", config::X02, false),
    ("Zenius 2 Classic", config::X02, false),
    ("Badgy100", config::S01, false),
    ("Badgy200", config::S01, false),
    ("Elypso", config::X04, true),
    ("KC200", config::X01 | config::KC200, false),
];

/// Generation, interfaces and options. A magnetic head is fitted only where the job's header names one.
fn own_options(model: &Model<Wire>) -> Result<u32, EmulationError> {
    let own = OWN.iter().find(|(name, ..)| *name == model.name);
    let (_, generation, flips) = own.ok_or_else(|| EmulationError::Unknown {
        what: "Evolis model",
        name: model.name.clone(),
        known: "what it has does not stand in `OWN` of the emulator yet".to_owned(),
    })?;
    let mut fitted = generation | config::ETHERNET | config::FEED_BY_FEEDER;
    if *flips {
        fitted |= config::FLIP;
    }
    if model.wire.encoding.starts_with("Pmc") {
        fitted |= config::MAGNETIC | config::SMART | config::CONTACTLESS;
    }
    Ok(fitted)
}

impl Machine {
    /// The words and the extension words.
    pub(super) fn status(&self) -> (StatusWords, Vec<u32>) {
        let planned = &self.mechanics.planned;
        let mut words = StatusWords {
            config: self.options.config,
            information: self.information(),
            warning: warnings(&self.mechanics),
            error: self.mechanics.errors,
        };
        words.config |= planned.forced.config;
        words.information |= planned.forced.information;
        words.warning |= planned.forced.warning;
        words.error |= planned.forced.error;
        let mut extensions = planned.forced_extensions;
        extensions[0] |= self.options.extension;
        let mut count = extensions.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        // A host trusts the bit that announces another word.
        if words.config & config::EXTENSION_1 != 0 {
            count = count.max(1);
        }
        while count > 0 && count < EXTENSIONS && extensions[count - 1] & MORE_EXTENSIONS != 0 {
            count += 1;
        }
        if count > 0 {
            words.config |= config::EXTENSION_1;
            extensions[..count - 1].iter_mut().for_each(|word| *word |= MORE_EXTENSIONS);
        }
        (words, extensions[..count].to_vec())
    }

    fn information(&self) -> u32 {
        use information::{
            BUSY, CARD_CONTACTLESS, CARD_EJECT, CARD_FLIP, CARD_PRINT, CARD_SMART, CLAIM,
            CLEAN_OUTWARRANTY, CLEANING, CLEANING_MANDATORY, CLEANING_RUNNING, ENCODING_RUNNING,
            PRINTER_MASTER, PRINTING_RUNNING, RESET, RIBBON_LOW, SLEEP_MODE,
        };
        let mechanics = &self.mechanics;
        let work = mechanics.work().map(|(work, _)| work);
        let since_cleaning = self.cards_since_cleaning();
        let advised = u64::from(self.settings.cleaning_advised_after_cards);
        let mandatory = advised + u64::from(self.settings.cleaning_mandatory_after_cards);
        let ribbon = mechanics.supplies.ribbon.is_some();
        let at = |place| mechanics.card_at(place);
        let shown = [
            (mechanics.job.claim, CLAIM),
            (at(Place::Head), CARD_PRINT),
            (at(Place::Contact), CARD_SMART),
            (at(Place::Contactless), CARD_CONTACTLESS),
            (at(Place::Flip), CARD_FLIP),
            (at(Place::Exit), CARD_EJECT),
            (mechanics.printing(), PRINTING_RUNNING),
            (mechanics.printing() || work.is_some(), BUSY),
            (work == Some(Work::Encoding), ENCODING_RUNNING),
            (work == Some(Work::Cleaning), CLEANING_RUNNING),
            (mechanics.handles_errors(), PRINTER_MASTER),
            (ribbon && mechanics.supplies.ribbon_low(&mechanics.memory), RIBBON_LOW),
            (since_cleaning >= advised, CLEANING),
            (since_cleaning >= mandatory, CLEANING_MANDATORY | CLEAN_OUTWARRANTY),
            (self.electronics.reset, RESET),
            (self.electronics.asleep, SLEEP_MODE),
        ];
        shown.iter().filter(|(when, _)| *when).fold(0, |word, (_, bit)| word | bit)
    }

    /// Cards that entered the head since the last cleaning.
    pub(super) fn cards_since_cleaning(&self) -> u64 {
        let memory = &self.mechanics.memory;
        memory.cards_entered.saturating_sub(memory.cleaned_at)
    }
}

fn warnings(mechanics: &Mechanics) -> u32 {
    let (memory, supplies) = (&mechanics.memory, &mechanics.supplies);
    let from_feeder = matches!(mechanics.trays.feed, 'F' | 'B');
    let to_hopper = mechanics.trays.exit(false) == Exit::Hopper;
    let shown = [
        (mechanics.cover_open, warning::COVER_OPEN),
        (mechanics.feeder_open, warning::FEEDER_OPEN),
        (from_feeder && memory.feeder_cards == 0, warning::FEEDER_EMPTY),
        (!from_feeder && mechanics.card.is_none() && !mechanics.card_in_hand, warning::WAIT_CARD),
        (to_hopper && memory.hopper_cards >= supplies.hopper_limit, warning::HOPPER_FULL),
        (memory.rejected_cards >= supplies.reject_limit, warning::REJECT_BOX_FULL),
        (mechanics.card_in_slot, warning::CARD_ON_EJECT),
        (supplies.ribbon.is_none(), warning::NO_RIBBON),
        (supplies.ribbon.is_some() && memory.ribbon_left == 0, warning::RIBBON_ENDED),
        (mechanics.heat.resting(), warning::COOLING),
        (mechanics.locked, warning::PRINTER_LOCKED),
    ];
    shown.iter().filter(|(when, _)| *when).fold(0, |word, (_, bit)| word | bit)
}
