//! The house's rules, each a function from source to the faults found in it. Touches no disk, so that every rule
//! can be shown to catch a bad snippet.

use std::collections::BTreeSet;

use super::scanner::{Named, Source};

/// A file is as long as its subject; longer than this, it has two.
pub const FILE_LINES: usize = 800;
pub const FUNCTION_LINES: usize = 50;
/// A test tells a story from beginning to end.
pub const TEST_LINES: usize = 80;
/// Folders with one folder a family: of drivers, and of what does not exist.
const FAMILIES: [&str; 3] = ["drivers/printers/", "drivers/readers/", "drivers/emulators/"];
/// Folders of `drivers/emulators/` that are not a family.
const NO_FAMILY: [&str; 2] = ["card", "transport"];

/// What a part of the project must not name.
pub struct Ban {
    pub rule: &'static str,
    /// Where it holds: path beginnings.
    pub within: &'static [&'static str],
    /// Where it does not, though it lies within.
    pub except: &'static [&'static str],
    pub names: &'static [&'static str],
}

const PURE: &[&str] = &[
    "src/lifecycle",
    "src/event",
    "src/actor",
    "src/evidence",
    "src/supplies",
    "src/codes",
    "src/job",
    "src/finding",
    "src/approval",
    "src/product",
    "src/render",
    "src/chip",
    "src/record",
    "src/station/scheduler",
    "src/nearest.rs",
    "src/toml_sheet.rs",
];
const ALL: &[&str] = &["src/", "drivers/"];

pub const BANS: &[Ban] = &[
    Ban {
        rule: "drivers/ knows nothing of the daemon",
        within: &["drivers/"],
        except: &[],
        names: &["kartu", "kartud"],
    },
    Ban {
        rule: "only drivers/transport/ knows USB",
        within: ALL,
        except: &["drivers/transport/"],
        names: &["rusb", "nusb"],
    },
    Ban {
        rule: "only the two transport/ know sockets and cables",
        within: &["drivers/"],
        except: &["drivers/transport/", "drivers/emulators/transport/"],
        names: &["std::net", "std::os::unix::net", "tokio"],
    },
    Ban {
        rule: "what a build without emulators has knows none of them",
        within: ALL,
        except: &[
            "drivers/emulators/",
            "src/cli/demo",
            "src/cli/emulate/",
            "src/station/emulated.rs",
            // One variant of the ways to a machine.
            "src/station/connect.rs",
        ],
        names: &["emulators"],
    },
    Ban {
        rule: "a pure module has no clock, network, thread or process",
        within: PURE,
        // What rendering takes of memory, and reading a face of time, is bounded by threads.
        except: &["src/render/memory.rs", "src/render/faces.rs"],
        names: &[
            "std::time::SystemTime",
            "std::time::Instant",
            "jiff::Timestamp::now",
            "jiff::Zoned::now",
            "Timestamp::now",
            "Zoned::now",
            "std::net",
            "std::process",
            "std::thread",
            "std::env",
            "tokio",
            "rusqlite",
            "axum",
            "ureq",
        ],
    },
    Ban {
        rule: "the scheduler decides, and does nothing: no ledger's handle, no channel, no thread, no printer's driver",
        within: &["src/station/scheduler"],
        except: &[],
        names: &[
            "crate::ledger::Ledger",
            "crate::clock",
            "crate::report",
            "std::sync",
            "drivers::contract::CardPrinter",
            "drivers::contract::Prepress",
            "drivers::encoder::CardEncoder",
            "drivers::open",
        ],
    },
    Ban {
        rule: "a pure module has no disk",
        within: PURE,
        except: &["src/product/folder.rs"],
        names: &["std::fs"],
    },
    Ban {
        rule: "only ledger/ knows SQLite",
        within: ALL,
        except: &["src/ledger/"],
        names: &["rusqlite"],
    },
    Ban {
        rule: "only http/ knows axum, and the control interface of the emulated machine",
        within: ALL,
        except: &["src/http/", "src/cli/emulate/control.rs"],
        names: &["axum", "hyper", "hyper_util", "tower"],
    },
    Ban {
        rule: "intake is the same for every way in",
        within: &["src/intake/"],
        except: &[],
        names: &["crate::http", "crate::cli", "crate::station", "crate::daemon"],
    },
    Ban {
        rule: "only outbound.rs and cli/client.rs talk HTTP as a client: one place decides about proxies and redirects",
        within: ALL,
        except: &["src/outbound.rs", "src/cli/client.rs"],
        names: &["ureq"],
    },
    Ban {
        rule: "only render/ knows rendering and image codecs",
        within: ALL,
        // The emulated machine lays its cards down as pictures.
        except: &["src/render/", "drivers/emulators/evolis/"],
        names: &[
            "resvg",
            "usvg",
            "tiny_skia",
            "image",
            "jpeg",
            "jpeg_encoder",
            "png",
            "moxcms",
            "harfrust",
            "skrifa",
            "fast_image_resize",
            "pixels",
            "scale",
            "fast_qr",
            "barcoders",
            "rqrr",
        ],
    },
    Ban {
        rule: "only record/ and the vault know how a record is signed",
        within: ALL,
        except: &["src/record/", "src/vault.rs"],
        names: &["p256", "coset"],
    },
    Ban {
        rule: "only main, cli/ and station/ reach the machines",
        within: &["src/"],
        except: &["src/main.rs", "src/cli/", "src/station/"],
        names: &["drivers::CATALOGUE", "drivers::open"],
    },
];

/// Waiting and reading the clock is the wire's business: an emulated run takes no time.
pub const FAMILY_BAN: Ban = Ban {
    rule: "a family waits only through its transport",
    within: &["drivers/"],
    except: &[],
    names: &["std::thread", "std::time::Instant", "std::time::SystemTime"],
};

impl Ban {
    pub fn faults(&self, source: &Source) -> Vec<String> {
        let lies_in = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
        if !lies_in(self.within) || lies_in(self.except) {
            return Vec::new();
        }
        let named = source.named();
        let hits = named.iter().filter(|named| self.names.iter().any(|name| reaches(named, name)));
        hits.map(|hit| format!("{}:{} names {}: {}", source.path, hit.line, hit.path, self.rule))
            .collect()
    }
}

/// Does the code name it, something inside it, or import what stands above it?
fn reaches(named: &Named, banned: &str) -> bool {
    let path = named.path.as_str();
    let inside = |whole: &str, part: &str| {
        whole.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let above = path.strip_suffix("::*").unwrap_or(path);
    // A type may be imported though one of its functions is banned: the call is found where it stands.
    let is_type =
        above.rsplit("::").next().is_some_and(|last| last.starts_with(char::is_uppercase));
    inside(path, banned) || (named.imported && !is_type && inside(banned, above))
}

/// The family whose folder the file lies in.
pub fn family_of(path: &str) -> Option<&str> {
    let inside = FAMILIES.iter().find_map(|folder| path.strip_prefix(folder))?;
    let (family, _) = inside.split_once('/')?;
    (!NO_FAMILY.contains(&family)).then_some(family)
}

/// Only the catalogues (of machines and readers, real or not) name families; a family names itself at most.
const CATALOGUES: [&str; 3] =
    ["drivers/lib.rs", "drivers/emulators/lib.rs", "drivers/emulators/reader.rs"];

/// Families that somebody knows who should not.
pub fn strangers(source: &Source, families: &BTreeSet<String>) -> Vec<String> {
    if !source.path.starts_with("drivers/") || CATALOGUES.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let own = family_of(&source.path);
    let first = |path: &str| {
        path.split("::")
            .find(|part| {
                !matches!(*part, "crate" | "super" | "self" | "drivers" | "printers" | "readers")
            })
            .map(str::to_owned)
    };
    source
        .named()
        .iter()
        .filter(|named| ["crate", "super", "drivers"].iter().any(|at| named.path.starts_with(at)))
        .filter_map(|named| first(&named.path).map(|name| (named, name)))
        .filter(|(_, name)| families.contains(name) && own != Some(name))
        .map(|(named, name)| format!("{}:{} knows the family {name}", source.path, named.line))
        .collect()
}

/// A file opens with what it is; files and functions can be read at a glance.
pub fn form(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    if !source.text.starts_with("//! ") {
        faults.push(format!("{}: does not open with //! what it is", source.path));
    }
    if source.lines() > FILE_LINES {
        faults.push(format!("{}: {} lines, {FILE_LINES} allowed", source.path, source.lines()));
    }
    for function in source.functions() {
        let allowed = if function.in_test { TEST_LINES } else { FUNCTION_LINES };
        if function.lines > allowed {
            faults.push(format!(
                "{}:{} {} has {} lines, {allowed} allowed",
                source.path, function.line, function.name, function.lines
            ));
        }
    }
    faults
}

/// What may panic, or was left behind, outside tests.
pub fn leftovers(source: &Source) -> Vec<String> {
    [".unwrap()", "todo!", "unimplemented!", "dbg!", "unsafe{", "staticmut"]
        .iter()
        .flat_map(|fragment| {
            let lines = source.production_lines_with(fragment);
            lines.into_iter().map(move |line| format!("{}:{line} has {fragment}", source.path))
        })
        .collect()
}

/// Who writes or reads lines of the ledger.
const OF_EVENTS: [&str; 6] =
    ["src/ledger/", "src/station/", "src/queue.rs", "src/evidence", "src/report/", "src/supplies/"];

/// What an event says is a type: nobody else builds its JSON, and nobody reads it by a key.
pub fn untyped_events(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut look = |fragment: &str, why: &str| {
        for line in source.production_lines_with(fragment) {
            faults.push(format!("{}:{line} has {fragment}: {why}", source.path));
        }
    };
    if OF_EVENTS.iter().any(|place| source.path.starts_with(place)) {
        look("json!", "what an event says is built in src/event.rs");
    }
    if source.path.starts_with("src/") && !source.path.starts_with("src/event") {
        for fragment in ["detail[", "detail.get(", "detail.pointer("] {
            look(fragment, "what an event says is read by its type");
        }
    }
    faults
}

/// A job is parsed once, by intake. Only for a card that must be made anew, its request is parsed again; and what its holder
/// is named by stands in no card.
pub fn parsed_again(source: &Source) -> Vec<String> {
    const ALLOWED: [&str; 3] =
        ["src/intake/examiner.rs", "src/ledger/record.rs", "src/ledger/holder.rs"];
    if !source.path.starts_with("src/") || ALLOWED.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let again = [".parse_again(", "from_str::<JobRequest>", "from_slice::<JobRequest>"];
    let lines = again.iter().flat_map(|fragment| source.production_lines_with(fragment));
    lines
        .map(|line| format!("{}:{line} parses a job's request, whose card is stored", source.path))
        .collect()
}

/// Is this word a code, such as `H_STALE`?
pub fn is_code(word: &str) -> bool {
    let name = ["E_", "H_", "W_", "V_"].iter().find_map(|start| word.strip_prefix(start));
    name.is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// Differences between the codes that are named anywhere and those of the registry.
pub fn code_differences(named: &BTreeSet<String>, registry: &BTreeSet<String>) -> Vec<String> {
    let unknown = named.difference(registry).map(|code| format!("{code}: not in src/codes/"));
    let unused = registry.difference(named).map(|code| format!("{code}: nobody says it"));
    unknown.chain(unused).collect()
}

/// Files that every family has, of those that are there: its driver, what its bytes mean, its models, and its emulator. The
/// driver of a family for tests alone stands beside its emulator.
pub fn missing_files(family: &str, there: &BTreeSet<String>) -> Vec<String> {
    let [printers, readers, emulators] = FAMILIES;
    let has = |folder: &str, name: &str| there.contains(&format!("{folder}{family}/{name}"));
    let of_a_reader = there.iter().any(|path| path.starts_with(&format!("{readers}{family}/")));
    let driver = if of_a_reader { readers } else { printers };
    let files: &[(&str, &str)] = if has(emulators, "driver.rs") {
        &[(emulators, "mod.rs"), (emulators, "protocol.rs")]
    } else {
        &[
            (driver, "mod.rs"),
            (driver, "protocol.rs"),
            (driver, "models.toml"),
            (emulators, "mod.rs"),
        ]
    };
    let missing = files.iter().filter(|(folder, name)| !has(folder, name));
    missing.map(|(folder, name)| format!("{folder}{family} has no {name}")).collect()
}

/// Differences between the keys of the shipped configuration and those that the code reads.
pub fn key_differences(shipped: &toml::Table, known: &[String]) -> Vec<String> {
    let mut keys = BTreeSet::new();
    flatten("", shipped, &mut keys);
    let known: BTreeSet<String> = known.iter().cloned().collect();
    let unread = keys.difference(&known).map(|key| format!("{key}: no code reads it"));
    let unshown = known.difference(&keys).map(|key| format!("{key}: kartud.toml does not show it"));
    unread.chain(unshown).collect()
}

/// `station.name`; a product's name is any name, `product.*.layout`.
fn flatten(above: &str, table: &toml::Table, into: &mut BTreeSet<String>) {
    for (name, value) in table {
        let name = if above == "product." { "*" } else { name.as_str() };
        let key = format!("{above}{name}");
        match value {
            toml::Value::Table(below) => flatten(&format!("{key}."), below, into),
            _ => drop(into.insert(key)),
        }
    }
}

/// Differences between the map of ARCHITECTURE.md (a table whose first column names places in backticks) and what is there.
pub fn map_differences(document: &str, there: &BTreeSet<String>) -> Vec<String> {
    let map = document.split("\n## ").find(|part| part.starts_with("The map")).unwrap_or("");
    let rows = map.lines().filter(|line| line.starts_with('|'));
    let named: BTreeSet<&str> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let mut faults: Vec<String> = Vec::new();
    let exists = |place: &str| {
        there.contains(place)
            || (place.ends_with('/') && there.iter().any(|t| t.starts_with(place)))
    };
    faults.extend(
        named
            .iter()
            .filter(|place| !exists(place))
            .map(|place| format!("the map names {place}: not there")),
    );
    let modules: BTreeSet<String> = there.iter().filter_map(|path| module_of(path)).collect();
    faults.extend(
        modules
            .iter()
            .filter(|module| !named.contains(module.as_str()))
            .map(|module| format!("{module} is not on the map")),
    );
    faults
}

/// `src/queue.rs` → itself, `src/http/mod.rs` → `src/http/`.
fn module_of(path: &str) -> Option<String> {
    let below = path.strip_prefix("src/")?;
    match below.split_once('/') {
        Some((folder, _)) => Some(format!("src/{folder}/")),
        None => (below.ends_with(".rs") && !matches!(below, "main.rs" | "lib.rs"))
            .then(|| path.to_owned()),
    }
}

/// Rust files that no module names: nobody compiles them, so what they say is never held to be true.
pub fn orphans(sources: &[Source]) -> Vec<String> {
    let named: BTreeSet<String> = sources.iter().flat_map(modules_named).collect();
    let is_root = |path: &str| ["/lib.rs", "/main.rs"].iter().any(|root| path.ends_with(root));
    let orphans = sources.iter().map(|source| &source.path).filter(|path| !is_root(path));
    orphans
        .filter(|path| !named.contains(path.trim_end_matches(".rs").trim_end_matches("/mod")))
        .map(|path| format!("{path}: no module names it"))
        .collect()
}

/// The files of the modules that a file names, without their ends (`.rs`, `/mod.rs`).
fn modules_named(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = stem.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_root = ["/mod", "/lib", "/main"].iter().any(|root| stem.ends_with(root));
    let below = if is_root { folder } else { stem };
    let mut place = None;
    let mut named = Vec::new();
    for line in source.text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|it| it.strip_suffix("\"]")) {
            place = Some(format!("{folder}/{}", path.trim_end_matches(".rs")));
        }
        let module = line.strip_suffix(';').and_then(|it| it.rsplit_once("mod "));
        if let Some((_, module)) = module {
            named.push(place.take().unwrap_or_else(|| format!("{below}/{module}")));
        }
    }
    named
}
