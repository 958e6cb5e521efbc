//! Worlds from seeds: a few in every run, a million cards in a long one, and the seeds that once found something.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::cards::settings;
use crate::chips::Chips;
use crate::history::{Broken, Came, JOBS, Plan, live};
use crate::people::{Kind, Weather};
use crate::shrink::shrink;
use crate::story::Story;
use crate::world::World;

/// At most this many broken worlds are shrunk; of further ones only the seeds are reported.
const SHRUNK: usize = 4;

/// Seeds that once found a bug, with the code and the simulation of that time; and the smallest worlds of others.
fn kept() -> Vec<Plan> {
    let seeds = [
        // A poll from before a print was taken for the machine's state after it: two cards.
        4, 7, //
        // A machine that did not answer was polled again without a pause, for ever.
        3, //
        // A person's answer was taken while the machine could not be asked and still printed: two cards.
        14, 16, //
        // A job whose computer was lost owned the machine for ever after a person had settled its card.
        141, 386, //
        // A card that was rejected after a restart was left to a person although the station itself had rejected it.
        167, //
        // A garbled byte in the serial number at the first contact made the same machine look like another one, and a
        // person's answer was accepted while it printed: two cards. The driver reads the number twice.
        5141,
    ];
    let shrunk = [
        // Worlds with people: the officer claimed that a card was printed which had been removed by hand, and the test
        // waited for it for ever.
        Plan {
            steps: 109,
            chips: false,
            without: vec![Kind::Wire, Kind::Disk, Kind::Clock, Kind::Garbles],
            ..Plan::of(30817)
        },
        // The printer could not reject a complete card that had jammed at the exit; it was removed before the next
        // poll, and counted as rejected: two cards.
        Plan {
            jobs: 19,
            steps: 61,
            without: vec![Kind::Disk, Kind::Clock, Kind::Garbles, Kind::WrongAnswers, Kind::Chips],
            ..Plan::of(101_449)
        },
    ];
    let seeds = seeds.map(|seed| Plan { chips: false, ..Plan::of(seed) });
    seeds.into_iter().chain(shrunk).collect()
}

/// Runs all of them, in this many threads; the others continue when one breaks.
fn run(plans: impl Iterator<Item = Plan> + Send, lanes: usize) -> Came {
    let plans = Mutex::new(plans);
    let broken = Mutex::new(0);
    let sums: [AtomicU64; 5] = Default::default();
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(plan) = next(&plans) {
                    match live(&plan, Story::default(), None) {
                        Ok(Came { cards, unencoded, by_machine, by_person, lies }) => {
                            let came = [cards, unencoded, by_machine, by_person, lies];
                            for (sum, n) in sums.iter().zip(came) {
                                sum.fetch_add(n, Ordering::Relaxed);
                            }
                        }
                        Err(how) => tell(&plan, &how, &broken),
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(broken, 0, "worlds broke");
    let [cards, unencoded, by_machine, by_person, lies] = sums.map(AtomicU64::into_inner);
    Came { cards, unencoded, by_machine, by_person, lies }
}

fn next(plans: &Mutex<impl Iterator<Item = Plan>>) -> Option<Plan> {
    plans.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// Shrinks a broken world as far as possible, and reports it with its story.
fn tell(plan: &Plan, broken: &Broken, so_far: &Mutex<usize>) {
    let number = {
        let mut so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
        *so_far += 1;
        *so_far
    };
    let how = |broken: &Broken| format!("{}\nat {}", broken.what.trim_end(), broken.place);
    println!("BROKEN {plan}, in step {}: {}", broken.step, how(broken));
    if number <= SHRUNK {
        let (least, told) = shrink(plan, broken, None);
        match told {
            Some(told) => println!("SMALLEST {least}\n{}{}", told.story, how(&told)),
            None => println!("SMALLEST {least}, but lived once more it did not break"),
        }
    }
}

fn told(came: &Came) {
    println!(
        "{} cards; blanks spoiled by their chips {}; settled by the machine {}, by a person {}; answers that nothing could contradict {}",
        came.cards, came.unencoded, came.by_machine, came.by_person, came.lies
    );
}

#[test]
fn a_few_worlds_keep_the_promise() {
    let came = run((1..=16).map(Plan::of), 2);
    told(&came);
    assert!(came.by_machine > 0 && came.by_person > 0, "both ways of settling were walked");
    assert!(came.unencoded > 0, "chips failed");
}

#[test]
fn seeds_that_once_broke_the_promise_keep_it() {
    run(kept().into_iter(), 2);
}

#[test]
fn one_seed_is_one_history() {
    let deeds = |seed| {
        let mut world = World::new(seed, settings(), Some(Chips::new(seed)));
        world.story = Story::told();
        let weather = Weather::of(&mut world.rng, &[]);
        for _ in 0..120 {
            world.step(&weather, JOBS);
        }
        world.story.deeds()
    };
    assert_eq!(deeds(11), deeds(11));
}

/// As many cards as `KARTU_SIM_CARDS` says, starting at seed `KARTU_SIM_SEED`.
#[test]
#[ignore = "long; tests/bench/simulation runs it"]
fn long() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let cards = number("KARTU_SIM_CARDS").unwrap_or(10_000);
    let first = number("KARTU_SIM_SEED").unwrap_or(1);
    // A lane waits half of the time for its ledger's thread.
    let lanes = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let seeds = first..first + cards.div_ceil(JOBS as u64);
    told(&run(seeds.map(Plan::of), lanes));
}
