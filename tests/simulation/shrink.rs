//! From a broken world to the smallest one that breaks in the same way: fewer kinds of faults, fewer jobs, fewer steps,
//! as long as the violation is the same.

use crate::history::{Broken, Plan, live};
use crate::people::Kind;
use crate::story::Story;
use crate::world::Invariant;

/// Most worlds that are run for one broken world.
const TRIES: usize = 300;

/// The smallest world found, and its violation, with its story; `None`: one plan did not give one history.
pub fn shrink(plan: &Plan, broken: &Broken, also: Option<Invariant>) -> (Plan, Option<Broken>) {
    let kind = broken.kind();
    let still = |plan: &Plan, story| live(plan, story, also).err().filter(|b| b.kind() == kind);
    let (mut least, mut step) = (plan.clone(), broken.step);
    let mut tries = 0;
    'smaller: loop {
        for smaller in smaller(&least, step) {
            tries += 1;
            if tries > TRIES {
                break 'smaller;
            }
            if let Some(broken) = still(&smaller, Story::default()) {
                (least, step) = (smaller, broken.step);
                continue 'smaller;
            }
        }
        break;
    }
    let told = still(&least, Story::told());
    (least, told)
}

/// Worlds that are smaller in one respect, those with the largest reduction first.
fn smaller(plan: &Plan, broken_in: usize) -> Vec<Plan> {
    let Plan { jobs, steps, without, .. } = plan;
    let mut all = Vec::new();
    // Steps after the one in which it broke do not matter.
    if broken_in < *steps {
        all.push(Plan { steps: broken_in, ..plan.clone() });
    }
    for kind in Kind::ALL.into_iter().filter(|kind| !without.contains(kind)) {
        let without = without.iter().copied().chain([kind]).collect();
        all.push(Plan { without, ..plan.clone() });
    }
    let cuts = |of: usize, least: usize| {
        let mut cuts = [least, of / 4, of / 2, of - of / 4, of - of / 8, of.saturating_sub(1)];
        cuts.sort_unstable();
        cuts.into_iter().filter(move |&cut| cut >= least && cut < of).collect::<Vec<_>>()
    };
    all.extend(cuts(*jobs, 1).into_iter().map(|jobs| Plan { jobs, ..plan.clone() }));
    all.extend(cuts(*steps, 0).into_iter().map(|steps| Plan { steps, ..plan.clone() }));
    all.dedup();
    all
}

/// An invariant that is wrong on purpose: a spoiled card breaks the world.
fn no_card_is_spoiled(truth: &crate::truth::Truth) -> Result<(), String> {
    match truth.spoiled {
        0 => Ok(()),
        spoiled => Err(format!("{spoiled} cards are SPOILED")),
    }
}

#[test]
fn a_world_that_breaks_is_shrunk_and_told() {
    let breaks = |seed: u64| {
        let plan = Plan { chips: false, ..Plan::of(seed) };
        let broken = live(&plan, Story::default(), Some(no_card_is_spoiled)).err()?;
        Some((plan, broken))
    };
    // Shrinking may end in a local minimum: not every world ends with one card.
    let shrunk = (1..20).filter_map(breaks).map(|(plan, broken)| {
        assert_eq!(broken.kind(), " cards are SPOILED");
        assert_eq!(broken.story, "", "nobody reads it yet");
        let (least, told) = shrink(&plan, &broken, Some(no_card_is_spoiled));
        (broken, least, told.expect("one plan is one history"))
    });
    let (broken, least, told) = shrunk
        .take(5)
        .min_by_key(|(_, least, _)| least.jobs)
        .expect("cards are spoiled in most worlds");
    assert!(told.story.contains("a card leaves"), "{}", told.story);
    // One card, one fault.
    assert_eq!(least.jobs, 1, "{least}\n{}", told.story);
    assert!(least.without.len() >= Kind::ALL.len() - 2, "{least}\n{}", told.story);
    assert!(least.steps <= broken.step, "{least}\n{}", told.story);
    assert!(live(&least, Story::default(), None).is_ok(), "only that invariant is broken");
}
