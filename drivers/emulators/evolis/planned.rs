//! Faults that are planned for the emulated machine and not yet met. Knows nothing of what meets them.

use serde::{Deserialize, Serialize};

use crate::card::Faults;
use crate::machine::{AnswerFault, JamAt, MagneticFault, SpoiltAnswers, Word};
use drivers::printers::evolis::status::StatusWords;

/// What will go wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// Where the next card sticks.
    pub jam: Option<JamAt>,
    /// The cover is opened after so many more panels.
    pub cover_after_panels: Option<u32>,
    /// The ribbon tears after so many more panels.
    pub ribbon_after_panels: Option<u32>,
    /// How the magnetic station fails next.
    pub magnetic: Option<MagneticFault>,
    /// What the next chip is like that is brought before a reader.
    pub next_chip: Option<NextChip>,
    /// The power goes after so many more bytes.
    pub power_after_bytes: Option<u64>,
    /// What becomes of answers.
    pub answers: Option<SpoiltAnswers>,
    /// Bits that are shown whatever is true.
    pub forced: StatusWords,
    /// The same of the extension words.
    pub forced_extensions: [u32; 4],
}

/// A chip that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextChip {
    /// What goes wrong with it.
    pub faults: Faults,
}

impl Planned {
    /// Is a jam planned here? It is met now.
    pub fn jams_at(&mut self, place: JamAt) -> bool {
        self.jam.take_if(|planned| *planned == place).is_some()
    }

    /// What happens to the answer of the exchange that begins now.
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

    /// A panel was printed: is the cover opened now, does the ribbon tear now?
    pub fn panel_printed(&mut self) -> (bool, bool) {
        (count_down(&mut self.cover_after_panels), count_down(&mut self.ribbon_after_panels))
    }

    /// Shows these bits of a word from now on, and no others against the truth.
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
