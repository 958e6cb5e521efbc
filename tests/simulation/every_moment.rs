//! Small spaces, covered completely: the power is cut at every transaction and every exchange of one card and of a
//! queue of three, and again during the recovery; the plug is pulled at every exchange. Cards of one and two sides,
//! machines with and without counters; cards with a chip, with a power cut or removal at every command to it.

use std::time::Duration;

use emulators::evolis::EvolisSettings;
use emulators::machine::Lever;
use kartu::lifecycle::State;

use crate::cards::settings;
use crate::chips::Chips;
use crate::power::{Cut, Effect, Mood};
use crate::story::Story;
use crate::truth::Truth;
use crate::world::{Posted, World};

/// Turns within which a handful of cards must be finished, however often the power is cut.
pub const TURNS: usize = 400;
/// Turns without progress after which the officer checks.
pub const PATIENCE: usize = 20;

/// One-sided, two-sided, and a queue of both.
const QUEUES: [&[usize]; 3] = [&[0], &[1], &[0, 1, 2]];
/// Of two sides and a chip, and a queue of such.
const CHIP_QUEUES: [&[usize]; 2] = [&[1], &[1, 4, 7]];

pub fn counting() -> EvolisSettings {
    settings()
}

fn silent() -> EvolisSettings {
    EvolisSettings { no_counters: true, ..settings() }
}

/// A world with these jobs, run until all their cards are out.
fn live(queue: &[usize], settings: EvolisSettings, plan: impl FnOnce(&World)) -> World {
    live_in(World::new(7, settings, None), queue, plan)
}

/// The same, with a chip on some cards.
pub fn live_with_chips(
    queue: &[usize],
    settings: EvolisSettings,
    plan: impl FnOnce(&World),
) -> World {
    let world = live_in(World::new(7, settings, Some(Chips::new(7))), queue, plan);
    let good: Vec<_> = queue.iter().map(|&mark| world.truth.good(mark)).collect();
    assert_eq!(good, vec![1; queue.len()], "one good card an approval\n{}", world.story);
    if world.truth.taken.is_empty() {
        let written = world.truth.written_good + world.truth.written_spoiled;
        assert_eq!(world.truth.left_the_machine, written, "blanks\n{}", world.story);
    }
    world
}

fn live_in(mut world: World, queue: &[usize], plan: impl FnOnce(&World)) -> World {
    world.story = Story::told();
    plan(&world);
    world.posted.extend(queue.iter().map(|&mark| Posted { mark, id: None }));
    live_on(world, queue)
}

pub fn live_on(mut world: World, queue: &[usize]) -> World {
    let (mut lines, mut still) = (0, 0);
    for _ in 0..TURNS {
        if world.running.is_none() {
            world.pass(Duration::from_secs(1));
            world.boot();
        }
        if let Some(at) = world.posted.iter().position(|job| job.id.is_none()) {
            world.post(at);
        }
        world.go_on();
        if queue.iter().all(|mark| world.states().get(mark) == Some(&State::Printed)) {
            return world;
        }
        let length = world.story.length;
        (lines, still) = if length == lines { (lines, still + 1) } else { (length, 0) };
        if still > PATIENCE
            && queue.iter().any(|mark| world.states().get(mark) == Some(&State::Held))
        {
            world.answer(false);
            still = 0;
        }
        if still > PATIENCE {
            world.help();
            let unsure = |at: &usize| world.states().get(at) == Some(&State::Unsure);
            let mark = queue.iter().copied().find(|mark| unsure(mark));
            let mark = mark.unwrap_or_else(|| panic!("stuck\n{}", world.story));
            let id =
                world.posted.iter().find(|job| job.mark == mark).and_then(|job| job.id.clone());
            world.look_and_say(mark, &id.expect("it was taken in"));
            still = 0;
        }
    }
    panic!("never ends\n{}", world.story);
}

/// The machine had no fault and nobody touched it, so it must have decided every card's outcome.
pub fn the_machine_could_say(world: &World, story: &str) {
    assert_eq!(world.truth.by_person, 0, "{story}\n{}", world.story);
}

/// Cuts the power at each of these effects, in each of these ways, and runs on.
fn cut_at_each(kind: Effect, ways: &[Cut]) {
    for settings in [counting, silent] {
        for queue in QUEUES {
            let whole = live(queue, settings(), |_| ());
            assert_eq!(whole.truth.written_spoiled, 0, "nothing went wrong");
            for number in whole.building.numbers_of(kind) {
                for &way in ways {
                    let world = live(queue, settings(), |world| world.building.cut_at(number, way));
                    if !settings().no_counters {
                        the_machine_could_say(
                            &world,
                            &format!("{queue:?} cut {way:?} at {number}"),
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn power_cut_after_every_ledger_write() {
    cut_at_each(Effect::Commit, &[Cut::Before, Cut::After]);
}

#[test]
fn killed_before_and_after_every_device_command() {
    let within = [17, 60_000].map(Cut::Within);
    cut_at_each(Effect::Exchange, &[[Cut::Before, Cut::After].as_slice(), &within].concat());
}

#[test]
fn usb_unplugged_after_every_transfer() {
    for settings in [counting, silent] {
        for queue in QUEUES {
            let whole = live(queue, settings(), |_| ());
            for number in whole.building.numbers_of(Effect::Exchange) {
                for way in [Cut::Before, Cut::Within(70_000), Cut::After] {
                    let mood = Mood { unplug_at: Some((number, way)), ..Mood::default() };
                    let world = live(queue, settings(), |world| world.building.set_mood(mood));
                    if !settings().no_counters {
                        the_machine_could_say(&world, &format!("{queue:?} {way:?} at {number}"));
                    }
                }
            }
        }
    }
}

/// The second cut happens during the recovery from the first.
#[test]
fn power_cut_again_at_every_moment_of_recovery() {
    let whole = live(&[1], counting(), |_| ());
    for first in whole.building.numbers_of(Effect::Exchange) {
        let (way, more) = ([Cut::Before, Cut::After][first as usize % 2], 25);
        for second in 1..more {
            let mut world = World::new(7, counting(), None);
            world.story = Story::told();
            world.building.cut_at(first, way);
            world.posted.push(Posted { mark: 1, id: None });
            let mut cut_again = false;
            for _ in 0..TURNS {
                if let Some(0) = world.posted.iter().position(|job| job.id.is_none()) {
                    world.post(0);
                }
                world.go_on();
                if !cut_again && world.building.has_been_off() {
                    world.building.cut_soon(second, way);
                    cut_again = true;
                }
                match world.states().get(&1) {
                    Some(State::Printed) => break,
                    // The power was cut while its card was made: a person allows another attempt.
                    Some(State::Held) => world.answer(false),
                    _ => {}
                }
            }
            assert_eq!(world.truth.good(1), 1, "{first} {second}\n{}", world.story);
        }
    }
}

/// Every effect of cards with a chip: transactions, exchanges with the machine, commands to the chip.
#[test]
fn power_cut_after_every_apdu() {
    for settings in [counting, silent] {
        for queue in CHIP_QUEUES {
            let whole = live_with_chips(queue, settings(), |_| ());
            assert_eq!(whole.truth.written_spoiled, 0, "nothing went wrong");
            assert!(whole.building.numbers_of(Effect::Apdu).len() >= 9 * queue.len());
            for number in 0..whole.building.effects() {
                for way in [Cut::Before, Cut::After] {
                    let cut = |world: &World| world.building.cut_at(number, way);
                    let world = live_with_chips(queue, settings(), cut);
                    if !settings().no_counters {
                        the_machine_could_say(&world, &format!("{queue:?} {way:?} at {number}"));
                    }
                }
            }
        }
    }
}

/// The second cut happens during the recovery from the first, or at the chip of the next blank.
#[test]
fn power_cut_again_after_every_apdu_of_recovery() {
    let whole = live_with_chips(&[1], counting(), |_| ());
    for first in whole.building.numbers_of(Effect::Apdu) {
        for second in 1..60 {
            let way = [Cut::Before, Cut::After][(first + second) as usize % 2];
            let cut = |world: &World| {
                world.building.cut_at(first, way);
                world.building.cut_again_after(second, way);
            };
            let world = live_with_chips(&[1], counting(), cut);
            the_machine_could_say(&world, &format!("{first}, {second} {way:?}"));
        }
    }
}

/// One bit of one byte of one answer of the machine is wrong: every byte of every answer in turn, in a run without
/// faults and in recoveries. The power is cut while a card is in the machine, or when it has just come out. The wrong
/// bit must neither settle nor move a card.
fn one_wrong_bit(live: impl Fn(&dyn Fn(&World)) -> World) {
    let exchanges = live(&|_| ()).building.numbers_of(Effect::Exchange);
    let last = exchanges.len() - 1;
    for cut in [None, Some(last / 2), Some(last - 1), Some(last)] {
        let cut = cut.map(|at| exchanges[at]);
        let plan = |world: &World| {
            cut.into_iter().for_each(|cut| world.building.cut_at(cut, Cut::After));
        };
        let answers = live(&plan).building.numbers_of(Effect::Exchange);
        for answer in answers.into_iter().filter(|number| cut.is_none_or(|cut| *number > cut)) {
            for byte in 0.. {
                let world = live(&|world| {
                    plan(world);
                    let flip_at = Some((answer, byte));
                    world.building.set_mood(Mood { flip_at, ..Mood::default() });
                });
                let Truth { written_good, written_spoiled, left_the_machine, .. } = world.truth;
                let story = format!("cut at {cut:?}, byte {byte} of {answer}\n{}", world.story);
                assert_eq!((written_good, left_the_machine), (1, 1 + written_spoiled), "{story}");
                if world.building.flips() == 0 {
                    break;
                }
            }
        }
    }
}

#[test]
fn one_wrong_bit_in_any_answer() {
    one_wrong_bit(|plan| live(&[0], counting(), plan));
}

#[test]
fn one_wrong_bit_in_any_answer_with_a_chip() {
    one_wrong_bit(|plan| live_with_chips(&[1], counting(), plan));
}

/// The card is pulled out of the machine while its chip is written, up to and after the last command, when the chip is
/// complete and the card is not printed.
#[test]
fn card_pulled_out_after_every_apdu() {
    for settings in [counting, silent] {
        for queue in CHIP_QUEUES {
            let whole = live_with_chips(queue, settings(), |_| ());
            for number in whole.building.numbers_of(Effect::Apdu) {
                for way in [Cut::Before, Cut::After] {
                    let pull = |world: &World| {
                        let chips = world.chips.as_ref().expect("some have a chip");
                        chips.hands_at(number, way, Lever::TakeCardOut);
                    };
                    let world = live_with_chips(queue, settings(), pull);
                    assert_eq!(world.truth.taken.len(), 1, "{}", world.story);
                    if !settings().no_counters {
                        the_machine_could_say(&world, &format!("{queue:?} {way:?} at {number}"));
                        let counted = (world.truth.written_unencoded, world.truth.left_the_machine);
                        assert_eq!(counted, (1, queue.len() as u32 + 1), "{}", world.story);
                    }
                }
            }
        }
    }
}
