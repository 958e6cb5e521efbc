//! Cards that nobody saw: what became of them is found out from the machine, row by row of [`crate::evidence`], or left to
//! a person. Every step that moves a card is in the ledger before; nothing is tried because time has passed.

use std::time::Duration;

use serde_json::{Value, json};

use super::Station;
use super::device::Order;
use crate::codes::station::H_NOT_WATCHED;
use crate::evidence::{Act, Facts, Intent, Reason, Since, Verdict, judge};
use crate::finding::Finding;
use crate::ledger::blanks::Cause;
use crate::ledger::{Entry, JobId, JobRecord, Ledger, LedgerError};
use crate::lifecycle::{Event, State};
use crate::queue;
use drivers::contract::DeviceError;
use drivers::words::Words;

/// Notes about a doubt, in the order of a recovery.
const LOOKED: &str = "looked";
const COME_TO_REST: &str = "come_to_rest";
const REJECT: &str = "reject";
const FAILED: &str = "recovery_failed";
const LEFT_TO_A_PERSON: &str = "left_to_a_person";

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
        let begun =
            |line: &Entry| [Event::Print.name(), Event::Encode.name()].contains(&&*line.event);
        let Some(at) = lines.iter().rposition(begun) else {
            return Ok(Doubt::without_intent(record));
        };
        // An intent that cannot be read is one of a nameless machine: only a person can tell.
        let intent: Intent = serde_json::from_value(lines[at].detail.clone()).unwrap_or_default();
        let mut doubt = Doubt { intent, ..Doubt::without_intent(record) };
        doubt.since.others_printed =
            ledger.printed_since(lines[at].seq, &doubt.intent.before.serial)?;
        for line in &lines[at..] {
            let facts = || serde_json::from_value::<Facts>(line.detail["machine"].clone());
            if line.event == Event::LoseSight.name() {
                doubt.lost(&line.detail["lost"]);
            }
            doubt.since.unseen |= line.detail["unseen"] == true;
            match (&*line.event, facts()) {
                (LOOKED | COME_TO_REST, Ok(facts)) => doubt.since.looked(&facts),
                (REJECT, Ok(_)) => doubt.since.reject(),
                (FAILED, _) if was_not_rejected(&line.detail) => doubt.since.rejecting = false,
                // A card that was at its station has left the feeder, whatever is inside now.
                (_, Err(_)) if doubt.intent.act == Act::Encode && was_inside(line) => {
                    doubt.since.stood_inside = true;
                }
                (LEFT_TO_A_PERSON, _) => {
                    doubt.told = serde_json::from_value(line.detail["row"].clone()).ok();
                }
                _ => {}
            }
        }
        Ok(doubt)
    }

    /// What its driver saw of it before it was lost from sight.
    fn lost(&mut self, lost: &Value) {
        self.since.said_out |= lost["said_out"] == true;
        self.since.followed(serde_json::from_value(lost["watch"].clone()).unwrap_or_default());
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
    pub fn cause(&self) -> Cause {
        match self.intent.act {
            Act::Encode => Cause::GagalEncode,
            Act::Print => Cause::GagalCetak,
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
fn was_not_rejected(failed: &Value) -> bool {
    failed["what"] == REJECT && (failed["card"] == "in_machine" || failed["card"] == "untouched")
}

/// Did the station lose sight of a card that was inside?
fn was_inside(line: &Entry) -> bool {
    line.event == Event::LoseSight.name() && line.detail["lost"]["card"] == "in_machine"
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
            let seen = json!({ "machine": now, "unseen": doubt.since.unseen });
            if let Err(error) = ledger.note(&doubt.job, LOOKED, seen).wait() {
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
                self.act(&job, COME_TO_REST, now, Order::ComeToRest(Some(job.clone())))
            }
            Verdict::Reject => {
                if let Some(doubt) = self.doubts()?.get_mut(at) {
                    doubt.since.reject();
                }
                self.act(&job, REJECT, now, Order::Reject(job.clone()))
            }
            Verdict::NoCard(row) => self.settle_doubt(&job, Event::NoCard, row, now),
            Verdict::Spoiled(row) => self.settle_doubt(&job, Event::Spoil, row, now),
            Verdict::Printed(row) => self.settle_doubt(&job, Event::CardOut, row, now),
            Verdict::Unsure(row) => self.leave_to_a_person(at, row, now),
        }
    }

    /// Brings a machine to rest that no doubt is about.
    pub(super) fn use_it(&mut self) -> Result<(), LedgerError> {
        let Some(status) = &self.machine.status else { return Ok(()) };
        let machine = Facts::of(status);
        self.ledger.note_station(COME_TO_REST, json!({ "machine": machine })).wait()?;
        (self.machine.used, self.machine.fresh) = (true, false);
        let order = Order::ComeToRest(None);
        self.recovering = self.device.as_ref().is_some_and(|device| device.send(order).is_ok());
        Ok(())
    }

    /// The intent, synced; then the machine moves.
    fn act(
        &mut self,
        job: &JobId,
        what: &'static str,
        now: &Facts,
        order: Order,
    ) -> Result<bool, LedgerError> {
        if let Err(error) = self.ledger.note(job, what, json!({ "machine": now })).wait() {
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
        event: Event,
        row: Reason,
        now: &Facts,
    ) -> Result<bool, LedgerError> {
        let known = self.doubts()?.iter().find(|doubt| doubt.job == *job);
        let mut left = known.map(|doubt| without_doubt(&doubt.findings)).unwrap_or_default();
        if event == Event::CardOut && known.is_none_or(|doubt| !doubt.since.said_out) {
            left.push(H_NOT_WATCHED.at("job", &[]));
        }
        let cause = known.map_or(Cause::GagalCetak, Doubt::cause);
        let evidence = json!({ "row": row.name(), "machine": now });
        let mut detail: Value = json!({ "evidence": evidence, "findings": left });
        if event == Event::Spoil {
            detail["cause"] = json!(cause.name());
        }
        self.settle_unsure(job, event, detail)?;
        tracing::info!(%job, event = event.name(), row = row.name(), "settled by the printer's word");
        Ok(false)
    }

    /// What became of a card that nobody saw is known. Its job waits again, unless it was found out meanwhile that a
    /// person must look first.
    pub(super) fn settle_unsure(
        &mut self,
        job: &JobId,
        event: Event,
        detail: Value,
    ) -> Result<(), LedgerError> {
        self.ledger.append(job, event, detail).wait()?;
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
            let detail = json!({ "row": row, "machine": now, "findings": findings });
            ledger.note(&doubt.job, LEFT_TO_A_PERSON, detail).wait()?;
            tracing::warn!(job = %doubt.job, row = row.name(), "only a person can tell what became of the card");
            (doubt.told, doubt.findings) = (Some(row), findings);
        }
        Ok(true)
    }

    /// The machine has come to rest, or the card lies in the reject box: a look will tell.
    pub(super) fn recovered(
        &mut self,
        job: Option<&JobId>,
        what: &'static str,
        result: Result<(), DeviceError>,
    ) {
        self.recovering = false;
        if let Err(error) = result {
            self.pause_longer();
            tracing::warn!(what, %error, "the printer cannot be brought to rest");
            let detail =
                json!({ "what": what, "card": error.card, "cause": error.cause.to_string() });
            let doubts = self.doubts.iter_mut().flatten();
            if let Some(doubt) = doubts.into_iter().find(|doubt| Some(&doubt.job) == job) {
                doubt.since.rejecting &= !was_not_rejected(&detail);
            }
            // Only told: what holds is what the machine says next.
            if let Some(job) = job {
                let _ = self.ledger.note(job, FAILED, detail).wait();
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
