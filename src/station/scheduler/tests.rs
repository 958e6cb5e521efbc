//! What must hold of the scheduler whatever happens in whatever order: ledgers that fail, reports that come late or twice,
//! hands, power cuts of the computer and of the printer. Ledger, printer and people are a few lines each ([`world`]); one
//! case is a list of small numbers, so that a case that breaks is shrunk to the few that matter.

mod halts;
mod in_doubt;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use world::{Sabotage, World};

/// A storm of so many things at most, then calm.
const STORM: usize = 120;
/// Storms that are lived through; a second's work.
const STORMS: u32 = 1500;
/// Within so many storms, each fault that is made on purpose shows.
const STORMS_TO_FIND_A_FAULT: u32 = 5000;

/// One case: what happens, step by step.
fn storms() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((any::<u8>(), any::<u8>()), 1..STORM)
}

/// Lives through a storm and the calm after it.
fn live(storm: &[(u8, u8)], sabotage: Sabotage) -> Result<(), TestCaseError> {
    let mut world = World::new(sabotage);
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
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    weather(TestRunner::new_with_rng(config(STORMS), rng));
}

/// Other storms every time, to look for what nobody has met yet: `cargo test --lib new_storms -- --ignored`.
#[test]
#[ignore = "finds new things, so it is for whoever looks for them"]
fn new_storms_are_weathered_too() {
    weather(TestRunner::new(config(STORMS)));
}

fn weather(mut runner: TestRunner) {
    if let Err(broken) = runner.run(&storms(), |storm| live(&storm, Sabotage::None)) {
        panic!("{broken}");
    }
}

/// Each fault, made on purpose, is found by the test above, and for what it does to a card. Where one is not, that test
/// proves nothing.
#[test]
fn each_fault_that_is_made_on_purpose_is_found() {
    for sabotage in Sabotage::ALL {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let config = Config { max_shrink_iters: 0, ..config(STORMS_TO_FIND_A_FAULT) };
        let mut runner = TestRunner::new_with_rng(config, rng);
        match runner.run(&storms(), |storm| live(&storm, sabotage)) {
            Err(TestError::Fail(why, _)) => {
                let why = why.message();
                assert!(!why.contains("never ends"), "{sabotage:?}: {why}");
            }
            other => panic!("{sabotage:?} is not found: {other:?}"),
        }
    }
}
