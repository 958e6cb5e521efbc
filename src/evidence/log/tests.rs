//! The rows of the log, and what must hold for every row that could ever be added.

use drivers::ticket::Ticket;

use super::*;
use crate::evidence::{Act, judge, judge_card_out, may_have_seen};
use Outcome::{AtWork, CardInside, NotPrinted, Printed, Spoiled, Unknown, Waiting};
use Reason::{
    FollowedOut, LogDisagrees, LogForgot, LogNotPrinted, LogPrinted, LogSpoiled, Nameless,
    NoCounter, OtherMachine, OthersPrinted, Restarted, TakenOut, WentToRejectBox,
};
use Unlogged::{Interrupted, OtherLog, TakenOut as Taken, TooOld};

/// All that a log can say.
const ALL: [Outcome; 10] = [
    Waiting,
    AtWork,
    CardInside,
    NotPrinted,
    Printed,
    Spoiled,
    Unknown(TooOld),
    Unknown(OtherLog),
    Unknown(Interrupted),
    Unknown(Taken),
];

/// A machine that counts nothing.
fn facts() -> Facts {
    Facts { serial: "A1".to_owned(), ..Facts::default() }
}

fn counted(cards_entered: u64, ribbon_left: u32) -> Facts {
    let ribbon = Some(("YMCKO".to_owned(), ribbon_left));
    Facts { cards_entered: Some(cards_entered), ribbon, ..facts() }
}

fn ticket() -> Option<Ticket> {
    Some(Ticket::read("1F-7").unwrap())
}

fn intent(before: Facts) -> Intent {
    Intent { act: Act::Print, before, ribbon_prints: Some(1), ticket: ticket() }
}

/// To print the encoded card that waits inside.
fn waits(before: Facts) -> Intent {
    intent(Facts { card_inside: true, ..before })
}

fn logged(facts: Facts, outcome: Outcome) -> Facts {
    Facts { logged: Some(outcome), ..facts }
}

fn inside(outcome: Outcome) -> Facts {
    Facts { card_inside: true, ..logged(facts(), outcome) }
}

#[test]
fn every_row_of_a_machine_that_keeps_a_log() {
    let calm = Since::default();
    let disturbed = Since { disturbed: true, ..calm };
    let restarted = Since { restarted: true, ..calm };
    let stood = Since { stood_inside: true, ..calm };
    let rejected = Since { rejected: true, ..stood };
    let others = Since { others_printed: true, ..calm };
    let out = Since { said_out: true, ..calm };
    let says = |outcome| logged(facts(), outcome);
    let owned = |outcome| Facts { owned: true, ..says(outcome) };
    let busy = |outcome| Facts { busy: true, ..says(outcome) };
    let jam = |outcome| Facts { errors: vec!["media-jam".to_owned()], ..inside(outcome) };
    let unsure = Verdict::Unsure;
    #[rustfmt::skip]
    let rows: Vec<(&str, Since, Facts, Verdict)> = vec![
        ("the log was not asked",                       calm, facts(), Verdict::AskLog),
        ("nor of a card that is said to be out",        out, facts(), Verdict::AskLog),
        ("it is at work on it",                         calm, busy(AtWork), Verdict::Wait),
        ("it stands still, and says it is at work",     calm, says(AtWork), unsure(LogDisagrees)),
        ("it waits to begin",                           calm, owned(Waiting), Verdict::ComeToRest),
        ("it waits, and does not say that it is owned", calm, says(Waiting), Verdict::ComeToRest),
        ("it waits, and the cover is open",             calm, jam(Waiting), Verdict::Help),
        ("it is at work on another",                    calm, busy(NotPrinted), Verdict::Wait),
        ("no card was moved",                           calm, says(NotPrinted), Verdict::NoCard(LogNotPrinted)),
        ("none, and hands were in it",                  disturbed, says(NotPrinted), Verdict::NoCard(LogNotPrinted)),
        ("none, and it was switched off",               restarted, says(NotPrinted), Verdict::NoCard(LogNotPrinted)),
        ("none, and others were printed",               others, says(NotPrinted), Verdict::NoCard(LogNotPrinted)),
        ("none, and another job owns it",               calm, owned(NotPrinted), Verdict::ComeToRest),
        ("none, and a card is inside",                  calm, inside(NotPrinted), unsure(LogDisagrees)),
        ("none, and another's card is inside",          others, inside(NotPrinted), Verdict::NoCard(LogNotPrinted)),
        ("none, and one stood inside",                  stood, says(NotPrinted), unsure(LogDisagrees)),
        ("none, and one was said to be out",            out, says(NotPrinted), unsure(LogDisagrees)),
        ("it came out good",                            calm, says(Printed), Verdict::Printed(LogPrinted)),
        ("good, and hands were in it",                  disturbed, says(Printed), Verdict::Printed(LogPrinted)),
        ("good, and it was switched off",               restarted, says(Printed), Verdict::Printed(LogPrinted)),
        ("good, and nobody looked",                     Since { unseen: true, ..calm }, says(Printed), Verdict::Printed(LogPrinted)),
        ("good, and others were printed",               others, says(Printed), Verdict::Printed(LogPrinted)),
        ("good, and another's card is inside",          others, inside(Printed), Verdict::Printed(LogPrinted)),
        ("good, and said to be out",                    Since { unseen: true, disturbed: true, ..out }, says(Printed), Verdict::Printed(LogPrinted)),
        ("good, and a card is inside",                  calm, inside(Printed), unsure(LogDisagrees)),
        ("good, and it stood inside",                   stood, says(Printed), unsure(LogDisagrees)),
        ("good, and it was sent to the reject box",     rejected, says(Printed), unsure(LogDisagrees)),
        ("it is spoiled",                               calm, says(Spoiled), Verdict::Spoiled(LogSpoiled)),
        ("spoiled, and it stood inside",                stood, says(Spoiled), Verdict::Spoiled(LogSpoiled)),
        ("spoiled, in the reject box",                  rejected, says(Spoiled), Verdict::Spoiled(LogSpoiled)),
        ("spoiled, and hands were in it",               Since { disturbed: true, ..rejected }, says(Spoiled), Verdict::Spoiled(LogSpoiled)),
        ("spoiled, and others were printed",            others, says(Spoiled), Verdict::Spoiled(LogSpoiled)),
        ("spoiled, and a card is inside",               calm, inside(Spoiled), unsure(LogDisagrees)),
        ("spoiled, and said to be out",                 out, says(Spoiled), unsure(LogDisagrees)),
        ("it stands inside",                            calm, inside(CardInside), Verdict::Reject),
        ("inside, after it was switched off",           restarted, inside(CardInside), Verdict::Reject),
        ("inside, after hands",                         disturbed, inside(CardInside), Verdict::Reject),
        ("inside, and its job owns the machine",        calm, Facts { owned: true, ..inside(CardInside) }, Verdict::ComeToRest),
        ("it sticks",                                   calm, jam(CardInside), Verdict::Help),
        ("inside by the log, no sensor sees it",        calm, says(CardInside), unsure(LogDisagrees)),
        ("rejected, and inside by the log",             rejected, says(CardInside), unsure(LogDisagrees)),
        ("inside, and others were printed",             others, inside(CardInside), unsure(OthersPrinted)),
        ("inside, and said to be out",                  out, inside(CardInside), unsure(LogDisagrees)),
        ("somebody took it out when it was whole",      calm, says(Unknown(Taken)), unsure(TakenOut)),
        ("taken, and another is printed now",           others, busy(Unknown(Taken)), Verdict::Wait),
        ("the log goes no further back",                calm, says(Unknown(TooOld)), unsure(LogForgot)),
        ("no further, and a card is inside",            calm, inside(Unknown(TooOld)), unsure(LogForgot)),
        ("no further, and it is at work",               others, busy(Unknown(TooOld)), Verdict::Wait),
        ("no further, and others were printed",         others, says(Unknown(TooOld)), unsure(LogForgot)),
        ("it was begun anew",                           calm, says(Unknown(OtherLog)), unsure(LogForgot)),
        ("begun anew, and a job owns it",               calm, owned(Unknown(OtherLog)), Verdict::ComeToRest),
        ("begun anew, and a card is inside",            calm, inside(Unknown(OtherLog)), unsure(LogForgot)),
        ("begun anew, and the card is said to be out",  out, says(Unknown(OtherLog)), unsure(LogForgot)),
        ("the power went in the job",                   calm, says(Unknown(Interrupted)), unsure(NoCounter)),
        ("it went, and a card is inside",               calm, inside(Unknown(Interrupted)), unsure(NoCounter)),
        ("it went, and the card is said to be out",     out, says(Unknown(Interrupted)), unsure(Restarted)),
        ("another machine says so",                     calm, Facts { serial: "B2".into(), ..says(Printed) }, unsure(OtherMachine)),
        ("a machine without a name says so",            calm, Facts { serial: String::new(), ..says(Printed) }, unsure(Nameless)),
    ];
    for (story, since, now, want) in rows {
        assert_eq!(judge(&intent(facts()), since, &now), want, "{story}");
    }
}

#[test]
fn an_encoded_card_exists_whatever_the_log_says_of_the_job_that_was_to_print_it() {
    let judged = |since, now: Facts| judge(&waits(facts()), since, &now);
    let calm = Since::default();
    let rejected = Since { rejected: true, stood_inside: true, ..calm };
    let gone = logged(facts(), NotPrinted);
    assert_eq!(judged(calm, inside(NotPrinted)), Verdict::Reject);
    assert_eq!(judged(rejected, gone.clone()), Verdict::Spoiled(WentToRejectBox));
    assert_eq!(judged(calm, gone.clone()), Verdict::Unsure(TakenOut));
    for since in [
        Since { disturbed: true, ..rejected },
        Since { restarted: true, ..rejected },
        Since { disturbed: true, ..calm },
    ] {
        assert_eq!(judged(since, gone.clone()), Verdict::Unsure(TakenOut), "{since:?}");
    }
    let others = Since { others_printed: true, ..calm };
    assert_eq!(judged(others, inside(NotPrinted)), Verdict::Unsure(OthersPrinted));
}

#[test]
fn a_log_that_a_counter_or_a_ribbon_contradicts_settles_nothing() {
    let before = || intent(counted(7, 50));
    let judged = |intent: &Intent, since, entered, left, outcome| {
        judge(intent, since, &logged(counted(entered, left), outcome))
    };
    let calm = Since::default();
    for (entered, left, outcome, want) in [
        (8, 49, Printed, Verdict::Printed(LogPrinted)),
        (8, 300, Printed, Verdict::Printed(LogPrinted)),
        (7, 49, Printed, Verdict::Unsure(LogDisagrees)),
        (9, 48, Printed, Verdict::Unsure(LogDisagrees)),
        (6, 49, Printed, Verdict::Unsure(LogDisagrees)),
        (8, 50, Printed, Verdict::Unsure(LogDisagrees)),
        (7, 50, NotPrinted, Verdict::NoCard(LogNotPrinted)),
        (8, 50, NotPrinted, Verdict::Unsure(LogDisagrees)),
        (7, 49, NotPrinted, Verdict::Unsure(LogDisagrees)),
        (7, 50, Spoiled, Verdict::Spoiled(LogSpoiled)),
        (8, 49, Spoiled, Verdict::Spoiled(LogSpoiled)),
        (9, 48, Spoiled, Verdict::Unsure(LogDisagrees)),
        (8, 49, Unknown(OtherLog), Verdict::Unsure(LogForgot)),
        (7, 50, Unknown(OtherLog), Verdict::Unsure(LogForgot)),
        (7, 50, Unknown(TooOld), Verdict::Unsure(LogForgot)),
        (8, 49, Unknown(Interrupted), Verdict::Unsure(Restarted)),
    ] {
        let told = judged(&before(), calm, entered, left, outcome);
        assert_eq!(told, want, "{entered} {left} {outcome:?}");
    }
    // The figures are about the other cards too.
    let others = Since { others_printed: true, ..calm };
    assert_eq!(judged(&before(), others, 12, 45, NotPrinted), Verdict::NoCard(LogNotPrinted));
    let counted_before = waits(counted(7, 50));
    assert_eq!(judged(&counted_before, calm, 7, 49, Printed), Verdict::Printed(LogPrinted));
}

/// Every combination of what can be known, held against the promise in other words than the rows'.
#[test]
fn no_combination_settles_what_has_two_readings() {
    let intents = [intent(facts()), waits(facts()), intent(counted(7, 50)), waits(counted(7, 50))];
    let mut settled = 0;
    for intent in &intents {
        for bits in 0_u32..1 << 12 {
            for outcome in ALL {
                settled += u32::from(holds(intent, bits, outcome));
            }
        }
    }
    assert!(settled > 1000, "{settled}");
}

/// Is it settled? If so, rightly.
fn holds(intent: &Intent, bits: u32, outcome: Outcome) -> bool {
    let is = |bit: u32| bits & (1 << bit) != 0;
    let since = Since {
        others_printed: is(0),
        disturbed: is(1),
        restarted: is(2),
        stood_inside: is(3),
        rejected: is(4),
        unseen: is(5),
        said_out: is(6),
    };
    let counts = intent.before.cards_entered.is_some();
    let mut now =
        logged(if counts { counted(7 + u64::from(is(11)), 50) } else { facts() }, outcome);
    (now.card_inside, now.busy, now.owned, now.restarted) = (is(7), is(8), is(9), is(10));
    let verdict = judge(intent, since, &now);
    let story = format!("{intent:?} {since:?} {now:?}: {verdict:?}");
    if outcome == Unknown(Interrupted) {
        // As of a machine without a log that was switched off.
        let figures = Intent { ticket: None, ..intent.clone() };
        let off = Since { restarted: true, ..since };
        let without = judge(&figures, off, &Facts { logged: None, ..now });
        assert_eq!(verdict, without, "{story}");
        return false;
    }
    let at_rest = !now.busy && !now.owned;
    let unseen_inside = !since.stood_inside && (!now.card_inside || since.others_printed);
    let entered = counts && is(11) && !since.others_printed;
    match verdict {
        Verdict::NoCard(_) => {
            assert!(outcome == NotPrinted && at_rest && unseen_inside && !entered, "{story}");
            assert!(!intent.waits_inside() && !since.said_out, "{story}");
        }
        Verdict::Printed(_) => {
            assert!(outcome == Printed && at_rest && unseen_inside, "{story}");
            // The ribbon was not used, and only another card's figures excuse that.
            assert!(!counts || since.others_printed, "{story}");
        }
        Verdict::Spoiled(WentToRejectBox) => {
            assert!(outcome == NotPrinted && intent.waits_inside() && since.rejected, "{story}");
            let clean = !since.disturbed && !since.restarted && !now.restarted;
            assert!(at_rest && clean && !now.card_inside && !since.others_printed, "{story}");
        }
        Verdict::Spoiled(_) => {
            assert!(outcome == Spoiled && at_rest && !since.said_out, "{story}");
            assert!(!now.card_inside || since.others_printed, "{story}");
        }
        Verdict::Reject => {
            assert!(now.card_inside && at_rest && !since.others_printed, "{story}");
            assert!(!since.said_out && matches!(outcome, CardInside | NotPrinted), "{story}");
            assert!(outcome == CardInside || intent.waits_inside(), "{story}");
        }
        _ => return false,
    }
    assert!(!matches!(outcome, Unknown(_)), "{story}");
    true
}

/// What the log says of a job is nothing to another machine, nor to one that cannot be told from another, nor where a chip
/// was being written.
#[test]
fn a_ticket_is_worth_nothing_without_the_same_machine() {
    for outcome in ALL {
        for serial in ["", "B2"] {
            let now = Facts { serial: serial.to_owned(), ..logged(facts(), outcome) };
            let verdict = judge(&intent(facts()), Since::default(), &now);
            assert!(matches!(verdict, Verdict::Unsure(_)), "{serial} {outcome:?}: {verdict:?}");
        }
        let encode = Intent { act: Act::Encode, ..intent(facts()) };
        let now = logged(facts(), outcome);
        let verdict = judge(&encode, Since::default(), &now);
        assert!(matches!(verdict, Verdict::Unsure(NoCounter)), "{outcome:?}: {verdict:?}");
        let nameless = intent(Facts::default());
        let now = Facts { serial: String::new(), ..now };
        assert_eq!(judge(&nameless, Since::default(), &now), Verdict::Unsure(Nameless));
    }
}

#[test]
fn a_card_that_was_followed_to_its_end_needs_no_log() {
    let out = drivers::contract::CardOut {
        identity: drivers::contract::Identity {
            serial: drivers::contract::Designation::read("A1"),
            ..drivers::contract::Identity::default()
        },
        cards_entered_before: None,
        cards_entered_after: None,
        ribbon: None,
        watch: drivers::contract::Watch::default(),
    };
    assert_eq!(judge_card_out(&intent(facts()), &out), Verdict::Printed(FollowedOut));
}

#[test]
fn a_person_is_asked_twice_where_the_log_contradicts() {
    let ask = |seen, outcome| {
        may_have_seen(seen, &intent(facts()), Since::default(), &logged(facts(), outcome))
    };
    for (seen, outcome) in [
        (Seen::Printed, NotPrinted),
        (Seen::Printed, Spoiled),
        (Seen::NoCard, Printed),
        (Seen::NoCard, Spoiled),
        (Seen::Spoiled, NotPrinted),
        (Seen::NoCard, Waiting),
        (Seen::Printed, CardInside),
    ] {
        assert_eq!(ask(seen, outcome), Err(LogDisagrees), "{seen:?} {outcome:?}");
    }
    for (seen, outcome) in [
        (Seen::Printed, Printed),
        (Seen::Spoiled, Printed),
        (Seen::Spoiled, Spoiled),
        (Seen::NoCard, NotPrinted),
        (Seen::NoCard, Unknown(TooOld)),
        (Seen::Printed, Unknown(Taken)),
    ] {
        assert_eq!(ask(seen, outcome), Ok(()), "{seen:?} {outcome:?}");
    }
}
