//! The people of one world (clients who post, a technician at the machine, an officer who checks and answers) and the
//! faults of its environment. All of it is drawn from the world's seed.

use std::time::Duration;

use emulators::machine::{JamAt, Lever};
use fastrand::Rng;
use jiff::SignedDuration;
use kartu::actor::Actor;
use kartu::evidence::Seen;
use kartu::job::JobId;
use kartu::lifecycle::State;
use kartu::station::{Look, Unsettled};

use crate::power::{Cut, Mood, Unseen};
use crate::world::{Posted, World};

/// A steady stream of messages: this many in the time for which the station waits for one.
const STREAM_SLICES: u32 = 10;

/// Actions at the machine while the station does not poll; afterwards only the counters show them.
pub const SCRIPTS: [&[Lever]; 5] = [
    &[],
    &[Lever::OpenCover, Lever::TakeCardOut, Lever::CloseCover],
    &[Lever::OpenCover, Lever::TakeCardOut, Lever::NewRibbon, Lever::CloseCover],
    &[Lever::Jam(JamAt::Head), Lever::TakeCardOut, Lever::TakeCardOut],
    &[Lever::EndRibbon, Lever::TakeCardOut, Lever::TakeCardOut, Lever::NewRibbon],
];

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Power,
    Hands,
    Wire,
    Disk,
    Clock,
    Garbles,
    WrongAnswers,
    Chips,
    StandsStill,
    QuickHands,
    Stream,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Power,
        Kind::Hands,
        Kind::Wire,
        Kind::Disk,
        Kind::Clock,
        Kind::Garbles,
        Kind::WrongAnswers,
        Kind::Chips,
        Kind::StandsStill,
        Kind::QuickHands,
        Kind::Stream,
    ];
}

/// The fault rates of a world: one step in this many brings a fault of the kind.
#[derive(Debug)]
pub struct Weather {
    pub power_one_in: u32,
    pub hands_one_in: u32,
    pub wire_one_in: u32,
    pub disk_one_in: u32,
    pub clock_one_in: u32,
    pub unseen_one_in: u32,
    pub stream: bool,
    pub garbles: bool,
    pub wrong_answers: bool,
    /// Kinds that are drawn, so that the random numbers stay the same, but do not happen.
    without: Vec<Kind>,
}

impl Weather {
    pub fn of(rng: &mut Rng, without: &[Kind]) -> Weather {
        let mut any = |of: &[u32]| of[rng.usize(..of.len())];
        let [power_one_in, hands_one_in, wire_one_in, disk_one_in, clock_one_in] =
            [&[0, 10, 40], &[0, 15, 60], &[0, 20, 80], &[0, 0, 40], &[0, 0, 60]].map(|of| any(of));
        let mut also = rng.fork();
        Weather {
            unseen_one_in: [0, 12, 40][also.usize(..3)],
            stream: also.u8(..3) == 0 && !without.contains(&Kind::Stream),
            power_one_in,
            hands_one_in,
            wire_one_in,
            disk_one_in,
            clock_one_in,
            garbles: rng.bool() && !without.contains(&Kind::Garbles),
            wrong_answers: rng.bool() && !without.contains(&Kind::WrongAnswers),
            without: without.to_vec(),
        }
    }

    fn brings(&self, kind: Kind) -> bool {
        !self.without.contains(&kind)
    }
}

impl World {
    /// One step of the world: somebody acts, then the station takes a turn.
    pub fn step(&mut self, weather: &Weather, jobs: usize) {
        if self.posted.len() < jobs && self.rng.u8(..3) == 0 {
            let mark = self.posted.len();
            self.posted.push(Posted { mark, id: None });
        }
        if let Some(at) = self.posted.iter().position(|job| job.id.is_none()) {
            self.post(at);
        } else if self.rng.u8(..20) == 0 && !self.posted.is_empty() {
            let again = self.rng.usize(..self.posted.len());
            self.post(again);
        }
        self.stream = weather.stream;
        self.suffer(weather);
        if self.rng.u8(..4) == 0 {
            self.answer(weather.wrong_answers);
        }
        if self.rng.u8(..10) == 0 {
            self.help();
        }
        self.go_on();
    }

    /// Draws the faults of this step.
    fn suffer(&mut self, weather: &Weather) {
        let strikes = |world: &mut World, one_in: u32| one_in > 0 && world.rng.u32(..one_in) == 0;
        if strikes(self, weather.power_one_in) {
            let (soon, how) = (self.rng.u64(..120), self.any_cut());
            if weather.brings(Kind::Power) {
                self.story.tell(format_args!("the power will go in {soon} effects, {how:?}"));
                self.building.cut_soon(soon, how);
            }
        }
        if strikes(self, weather.hands_one_in) {
            self.meddle(weather.brings(Kind::Hands));
        }
        if strikes(self, weather.wire_one_in) {
            let unplugged = self.rng.u32(..40);
            let mishap_one_in = [0, 30, 100][self.rng.usize(..3)];
            let mood =
                Mood { unplugged, mishap_one_in, garbles: weather.garbles, ..Mood::default() };
            if weather.brings(Kind::Wire) {
                self.story.tell(format_args!("the cable: {mood:?}"));
                self.building.set_mood(mood);
            }
        }
        if strikes(self, weather.disk_one_in) {
            let (full, broken) = (self.rng.bool(), self.rng.u8(..3) == 0);
            if weather.brings(Kind::Disk) {
                self.story.tell(format_args!("the disk: full {full}, broken {broken}"));
                self.building.fill_disk(full);
                self.building.break_disk(broken);
            }
        }
        if strikes(self, weather.clock_one_in) {
            let hours = [-24, 1, 24, 24 * 365, -24 * 365][self.rng.usize(..5)];
            if weather.brings(Kind::Clock) {
                self.story.tell(format_args!("the clock jumps by {hours} h"));
                self.clock.jump(SignedDuration::from_hours(hours));
            }
        }
        if strikes(self, weather.unseen_one_in) {
            self.look_away(weather);
        }
        if weather.brings(Kind::Chips) {
            self.suffer_of_chips();
        }
    }

    /// Plans a suspension of the computer, or an action that is faster than a poll.
    fn look_away(&mut self, weather: &Weather) {
        let (after, quick, clocks) = (self.rng.u32(..150), self.rng.bool(), self.rng.bool());
        let (span, hands) = (self.rng.u64(20..90), self.rng.usize(..SCRIPTS.len()));
        let span = Duration::from_secs(if quick { 0 } else { span });
        let unseen = Unseen { after, span, clocks, hands: SCRIPTS[hands].to_vec() };
        if weather.brings(if quick { Kind::QuickHands } else { Kind::StandsStill }) {
            self.story.tell(format_args!("nobody looks: {unseen:?}"));
            self.building.plan_unseen(unseen);
        }
    }

    /// The station takes a turn; one without power is switched on again after a while.
    pub fn go_on(&mut self) {
        if self.running.is_none() {
            let dark = Duration::from_millis(self.rng.u64(..60_000));
            self.pass(dark);
            self.look_at_the_truth();
            self.boot();
        }
        if self.turn() {
            return;
        }
        let Some(running) = &self.running else { return };
        let patience = running.station.patience().max(Duration::from_millis(10));
        let slices = if self.stream { STREAM_SLICES } else { 1 };
        for _ in 0..slices {
            // A steady stream of posts must not keep the station from polling its printer.
            if let Some(running) = self.running.as_ref().filter(|_| self.stream) {
                running.handle.wake();
            }
            self.pass(patience / slices);
            self.turn();
        }
    }

    pub fn any_cut(&mut self) -> Cut {
        match self.rng.u8(..3) {
            0 => Cut::Before,
            1 => Cut::Within(self.rng.usize(..)),
            _ => Cut::After,
        }
    }

    /// A harmful action at the machine, or a failure.
    fn meddle(&mut self, happens: bool) {
        let jams = [JamAt::Feeder, JamAt::Head, JamAt::Flip, JamAt::Eject];
        let lever = match self.rng.u8(..12) {
            0 => Lever::OpenCover,
            1 => Lever::Jam(jams[self.rng.usize(..4)]),
            2 => Lever::EndRibbon,
            3 => Lever::EmptyFeeder,
            4 => Lever::OpenCoverAfterPanels(self.rng.u32(1..3)),
            5 => Lever::EndRibbonAfterPanels(self.rng.u32(1..3)),
            6 => Lever::TakeCardOut,
            7 => Lever::Overheat,
            8 => Lever::CutPower,
            9 => Lever::CutPowerAfterBytes(self.rng.u64(..200_000)),
            10 => Lever::Sleep,
            _ => Lever::NewRibbon,
        };
        let and_on = matches!(lever, Lever::CutPower) && self.rng.bool();
        for lever in [Some(lever), and_on.then_some(Lever::PowerOn)].into_iter().flatten() {
            if happens {
                self.pull(lever);
            }
        }
    }

    /// The technician does what the station's page asks for.
    pub fn help(&mut self) {
        let state = self.machine.lock().state();
        let is = |key: &str| state[key].as_bool() == Some(true);
        let complains = state["machine"]["status"]["error"].to_string().contains("MECHANICAL");
        if !is("powered") {
            self.pull(Lever::PowerOn);
        }
        if complains {
            self.pull(Lever::OpenCover);
            self.pull(Lever::TakeCardOut);
            self.pull(Lever::CloseCover);
        } else if is("cover_open") {
            self.pull(Lever::CloseCover);
        }
        let snapshot = self.running.as_ref().map(|running| running.handle.watch());
        let nobodys = snapshot.is_some_and(|snapshot| {
            let reasons = &snapshot.borrow().state_reasons;
            reasons.iter().any(|reason| reason.message.en.contains("belongs to no job"))
        });
        if nobodys {
            self.pull(Lever::TakeCardOut);
        }
        if state["feeder_cards"].as_u64() == Some(0) {
            self.pull(Lever::LoadFeeder(100));
        }
        if state["ribbon_left"].as_u64().is_none_or(|left| left < 4) {
            self.pull(Lever::NewRibbon);
        }
        if state["hopper_cards"].as_u64().is_some_and(|cards| cards > 80) {
            self.pull(Lever::EmptyHopper);
        }
        if state["reject_box_cards"].as_u64().is_some_and(|cards| cards > 20) {
            self.pull(Lever::EmptyRejectBox);
        }
    }

    /// The officer checks one job that waits for a person and reports the result, or first reports something wrong.
    pub fn answer(&mut self, may_be_wrong: bool) {
        let truth = &self.truth;
        // A person who removed a card unnoticed knows that it is not in the tray.
        let missed = |mark: &usize| truth.taken.contains(mark) && truth.good(*mark) == 0;
        let waiting = |mark: &usize, state: &State| match state {
            State::Unsure | State::Held => true,
            State::Printed => missed(mark),
            _ => false,
        };
        let some = self.states().iter().filter(|(mark, state)| waiting(mark, state));
        let some: Vec<usize> = some.map(|(mark, _)| *mark).collect();
        if some.is_empty() {
            return;
        }
        let mark = some[self.rng.usize(..some.len())];
        let posted = self.posted.iter().find(|job| job.mark == mark);
        let Some(id) = posted.and_then(|job| job.id.clone()) else { return };
        match self.states()[&mark] {
            State::Held => return self.release(id),
            State::Printed => {
                if self.seen(mark) == Seen::Spoiled {
                    self.say(mark, &id, Seen::Spoiled, false);
                }
                return;
            }
            _ => {}
        }
        if may_be_wrong && self.rng.u8(..4) == 0 {
            let wrong = [Seen::Printed, Seen::Spoiled, Seen::NoCard][self.rng.usize(..3)];
            let right = self.seen(mark);
            let lies = self.truth.lied_about.len();
            self.truth.lied_about.extend((wrong != right).then_some(mark));
            let taken = self.say(mark, &id, wrong, false);
            if taken || self.states()[&mark] != State::Unsure {
                return;
            }
            // The station contradicts, so the officer checks again.
            self.truth.lied_about.truncate(lies);
        }
        self.look_and_say(mark, &id);
    }

    /// Checks everywhere, removes a card that is inside, and reports the truth, twice if necessary.
    pub fn look_and_say(&mut self, mark: usize, id: &JobId) {
        let at_work = {
            let state = self.machine.lock().state();
            state["machine"]["card"].is_object() || state["powered"].as_bool() == Some(false)
        };
        if at_work && self.rng.u8(..3) > 0 {
            return;
        }
        if at_work {
            self.help();
            self.pull(Lever::TakeCardOut);
        }
        let seen = self.seen(mark);
        if !self.say(mark, id, seen, false) {
            self.say(mark, id, seen, true);
        }
    }

    /// The truth about a card.
    fn seen(&mut self, mark: usize) -> Seen {
        // A complete card that was removed by hand is kept, the others are destroyed.
        for (whose, whole) in std::mem::take(&mut self.truth.in_hand) {
            match whose.filter(|_| whole) {
                Some(whose) => *self.truth.good.entry(whose).or_default() += 1,
                None => self.truth.spoiled += 1,
            }
        }
        if self.truth.good(mark) > 0 {
            Seen::Printed
        } else if self.truth.spoiled > self.truth.written_spoiled {
            Seen::Spoiled
        } else {
            Seen::NoCard
        }
    }

    /// Reports to the station; `true`: the station accepted the answer.
    fn say(&mut self, mark: usize, id: &JobId, seen: Seen, insist: bool) -> bool {
        let says = format_args!("the officer says of SIM-{mark}: {seen:?}, insists: {insist}");
        self.story.tell(says);
        let Some(running) = &mut self.running else { return false };
        let look = Look { seen, by: Actor::local("petugas-2"), cause: None, insist };
        let mut answer = running.handle.ask_resolve(id.clone(), look);
        self.turn();
        match answer.try_recv() {
            Ok(Ok(_)) => true,
            Ok(Err(Unsettled::Contradicted(_) | Unsettled::Moving | Unsettled::Ledger(_)))
            | Err(_) => false,
            Ok(Err(Unsettled::NotReleasable(_) | Unsettled::NotExpired)) => {
                panic!("nobody asked for that")
            }
        }
    }

    fn release(&mut self, id: JobId) {
        let Some(running) = &mut self.running else { return };
        // Jobs that are held because of the clock are released once the clock is right.
        let mut answer = running.handle.ask_release(id, Actor::local("petugas-2"));
        self.turn();
        let _ = answer.try_recv();
    }
}
