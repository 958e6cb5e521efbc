//! The table, row by row, and what must hold for every row that could ever be added.

use super::*;
use Reason::*;

/// A machine that counted 7 cards and had 50 prints left.
fn intent() -> Intent {
    Intent { act: Act::Print, before: facts(7, 50), ribbon_prints: Some(1), ticket: None }
}

fn facts(cards_entered: u64, ribbon_left: u32) -> Facts {
    Facts {
        serial: "A1".to_owned(),
        cards_entered: Some(cards_entered),
        ribbon: Some(("YMCKO".to_owned(), ribbon_left)),
        ..Facts::default()
    }
}

fn inside(facts: Facts) -> Facts {
    Facts { card_inside: true, ..facts }
}

fn complains(facts: Facts, of: &str) -> Facts {
    Facts { errors: vec![of.to_owned()], ..facts }
}

#[test]
fn every_row_of_the_table() {
    let calm = Since::default();
    let disturbed = Since { disturbed: true, ..calm };
    let stood = Since { stood_inside: true, ..calm };
    let rejected = Since { rejected: true, ..stood };
    let others = Since { others_printed: true, ..calm };
    let restarted = Since { restarted: true, ..calm };
    let whole = facts(8, 49);
    let untouched = facts(7, 50);
    #[rustfmt::skip]
    let rows: Vec<(&str, Since, Facts, Verdict)> = vec![
        ("it never heard of the card",               calm, untouched.clone(), Verdict::NoCard(CounterAsBefore)),
        ("the feeder is empty, no blank came",       calm, complains(untouched.clone(), "media-empty"), Verdict::NoCard(CounterAsBefore)),
        ("it came out whole",                        calm, whole.clone(), Verdict::Printed(CameOutWhole)),
        ("out whole, and the feeder is empty now",   calm, complains(whole.clone(), "media-empty"), Verdict::Printed(CameOutWhole)),
        ("it is still printing",                     calm, Facts { busy: true, ..inside(whole.clone()) }, Verdict::Wait),
        ("a lost job owns it, the card inside",      calm, Facts { owned: true, ..inside(whole.clone()) }, Verdict::ComeToRest),
        ("a lost job owns it, no card came",         calm, Facts { owned: true, ..untouched.clone() }, Verdict::ComeToRest),
        ("the card is inside",                       calm, inside(whole.clone()), Verdict::Reject),
        ("a blank is inside that did not enter",     calm, inside(untouched.clone()), Verdict::Reject),
        ("inside after it was switched off",         restarted, inside(whole.clone()), Verdict::Reject),
        ("inside after a jam was dealt with",        disturbed, inside(whole.clone()), Verdict::Reject),
        ("it sticks",                                calm, complains(inside(whole.clone()), "media-jam"), Verdict::Help),
        ("the cover is open",                        calm, complains(whole.clone(), "cover-open"), Verdict::Help),
        ("it stood inside, was sent to the box",     rejected, whole.clone(), Verdict::Spoiled(WentToRejectBox)),
        ("a blank stood inside, was sent there",     rejected, untouched.clone(), Verdict::Spoiled(WentToRejectBox)),
        ("sent there, and hands were in between",    Since { disturbed: true, ..rejected }, whole.clone(), Verdict::Unsure(Disturbed)),
        ("sent there, and switched off",             Since { restarted: true, ..rejected }, whole.clone(), Verdict::Unsure(Restarted)),
        ("it stood inside and is gone",              stood, whole.clone(), Verdict::Unsure(TakenOut)),
        ("hands dealt with trouble",                 disturbed, whole.clone(), Verdict::Unsure(Disturbed)),
        ("hands dealt with trouble, nothing came?",  disturbed, untouched.clone(), Verdict::Unsure(Disturbed)),
        ("it was switched off, as before?",          restarted, untouched.clone(), Verdict::Unsure(Restarted)),
        ("it was switched off, out?",                calm, Facts { restarted: true, ..whole.clone() }, Verdict::Unsure(Restarted)),
        ("it entered, no ribbon was used",           calm, facts(8, 50), Verdict::Unsure(RibbonDisagrees)),
        ("it entered, too much ribbon was used",     calm, facts(8, 48), Verdict::Unsure(RibbonDisagrees)),
        ("it entered, and the ribbon is a new one",  calm, facts(8, 300), Verdict::Unsure(RibbonDisagrees)),
        ("it entered, the ribbon is not told",       calm, Facts { ribbon: None, ..whole.clone() }, Verdict::Unsure(RibbonDisagrees)),
        ("none entered, but ribbon was used",        calm, facts(7, 49), Verdict::Unsure(RibbonDisagrees)),
        ("two entered",                              calm, facts(9, 48), Verdict::Unsure(SeveralEntered)),
        ("two entered, one is inside",               calm, inside(facts(9, 48)), Verdict::Unsure(SeveralEntered)),
        ("the counter went back",                    calm, facts(6, 50), Verdict::Unsure(CounterWentBack)),
        ("the counter is not told",                  calm, Facts { cards_entered: None, ..whole.clone() }, Verdict::Unsure(NoCounter)),
        ("not told, but a card is inside",           calm, Facts { cards_entered: None, ..inside(whole.clone()) }, Verdict::Reject),
        ("not told, inside, after hands",            disturbed, Facts { cards_entered: None, ..inside(whole.clone()) }, Verdict::Unsure(NoCounter)),
        ("another machine",                          calm, Facts { serial: "B2".to_owned(), ..whole.clone() }, Verdict::Unsure(OtherMachine)),
        ("a machine without a name",                 calm, Facts { serial: String::new(), ..whole.clone() }, Verdict::Unsure(Nameless)),
        ("others were printed since",                others, whole, Verdict::Unsure(OthersPrinted)),
        ("others were printed, a card is inside",    others, inside(untouched), Verdict::Unsure(OthersPrinted)),
    ];
    for (story, since, now, want) in rows {
        assert_eq!(judge(&intent(), since, &now), want, "{story}");
    }
}

/// An intent to write a chip, and one to print the card that then waits inside.
fn with_a_chip() -> [Intent; 2] {
    let encode = Intent { act: Act::Encode, ribbon_prints: None, ..intent() };
    [encode, Intent { before: inside(facts(7, 50)), ..intent() }]
}

#[test]
fn every_row_of_a_card_with_a_chip() {
    let calm = Since::default();
    let stood = Since { stood_inside: true, ..calm };
    let rejected = Since { rejected: true, ..stood };
    let disturbed = Since { disturbed: true, ..calm };
    let restarted = Since { restarted: true, ..calm };
    let untold = |facts: Facts| Facts { cards_entered: None, ..facts };
    let [encode, print] = with_a_chip();
    let (untouched, entered, whole) = (facts(7, 50), facts(8, 50), facts(8, 49));
    #[rustfmt::skip]
    let rows: Vec<(&str, &Intent, Since, Facts, Verdict)> = vec![
        ("no blank was taken",                       &encode, calm, untouched.clone(), Verdict::NoCard(CounterAsBefore)),
        ("it waits at the chip station",             &encode, calm, inside(untouched.clone()), Verdict::Reject),
        ("it waits, and entered the head before",    &encode, calm, inside(entered.clone()), Verdict::Reject),
        ("it waits, the counter is not told",        &encode, disturbed, untold(inside(untouched.clone())), Verdict::Reject),
        ("its stripe could not be written",          &encode, calm, complains(inside(untouched.clone()), "other"), Verdict::Reject),
        ("it sticks at the chip station",            &encode, calm, complains(inside(untouched.clone()), "media-jam"), Verdict::Help),
        ("it was being printed, and complains",      &print, calm, complains(inside(untouched.clone()), "other"), Verdict::Help),
        ("it went to the reject box",                &encode, rejected, untouched.clone(), Verdict::Spoiled(WentToRejectBox)),
        ("it stood there and is gone",               &encode, stood, untouched.clone(), Verdict::Spoiled(TakenOut)),
        ("it entered the head and is gone",          &encode, calm, entered.clone(), Verdict::Spoiled(TakenOut)),
        ("gone after hands were in it",              &encode, disturbed, untouched.clone(), Verdict::Unsure(Disturbed)),
        ("gone after it was switched off",           &encode, restarted, untouched.clone(), Verdict::Unsure(Restarted)),
        ("nothing inside, the counter is not told",  &encode, calm, untold(untouched.clone()), Verdict::Unsure(NoCounter)),
        ("no blank was taken, but ribbon was used",  &encode, calm, facts(7, 49), Verdict::Unsure(RibbonDisagrees)),
        ("the encoded card still waits inside",      &print, calm, inside(untouched.clone()), Verdict::Reject),
        ("it was printed and came out",              &print, calm, whole.clone(), Verdict::Printed(CameOutWhole)),
        ("it waited inside and is gone",             &print, calm, untouched.clone(), Verdict::Unsure(TakenOut)),
        ("gone, and ribbon was used",                &print, calm, facts(7, 49), Verdict::Unsure(TakenOut)),
        ("it went to the reject box",                &print, rejected, untouched, Verdict::Spoiled(WentToRejectBox)),
        ("it entered, no ribbon was used",           &print, calm, entered, Verdict::Unsure(RibbonDisagrees)),
    ];
    for (story, intent, since, now, want) in rows {
        assert_eq!(judge(intent, since, &now), want, "{story}");
    }
}

#[test]
fn a_machine_that_does_not_count_its_ribbon_can_say_that_no_card_came_but_not_that_one_is_whole() {
    let silent = |facts: Facts| Facts { ribbon: None, ..facts };
    let intent = Intent { before: silent(facts(7, 0)), ..intent() };
    let judged = |now: Facts| judge(&intent, Since::default(), &now);
    assert_eq!(judged(silent(facts(7, 0))), Verdict::NoCard(CounterAsBefore));
    assert_eq!(judged(silent(facts(8, 0))), Verdict::Unsure(RibbonDisagrees));
    assert_eq!(judged(facts(7, 50)), Verdict::Unsure(RibbonDisagrees), "another ribbon: hands");
}

/// Every combination of what can be known, held against the promise in other words than the table's.
#[test]
fn no_combination_settles_what_has_two_readings() {
    let [encode, waits] = with_a_chip();
    for intent in [intent(), encode, waits] {
        assert!(settled_by(&intent) > 0);
    }
}

/// How many combinations settle; each is held against the promise.
fn settled_by(intent: &Intent) -> usize {
    let (mut settled, encodes) = (0, intent.act == Act::Encode);
    for bits in 0_u32..1 << 11 {
        let is = |bit: u32| bits & (1 << bit) != 0;
        let since = Since {
            others_printed: is(0),
            disturbed: is(1),
            restarted: is(2),
            stood_inside: is(3),
            rejected: is(4),
            unseen: is(10),
            said_out: false,
        };
        for (entered, left) in [(6, 50), (7, 50), (7, 49), (8, 50), (8, 49), (8, 48), (9, 48)] {
            let mut now = facts(entered, left);
            (now.card_inside, now.busy, now.owned, now.restarted) = (is(5), is(6), is(7), is(8));
            if is(9) {
                now.errors.push("media-jam".to_owned());
            }
            let verdict = judge(intent, since, &now);
            let at_rest = !now.card_inside && !now.busy && !now.owned && now.errors.is_empty();
            let clean =
                !since.others_printed && !since.disturbed && !since.restarted && !now.restarted;
            let story = format!("{since:?} {now:?}");
            match verdict {
                Verdict::NoCard(_) => {
                    assert!(
                        at_rest && clean && entered == 7 && left == 50 && !since.stood_inside,
                        "{story}"
                    );
                    assert!(
                        !intent.before.card_inside,
                        "a card that waited inside exists: {story}"
                    );
                }
                Verdict::Printed(_) => {
                    assert!(at_rest && clean && entered == 8 && left == 49, "{story}");
                    assert!(!since.stood_inside && !since.rejected && !encodes, "{story}");
                    assert!(!since.unseen, "nobody looked: {story}");
                }
                Verdict::Spoiled(_) => {
                    let gone = encodes && (since.stood_inside || entered == 8);
                    assert!(at_rest && clean && (since.rejected || gone), "{story}");
                }
                Verdict::Reject => {
                    assert!(now.card_inside && !now.busy && !now.owned, "{story}");
                    assert!(entered <= 8 || encodes, "{story}");
                }
                _ => continue,
            }
            settled += 1;
        }
    }
    settled
}

#[test]
fn every_row_of_a_card_that_the_machine_said_is_out() {
    let out = Since { said_out: true, ..Since::default() };
    let plain = intent();
    let two_sides = Intent { ribbon_prints: Some(2), ..intent() };
    let [_, waits] = with_a_chip();
    let whole = facts(8, 49);
    let no_counter = |facts: Facts| Facts { cards_entered: None, ..facts };
    let no_ribbon = |facts: Facts| Facts { ribbon: None, ..facts };
    let uncounted = Intent { before: no_counter(intent().before), ..intent() };
    let unread = Intent { before: no_ribbon(intent().before), ..intent() };
    #[rustfmt::skip]
    let rows: Vec<(&str, &Intent, Since, Facts, Verdict)> = vec![
        ("it came out whole",                    &plain, out, whole.clone(), Verdict::Printed(CameOutWhole)),
        ("and its ribbon ended with it",         &plain, out, complains(whole.clone(), "marker-supply-empty"), Verdict::Printed(CameOutWhole)),
        ("two entered: 36, 38",                  &plain, out, facts(9, 49), Verdict::Unsure(SeveralEntered)),
        ("none entered: 38, 38",                 &plain, out, facts(7, 49), Verdict::Unsure(CounterAsBefore)),
        ("none entered, no ribbon was used",     &plain, out, facts(7, 50), Verdict::Unsure(CounterAsBefore)),
        ("no number of cards: 21, 2^64-5",       &plain, out, facts(u64::MAX - 4, 49), Verdict::Unsure(SeveralEntered)),
        ("the counter went back",                &plain, out, facts(6, 49), Verdict::Unsure(CounterWentBack)),
        ("it tells its counter no more",         &plain, out, no_counter(whole.clone()), Verdict::Unsure(NoCounter)),
        ("no ribbon was used",                   &plain, out, facts(8, 50), Verdict::Unsure(RibbonDisagrees)),
        ("ribbon for one side of two",           &two_sides, out, facts(8, 49), Verdict::Unsure(RibbonDisagrees)),
        ("a new ribbon",                         &plain, out, facts(8, 300), Verdict::Unsure(RibbonDisagrees)),
        ("it tells no ribbon any more",          &plain, out, no_ribbon(whole.clone()), Verdict::Unsure(RibbonDisagrees)),
        ("it never told a counter",              &uncounted, out, no_counter(whole.clone()), Verdict::Printed(FollowedOut)),
        ("it never told a ribbon",               &unread, out, no_ribbon(whole.clone()), Verdict::Printed(FollowedOut)),
        ("no ribbon told, and none entered",     &unread, out, no_ribbon(facts(7, 0)), Verdict::Unsure(CounterAsBefore)),
        ("no counter told, no ribbon used",      &uncounted, out, no_counter(facts(8, 50)), Verdict::Unsure(RibbonDisagrees)),
        ("whole figures, and nobody looked",     &plain, Since { unseen: true, ..out }, whole.clone(), Verdict::Unsure(NotWatched)),
        ("nobody looked, and figures disagree",  &plain, Since { unseen: true, ..out }, facts(8, 50), Verdict::Unsure(RibbonDisagrees)),
        ("hands were in it",                     &plain, Since { disturbed: true, ..out }, whole.clone(), Verdict::Unsure(Disturbed)),
        ("it was switched off",                  &plain, Since { restarted: true, ..out }, whole.clone(), Verdict::Unsure(Restarted)),
        ("it stood inside and is gone",          &plain, Since { stood_inside: true, ..out }, whole.clone(), Verdict::Unsure(TakenOut)),
        ("a card is inside after all",           &plain, out, inside(whole.clone()), Verdict::Unsure(TakenOut)),
        ("another machine",                      &plain, out, Facts { serial: "B2".into(), ..whole.clone() }, Verdict::Unsure(OtherMachine)),
        ("others were printed since",            &plain, Since { others_printed: true, ..out }, whole.clone(), Verdict::Unsure(OthersPrinted)),
        ("it is at work again",                  &plain, out, Facts { busy: true, ..whole.clone() }, Verdict::Wait),
        ("the encoded card was counted before",  &waits, out, facts(7, 49), Verdict::Printed(CameOutWhole)),
        ("the encoded card is counted now",      &waits, out, whole, Verdict::Printed(CameOutWhole)),
    ];
    for (story, intent, since, now, want) in rows {
        assert_eq!(judge(intent, since, &now), want, "{story}");
    }
}

/// Whatever else is known, a card that the machine said is out is never taken for none, nor for a spoiled blank.
#[test]
fn a_card_that_was_said_to_be_out_is_never_printed_again_without_a_person() {
    for bits in 0_u32..1 << 9 {
        let is = |bit: u32| bits & (1 << bit) != 0;
        let since = Since {
            others_printed: is(0),
            disturbed: is(1),
            restarted: is(2),
            stood_inside: is(3),
            unseen: is(4),
            said_out: true,
            rejected: false,
        };
        for (entered, left) in [(6, 50), (7, 50), (7, 49), (8, 50), (8, 49), (9, 48)] {
            let mut now = facts(entered, left);
            (now.card_inside, now.busy, now.owned, now.restarted) = (is(5), is(6), is(7), is(8));
            let verdict = judge(&intent(), since, &now);
            let again = matches!(
                verdict,
                Verdict::NoCard(_) | Verdict::Spoiled(_) | Verdict::Reject | Verdict::Help
            );
            assert!(!again, "{since:?} {now:?}: {verdict:?}");
            if verdict == Verdict::Printed(CameOutWhole) {
                assert_eq!((bits, entered, left), (0, 8, 49));
            }
        }
    }
}

#[test]
fn a_card_that_a_driver_left_untouched_is_held_against_the_figures() {
    let told = Evidence {
        cards_entered_before: Some(7),
        cards_entered_after: Some(7),
        owned: Some(false),
        card_inside: Some(false),
        ribbon_left: Some(50),
        watch: Watch::default(),
    };
    let judged = |told: Evidence| judge_untouched(&intent(), Some(&told));
    assert_eq!(judge_untouched(&intent(), None), Verdict::NoCard(NotHeard));
    assert_eq!(judged(told), Verdict::NoCard(CounterAsBefore));
    assert_eq!(judged(Evidence { ribbon_left: None, ..told }), Verdict::NoCard(CounterAsBefore));
    for told in [
        Evidence { cards_entered_after: Some(8), ..told },
        Evidence { cards_entered_after: None, ..told },
        Evidence { owned: Some(true), ..told },
        Evidence { card_inside: Some(true), ..told },
        Evidence { ribbon_left: Some(49), ..told },
    ] {
        assert!(matches!(judged(told), Verdict::Unsure(_)), "{told:?}");
    }
}

#[test]
fn a_person_is_asked_twice_where_the_machine_contradicts() {
    let ask = |seen, since, now: &Facts| may_have_seen(seen, &intent(), since, now);
    let calm = Since::default();
    assert_eq!(ask(Seen::Printed, calm, &facts(7, 50)), Err(CounterAsBefore));
    assert_eq!(ask(Seen::NoCard, calm, &facts(8, 49)), Err(CameOutWhole));
    assert_eq!(ask(Seen::Spoiled, calm, &inside(facts(8, 49))), Err(CardInside));
    for seen in [Seen::Printed, Seen::Spoiled] {
        assert_eq!(ask(seen, calm, &facts(8, 49)), Ok(()));
    }
    let others = Since { others_printed: true, ..calm };
    assert_eq!(ask(Seen::Printed, others, &facts(7, 50)), Ok(()), "its counter speaks of others");
    let printing = Facts { serial: "B2".to_owned(), busy: true, ..facts(7, 50) };
    assert_eq!(ask(Seen::NoCard, calm, &printing), Err(CardInside), "a garbled name, perhaps");
    let [encode, waits] = with_a_chip();
    let now = facts(7, 50);
    assert_eq!(may_have_seen(Seen::Printed, &encode, calm, &now), Err(NeverPrinted));
    assert_eq!(may_have_seen(Seen::NoCard, &waits, calm, &now), Err(TakenOut));
    assert_eq!(
        may_have_seen(Seen::Printed, &waits, calm, &now),
        Ok(()),
        "counted when it was fed?"
    );
    let other = Facts { serial: "B2".to_owned(), ..facts(7, 50) };
    assert_eq!(ask(Seen::Printed, calm, &other), Ok(()), "another machine contradicts nobody");
}

#[test]
fn what_stands_in_the_ledger_is_read_back() {
    let intent = intent();
    let text = serde_json::to_string(&intent).unwrap();
    assert_eq!(serde_json::from_str::<Intent>(&text).unwrap(), intent);
    for reason in [CounterAsBefore, CameOutWhole, RibbonDisagrees] {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
    }
}
