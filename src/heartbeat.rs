//! Heartbeats: every essential thread of the station reports that it is working, and for how long at most, or that it
//! waits for work. [`Heartbeats::stopped`] finds a thread that panicked, ended, or works for longer than its limit; the
//! process then ends, so that its supervisor restarts it. Knows no thread, and restarts none.
//!
//! Time in which the whole process was suspended (a paused machine, SIGSTOP) does not count.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// The watcher asks every second. A longer gap means that the process itself was suspended.
const STOOD_STILL: Duration = Duration::from_secs(10);

/// A watched part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Decides what is printed next.
    Scheduler,
    /// Communicates with the printer.
    Printer,
    /// Communicates with the chip reader.
    Reader,
    /// Writes the ledger.
    Ledger,
    /// Serves requests.
    Http,
}

impl Part {
    /// Stable name, in the API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Printer => "printer",
            Self::Reader => "reader",
            Self::Ledger => "ledger",
            Self::Http => "http",
        }
    }
}

/// A part that requires a restart of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// The part.
    pub part: Part,
    /// How it stopped.
    pub how: How,
}

/// How a part stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It panicked.
    Panicked,
    /// It returned without being told to.
    Ended,
    /// It works on one thing for longer than its limit.
    StandsStill {
        /// How long.
        age: Duration,
        /// Its limit.
        limit: Duration,
    },
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.part.name();
        match self.how {
            How::Panicked => write!(f, "the {part} thread panicked"),
            How::Ended => write!(f, "the {part} thread has ended"),
            How::StandsStill { age, limit } => write!(
                f,
                "the {part} thread has stood still for {} s; {} s is its limit",
                age.as_secs(),
                limit.as_secs()
            ),
        }
    }
}

/// One part's current state, for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeartbeatView {
    /// The part.
    pub thread: Part,
    /// Its activity.
    pub state: Doing,
    /// Seconds since its last sign of progress; 0 while it waits.
    pub seconds: f64,
}

/// Activity of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It waits for work.
    Waiting,
    /// It works, within its limit.
    Working,
    /// It works for longer than its limit.
    StandsStill,
    /// It panicked, or ended.
    Ended,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Waits,
    Works { limit: Duration },
    Ended(How),
    Finished,
}

/// The heartbeat of one part. Cheap to clone: all clones are the same heartbeat.
#[derive(Clone)]
pub struct Heartbeat {
    part: Part,
    state: Arc<Mutex<(Instant, State)>>,
    /// Called when the part panics or ends.
    on_end: Arc<Mutex<Option<OnEnd>>>,
}

type OnEnd = Box<dyn Fn() + Send>;

impl Heartbeat {
    /// A heartbeat of a waiting part.
    pub fn new(part: Part) -> Heartbeat {
        let state = Arc::new(Mutex::new((Instant::now(), State::Waits)));
        Heartbeat { part, state, on_end: Arc::default() }
    }

    /// Reports progress; the next report is due within `limit`.
    pub fn works(&self, limit: Duration) {
        self.set(State::Works { limit });
    }

    /// Reports that it waits for work, however long.
    pub fn waits(&self) {
        self.set(State::Waits);
    }

    /// Runs `work`, which takes at most `limit`; then the part waits. A panic is recorded and continues.
    pub fn during<T>(&self, limit: Duration, work: impl FnOnce() -> T) -> T {
        self.works(limit);
        let pulse = HeartbeatGuard { beat: self.clone(), is_finished: false };
        let done = work();
        pulse.pause();
        done
    }

    fn ended(&self, how: How) {
        self.set(State::Ended(how));
        if let Some(on_end) = lock(&self.on_end).as_ref() {
            on_end();
        }
    }

    fn set(&self, state: State) {
        let mut now = lock(&self.state);
        // A panic stays recorded.
        if !matches!(now.1, State::Ended(_)) {
            *now = (Instant::now(), state);
        }
    }

    fn stopped(&self, now: Instant, from: Instant) -> Option<Stopped> {
        let (since, state) = *lock(&self.state);
        let how = match state {
            State::Ended(how) => how,
            State::Works { limit } => {
                let age = now.saturating_duration_since(since.max(from));
                if age <= limit {
                    return None;
                }
                How::StandsStill { age, limit }
            }
            State::Waits | State::Finished => return None,
        };
        Some(Stopped { part: self.part, how })
    }

    fn view(&self, now: Instant, from: Instant) -> HeartbeatView {
        let (since, state) = *lock(&self.state);
        let state = match (state, self.stopped(now, from)) {
            (State::Works { .. }, Some(_)) => Doing::StandsStill,
            (State::Works { .. }, None) => Doing::Working,
            (State::Ended(_) | State::Finished, _) => Doing::Ended,
            (State::Waits, _) => Doing::Waiting,
        };
        let is_waiting = state == Doing::Waiting;
        let since = if is_waiting { now } else { since };
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        HeartbeatView { thread: self.part, state, seconds }
    }
}

/// A heartbeat that one thread owns: dropping it means that the thread has panicked or ended.
pub struct HeartbeatGuard {
    beat: Heartbeat,
    is_finished: bool,
}

impl HeartbeatGuard {
    /// Both ends, for a watched thread.
    pub fn pair(part: Part) -> (Heartbeat, HeartbeatGuard) {
        let beat = Heartbeat::new(part);
        (beat.clone(), HeartbeatGuard::of(beat))
    }

    /// The owning end, for the thread.
    pub fn of(beat: Heartbeat) -> HeartbeatGuard {
        HeartbeatGuard { beat, is_finished: false }
    }

    /// Unwatched: for a part that tests drive step by step.
    pub fn unwatched(part: Part) -> HeartbeatGuard {
        HeartbeatGuard::of(Heartbeat::new(part))
    }

    /// As [`Heartbeat::works`].
    pub fn works(&self, limit: Duration) {
        self.beat.works(limit);
    }

    /// As [`Heartbeat::waits`].
    pub fn waits(&self) {
        self.beat.waits();
    }

    /// The thread ends as requested.
    pub fn finish(mut self) {
        self.is_finished = true;
        self.beat.set(State::Finished);
    }

    fn pause(mut self) {
        self.is_finished = true;
        self.beat.waits();
    }
}

impl Drop for HeartbeatGuard {
    fn drop(&mut self) {
        if !self.is_finished {
            let how = if std::thread::panicking() { How::Panicked } else { How::Ended };
            self.beat.ended(how);
        }
    }
}

/// All watched parts. Cheap to clone: all clones share them.
#[derive(Clone)]
pub struct Heartbeats(Arc<Mutex<Watched>>);

struct Watched {
    beats: Vec<Heartbeat>,
    asked_at: Instant,
    /// Time before this does not count, because the whole process was suspended.
    from: Instant,
}

impl Default for Heartbeats {
    fn default() -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(Watched { beats: Vec::new(), asked_at: now, from: now })))
    }
}

impl Heartbeats {
    /// Watches one more part.
    pub fn add(&self, part: Part) -> Heartbeat {
        let beat = Heartbeat::new(part);
        self.watch(beat.clone());
        beat
    }

    /// Watches one more part that already has a heartbeat.
    pub fn watch(&self, beat: Heartbeat) {
        lock(&self.0).beats.push(beat);
    }

    /// From now on calls this when a part panics or ends; a hanging part is found only by asking.
    pub fn on_end(&self, call: impl Fn() + Send + Clone + 'static) {
        for beat in &lock(&self.0).beats {
            *lock(&beat.on_end) = Some(Box::new(call.clone()));
        }
    }

    /// Every part that requires a restart.
    pub fn stopped(&self) -> Vec<Stopped> {
        self.stopped_at(Instant::now())
    }

    fn stopped_at(&self, now: Instant) -> Vec<Stopped> {
        let mut watched = lock(&self.0);
        if now.saturating_duration_since(watched.asked_at) > STOOD_STILL {
            watched.from = now;
        }
        watched.asked_at = now;
        let from = watched.from;
        watched.beats.iter().filter_map(|beat| beat.stopped(now, from)).collect()
    }

    /// Every part's current state.
    pub fn view(&self) -> Vec<HeartbeatView> {
        let now = Instant::now();
        let watched = lock(&self.0);
        watched.beats.iter().map(|beat| beat.view(now, watched.from)).collect()
    }
}

/// The data behind the lock are consistent after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Asks every second: the part that stopped first, and after how many seconds.
    fn first_stopped(heartbeats: &Heartbeats, seconds: u64) -> Option<(u64, Stopped)> {
        let start = Instant::now();
        (0..seconds).find_map(|second| {
            let stopped = heartbeats.stopped_at(start + Duration::from_secs(second));
            Some((second, *stopped.first()?))
        })
    }

    #[test]
    fn a_part_that_works_longer_than_it_may_is_noticed_and_one_that_waits_is_not() {
        let heartbeats = Heartbeats::default();
        let (waits, works) = (heartbeats.add(Part::Http), heartbeats.add(Part::Printer));
        waits.waits();
        works.works(LIMIT);
        let (second, stopped) = first_stopped(&heartbeats, 100).expect("it stands still");
        assert!((60..=61).contains(&second), "{second}");
        assert_eq!(stopped.part, Part::Printer);
        assert!(stopped.to_string().contains("printer thread has stood still for"), "{stopped}");
        works.works(LIMIT);
        assert_eq!(heartbeats.stopped(), []);
    }

    #[test]
    fn a_process_that_stood_still_as_a_whole_is_not_taken_for_one_that_hangs() {
        let heartbeats = Heartbeats::default();
        heartbeats.add(Part::Ledger).works(LIMIT);
        let start = Instant::now();
        let hour = Duration::from_secs(3600);
        assert_eq!(heartbeats.stopped_at(start + hour), []);
        // From then on the limit starts again.
        let seconds = |second| heartbeats.stopped_at(start + hour + Duration::from_secs(second));
        assert_eq!((1..=60).flat_map(seconds).next(), None);
        assert_eq!(seconds(61).len(), 1);
    }

    #[test]
    fn a_panic_and_an_end_that_nobody_asked_for_are_told_at_once() {
        for (panics, how) in [(true, How::Panicked), (false, How::Ended)] {
            let heartbeats = Heartbeats::default();
            let pulse = HeartbeatGuard::of(heartbeats.add(Part::Scheduler));
            let (tell, told) = mpsc::channel();
            heartbeats.on_end(move || tell.send(()).unwrap_or_default());
            let thread = std::thread::spawn(move || {
                pulse.works(LIMIT);
                assert!(!panics, "as it is told");
            });
            told.recv_timeout(LIMIT).expect("it is told");
            assert_eq!(thread.join().is_err(), panics);
            let stopped = Stopped { part: Part::Scheduler, how };
            assert_eq!(heartbeats.stopped(), [stopped]);
            assert_eq!(heartbeats.view()[0].state, Doing::Ended);
        }
    }

    #[test]
    fn what_ends_as_it_was_told_to_is_no_fault() {
        let heartbeats = Heartbeats::default();
        let pulse = HeartbeatGuard::of(heartbeats.add(Part::Printer));
        pulse.works(LIMIT);
        pulse.finish();
        assert_eq!(heartbeats.stopped(), []);
    }

    #[test]
    fn a_panic_within_one_call_is_remembered() {
        let heartbeats = Heartbeats::default();
        let beat = heartbeats.add(Part::Reader);
        assert_eq!(beat.during(LIMIT, || 7), 7);
        assert_eq!((heartbeats.stopped(), heartbeats.view()[0].state), (vec![], Doing::Waiting));
        let thread = std::thread::spawn({
            let beat = beat.clone();
            move || beat.during(LIMIT, || panic!("as it is told"))
        });
        assert!(thread.join().is_err());
        // Another thread continues in its place, but the panic stays recorded.
        beat.waits();
        assert_eq!(heartbeats.stopped()[0].how, How::Panicked);
    }
}
