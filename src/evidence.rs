//! THE TABLE of recovery: what became of a card whose outcome nobody saw, from what the machine said before it and says
//! now. Pure: asks nothing, knows no wire, no clock and no family.
//!
//! **Where two readings are possible, unsure.** A wrong "no card" prints a second one; a wrong "printed" leaves a child
//! without. What each figure means: the counter counts cards that *entered the head*, not those that came out good, so it
//! shows that a card may exist, never that it is good; the ribbon counts sets that were begun; sensors see a card at the
//! head and on the way out, not between feeder and head. An answered question shows that the machine has heard all that was
//! sent before it: a machine that is neither busy nor owned by a job has nothing of ours left to do. A card whose chip was
//! being written has no print on it: it can only be spoiled, or never have left the feeder.

use drivers::contract::{Level, PrinterStatus, Ribbon};
use drivers::words::Words;
use serde::{Deserialize, Serialize};

/// What a machine said of itself at one moment, as it stands in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its serial number; empty when it tells none.
    pub serial: String,
    /// Cards that ever entered its head.
    pub cards_entered: Option<u64>,
    /// Does a sensor see a card?
    pub card_inside: bool,
    /// Is it at work?
    pub busy: bool,
    /// Does a job own it?
    pub owned: bool,
    /// Was it switched on, or did it start anew, with nobody having used it since?
    pub restarted: bool,
    /// Trade name of its ribbon and prints left on it.
    pub ribbon: Option<(String, u32)>,
    /// IPP keywords of what keeps it from printing.
    pub errors: Vec<String>,
}

/// What a card was brought in motion for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A blank is taken from the feeder, and its chip or stripe is written: no good card can come of it.
    Encode,
    /// The card is printed, and comes out: a blank from the feeder, or the encoded one that waits inside.
    #[default]
    Print,
}

/// The intent to move a card, as it stands in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What for.
    #[serde(default)]
    pub act: Act,
    /// What the machine said just before.
    pub before: Facts,
    /// Prints that the card takes from the ribbon.
    pub ribbon_prints: Option<u32>,
}

/// What is known of the time between the intent and now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// Another card was begun on this machine: its figures are about that one too.
    pub others_printed: bool,
    /// A look showed trouble that hands may have dealt with: a cover, a jam.
    pub disturbed: bool,
    /// A look showed that it had been switched off or had started anew.
    pub restarted: bool,
    /// A look showed a card standing inside while the machine was not at work.
    pub stood_inside: bool,
    /// The intent to put the card that stood inside into the reject box is in the ledger.
    pub rejecting: bool,
}

/// What to do about the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The machine is at work: it will say more.
    Wait,
    /// Somebody must help the machine first; it will say more then.
    Help,
    /// A job whose computer was lost owns the machine: end that first.
    ComeToRest,
    /// A card is inside that is nobody's good card: to the reject box.
    Reject,
    /// Settled: no card came, the job waits again.
    NoCard(Reason),
    /// Settled: the blank is spoiled, the job waits again.
    Spoiled(Reason),
    /// Settled: the card came out whole.
    Printed(Reason),
    /// Only a person who looks can tell.
    Unsure(Reason),
}

/// Which row of the table decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The counter stands as before, nothing is inside.
    CounterAsBefore,
    /// One card entered, nothing is inside, the ribbon was used for one card, nothing complains.
    CameOutWhole,
    /// A card stood inside and was sent to the reject box; nothing is inside any more.
    WentToRejectBox,
    /// A card is inside.
    CardInside,
    /// The machine, or the one before, tells no serial number.
    Nameless,
    /// It is another machine.
    OtherMachine,
    /// Other cards were begun on it since.
    OthersPrinted,
    /// It cannot be asked now.
    Silent,
    /// It tells no counter.
    NoCounter,
    /// Its counter went back.
    CounterWentBack,
    /// More than one card entered.
    SeveralEntered,
    /// It was switched off or started anew.
    Restarted,
    /// There was trouble since that hands may have dealt with.
    Disturbed,
    /// A card stood inside and is gone.
    TakenOut,
    /// The ribbon's count is not told, or does not fit one whole card.
    RibbonDisagrees,
    /// Nobody gave the order to print it.
    NeverPrinted,
}

/// What a person saw who looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The card is there, whole and good.
    Printed,
    /// A spoiled blank is there.
    Spoiled,
    /// No card came.
    NoCard,
}

impl Facts {
    /// What of a status speaks for or against a card.
    pub fn of(status: &PrinterStatus) -> Facts {
        let count = |ribbon: &Ribbon| (ribbon.panels.clone(), ribbon.remaining);
        let errors = status.troubles.iter().filter(|trouble| trouble.level == Level::Error);
        Facts {
            serial: status.identity.serial.clone(),
            cards_entered: status.cards_entered,
            card_inside: status.card_inside,
            busy: status.busy,
            owned: status.owned,
            restarted: status.restarted,
            ribbon: status.ribbon.as_ref().map(count),
            errors: errors.map(|trouble| trouble.keyword.to_owned()).collect(),
        }
    }

    /// Does it complain of something that hands deal with, and may take a card away by? An empty feeder is filled
    /// without touching a card.
    pub fn disturbed(&self) -> bool {
        self.errors.iter().any(|keyword| keyword != "media-empty")
    }

    /// A card stands inside, and nothing moves it.
    pub fn stands_inside(&self) -> bool {
        self.card_inside && !self.busy
    }
}

impl Since {
    /// One more look at the machine of the intent.
    pub fn looked(&mut self, facts: &Facts) {
        self.disturbed |= facts.disturbed();
        self.restarted |= facts.restarted;
        self.stood_inside |= facts.stands_inside();
    }

    /// The card that stands inside is sent to the reject box: what happened before does not matter any more.
    pub fn reject(&mut self) {
        (self.rejecting, self.stood_inside) = (true, true);
        (self.disturbed, self.restarted) = (false, false);
    }
}

/// The table: the first row that fits decides.
pub fn judge(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    let before = &intent.before;
    let restarted = now.restarted || since.restarted;
    // A machine without a name cannot be told from another, and another one proves nothing.
    if before.serial.is_empty() || now.serial.is_empty() {
        return Verdict::Unsure(Reason::Nameless);
    }
    if before.serial != now.serial {
        return Verdict::Unsure(Reason::OtherMachine);
    }
    // Its figures are about the other card too, and so is a card inside.
    if since.others_printed {
        return Verdict::Unsure(Reason::OthersPrinted);
    }
    if now.busy {
        return Verdict::Wait;
    }
    // What a jam holds is taken out by hand; before that nothing may be moved. A stripe that could not be written has no
    // keyword of its own, needs no hand, and may stand as long as its card.
    let of_the_stripe =
        intent.act == Act::Encode && now.card_inside && now.errors.iter().all(|of| of == "other");
    if now.disturbed() && !of_the_stripe {
        return Verdict::Help;
    }
    if now.owned {
        return Verdict::ComeToRest;
    }
    // Nothing was printed, so the counter does not matter: the blank is the one inside.
    if intent.act == Act::Encode && now.card_inside {
        return Verdict::Reject;
    }
    let entered = match (before.cards_entered, now.cards_entered) {
        (Some(before), Some(now)) => now.checked_sub(before),
        // Nobody else used the machine, so a card inside is ours.
        _ if now.card_inside && !since.disturbed && !restarted => return Verdict::Reject,
        _ => return Verdict::Unsure(Reason::NoCounter),
    };
    match (entered, now.card_inside) {
        (None, _) => Verdict::Unsure(Reason::CounterWentBack),
        // The card that entered, or one that had not yet, is the one inside: no good card exists.
        (Some(0 | 1), true) => Verdict::Reject,
        (Some(2..), _) => Verdict::Unsure(Reason::SeveralEntered),
        (Some(entered), false) => nothing_inside(intent, since, now, entered),
    }
}

/// Nothing is inside, and one card entered or none.
fn nothing_inside(intent: &Intent, since: Since, now: &Facts, entered: u64) -> Verdict {
    // Whatever stood inside was not good, and either went where we sent it or was taken out: counted once.
    let restarted = now.restarted || since.restarted;
    if since.rejecting && !since.disturbed && !restarted {
        return Verdict::Spoiled(Reason::WentToRejectBox);
    }
    // A counter may be older than the restart.
    if restarted {
        return Verdict::Unsure(Reason::Restarted);
    }
    if since.disturbed {
        return Verdict::Unsure(Reason::Disturbed);
    }
    if intent.act == Act::Encode && (since.stood_inside || entered == 1) {
        // A blank left the feeder and is gone, and no order to print it was given.
        return Verdict::Spoiled(Reason::TakenOut);
    }
    // An encoded card that waited inside must be somewhere, whatever the counter says.
    if since.stood_inside || (intent.before.card_inside && entered == 0) {
        return Verdict::Unsure(Reason::TakenOut);
    }
    let used = match (&intent.before.ribbon, &now.ribbon) {
        (Some((was, before)), Some((is, now))) if was == is => before.checked_sub(*now),
        _ => None,
    };
    match (entered, used, intent.ribbon_prints) {
        // A machine that does not count its ribbon does not contradict its counter.
        (0, Some(0), _) => Verdict::NoCard(Reason::CounterAsBefore),
        (0, None, _) if intent.before.ribbon.is_none() && now.ribbon.is_none() => {
            Verdict::NoCard(Reason::CounterAsBefore)
        }
        (1, Some(used), Some(wanted)) if used == wanted => Verdict::Printed(Reason::CameOutWhole),
        _ => Verdict::Unsure(Reason::RibbonDisagrees),
    }
}

/// Does what the machine says contradict what a person says to have seen? Hands make mistakes before machines do: such an
/// answer is asked for twice.
///
/// # Errors
/// Which of its words contradicts.
pub fn may_have_seen(seen: Seen, intent: &Intent, since: Since, now: &Facts) -> Result<(), Reason> {
    // Whichever machine it is, it is not at rest: a tray that is empty now may have a card in a moment.
    if now.card_inside || now.busy || now.owned {
        return Err(Reason::CardInside);
    }
    let waited_inside = intent.act == Act::Print && intent.before.card_inside;
    match seen {
        Seen::Printed if intent.act == Act::Encode => return Err(Reason::NeverPrinted),
        Seen::NoCard if waited_inside => return Err(Reason::TakenOut),
        _ => {}
    }
    let same = !now.serial.is_empty() && now.serial == intent.before.serial;
    if !same || since.others_printed || now.restarted || since.restarted {
        return Ok(());
    }
    match (seen, intent.before.cards_entered, now.cards_entered) {
        // Where an encoded card waited inside, its machine may have counted it before.
        (Seen::Printed, Some(before), Some(now)) if now == before && !waited_inside => {
            Err(Reason::CounterAsBefore)
        }
        (Seen::NoCard, Some(before), Some(now)) if now == before + 1 => Err(Reason::CameOutWhole),
        _ => Ok(()),
    }
}

impl Reason {
    /// Stable name, in the ledger and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::CounterAsBefore => "counter_as_before",
            Self::CameOutWhole => "came_out_whole",
            Self::WentToRejectBox => "went_to_reject_box",
            Self::CardInside => "card_inside",
            Self::Nameless => "nameless",
            Self::OtherMachine => "other_machine",
            Self::OthersPrinted => "others_printed",
            Self::Silent => "silent",
            Self::NoCounter => "no_counter",
            Self::CounterWentBack => "counter_went_back",
            Self::SeveralEntered => "several_entered",
            Self::Restarted => "restarted",
            Self::Disturbed => "disturbed",
            Self::TakenOut => "taken_out",
            Self::RibbonDisagrees => "ribbon_disagrees",
            Self::NeverPrinted => "never_printed",
        }
    }

    /// What a person is told.
    pub fn words(self) -> Words {
        let (id, en) = match self {
            Self::CounterAsBefore => (
                "Penghitung kartu printer tidak bertambah: tidak ada kartu yang masuk.",
                "The printer's card counter has not moved: no card entered.",
            ),
            Self::CameOutWhole => (
                "Satu kartu masuk ke kepala cetak, tidak ada kartu di dalam printer.",
                "One card entered the print head, and none is inside the printer.",
            ),
            Self::WentToRejectBox => (
                "Kartu di dalam printer dikirim ke kotak tolak.",
                "The card inside was sent to the reject box.",
            ),
            Self::Disturbed => (
                "Printer bermasalah di tengah pekerjaan; kartu mungkin diambil dengan tangan.",
                "The printer had trouble in the middle; the card may have been taken out by hand.",
            ),
            Self::TakenOut => (
                "Kartu tadinya ada di dalam printer dan sekarang tidak ada.",
                "A card stood inside the printer and is gone.",
            ),
            Self::RibbonDisagrees => (
                "Sisa pita tidak cocok dengan satu kartu utuh.",
                "The ribbon's count does not fit one whole card.",
            ),
            Self::NeverPrinted => (
                "Kartu ini belum pernah diperintahkan untuk dicetak; baru chipnya yang ditulis.",
                "No order to print this card was ever given; only its chip was being written.",
            ),
            of_the_machine => return of_the_machine.words_about_the_machine(),
        };
        Words::fixed(id, en)
    }

    /// The rows in which the machine's figures say nothing about the card.
    fn words_about_the_machine(self) -> Words {
        let (id, en) = match self {
            Self::Nameless => (
                "Printer tidak menyebut nomor serinya.",
                "The printer does not tell its serial number.",
            ),
            Self::OtherMachine => (
                "Printer yang tersambung sekarang bukan yang mencetak kartu ini.",
                "The printer that is connected now is not the one that had this card.",
            ),
            Self::OthersPrinted => (
                "Kartu lain sudah dicetak setelahnya, jadi penghitung tidak dapat menjawab lagi.",
                "Other cards were printed since, so the counter cannot tell any more.",
            ),
            Self::Silent => (
                "Printer tidak dapat ditanya sekarang; mungkin masih mencetak. Pastikan tidak ada kartu di dalamnya.",
                "The printer cannot be asked now; it may still be printing. Make sure that no card is inside.",
            ),
            Self::NoCounter => (
                "Printer tidak menyebut penghitung kartunya.",
                "The printer does not tell its card counter.",
            ),
            Self::SeveralEntered => (
                "Lebih dari satu kartu masuk ke printer sejak itu.",
                "More than one card entered the printer since.",
            ),
            Self::Restarted => (
                "Printer dimatikan atau dinyalakan ulang di tengah pekerjaan.",
                "The printer was switched off or restarted in the middle.",
            ),
            _ => ("Printer tidak dapat menjawab.", "The printer cannot tell."),
        };
        Words::fixed(id, en)
    }
}

#[cfg(test)]
mod tests;
