//! What the doctor judges by, as plain data. `None` always means: it is not known, or does not apply.

use jiff::Timestamp;

use crate::backup::Note;

/// Everything that was gathered.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Faults of the configuration, each a whole sentence in both languages.
    pub config_faults: Vec<drivers::text::Text>,
    /// No office profile: every card says CONTOH.
    pub specimen: bool,
    /// Everybody can read the configuration, and it holds a secret address.
    pub is_secret_open: bool,
    /// The ledger and its folder.
    pub ledger: LedgerFacts,
    /// Its disk.
    pub disk: DiskFacts,
    /// The clock.
    pub clock: ClockFacts,
    /// The keys.
    pub keys: Vec<KeyFact>,
    /// What is wrong with the vault's folder.
    pub vault_fault: Option<String>,
    /// The printer's way.
    pub printer: PrinterFacts,
    /// The chip reader's way; `None`: none is configured.
    pub reader: Option<ReaderFacts>,
    /// systemd's units; `None`: this computer has no systemd.
    pub unit: Option<UnitFacts>,
    /// What the running station says; `None`: none answers.
    pub answers: Option<Answers>,
    /// The copies.
    pub copies: Copies,
}

/// The ledger and its folder.
#[derive(Debug, Clone, Default)]
pub struct LedgerFacts {
    /// Where it lies.
    pub path: String,
    /// Is it there?
    pub is_there: bool,
    /// Other files show that there was one.
    pub is_lost: bool,
    /// Why it cannot be read.
    pub unreadable: Option<String>,
    /// Its mode.
    pub mode: Option<u32>,
    /// The mode of its folder.
    pub folder_mode: Option<u32>,
    /// It belongs to another user than its folder.
    pub owners_differ: bool,
    /// Its station was moved away.
    pub is_retired: bool,
    /// It was ended for good.
    pub is_erased: bool,
    /// The key that it was written with: is it here?
    pub holder_key: HolderKeyFact,
    /// When its last line was written.
    pub last_line_at: Option<Timestamp>,
    /// Jumps of the clock on the wall that were noted in the last week.
    pub clock_jumps: u64,
}

/// The key `holder`, held against the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HolderKeyFact {
    /// It is the right one, or none is needed yet, or it cannot be read and is told as such.
    #[default]
    Fits,
    /// It is in no place.
    IsMissing,
    /// It is another one.
    IsAnother,
}

/// The ledger's disk.
#[derive(Debug, Clone, Default)]
pub struct DiskFacts {
    /// Bytes that can still be written.
    pub free_bytes: Option<u64>,
    /// How long one small write with its sync took, milliseconds: the median of some.
    pub sync_ms: Option<u64>,
    /// The file system's number (statfs(2), `f_type`).
    pub kind: Option<u32>,
    /// Wear of an SD card or eMMC, where the kernel tells it.
    pub wear: Option<Wear>,
}

/// Wear, as JEDEC's eMMC standard counts it (EXT_CSD registers 267 to 269, as sysfs shows them).
#[derive(Debug, Clone, Copy, Default)]
pub struct Wear {
    /// Used life in tenths: 1 is up to 10 %, 11 is beyond what was estimated; the worse of both types of memory.
    pub life_used_tenths: Option<u8>,
    /// Reserved blocks: 1 normal, 2 warning (80 % used), 3 urgent.
    pub reserve: Option<u8>,
}

/// The clock on the wall.
#[derive(Debug, Clone, Default)]
pub struct ClockFacts {
    /// The time.
    pub now: Timestamp,
    /// The kernel says that something keeps it.
    pub is_synchronised: Option<bool>,
    /// There is a clock with a battery.
    pub has_rtc: Option<bool>,
    /// The program is not older than this.
    pub built_after: Timestamp,
}

/// One key.
#[derive(Debug, Clone, Default)]
pub struct KeyFact {
    /// Its name.
    pub name: String,
    /// Why it cannot be used.
    pub fault: Option<String>,
    /// Its age, days.
    pub age_days: Option<i64>,
}

/// The way to the printer.
#[derive(Debug, Clone, Default)]
pub struct PrinterFacts {
    /// The address, as configured.
    pub address: String,
    /// Is one configured?
    pub is_configured: bool,
    /// By USB: is it plugged in?
    pub is_plugged_in: Option<bool>,
    /// Its device file, if this user may not write it.
    pub forbidden_file: Option<String>,
    /// The kernel's `usblp` has it, and the configuration wants it by USB.
    pub usblp_in_the_way: bool,
}

/// The way to the chip reader.
#[derive(Debug, Clone, Default)]
pub struct ReaderFacts {
    /// The family.
    pub family: String,
    /// It is behind pcscd: does that run?
    pub pcscd_runs: Option<bool>,
    /// Its device file, if it is missing or this user may not use it.
    pub unusable_file: Option<String>,
}

/// The station's units, as `systemctl show` tells.
#[derive(Debug, Clone, Default)]
pub struct UnitFacts {
    /// The name of the unit.
    pub name: String,
    /// `loaded`, `not-found`, …
    pub load_state: String,
    /// `active`, `failed`, …
    pub active_state: String,
    /// `enabled`, `disabled`, …
    pub file_state: String,
    /// It is watched.
    pub has_watchdog: bool,
    /// So often it was started anew by systemd.
    pub restarts: u64,
    /// The timer of the copies runs.
    pub backup_timer_runs: bool,
}

/// What the running station says of itself.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// The printer has answered since the start.
    pub printer_answers: bool,
    /// `idle`, `processing` or `stopped`.
    pub state: String,
    /// The reasons, each with its keyword.
    pub reasons: Vec<(String, drivers::text::Text)>,
    /// The reader's state, if it was used.
    pub reader_state: Option<String>,
    /// The station's version, if it is another one than this program's.
    pub other_version: Option<String>,
}

/// The copies of the ledger.
#[derive(Debug, Clone, Default)]
pub struct Copies {
    /// `[backup] folder` is set.
    pub is_configured: bool,
    /// The last one is older than it may be, or there is none.
    pub is_late: bool,
    /// What is noted of them.
    pub note: Note,
}
