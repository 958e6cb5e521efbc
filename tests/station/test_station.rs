//! The test station: a whole daemon on an emulated machine, and an HTTP client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use emulators::card::CardSettings;
use emulators::evolis::EvolisSettings;
use emulators::logbook::{self, LogbookSettings};
use emulators::machine::{BlankChips, Lever, SharedMachine};
use emulators::transport::emulated::Emulated;
use jiff::Timestamp;
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::Daemon;
use kartu::product::Backdrop;
use kartu::render::portrait::draw_portrait;
use kartu::station::Connection;
use kartu::vault::Vault;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const SAMPLES: &str = include_str!("../../config/kia-samples.json");
/// The folder of the station's keys; without this folder it has none.
pub const KEYS: &str = "keys";
/// The key that signs records.
pub const DOCUMENT_KEY: &str = "document";
/// The configuration of a station that writes chips.
pub const ENCODER: &str = "[encoder]\nfamily = \"emulated\"\n";
/// A reader that takes longer counts as stuck.
const READER_LIMIT: Duration = Duration::from_secs(20);
const CONFIG: &str = include_str!("../../config/demo.toml");

/// A wall clock that a test can set.
#[derive(Clone)]
pub struct Wall(Arc<AtomicI64>);

impl Wall {
    pub fn at(time: &str) -> Wall {
        let wall = Wall(Arc::default());
        wall.turn_to(time);
        wall
    }

    pub fn turn_to(&self, time: &str) {
        self.0.store(time.parse::<Timestamp>().unwrap().as_millisecond(), Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let wall = self.clone();
        Clock::with_wall(move || {
            Timestamp::from_millisecond(wall.0.load(Ordering::SeqCst)).unwrap()
        })
    }
}

/// Opens a reader.
pub type OpenReader = Arc<dyn Fn() -> drivers::encoder::Opened + Send + Sync>;

/// A running station. Dropping it without `stop` leaves its threads running until the test process ends.
pub struct TestStation {
    pub daemon: Option<Daemon>,
    /// Opens the reader at the machine's contactless position, if there is one.
    pub reader: Option<OpenReader>,
    /// A line for the child's card in the configuration.
    pub kia: &'static str,
    pub machine: SharedMachine,
    pub dir: TempDir,
    pub http: Http,
}

/// A client of a station.
#[derive(Clone)]
pub struct Http {
    agent: ureq::Agent,
    pub url: String,
}

/// An answer: status, the headers that tests need, body.
pub struct Answer {
    pub status: u16,
    pub location: String,
    pub kind: String,
    pub replayed: bool,
    pub retry_after: String,
    pub body: Value,
}

impl TestStation {
    /// The demo's configuration without its chip reader, with a document key, on an untended machine that takes no
    /// time.
    pub fn new() -> TestStation {
        Self::with("")
    }

    /// The same with further configuration.
    pub fn with(more: &str) -> TestStation {
        Self::begun(more, Clock::system())
    }

    /// The same, with a ledger that was begun by this wall clock.
    pub fn begun(more: &str, clock: Clock) -> TestStation {
        let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
        let dir = TempDir::new().unwrap();
        Vault::make_signing_key(&dir.path().join(KEYS), DOCUMENT_KEY).unwrap();
        let mut bench =
            TestStation { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
        bench.start_at(more, clock);
        bench
    }

    /// With blanks that have chips, and a reader at the printer's contactless position.
    pub fn with_chips(chips: BlankChips, more: &str) -> TestStation {
        let field = chips.contactless();
        let reader = move || emulators::reader::open("pn532", field.clone());
        Self::with_chips_and_reader(chips, Arc::new(reader), more)
    }

    /// The same with another reader.
    pub fn with_chips_and_reader(chips: BlankChips, reader: OpenReader, more: &str) -> TestStation {
        let fitted = vec!["CONTACTLESS".to_owned()];
        let settings = EvolisSettings { chip: Some(chips), fitted, ..EvolisSettings::instant() };
        let machine = emulators::evolis::emulate(settings).unwrap();
        let dir = TempDir::new().unwrap();
        Vault::make_signing_key(&dir.path().join(KEYS), DOCUMENT_KEY).unwrap();
        let reader = Some(reader);
        let mut bench =
            TestStation { daemon: None, reader, kia: "", machine, dir, http: Http::new("") };
        bench.start(more);
        bench
    }

    /// With the blanks that the staff card needs.
    pub fn for_staff() -> TestStation {
        let card = CardSettings::File(Box::default());
        Self::with_chips(BlankChips::new(move |number| card.blank(number as u32).unwrap()), "")
    }

    /// With a machine that reports neither a card count nor its ribbon, and keeps a log of its jobs.
    pub fn on_logbook() -> TestStation {
        let machine = logbook::emulate(LogbookSettings::instant()).unwrap();
        let hands = machine.clone();
        let connection = Connection::through(Box::new(move || {
            (logbook::FAMILY.open)(None, Box::new(Emulated::new(hands.clone())))
        }));
        let dir = TempDir::new().unwrap();
        let mut bench =
            TestStation { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
        bench.start_on("", Clock::system(), connection);
        bench
    }

    /// Accepts jobs, but has no printer.
    pub fn without_printer() -> TestStation {
        Self::without_printer_but("")
    }

    /// The same with a line for the child's card.
    pub fn without_printer_but(kia: &'static str) -> TestStation {
        let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
        let dir = TempDir::new().unwrap();
        let mut bench =
            TestStation { daemon: None, reader: None, kia, machine, dir, http: Http::new("") };
        let config = with_lines_for_kia(&config(bench.dir.path(), ""), kia)
            .replace("address = \"emulated\"", "address = \"\"");
        let mut config = Config::parse(&config, bench.dir.path()).unwrap();
        config.station.new_ledger = true;
        let daemon = Daemon::start(&config, Clock::system()).unwrap();
        bench.http = Http::new(&format!("http://{}", daemon.address()));
        bench.daemon = Some(daemon);
        bench
    }

    /// Starts the station with the existing ledger.
    pub fn start(&mut self, more: &str) {
        self.start_at(more, Clock::system());
    }

    /// The same, with another wall clock.
    pub fn start_at(&mut self, more: &str, clock: Clock) {
        let connection = Connection::to_machine("evolis", self.machine.clone());
        let connection = match self.reader.clone() {
            Some(open) => connection.with_encoder(move || open(), READER_LIMIT),
            None => connection,
        };
        self.start_on(more, clock, connection);
    }

    /// The same, with another connection.
    pub fn start_on(&mut self, more: &str, clock: Clock, connection: Connection) {
        let config = self.config(more);
        let daemon = Daemon::start_at(&config, clock, connection).unwrap();
        self.http = Http::new(&format!("http://{}", daemon.address()));
        self.daemon = Some(daemon);
    }

    /// The station's configuration, with further lines.
    pub fn config(&self, more: &str) -> Config {
        let encoder = if self.reader.is_some() { ENCODER } else { "" };
        let more = format!("{encoder}{more}");
        let text = with_lines_for_kia(&config(self.dir.path(), &more), self.kia);
        let mut config = Config::parse(&text, self.dir.path()).unwrap();
        config.station.new_ledger = true;
        let keys = self.dir.path().join(KEYS);
        config.vault.folder = keys.exists().then_some(keys);
        config
    }

    /// Stops the station in order.
    pub fn stop(&mut self) {
        self.daemon.take().unwrap().stop();
    }

    pub fn pull(&self, lever: Lever) {
        self.machine.pull(lever);
    }

    /// Posts a job that must be accepted; returns its id.
    pub fn accepted(&self, job: &Value) -> String {
        let answer = self.http.post("/v1/jobs", job);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a job is in `state`, and returns it.
    pub fn until(&self, id: &str, state: &str) -> Value {
        self.http.listen(0, |kind, _, data| {
            kind == "job" && data["job"] == id && data["state"] == state
        });
        self.http.get(&format!("/v1/jobs/{id}")).body
    }

    /// Waits until the job has this event.
    pub fn until_event(&self, id: &str, event: &str) {
        self.http.listen(0, |kind, _, data| {
            kind == "job" && data["job"] == id && data["event"] == event
        });
    }

    /// Waits until `keyword` is among the station's reasons.
    pub fn until_reason(&self, keyword: &str) {
        self.http.listen(0, |kind, _, data| {
            kind == "station" && data["state_reasons"].to_string().contains(keyword)
        });
    }

    /// Waits until the station has polled the printer this many more times.
    pub fn until_polled(&self, times: usize) {
        let bytes_heard = || self.machine.lock().state()["machine"]["bytes_heard"].clone();
        for _ in 0..times {
            let before = bytes_heard();
            while bytes_heard() == before {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    pub fn cards_out(&self) -> u64 {
        self.machine.lock().last_card().map_or(0, |card| card.number)
    }
}

/// The configuration with other lines for the child's card instead of the demo's own.
fn with_lines_for_kia(config: &str, lines: &str) -> String {
    let (before, after) = config.split_once("[product.kia]").unwrap();
    let after = if lines.contains("same_holder_days") {
        after.replacen("same_holder_days", "# instead: same_holder_days", 1)
    } else {
        after.to_owned()
    };
    format!("{before}[product.kia]\n{lines}{after}")
}

/// The shipped products in a new folder, with the staff card's folder changed.
pub fn products(change: &dyn Fn(&Path)) -> TempDir {
    let folder = TempDir::new().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/products");
    for product in ["kia", "staf"] {
        std::fs::create_dir(folder.path().join(product)).unwrap();
        for file in std::fs::read_dir(from.join(product)).unwrap() {
            let file = file.unwrap();
            let to = folder.path().join(product).join(file.file_name());
            std::fs::copy(file.path(), to).unwrap();
        }
    }
    change(&folder.path().join("staf"));
    folder
}

pub fn config(dir: &Path, more: &str) -> String {
    let ledger = dir.join("ledger.db");
    let (demo, _encoder) = CONFIG.split_once("[encoder]").unwrap();
    let text = demo.replace("\"ledger.db\"", &format!("{:?}", ledger.display().to_string()));
    format!("{text}\n[http]\nlisten = \"127.0.0.1:0\"\n{more}")
}

impl Http {
    pub fn new(url: &str) -> Http {
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .max_idle_connections(0)
            .http_status_as_error(false)
            .build();
        Http { agent: config.into(), url: url.to_owned() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call().unwrap())
    }

    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.into_body().read_to_vec().unwrap()
    }

    /// The status of a request whose body is not text.
    pub fn status(&self, path: &str) -> u16 {
        let answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        let status = answer.status().as_u16();
        answer.into_body().read_to_vec().unwrap();
        status
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let body = numbered(body).to_string();
        self.post_with(path, body.as_bytes(), &[("content-type", "application/json")])
    }

    pub fn post_key(&self, body: &Value, key: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.post_with("/v1/jobs", numbered(body).to_string().as_bytes(), &headers)
    }

    pub fn post_with(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send(body).unwrap())
    }

    /// Sends a request with any method; GET has no body. The answer's body is not read, because a stream has no end.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> ureq::http::Response<ureq::Body> {
        let request = ureq::http::Request::builder()
            .method(method.to_ascii_uppercase().as_str())
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        let agent = &self.agent;
        if method == "get" {
            return agent.run(request.body(()).unwrap()).unwrap();
        }
        let request = request.body(body).unwrap();
        let request = agent.configure_request(request).allow_non_standard_methods(true).build();
        agent.run(request).unwrap()
    }

    /// Receives events after the id `after` until `enough` (kind, id, data) is true; returns all of them.
    pub fn listen(
        &self,
        after: impl std::fmt::Display,
        mut enough: impl FnMut(&str, Option<u64>, &Value) -> bool,
    ) -> Vec<(Option<u64>, Value)> {
        let request = self.agent.get(format!("{}/v1/events", self.url));
        let answer = request.header("last-event-id", after.to_string()).call().unwrap();
        assert_eq!(answer.status(), 200);
        let (mut kind, mut id, mut heard) = (String::new(), None, Vec::new());
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.expect("the station went on talking");
            if let Some(name) = line.strip_prefix("event: ") {
                kind = name.to_owned();
            } else if let Some(name) = line.strip_prefix("id: ") {
                let number = name.split('-').next().unwrap();
                id = Some(number.parse().unwrap());
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                let done = enough(&kind, id, &data);
                heard.push((id.take(), data));
                if done {
                    return heard;
                }
            }
        }
        panic!("the stream ended before what was waited for");
    }
}

impl Answer {
    fn of(mut answer: ureq::http::Response<ureq::Body>) -> Answer {
        let header = |name: &str| {
            answer.headers().get(name).map_or(String::new(), |v| v.to_str().unwrap().to_owned())
        };
        let (location, kind) = (header("location"), header("content-type"));
        let retry_after = header("retry-after");
        let replayed = header("idempotency-replayed") == "true";
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, location, kind, replayed, retry_after, body }
    }

    pub fn codes(&self, list: &str) -> Vec<String> {
        let items = self.body[list].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["code"].as_str().unwrap().to_owned()).collect()
    }
}

/// The job of a sample child, with a drawn portrait if it has one; derived fields are left to the station.
pub fn child(id: &str) -> Value {
    let samples: Value = serde_json::from_str(SAMPLES).unwrap();
    let children = samples["children"].as_array().unwrap();
    let (number, sample) = children.iter().enumerate().find(|(_, c)| c["id"] == id).unwrap();
    let mut fields = sample.as_object().unwrap().clone();
    for key in ["id", "case", "latar", "jenis_kia", "berlaku_hingga"] {
        fields.remove(key);
    }
    let mut job = json!({
        "product": "kia", "ref": format!("1301-2026-{id}"), "reason": "BARU", "fields": fields,
        "attachments": [{ "kind": "KK", "sha256": "a".repeat(64) }, { "kind": "AKTA", "sha256": "b".repeat(64) }],
        "recommendation": samples["rekomendasi"],
    });
    job["recommendation"]["nomor"] = json!(format!("{NUMBER}/1301-2026-{id}"));
    let wall = match sample["latar"].as_str().unwrap() {
        "merah" => Some(Backdrop::Red),
        "biru" => Some(Backdrop::Blue),
        _ => None,
    };
    if let Some(wall) = wall {
        job["photo"] = Value::String(base64(&draw_portrait(wall, number as u32)));
    }
    job
}

/// Prefix of the number of a recommendation that a test does not care about.
const NUMBER: &str = "470";

/// Gives a job with another `ref` another approval, unless the test has numbered it itself.
pub fn numbered(job: &Value) -> Value {
    let mut job = job.clone();
    let reference = job["ref"].as_str().unwrap_or("").to_owned();
    if let Some(number) = job.pointer_mut("/recommendation/nomor")
        && number.as_str().is_some_and(|known| known.starts_with(&format!("{NUMBER}/1301-2026-")))
    {
        *number = json!(format!("{NUMBER}/{reference}"));
    }
    job
}

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
