//! What the station knows of its printer, and how long it leaves it alone.

use std::time::Duration;

use drivers::contract::{DeviceError, Level, Prepress, PrinterStatus};
use drivers::encoder::EncoderError;

use super::work::LOOK_AGAIN;

/// Hands change nothing about a machine within this that a card's figures would show.
const STATUS_AGE_MAX: Duration = Duration::from_secs(1);

/// The longest pause after cards that could not be begun.
const REST_LIMIT: Duration = Duration::from_secs(60);

/// What is known of the printer.
#[derive(Default)]
pub(super) struct Machine {
    pub status: Option<PrinterStatus>,
    pub error: Option<DeviceError>,
    pub prepress: Option<Box<dyn Prepress>>,
    /// The reader of chips, or what is wrong with it; `None`: there is none, or it was not asked yet.
    pub reader: Option<Result<(), EncoderError>>,
    /// The last look was after the last card.
    pub fresh: bool,
    /// It was used since contact was made, so that it no longer says that it was just switched on.
    pub used: bool,
    /// A look is under way.
    pub looking: bool,
    /// When its status was told, by the steady clock.
    pub told_at: Duration,
}

impl Machine {
    /// Its status is of after the last order, and no look is under way: the answer to one that was asked for before an
    /// order must never be taken for what the machine says after it.
    pub fn is_known(&self) -> bool {
        self.fresh && !self.looking
    }

    /// Its status is what the next card may be held against: of this very moment. Between two polls of an idle machine
    /// somebody may have changed its ribbon, or printed from another computer.
    pub fn is_of_now(&self, now: Duration) -> bool {
        now.saturating_sub(self.told_at) <= STATUS_AGE_MAX
    }

    /// Chips can be written, as far as is known.
    pub fn can_encode(&self) -> bool {
        !matches!(self.reader, Some(Err(_)))
    }

    /// What cards are made ready for: model and ribbon.
    pub fn kind(&self) -> String {
        let Some(status) = &self.status else { return String::new() };
        let ribbon = status.ribbon.as_ref().map_or("", |ribbon| ribbon.panels.as_str());
        format!("{} {} {ribbon}", status.identity.model, status.identity.serial)
    }
}

/// A pause before the next try, longer each time: a machine that refuses every card must not fill the ledger.
#[derive(Clone, Copy)]
pub(super) struct Rest {
    pub span: Duration,
    pub until: Duration,
}

impl Rest {
    pub fn longer(before: Option<Rest>, now: Duration) -> Rest {
        let span = before.map_or(LOOK_AGAIN, |rest| (rest.span * 2).min(REST_LIMIT));
        Rest { span, until: now + span }
    }
}

/// Would a card come out well now?
pub(super) fn is_well(status: &PrinterStatus) -> bool {
    !status.busy
        && !status.owned
        && !status.card_inside
        && status.troubles.iter().all(|t| t.level != Level::Error)
}

/// What the machine says of itself, for whoever looks for a fault; figures and keywords only.
pub(super) fn trace_status(status: &PrinterStatus) {
    let troubles: Vec<&str> = status.troubles.iter().map(|trouble| trouble.keyword).collect();
    tracing::trace!(
        card_inside = status.card_inside,
        busy = status.busy,
        owned = status.owned,
        restarted = status.restarted,
        cards_entered = status.cards_entered,
        ribbon = status.ribbon.as_ref().map(|ribbon| ribbon.remaining),
        troubles = ?troubles,
        "the printer was asked"
    );
}
