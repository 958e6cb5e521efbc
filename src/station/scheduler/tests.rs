//! What must hold of the scheduler whatever happens in whatever order: ledgers that fail, reports that come late or twice,
//! hands, power cuts of the computer and of the printer. Ledger, printer and people are a few lines each ([`world`]); one
//! case is a list of small numbers, so that a case that breaks is shrunk to the few that matter.

pub mod begin;
mod halts;
mod in_doubt;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use crate::station::scheduler::DeviceCommand;
use world::{Kind, Sabotage, World};

/// A storm of so many things at most, then calm.
const STORM: usize = 120;
/// Storms that are lived through; a second's work.
const STORMS: u32 = 1500;
/// Within so many storms, each fault that is made on purpose shows.
const STORMS_TO_FIND_A_FAULT: u32 = 50_000;

/// A printer of each kind is lived with.
const KINDS: [Kind; 2] = [Kind::Counts, Kind::KeepsLog];

/// One case: what happens, step by step.
fn storms() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((any::<u8>(), any::<u8>()), 1..STORM)
}

/// Lives through a storm and the calm after it.
fn live(kind: Kind, storm: &[(u8, u8)], sabotage: Sabotage) -> Result<(), TestCaseError> {
    let mut world = World::new(kind, sabotage);
    for (what, how) in storm {
        world.step(*what, *how).map_err(TestCaseError::fail)?;
    }
    world.calm().map_err(TestCaseError::fail)
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// No second card, no card without its intent, and every card that moved ends settled, in recovery or with a person. The same
/// storms every time, so that a build is not at the mercy of chance.
#[test]
fn whatever_happens_one_approval_is_one_card() {
    for kind in KINDS {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        weather(kind, TestRunner::new_with_rng(config(STORMS), rng));
    }
}

/// Other storms every time, to look for what nobody has met yet: `cargo test --lib new_storms -- --ignored`.
#[test]
#[ignore = "finds new things, so it is for whoever looks for them"]
fn new_storms_are_weathered_too() {
    for kind in KINDS {
        weather(kind, TestRunner::new(config(STORMS)));
    }
}

fn weather(kind: Kind, mut runner: TestRunner) {
    if let Err(broken) = runner.run(&storms(), |storm| live(kind, &storm, Sabotage::None)) {
        panic!("{kind:?}: {broken}");
    }
}

/// The disk takes a release and says that it failed: the product that it lets go on is not suspended any more.
#[test]
fn a_release_that_is_written_all_the_same_lets_its_product_go_on() {
    let storm = [
        (0, 0),
        (156, 133),
        (204, 44),
        (142, 213),
        (14, 20),
        (124, 4),
        (78, 210),
        (46, 43),
        (220, 0),
        (78, 20),
        (126, 20),
        (126, 20),
        (126, 44),
        (14, 20),
        (174, 83),
        (203, 2),
        (37, 13),
        (221, 89),
        (30, 84),
        (94, 88),
        (78, 66),
    ];
    live(Kind::Counts, &storm, Sabotage::None).expect("every job ends");
}

/// Two wrong answers that are alike, and between them a right one that nobody came to judge: nothing was said twice.
#[test]
fn a_right_answer_between_two_wrong_ones_is_heard() {
    let storm = [
        (236, 4),
        (15, 3),
        (110, 20),
        (158, 20),
        (62, 20),
        (126, 20),
        (74, 8),
        (104, 38),
        (181, 0),
        (30, 20),
        (149, 0),
        (174, 20),
        (158, 20),
        (14, 115),
        (74, 90),
        (124, 1),
        (184, 126),
        (0, 0),
        (14, 0),
        (78, 20),
    ];
    live(Kind::KeepsLog, &storm, Sabotage::None).expect("one good card");
}

/// The disk takes the intent and says that it failed; then the card is to be prepared again, and is not in the queue any more.
#[test]
fn a_card_that_is_put_back_although_its_intent_stands_is_not_forgotten() {
    let mut world = World::new(Kind::Counts, Sabotage::None);
    world.until_intent_to_print().expect("a card is to be printed");
    for (what, how) in [(REDEFINE, 255), (GO_ON, FAILS_AND_STANDS)] {
        world.step(what, how).expect("as it goes");
    }
    world.calm().expect("every job ends");
}

/// A station whose counter lags behind by one card, about to print a blank from the feeder: the products with a chip wait
/// for a technician.
fn with_a_lagging_counter() -> World {
    let mut world = World::new(Kind::Counts, Sabotage::None);
    for (order, what_comes_of_it) in
        [(is_print as fn(&_) -> _, COMES_OUT), (is_encode, WRONG_SETUP)]
    {
        let ordered = world.until_ordered(order).and_then(|()| world.step(GO_ON, what_comes_of_it));
        ordered.expect("as it goes");
    }
    world.until_ordered(is_print).expect("the next one is printed");
    world
}

fn is_print(command: &DeviceCommand) -> bool {
    matches!(command, DeviceCommand::Print(..))
}

fn is_encode(command: &DeviceCommand) -> bool {
    matches!(command, DeviceCommand::Encode(_))
}

fn is_abort(command: &DeviceCommand) -> bool {
    matches!(command, DeviceCommand::AbortOrphanedJob(Some(_)))
}

const GO_ON: u8 = 15;
const REDEFINE: u8 = 14;
/// The ledger's answer to a line.
const FAILS_AND_STANDS: u8 = 196;
const HANDS: u8 = 8;
const POWER_IS_LOST: u8 = 3;
const NEW_RIBBON: u8 = 7;
const COMES_OUT: u8 = 5;
const WRONG_SETUP: u8 = 2;
/// The card comes out, and nobody hears of it.
const WIRE_BREAKS: u8 = 41;
/// And its job owns the machine.
const OWNS_THE_MACHINE: u8 = 1;

/// The counter lags and the ribbon is new, so after the card both are as in its intent; and the print clears the restart flag.
#[test]
fn a_machine_that_lost_its_power_after_the_intent_prints_no_card() {
    let mut world = with_a_lagging_counter();
    for (what, how) in [(HANDS, POWER_IS_LOST), (HANDS, NEW_RIBBON), (GO_ON, WIRE_BREAKS)] {
        world.step(what, how).expect("one good card");
    }
    world.calm().expect("one good card");
}

/// The order that ends the lost job would clear the restart flag before the station has recorded the restart.
#[test]
fn a_machine_that_lost_its_power_after_it_was_polled_is_not_brought_to_rest_unseen() {
    let mut world = with_a_lagging_counter();
    for (what, how) in [(HANDS, NEW_RIBBON), (GO_ON, OWNS_THE_MACHINE)] {
        world.step(what, how).expect("one good card");
    }
    world.until_ordered(is_abort).expect("the job is ended");
    world.step(HANDS, POWER_IS_LOST).expect("one good card");
    world.calm().expect("one good card");
}

/// Each fault, made on purpose, is found by the test above, and for what it does to a card. Where one is not, that test
/// proves nothing.
#[test]
fn each_fault_that_is_made_on_purpose_is_found() {
    let made = |kind: Kind| Sabotage::all(kind).iter().map(move |sabotage| (kind, *sabotage));
    for (kind, sabotage) in KINDS.into_iter().flat_map(made) {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let config = Config { max_shrink_iters: 0, ..config(STORMS_TO_FIND_A_FAULT) };
        let mut runner = TestRunner::new_with_rng(config, rng);
        match runner.run(&storms(), |storm| live(kind, &storm, sabotage)) {
            Err(TestError::Fail(why, _)) => {
                let why = why.message();
                assert!(!why.contains("never ends"), "{kind:?} {sabotage:?}: {why}");
            }
            other => panic!("{kind:?} {sabotage:?} is not found: {other:?}"),
        }
    }
}
