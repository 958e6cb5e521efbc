//! The disk below the ledger: full, failing, and well again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use drivers::emulation::{EmulatorSettings, SharedMachine};
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::{Daemon, Parts};
use kartu::ledger::Disk;
use kartu::station::Connection;

use crate::bench::{Bench, Http, child, config};

const ROOMY: u64 = 1 << 40;
const BROKEN: u64 = u64::MAX;

/// A disk whose room is set while it runs; it cannot be written at all when it is broken.
#[derive(Clone)]
struct Shelf(Arc<AtomicU64>);

impl Disk for Shelf {
    fn free_bytes(&mut self) -> io::Result<u64> {
        match self.0.load(Ordering::SeqCst) {
            BROKEN => Err(io::Error::other("input/output error")),
            free => Ok(free),
        }
    }
}

impl Shelf {
    fn set(&self, free: u64) {
        self.0.store(free, Ordering::SeqCst);
    }
}

/// A station whose ledger lies on `shelf`.
fn station_on(shelf: &Shelf) -> Bench {
    let machine: SharedMachine = drivers::emulate("evolis", EmulatorSettings::bench()).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let config = Config::parse(&config(dir.path(), ""), dir.path()).unwrap();
    let connection = Connection::to_machine("evolis", machine.clone());
    let parts = Parts { clock: Clock::system(), connection, disk: Box::new(shelf.clone()) };
    let daemon = Daemon::start_on(&config, parts).unwrap();
    let http = Http::new(&format!("http://{}", daemon.address()));
    Bench { daemon: Some(daemon), machine, dir, http }
}

#[test]
fn a_full_disk_takes_no_new_job_but_lets_the_others_be_printed() {
    let shelf = Shelf(Arc::new(AtomicU64::new(ROOMY)));
    let bench = station_on(&shelf);
    let first = bench.http.post_key(&child("S1"), "first");
    assert_eq!(first.status, 201);
    shelf.set(1024 * 1024);
    let refused = bench.http.post_key(&child("S2"), "second");
    assert_eq!((refused.status, refused.codes("errors")), (507, vec!["E_DISK_FULL".to_owned()]));
    assert_ne!(
        refused.body["errors"][0]["message"]["id"],
        refused.body["errors"][0]["message"]["en"]
    );
    let again = bench.http.post_key(&child("S1"), "first");
    assert_eq!((again.status, again.replayed), (201, true), "what is stored needs no room");
    bench.until(first.body["id"].as_str().unwrap(), "printed");
    shelf.set(ROOMY);
    let accepted = bench.http.post_key(&child("S2"), "second");
    assert_eq!((accepted.status, accepted.replayed), (201, false), "{}", accepted.body);
    bench.until(accepted.body["id"].as_str().unwrap(), "printed");
    assert_eq!(bench.cards_out(), 2);
}

#[test]
fn a_disk_that_cannot_be_written_takes_nothing_and_prints_nothing() {
    let shelf = Shelf(Arc::new(AtomicU64::new(ROOMY)));
    let bench = station_on(&shelf);
    shelf.set(BROKEN);
    let refused = bench.http.post_key(&child("S2"), "key");
    assert_eq!((refused.status, refused.codes("errors")), (503, vec!["E_LEDGER".to_owned()]));
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len(), 0);
    assert_eq!(bench.cards_out(), 0);
    shelf.set(ROOMY);
    let accepted = bench.http.post_key(&child("S2"), "key");
    assert_eq!((accepted.status, accepted.replayed), (201, false));
    bench.until(accepted.body["id"].as_str().unwrap(), "printed");
    assert_eq!(bench.cards_out(), 1);
}
