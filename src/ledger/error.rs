//! Why the ledger cannot be used, or refuses something. Contains nothing personal.

use std::path::PathBuf;

use super::in_place::Gone;
use crate::lifecycle::Refused;

/// Why the ledger cannot be used, or refuses a write.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file exists, but is not a ledger or is damaged. It is never taken for an empty one.
    #[error(
        "the ledger {path} cannot be read ({why}); nothing is printed from a ledger that cannot be trusted. Copy its folder away, look with `kartud ledger verify`; put back the newest copy, and take over what cannot be put back with `kartud ledger adopt`"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of SQLite or of the check.
        why: String,
    },
    /// A newer program wrote it.
    #[error(
        "the ledger {path} has version {version}, and this kartud knows versions up to {known}: a newer kartud wrote it. Nothing was changed; install that kartud again, or put back the copy that was made before it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// Its migration failed; the ledger is unchanged.
    #[error(
        "the ledger {path} of version {from} cannot be brought to this kartud's version ({why}). Nothing of it was changed: mend the cause and start again, or install the older kartud"
    )]
    NotMigrated {
        /// The file.
        path: PathBuf,
        /// Its version.
        from: i32,
        /// The error of SQLite, the disk or the check.
        why: String,
    },
    /// The copy that precedes a migration cannot be written.
    #[error(
        "before the ledger {path} is brought to this kartud's version it is copied to {copy}, and that failed. Nothing was changed: make {needed_mib} MiB free there (and 64 more for the jobs that wait), see that the folder can be written, then start again"
    )]
    NotCopied {
        /// The file.
        path: PathBuf,
        /// The path of its copy.
        copy: PathBuf,
        /// The space that the copy needs.
        needed_mib: u64,
        /// The cause.
        source: std::io::Error,
    },
    /// There is no ledger, and nothing shows that there ever was one: a first start, or a wrong path.
    #[error(
        "there is no ledger at {path}. Is station.ledger right? If one was there before, put it back. For the first start of a new station: `kartud init --config FILE`, or `kartud run --new-ledger` / Tidak ada buku besar di sana. Periksa station.ledger; bila dulu ada, kembalikan; untuk stasiun baru jalankan `kartud init`"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is no ledger, and other files show that there was one.
    #[error(
        "the ledger {path} is lost: it is missing or empty, but {marks} shows that there was one. No new one is begun, since it would print cards again. Put the ledger back, or its newest copy and take that over with `kartud ledger adopt`; only if its jobs and cards are truly of no matter, move the named files away and begin anew / Buku besar hilang; yang baru tidak dibuat, karena kartu akan dicetak dua kali. Kembalikan berkasnya, atau salinan terbaru dengan `kartud ledger adopt`"
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The files beside it.
        marks: String,
    },
    /// It was ended for good: its personal data are erased, and only its lines are kept.
    #[error(
        "the personal data of the ledger {path} were erased at {at} and its lines are kept, so no station works with it any more. A new station begins a ledger of its own: write another place into station.ledger, then `kartud init` / Data pribadi buku besar ini sudah dihapus; stasiun baru memakai buku besar sendiri: ubah station.ledger, lalu `kartud init`"
    )]
    Erased {
        /// The file.
        path: PathBuf,
        /// When, as the line says it.
        at: String,
    },
    /// Something of this name exists that cannot be a ledger's file.
    #[error("the ledger cannot be used: {path} {why}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        why: &'static str,
    },
    /// Its station was moved to another computer.
    #[error(
        "the ledger {path} was retired at {at}: its station was moved to another computer, and two stations with one ledger would print cards twice. To print here again all the same: `kartud ledger adopt`, which holds every job that could still print / Buku besar ini sudah dipensiunkan karena stasiunnya dipindahkan ke komputer lain"
    )]
    Retired {
        /// The file.
        path: PathBuf,
        /// When.
        at: String,
    },
    /// Lines were to be cut off, and were not.
    #[error("nothing was cut off the ledger {path}: {why}")]
    NotCut {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// A copy would take the place of a ledger that is no older form of it.
    #[error(
        "there is a ledger at {path}, and {why}; nothing was changed. If the copy shall take its place all the same, move the ledger with its -wal away first, and keep both"
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// How it compares with the copy.
        why: String,
    },
    /// A copy is torn, or not what it was when it was made.
    #[error("the copy {path} is not whole: {why}. Nothing was changed; take another copy")]
    Torn {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Other users could have written anything into it.
    #[error(
        "{path} has mode {mode:04o}: other users can write it, so nobody knows what in it is true. Look at it with `kartud ledger verify`, then close it to others (chmod {wanted}, chown to the user of kartud)"
    )]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode that it should have.
        wanted: &'static str,
    },
    /// The file is no longer in place, so anything written now would be lost.
    #[error(
        "the ledger's file {path} {how}; nothing is taken in or printed until it is put back and kartud is started anew",
        path = .0.path.display(), how = .0.how.words().1
    )]
    Gone(Gone),
    /// Another daemon uses it.
    #[error("the ledger {path} is in use by another kartud; stop that one first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The folder cannot be created or written, or the system cannot start the writer's thread.
    #[error("the folder of the ledger, {path}, cannot be used")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The disk is full, or only the reserve for accepted jobs is left; nothing of the request is stored.
    #[error("the disk of the ledger is full")]
    Full,
    /// A write did not reach the disk; nobody was told that it is stored.
    #[error("the ledger cannot be written ({0})")]
    Write(String),
    /// A query failed.
    #[error("the ledger cannot be asked ({0})")]
    Read(String),
    /// A job's stored data are not the accepted ones, so the job is never printed.
    #[error("the stored data of the job are damaged")]
    DataDamaged,
    /// No such job.
    #[error("there is no such job")]
    NoSuchJob,
    /// The lifecycle does not allow this move.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The writer has stopped: the daemon is going down.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// The same write may succeed later: keep it and retry it, never drop it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full | Self::Write(_) | Self::Read(_) | Self::Closed | Self::Gone(_))
    }

    /// The error that is given to all callers whose write failed together with another's.
    pub(super) fn of_the_disk(&self) -> LedgerError {
        match self {
            LedgerError::Full => LedgerError::Full,
            LedgerError::Gone(gone) => LedgerError::Gone(gone.clone()),
            LedgerError::Write(why) => LedgerError::Write(why.clone()),
            other => LedgerError::Write(other.to_string()),
        }
    }
}

/// SQLite's error text. For a file that cannot be opened SQLite says only that; if this process may not open any file,
/// the system's reason is appended.
pub(super) fn said(error: &rusqlite::Error) -> String {
    let cannot_open = error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen);
    match std::fs::File::open("/dev/null") {
        Err(why) if cannot_open => format!("{error}: {why}"),
        _ => error.to_string(),
    }
}
