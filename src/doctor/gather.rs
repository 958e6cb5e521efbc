//! Gathers the doctor's facts from this computer. Judges nothing; what cannot be found out stays unknown. The one thing that
//! it writes is a small file in the ledger's folder, to measure a sync, and it removes that again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drivers::private_file;
use drivers::transport::usb::{self, UsbPrinter};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{Access, access};

use super::facts::{
    ClockFacts, Copies, DiskFacts, Facts, HolderKeyFact, KeyFact, LedgerFacts, PrinterFacts,
    ReaderFacts, UnitFacts, Wear,
};
use crate::backup::{BackupWatch, Note};
use crate::clock;
use crate::config::{Address, Config};
use crate::holder::{self, HolderKey};
use crate::ledger::{self, LedgerError};
use crate::vault::Vault;

/// Syncs that are measured; their median is told.
const SYNCS: usize = 5;
/// A program that does not answer by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// Jumps of the clock are counted over this time.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The socket of pcscd.
const PCSCD: &str = "/run/pcscd/pcscd.comm";

/// Everything about this computer and this station, whose configuration lies at `file`, but what the running station says.
pub fn facts(config: &Config, file: &Path, now: Timestamp) -> Facts {
    let vault = Vault::open(config.vault.folder.as_deref().unwrap_or(Path::new("")));
    let path = &config.station.ledger;
    let watch = BackupWatch::new(path, &config.backup);
    let copies = Copies {
        is_configured: config.backup.folder.is_some(),
        is_late: watch.now(now).late,
        note: Note::beside(path),
    };
    Facts {
        config_faults: Vec::new(),
        specimen: config.specimen(),
        is_secret_open: config.heartbeat.is_some()
            && fs::metadata(file).is_ok_and(|found| found.mode() & 0o007 != 0),
        ledger: of_ledger(path, &vault, now),
        disk: of_disk(path),
        clock: of_clock(now),
        keys: of_keys(&vault, path, now),
        vault_fault: vault.check().err().map(|fault| fault.to_string()),
        printer: of_printer(&config.printer.address),
        reader: config.encoder.as_ref().map(|one| of_reader(&one.family, &one.address)),
        unit: of_unit(file),
        answers: None,
        copies,
    }
}

fn folder_of(ledger: &Path) -> &Path {
    ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn of_ledger(path: &Path, vault: &Vault, now: Timestamp) -> LedgerFacts {
    let mut facts = LedgerFacts { path: path.display().to_string(), ..LedgerFacts::default() };
    match ledger::must_be_there(path) {
        Ok(()) => facts.is_there = true,
        Err(LedgerError::Lost { .. }) => facts.is_lost = true,
        Err(LedgerError::Missing { .. }) => return facts,
        Err(error) => {
            (facts.is_there, facts.unreadable) = (true, Some(error.to_string()));
            return facts;
        }
    }
    let (file, folder) = (fs::metadata(path), fs::metadata(folder_of(path)));
    facts.mode = file.as_ref().ok().map(MetadataExt::mode);
    facts.folder_mode = folder.as_ref().ok().map(MetadataExt::mode);
    facts.owners_differ =
        file.ok().zip(folder.ok()).is_some_and(|(file, folder)| file.uid() != folder.uid());
    if !facts.is_there {
        return facts;
    }
    match ledger::summary(path) {
        Ok(summary) => {
            (facts.is_retired, facts.is_erased) = (summary.is_retired, summary.is_erased);
            facts.last_line_at = summary.last_at;
            facts.holder_key = of_holder_key(summary.holder_key.as_deref(), vault, path);
            let since = now.saturating_sub(WEEK).unwrap_or(Timestamp::MIN);
            facts.clock_jumps = ledger::clock_jumps_since(path, since).unwrap_or_default();
        }
        Err(error) => facts.unreadable = Some(error.to_string()),
    }
    facts
}

fn of_holder_key(known: Option<&str>, vault: &Vault, ledger: &Path) -> HolderKeyFact {
    let Some(known) = known else { return HolderKeyFact::Fits };
    match HolderKey::find(vault, Some(&holder::beside(ledger))) {
        Ok(None) => HolderKeyFact::IsMissing,
        Ok(Some(key)) if key.fingerprint() != known => HolderKeyFact::IsAnother,
        Ok(Some(_)) | Err(_) => HolderKeyFact::Fits,
    }
}

fn of_disk(ledger: &Path) -> DiskFacts {
    let folder = folder_of(ledger);
    let room = rustix::fs::statvfs(folder).ok();
    let device = fs::metadata(folder).ok().map(|found| found.dev());
    DiskFacts {
        free_bytes: room.map(|room| room.f_bavail.saturating_mul(room.f_frsize)),
        sync_ms: sync_ms(folder).ok(),
        // The field's width and sign depend on the system; the numbers have 32 bits.
        kind: rustix::fs::statfs(folder).ok().map(|disk| disk.f_type as u32),
        wear: device.and_then(wear_of),
    }
}

/// The median of some small writes, each with its sync.
fn sync_ms(folder: &Path) -> io::Result<u64> {
    let path = folder.join(format!(".kartud-doctor-{}", std::process::id()));
    let mut file = private_file::make_new(&path)?;
    let mut took = Vec::new();
    let measured = (0..SYNCS).try_for_each(|_| {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_all()?;
        took.push(began.elapsed());
        Ok(())
    });
    fs::remove_file(&path)?;
    measured.map(|()| {
        took.sort();
        u64::try_from(took[SYNCS / 2].as_millis()).unwrap_or(u64::MAX)
    })
}

/// What the kernel tells of the wear of an SD card or eMMC on which this device lies.
fn wear_of(device: u64) -> Option<Wear> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let place = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    // The disk of a partition is the folder above it.
    let disk = place.ancestors().find(|above| above.join("device/life_time").exists())?;
    let numbers = |name: &str| -> Vec<u8> {
        let text = fs::read_to_string(disk.join("device").join(name)).unwrap_or_default();
        let words = text.split_whitespace();
        words
            .filter_map(|word| u8::from_str_radix(word.trim_start_matches("0x"), 16).ok())
            .collect()
    };
    let life_used_tenths = numbers("life_time").into_iter().max().filter(|tenths| *tenths > 0);
    let reserve = numbers("pre_eol_info").first().copied().filter(|word| *word > 0);
    Some(Wear { life_used_tenths, reserve })
}

fn of_clock(now: Timestamp) -> ClockFacts {
    let told = output("timedatectl", &["show", "--property=NTPSynchronized", "--value"]);
    let is_synchronised = told.as_deref().map(str::trim).and_then(|word| match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    });
    ClockFacts {
        now,
        is_synchronised,
        has_rtc: Path::new("/sys/class")
            .exists()
            .then(|| Path::new("/sys/class/rtc/rtc0").exists()),
        built_after: clock::BUILT_AFTER,
    }
}

fn of_keys(vault: &Vault, ledger: &Path, now: Timestamp) -> Vec<KeyFact> {
    let mut keys: Vec<KeyFact> = vault
        .names()
        .unwrap_or_default()
        .into_iter()
        .map(|name| {
            let fault = vault.key(&name).err().map(|fault| fault.to_string());
            let file = vault.folder().map(|folder| folder.join(&name));
            KeyFact { age_days: file.and_then(|file| age_days(&file, now)), name, fault }
        })
        .collect();
    let beside = holder::beside(ledger);
    if beside.exists() {
        keys.push(KeyFact {
            name: holder::NAME.to_owned(),
            fault: Vault::file(&beside).err().map(|fault| fault.to_string()),
            age_days: age_days(&beside, now),
        });
    }
    keys
}

fn age_days(path: &Path, now: Timestamp) -> Option<i64> {
    let changed = Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok()?;
    Some(now.duration_since(changed).as_hours() / 24)
}

fn of_printer(address: &Address) -> PrinterFacts {
    let mut facts = PrinterFacts { is_configured: true, ..PrinterFacts::default() };
    match address {
        Address::None => facts.is_configured = false,
        #[cfg(feature = "emulators")]
        Address::Emulated => facts.address = "emulated".to_owned(),
        Address::Tcp(address) => facts.address = format!("tcp://{address}"),
        Address::Lp(file) => {
            facts.address = format!("lp:{}", file.display());
            facts.is_plugged_in = Some(file.exists());
            facts.forbidden_file = forbidden(file);
        }
        Address::Usb(name) => {
            facts.address = name.to_string();
            // A computer that shows no USB has nothing plugged in.
            let printers = usb::attached(Path::new(usb::SYSFS)).unwrap_or_default();
            let printer = printers.iter().find(|printer| printer.is(name));
            facts.is_plugged_in = Some(printer.is_some());
            if let Some(printer) = printer {
                facts.forbidden_file = forbidden(&node_of(printer));
                facts.usblp_in_the_way = printer.driver.as_deref() == Some("usblp");
            }
        }
    }
    facts
}

/// Where usbfs has the device.
fn node_of(printer: &UsbPrinter) -> PathBuf {
    format!("/dev/bus/usb/{:03}/{:03}", printer.bus, printer.device).into()
}

/// The file, if it is there and this user may not read and write it.
fn forbidden(file: &Path) -> Option<String> {
    let is_closed = file.exists() && access(file, Access::READ_OK | Access::WRITE_OK).is_err();
    is_closed.then(|| file.display().to_string())
}

fn of_reader(family: &str, address: &str) -> ReaderFacts {
    let file = address.strip_prefix("serial:").map(Path::new);
    let is_usable = |file: &Path| access(file, Access::READ_OK | Access::WRITE_OK).is_ok();
    ReaderFacts {
        family: family.to_owned(),
        pcscd_runs: (family == "pcsc").then(|| Path::new(PCSCD).exists()),
        unusable_file: file.filter(|file| !is_usable(file)).map(|file| file.display().to_string()),
    }
}

/// `None`: this computer was not started by systemd (sd_booted(3)).
fn of_unit(file: &Path) -> Option<UnitFacts> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let (name, timer) = units_of(file);
    let wanted = "--property=LoadState,ActiveState,UnitFileState,WatchdogUSec,NRestarts";
    let told = output("systemctl", &["show", &name, wanted])?;
    let value = |key: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().to_owned()
    };
    let watchdog = value("WatchdogUSec");
    let timer = output("systemctl", &["is-active", &timer]);
    Some(UnitFacts {
        name,
        load_state: value("LoadState"),
        active_state: value("ActiveState"),
        file_state: value("UnitFileState"),
        has_watchdog: !["", "0", "infinity"].contains(&watchdog.as_str()),
        restarts: value("NRestarts").parse().unwrap_or_default(),
        backup_timer_runs: timer.is_some_and(|timer| timer.trim() == "active"),
    })
}

/// The units of the station whose configuration this is, and of its copies: one of several has `/etc/kartu/NAME.toml`.
fn units_of(file: &Path) -> (String, String) {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or("kartud");
    match name {
        _ if file.parent() != Some(Path::new("/etc/kartu")) || name == "kartud" => {
            ("kartud.service".to_owned(), "kartud-backup.timer".to_owned())
        }
        name => (format!("kartud@{name}.service"), format!("kartud-backup@{name}.timer")),
    }
}

/// What a program of this computer prints; `None`: it is not there, or does not answer in time.
pub(crate) fn output(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null());
    // A file, since a pipe that nobody reads would hold up a program that prints much.
    let mut out = tempfile_of_memory()?;
    let child = command.stdout(out.try_clone().ok()?).spawn().ok()?;
    ended_in_time(child)?;
    let mut text = String::new();
    io::Seek::rewind(&mut out).ok()?;
    io::Read::read_to_string(&mut out, &mut text).ok()?;
    Some(text)
}

fn tempfile_of_memory() -> Option<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    rustix::fs::memfd_create("kartud", flags).ok().map(File::from)
}

fn ended_in_time(mut child: Child) -> Option<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(_)) => return Some(()),
            Ok(None) => std::thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_station_of_several_has_units_of_its_own() {
        let units = |file: &str| units_of(Path::new(file));
        let alone = ("kartud.service".to_owned(), "kartud-backup.timer".to_owned());
        assert_eq!(units("/etc/kartu/kartud.toml"), alone);
        assert_eq!(units("/srv/trial/loket-1.toml"), alone);
        let one = ("kartud@loket-1.service".to_owned(), "kartud-backup@loket-1.timer".to_owned());
        assert_eq!(units("/etc/kartu/loket-1.toml"), one);
    }
}
