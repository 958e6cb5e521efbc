//! Puts the parts together and takes them apart in order: ledger, intake, station, HTTP.
//! The same for `kartud run`, for `kartud demo` and for the tests.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{Config, Fault};
use crate::heartbeat::{Heartbeats, Part, Pulse, Stopped};
use crate::holder::{HolderFault, HolderKey};
use crate::http::{self, Listener};
use crate::intake::{Examiner, Intake};
use crate::job::JobRequest;
use crate::ledger::{self, Disk, Ledger, LedgerError, LocalDisk};
use crate::report::{Metrics, Snapshot};
use crate::station::{self, Connection, Handle, Renderer};
use crate::systemd::{self, Notifier};

/// Threads for HTTP: reading requests is light, photos are decoded on threads of their own.
const HTTP_THREADS: usize = 2;
/// Requests still under way when the daemon stops are cut off after this.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked whether a part stands still.
const HEALTH_CHECK: Duration = Duration::from_secs(1);
/// How often the threads of HTTP say that they turn.
const HTTP_BEAT: Duration = Duration::from_secs(1);
/// Longer, and every thread of HTTP hangs in something: none of it waits on a disk or computes.
const HTTP_LIMIT: Duration = Duration::from_secs(60);
/// While the daemon ends, how often it is asked whether it still can.
const STOP_CHECK: Duration = Duration::from_secs(1);

/// Descriptors that no client gets: ledger and its readers, locks, printer, chip reader, faces, keys, the log.
const DESCRIPTORS_KEPT: u64 = 96;
/// Connections that are always possible.
const CONNECTIONS_MIN: u64 = 16;
/// More connections than any office has; each takes some memory.
const CONNECTIONS_MAX: u64 = 512;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Faults in the configuration or in what it names.
    #[error("the configuration is wrong:\n{}", .0.iter().map(|f| format!("  {f}")).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    /// The ledger cannot be trusted or used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key by which holders are recognised is lost, changed or of no use.
    #[error(transparent)]
    Holder(#[from] HolderFault),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}; is another kartud running, or is http.listen wrong?")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A supervisor listens where other computers reach the station.
    #[error(
        "the inherited socket {address} can be reached from other computers; the station has no roles and no TLS yet, so the socket unit must listen on a loopback address (ListenStream=127.0.0.1:PORT)"
    )]
    Beyond {
        /// Where.
        address: SocketAddr,
    },
    /// The emulated machine cannot be made.
    #[cfg(feature = "emulators")]
    #[error("the emulated printer cannot be made in {folder}: {why}")]
    Emulator {
        /// Its folder.
        folder: std::path::PathBuf,
        /// Why.
        why: String,
    },
    /// The operating system gives no threads.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// The examiner with the key by which holders are recognised; stored jobs whose holders are not known yet get theirs.
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

/// What is looked at before anything is made: a start that is refused leaves no file behind.
struct Ground {
    /// How many files this process may have open.
    descriptors: u64,
    examiner: Examiner,
    listeners: Vec<Listener>,
    address: SocketAddr,
}

impl Ground {
    /// `inherited`: sockets that a supervisor listens on for this process; a port among them takes the place of
    /// `http.listen`.
    fn of(config: &Config, inherited: Vec<Listener>) -> Result<Ground, StartError> {
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
        Ok(Ground { descriptors, examiner, listeners, address })
    }
}

/// The sockets that clients come in by, and the port among them.
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

/// What a daemon finds in the world; whoever passes it in can pass in faults.
pub struct Parts {
    /// The clocks.
    pub clock: Clock,
    /// The way to the machine.
    pub connection: Connection,
    /// The disk of the ledger.
    pub disk: Box<dyn Disk>,
}

/// Lets this process have as many descriptors as the system allows it; how many that is.
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

/// Connections at once: clients never take the descriptors that printer and ledger need.
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
    /// Starts everything; when it returns, jobs are taken in.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start(config: &Config, clock: Clock) -> Result<Daemon, StartError> {
        Self::start_listening(config, clock, Vec::new())
    }

    /// The same, with sockets that a supervisor listens on for this process.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_listening(
        config: &Config,
        clock: Clock,
        inherited: Vec<Listener>,
    ) -> Result<Daemon, StartError> {
        let ground = Ground::of(config, inherited)?;
        let disk = Box::new(LocalDisk::of(&config.station.ledger));
        let ledger = open_ledger(config, clock.clone(), disk)?;
        // An emulated machine makes its folder: only where the ledger lets the station start.
        let connection = Connection::of(&config.printer, config.encoder.as_ref())?;
        Self::start_from(ground, config, clock, ledger, connection, |examiner| examiner)
    }

    /// The same, on a machine that somebody else made.
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

    /// The same, on a disk that somebody else made as well.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_on(config: &Config, parts: Parts) -> Result<Daemon, StartError> {
        Self::start_with(config, parts, |examiner| examiner)
    }

    /// The same, with somebody else's hand on how cards are made.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    pub fn start_with(
        config: &Config,
        parts: Parts,
        renderer: impl FnOnce(Arc<Examiner>) -> Arc<dyn Renderer>,
    ) -> Result<Daemon, StartError> {
        let ground = Ground::of(config, Vec::new())?;
        let Parts { clock, connection, disk } = parts;
        let ledger = open_ledger(config, clock.clone(), disk)?;
        Self::start_from(ground, config, clock, ledger, connection, renderer)
    }

    fn start_from(
        ground: Ground,
        config: &Config,
        clock: Clock,
        ledger: Ledger,
        connection: Connection,
        renderer: impl FnOnce(Arc<Examiner>) -> Arc<dyn Renderer>,
    ) -> Result<Daemon, StartError> {
        let Ground { descriptors, examiner, listeners, address } = ground;
        let examiner = recognise_holders(&ledger, examiner)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(HTTP_THREADS)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let metrics = Metrics::default();
        let heartbeats = Heartbeats::default();
        heartbeats.watch(ledger.beat());
        let parts = station::Parts {
            name: config.station.name.clone(),
            ledger: ledger.clone(),
            renderer: renderer(examiner.clone()),
            clock,
            metrics: metrics.clone(),
        };
        let (station, station_thread) =
            station::start(parts, connection, &heartbeats).map_err(StartError::Thread)?;
        let (stop, stopping) = watch::channel(false);
        let wake = station.clone();
        let intake = Arc::new(Intake::new(examiner, ledger.clone(), move || wake.wake()));
        let app = http::App::new(
            ledger.clone(),
            intake,
            station.clone(),
            metrics,
            heartbeats.clone(),
            stopping.clone(),
        );
        let router = http::router(app, &config.http, address.port());
        let serve = http::serve(listeners, router, stopping, connections_limit(descriptors));
        let server = runtime.spawn(watched(Pulse::of(heartbeats.add(Part::Http)), serve));
        ledger.started();
        tracing::info!(%address, ledger = %ledger.path().display(), "ready");
        Ok(Daemon { address, ledger, station, station_thread, stop, runtime, server, heartbeats })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The station as it is now, and every change of it.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.station.watch()
    }

    /// False: a part of it has died or stands still, and it should be stopped and started anew.
    pub fn is_alive(&self) -> bool {
        self.heartbeats.stopped().is_empty()
    }

    /// Runs until `stops` is told to, or until a part has died or stands still; then it stops. True: it was told to, and
    /// stopped in order. False: whoever supervises the process is to start it anew. `stop`: the other end of `stops`.
    /// `notifier` is told that jobs are taken in, that every part makes progress, and how the station is.
    pub fn run(
        self,
        stop: mpsc::Sender<()>,
        stops: &mpsc::Receiver<()>,
        notifier: &mut Notifier,
    ) -> bool {
        self.heartbeats.on_end(move || {
            // Nobody listens any more only where the daemon ends already.
            let _ = stop.send(());
        });
        notifier.ready();
        let is_told = self.wait(stops, notifier);
        self.stop_and_tell(notifier) && is_told
    }

    /// True: it was told to stop. False: a part of it has died or stands still.
    fn wait(&self, stops: &mpsc::Receiver<()>, notifier: &mut Notifier) -> bool {
        let station = self.watch();
        loop {
            notifier.status(systemd::status_line(&station, &self.ledger));
            let woken = stops.recv_timeout(HEALTH_CHECK);
            if let Some(stopped) = self.heartbeats.stopped().first() {
                tracing::error!("{stopped}; the daemon stops, so that it is started anew");
                return false;
            }
            notifier.alive();
            if woken != Err(RecvTimeoutError::Timeout) {
                return true;
            }
        }
    }

    /// Takes nothing more in, finishes the card that is moving, and ends. False: a part that is needed for that stands
    /// still or has died; then the process is to end, and the next start finds out what became of the card.
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
            // Requests that are cut off were not answered, so their clients will ask again.
            let _ = tokio::time::timeout(DRAIN_LIMIT, server).await;
        });
        self.runtime.shutdown_timeout(DRAIN_LIMIT);
        drop(self.station);
        self.ledger.close();
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(waited_for_a_card = moving.is_some(), "stopped after {seconds:.1} s");
        !has_panicked
    }

    /// Waits until the station has ended; or what of it, its printer or its ledger will never let it end.
    fn wait_for_station(&self, notifier: &mut Notifier) -> Option<Stopped> {
        let mut station = self.station.watch();
        loop {
            let told = async { tokio::time::timeout(STOP_CHECK, station.changed()).await };
            match self.runtime.block_on(told) {
                // The station holds the other end as long as it lives.
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

/// Serves, and says that its threads still turn.
async fn watched(
    pulse: Pulse,
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

    /// A runtime with a server that does this, and what is known of it.
    fn served(serve: impl Future<Output = std::io::Result<()>> + Send + 'static) -> Option<How> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_time().build().expect("a runtime");
        let heartbeats = Heartbeats::default();
        let pulse = Pulse::of(heartbeats.add(Part::Http));
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
