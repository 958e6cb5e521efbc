//! `kartud.toml` as types: every key, its default, and all faults of a file at once. Reads text only; opens no file,
//! starts nothing.

mod address;
mod backup;
mod encoder;
mod fault;
mod heartbeat;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use address::Address;
pub use backup::Backup;
pub use encoder::Encoder;
pub use fault::Fault;
pub use heartbeat::{Heartbeat, SecretUrl};

use crate::toml_sheet::{ConfigFault, Page, Sheet};

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[station]`
    pub station: Station,
    /// `[http]`
    pub http: Http,
    /// `[office]`
    pub office: Office,
    /// `[products]`
    pub products: Products,
    /// `[vault]`
    pub vault: Vault,
    /// `[backup]`
    pub backup: Backup,
    /// `[product.NAME]`: how a product is printed here.
    pub product: BTreeMap<String, ProductSettings>,
    /// `[printer]`
    pub printer: Printer,
    /// `[encoder]`; `None`: chips are not written here.
    pub encoder: Option<Encoder>,
    /// `[heartbeat]`; `None`: nobody outside is told that the station lives.
    pub heartbeat: Option<Heartbeat>,
    /// `[log]`
    pub log: Log,
}

/// `[station]`
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Shown in events and on the page.
    pub name: String,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Creates the ledger if there never was one. Not a key of the file: the command line sets it.
    pub new_ledger: bool,
    /// The office's time zone, hours east of Greenwich: decides which day it is.
    pub utc_offset_hours: i8,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// Address of the API and the page; loopback only, until approvals are verified.
    pub listen: SocketAddr,
    /// Largest request that is read, bytes: a photo of 2 MiB in base64, and its job.
    pub max_request_bytes: usize,
    /// Requests handled at once; further ones are answered 503 with `Retry-After`.
    pub max_requests: usize,
}

/// `[office]`
#[derive(Debug, Clone, PartialEq)]
pub struct Office {
    /// The office's profile; empty: the sample office, and CONTOH on every card.
    pub profile: Option<PathBuf>,
}

/// `[products]`
#[derive(Debug, Clone, PartialEq)]
pub struct Products {
    /// Folder with one folder per product; empty: the built-in ones.
    pub folder: Option<PathBuf>,
}

/// `[vault]`
#[derive(Debug, Clone, PartialEq)]
pub struct Vault {
    /// Folder with one file per key, for keys that are not in `$CREDENTIALS_DIRECTORY`; empty: none.
    pub folder: Option<PathBuf>,
}

/// As long as a recommendation without an end is valid (DOMAIN 7.2).
const STALE_AFTER_DAYS: u32 = 7;

/// `[product.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct ProductSettings {
    /// One of the product's layouts; empty: its first.
    pub layout: Option<String>,
    /// Jobs with older issue dates are held, days; absent: the product's own limit.
    pub issue_age_max_days: Option<u32>,
    /// A second card for one person within this many days gets a warning; 0: never; absent: the product's own limit.
    pub same_holder_days: Option<u32>,
    /// A job that waits longer than this is held, days.
    pub stale_after_days: u32,
    /// Print the background layer; off for preprinted blanks.
    pub background: bool,
    /// Moves everything to the right, mm, for this batch of blanks.
    pub offset_x_mm: f32,
    /// Moves everything down, mm, for this batch of blanks.
    pub offset_y_mm: f32,
}

impl Default for ProductSettings {
    fn default() -> Self {
        Self {
            layout: None,
            issue_age_max_days: None,
            same_holder_days: None,
            stale_after_days: STALE_AFTER_DAYS,
            background: true,
            offset_x_mm: 0.0,
            offset_y_mm: 0.0,
        }
    }
}

/// `[printer]`
#[derive(Debug, Clone, PartialEq)]
pub struct Printer {
    /// Family of the machine.
    pub family: String,
    /// Model, as in the family's `models.toml`; empty: read it from the machine.
    pub model: Option<String>,
    /// Its address.
    pub address: Address,
    /// `[printer.emulator]`: the machine behind the address `emulated`.
    pub emulator: Emulator,
}

/// `[printer.emulator]`
#[derive(Debug, Clone, PartialEq)]
pub struct Emulator {
    /// The model.
    pub model: String,
    /// The ribbon in it.
    pub ribbon: String,
    /// Folder for pictures of finished cards.
    pub folder: PathBuf,
    /// Factor on all durations: 1 = as on a real machine, 0 = at once.
    pub slowness: f64,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Indonesia has three zones, the world a few more.
const OFFSETS: std::ops::RangeInclusive<i8> = -12..=14;

impl Config {
    /// Reads a whole file; paths in it are relative to `folder`, which contains the file.
    ///
    /// # Errors
    /// Every fault in the text, in the order of its lines.
    pub fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Fault>> {
        let faults = match Page::read(text, |sheet| read(sheet, folder)) {
            Ok(config) => return Ok(config),
            Err(faults) => faults,
        };
        let told = |f: &ConfigFault| Fault::of_key(None, f.line, &f.key, &f.words);
        Err(faults.iter().map(told).collect())
    }

    /// How a product is printed here.
    pub fn settings_of(&self, product: &str) -> ProductSettings {
        self.product.get(product).cloned().unwrap_or_default()
    }

    /// Is no office configured, so that every card must have CONTOH on it?
    pub fn specimen(&self) -> bool {
        self.office.profile.is_none()
    }
}

fn read(mut sheet: Sheet<'_>, folder: &Path) -> Config {
    let printer = sheet.section("printer", |s| printer(s, folder));
    let config = Config {
        station: sheet.section("station", |s| station(s, folder)),
        http: sheet.section("http", http),
        office: Office { profile: sheet.section("office", |s| path(s, "profile", folder)) },
        products: Products { folder: sheet.section("products", |s| path(s, "folder", folder)) },
        vault: Vault { folder: sheet.section("vault", |s| path(s, "folder", folder)) },
        backup: sheet.section("backup", |s| backup::backup(s, folder)),
        product: sheet.children("product").into_iter().map(product).collect(),
        encoder: sheet.section("encoder", |s| encoder::encoder(s, &printer.address)),
        printer,
        heartbeat: sheet.section("heartbeat", heartbeat::heartbeat),
        log: sheet.section("log", log),
    };
    sheet.close();
    config
}

/// A text, or its default.
fn text(sheet: &mut Sheet<'_>, key: &'static str, default: &str) -> String {
    sheet.text(key).unwrap_or_else(|| default.to_owned())
}

/// A text; an empty one counts as absent.
fn said(sheet: &mut Sheet<'_>, key: &'static str) -> Option<String> {
    sheet.text(key).filter(|text| !text.is_empty())
}

fn path(sheet: &mut Sheet<'_>, key: &'static str, folder: &Path) -> Option<PathBuf> {
    said(sheet, key).map(|typed| folder.join(typed))
}

fn station(s: &mut Sheet<'_>, folder: &Path) -> Station {
    let utc_offset_hours = s.number("utc_offset_hours").unwrap_or(7);
    if !OFFSETS.contains(&utc_offset_hours) {
        s.fault_in_english("utc_offset_hours", "must lie between -12 and 14");
    }
    Station {
        name: text(s, "name", "kartu-1"),
        ledger: folder.join(text(s, "ledger", "/var/lib/kartu/ledger.db")),
        new_ledger: false,
        utc_offset_hours,
    }
}

fn http(s: &mut Sheet<'_>) -> Http {
    let typed = text(s, "listen", "127.0.0.1:8631");
    let listen = typed.parse().unwrap_or_else(|_| {
        let rule = "must be an IP address and a port, such as \"127.0.0.1:8631\"";
        s.fault_in_english("listen", rule);
        SocketAddr::from(([127, 0, 0, 1], 8631))
    });
    if !listen.ip().is_loopback() {
        s.fault_in_english(
            "listen",
            "must be a loopback address: this version does not yet check approvals and must not be reachable \
             from other machines; put the upstream adapter on this machine",
        );
    }
    let max_request_bytes = s.number("max_request_bytes").unwrap_or(4 * 1024 * 1024);
    if !(64 * 1024..=64 * 1024 * 1024).contains(&max_request_bytes) {
        s.fault_in_english("max_request_bytes", "must lie between 65536 and 67108864");
    }
    let max_requests = s.number("max_requests").unwrap_or(128);
    if !(1..=4096).contains(&max_requests) {
        s.fault_in_english("max_requests", "must lie between 1 and 4096");
    }
    Http { listen, max_request_bytes, max_requests }
}

fn product((name, mut s): (String, Sheet<'_>)) -> (String, ProductSettings) {
    // -1: the product's own limit.
    let days = |s: &mut Sheet<'_>, key| s.number::<i64>(key).and_then(|n| u32::try_from(n).ok());
    let settings = ProductSettings {
        layout: said(&mut s, "layout"),
        issue_age_max_days: days(&mut s, "issue_age_max_days"),
        same_holder_days: days(&mut s, "same_holder_days"),
        stale_after_days: s.number("stale_after_days").unwrap_or(STALE_AFTER_DAYS),
        background: s.flag("background").unwrap_or(true),
        offset_x_mm: offset(&mut s, "offset_x_mm"),
        offset_y_mm: offset(&mut s, "offset_y_mm"),
    };
    s.close();
    (name, settings)
}

fn offset(s: &mut Sheet<'_>, key: &'static str) -> f32 {
    let mm: f32 = s.number(key).unwrap_or(0.0);
    if !(-3.0..=3.0).contains(&mm) {
        let rule = "must lie between -3 and 3 mm; a larger error is a wrong face or a wrong blank";
        s.fault_in_english(key, rule);
    }
    mm
}

fn printer(s: &mut Sheet<'_>, folder: &Path) -> Printer {
    let address = text(s, "address", "").parse().unwrap_or_else(|why: String| {
        s.fault_in_english("address", &why);
        Address::None
    });
    let family = text(s, "family", "evolis");
    let known = known_family(s, &family);
    let model = said(s, "model");
    check_model(s, model.as_deref(), known);
    let emulator = s.section("emulator", |s| emulator(s, folder, known));
    Printer { family, model, address, emulator }
}

fn emulator(s: &mut Sheet<'_>, folder: &Path, family: Option<&drivers::Family>) -> Emulator {
    let slowness = s.number("slowness").unwrap_or(1.0);
    if !(0.0..=10.0).contains(&slowness) {
        s.fault_in_english("slowness", "must lie between 0 and 10");
    }
    let model = text(s, "model", "Primacy 2");
    check_model(s, Some(&model), family);
    Emulator {
        model,
        ribbon: text(s, "ribbon", "YMCKO"),
        folder: folder.join(text(s, "folder", "cards")),
        slowness,
    }
}

/// The family of this name; an unknown name is reported.
fn known_family(s: &Sheet<'_>, name: &str) -> Option<&'static drivers::Family> {
    let family = drivers::find(name);
    if family.is_none() {
        let rule = format!("is no family of printers; {}", drivers::known_families());
        s.fault_in_english("family", &rule);
    }
    family
}

/// Without a model, the machine is asked. Without a family, the model cannot be checked.
fn check_model(s: &Sheet<'_>, model: Option<&str>, family: Option<&drivers::Family>) {
    if let (Some(model), Some(family)) = (model, family)
        && !(family.knows)(model)
    {
        let known = (family.models)().join(", ");
        s.fault_in_english("model", &format!("is no model of the family; known: {known}"));
    }
}

fn log(s: &mut Sheet<'_>) -> Log {
    let level = text(s, "level", "info");
    if !LEVELS.contains(&level.as_str()) {
        s.fault_in_english("level", "must be error, warn, info, debug or trace");
    }
    Log { level }
}

/// Every key that [`Config::parse`] knows, with `*` for a product's name; for the test that compares
/// `config/kartud.toml` with the code.
pub fn known_keys() -> Vec<String> {
    Page::keys_asked("[product.\"*\"]", |sheet| drop(read(sheet, Path::new(""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Vec<Fault>> {
        Config::parse(text, Path::new("/etc/kartu"))
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8631");
        assert_eq!(config.printer.address, Address::None);
        assert!(config.specimen());
        assert_eq!(config.settings_of("kia"), ProductSettings::default());
    }

    #[test]
    fn paths_are_taken_from_where_the_file_lies() {
        let config = parse("[office]\nprofile = \"office.toml\"\n").unwrap();
        assert_eq!(config.office.profile, Some("/etc/kartu/office.toml".into()));
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_line() {
        let text = "[http]\nlisten = \"0.0.0.0:80\"\nmax_requets = 4\n[printer]\naddress = 7\n[log]\nlevel = \"loud\"\n";
        let faults = parse(text).unwrap_err();
        let told: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert_eq!(faults.len(), 4, "{told:#?}");
        assert!(
            told[0].starts_with("line 2: http.listen: must be a loopback address"),
            "{}",
            told[0]
        );
        assert_eq!(
            told[1],
            "line 3: http.max_requets: unknown key; the nearest is max_requests. Correct or remove it."
        );
        assert!(told[2].starts_with("line 5: printer.address: must be a text"), "{}", told[2]);
        assert!(told[3].starts_with("line 7: log.level: must be"), "{}", told[3]);
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_the_line() {
        let faults = parse("[http]\nlisten = \n").unwrap_err();
        assert!(faults[0].to_string().starts_with("line 2: "), "{}", faults[0]);
    }
}
