//! The cards of the simulation: one mark per job, prepared once by the real prepress, and recognised when a card leaves
//! the machine. Composition has its own tests; here it only matters who gets which card.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use drivers::contract::{CardImage, FaceImage, PreparedCard, Prepress};
use emulators::evolis::EvolisSettings;
use emulators::machine::{Departed, SharedMachine};
use emulators::transport::emulated::Emulated;
use jiff::{SignedDuration, Timestamp};

use kartu::approval;
use kartu::finding::Finding;
use kartu::intake::{Circumstances, Limits, recheck};
use kartu::ledger::StoredRequest;
use kartu::queue::{Claimed, Moment};
use kartu::station::{Made, Renderer, Unmade};

use crate::chips::{encoding, has_chip};

/// Most jobs of one world.
pub const MARKS: usize = 48;

/// The products of the simulation.
pub const PLAIN: &str = "sim";
pub const WITH_CHIP: &str = "sim-chip";

/// A job that waits longer, or costs more blanks, is held.
const LIMITS: Limits = Limits { stale_after: SignedDuration::from_hours(7 * 24), blanks: 2 };

/// Every card that can be printed: by mark, one- or two-sided.
pub struct Cards {
    ready: Vec<PreparedCard>,
    marks: HashMap<(u64, u64), usize>,
}

/// Does the job with this mark have two sides?
pub fn has_two_sides(mark: usize) -> bool {
    mark % 2 == 1
}

/// The settings of the simulated machine: black resin, and no time passes but what the station waits.
pub fn settings() -> EvolisSettings {
    EvolisSettings { ribbon: "KBLACK".to_owned(), slowness: 1.0, ..EvolisSettings::instant() }
}

pub fn machine(settings: EvolisSettings) -> SharedMachine {
    emulators::evolis::emulate(settings).expect("the settings are those of a machine")
}

/// Made once, shared by all worlds.
pub fn cards() -> Arc<Cards> {
    static CARDS: OnceLock<Arc<Cards>> = OnceLock::new();
    CARDS.get_or_init(|| Arc::new(Cards::make())).clone()
}

impl Cards {
    fn make() -> Cards {
        let machine = machine(EvolisSettings { tended: true, slowness: 0.0, ..settings() });
        let wire = Box::new(Emulated::new(machine.clone()));
        let mut printer = drivers::open("evolis", None, wire).expect("the machine answers");
        let prepress = printer.prepress();
        let (mut ready, mut marks) = (Vec::new(), HashMap::new());
        for mark in 0..MARKS {
            let mut card = PreparedCard::default();
            prepress.prepare(&image(prepress.as_ref(), mark), &mut card).expect("it is black");
            printer.print(&card).expect("nothing is wrong with it");
            let departed = machine.lock().take_departed();
            assert_eq!(departed.len(), 1, "one card a card");
            marks.insert(sum(&departed[0]), mark);
            ready.push(card);
        }
        assert_eq!(marks.len(), MARKS, "every mark can be told from every other");
        Cards { ready, marks }
    }

    /// The mark on a card.
    pub fn mark_of(&self, card: &Departed) -> Option<usize> {
        self.marks.get(&sum(card)).copied()
    }
}

fn sum(card: &Departed) -> (u64, u64) {
    (card.front_sum, card.back_sum)
}

/// A bar code of the mark.
fn image(prepress: &dyn Prepress, mark: usize) -> CardImage {
    let head = prepress.head();
    let mut front = FaceImage::white(head.width_px, head.height_px);
    let bytes = (mark as u16 + 1).to_be_bytes();
    for row in front.resin.chunks_mut(FaceImage::resin_stride(head.width_px)).skip(100).take(8) {
        row[10..12].copy_from_slice(&bytes);
    }
    let back = has_two_sides(mark).then(|| front.clone());
    CardImage { front, back, stays_inside: false }
}

/// The mark in the job's `ref`.
pub fn mark_in(reference: &str) -> usize {
    reference.rsplit('-').next().and_then(|n| n.parse().ok()).expect("a ref of the simulation")
}

/// Prepares the cards of one world.
pub struct Maker {
    pub cards: Arc<Cards>,
    /// Do some of them have a chip?
    pub with_chips: bool,
}

impl Renderer for Maker {
    fn specimen(&self) -> bool {
        true
    }

    fn with_chip(&self) -> Vec<String> {
        if self.with_chips { vec![WITH_CHIP.to_owned()] } else { Vec::new() }
    }

    fn inspect(&self, _: &StoredRequest, _: Option<&[u8]>, _: Timestamp) -> Vec<Finding> {
        Vec::new()
    }

    fn make(
        &self,
        claimed: &Claimed,
        _: &dyn Prepress,
        moment: Moment,
        _: &mut CardImage,
        card: &mut PreparedCard,
    ) -> Result<Made, Unmade> {
        let request = claimed.request.parse_again().expect("a request of the simulation");
        let held = recheck(&Circumstances {
            record: &claimed.record,
            approval_ends: request.recommendation.as_ref().and_then(approval::ends),
            moment,
            limits: LIMITS,
            card: None,
        });
        if !held.is_empty() {
            return Err(Unmade::Held(held));
        }
        let mark = mark_in(&claimed.record.reference);
        card.clone_from(&self.cards.ready[mark]);
        let encoding = (self.with_chips && has_chip(mark)).then(|| encoding(mark));
        Ok(Made { faces: Vec::new(), encoding })
    }
}
