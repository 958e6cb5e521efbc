//! Settings of an emulated Evolis printer.

use std::path::PathBuf;
use std::time::Duration;

use crate::machine::{BlankChips, Installation};

/// This option is fitted where blanks carry chips.
const CONTACTLESS: &str = "CONTACTLESS";

/// Settings of an emulated machine.
#[derive(Debug, Clone, PartialEq)]
pub struct EvolisSettings {
    /// Trade name of the model.
    pub model: String,
    /// Trade name of the ribbon, such as `YMCKO` or `KBLACK`.
    pub ribbon: String,
    /// Prints on a new ribbon.
    pub ribbon_capacity: u32,
    /// Serial number that it reports.
    pub serial: String,
    /// Directory for pictures of finished cards and for the counters that survive a restart; `None`: the last card
    /// stays in memory and nothing else is kept.
    pub out_dir: Option<PathBuf>,
    /// Factor on all durations: 1 = as on a real machine, 0 = at once.
    pub slowness: f64,
    /// Do callers really wait for it?
    pub real_time: bool,
    /// Blanks in the feeder at the start.
    pub feeder_cards: u32,
    /// Is it tended? Feeder and ribbon are then refilled, and the hopper emptied, whenever needed.
    pub tended: bool,
    /// Blanks that the feeder holds.
    pub feeder_limit_cards: u32,
    /// Finished cards that the hopper holds.
    pub hopper_limit_cards: u32,
    /// Cards that the reject box holds.
    pub reject_box_limit_cards: u32,
    /// Cards in a row after which the head must pause; 0: never.
    pub rests_after_cards: u32,
    /// Time in which the head loses the heat of one card.
    pub cools_a_card_in: Duration,
    /// Cards after a cleaning until the next one is advised.
    pub cleaning_advised_after_cards: u32,
    /// Further cards until cleaning is mandatory and the head's warranty is lost.
    pub cleaning_mandatory_after_cards: u32,
    /// It goes to standby after this time without a command; `None`: never.
    pub sleeps_after: Option<Duration>,
    /// Firmware that does not know the newer queries.
    pub old_firmware: bool,
    /// Firmware that does not report how many cards entered the head.
    pub no_counters: bool,
    /// The ribbon has no chip that can be read.
    pub no_ribbon_chip: bool,
    /// Does every answer carry the status?
    pub status_block: bool,
    /// Options fitted in addition to the model's own, by the family's names.
    pub fitted: Vec<String>,
    /// Options of the model that are not fitted.
    pub not_fitted: Vec<String>,
    /// The chips of its blanks; `None`: no chips.
    pub chip: Option<BlankChips>,
}

impl EvolisSettings {
    /// A Primacy 2 with a colour ribbon and 100 blanks that takes no time and stores nothing.
    pub fn instant() -> Self {
        Self {
            model: "Primacy 2".to_owned(),
            ribbon: "YMCKO".to_owned(),
            ribbon_capacity: 300,
            serial: "EMU0000001".to_owned(),
            out_dir: None,
            slowness: 0.0,
            real_time: false,
            feeder_cards: 100,
            tended: false,
            feeder_limit_cards: 100,
            hopper_limit_cards: 100,
            reject_box_limit_cards: 30,
            rests_after_cards: 0,
            cools_a_card_in: Duration::from_secs(30),
            cleaning_advised_after_cards: 1000,
            cleaning_mandatory_after_cards: 500,
            sleeps_after: None,
            old_firmware: false,
            no_counters: false,
            no_ribbon_chip: false,
            status_block: true,
            fitted: Vec::new(),
            not_fitted: Vec::new(),
            chip: None,
        }
    }

    /// Fills in what [`Installation`] leaves open: a ribbon for 300 cards and 100 blanks, and the machine is tended.
    pub(super) fn of(installation: Installation) -> Self {
        let Installation { model, ribbon, folder, slowness, chips } = installation;
        Self {
            model,
            ribbon,
            out_dir: Some(folder),
            slowness,
            real_time: slowness > 0.0,
            tended: true,
            fitted: chips.iter().map(|_| CONTACTLESS.to_owned()).collect(),
            chip: chips,
            ..Self::instant()
        }
    }
}
