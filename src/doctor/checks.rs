//! The checks: from facts to findings. Pure.

use jiff::{SignedDuration, Timestamp};

use super::advice as say;
use super::facts::{
    ClockFacts, Copies, DiskFacts, Facts, HolderKeyFact, KeyFact, LedgerFacts, UnitFacts, Wear,
};
use super::{Diagnosis, devices};

const MIB: u64 = 1024 * 1024;
/// The ledger refuses new jobs below about this (`ledger/disk.rs`).
const FREE_MIN: u64 = 80 * MIB;
/// Some weeks of an office's jobs.
const FREE_LOW: u64 = 1024 * MIB;
/// A card waits for some ten syncs.
const SYNC_SLOW_MS: u64 = 150;
/// Life used, tenths: what is left is for buying another card.
const WEAR_HIGH: u8 = 8;
/// What a clock that the network keeps may be behind the ledger's last line.
const DRIFT_MAX: SignedDuration = SignedDuration::from_secs(60);
/// No program is used for longer than this after it was built.
const PLAUSIBLE: SignedDuration = SignedDuration::from_hours(20 * 366 * 24);
/// A key that is older has been in many hands.
const KEY_OLD_DAYS: i64 = 3 * 365;
/// A ledger should be verified as a whole once a month.
const UNVERIFIED: SignedDuration = SignedDuration::from_hours(31 * 24);
/// More new starts than this have a cause.
const RESTARTS: u64 = 3;

/// Numbers of file systems (statfs(2)) on which a ledger is not safe: over a network a sync may have no effect, and those
/// of sticks have no modes.
const UNSAFE_PLACES: [(u32, &str); 9] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x6573_5546, "FUSE"),
    (0x4d44, "FAT"),
    (0x2011_bab0, "exFAT"),
];
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// Judges the facts: every part has at least one finding, the good ones included.
pub fn examine(facts: &Facts) -> Vec<Diagnosis> {
    let unit = facts.unit.as_ref();
    [
        or_good(config(facts), say::CONFIG.said()),
        or_good(ledger(&facts.ledger), say::LEDGER.said()),
        or_good(disk(&facts.disk), say::DISK.said()),
        or_good(clock(&facts.clock, &facts.ledger), say::CLOCK.said()),
        or_good(
            keys(&facts.keys, facts.vault_fault.as_deref(), facts.ledger.holder_key),
            say::KEYS.with(&[("{n}", &facts.keys.len().to_string())]),
        ),
        or_good(devices::printer(&facts.printer, facts.answers.as_ref()), say::PRINTER.said()),
        or_good(devices::reader(facts.reader.as_ref(), facts.answers.as_ref()), say::READER.said()),
        or_good(
            unit.map_or_else(Vec::new, |unit| systemd(unit, facts.copies.is_configured)),
            say::SYSTEMD.said(),
        ),
        copies(&facts.copies, facts.clock.now),
    ]
    .concat()
}

fn or_good(found: Vec<Diagnosis>, good: Diagnosis) -> Vec<Diagnosis> {
    if found.is_empty() { vec![good] } else { found }
}

fn config(facts: &Facts) -> Vec<Diagnosis> {
    let faults = facts.config_faults.iter().map(|fault| say::CONFIG_WRONG.about(fault.clone()));
    let specimen = facts.specimen.then(|| say::CONFIG_SPECIMEN.said());
    let open = facts.is_secret_open.then(|| say::CONFIG_OPEN.said());
    faults.chain(specimen).chain(open).collect()
}

/// The worst of it alone: what else is wrong follows from it, or is met when that is put right.
fn ledger(facts: &LedgerFacts) -> Vec<Diagnosis> {
    let path = [("{path}", facts.path.as_str())];
    let mode = |mode: u32| format!("{:04o}", mode & 0o7777);
    let found = if facts.is_lost {
        Some(say::LEDGER_LOST.with(&path))
    } else if !facts.is_there {
        Some(say::LEDGER_MISSING.with(&path))
    } else if let Some(why) = &facts.unreadable {
        Some(say::LEDGER_UNREADABLE.with(&[("{why}", why)]))
    } else if facts.is_erased {
        Some(say::LEDGER_ERASED.said())
    } else if facts.is_retired {
        Some(say::LEDGER_RETIRED.said())
    } else if let Some(open) = facts.mode.filter(|mode| mode & 0o077 != 0) {
        Some(say::LEDGER_OPEN.with(&[("{mode}", &mode(open))]))
    } else if let Some(open) = facts.folder_mode.filter(|mode| mode & 0o022 != 0) {
        Some(say::LEDGER_FOLDER_OPEN.with(&[("{mode}", &mode(open))]))
    } else {
        facts.owners_differ.then(|| say::LEDGER_OWNER.said())
    };
    found.into_iter().collect()
}

fn disk(facts: &DiskFacts) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if let Some(free) = facts.free_bytes.filter(|free| *free < FREE_LOW) {
        let advice = if free < FREE_MIN { say::DISK_FULL } else { say::DISK_LOW };
        found.push(advice.with(&[("{mib}", &(free / MIB).to_string())]));
    }
    if let Some(kind) = facts.kind {
        let place = UNSAFE_PLACES.iter().find(|(number, _)| *number == kind);
        found.extend(place.map(|(_, name)| say::DISK_PLACE.with(&[("{kind}", name)])));
        found.extend(IN_MEMORY.contains(&kind).then(|| say::DISK_MEMORY.said()));
    }
    if let Some(ms) = facts.sync_ms.filter(|ms| *ms > SYNC_SLOW_MS) {
        found.push(say::DISK_SLOW.with(&[("{ms}", &ms.to_string())]));
    }
    found.extend(facts.wear.and_then(worn));
    found
}

fn worn(wear: Wear) -> Option<Diagnosis> {
    let (used, reserve) = (wear.life_used_tenths.unwrap_or(0), wear.reserve.unwrap_or(0));
    let percent = (u32::from(used) * 10).to_string();
    match () {
        () if used > 10 || reserve > 2 => Some(say::DISK_WORN_OUT.said()),
        () if used >= WEAR_HIGH || reserve == 2 => {
            Some(say::DISK_WORN.with(&[("{percent}", &percent)]))
        }
        () => None,
    }
}

fn clock(facts: &ClockFacts, ledger: &LedgerFacts) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let now = facts.now;
    let end = facts.built_after.saturating_add(PLAUSIBLE).unwrap_or(Timestamp::MAX);
    let behind = ledger.last_line_at.is_some_and(|last| now.duration_since(last) < -DRIFT_MAX);
    if now < facts.built_after || now > end {
        found.push(say::CLOCK_WRONG.with(&[("{now}", &now.to_string())]));
    } else if behind {
        found.push(say::CLOCK_BEHIND.said());
    }
    let is_alone = facts.is_synchronised == Some(false);
    found.extend(is_alone.then(|| say::CLOCK_UNSYNCHRONISED.said()));
    found.extend((facts.has_rtc == Some(false)).then(|| say::CLOCK_NO_BATTERY.said()));
    if ledger.clock_jumps > 0 {
        found.push(say::CLOCK_JUMPS.with(&[("{n}", &ledger.clock_jumps.to_string())]));
    }
    found
}

fn keys(keys: &[KeyFact], vault_fault: Option<&str>, holder: HolderKeyFact) -> Vec<Diagnosis> {
    let folder = vault_fault.map(|why| say::KEYS_FOLDER.with(&[("{why}", why)]));
    let holder = match holder {
        HolderKeyFact::Fits => None,
        HolderKeyFact::IsMissing => Some(say::KEYS_HOLDER_MISSING.said()),
        HolderKeyFact::IsAnother => Some(say::KEYS_HOLDER_OTHER.said()),
    };
    let mut found: Vec<Diagnosis> = folder.into_iter().chain(holder).collect();
    for key in keys {
        let name = ("{name}", key.name.as_str());
        if let Some(why) = &key.fault {
            found.push(say::KEYS_UNUSABLE.with(&[name, ("{why}", why)]));
        } else if let Some(days) = key.age_days.filter(|days| *days > KEY_OLD_DAYS) {
            found.push(say::KEYS_OLD.with(&[name, ("{days}", &days.to_string())]));
        }
    }
    found
}

fn systemd(unit: &UnitFacts, copies: bool) -> Vec<Diagnosis> {
    let name = ("{unit}", unit.name.as_str());
    if unit.load_state != "loaded" {
        return vec![say::SYSTEMD_UNKNOWN.with(&[name])];
    }
    let mut found = Vec::new();
    if unit.active_state != "active" {
        found.push(say::SYSTEMD_STOPPED.with(&[name, ("{state}", &unit.active_state)]));
    }
    if unit.file_state != "enabled" {
        found.push(say::SYSTEMD_DISABLED.with(&[name]));
    }
    if !unit.has_watchdog {
        found.push(say::SYSTEMD_UNWATCHED.with(&[name]));
    }
    if unit.restarts > RESTARTS {
        found.push(say::SYSTEMD_RESTARTS.with(&[name, ("{n}", &unit.restarts.to_string())]));
    }
    found.extend((copies && !unit.backup_timer_runs).then(|| say::SYSTEMD_TIMER.said()));
    found
}

fn copies(copies: &Copies, now: Timestamp) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let last = copies.note.last.as_ref();
    let at = last.map_or_else(String::new, |last| last.at.to_string());
    match last {
        None if !copies.is_configured => found.push(say::BACKUP_NONE.said()),
        None if copies.is_late => found.push(say::BACKUP_NEVER.said()),
        Some(_) if copies.is_late => found.push(say::BACKUP_LATE.with(&[("{at}", &at)])),
        _ => {}
    }
    if let Some(failed) = &copies.note.failed {
        let at = failed.at.to_string();
        found.push(say::BACKUP_FAILED.with(&[("{at}", &at), ("{why}", &failed.why)]));
    }
    found.extend(last.is_some_and(|last| last.same_disk).then(|| say::BACKUP_SAME_DISK.said()));
    // Every copy is verified as a whole after it was made, and with it the ledger.
    let is_verified = last.is_some_and(|last| now.duration_since(last.at) <= UNVERIFIED);
    found.extend((!is_verified).then(|| say::LEDGER_UNVERIFIED.said()));
    or_good(found, say::BACKUP.with(&[("{at}", &at)]))
}

#[cfg(test)]
mod tests;
