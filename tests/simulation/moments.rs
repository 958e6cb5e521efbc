//! Single scenarios, each run to its end: people, disks and keys at the worst moment.

use std::time::Duration;

use emulators::card::{Faults, WrongStatus};
use emulators::machine::{JamAt, Lever};
use kartu::lifecycle::State;
use kartu::station::Order;
use rusqlite::Connection;

use crate::chips::Chips;
use crate::every_moment::{
    PATIENCE, TURNS, counting, live_on, live_with_chips, the_machine_could_say,
};
use crate::power::{Cut, Effect};
use crate::story::Story;
use crate::world::{Posted, World};

/// The chip is good, but the ledger's disk cannot be written, so the card waits inside and is removed meanwhile. It was
/// to be printed and is missing: only a person can say where it is, and no blank is printed in its place.
#[test]
fn card_pulled_out_while_it_waits_for_the_ledger() {
    let whole = live_with_chips(&[1], counting(), |_| ());
    let last = whole.building.numbers_of(Effect::Apdu).pop().expect("some commands");
    let pulled = |how: Lever| {
        let mut world = World::new(7, counting(), Some(Chips::new(7)));
        world.story = Story::told();
        world.building.break_disk_at(last);
        world.posted.push(Posted { mark: 1, id: None });
        world.post(0);
        for _ in 0..5 {
            world.go_on();
        }
        assert_eq!(world.states()[&1], State::Encoding, "{}", world.story);
        world.pull(how);
        world.building.break_disk(false);
        world
    };
    let mut world = pulled(Lever::TakeCardOut);
    for _ in 0..PATIENCE {
        world.go_on();
    }
    assert_eq!(world.states()[&1], State::Unsure, "{}", world.story);
    let world = live_on(world, &[1]);
    assert_eq!((world.truth.good(1), world.truth.left_the_machine), (1, 2), "{}", world.story);
    // Opening the machine without removing the card does no harm.
    let mut world = pulled(Lever::OpenCover);
    world.pull(Lever::CloseCover);
    let world = live_on(world, &[1]);
    assert_eq!((world.truth.good(1), world.truth.left_the_machine), (1, 1), "{}", world.story);
    the_machine_could_say(&world, "only the cover was open");
}

/// The turn that orders a card must also let the next one be composed, without waiting for a message while the machine
/// is working.
#[test]
fn the_next_card_is_composed_while_a_chip_is_written() {
    let queue = [1, 4, 7];
    let mut world = World::new(7, counting(), Some(Chips::new(7)));
    world.posted.extend(queue.map(|mark| Posted { mark, id: None }));
    (0..queue.len()).for_each(|at| assert!(world.post(at), "the ledger takes it in"));
    let mut composed_at_encoding = Vec::new();
    while let Some(order) = world.decide() {
        if let Order::Encode(..) = &order {
            let composed = |mark: &usize| world.states()[mark] == State::Composed;
            composed_at_encoding.extend(queue.iter().copied().filter(composed));
        }
        world.carry_out(order);
    }
    assert_eq!(queue.map(|mark| world.states()[&mark]), [State::Printed; 3], "{}", world.story);
    assert_eq!(composed_at_encoding, [4, 7], "each behind the one before it");
}

/// The card is printed, jams at the exit, and the printer cannot eject it into the reject box. If it is gone at the
/// next poll, somebody has it, and it may be complete. The same holds if the power is cut before that poll.
#[test]
fn card_taken_out_by_hand_after_the_printer_could_not_reject_it() {
    for cut in [false, true] {
        let mut world = World::new(7, counting(), None);
        world.story = Story::told();
        world.pull(Lever::Jam(JamAt::Eject));
        world.posted.push(Posted { mark: 1, id: None });
        assert!(world.post(0), "the ledger takes it in");
        let go_on = |world: &mut World| (0..PATIENCE).for_each(|_| world.go_on());
        go_on(&mut world);
        // A machine that was switched off and on reports no jam any more, and is ordered to reject the card inside.
        world.pull(Lever::CutPower);
        world.pull(Lever::PowerOn);
        rejected(&mut world);
        let look = world.decide();
        assert!(world.story.to_string().contains("recovery_failed"), "{}", world.story);
        for lever in [Lever::OpenCover, Lever::TakeCardOut, Lever::CloseCover] {
            world.pull(lever);
        }
        match look {
            Some(look) if !cut => world.carry_out(look),
            _ => {
                world.crash();
                world.boot();
            }
        }
        go_on(&mut world);
        assert_eq!(world.states()[&1], State::Unsure, "only he can tell\n{}", world.story);
    }
}

/// The card is printed and stands inside. The power goes at any moment of the order to reject it, and a hand takes the card
/// before the computer is on again: it is complete, so no other may be printed before that person has said so.
#[test]
fn card_taken_out_by_hand_after_a_power_cut_in_the_order_to_reject_it() {
    let inside = || {
        let mut world = World::new(7, counting(), None);
        world.story = Story::told();
        world.pull(Lever::Jam(JamAt::Eject));
        world.posted.push(Posted { mark: 1, id: None });
        assert!(world.post(0), "the ledger takes it in");
        (0..PATIENCE).for_each(|_| world.go_on());
        world.pull(Lever::CutPower);
        world.pull(Lever::PowerOn);
        let order = next_reject(&mut world);
        (world, order)
    };
    let (mut whole, order) = inside();
    let first = whole.building.effects();
    whole.carry_out(order);
    let exchanges = whole.building.numbers_of(Effect::Exchange);
    let mut taken = 0;
    for number in exchanges.into_iter().filter(|number| *number >= first) {
        for way in [Cut::Before, Cut::After] {
            let (mut world, order) = inside();
            world.building.cut_at(number, way);
            world.carry_out(order);
            world.crash();
            for lever in [Lever::OpenCover, Lever::TakeCardOut, Lever::CloseCover] {
                world.pull(lever);
            }
            taken += world.truth.in_hand.iter().filter(|(_, whole)| *whole).count();
            world.boot();
            (0..PATIENCE).for_each(|_| world.go_on());
            assert_eq!(
                world.states()[&1],
                State::Unsure,
                "{way:?} at {number}: only a person can tell\n{}",
                world.story
            );
        }
    }
    assert!(taken > 0, "no cut left the card inside");
}

/// Runs until the machine was ordered to reject the card inside.
fn rejected(world: &mut World) {
    let order = next_reject(world);
    world.carry_out(order);
}

/// Runs until the order to reject the card inside is given, which is not carried out yet.
fn next_reject(world: &mut World) -> Order {
    for _ in 0..TURNS {
        match world.decide() {
            Some(order) if matches!(order, Order::Reject(_)) => return order,
            Some(order) => world.carry_out(order),
            None => {
                world.pass(Duration::from_secs(2));
                world.running.as_mut().expect("it is on").station.poll();
            }
        }
    }
    panic!("never rejected\n{}", world.story);
}

/// A blank refuses its key. If the key is at fault, this costs one blank, holds the job and suspends the product,
/// whenever the power is cut; other products are printed meanwhile, and the job is printed after a person has checked.
#[test]
fn power_cut_after_every_ledger_write_about_a_key_that_is_refused() {
    let queue = [1, 4, 0];
    let refused = |cut: Option<(u64, Cut)>| {
        live_with_chips(&queue, counting(), |world| {
            let wrong_status = Some(WrongStatus { command: 1, status: 0x63C2 });
            let chips = world.chips.as_ref().expect("it has chips");
            chips.next_blank(Faults { wrong_status, ..Faults::default() });
            if let Some((number, way)) = cut {
                world.building.cut_at(number, way);
            }
        })
    };
    let whole = refused(None);
    assert_eq!(whole.truth.written_spoiled, 1, "and no second blank\n{}", whole.story);
    let story = &whole.story;
    assert_eq!(whole.truth.came_out, [0, 1, 4], "only cards of its product wait\n{story}");
    for number in whole.building.numbers_of(Effect::Commit) {
        for way in [Cut::Before, Cut::After] {
            let world = refused(Some((number, way)));
            let spoiled = world.truth.written_spoiled;
            assert!((1..=2).contains(&spoiled), "{way:?} at {number}: {spoiled}\n{}", world.story);
        }
    }
}

/// A failed write is retried after a pause, so that a full disk is not filled with log lines about it.
#[test]
fn a_disk_that_fails_is_tried_again_after_a_pause() {
    let mut world = World::new(7, counting(), None);
    world.posted.push(Posted { mark: 0, id: None });
    assert!(world.post(0), "the ledger takes it in");
    world.crash();
    world.boot();
    world.building.break_disk(true);
    for _ in 0..3 {
        world.turn();
        let station = &world.running.as_ref().expect("it is on").station;
        assert!(!station.patience().is_zero(), "{}", world.story);
    }
}

/// A bit flips in the data of a job that is not inspected yet: the job is held, and the jobs behind it do not wait.
#[test]
fn a_damaged_job_that_is_to_be_inspected_is_held_and_the_next_is_printed() {
    let mut world = World::new(7, counting(), None);
    world.story = Story::told();
    for (at, mark) in [0, 1].into_iter().enumerate() {
        world.posted.push(Posted { mark, id: None });
        assert!(world.post(at), "the ledger takes it in");
    }
    let path = world.ledger.as_ref().expect("it is open").path().to_owned();
    let rot = "UPDATE job_data SET request = request || ' ' WHERE job = 1";
    let changed = Connection::open(path).and_then(|c| c.execute(rot, []));
    assert_eq!(changed, Ok(1));
    for _ in 0..PATIENCE {
        world.go_on();
    }
    let states = [0, 1].map(|mark| world.states()[&mark]);
    assert_eq!(states, [State::Held, State::Printed], "{}", world.story);
    assert!(world.story.to_string().contains("H_DATA_DAMAGED"), "{}", world.story);
}
