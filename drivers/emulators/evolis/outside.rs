//! Cards that left the emulated machine: a log of all of them, and pictures of the last ones. Knows nothing of the
//! mechanics.

use std::collections::VecDeque;

use super::chip::Chip;
use super::mechanics::{Mechanics, Refusal};
use super::picture::{Side, lay_down};
use super::places::Card;
use crate::machine::{Departed, Finish, FinishedCard, Way};
use drivers::printers::evolis::protocol::ERROR_MECA;
use drivers::printers::evolis::status::error;

/// The log drops its oldest entries beyond so many.
const LOG_MAX_CARDS: usize = 1024;

/// The cards that left the machine.
#[derive(Default)]
pub struct Outside {
    /// The last card that came out good.
    pub last_good: Option<Gone>,
    /// The last that was rejected.
    pub last_rejected: Option<Gone>,
    log: VecDeque<Departed>,
}

/// A printed card that left. It is drawn only when somebody asks for its picture.
pub struct Gone {
    number: u64,
    front: Side,
    back: Side,
    chip: Option<Chip>,
    resin_rgb: [u8; 3],
}

impl Outside {
    /// All cards that left since this was last asked.
    pub fn take_log(&mut self) -> Vec<Departed> {
        std::mem::take(&mut self.log).into()
    }

    /// Logs a card that left this way.
    pub fn note(&mut self, card: &Card, way: Way) {
        if self.log.len() == LOG_MAX_CARDS {
            self.log.pop_front();
        }
        let printed = card.front.letters().count() + card.back.letters().count();
        let finish = match printed {
            0 => Finish::Blank,
            printed if printed < card.wanted_panels => Finish::Partly,
            _ => Finish::Whole,
        };
        let (front_sum, back_sum) = (card.front.sum(), card.back.sum());
        let (number, chip) = (card.number, card.chip.as_ref().map(|chip| chip.number));
        self.log.push_back(Departed { number, chip, way, finish, front_sum, back_sum });
    }
}

impl Mechanics {
    /// Handles a card that is out; a printed one is drawn.
    pub(super) fn lay_out(&mut self, card: Card, way: Way) -> Result<(), Refusal> {
        self.outside.note(&card, way);
        let rejected = way == Way::RejectBox;
        let printed = !card.front.is_blank() || !card.back.is_blank();
        if let Some(number) = card.number.filter(|_| printed) {
            let resin_rgb = self.resin_rgb();
            let Card { front, back, chip, .. } = card;
            let gone = Gone { number, front, back, chip, resin_rgb };
            if let Some(dir) = &self.out_dir
                && lay_down(&self.draw(&gone), rejected, dir).is_err()
            {
                return Err((error::MECHANICAL, ERROR_MECA));
            }
            if rejected {
                self.outside.last_rejected = Some(gone);
            } else {
                self.memory.cards_finished += 1;
                self.outside.last_good = Some(gone);
            }
        }
        self.remember();
        Ok(())
    }

    /// The picture of a card, both sides.
    pub(super) fn draw(&self, card: &Gone) -> FinishedCard {
        let draw = |side: &Side| {
            side.draw(&self.model.head, self.model.colour, card.resin_rgb, &self.dyed)
        };
        let back = (!card.back.is_blank()).then(|| draw(&card.back));
        let chip = card.chip.as_ref().map(|chip| chip.chip.lock().state());
        FinishedCard { number: card.number, front: draw(&card.front), back, chip }
    }

    /// The colour of the ribbon's resin.
    fn resin_rgb(&self) -> [u8; 3] {
        match self.supplies.ribbon.map_or("", |ribbon| ribbon.name) {
            "KBLUE" => [0, 51, 160],
            "KGREEN" => [0, 122, 51],
            "KRED" => [200, 16, 46],
            "KWHITE" => [255; 3],
            "KGOLD" => [172, 141, 74],
            "KSILVER" => [168, 169, 173],
            _ => [0; 3],
        }
    }
}
