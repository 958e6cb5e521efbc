//! A job whose card nobody saw: what is known of it, folded from its lines since the last intent, and from what the machine
//! says now.

use std::time::Duration;

use drivers::contract::Whereabouts;

use super::machine::LoggedJob;
use crate::event::{Event, Lost};
use crate::evidence::{Act, Facts, Intent, Reason, Since, Verdict, judge};
use crate::finding::Finding;
use crate::job::JobId;
use crate::supplies::SpoilCause;

/// A card that a machine is still at work on is polled every two seconds. Longer, and nobody watched it.
const UNSEEN_AFTER: Duration = Duration::from_secs(10);

/// What the ledger knows of an unsure job.
#[derive(Debug, Clone)]
pub struct UnsureJob {
    /// Which job.
    pub job: JobId,
    /// What stands with it.
    pub findings: Vec<Finding>,
    /// Its lines from the last intent on; empty: there never was one. `None`: a line that nobody can read.
    pub lines: Vec<Option<Event>>,
    /// Another card was begun on the same machine since that intent.
    pub others_printed: bool,
}

/// Where the last intent stands among a job's lines.
pub fn last_intent(lines: &[Option<Event>]) -> Option<(usize, &Intent)> {
    let intents = lines.iter().enumerate().rev();
    intents.filter_map(|(at, line)| Some((at, &line.as_ref()?.intent()?.intent))).next()
}

/// A job whose card nobody saw.
#[derive(Debug, Clone)]
pub(super) struct InDoubt {
    pub job: JobId,
    pub intent: Intent,
    pub since: Since,
    pub findings: Vec<Finding>,
    /// What a person was told last.
    pub told: Option<Reason>,
    /// Orders that were given to empty the machine of it.
    pub orders: u32,
    /// What the machine said when it was last asked about it.
    heard: Option<Facts>,
    /// The poll after that one said the same.
    is_said_twice: bool,
    /// What the machine showed that changes what is known, and is still to be written down.
    pub news: Vec<Facts>,
    /// When it was last heard of while its card might still move; `None`: not in this life, or it does not move any more.
    pub heard_at: Option<Duration>,
}

/// What only this life knows of a card in doubt.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    pub news: Vec<Facts>,
    pub heard_at: Option<Duration>,
}

impl InDoubt {
    /// Goes on where the list was that is read anew.
    pub fn go_on_from(&mut self, kept: Kept) {
        kept.news.iter().for_each(|facts| self.since.looked(facts));
        (self.news, self.heard_at) = (kept.news, kept.heard_at);
    }

    /// Folds the job's lines since its last intent.
    pub fn of(known: UnsureJob) -> InDoubt {
        let mut in_doubt = InDoubt {
            job: known.job,
            intent: Intent::default(),
            since: Since::default(),
            findings: known.findings,
            told: None,
            orders: 0,
            heard: None,
            is_said_twice: false,
            news: Vec::new(),
            heard_at: None,
        };
        // Without an intent it is a nameless machine's: only a person can tell.
        let Some((at, intent)) = last_intent(&known.lines) else { return in_doubt };
        // What cannot be read may say that hands were in between.
        if known.lines[at..].iter().any(Option::is_none) {
            return in_doubt;
        }
        in_doubt.intent = intent.clone();
        in_doubt.since.others_printed = known.others_printed;
        for event in known.lines[at..].iter().flatten() {
            in_doubt.follow(event);
        }
        in_doubt
    }

    /// One line since the intent.
    fn follow(&mut self, event: &Event) {
        match event {
            Event::OutcomeUnknown { lost, .. } => self.follow_lost(lost),
            Event::Looked { machine, unseen } => {
                self.since.unseen |= unseen;
                self.since.looked(machine);
            }
            Event::AbortOrphanedJob { machine } => self.since.looked(machine),
            Event::Reject { .. } => self.since.reject(),
            Event::LeftToAPerson { row, .. } => self.told = Some(*row),
            _ => {}
        }
    }

    /// What its driver saw of it before it was lost from sight.
    fn follow_lost(&mut self, lost: &Lost) {
        self.since.said_out |= lost.said_out;
        self.since.followed(lost.watch.unwrap_or_default());
        // A card that was at its station has left the feeder, whatever is inside now.
        self.since.stood_inside |=
            self.intent.act == Act::Encode && lost.card == Whereabouts::InMachine;
    }

    /// The job under which it was printed, if its machine keeps a log.
    pub fn logged_job(&self) -> Option<LoggedJob> {
        let serial = self.intent.before.serial.clone();
        self.intent.ticket_at(&serial).cloned().map(|ticket| LoggedJob { serial, ticket })
    }

    /// A poll tells the same as the last one that was judged, which is said twice now, or something else. The same poll may
    /// be judged twice, where the ledger failed in between, and not every poll is judged.
    pub fn hear(&mut self, now: &Facts) {
        self.is_said_twice = self.heard.as_ref() == Some(now);
        if !self.is_said_twice {
            self.heard = None;
        }
    }

    /// Records what a status shows of hands in the machine, without its counter, which is not accounted for yet.
    pub fn note_hands(&mut self, now: &Facts) {
        let known = self.since;
        if now.serial == self.intent.before.serial && !self.since.others_printed {
            self.since.looked(now);
        }
        if self.since != known {
            self.news.push(Facts { cards_entered: None, ..now.clone() });
        }
    }

    /// What the printer's figures and its log say of it, and whether the printer said the same the last time.
    pub fn judge(&mut self, now: &Facts, time: Duration) -> (Verdict, bool) {
        if now.serial == self.intent.before.serial && !self.since.others_printed {
            self.since.looked(now);
        }
        if let Some(before) = self.heard_at.take() {
            self.since.unseen |= time.saturating_sub(before) > UNSEEN_AFTER;
        }
        let verdict = judge(&self.intent, self.since, now);
        let may_move = matches!(verdict, Verdict::Wait | Verdict::AskLog | Verdict::ComeToRest);
        self.heard_at = may_move.then_some(time);
        let is_same = self.heard.replace(now.clone()).as_ref() == Some(now);
        (verdict, is_same && self.is_said_twice)
    }

    /// Why its blank is spoiled, if it is.
    pub fn cause(&self) -> SpoilCause {
        match self.intent.act {
            Act::Encode => SpoilCause::GagalEncode,
            Act::Print => SpoilCause::GagalCetak,
        }
    }
}
