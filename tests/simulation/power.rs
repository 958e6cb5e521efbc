//! The environment of the station, under the test's control: the power, the disk, the wire, the clocks. Knows no job.
//!
//! Everything that a station does to its environment is an *effect*: a transaction of the ledger, an exchange with the
//! machine, or a command to a chip. The power can be cut before, during, or right after any effect; from then on no
//! effect happens, whatever the station still tries. So cutting the power at every effect covers every distinguishable
//! moment.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use drivers::transport::{Transport, TransportError, WireFault};
use emulators::machine::{Lever, SharedMachine};
use emulators::transport::emulated::Emulated;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use kartu::clock::Clock;
use kartu::ledger::Disk;

/// When the power is cut, relative to the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Before,
    /// This many bytes of the request, modulo its length, are received.
    Within(usize),
    After,
}

/// An action at the machine between two polls, while the computer is suspended or simply does not poll.
#[derive(Debug, Clone)]
pub struct Unseen {
    /// How many more moments pass before it.
    pub after: u32,
    /// How long it lasts for the machine.
    pub span: Duration,
    /// Do the computer's clocks continue? Those of a paused virtual machine do not.
    pub clocks: bool,
    /// The levers that are pulled in the middle of it.
    pub hands: Vec<Lever>,
}

/// A kind of effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Commit,
    Exchange,
    Apdu,
}

/// The behaviour of the wire while the power is on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mood {
    /// For this many further exchanges there is no machine.
    pub unplugged: u32,
    /// At the effect of this number, only the plug is pulled.
    pub unplug_at: Option<(u64, Cut)>,
    /// In the answer of the effect of this number, the lowest bit of the byte at this index is flipped.
    pub flip_at: Option<(u64, usize)>,
    /// One exchange in this many breaks off, loses its answer, or is garbled; 0: none.
    pub mishap_one_in: u32,
    /// May answers be garbled?
    pub garbles: bool,
}

struct Supply {
    off: bool,
    cuts: u32,
    effects: Vec<Effect>,
    cut: Option<(u64, Cut)>,
    /// The power is cut again this many effects after it is back.
    again: Option<(u64, Cut)>,
    mood: Mood,
    unseen: Option<Unseen>,
    /// Moments so far: exchanges, and pauses between them.
    moments: u32,
    /// The computer was suspended by its own clock, and nobody has asked for it yet.
    stood_still: bool,
    disk_full: bool,
    disk_broken: bool,
    /// Number of flipped bits.
    flips: u32,
    /// The disk is broken from the effect of this number on.
    broken_from: Option<u64>,
    rng: Rng,
}

/// The environment: power, disk and cable.
#[derive(Clone)]
pub struct Building(Arc<Mutex<Supply>>);

/// The result of one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Happens,
    Struck(Cut),
    Never,
}

impl Building {
    pub fn new(rng: Rng) -> Building {
        Building(Arc::new(Mutex::new(Supply {
            off: false,
            cuts: 0,
            effects: Vec::new(),
            cut: None,
            again: None,
            mood: Mood::default(),
            unseen: None,
            moments: 0,
            stood_still: false,
            disk_full: false,
            disk_broken: false,
            flips: 0,
            broken_from: None,
            rng,
        })))
    }

    fn supply(&self) -> MutexGuard<'_, Supply> {
        self.0.lock().expect("nobody panics with the supply in his hands")
    }

    /// Cuts the power at the effect with this number, counted from the start of the world.
    pub fn cut_at(&self, effect: u64, how: Cut) {
        self.supply().cut = Some((effect, how));
    }

    /// Cuts the power this many effects from now.
    pub fn cut_soon(&self, effects: u64, how: Cut) {
        let at = self.effects() + effects;
        self.cut_at(at, how);
    }

    /// Once the power is back from a cut, cuts it again after this many effects.
    pub fn cut_again_after(&self, effects: u64, how: Cut) {
        self.supply().again = Some((effects, how));
    }

    pub fn has_been_off(&self) -> bool {
        self.supply().cuts > 0
    }

    pub fn is_off(&self) -> bool {
        self.supply().off
    }

    /// Restores the power; the disk is unchanged.
    pub fn restore(&self) {
        let mut supply = self.supply();
        (supply.off, supply.cut) = (false, None);
        if supply.cuts > 0 {
            let so_far = supply.effects.len() as u64;
            supply.cut = supply.again.take().map(|(after, how)| (so_far + after, how));
        }
    }

    pub fn effects(&self) -> u64 {
        self.supply().effects.len() as u64
    }

    /// Numbers of the effects of one kind so far.
    pub fn numbers_of(&self, kind: Effect) -> Vec<u64> {
        let supply = self.supply();
        let all = supply.effects.iter().enumerate();
        all.filter(|(_, effect)| **effect == kind).map(|(number, _)| number as u64).collect()
    }

    pub fn flips(&self) -> u32 {
        self.supply().flips
    }

    pub fn plan_unseen(&self, unseen: Unseen) {
        self.supply().unseen = Some(unseen);
    }

    pub fn moments(&self) -> u32 {
        self.supply().moments
    }

    /// Was the computer suspended, by its own clock, since the last call?
    pub fn take_stood_still(&self) -> bool {
        std::mem::take(&mut self.supply().stood_still)
    }

    /// Counts a moment of the wire; returns the unseen action if this is its moment.
    fn moment(&self) -> Option<Unseen> {
        let mut supply = self.supply();
        supply.moments += 1;
        let planned = supply.unseen.as_mut()?;
        if planned.after > 0 {
            planned.after -= 1;
            return None;
        }
        let unseen = supply.unseen.take()?;
        supply.stood_still |= unseen.clocks && !unseen.span.is_zero();
        Some(unseen)
    }

    pub fn set_mood(&self, mood: Mood) {
        self.supply().mood = mood;
    }

    pub fn fill_disk(&self, full: bool) {
        self.supply().disk_full = full;
    }

    /// Breaks the disk at the effect of this number.
    pub fn break_disk_at(&self, effect: u64) {
        self.supply().broken_from = Some(effect);
    }

    pub fn break_disk(&self, broken: bool) {
        self.supply().disk_broken = broken;
    }

    pub fn effect(&self, effect: Effect) -> Fate {
        let mut supply = self.supply();
        if supply.off {
            return Fate::Never;
        }
        let number = supply.effects.len() as u64;
        supply.effects.push(effect);
        supply.disk_broken |= supply.broken_from.take_if(|at| *at <= number).is_some();
        match supply.cut {
            Some((at, how)) if at <= number => {
                (supply.off, supply.cuts) = (true, supply.cuts + 1);
                Fate::Struck(how)
            }
            _ => Fate::Happens,
        }
    }

    /// The cable's fault in an exchange while the computer has power.
    fn mishap(&self) -> Option<Mishap> {
        let mut supply = self.supply();
        let number = supply.effects.len() as u64 - 1;
        if let Some((at, how)) = supply.mood.unplug_at
            && at == number
        {
            return Some(Mishap::Cut(how));
        }
        if let Some((at, byte)) = supply.mood.flip_at
            && at == number
        {
            return Some(Mishap::Flipped(byte));
        }
        if supply.mood.unplugged > 0 {
            supply.mood.unplugged -= 1;
            return Some(Mishap::Cut(Cut::Before));
        }
        let Mood { mishap_one_in, garbles, .. } = supply.mood;
        if mishap_one_in == 0 || supply.rng.u32(..mishap_one_in) != 0 {
            return None;
        }
        Some(match supply.rng.u8(..if garbles { 4 } else { 3 }) {
            0 => Mishap::Cut(Cut::Before),
            1 => Mishap::Cut(Cut::Within(supply.rng.usize(..))),
            2 => Mishap::Cut(Cut::After),
            _ => Mishap::Garbled(supply.rng.u64(..)),
        })
    }
}

enum Mishap {
    Cut(Cut),
    Garbled(u64),
    Flipped(usize),
}

/// The disk of the environment.
pub struct SimDisk(pub Building);

impl Disk for SimDisk {
    fn free_bytes(&mut self) -> std::io::Result<u64> {
        let fault = || Err(std::io::Error::from(ErrorKind::Other));
        match self.0.effect(Effect::Commit) {
            Fate::Never | Fate::Struck(Cut::Before | Cut::Within(_)) => return fault(),
            Fate::Happens | Fate::Struck(Cut::After) => {}
        }
        let supply = self.0.supply();
        match (supply.disk_broken, supply.disk_full) {
            (true, _) => fault(),
            (_, true) => Ok(0),
            _ => Ok(u64::MAX),
        }
    }
}

/// The wire from the environment to one machine.
pub struct SimWire {
    wire: Emulated,
    machine: SharedMachine,
    building: Building,
    clock: SimClock,
    /// An answer is due, and will be lost or garbled.
    pending: Option<(usize, Option<Mishap>)>,
}

impl SimWire {
    pub fn new(machine: SharedMachine, building: Building, clock: SimClock) -> SimWire {
        SimWire { wire: Emulated::new(machine.clone()), machine, building, clock, pending: None }
    }

    fn fate(&self) -> Option<Mishap> {
        match self.building.effect(Effect::Exchange) {
            Fate::Never => Some(Mishap::Cut(Cut::Before)),
            Fate::Struck(how) => Some(Mishap::Cut(how)),
            Fate::Happens => self.building.mishap(),
        }
    }

    /// Carries out an unseen action, if this is its moment.
    fn a_moment_passes(&mut self) {
        let Some(Unseen { span, clocks, hands, .. }) = self.building.moment() else { return };
        self.machine.lock().elapse(span / 2);
        for lever in hands {
            self.machine.pull(lever);
        }
        self.machine.lock().elapse(span / 2);
        if clocks {
            self.clock.pass(span);
        }
    }

    fn broken(&mut self, request: &[u8], how: Cut) -> TransportError {
        let bytes = match how {
            Cut::Before => 0,
            Cut::Within(bytes) => bytes % (request.len() + 1),
            Cut::After => request.len(),
        };
        self.wire.break_after(request, bytes)
    }
}

impl Transport for SimWire {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.pending = None;
        match self.fate() {
            Some(Mishap::Cut(how)) => Err(self.broken(request, how)),
            mishap => {
                self.pending = Some((request.len(), mishap));
                self.wire.send(request, patience)
            }
        }
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.a_moment_passes();
        let (sent_bytes, mishap) = match self.pending.take() {
            Some(pending) => pending,
            // A poll, without a request.
            None => (0, self.fate()),
        };
        match mishap {
            Some(Mishap::Cut(_)) => {
                answer.clear();
                self.machine.lock().hang_up();
                let kind = WireFault::Broken(ErrorKind::BrokenPipe.into());
                Err(TransportError { kind, sent_bytes })
            }
            Some(Mishap::Garbled(seed)) => {
                self.wire.receive(answer, patience)?;
                garble(answer, &mut Rng::with_seed(seed));
                Ok(())
            }
            Some(Mishap::Flipped(at)) => {
                self.wire.receive(answer, patience)?;
                if let Some(byte) = answer.get_mut(at) {
                    *byte ^= 1;
                    self.building.supply().flips += 1;
                }
                Ok(())
            }
            None => self.wire.receive(answer, patience),
        }
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
        self.clock.pass(span);
        self.a_moment_passes();
    }

    fn clock(&self) -> Duration {
        self.clock.steady()
    }
}

fn garble(answer: &mut Vec<u8>, rng: &mut Rng) {
    if answer.is_empty() {
        return;
    }
    let at = rng.usize(..answer.len());
    if rng.bool() { answer.truncate(at) } else { answer[at] ^= rng.u8(1..) }
}

/// Both clocks of the station.
#[derive(Clone)]
pub struct SimClock(Arc<Mutex<(Timestamp, Duration)>>);

impl SimClock {
    pub fn new() -> SimClock {
        SimClock(Arc::new(Mutex::new((start(), Duration::ZERO))))
    }

    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        self.jump(SignedDuration::try_from(span).unwrap_or(SignedDuration::ZERO));
        self.0.lock().expect("no panic").1 += span;
    }

    pub fn steady(&self) -> Duration {
        self.0.lock().expect("no panic").1
    }

    /// Changes only the wall clock.
    pub fn jump(&self, by: SignedDuration) {
        self.0.lock().expect("no panic").0 += by;
    }

    /// Sets the wall clock right.
    pub fn reset(&self) {
        let mut clocks = self.0.lock().expect("no panic");
        clocks.0 = start() + SignedDuration::try_from(clocks.1).unwrap_or(SignedDuration::ZERO);
    }

    pub fn clock(&self) -> Clock {
        let (wall, steady) = (self.clone(), self.clone());
        Clock::of(
            move || wall.0.lock().expect("no panic").0,
            move || steady.0.lock().expect("no panic").1,
        )
    }
}

fn start() -> Timestamp {
    "2026-03-02T01:00:00Z".parse().expect("a time")
}
