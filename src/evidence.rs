//! THE TABLE: what became of a card, from what the machine said before it, what was seen of it meanwhile, and what the
//! machine says now. Every outcome is judged here: of a card that its driver followed to the end, and of one that nobody
//! saw. Pure: asks nothing, knows no wire, no clock and no family.
//!
//! **Where two readings are possible, unsure.** A wrong "no card" prints a second one; a wrong "printed" leaves a child
//! without. What each figure means: the counter counts cards that *entered the head*, not those that came out good, so it
//! shows that a card may exist, never that it is good; the ribbon counts sets that were begun; sensors see a card at the
//! head and on the way out, not between feeder and head. An answered question shows that the machine has heard all that was
//! sent before it: a machine that is neither busy nor owned by a job has nothing of ours left to do. A card whose chip was
//! being written has no print on it: it can only be spoiled, or never have left the feeder.
//!
//! **What no figure can tell.** Counter and ribbon count whole cards and whole sets. When the last set of a card is begun
//! (the only one of a one-sided card, the back's of a two-sided one) they stand as they will when it is out. If the cover
//! is opened after that, the card taken out and the cover closed before anybody looks, a spoiled card has left the figures
//! of a good one. What is done about it:
//! - A driver that follows the card looks four times a second, and hands need longer than that to leave no trace.
//! - Where this computer or the wire stood still for longer ([`Since::unseen`]), no figures make a card printed: a person
//!   looks ([`Reason::NotWatched`]).
//! - After a loss of the computer or the wire in the middle of a card nobody knows for how long nobody looked. There whole
//!   figures are believed, and the job carries a warning to look at the card before it is handed over (`H_NOT_WATCHED`).
//! - Where a paused virtual machine stops every clock, the pause shows in the figures or not at all.
//!
//! **A machine that keeps a log of its jobs** is asked for the one job of the card, by the ticket that stands in the intent;
//! see [`log`].

mod log;

use drivers::contract::{CardOut, Evidence, Level, PrinterStatus, Ribbon, Watch};
use drivers::text::Text;
use drivers::ticket::{Outcome, Ticket, Unlogged};
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
    /// What its log says of the job that this is about; `None`: it was not asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<Outcome>,
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
    /// What the machine's log calls the job under which the card is printed; `None`: it keeps none, or nothing is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
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
    /// The machine was told to put the card that stood inside into the reject box, and said that it did. An order whose
    /// answer nobody heard says nothing: a hand may have taken the card, and it may be whole.
    pub rejected: bool,
    /// The machine said, to a driver that followed the card, that it is out.
    pub said_out: bool,
    /// Nobody looked for longer than hands need, though nothing was lost: this computer or the wire stood still.
    pub unseen: bool,
}

/// What to do about the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The machine is at work: it will say more.
    Wait,
    /// The machine keeps a log of its jobs, which was not asked for this one: ask it first.
    AskLog,
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
    /// Followed to its end by a driver; the machine tells no counter or no ribbon, and nothing contradicts.
    FollowedOut,
    /// The figures are those of a whole card, but for a while nobody looked.
    NotWatched,
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
    /// The machine had not heard the command that moves a card.
    NotHeard,
    /// The machine's log of jobs says that it let the card out as a good one.
    LogPrinted,
    /// The log says that no card was moved for the job, and that none will be.
    LogNotPrinted,
    /// The log says that the card is no good one.
    LogSpoiled,
    /// The log says something else than what was seen or counted.
    LogDisagrees,
    /// The log does not know the job: it was begun anew, or goes no further back.
    LogForgot,
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
            serial: status.identity.serial.to_string(),
            cards_entered: status.cards_entered,
            card_inside: status.card_inside,
            busy: status.busy,
            owned: status.owned,
            restarted: status.restarted,
            ribbon: status.ribbon.as_ref().map(count),
            errors: errors.map(|trouble| trouble.keyword.to_owned()).collect(),
            logged: None,
        }
    }

    /// What a machine says that has just said that a card is out.
    pub fn of_card_out(out: &CardOut) -> Facts {
        Facts {
            serial: out.identity.serial.to_string(),
            cards_entered: out.cards_entered_after,
            ribbon: out.ribbon.as_ref().map(|ribbon| (ribbon.panels.clone(), ribbon.remaining)),
            ..Facts::default()
        }
    }

    /// Does it complain of something that hands deal with, and may take a card away by? An empty feeder is filled
    /// without touching a card.
    pub fn disturbed(&self) -> bool {
        self.errors.iter().any(|keyword| keyword != "media-empty")
    }

    /// Are these the same figures (counter and ribbon) of the same machine?
    pub fn counts_as(&self, other: &Facts) -> bool {
        (&self.serial, self.cards_entered, &self.ribbon)
            == (&other.serial, other.cards_entered, &other.ribbon)
    }

    /// A card stands inside, and nothing moves it.
    pub fn stands_inside(&self) -> bool {
        self.card_inside && !self.busy
    }
}

impl Intent {
    /// To print the card that waits inside, else a blank.
    /// `ticket`: of the job that the machine opened for it.
    pub fn to_print(
        before: &PrinterStatus,
        ribbon_prints: Option<u32>,
        ticket: Option<Ticket>,
    ) -> Intent {
        Intent { act: Act::Print, before: Facts::of(before), ribbon_prints, ticket }
    }

    /// To write a blank's chip or stripe.
    pub fn to_encode(before: &PrinterStatus) -> Intent {
        let before = Facts::of(before);
        Intent { act: Act::Encode, before, ribbon_prints: None, ticket: None }
    }

    /// The ticket, if it means anything to the machine of this serial number: to another one it may name another card, and
    /// one without a name cannot be told from another.
    pub fn ticket_at(&self, serial: &str) -> Option<&Ticket> {
        let is_same = !serial.is_empty() && self.before.serial == serial;
        self.ticket.as_ref().filter(|_| is_same && self.act == Act::Print)
    }

    /// Is it about the encoded card that waits inside? The machine may have counted it before.
    pub fn waits_inside(&self) -> bool {
        self.act == Act::Print && self.before.card_inside
    }
}

impl Since {
    /// One more look at the machine of the intent.
    pub fn looked(&mut self, facts: &Facts) {
        self.restarted |= facts.restarted;
        // What hands do to a machine after it said that the card is out, they do to an empty one.
        if !self.said_out {
            self.disturbed |= facts.disturbed();
            self.stood_inside |= facts.stands_inside();
        }
    }

    /// What the driver saw that moved the card.
    pub fn followed(&mut self, watch: Watch) {
        self.disturbed |= watch.disturbed;
        self.restarted |= watch.restarted;
        self.stood_inside |= watch.stood_inside;
        self.unseen |= watch.unseen;
    }

    /// The machine is ordered to put the card that stands inside into the reject box. What happened before does not matter any
    /// more; whether it obeyed is known only by its answer ([`Since::rejected`]).
    pub fn reject(&mut self) {
        (self.rejected, self.stood_inside) = (false, true);
        (self.disturbed, self.restarted) = (false, false);
    }

    /// The machine lost its power in between, by its own word or by its log's.
    fn is_restarted(&self, now: &Facts) -> bool {
        let interrupted = now.logged == Some(Outcome::Unknown(Unlogged::Interrupted));
        self.restarted || now.restarted || interrupted
    }

    /// No hands were in between, and no loss of power.
    fn is_undisturbed(&self, now: &Facts) -> bool {
        !self.disturbed && !self.is_restarted(now)
    }

    /// The card that stood inside went where it was sent.
    fn is_rejected(&self, now: &Facts) -> bool {
        self.rejected && self.is_undisturbed(now)
    }
}

/// The machine has just said, to a driver that followed the card, that it is out.
pub fn judge_card_out(intent: &Intent, out: &CardOut) -> Verdict {
    let mut since = Since { said_out: true, ..Since::default() };
    since.followed(out.watch);
    said_to_be_out(intent, since, &Facts::of_card_out(out))
}

/// A driver says that its call left the card untouched. `told`: what the machine said afterwards; `None`: it had not heard
/// the command.
pub fn judge_untouched(intent: &Intent, told: Option<&Evidence>) -> Verdict {
    let Some(told) = told else { return Verdict::NoCard(Reason::NotHeard) };
    if told.card_inside != Some(false) || told.owned != Some(false) {
        return Verdict::Unsure(Reason::CardInside);
    }
    match (intent.before.cards_entered, told.cards_entered_after) {
        (Some(before), Some(now)) if before == now => {}
        _ => return Verdict::Unsure(Reason::NoCounter),
    }
    match (&intent.before.ribbon, told.ribbon_left) {
        (Some((_, before)), Some(now)) if *before != now => {
            Verdict::Unsure(Reason::RibbonDisagrees)
        }
        _ => Verdict::NoCard(Reason::CounterAsBefore),
    }
}

/// The table: the first row that fits decides.
pub fn judge(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    if let Some(verdict) = log::judge(intent, since, now) {
        return verdict;
    }
    if since.said_out {
        return said_to_be_out(intent, since, now);
    }
    let before = &intent.before;
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
        _ if now.card_inside && since.is_undisturbed(now) => return Verdict::Reject,
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

/// The machine said that the card is out. It is believed if its figures do not say otherwise; if they do, nobody prints the
/// card again before a person has looked.
fn said_to_be_out(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    // Its driver stayed in contact, so a machine that tells no name is still the same one.
    if intent.before.serial != now.serial {
        return Verdict::Unsure(Reason::OtherMachine);
    }
    if since.others_printed {
        return Verdict::Unsure(Reason::OthersPrinted);
    }
    if now.busy {
        return Verdict::Wait;
    }
    if now.owned {
        return Verdict::ComeToRest;
    }
    if since.is_restarted(now) {
        return Verdict::Unsure(Reason::Restarted);
    }
    if since.disturbed {
        return Verdict::Unsure(Reason::Disturbed);
    }
    if since.stood_inside || now.card_inside {
        return Verdict::Unsure(Reason::TakenOut);
    }
    let counted = one_card_counted(intent, now);
    match counted.and_then(|counted| Ok(one_card_of_ribbon(intent, now)? && counted)) {
        Err(reason) => Verdict::Unsure(reason),
        Ok(_) if since.unseen => Verdict::Unsure(Reason::NotWatched),
        Ok(true) => Verdict::Printed(Reason::CameOutWhole),
        Ok(false) => Verdict::Printed(Reason::FollowedOut),
    }
}

/// Did exactly one card enter the head? False: the machine never tells.
fn one_card_counted(intent: &Intent, now: &Facts) -> Result<bool, Reason> {
    match (intent.before.cards_entered, now.cards_entered) {
        (None, None) => Ok(false),
        (Some(before), Some(now)) => match now.checked_sub(before) {
            Some(1) => Ok(true),
            Some(0) if intent.waits_inside() => Ok(true),
            Some(0) => Err(Reason::CounterAsBefore),
            Some(_) => Err(Reason::SeveralEntered),
            None => Err(Reason::CounterWentBack),
        },
        _ => Err(Reason::NoCounter),
    }
}

/// Was the ribbon used for exactly this card? False: the machine never tells.
fn one_card_of_ribbon(intent: &Intent, now: &Facts) -> Result<bool, Reason> {
    let (was, before, is, now) = match (&intent.before.ribbon, &now.ribbon) {
        (None, None) => return Ok(false),
        (Some((was, before)), Some((is, now))) => (was, before, is, now),
        _ => return Err(Reason::RibbonDisagrees),
    };
    match (before.checked_sub(*now), intent.ribbon_prints) {
        (Some(used), Some(wanted)) if was == is && used == wanted => Ok(true),
        // Nobody knows what the card takes: only a ribbon that grew, or another one, says something.
        (Some(_), None) if was == is => Ok(true),
        _ => Err(Reason::RibbonDisagrees),
    }
}

/// Nothing is inside, and one card entered or none.
fn nothing_inside(intent: &Intent, since: Since, now: &Facts, entered: u64) -> Verdict {
    // Whatever stood inside was not good, and went where we sent it.
    if since.is_rejected(now) {
        return Verdict::Spoiled(Reason::WentToRejectBox);
    }
    // A counter may be older than the restart.
    if since.is_restarted(now) {
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
        (1, Some(used), Some(wanted)) if used == wanted && since.unseen => {
            Verdict::Unsure(Reason::NotWatched)
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
    if let Some(reason) = cannot_have_seen(seen, intent) {
        return Err(reason);
    }
    let waited_inside = intent.waits_inside();
    let same = !now.serial.is_empty() && now.serial == intent.before.serial;
    if same && log::contradicts(seen, intent, now) {
        return Err(Reason::LogDisagrees);
    }
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

/// What nobody can have seen, whatever the machine says now; `None`: it may be so.
pub fn cannot_have_seen(seen: Seen, intent: &Intent) -> Option<Reason> {
    match seen {
        Seen::Printed if intent.act == Act::Encode => Some(Reason::NeverPrinted),
        Seen::NoCard if intent.waits_inside() => Some(Reason::TakenOut),
        _ => None,
    }
}

impl Verdict {
    /// The row that decided; `None`: there is something to do first.
    pub fn row(self) -> Option<Reason> {
        match self {
            Self::NoCard(row) | Self::Spoiled(row) | Self::Printed(row) | Self::Unsure(row) => {
                Some(row)
            }
            Self::Wait | Self::AskLog | Self::Help | Self::ComeToRest | Self::Reject => None,
        }
    }
}

impl Reason {
    /// Stable name, in the ledger and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::CounterAsBefore => "counter_as_before",
            Self::CameOutWhole => "came_out_whole",
            Self::FollowedOut => "followed_out",
            Self::NotWatched => "not_watched",
            Self::NotHeard => "not_heard",
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
            Self::LogPrinted => "log_printed",
            Self::LogNotPrinted => "log_not_printed",
            Self::LogSpoiled => "log_spoiled",
            Self::LogDisagrees => "log_disagrees",
            Self::LogForgot => "log_forgot",
        }
    }

    /// What a person is told.
    pub fn words(self) -> Text {
        let (id, en) = match self {
            Self::CounterAsBefore => (
                "Penghitung kartu printer tidak bertambah: tidak ada kartu yang masuk.",
                "The printer's card counter has not moved: no card entered.",
            ),
            Self::CameOutWhole => (
                "Satu kartu masuk ke kepala cetak, tidak ada kartu di dalam printer.",
                "One card entered the print head, and none is inside the printer.",
            ),
            Self::FollowedOut => (
                "Printer menyatakan kartu sudah keluar dan diamati terus sampai selesai.",
                "The printer said that the card is out, and was watched until then.",
            ),
            Self::NotWatched => (
                "Komputer atau kabel sempat berhenti selama kartu dicetak, jadi tidak ada yang mengamati; kartu mungkin diambil dengan tangan.",
                "The computer or the cable stood still while the card was printed, so nobody watched; it may have been taken out by hand.",
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
            Self::LogPrinted
            | Self::LogNotPrinted
            | Self::LogSpoiled
            | Self::LogDisagrees
            | Self::LogForgot => return self.words_about_the_log(),
            of_the_machine => return of_the_machine.words_about_the_machine(),
        };
        Text::fixed(id, en)
    }

    /// The rows in which the machine's log of jobs decides.
    fn words_about_the_log(self) -> Text {
        let (id, en) = match self {
            Self::LogPrinted => (
                "Catatan pekerjaan printer menyatakan kartu sudah dicetak dan keluar.",
                "The printer's own log says that the card was printed and came out.",
            ),
            Self::LogNotPrinted => (
                "Catatan pekerjaan printer menyatakan tidak ada kartu yang dicetak.",
                "The printer's own log says that no card was printed.",
            ),
            Self::LogSpoiled => (
                "Catatan pekerjaan printer menyatakan kartu ini rusak.",
                "The printer's own log says that the card is spoiled.",
            ),
            Self::LogForgot => (
                "Catatan pekerjaan printer tidak memuat pekerjaan ini lagi.",
                "The printer's own log does not know this job any more.",
            ),
            _ => (
                "Catatan pekerjaan printer tidak cocok dengan yang diamati atau dihitung.",
                "The printer's own log does not fit what was seen or counted.",
            ),
        };
        Text::fixed(id, en)
    }

    /// The rows in which the machine's figures say nothing about the card.
    fn words_about_the_machine(self) -> Text {
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
            Self::CounterWentBack => (
                "Penghitung kartu printer berjalan mundur.",
                "The printer's card counter went back.",
            ),
            Self::Restarted => (
                "Printer dimatikan atau dinyalakan ulang di tengah pekerjaan.",
                "The printer was switched off or restarted in the middle.",
            ),
            _ => ("Printer tidak dapat menjawab.", "The printer cannot tell."),
        };
        Text::fixed(id, en)
    }
}

#[cfg(test)]
mod tests;
