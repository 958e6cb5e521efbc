//! A station whose log goes to a journal: fields that can be searched, priorities, each trouble once, nobody's data.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use emulators::evolis::EvolisSettings;
use emulators::machine::Lever;
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::{Daemon, Supervision};
use kartu::log::Log;
use kartu::station::Connection;
use kartu::systemd::Notifier;

use crate::privacy::{assert_no_canary, canary};
use crate::supervisor::PATIENCE;
use crate::test_station::{Http, config};

/// Names the child's folder.
const WHERE: &str = "KARTU_TEST_JOURNAL";
/// While this file is there, the printer's cover is open.
const OPEN: &str = "open";

type Record = BTreeMap<String, String>;

/// The test's child process: a station that runs until it is killed.
fn be_the_station() {
    let Ok(dir) = std::env::var(WHERE) else { return };
    let dir = PathBuf::from(dir);
    let log = Log::start_to("trace", Some(&dir.join("journal")));
    kartu::panics::report_only_the_place();
    let mut config = Config::parse(&config(&dir, ""), &dir).unwrap();
    config.station.new_ledger = true;
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let connection = Connection::to_machine("evolis", machine.clone());
    let daemon = Daemon::start_at(&config, Clock::system(), connection).unwrap();
    let url = format!("http://{}", daemon.address());
    std::fs::write(dir.join("url.new"), url).unwrap();
    std::fs::rename(dir.join("url.new"), dir.join("url")).unwrap();
    std::thread::spawn(move || {
        let mut was_open = false;
        loop {
            let is_open = dir.join(OPEN).exists();
            if is_open != was_open {
                machine.pull(if is_open { Lever::OpenCover } else { Lever::CloseCover });
            }
            was_open = is_open;
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let (tell, told) = mpsc::channel();
    daemon.run(
        tell,
        &told,
        Supervision::new(Notifier::default(), log, Box::new(|| Err(Vec::new()))),
    );
}

struct Station {
    child: Child,
    http: Http,
    records: Receiver<Record>,
}

impl Station {
    fn start(dir: &Path) -> Station {
        let journal = UnixDatagram::bind(dir.join("journal")).unwrap();
        let (tell, records) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(length) = journal.recv(&mut bytes) {
                if tell.send(read(&bytes[..length])).is_err() {
                    return;
                }
            }
        });
        let test = "journal::each_trouble_is_in_the_journal_once_and_nobodys_data_are";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(WHERE, dir)
            .env_remove("RUST_LOG")
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let url = dir.join("url");
        while !url.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let http = Http::new(&std::fs::read_to_string(&url).unwrap());
        Station { child, http, records }
    }

    fn accepted(&self, reference: &str) -> String {
        let answer = self.http.post("/v1/jobs", &canary(reference));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    fn until_printed(&self, id: &str) {
        self.http.listen(0, |_, _, data| data["job"] == id && data["state"] == "printed");
    }
}

/// The fields of a record, as the journal reads them.
fn read(mut bytes: &[u8]) -> Record {
    let mut fields = Record::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let (size, value) = bytes[end + 1..].split_first_chunk::<8>().unwrap();
        let (value, after) = value.split_at(u64::from_le_bytes(*size) as usize);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        fields.insert(text(&bytes[..end]), text(value));
        bytes = &after[1..];
    }
    fields
}

#[test]
fn each_trouble_is_in_the_journal_once_and_nobodys_data_are() {
    be_the_station();
    let dir = tempfile::TempDir::new().unwrap();
    let mut station = Station::start(dir.path());
    let first = station.accepted("KENARI-1");
    station.until_printed(&first);
    std::fs::write(dir.path().join(OPEN), "").unwrap();
    let reasons = |data: &serde_json::Value| data["state_reasons"].to_string();
    station.http.listen(0, |_, _, data| reasons(data).contains("cover-open"));
    let second = station.accepted("KENARI-2");
    for _ in 0..20 {
        station.http.get("/v1/station");
    }
    std::fs::remove_file(dir.path().join(OPEN)).unwrap();
    station.until_printed(&second);

    let mut seen: Vec<Record> = Vec::new();
    let is = |record: &Record, name: &str, value: &str| {
        record.get(name).is_some_and(|found| found == value)
    };
    let is_out =
        |record: &Record| is(record, "KARTU_JOB", &second) && is(record, "KARTU_STEP", "card_out");
    while !seen.iter().any(is_out) {
        seen.push(station.records.recv_timeout(PATIENCE).expect("the card that came out"));
    }
    station.child.kill().unwrap();
    station.child.wait().unwrap();
    seen.extend(station.records.try_iter());

    let out = seen.iter().find(|record| is_out(record)).unwrap();
    assert!(is(out, "PRIORITY", "6") && out["MESSAGE"].starts_with("the card is out"), "{out:?}");
    let told: Vec<(&str, &str)> = seen
        .iter()
        .filter(|record| is(record, "KARTU_TROUBLE", "cover-open-error"))
        .inspect(|record| assert!(record.contains_key("KARTU_PRINTER"), "{record:?}"))
        .map(|record| (record["PRIORITY"].as_str(), &record["MESSAGE"][..13]))
        .collect();
    assert_eq!(told, [("4", "trouble began"), ("6", "trouble ended")]);
    assert!(seen.iter().any(|record| is(record, "PRIORITY", "7")), "developers have theirs, too");
    assert_no_canary("the journal", &format!("{seen:?}"));
}
