//! The rows of the table for a machine that keeps a log of its jobs: what its log says of the one job under which the card
//! was printed ([`drivers::ticket`]).
//!
//! The log speaks of this card alone, so its last word stands whatever the machine did afterwards: other cards, a loss of
//! power, hands. It is believed where nothing that was seen or counted says otherwise; if something does, a person looks.
//! Figures contradict only while no other card was begun, since they are about the other one too, and silence contradicts
//! nothing: many such machines count neither cards nor ribbon.
//!
//! **A log that does not know the job proves nothing**, not even that nothing was printed. If the log was begun anew, its lines
//! are lost. If it goes no further back, other jobs have pushed the line out. In both cases the figures and a card inside
//! may be about another card, so a person looks. After "no card was moved" the station prints another card. It believes
//! that answer because the contract allows only logs from which a loss of power removes no line
//! ([`drivers::ticket::JobLog`]). If the power went during the job, the figures decide, as for any machine that restarted.

use std::ops::RangeInclusive;

use drivers::ticket::{Outcome, Unlogged};

use super::{Facts, Intent, Reason, Seen, Since, Verdict};

/// What the log decides; `None`: there is none, or the power went in the job, and the figures decide.
pub(super) fn judge(intent: &Intent, since: Since, now: &Facts) -> Option<Verdict> {
    intent.ticket_at(&now.serial)?;
    let Some(logged) = now.logged else { return Some(Verdict::AskLog) };
    if logged == Outcome::Unknown(Unlogged::Interrupted) {
        return None;
    }
    Some(before_rest(since, now, logged).unwrap_or_else(|| at_rest(intent, since, now, logged)))
}

/// The machine is brought to rest first: what its log says then is the last that it says.
fn before_rest(since: Since, now: &Facts, logged: Outcome) -> Option<Verdict> {
    if now.busy {
        return Some(Verdict::Wait);
    }
    // What hands do to a machine after it said that the card is out, they do to an empty one.
    if now.disturbed() && !since.said_out {
        return Some(Verdict::Help);
    }
    // A job that waits may yet begin, until it is ended.
    (now.owned || logged == Outcome::Waiting).then_some(Verdict::ComeToRest)
}

/// The machine stands still, and no job owns it.
fn at_rest(intent: &Intent, since: Since, now: &Facts, logged: Outcome) -> Verdict {
    // A driver that followed the card heard that it is out.
    let must_be_printed = since.said_out && !matches!(logged, Outcome::Unknown(_));
    match logged {
        Outcome::Printed => printed(intent, since, now),
        _ if must_be_printed => Verdict::Unsure(Reason::LogDisagrees),
        Outcome::Spoiled => spoiled(intent, since, now),
        Outcome::NotPrinted if intent.waits_inside() => encoded_and_not_printed(since, now),
        Outcome::NotPrinted => not_printed(intent, since, now),
        Outcome::CardInside => inside(intent, since, now),
        // A machine that stands still is at work on nothing; and a job that waits was ended before.
        Outcome::AtWork | Outcome::Waiting => Verdict::Unsure(Reason::LogDisagrees),
        // It may be a good one in somebody's hand.
        Outcome::Unknown(Unlogged::TakenOut) => Verdict::Unsure(Reason::TakenOut),
        Outcome::Unknown(_) => Verdict::Unsure(Reason::LogForgot),
    }
}

/// It was let out as a good one. One that stood inside may have been taken out instead, or was sent to the reject box.
fn printed(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    let entered = if intent.waits_inside() { 0..=1 } else { 1..=1 };
    let used = intent.ribbon_prints.map_or(0..=u32::MAX, |wanted| wanted..=wanted);
    let stood = since.stood_inside || is_ours_inside(since, now);
    if stood || !figures_fit(intent, since, now, entered, used) {
        return Verdict::Unsure(Reason::LogDisagrees);
    }
    Verdict::Printed(Reason::LogPrinted)
}

/// A card was moved and is no good one; it is not inside any more.
fn spoiled(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    let used = 0..=intent.ribbon_prints.unwrap_or(u32::MAX);
    if is_ours_inside(since, now) || !figures_fit(intent, since, now, 0..=1, used) {
        return Verdict::Unsure(Reason::LogDisagrees);
    }
    Verdict::Spoiled(Reason::LogSpoiled)
}

/// No blank was moved for the job, so none can have stood inside.
fn not_printed(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    let stood = since.stood_inside || is_ours_inside(since, now);
    if stood || !figures_fit(intent, since, now, 0..=0, 0..=0) {
        return Verdict::Unsure(Reason::LogDisagrees);
    }
    Verdict::NoCard(Reason::LogNotPrinted)
}

/// The encoded card that waited inside exists, whatever the log says of the job that was to print it.
fn encoded_and_not_printed(since: Since, now: &Facts) -> Verdict {
    if since.others_printed {
        return Verdict::Unsure(Reason::OthersPrinted);
    }
    match (now.card_inside, since.is_rejected(now)) {
        (true, _) => Verdict::Reject,
        (false, true) => Verdict::Spoiled(Reason::WentToRejectBox),
        (false, false) => Verdict::Unsure(Reason::TakenOut),
    }
}

/// It stands inside by its log, and is nobody's good card. The log is asked again when it went to the reject box.
fn inside(intent: &Intent, since: Since, now: &Facts) -> Verdict {
    if since.others_printed {
        return Verdict::Unsure(Reason::OthersPrinted);
    }
    let used = 0..=intent.ribbon_prints.unwrap_or(u32::MAX);
    if !now.card_inside || !figures_fit(intent, since, now, 0..=1, used) {
        return Verdict::Unsure(Reason::LogDisagrees);
    }
    Verdict::Reject
}

/// A card inside is this one, unless another was begun since.
fn is_ours_inside(since: Since, now: &Facts) -> bool {
    now.card_inside && !since.others_printed
}

/// Do counter and ribbon, where they are told and about this card alone, fit so many cards and so many prints? A ribbon that
/// is another one or has grown was changed, which says nothing about the card.
fn figures_fit(
    intent: &Intent,
    since: Since,
    now: &Facts,
    entered: RangeInclusive<u64>,
    used: RangeInclusive<u32>,
) -> bool {
    if since.others_printed {
        return true;
    }
    let counts = match (intent.before.cards_entered, now.cards_entered) {
        (Some(before), Some(now)) => now.checked_sub(before).is_some_and(|n| entered.contains(&n)),
        _ => true,
    };
    let ribbon = match (&intent.before.ribbon, &now.ribbon) {
        (Some((was, before)), Some((is, now))) if was == is => {
            before.checked_sub(*now).is_none_or(|prints| used.contains(&prints))
        }
        _ => true,
    };
    counts && ribbon
}

/// Does the log say something else than a person who looked? A card that was let out as a good one may be bad all the same.
pub(super) fn contradicts(seen: Seen, intent: &Intent, now: &Facts) -> bool {
    let Some(logged) = now.logged.filter(|_| intent.ticket.is_some()) else { return false };
    let may_come = matches!(logged, Outcome::Waiting | Outcome::AtWork | Outcome::CardInside);
    may_come
        || match seen {
            Seen::Printed => matches!(logged, Outcome::NotPrinted | Outcome::Spoiled),
            Seen::NoCard => matches!(logged, Outcome::Printed | Outcome::Spoiled),
            Seen::Spoiled => logged == Outcome::NotPrinted && !intent.waits_inside(),
        }
}

#[cfg(test)]
mod tests;
