//! Gaps between polls: the computer is suspended, a virtual machine is paused, or an action is faster than a poll.
//! Covered at every moment of one card: each exchange with the machine, and each pause between two. `truth.rs` has the
//! invariant: no card counts as printed by the machine's report while it was removed spoiled, unless nothing could show
//! that.

use std::time::Duration;

use emulators::evolis::EvolisSettings;

use crate::every_moment::{counting, live_on};
use crate::people::SCRIPTS;
use crate::power::Unseen;
use crate::story::Story;
use crate::world::{Posted, World};

/// A card of two sides.
const MARK: usize = 1;

/// One card, with this action during a gap.
fn live(settings: EvolisSettings, unseen: Option<Unseen>) -> World {
    let mut world = World::new(7, settings, None);
    world.story = Story::told();
    if let Some(unseen) = unseen {
        world.story.tell(format_args!("nobody looks: {unseen:?}"));
        world.building.plan_unseen(unseen);
    }
    world.posted.push(Posted { mark: MARK, id: None });
    live_on(world, &[MARK])
}

/// Every moment of one card, and every script of actions.
fn at_every_moment(
    settings: fn() -> EvolisSettings,
    span: Duration,
    clocks: bool,
    also: fn(&World, bool),
) {
    let moments = live(settings(), None).building.moments();
    assert!(moments > 60, "a card is polled many times: {moments}");
    for after in 0..moments {
        for hands in SCRIPTS {
            let unseen = Unseen { after, span, clocks, hands: hands.to_vec() };
            also(&live(settings(), Some(unseen)), hands.is_empty());
        }
    }
}

fn uncounted() -> EvolisSettings {
    EvolisSettings { no_counters: true, ..counting() }
}

/// One good card, and every other blank is recorded as spoiled.
fn one_good_card(world: &World) {
    let truth = &world.truth;
    assert_eq!((truth.good(MARK), truth.written_good), (1, 1), "{}", world.story);
}

#[test]
fn the_computer_stands_still_at_every_moment_of_a_card() {
    for settings in [counting, uncounted] {
        at_every_moment(settings, Duration::from_secs(60), true, |world, _| one_good_card(world));
    }
}

/// If both clocks stop, only the counters can show it: the job is settled by them.
#[test]
fn a_virtual_machine_is_paused_at_every_moment_of_a_card() {
    at_every_moment(counting, Duration::from_secs(60), false, |world, calm| {
        if calm {
            one_good_card(world);
            assert_eq!(world.truth.by_person, 0, "the machine could say\n{}", world.story);
        }
    });
}

#[test]
fn hands_are_faster_than_a_poll_at_every_moment_of_a_card() {
    for settings in [counting, uncounted] {
        at_every_moment(settings, Duration::ZERO, true, |world, calm| {
            if calm {
                one_good_card(world);
                assert_eq!(world.truth.by_person, 0, "nothing happened\n{}", world.story);
            }
        });
    }
}
