//! The rules of the house that a program can check, held against the source as it stands. What a rule means is in
//! `architecture/rules.rs`; that each of them can fail is shown in `architecture/bad.rs`.

#[path = "architecture/bad.rs"]
mod bad;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scanner.rs"]
mod scanner;
#[path = "architecture/units.rs"]
mod units;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rules::BANS;
use scanner::Source;

/// Every file below these folders, with `/`, from the project's root.
fn files(folders: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = folders.iter().map(|&folder| folder.to_owned()).collect();
    while let Some(folder) = open.pop() {
        let inside = fs::read_dir(root().join(&folder)).expect("the project's folders can be read");
        for entry in inside.map(|entry| entry.expect("a folder can be read to its end")) {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                open.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Every Rust file; those that only tests compile are marked.
fn sources(folders: &[&str]) -> Vec<Source> {
    let paths = files(folders).into_iter().filter(|path| path.ends_with(".rs"));
    let mut sources: Vec<Source> = paths.map(|path| Source::new(&path, &read(&path))).collect();
    let tests: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            // The modules of `chip/mod.rs` and of `chip.rs` both stand in `chip/`.
            let stem = source.path.trim_end_matches(".rs");
            let folder = ["/mod", "/lib", "/main"].iter().find_map(|root| stem.strip_suffix(root));
            let folder = folder.unwrap_or(stem).to_owned();
            source.test_modules().into_iter().map(move |name| format!("{folder}/{name}"))
        })
        .collect();
    for source in &mut sources {
        let inside = |test: &String| {
            source.path == format!("{test}.rs") || source.path.starts_with(&format!("{test}/"))
        };
        source.is_test_file |= tests.iter().any(inside);
    }
    assert!(sources.len() > 10, "the source is not where it was");
    sources
}

fn families() -> BTreeSet<String> {
    let all = files(&["drivers"]);
    all.iter().filter_map(|path| rules::family_of(path)).map(str::to_owned).collect()
}

fn hold(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

#[test]
fn nobody_imports_what_is_not_his() {
    let sources = sources(&["src", "drivers"]);
    hold(
        sources.iter().flat_map(|source| BANS.iter().flat_map(|ban| ban.faults(source))).collect(),
    );
}

#[test]
fn a_family_keeps_to_itself() {
    let families = families();
    hold(
        sources(&["drivers"])
            .iter()
            .flat_map(|source| rules::strangers(source, &families))
            .collect(),
    );
}

#[test]
fn a_family_waits_only_through_its_transport() {
    let sources = sources(&["drivers"]);
    let of_a_family = sources.iter().filter(|source| rules::family_of(&source.path).is_some());
    hold(of_a_family.flat_map(|source| rules::FAMILY_BAN.faults(source)).collect());
}

#[test]
fn every_family_has_the_same_files() {
    let there = files(&["drivers"]);
    let families = families();
    assert!(families.contains("evolis"), "{families:?}");
    hold(families.iter().flat_map(|family| rules::missing_files(family, &there)).collect());
}

#[test]
fn files_and_functions_can_be_read_at_a_glance() {
    hold(sources(&["src", "drivers", "tests"]).iter().flat_map(rules::form).collect());
}

#[test]
fn every_file_is_compiled() {
    hold(rules::orphans(&sources(&["src", "drivers"])));
}

#[test]
fn nothing_panics_or_was_left_behind() {
    hold(sources(&["src", "drivers"]).iter().flat_map(rules::leftovers).collect());
}

#[test]
fn events_are_typed() {
    hold(sources(&["src"]).iter().flat_map(rules::untyped_events).collect());
}

#[test]
fn a_job_is_parsed_once() {
    hold(sources(&["src"]).iter().flat_map(rules::parsed_again).collect());
}

/// A code that nobody has registered is a job that nobody can lift.
#[test]
fn every_code_is_in_the_registry_and_every_entry_is_said_by_somebody() {
    let sources = sources(&["src", "drivers"]);
    let elsewhere = sources.iter().filter(|source| !source.path.starts_with("src/codes/"));
    let mut named: BTreeSet<String> = elsewhere
        .flat_map(|source| source.all_words())
        .filter(|word| rules::is_code(word))
        .map(str::to_owned)
        .collect();
    for path in files(&["config"]).iter().filter(|path| path.ends_with(".toml")) {
        let text = read(path);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        named.extend(words.filter(|word| rules::is_code(word)).map(str::to_owned));
    }
    let registry = kartu::codes::all().iter().map(|code| code.code.to_owned()).collect();
    hold(rules::code_differences(&named, &registry));
}

/// `KARTU_WRITE_DOCS=1 cargo test --test architecture` writes it anew.
#[test]
fn the_document_of_codes_is_what_the_registry_says() {
    let (path, written) = ("docs/codes.md", kartu::codes::document::markdown());
    if std::env::var_os("KARTU_WRITE_DOCS").is_some() {
        fs::write(root().join(path), &written).expect("docs/codes.md can be written");
    }
    let told = "differs; write it anew: KARTU_WRITE_DOCS=1 cargo test --test architecture";
    assert!(read(path) == written, "{path} {told}");
}

#[test]
fn the_shipped_configuration_has_every_key_and_no_other() {
    let shipped: toml::Table = read("config/kartud.toml").parse().expect("kartud.toml is TOML");
    hold(rules::key_differences(&shipped, &kartu::config::known_keys()));
}

/// Folders of the project; `target/` and what else a checkout has around is none of it.
const TREE: [&str; 12] = [
    "config",
    "docs",
    "drivers",
    "fuzz",
    "jpeg",
    "packaging",
    "picture",
    "pixels",
    "scale",
    "src",
    "systemd",
    "tests",
];

/// Every document, with its text: those at the root, and those in the folders.
fn documents() -> Vec<(String, String)> {
    let inside = fs::read_dir(root()).expect("the project's folders can be read");
    let names = inside.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let paths = names.chain(files(&TREE)).filter(|path| path.ends_with(".md"));
    let documents: Vec<_> = paths.map(|path| (path.clone(), read(&path))).collect();
    assert!(documents.len() > 10, "the documents are not where they were");
    documents
}

fn tree() -> BTreeSet<String> {
    let root = fs::read_dir(root()).expect("the project's folders can be read");
    let top = root.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    files(&TREE).into_iter().chain(top).collect()
}

#[test]
fn several_stations_are_kept_as_closed_as_one() {
    for (one, several) in [
        ("kartud.service", "kartud@.service"),
        ("kartud-backup.service", "kartud-backup@.service"),
        ("kartud-backup.timer", "kartud-backup@.timer"),
    ] {
        let unit = |name: &str| read(&format!("systemd/{name}"));
        hold(units::template_differences(several, &unit(one), &unit(several)));
    }
}

/// A family whose printers the station may not open is found here, not in an office.
#[test]
fn the_rules_of_udev_are_those_of_the_drivers() {
    let vendors = drivers::CATALOGUE.iter().flat_map(|family| (family.usb_vendors)()).copied();
    hold(units::vendor_differences(&read("systemd/70-kartu.rules"), &vendors.collect()));
}

#[test]
fn the_units_name_one_user_and_commands_that_exist() {
    let service = read("systemd/kartud.service");
    for key in ["User", "Group"] {
        assert_eq!(units::values(&service, key), ["kartu"], "{key}");
    }
    assert!(read("systemd/kartu.sysusers").lines().any(|line| line.starts_with("u kartu ")));
    for unit in ["systemd/kartud.socket", "systemd/kartud@.socket"] {
        assert_eq!(units::values(&read(unit), "SocketGroup"), ["kartu"], "{unit}");
    }
    for key in ["ExecStartPre", "ExecStart"] {
        let command = units::values(&service, key)[0].strip_prefix("/usr/bin/").expect("a command");
        let line = command.split(' ');
        let parsed = kartu::cli::command_line().try_get_matches_from(line);
        assert!(parsed.is_ok(), "{command}: {:?}", parsed.err());
    }
}

#[test]
fn the_map_is_true() {
    hold(rules::map_differences(&read("ARCHITECTURE.md"), &tree()));
}

#[test]
fn the_readme_is_short() {
    let bytes = read("README.md").len();
    let allowed = documents::README_BYTES;
    assert!(bytes <= allowed, "README.md has {bytes} bytes, {allowed} allowed");
}

#[test]
fn what_the_documents_name_is_there() {
    let there = tree();
    hold(
        documents()
            .iter()
            .flat_map(|(path, text)| {
                let mut faults = documents::dead_links(path, text, &there);
                faults.extend(documents::gone_places(path, text, &there));
                faults
            })
            .collect(),
    );
}

/// Without the emulators `demo` and `emulate` are absent.
#[cfg(feature = "emulators")]
#[test]
fn every_command_that_the_documents_show_exists() {
    let program = kartu::cli::command_line();
    let documents = documents();
    hold(
        documents
            .iter()
            .flat_map(|(path, text)| documents::unknown_commands(path, text, &program))
            .collect(),
    );
}
