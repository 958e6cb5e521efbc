//! Cards that nobody saw: what became of them is found out from the machine, row by row of [`crate::evidence`], or left to
//! a person. Every step that moves a card is in the ledger before; nothing is tried because time has passed.

use std::time::Duration;

use super::Station;
use super::device::Order;
use crate::codes::station::H_NOT_WATCHED;
use crate::event::{CardEvidence, Event, Lost, MachineWord, RecoveryStep};
use crate::evidence::{Act, Facts, Intent, Reason, Since, Verdict, judge};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{JobRecord, Ledger, LedgerError};
use crate::lifecycle::State;
use crate::queue;
use crate::supplies::SpoilCause;
use drivers::contract::{DeviceError, Whereabouts};
use drivers::words::Words;

/// A card that a machine is still at work on is polled every two seconds. Longer, and nobody watched it.
const UNSEEN_AFTER: Duration = Duration::from_secs(10);

/// To rest, and to the reject box; more are given only after pauses.
const ORDERS_AT_ONCE: u32 = 2;

/// What a job is held back for while it is unsure.
const H_UNSURE: &str = "H_UNSURE";

/// A job whose card nobody saw.
pub(super) struct Doubt {
    pub job: JobId,
    pub intent: Intent,
    pub since: Since,
    /// What the machine said when it was last asked about it.
    heard: Option<Facts>,
    /// When it was last heard of while its card might still move; `None`: not in this life, or it does not move any more.
    heard_at: Option<Duration>,
    /// Orders that were given to empty the machine of it.
    orders: u32,
    /// What a person was told last.
    told: Option<Reason>,
    findings: Vec<Finding>,
}

impl Doubt {
    /// Folds the job's lines since its last intent.
    fn of(record: JobRecord, ledger: &Ledger) -> Result<Doubt, LedgerError> {
        let lines = ledger.events_of(&record.id)?;
        let lines: Vec<(u64, Option<Event>)> =
            lines.iter().map(|line| (line.seq, line.read())).collect();
        let is_intent = |(_, event): &(u64, Option<Event>)| {
            event.as_ref().is_some_and(|event| event.intent().is_some())
        };
        // Without an intent it is a nameless machine's: only a person can tell.
        let Some(at) = lines.iter().rposition(is_intent) else {
            return Ok(Doubt::without_intent(record));
        };
        // What cannot be read may say that hands were in between.
        if lines[at..].iter().any(|(_, event)| event.is_none()) {
            return Ok(Doubt::without_intent(record));
        }
        let intent = lines[at].1.as_ref().and_then(Event::intent);
        let intent = intent.map(|line| line.intent.clone()).unwrap_or_default();
        let mut doubt = Doubt { intent, ..Doubt::without_intent(record) };
        doubt.since.others_printed =
            ledger.printed_since(lines[at].0, &doubt.intent.before.serial)?;
        for event in lines[at..].iter().filter_map(|(_, event)| event.as_ref()) {
            doubt.follow(event);
        }
        Ok(doubt)
    }

    /// One line since the intent.
    fn follow(&mut self, event: &Event) {
        match event {
            Event::OutcomeUnknown { lost, .. } => self.lost(lost),
            Event::Looked { machine, unseen } => {
                self.since.unseen |= unseen;
                self.since.looked(machine);
            }
            Event::AbortOrphanedJob { machine } => self.since.looked(machine),
            Event::Reject { .. } => self.since.reject(),
            Event::RecoveryFailed { what, card, .. } if was_not_rejected(*what, *card) => {
                self.since.rejecting = false;
            }
            Event::LeftToAPerson { row, .. } => self.told = Some(*row),
            _ => {}
        }
    }

    /// What its driver saw of it before it was lost from sight.
    fn lost(&mut self, lost: &Lost) {
        self.since.said_out |= lost.said_out;
        self.since.followed(lost.watch.unwrap_or_default());
        // A card that was at its station has left the feeder, whatever is inside now.
        self.since.stood_inside |=
            self.intent.act == Act::Encode && lost.card == Whereabouts::InMachine;
    }

    /// What the printer's figures say of it, and whether the printer said the same the last time.
    fn judge(&mut self, now: &Facts, time: Duration) -> (Verdict, bool) {
        if now.serial == self.intent.before.serial && !self.since.others_printed {
            self.since.looked(now);
        }
        if let Some(before) = self.heard_at.take() {
            self.since.unseen |= time.saturating_sub(before) > UNSEEN_AFTER;
        }
        let verdict = judge(&self.intent, self.since, now);
        let may_move = matches!(verdict, Verdict::Wait | Verdict::ComeToRest);
        self.heard_at = may_move.then_some(time);
        (verdict, self.heard.replace(now.clone()).as_ref() == Some(now))
    }

    /// Why its blank is spoiled, if it is.
    pub fn cause(&self) -> SpoilCause {
        match self.intent.act {
            Act::Encode => SpoilCause::GagalEncode,
            Act::Print => SpoilCause::GagalCetak,
        }
    }

    fn without_intent(record: JobRecord) -> Doubt {
        Doubt {
            job: record.id,
            intent: Intent::default(),
            since: Since::default(),
            heard: None,
            heard_at: None,
            orders: 0,
            told: None,
            findings: record.findings,
        }
    }
}

/// The printer did not take the order to reject, or says that the card is inside all the same: if it is gone later, it did
/// not go into the reject box. It may be whole, in somebody's hand.
fn was_not_rejected(what: RecoveryStep, card: Whereabouts) -> bool {
    what == RecoveryStep::Reject && matches!(card, Whereabouts::InMachine | Whereabouts::Untouched)
}

/// What stands with a job once it is no longer unsure.
pub(super) fn without_doubt(findings: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|finding| finding.code != H_UNSURE).cloned().collect()
}

impl Station {
    /// Every doubt, read from the ledger where it is not known.
    pub(super) fn doubts(&mut self) -> Result<&mut Vec<Doubt>, LedgerError> {
        if self.doubts.is_none() {
            let unsure = queue::all_in(&self.ledger, State::Unsure)?;
            let doubts = unsure.into_iter().map(|record| Doubt::of(record, &self.ledger));
            let mut doubts = doubts.collect::<Result<Vec<_>, _>>()?;
            if let Some((job, at)) = &self.lost {
                let lost = doubts.iter_mut().filter(|doubt| doubt.job == *job);
                lost.for_each(|doubt| doubt.heard_at = Some(*at));
            }
            self.doubts = Some(doubts);
        }
        Ok(self.doubts.get_or_insert_default())
    }

    /// Goes on with what is doubtful. True: nothing of it is in the way of the next card.
    pub(super) fn recover(&mut self) -> Result<bool, LedgerError> {
        if self.doubts()?.is_empty() {
            return Ok(true);
        }
        if self.device.is_none() || self.at_work() {
            return Ok(false);
        }
        if !self.machine.is_known() {
            self.look_if_it_answers();
            return Ok(false);
        }
        let Some(status) = &self.machine.status else { return Ok(false) };
        let now = Facts::of(status);
        let mut free = true;
        for at in 0..self.doubts()?.len() {
            free &= self.go_on_with(at, &now)?;
            // Settled, or an order was given: look at the rest afterwards.
            if self.doubts.is_none() || self.at_work() {
                return Ok(false);
            }
        }
        Ok(free)
    }

    /// One step with one doubt. True: it is not in the way.
    fn go_on_with(&mut self, at: usize, now: &Facts) -> Result<bool, LedgerError> {
        let resting = self.rests();
        let ledger = self.ledger.clone();
        let time = self.clock.steady();
        let Some(doubt) = self.doubts()?.get_mut(at) else { return Ok(true) };
        let known = doubt.since;
        let (verdict, is_repeated) = doubt.judge(now, time);
        let counts = !matches!(verdict, Verdict::Wait | Verdict::Help | Verdict::Unsure(_));
        let acts =
            is_repeated && !resting && matches!(verdict, Verdict::ComeToRest | Verdict::Reject);
        if doubt.since != known && !acts {
            // What hands may have done since must be remembered over the next power cut.
            let looked = Event::Looked { machine: now.clone(), unseen: doubt.since.unseen };
            if let Err(error) = ledger.append(&doubt.job, looked).wait() {
                doubt.since = known;
                return Err(error);
            }
        }
        // One wrong byte on the wire must not settle a card, nor move one: what does is said twice.
        if counts && !is_repeated {
            self.machine.fresh = false;
            self.look();
            return Ok(false);
        }
        let job = doubt.job.clone();
        doubt.orders += u32::from(acts);
        if acts && doubt.orders > ORDERS_AT_ONCE {
            // A machine that does not do what it says must not fill the ledger.
            self.pause_longer();
        }
        match verdict {
            Verdict::Wait | Verdict::Help => Ok(false),
            Verdict::ComeToRest | Verdict::Reject if resting => Ok(false),
            Verdict::ComeToRest => {
                let intent = Event::AbortOrphanedJob { machine: now.clone() };
                self.act(&job, intent, Order::ComeToRest(Some(job.clone())))
            }
            Verdict::Reject => {
                if let Some(doubt) = self.doubts()?.get_mut(at) {
                    doubt.since.reject();
                }
                let intent = Event::Reject { machine: now.clone() };
                self.act(&job, intent, Order::Reject(job.clone()))
            }
            Verdict::NoCard(row) | Verdict::Spoiled(row) | Verdict::Printed(row) => {
                self.settle_doubt(&job, verdict, row, now)
            }
            Verdict::Unsure(row) => self.leave_to_a_person(at, row, now),
        }
    }

    /// Brings a machine to rest that no doubt is about.
    pub(super) fn use_it(&mut self) -> Result<(), LedgerError> {
        let Some(status) = &self.machine.status else { return Ok(()) };
        let machine = Facts::of(status);
        self.ledger.append_of_station(Event::AbortOrphanedJob { machine }).wait()?;
        (self.machine.used, self.machine.fresh) = (true, false);
        let order = Order::ComeToRest(None);
        self.recovering = self.device.as_ref().is_some_and(|device| device.send(order).is_ok());
        Ok(())
    }

    /// The intent, synced; then the machine moves.
    fn act(&mut self, job: &JobId, intent: Event, order: Order) -> Result<bool, LedgerError> {
        if let Err(error) = self.ledger.append(job, intent).wait() {
            self.doubts = None;
            return Err(error);
        }
        self.machine.fresh = false;
        self.recovering = self.device.as_ref().is_some_and(|device| device.send(order).is_ok());
        Ok(false)
    }

    fn settle_doubt(
        &mut self,
        job: &JobId,
        verdict: Verdict,
        row: Reason,
        now: &Facts,
    ) -> Result<bool, LedgerError> {
        let known = self.doubts()?.iter().find(|doubt| doubt.job == *job);
        let mut left = known.map(|doubt| without_doubt(&doubt.findings)).unwrap_or_default();
        if matches!(verdict, Verdict::Printed(_)) && known.is_none_or(|doubt| !doubt.since.said_out)
        {
            left.push(H_NOT_WATCHED.at("job", &[]));
        }
        let cause = known.map_or(SpoilCause::GagalCetak, Doubt::cause);
        let machine = MachineWord::Facts(now.clone());
        let evidence = CardEvidence::Machine { machine, row: Some(row) };
        let findings = Some(left);
        let event = match verdict {
            Verdict::Printed(_) => Event::CardOut { evidence, findings },
            Verdict::Spoiled(_) => Event::Spoil { evidence, cause: Some(cause), findings },
            _ => Event::NoCard { evidence, findings },
        };
        let name = event.name();
        self.settle_unsure(job, event)?;
        tracing::info!(%job, event = name, row = row.name(), "settled by the printer's word");
        Ok(false)
    }

    /// What became of a card that nobody saw is known. Its job waits again, unless it was found out meanwhile that a
    /// person must look first.
    pub(super) fn settle_unsure(&mut self, job: &JobId, event: Event) -> Result<(), LedgerError> {
        self.ledger.append(job, event).wait()?;
        self.forget();
        let record = self.ledger.job(job)?;
        if record.state == State::Queued && record.findings.iter().any(Finding::holds) {
            queue::hold(&self.ledger, job, &record.findings)?;
        }
        Ok(())
    }

    /// What is doubtful, and which products are barred by it, is read from the ledger anew.
    pub(super) fn forget(&mut self) {
        self.doubts = None;
        self.bench.barred = None;
    }

    /// Tells, once, why the machine cannot say; the queue goes on when it is empty.
    fn leave_to_a_person(
        &mut self,
        at: usize,
        row: Reason,
        now: &Facts,
    ) -> Result<bool, LedgerError> {
        let ledger = self.ledger.clone();
        let Some(doubt) = self.doubts()?.get_mut(at) else { return Ok(true) };
        if doubt.told != Some(row) {
            let mut findings = without_doubt(&doubt.findings);
            findings.push(unsure(row));
            let machine = now.clone();
            let left = Event::LeftToAPerson { row, machine, findings: findings.clone() };
            ledger.append(&doubt.job, left).wait()?;
            tracing::warn!(job = %doubt.job, row = row.name(), "only a person can tell what became of the card");
            (doubt.told, doubt.findings) = (Some(row), findings);
        }
        Ok(true)
    }

    /// The machine has come to rest, or the card lies in the reject box: a look will tell.
    pub(super) fn recovered(
        &mut self,
        job: Option<&JobId>,
        what: RecoveryStep,
        result: Result<(), DeviceError>,
    ) {
        self.recovering = false;
        if let Err(error) = result {
            self.pause_longer();
            tracing::warn!(what = what.name(), %error, "the printer cannot be brought to rest");
            let doubts = self.doubts.iter_mut().flatten();
            if let Some(doubt) = doubts.into_iter().find(|doubt| Some(&doubt.job) == job) {
                doubt.since.rejecting &= !was_not_rejected(what, error.card);
            }
            // Only told: what holds is what the machine says next.
            if let Some(job) = job {
                let (card, cause) = (error.card, error.cause.to_string());
                let failed = Event::RecoveryFailed { what, card, cause };
                let _ = self.ledger.append(job, failed).wait();
            }
            self.machine.error = Some(error);
        }
        self.look();
    }
}

fn unsure(row: Reason) -> Finding {
    let why = row.words();
    let words = Words::new(
        format!(
            "{} Lihat di printer, baki hasil dan kotak tolak, lalu jawab: printed, spoiled atau no_card (resolve).",
            why.id
        ),
        format!(
            "{} Look into the printer, the output hopper and the reject box, then answer: printed, spoiled or no_card (resolve).",
            why.en
        ),
    );
    Finding::whole(H_UNSURE, words)
}
