//! `kartud.toml` as types: every key, its default, and all faults of a file at once.
//! Knows how to read text; opens no file, starts nothing.

mod address;
mod encoder;
mod reader;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use address::Address;
pub use encoder::Encoder;
pub use reader::Fault;
use reader::Reader;

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
    /// `[product.NAME]`: how a product is printed here.
    pub product: BTreeMap<String, ProductSettings>,
    /// `[printer]`
    pub printer: Printer,
    /// `[encoder]`; `None`: chips are not written here.
    pub encoder: Option<Encoder>,
    /// `[log]`
    pub log: Log,
}

/// `[station]`
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Named in events and on the page.
    pub name: String,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The first ledger is made where there never was one. No key of the file: whoever starts the station says it.
    pub new_ledger: bool,
    /// The office's time zone, hours east of Greenwich: decides which day it is.
    pub utc_offset_hours: i8,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// Where the API and the page are; loopback only, until approvals are checked.
    pub listen: SocketAddr,
    /// Largest request that is read, bytes: a photo of 2 MiB in base64, and its job.
    pub max_request_bytes: usize,
    /// Requests worked on at once; more are answered 503 with `Retry-After`.
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
    /// Folder with one folder a product; empty: the built-in ones.
    pub folder: Option<PathBuf>,
}

/// `[vault]`
#[derive(Debug, Clone, PartialEq)]
pub struct Vault {
    /// Folder with one file a key, for what is not in `$CREDENTIALS_DIRECTORY`; empty: none.
    pub folder: Option<PathBuf>,
}

/// As long as a recommendation without an end is good (DOMAIN 7.2).
const STALE_AFTER_DAYS: u32 = 7;

/// `[product.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct ProductSettings {
    /// One of the product's layouts; empty: its first.
    pub layout: Option<String>,
    /// Older issue dates are held, days; absent: the product's own limit.
    pub issue_age_max_days: Option<u32>,
    /// A second card for one person within so many days is warned of; 0: never; absent: the product's own.
    pub same_holder_days: Option<u32>,
    /// A job that waits longer than this is held, days.
    pub stale_after_days: u32,
    /// Print the background layer; off for blanks that come printed.
    pub background: bool,
    /// This batch of blanks: everything moves right by so much, mm.
    pub offset_x_mm: f32,
    /// This batch of blanks: everything moves down by so much, mm.
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
    /// Model, as in the family's `models.toml`; empty: ask the machine.
    pub model: Option<String>,
    /// How to reach it.
    pub address: Address,
    /// `[printer.emulator]`: the machine behind the address `emulated`.
    pub emulator: Emulator,
}

/// `[printer.emulator]`
#[derive(Debug, Clone, PartialEq)]
pub struct Emulator {
    /// Which model it is.
    pub model: String,
    /// Which ribbon is in it.
    pub ribbon: String,
    /// Where it lays finished cards as pictures.
    pub folder: PathBuf,
    /// 1 = as slow as the real one, 0 = at once.
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
    /// Reads a whole file; paths in it are taken from `folder`, where the file lies.
    ///
    /// # Errors
    /// Every fault in the text, in the order of its lines.
    pub fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Fault>> {
        let mut r = Reader::new(text)?;
        let printer = printer(&mut r, folder);
        let config = Config {
            station: station(&mut r, folder),
            http: http(&mut r),
            office: Office { profile: optional_path(&mut r, "office.profile", folder) },
            products: Products { folder: optional_path(&mut r, "products.folder", folder) },
            vault: Vault { folder: optional_path(&mut r, "vault.folder", folder) },
            product: r.tables("product").into_iter().map(|name| product(&mut r, name)).collect(),
            encoder: encoder::encoder(&mut r, &printer.address),
            printer,
            log: log(&mut r),
        };
        r.finish()?;
        Ok(config)
    }

    /// How a product is printed here.
    pub fn settings_of(&self, product: &str) -> ProductSettings {
        self.product.get(product).cloned().unwrap_or_default()
    }

    /// Is nothing real configured, so that every card must say CONTOH?
    pub fn specimen(&self) -> bool {
        self.office.profile.is_none()
    }
}

fn station(r: &mut Reader<'_>, folder: &Path) -> Station {
    let utc_offset_hours = r.number("station.utc_offset_hours", 7);
    if !OFFSETS.contains(&utc_offset_hours) {
        r.fault("station.utc_offset_hours", "must lie between -12 and 14");
    }
    Station {
        name: r.text("station.name", "kartu-1"),
        ledger: folder.join(r.text("station.ledger", "/var/lib/kartu/ledger.db")),
        new_ledger: false,
        utc_offset_hours,
    }
}

fn http(r: &mut Reader<'_>) -> Http {
    let typed = r.text("http.listen", "127.0.0.1:8631");
    let listen = typed.parse().unwrap_or_else(|_| {
        r.fault("http.listen", "must be an IP address and a port, such as \"127.0.0.1:8631\"");
        SocketAddr::from(([127, 0, 0, 1], 8631))
    });
    if !listen.ip().is_loopback() {
        r.fault(
            "http.listen",
            "must be a loopback address: this version does not yet check approvals and must not be reachable \
             from other machines; put the upstream adapter on this machine",
        );
    }
    let max_request_bytes = r.number("http.max_request_bytes", 4 * 1024 * 1024);
    if !(64 * 1024..=64 * 1024 * 1024).contains(&max_request_bytes) {
        r.fault("http.max_request_bytes", "must lie between 65536 and 67108864");
    }
    let max_requests = r.number("http.max_requests", 128);
    if !(1..=4096).contains(&max_requests) {
        r.fault("http.max_requests", "must lie between 1 and 4096");
    }
    Http { listen, max_request_bytes, max_requests }
}

fn product(r: &mut Reader<'_>, name: String) -> (String, ProductSettings) {
    let key = |leaf: &str| format!("product.{name}.{leaf}");
    let layout = r.text(&key("layout"), "");
    // -1: the product's own limit.
    let days: i64 = r.number(&key("issue_age_max_days"), -1);
    let same_days: i64 = r.number(&key("same_holder_days"), -1);
    let settings = ProductSettings {
        layout: Some(layout).filter(|l| !l.is_empty()),
        issue_age_max_days: u32::try_from(days).ok(),
        same_holder_days: u32::try_from(same_days).ok(),
        stale_after_days: r.number(&key("stale_after_days"), STALE_AFTER_DAYS),
        background: r.flag(&key("background"), true),
        offset_x_mm: offset(r, &key("offset_x_mm")),
        offset_y_mm: offset(r, &key("offset_y_mm")),
    };
    (name, settings)
}

fn offset(r: &mut Reader<'_>, key: &str) -> f32 {
    let mm: f32 = r.number(key, 0.0);
    if !(-3.0..=3.0).contains(&mm) {
        r.fault(
            key,
            "must lie between -3 and 3 mm; a larger error is a wrong face or a wrong blank",
        );
    }
    mm
}

fn printer(r: &mut Reader<'_>, folder: &Path) -> Printer {
    let typed = r.text("printer.address", "");
    let address = typed.parse().unwrap_or_else(|why: String| {
        r.fault("printer.address", &why);
        Address::None
    });
    let slowness = r.number("printer.emulator.slowness", 1.0);
    if !(0.0..=10.0).contains(&slowness) {
        r.fault("printer.emulator.slowness", "must lie between 0 and 10");
    }
    let family = r.text("printer.family", "evolis");
    let known = known_family(r, &family);
    let model = r.text("printer.model", "");
    check_model(r, "printer.model", &model, known);
    let emulated = r.text("printer.emulator.model", "Primacy 2");
    check_model(r, "printer.emulator.model", &emulated, known);
    Printer {
        family,
        model: Some(model).filter(|m| !m.is_empty()),
        address,
        emulator: Emulator {
            model: emulated,
            ribbon: r.text("printer.emulator.ribbon", "YMCKO"),
            folder: folder.join(r.text("printer.emulator.folder", "cards")),
            slowness,
        },
    }
}

/// The family of this name; that there is none is said.
fn known_family(r: &mut Reader<'_>, name: &str) -> Option<&'static drivers::Family> {
    let family = drivers::find(name);
    if family.is_none() {
        let rule = format!("is no family of printers; {}", drivers::known_families());
        r.fault("printer.family", &rule);
    }
    family
}

/// Empty: the machine is asked. Without a family nothing can be said of its models.
fn check_model(r: &mut Reader<'_>, key: &str, model: &str, family: Option<&drivers::Family>) {
    let Some(family) = family.filter(|family| !model.is_empty() && !(family.knows)(model)) else {
        return;
    };
    r.fault(key, &format!("is no model of the family; known: {}", (family.models)().join(", ")));
}

fn log(r: &mut Reader<'_>) -> Log {
    let level = r.text("log.level", "info");
    if !LEVELS.contains(&level.as_str()) {
        r.fault("log.level", "must be error, warn, info, debug or trace");
    }
    Log { level }
}

fn optional_path(r: &mut Reader<'_>, key: &str, folder: &Path) -> Option<PathBuf> {
    let typed = r.text(key, "");
    (!typed.is_empty()).then(|| folder.join(typed))
}

/// Every key that [`Config::parse`] knows, with `*` for a product's name; for the test that holds
/// `config/kartud.toml` against the code.
pub fn known_keys() -> Vec<String> {
    let mut r = Reader::new("[product.x]").expect("this is TOML");
    let folder = Path::new("");
    station(&mut r, folder);
    http(&mut r);
    optional_path(&mut r, "office.profile", folder);
    optional_path(&mut r, "products.folder", folder);
    optional_path(&mut r, "vault.folder", folder);
    product(&mut r, "*".into());
    printer(&mut r, folder);
    encoder::encoder(&mut r, &Address::None);
    log(&mut r);
    r.asked()
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
            told[0].starts_with("line 2: http.listen must be a loopback address"),
            "{}",
            told[0]
        );
        assert_eq!(
            told[1],
            "line 3: http.max_requets is not a key; did you mean http.max_requests?"
        );
        assert!(told[2].starts_with("line 5: printer.address must be a text"), "{}", told[2]);
        assert!(told[3].starts_with("line 7: log.level must be"), "{}", told[3]);
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_the_line() {
        let faults = parse("[http]\nlisten = \n").unwrap_err();
        assert!(faults[0].to_string().starts_with("line 2: "), "{}", faults[0]);
    }
}
