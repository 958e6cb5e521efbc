//! One world from its plan to its end: faults occur for a while, then none, and every job must finally get its card.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use emulators::evolis::EvolisSettings;
use kartu::lifecycle::State;

use crate::cards::settings;
use crate::chips::{self, Chips};
use crate::people::{Kind, Weather};
use crate::power::Mood;
use crate::story::Story;
use crate::world::{Invariant, World};

/// Jobs of one world.
pub const JOBS: usize = 40;
/// Steps within which all jobs must be finished, first with faults and then without.
pub const STEPS: usize = 500;
const CALM_STEPS: usize = 1500;

/// Everything that determines a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// Only its first jobs are posted.
    pub jobs: usize,
    /// Steps in which faults may occur.
    pub steps: usize,
    /// Do some cards have a chip?
    pub chips: bool,
    /// Kinds of faults that are suppressed although the seed would draw them.
    pub without: Vec<Kind>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Plan {
        let chips = chips::are_in(seed);
        Plan { seed, jobs: JOBS, steps: STEPS, chips, without: Vec::new() }
    }
}

impl fmt::Display for Plan {
    /// In the form in which a plan is stored in the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, jobs, steps, chips, without } = self;
        write!(
            f,
            "Plan {{ seed: {seed}, jobs: {jobs}, steps: {steps}, chips: {chips}, without: vec!{without:?} }}"
        )
    }
}

/// The result of one world, or of many.
#[derive(Default)]
pub struct Came {
    pub cards: u64,
    pub unencoded: u64,
    pub by_machine: u64,
    pub by_person: u64,
    pub lies: u64,
}

/// A world that violates an invariant.
pub struct Broken {
    /// The violation, and what else is known about it.
    pub what: String,
    /// The line of the code.
    pub place: String,
    /// The step with faults in which it happened, or the number of all of them.
    pub step: usize,
    pub story: String,
}

impl Broken {
    /// The violation without the job that it concerns.
    pub fn kind(&self) -> String {
        let first = self.what.lines().next().unwrap_or_default();
        first.chars().filter(|c| !c.is_ascii_digit()).collect()
    }
}

/// Runs one world from its plan to its end.
///
/// # Errors
/// The violation.
pub fn live(plan: &Plan, story: Story, also: Option<Invariant>) -> Result<Came, Broken> {
    let settings = EvolisSettings { no_counters: plan.seed % 7 == 3, ..settings() };
    let chips = plan.chips.then(|| Chips::new(plan.seed));
    let mut world = World::new(plan.seed, settings, chips);
    (world.story, world.also) = (story, also);
    let lived = quietly(AssertUnwindSafe(|| {
        storm(&mut world, plan);
        calm_down(&mut world);
    }));
    match lived {
        Ok(()) => Ok(Came {
            cards: world.posted.len() as u64,
            unencoded: world.truth.written_unencoded.into(),
            by_machine: world.truth.by_machine.into(),
            by_person: world.truth.by_person.into(),
            lies: world.truth.lied_about.len() as u64,
        }),
        Err((what, place)) => {
            Err(Broken { what, place, step: world.steps, story: world.story.to_string() })
        }
    }
}

fn storm(world: &mut World, plan: &Plan) {
    let weather = Weather::of(&mut world.rng, &plan.without);
    world.story.tell(format_args!("{plan}: {weather:?}"));
    while world.steps < plan.steps {
        world.steps += 1;
        world.step(&weather, plan.jobs);
        if world.posted.len() == plan.jobs && (0..plan.jobs).all(|mark| world.has_ended(mark)) {
            break;
        }
    }
}

/// No more faults occur and everybody acts correctly: every job must finally get its card.
fn calm_down(world: &mut World) {
    world.story.tell(format_args!("all is calm"));
    world.building.set_mood(Mood::default());
    world.stream = false;
    world.building.fill_disk(false);
    world.building.break_disk(false);
    world.clock.reset();
    if let Some(chips) = &world.chips {
        chips.calm();
    }
    for _ in 0..CALM_STEPS {
        if let Some(at) = world.posted.iter().position(|job| job.id.is_none()) {
            world.post(at);
        }
        world.help();
        world.answer(false);
        world.go_on();
        if world.posted.iter().all(|job| world.has_ended(job.mark)) {
            return the_sums_close(world);
        }
    }
    let stuck: Vec<_> = world.states().iter().filter(|(_, s)| **s != State::Printed).collect();
    panic!("never ends\n{stuck:?}\n{}", world.stands());
}

/// Every blank that left the feeder is accounted for.
fn the_sums_close(world: &World) {
    let good: u32 = world.truth.good.values().sum();
    let truth = &world.truth;
    // A card that was removed unnoticed is known only to the person who removed it, who enters it.
    if truth.lied_about.is_empty() && truth.taken.is_empty() {
        assert_eq!(good, truth.written_good, "good cards");
        let written = truth.written_good + truth.written_spoiled;
        assert_eq!(truth.left_the_machine, written, "blanks");
    }
}

thread_local! {
    /// Does this thread suppress its panic messages?
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The panic of `work` and its place, without a message on the console.
fn quietly(work: AssertUnwindSafe<impl FnOnce()>) -> Result<(), (String, String)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                return loud(panic);
            }
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            PLACE.with(|known| *known.borrow_mut() = place);
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(work);
    QUIET.set(false);
    done.map_err(|panic| (said(&*panic), PLACE.with(|known| known.borrow().clone())))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
}
