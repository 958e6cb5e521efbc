//! Faults that are planned for the emulated machine but have not occurred yet. Knows nothing of where they occur.

use serde::{Deserialize, Serialize};

use crate::card::Faults;
use crate::machine::{AnswerFault, JamAt, MagneticFault, SpoiltAnswers, Word};
use drivers::printers::evolis::status::StatusWords;

/// The planned faults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// Where the next card jams.
    pub jam: Option<JamAt>,
    /// The cover opens after so many more panels.
    pub cover_after_panels: Option<u32>,
    /// The ribbon tears after so many more panels.
    pub ribbon_after_panels: Option<u32>,
    /// How the magnetic station fails next.
    pub magnetic: Option<MagneticFault>,
    /// The next chip that comes before a reader.
    pub next_chip: Option<NextChip>,
    /// The power fails after so many more bytes.
    pub power_after_bytes: Option<u64>,
    /// Faults of answers.
    pub answers: Option<SpoiltAnswers>,
    /// Status bits that are shown regardless of the real state.
    pub forced: StatusWords,
    /// The same for the extension words.
    pub forced_extensions: [u32; 4],
}

/// A faulty chip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextChip {
    /// Its faults.
    pub faults: Faults,
}

impl Planned {
    /// Is a jam planned here? If so, it occurs now and is no longer planned.
    pub fn jams_at(&mut self, place: JamAt) -> bool {
        self.jam.take_if(|planned| *planned == place).is_some()
    }

    /// The fault of the answer to the exchange that begins now.
    pub fn next_answer(&mut self) -> Option<AnswerFault> {
        let planned = self.answers.as_mut()?;
        if planned.after > 0 {
            planned.after -= 1;
            return None;
        }
        let how = planned.how;
        planned.times = planned.times.saturating_sub(1);
        if planned.times == 0 {
            self.answers = None;
        }
        Some(how)
    }

    /// Counts a printed panel: does the cover open now, does the ribbon tear now?
    pub fn panel_printed(&mut self) -> (bool, bool) {
        (count_down(&mut self.cover_after_panels), count_down(&mut self.ribbon_after_panels))
    }

    /// Shows these bits of a word from now on; the other bits follow the real state.
    pub fn force(&mut self, word: Word, bits: u32) {
        *match word {
            Word::Config => &mut self.forced.config,
            Word::Information => &mut self.forced.information,
            Word::Warning => &mut self.forced.warning,
            Word::Error => &mut self.forced.error,
            Word::Extension1 => &mut self.forced_extensions[0],
            Word::Extension2 => &mut self.forced_extensions[1],
            Word::Extension3 => &mut self.forced_extensions[2],
            Word::Extension4 => &mut self.forced_extensions[3],
        } = bits;
    }
}

fn count_down(left: &mut Option<u32>) -> bool {
    let Some(count) = left else { return false };
    *count = count.saturating_sub(1);
    let now = *count == 0;
    if now {
        *left = None;
    }
    now
}
