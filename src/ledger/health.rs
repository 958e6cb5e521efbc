//! The ledger's health, so that clients see a problem before a job is lost to it. Each change is logged once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use drivers::text::Text;
use tokio::sync::watch;

use super::in_place::Gone;

/// What keeps the ledger from accepting new jobs; in the default nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Its file is no longer in place. This process writes nothing any more.
    pub gone: Option<Gone>,
    /// Only the reserve for accepted jobs is left on the disk.
    pub low_disk: bool,
    /// The last write did not reach the disk, for this reason.
    pub failing: Option<String>,
}

/// One trouble, with its stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTrouble {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub words: Text,
    /// Only new jobs are refused; those that are there are printed.
    pub still_prints: bool,
}

impl Health {
    /// Every current trouble.
    pub fn troubles(&self) -> Vec<LedgerTrouble> {
        if let Some(gone) = &self.gone {
            return vec![LedgerTrouble {
                code: "E_LEDGER_GONE",
                words: words_of_gone(gone),
                still_prints: false,
            }];
        }
        let mut troubles = Vec::new();
        if let Some(why) = &self.failing {
            troubles.push(LedgerTrouble {
                code: "E_LEDGER",
                words: words_of_failing(why),
                still_prints: false,
            });
        }
        if self.low_disk {
            troubles.push(LedgerTrouble {
                code: "E_DISK_FULL",
                words: words_of_low_disk(),
                still_prints: true,
            });
        }
        troubles
    }
}

/// What happens to a ledger whose file is gone, and what to do.
pub fn words_of_gone(gone: &Gone) -> Text {
    let (id, en) = gone.how.words();
    let path = gone.path.display();
    Text::new(
        format!(
            "Berkas buku besar {path} {id} saat stasiun berjalan. Sejak itu tidak ada yang diterima dan dicetak; pekerjaan yang sudah diterima ada di berkas yang lama. Hentikan kartud, kembalikan berkas itu (beserta -wal) ke tempatnya, lalu jalankan lagi; bila sudah terhapus, pasang salinan terbaru dan ambil alih dengan `kartud ledger adopt`: pekerjaan setelah salinan itu harus dikirim lagi setelah kartunya dicari."
        ),
        format!(
            "The ledger's file {path} {en} while the station runs. Nothing is taken in or printed since; what was acknowledged stands in the old file. Stop kartud, put that file (and its -wal) back in its place, then start it again; if it is deleted, put back the newest copy and take it over with `kartud ledger adopt`: jobs after that copy must be sent again once their cards were looked for."
        ),
    )
}

/// What to do about a disk that cannot be written.
pub fn words_of_failing(why: &str) -> Text {
    Text::new(
        format!(
            "Buku besar tidak dapat ditulis atau dibaca ({why}). Periksa ruang dan hak tulis di cakram; tidak ada kartu yang dicetak sementara itu."
        ),
        format!(
            "The ledger cannot be written or read ({why}). Check the disk's space and permissions; no card is printed meanwhile."
        ),
    )
}

fn words_of_low_disk() -> Text {
    Text::fixed(
        "Ruang di disk buku besar hampir habis; pekerjaan baru ditolak, yang sudah ada tetap dicetak. Beri tahu teknisi: kosongkan ruang di disk itu.",
        "The disk of the ledger is nearly full; new jobs are refused, those that are there are printed. Tell the technician: make room on that disk.",
    )
}

/// A failure of every query is logged once, and again if it was absent for this long.
const SAME_FAILURE: Duration = Duration::from_secs(60);

/// The last failed query.
#[derive(Default)]
pub(super) struct ReadFailures(Mutex<Option<(String, Instant)>>);

impl ReadFailures {
    /// Logs it, unless it was just logged.
    pub fn met(&self, why: &str) {
        let Ok(mut last) = self.0.lock() else { return };
        let now = Instant::now();
        let is_new = last
            .as_ref()
            .is_none_or(|(known, seen)| known != why || now.duration_since(*seen) > SAME_FAILURE);
        if is_new {
            tracing::error!(why, "the ledger cannot be read");
        }
        *last = Some((why.to_owned(), now));
    }
}

/// The writer's side.
pub(super) struct HealthBoard {
    out: watch::Sender<Health>,
    told: RefCell<BTreeMap<&'static str, Instant>>,
}

impl HealthBoard {
    pub fn new() -> (HealthBoard, watch::Receiver<Health>) {
        let (out, seen) = watch::channel(Health::default());
        (HealthBoard { out, told: RefCell::default() }, seen)
    }

    pub fn now(&self) -> Health {
        self.out.borrow().clone()
    }

    /// Notifies all watchers, and the log, if something has changed.
    pub fn change(&self, change: impl FnOnce(&mut Health)) {
        let before = self.now();
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return;
        }
        for trouble in after.troubles() {
            if !before.troubles().contains(&trouble) && self.is_news(trouble.code) {
                tracing::error!(code = trouble.code, "{}", trouble.words.en);
            }
        }
        if after == Health::default() && self.is_news("") {
            tracing::info!("the ledger takes jobs again");
        }
        self.out.send_replace(after);
    }

    /// A disk that accepts small writes but no large ones would flood the log with alternating messages.
    fn is_news(&self, code: &'static str) -> bool {
        let now = Instant::now();
        let mut told = self.told.borrow_mut();
        let is_news = told.get(code).is_none_or(|at| now.duration_since(*at) > SAME_FAILURE);
        if is_news {
            told.insert(code, now);
        }
        is_news
    }
}
