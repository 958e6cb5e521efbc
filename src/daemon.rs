//! Starts the parts and stops them in order: ledger, intake, station, HTTP. The same for `kartud run`, for `kartud
//! demo` and for the tests.

mod reload;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::backup::BackupWatch;
use crate::clock::{Clock, ClockTrust};
use crate::config::{Config, Fault};
use crate::event::Event;
use crate::heartbeat::{HeartbeatGuard, Heartbeats, Part, Stopped};
use crate::holder::{HolderFault, HolderKey};
use crate::http::{self, Listener};
use crate::intake::{Examiner, Intake};
use crate::job::JobRequest;
use crate::ledger::{self, Disk, Ledger, LedgerError, LocalDisk};
use crate::ping::{Condition, Ping};
use crate::report::{Metrics, PowerCut, Snapshot};
use crate::station::{self, Connection, Handle, Renderer};
use crate::systemd::{Jobs, Notifier, Status};

pub use reload::{LIVE, RESTART, Supervision, Told};

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
    /// Other computers could reach the socket that a supervisor passed on.
    #[error(
        "the inherited socket {address} can be reached from other computers; the station has no roles and no TLS yet, so the socket unit must listen on a loopback address (ListenStream=127.0.0.1:PORT)"
    )]
    Beyond {
        /// The address.
        address: SocketAddr,
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
    let was_said = ledger.events_after(after, LINES_OF_A_BOOT)?.iter().any(|line| {
        matches!(line.read(), Some(Event::ClockTrusted { booted_at, .. }) if trust.was_said_of_this_boot(booted_at))
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

fn station_parts(
    config: &Config,
    ledger: &Ledger,
    kept: &http::Kept,
    metrics: &Metrics,
    renderer: Arc<dyn Renderer>,
    clock: Clock,
) -> station::Parts {
    station::Parts {
        name: config.station.name.clone(),
        ledger: ledger.clone(),
        renderer,
        clock,
        clock_trust: kept.clock_trust.clone(),
        metrics: metrics.clone(),
    }
}

/// A running daemon.
pub struct Daemon {
    /// What holds now: as it was started with, and as far as it may change, as it was read last.
    config: Config,
    intake: Arc<Intake>,
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
    listeners: Vec<Listener>,
    address: SocketAddr,
}

impl StartChecks {
    /// `inherited`: sockets on which a supervisor listens for this process; a port among them replaces `http.listen`.
    fn of(config: &Config, inherited: Vec<Listener>) -> Result<StartChecks, StartError> {
        let descriptors = raise_descriptor_limit();
        let examiner = Examiner::open(config).map_err(StartError::Config)?;
        for notice in examiner.notices() {
            tracing::info!("{}", notice.en);
        }
        match ledger::must_be_there(&config.station.ledger) {
            Err(LedgerError::Missing { .. }) if config.station.new_ledger => {}
            found => found?,
        }
        let (listeners, address) = listen(config.http.listen, inherited)?;
        Ok(StartChecks { descriptors, examiner, listeners, address })
    }
}

/// The sockets at which clients are accepted, and the address of the port among them.
fn listen(
    address: SocketAddr,
    mut listeners: Vec<Listener>,
) -> Result<(Vec<Listener>, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { address, source };
    let ports = listeners.iter().map(|one| one.port().map_err(refused));
    let ports = ports.collect::<Result<Vec<_>, _>>()?;
    let ports: Vec<SocketAddr> = ports.into_iter().flatten().collect();
    if let Some(&address) = ports.iter().find(|port| !port.ip().is_loopback()) {
        return Err(StartError::Beyond { address });
    }
    if let [port, ..] = ports[..] {
        return Ok((listeners, port));
    }
    let listener = TcpListener::bind(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    listeners.push(Listener::Tcp(listener));
    Ok((listeners, address))
}

fn open_ledger(config: &Config, clock: Clock, disk: Box<dyn Disk>) -> Result<Ledger, LedgerError> {
    let path = &config.station.ledger;
    if config.station.new_ledger && ledger::init(path)? == ledger::Init::Made {
        tracing::info!(ledger = %path.display(), "a new, empty ledger was made");
    }
    Ledger::open_on(path, clock, disk)
}

/// The way in for jobs; it tells the station of each that is stored.
fn intake(
    examiner: Arc<Examiner>,
    ledger: &Ledger,
    station: &Handle,
    clock_trust: &ClockTrust,
) -> Arc<Intake> {
    let station = station.clone();
    let intake = Intake::new(examiner, ledger.clone(), move || station.wake());
    Arc::new(intake.with_clock(clock_trust.clone()))
}

fn http_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(HTTP_THREADS)
        .thread_name("http")
        .enable_all()
        .build()
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
        Self::start_listening(config, clock, Vec::new())
    }

    /// Starts everything, with sockets on which a supervisor listens for this process.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_listening(
        config: &Config,
        clock: Clock,
        inherited: Vec<Listener>,
    ) -> Result<Daemon, StartError> {
        let checks = StartChecks::of(config, inherited)?;
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
        let checks = StartChecks::of(config, Vec::new())?;
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
        let StartChecks { descriptors, examiner, listeners, address } = checks;
        let examiner = recognise_holders(&ledger, examiner)?;
        let runtime = http_runtime().map_err(StartError::Thread)?;
        let kept = kept(config, &clock, &ledger)?;
        let (metrics, heartbeats) = (Metrics::default(), Heartbeats::default());
        heartbeats.watch(ledger.beat());
        let parts =
            station_parts(config, &ledger, &kept, &metrics, renderer(examiner.clone()), clock);
        let (station, station_thread) =
            station::start(parts, connection, &heartbeats).map_err(StartError::Thread)?;
        let (stop, stopping) = watch::channel(false);
        let intake = intake(examiner, &ledger, &station, &kept.clock_trust);
        let app = http::App::new(
            ledger.clone(),
            intake.clone(),
            station.clone(),
            metrics,
            heartbeats.clone(),
            kept,
            stopping.clone(),
        );
        let router = http::router(app, &config.http, address.port());
        let serve = http::serve(listeners, router, stopping, connections_limit(descriptors));
        let server = runtime.spawn(watched(HeartbeatGuard::of(heartbeats.add(Part::Http)), serve));
        ledger.started();
        tracing::info!(%address, ledger = %ledger.path().display(), "ready");
        Ok(Daemon {
            config: config.clone(),
            intake,
            address,
            ledger,
            station,
            station_thread,
            stop,
            runtime,
            server,
            heartbeats,
        })
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

    /// Runs until it is told to stop, or a part has died or hangs; then it stops. `true`: it was told to, and stopped in
    /// order. `false`: the supervisor should restart the process. `tell` is the sending end of `told`. The supervisor hears
    /// that the daemon is ready, makes progress, and what it does.
    pub fn run(
        mut self,
        tell: mpsc::Sender<Told>,
        told: &mpsc::Receiver<Told>,
        mut supervision: Supervision,
    ) -> bool {
        self.heartbeats.on_end(move || {
            // The receiver is gone only if the daemon is already ending.
            let _ = tell.send(Told::Stop);
        });
        supervision.notifier.ready();
        let mut ping = self.start_ping();
        let is_told = self.wait(told, &mut supervision, &mut ping);
        let in_order = self.stop_and_tell(&mut supervision.notifier) && is_told;
        if !in_order {
            ping.fail("a part of the station has failed; it should be started anew");
        }
        in_order
    }

    /// The heartbeat to whoever watches from outside, as the configuration wants it.
    fn start_ping(&self) -> Ping {
        let Some(to) = &self.config.heartbeat else { return Ping::default() };
        Ping::start(to).unwrap_or_else(|error| {
            tracing::error!(%error, "no heartbeat is sent: its thread cannot be started");
            Ping::default()
        })
    }

    /// How the station is, for whoever watches it.
    fn condition(&self, status: &mut Status) -> Condition {
        let jobs = Jobs::of(&self.ledger.counts().unwrap_or_default());
        let line = status.line(&self.watch().borrow().clone(), &jobs);
        let is_well = self.ledger.health().borrow().troubles().is_empty();
        let head = self.ledger.watch().borrow().to_string();
        Condition { is_well, line, head: Some(head) }
    }

    /// `true`: it was asked to stop. `false`: a part has died or hangs.
    fn wait(
        &mut self,
        told: &mpsc::Receiver<Told>,
        supervision: &mut Supervision,
        ping: &mut Ping,
    ) -> bool {
        let mut status = Status::default();
        loop {
            if supervision.notifier.is_heard() || ping.is_sent() {
                let condition = self.condition(&mut status);
                supervision.notifier.status(condition.line.clone() + supervision.reload_note());
                ping.tell(condition);
            }
            let woken = told.recv_timeout(HEALTH_CHECK);
            if let Some(stopped) = self.heartbeats.stopped().first() {
                tracing::error!("{stopped}; the daemon stops, so that it is started anew");
                return false;
            }
            supervision.notifier.alive();
            match woken {
                Ok(Told::Reload) => {
                    // One reading answers everybody who asked meanwhile; a stop does not wait behind them.
                    if told.try_iter().any(|told| told == Told::Stop) {
                        return true;
                    }
                    let heartbeat = self.config.heartbeat.clone();
                    supervision.reload(self);
                    if heartbeat != self.config.heartbeat {
                        *ping = self.start_ping();
                    }
                }
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Accepts nothing more, finishes the card that is moving, and ends. `false`: a part that is needed for this hangs
    /// or has died; the process must then end, and the next start recovers the card.
    pub fn stop(self) -> bool {
        self.stop_and_tell(&mut Notifier::default())
    }

    fn stop_and_tell(self, notifier: &mut Notifier) -> bool {
        let began = Instant::now();
        self.stop.send_replace(true);
        self.station.stop();
        let moving = self.station.watch().borrow().printing.clone();
        notifier.stopping(moving.is_some());
        if let Some(job) = &moving {
            tracing::info!(job, "stopping: the card that is moving is finished first");
        }
        if let Some(stopped) = self.wait_for_station(notifier) {
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
        // The ledger is put away by the last who holds it.
        drop((self.station, self.intake));
        self.ledger.close();
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(waited_for_a_card = moving.is_some(), "stopped after {seconds:.1} s");
        !has_panicked
    }

    /// Waits until the station has ended; returns the part (station, printer or ledger) that prevents it, if any.
    fn wait_for_station(&self, notifier: &mut Notifier) -> Option<Stopped> {
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
            notifier.alive();
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
