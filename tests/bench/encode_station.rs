//! A whole station with a queue of staff cards, in this process: when was the next one composed? Read from the ledger's
//! lines, over HTTP, like anybody else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use jiff::Timestamp;
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::Daemon;
use kartu::product::Backdrop;
use kartu::render::portrait::draw_portrait;
use kartu::vault::Vault;
use serde_json::{Value, json};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A card of 34 s at the slowness of this bench, and as much again.
const LIMIT_A_CARD: Duration = Duration::from_secs(5);

/// What the lines say.
pub struct Queue {
    /// Cards that waited behind another one.
    pub behind: usize,
    /// Those that were composed, from the claim to the last face, while the chip of the one before was written.
    pub within: usize,
    pub compose_ms: f64,
    pub encode_ms: f64,
    /// From a card that is out to the next one's intent.
    pub gap_ms: f64,
}

impl Queue {
    pub fn within_of(&self) -> String {
        format!("{} of {}", self.within, self.behind)
    }
}

/// When a job's events were.
type Times = BTreeMap<String, Timestamp>;

pub fn run(cards: u32, slowness: f64) -> Queue {
    let room = tempfile::TempDir::new().expect("a folder for the bench");
    let text = include_str!("../../config/demo.toml")
        .replace("slowness = 0.0", &format!("slowness = {slowness}"));
    let mut config = Config::parse(&text, room.path()).expect("the demo's configuration is good");
    let keys = room.path().join("keys");
    Vault::make_signing_key(&keys, "document").expect("a key for records");
    config.vault.folder = Some(keys);
    config.station.new_ledger = true;
    config.http.listen = "127.0.0.1:0".parse().expect("an address");
    let daemon = Daemon::start(&config, Clock::system()).expect("the station starts");
    let url = format!("http://{}", daemon.address());
    let jobs: Vec<String> = (0..cards).map(|number| post(&url, number)).collect();
    let began = Instant::now();
    while get(&url, "/v1/station")["jobs"]["printed"].as_u64() != Some(u64::from(cards)) {
        assert!(began.elapsed() < LIMIT_A_CARD * (cards + 2), "the queue does not end");
        std::thread::sleep(LOOK_EVERY);
    }
    let times: Vec<Times> = jobs.iter().map(|job| times(&url, job)).collect();
    daemon.stop();
    judge(&times)
}

fn judge(jobs: &[Times]) -> Queue {
    let ms = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64() * 1000.0;
    let pairs: Vec<(&Times, &Times)> = jobs.iter().zip(jobs.iter().skip(1)).collect();
    let within = pairs.iter().filter(|(before, next)| {
        next["claim"] >= before["encode"] && next["compose"] <= before["chip_good"]
    });
    Queue {
        behind: pairs.len(),
        within: within.count(),
        compose_ms: median(jobs.iter().map(|job| ms(job["claim"], job["compose"]))),
        encode_ms: median(jobs.iter().map(|job| ms(job["encode"], job["chip_good"]))),
        gap_ms: median(pairs.iter().map(|(before, next)| ms(before["card_out"], next["encode"]))),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn post(url: &str, number: u32) -> String {
    let photo = draw_portrait(Backdrop::Blue, number * 2);
    let job = json!({
        "product": "staf", "ref": format!("BENCH-{number}"), "reason": "BARU",
        "fields": { "nama": "DEWI CONTOH LESTARI", "jabatan": "OPERATOR", "unit": "PENDAFTARAN PENDUDUK",
                    "no_pegawai": format!("PS-{number:06}"), "berlaku_hingga": "2099-12-31" },
        "recommendation": { "keputusan": "SETUJU", "nomor": format!("800/{number}"), "oleh": { "nama": "CONTOH SEKRETARIS" } },
        "photo": base64::engine::general_purpose::STANDARD.encode(photo),
    });
    let request = ureq::post(format!("{url}/v1/jobs")).header("content-type", "application/json");
    let answer = request.send(job.to_string()).expect("the job is taken in");
    let job = parsed(answer);
    assert_eq!(job["state"], "queued", "{job}");
    job["id"].as_str().expect("a job has an id").to_owned()
}

fn get(url: &str, path: &str) -> Value {
    parsed(ureq::get(format!("{url}{path}")).call().expect("the station answers"))
}

fn parsed(mut answer: ureq::http::Response<ureq::Body>) -> Value {
    let text = answer.body_mut().read_to_string().expect("an answer of text");
    serde_json::from_str(&text).expect("JSON")
}

fn times(url: &str, job: &str) -> Times {
    let events = get(url, &format!("/v1/jobs/{job}/events"));
    let events = events.as_array().expect("a list of lines").iter();
    events
        .map(|line| {
            let text = |key: &str| line[key].as_str().expect("every line has it").to_owned();
            (text("event"), text("at").parse().expect("a time"))
        })
        .collect()
}
