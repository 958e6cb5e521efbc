//! Starts the parts and stops them in order: ledger, intake, station, HTTP. The same for `kartud run`, for `kartud
//! demo` and for the tests.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::backup::BackupWatch;
use crate::clock::{self, Clock, ClockTrust};
use crate::config::{Config, Fault};
use crate::event::Event;
use crate::heartbeat::{HeartbeatGuard, Heartbeats, Part, Stopped};
use crate::holder::{HolderFault, HolderKey};
use crate::http;
use crate::intake::{Examiner, Intake};
use crate::job::JobRequest;
use crate::ledger::{self, Disk, Ledger, LedgerError, LocalDisk};
use crate::report::{Metrics, PowerCut, Snapshot};
use crate::station::{self, Connection, Handle, Renderer};

/// Threads for HTTP: reading requests is light, photos are decoded on threads of their own.
const HTTP_THREADS: usize = 2;
/// Requests that are still running when the daemon stops are aborted after this time.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// How often the parts' heartbeats are checked.
const HEALTH_CHECK: Duration = Duration::from_secs(1);
/// How often HTTP's threads send a heartbeat.
const HTTP_BEAT: Duration = Duration::from_secs(1);
/// No HTTP thread waits for a disk or computes for long, so after this time they all hang.
const HTTP_LIMIT: Duration = Duration::from_secs(60);
/// How often a stopping daemon checks whether it can still stop.
const STOP_CHECK: Duration = Duration::from_secs(1);

/// Descriptors reserved from clients: ledger and its query threads, locks, printer, chip reader, faces, keys, the log.
const DESCRIPTORS_KEPT: u64 = 96;
/// The fewest connections that are allowed.
const CONNECTIONS_MIN: u64 = 16;
/// More connections than any office has; each takes some memory.
const CONNECTIONS_MAX: u64 = 512;

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Faults in the configuration or in what it names.
    #[error("the configuration is wrong:\n{}", .0.iter().map(|f| format!("  {f}")).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    /// The ledger is untrusted or unusable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key that recognises holders is lost, changed or unusable.
    #[error(transparent)]
    Holder(#[from] HolderFault),
    /// The address is in use, or does not belong to this computer.
    #[error("cannot listen on {address}; is another kartud running, or is http.listen wrong?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The emulated machine cannot be created.
    #[cfg(feature = "emulators")]
    #[error("the emulated printer cannot be made in {folder}: {why}")]
    Emulator {
        /// Its folder.
        folder: std::path::PathBuf,
        /// The cause.
        why: String,
    },
    /// The operating system cannot start a thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Gives the examiner the key that recognises holders, and computes missing holder hashes of stored jobs.
fn recognise_holders(ledger: &Ledger, mut examiner: Examiner) -> Result<Arc<Examiner>, StartError> {
    let known = ledger.holder_key()?;
    let key = HolderKey::open(examiner.renderer().vault(), ledger.path(), known.as_deref())?;
    let fingerprint = key.fingerprint();
    examiner.know_holders_by(key);
    let examiner = Arc::new(examiner);
    let hasher = examiner.clone();
    let hash = Box::new(move |request: &JobRequest| hasher.holder_hash(request));
    let entered = ledger.enter_holders(fingerprint, hash).wait()?;
    if entered > 0 {
        tracing::info!(entered, "stored jobs now know their holders");
    }
    Ok(examiner)
}

/// Lines of the ledger in which a person's word about the clock is looked for: more than one boot writes before somebody
/// looks at the station again.
const LINES_OF_A_BOOT: u32 = 2000;

/// Can the clock be believed? A person's word holds until the computer is started anew.
fn trust_in(clock: &Clock, ledger: &Ledger) -> Result<ClockTrust, LedgerError> {
    let trust = ClockTrust::at_start(clock.clone(), ledger.last_at()?);
    let Some(doubt) = trust.doubt() else { return Ok(trust) };
    let head = ledger.watch().borrow().seq;
    let after = head.saturating_sub(u64::from(LINES_OF_A_BOOT));
    let this_boot = clock::boot();
    let was_said = ledger.events_after(after, LINES_OF_A_BOOT)?.iter().any(|line| {
        matches!(line.read(), Some(Event::ClockTrusted { boot, .. }) if boot.is_some() && boot == this_boot)
    });
    if was_said {
        trust.trust();
    } else {
        tracing::warn!(doubt = doubt.name(), "{}", doubt.words().en);
    }
    Ok(trust)
}

/// How ledger and clock are kept, before the station moves anything.
fn kept(config: &Config, clock: &Clock, ledger: &Ledger) -> Result<http::Kept, LedgerError> {
    Ok(http::Kept {
        backups: BackupWatch::new(ledger.path(), &config.backup),
        clock_trust: trust_in(clock, ledger)?,
        power_cut: PowerCut::at_start(ledger)?,
    })
}

/// A running daemon.
pub struct Daemon {
    address: SocketAddr,
    ledger: Ledger,
    station: Handle,
    station_thread: JoinHandle<()>,
    stop: watch::Sender<bool>,
    runtime: Runtime,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    heartbeats: Heartbeats,
}

/// Checks that come before anything is created: a refused start leaves no file behind.
struct StartChecks {
    /// Most open files of this process.
    descriptors: u64,
    examiner: Examiner,
    listener: TcpListener,
    address: SocketAddr,
}

impl StartChecks {
    fn of(config: &Config) -> Result<StartChecks, StartError> {
        let descriptors = raise_descriptor_limit();
        let examiner = Examiner::open(config).map_err(StartError::Config)?;
        for notice in examiner.notices() {
            tracing::info!("{}", notice.en);
        }
        match ledger::must_be_there(&config.station.ledger) {
            Err(LedgerError::Missing { .. }) if config.station.new_ledger => {}
            found => found?,
        }
        let address = config.http.listen;
        let refused = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(StartChecks { descriptors, examiner, listener, address })
    }
}

fn open_ledger(config: &Config, clock: Clock, disk: Box<dyn Disk>) -> Result<Ledger, LedgerError> {
    let path = &config.station.ledger;
    if config.station.new_ledger && ledger::init(path)? == ledger::Init::Made {
        tracing::info!(ledger = %path.display(), "a new, empty ledger was made");
    }
    Ledger::open_on(path, clock, disk)
}

/// The daemon's environment; tests pass in faulty ones.
pub struct Parts {
    /// The clocks.
    pub clock: Clock,
    /// The connection to the machine.
    pub connection: Connection,
    /// The ledger's disk.
    pub disk: Box<dyn Disk>,
}

/// Raises this process's descriptor limit as far as the system allows; returns the limit.
fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            limit.current.unwrap_or(u64::MAX)
        }
    }
}

/// Most connections at once: clients must never take the descriptors that printer and ledger need.
fn connections_limit(descriptors: u64) -> usize {
    let for_clients = descriptors.saturating_sub(DESCRIPTORS_KEPT);
    if for_clients < CONNECTIONS_MIN {
        tracing::warn!(
            "the system lets this process open {descriptors} files only; the station needs {} (LimitNOFILE= of systemd, ulimit -n)",
            DESCRIPTORS_KEPT + CONNECTIONS_MIN
        );
    }
    for_clients.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX) as usize
}

impl Daemon {
    /// Starts everything; when it returns, jobs are accepted.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start(config: &Config, clock: Clock) -> Result<Daemon, StartError> {
        let checks = StartChecks::of(config)?;
        let disk = Box::new(LocalDisk::of(&config.station.ledger));
        let ledger = open_ledger(config, clock.clone(), disk)?;
        // An emulated machine creates its folder, so it is made only if the ledger allows the start.
        let connection = Connection::of(&config.printer, config.encoder.as_ref())?;
        Self::start_from(checks, config, clock, ledger, connection, |examiner| examiner)
    }

    /// Starts everything with the caller's machine.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_at(
        config: &Config,
        clock: Clock,
        connection: Connection,
    ) -> Result<Daemon, StartError> {
        let disk = Box::new(LocalDisk::of(&config.station.ledger));
        Self::start_on(config, Parts { clock, connection, disk })
    }

    /// Starts everything with the caller's machine and disk.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_on(config: &Config, parts: Parts) -> Result<Daemon, StartError> {
        Self::start_with(config, parts, |examiner| examiner)
    }

    /// Starts everything, with the caller's way of preparing cards.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_with(
        config: &Config,
        parts: Parts,
        renderer: impl FnOnce(Arc<Examiner>) -> Arc<dyn Renderer>,
    ) -> Result<Daemon, StartError> {
        let checks = StartChecks::of(config)?;
        let Parts { clock, connection, disk } = parts;
        let ledger = open_ledger(config, clock.clone(), disk)?;
        Self::start_from(checks, config, clock, ledger, connection, renderer)
    }

    fn start_from(
        checks: StartChecks,
        config: &Config,
        clock: Clock,
        ledger: Ledger,
        connection: Connection,
        renderer: impl FnOnce(Arc<Examiner>) -> Arc<dyn Renderer>,
    ) -> Result<Daemon, StartError> {
        let StartChecks { descriptors, examiner, listener, address } = checks;
        let examiner = recognise_holders(&ledger, examiner)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(HTTP_THREADS)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let kept = kept(config, &clock, &ledger)?;
        let metrics = Metrics::default();
        let heartbeats = Heartbeats::default();
        heartbeats.watch(ledger.beat());
        let parts = station::Parts {
            name: config.station.name.clone(),
            ledger: ledger.clone(),
            renderer: renderer(examiner.clone()),
            clock,
            clock_trust: kept.clock_trust.clone(),
            metrics: metrics.clone(),
        };
        let (station, station_thread) =
            station::start(parts, connection, &heartbeats).map_err(StartError::Thread)?;
        let (stop, stopping) = watch::channel(false);
        let wake = station.clone();
        let intake = Intake::new(examiner, ledger.clone(), move || wake.wake());
        let intake = Arc::new(intake.with_clock(kept.clock_trust.clone()));
        let app = http::App::new(
            ledger.clone(),
            intake,
            station.clone(),
            metrics,
            heartbeats.clone(),
            kept,
            stopping.clone(),
        );
        let router = http::router(app, &config.http, address.port());
        let serve = http::serve(listener, router, stopping, connections_limit(descriptors));
        let server = runtime.spawn(watched(HeartbeatGuard::of(heartbeats.add(Part::Http)), serve));
        ledger.started();
        tracing::info!(%address, ledger = %ledger.path().display(), "ready");
        Ok(Daemon { address, ledger, station, station_thread, stop, runtime, server, heartbeats })
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The station's current snapshot, and every change of it.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.station.watch()
    }

    /// `false`: a part has died or hangs, and the daemon should be restarted.
    pub fn is_alive(&self) -> bool {
        self.heartbeats.stopped().is_empty()
    }

    /// Runs until `stops` receives a message, or a part has died or hangs; then it stops. `true`: it was asked to, and
    /// stopped in order. `false`: the supervisor should restart the process. `stop` is the sending end of `stops`.
    pub fn run(self, stop: mpsc::Sender<()>, stops: &mpsc::Receiver<()>) -> bool {
        self.heartbeats.on_end(move || {
            // The receiver is gone only if the daemon is already ending.
            let _ = stop.send(());
        });
        let is_told = self.wait(stops);
        self.stop() && is_told
    }

    /// `true`: it was asked to stop. `false`: a part has died or hangs.
    fn wait(&self, stops: &mpsc::Receiver<()>) -> bool {
        loop {
            let woken = stops.recv_timeout(HEALTH_CHECK);
            if let Some(stopped) = self.heartbeats.stopped().first() {
                tracing::error!("{stopped}; the daemon stops, so that it is started anew");
                return false;
            }
            if woken != Err(RecvTimeoutError::Timeout) {
                return true;
            }
        }
    }

    /// Accepts nothing more, finishes the card that is moving, and ends. `false`: a part that is needed for this hangs
    /// or has died; the process must then end, and the next start recovers the card.
    pub fn stop(self) -> bool {
        let began = Instant::now();
        self.stop.send_replace(true);
        self.station.stop();
        let moving = self.station.watch().borrow().printing.clone();
        if let Some(job) = &moving {
            tracing::info!(job, "stopping: the card that is moving is finished first");
        }
        if let Some(stopped) = self.wait_for_station() {
            tracing::error!(%stopped, "the station cannot end in order; the next start finds out what became of its card");
            self.runtime.shutdown_background();
            return false;
        }
        let has_panicked = self.station_thread.join().is_err();
        if has_panicked {
            tracing::error!("the station ended with a panic");
        }
        let server = self.server;
        self.runtime.block_on(async {
            // Aborted requests were not answered, so their clients will repeat them.
            let _ = tokio::time::timeout(DRAIN_LIMIT, server).await;
        });
        self.runtime.shutdown_timeout(DRAIN_LIMIT);
        drop(self.station);
        self.ledger.close();
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(waited_for_a_card = moving.is_some(), "stopped after {seconds:.1} s");
        !has_panicked
    }

    /// Waits until the station has ended; returns the part (station, printer or ledger) that prevents it, if any.
    fn wait_for_station(&self) -> Option<Stopped> {
        let mut station = self.station.watch();
        loop {
            let told = async { tokio::time::timeout(STOP_CHECK, station.changed()).await };
            match self.runtime.block_on(told) {
                // The station holds the sending end as long as it runs.
                Ok(Err(_ended)) => return None,
                Ok(Ok(())) => continue,
                Err(_nothing_changed) => {}
            }
            let needed = [Part::Scheduler, Part::Printer, Part::Ledger];
            let stopped = self.heartbeats.stopped();
            if let Some(stopped) = stopped.into_iter().find(|one| needed.contains(&one.part)) {
                return Some(stopped);
            }
        }
    }
}

/// Runs the server, and sends the heartbeat of its threads.
async fn watched(
    pulse: HeartbeatGuard,
    serve: impl Future<Output = std::io::Result<()>>,
) -> std::io::Result<()> {
    let mut serve = std::pin::pin!(serve);
    loop {
        pulse.works(HTTP_LIMIT);
        if let Ok(served) = tokio::time::timeout(HTTP_BEAT, serve.as_mut()).await {
            if served.is_ok() {
                pulse.finish();
            }
            return served;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heartbeat::How;

    /// Runs a server in a runtime of its own, and returns how its heartbeat stopped.
    fn served(serve: impl Future<Output = std::io::Result<()>> + Send + 'static) -> Option<How> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_time().build().expect("a runtime");
        let heartbeats = Heartbeats::default();
        let pulse = HeartbeatGuard::of(heartbeats.add(Part::Http));
        let _ = runtime.block_on(runtime.spawn(watched(pulse, serve)));
        heartbeats.stopped().first().map(|stopped| stopped.how)
    }

    #[test]
    fn a_server_that_panics_or_fails_is_known_of_and_one_that_ends_in_order_is_none() {
        assert_eq!(served(async { panic!("as it is told") }), Some(How::Panicked));
        let fails = async { Err(std::io::Error::other("the socket is gone")) };
        assert_eq!(served(fails), Some(How::Ended));
        assert_eq!(served(async { Ok(()) }), None);
    }
}
