//! Snippets that break each rule once, and harmless ones that look alike: a rule that cannot fail checks nothing.

use std::collections::BTreeSet;

use super::documents;
use super::rules::{self, BANS};
use super::scanner::Source;

fn banned(path: &str, text: &str) -> usize {
    let source = Source::new(path, text);
    BANS.iter().map(|ban| ban.faults(&source).len()).sum()
}

#[test]
fn forbidden_imports_are_found_in_every_spelling() {
    for (path, text) in [
        ("drivers/printers/evolis/mod.rs", "use kartu::job::JobRequest;"),
        ("drivers/printers/evolis/mod.rs", "use std::net::TcpStream;"),
        ("drivers/printers/evolis/mod.rs", "use std::{fmt, net::{self, TcpStream as T}};"),
        ("src/http/mod.rs", "fn f() { rusb::Context::new(); }"),
        ("src/lifecycle.rs", "use std::time::{Duration, Instant};"),
        ("src/lifecycle.rs", "use std::time;"),
        ("src/lifecycle.rs", "use std::time::*;"),
        ("src/lifecycle.rs", "fn f() { let t = std::time::SystemTime::now(); }"),
        ("src/approval.rs", "fn f() { jiff::Timestamp::now(); }"),
        ("src/station/scheduler/cards.rs", "use crate::ledger::Ledger;"),
        ("src/station/scheduler.rs", "fn f() { std::sync::mpsc::channel(); }"),
        ("src/approval.rs", "use jiff::Timestamp; fn f() { Timestamp::now(); }"),
        ("src/render/mod.rs", "use std::fs::File;"),
        ("src/product/mod.rs", "fn f() { std::fs::read(\"x\"); }"),
        ("src/queue.rs", "use rusqlite::Connection;"),
        ("src/cli/run.rs", "use axum::Router;"),
        ("src/cli/submit.rs", "fn f() { ureq::get(\"x\"); }"),
        ("src/queue.rs", "fn f() { tiny_skia::Pixmap::new(1, 1); }"),
        ("src/queue.rs", "use p256::ecdsa::SigningKey;"),
        ("src/record/mod.rs", "use std::fs;"),
        ("src/http/jobs.rs", "use drivers::CATALOGUE;"),
        ("src/queue.rs", "fn f() { drivers::open(); }"),
        ("src/station/work.rs", "use emulators::machine::Lever;"),
        ("src/intake/mod.rs", "use crate::http::App;"),
        ("src/render/card.rs", "fn f() { std::thread::spawn(f); }"),
        ("drivers/printers/evolis/mod.rs", "use emulators::evolis;"),
        ("drivers/emulators/evolis/mod.rs", "use std::net::TcpStream;"),
    ] {
        assert!(banned(path, text) > 0, "{path}: {text}");
    }
}

#[test]
fn an_event_that_is_built_or_read_by_hand_is_found() {
    let faults = |path: &str, text: &str| rules::untyped_events(&Source::new(path, text)).len();
    for (path, text) in [
        ("src/station/runner.rs", "fn f() { append(json!({ \"lost\": 1 })); }"),
        ("src/ledger/book.rs", "fn f() { serde_json :: json ! ([]); }"),
        ("src/http/jobs.rs", "fn f() { entry.detail[\"lost\"][\"card\"] == \"in_machine\"; }"),
        ("src/report/encoding.rs", "fn f() { line.detail\n.get(\"evidence\"); }"),
    ] {
        assert_eq!(faults(path, text), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/event.rs", "fn f() { json!({ \"event\": 1 }); }"),
        ("src/http/jobs.rs", "fn f() { json!({}); entry.detail.clone(); }"),
        ("src/queue.rs", "#[cfg(test)]\nmod tests { fn f() { json!({}); } }"),
    ] {
        assert_eq!(faults(path, text), 0, "{path}: {text}");
    }
}

#[test]
fn a_request_that_is_parsed_behind_intake_is_found() {
    let faults = |path: &str, text: &str| rules::parsed_again(&Source::new(path, text)).len();
    let text = "fn f() { serde_json::from_str::<JobRequest>(text); stored . parse_again (); }";
    assert_eq!(faults("src/http/preview.rs", text), 2);
    assert_eq!(faults("src/intake/examiner.rs", text), 0);
    assert_eq!(faults("src/http/preview.rs", "fn f() { stored.card(); }"), 0);
}

#[test]
fn what_only_looks_forbidden_is_let_through() {
    for (path, text) in [
        ("src/lifecycle.rs", "use std::time::Duration;"),
        ("src/lifecycle.rs", "// use std::fs;\n/* use std::fs; /* nested */ use axum; */"),
        (
            "src/lifecycle.rs",
            "const T: &str = \"std::fs::read\"; const R: &str = r#\"use \"axum\"::x;\"#;",
        ),
        (
            "src/lifecycle.rs",
            "#[cfg(test)]\nmod tests {\n use std::fs;\n fn f() { std::fs::read(\"x\"); }\n}",
        ),
        ("src/product/folder.rs", "use std::fs;"),
        ("src/ledger/mod.rs", "use rusqlite::Connection;"),
        ("src/render/mod.rs", "use image::DynamicImage;"),
        ("src/queue.rs", "use crate::render::image::Face; use drivers::contract::CardImage;"),
        ("drivers/transport/tcp.rs", "use std::net::TcpStream;"),
        ("drivers/emulators/transport/serve.rs", "use std::net::TcpListener;"),
        (
            "src/chip/mod.rs",
            "#[cfg(all(test, feature = \"emulators\"))]\nmod tests { fn f() { emulators::install(); } }",
        ),
        ("src/station/mod.rs", "use drivers::CATALOGUE;"),
        ("src/vault.rs", "use p256::SecretKey; use std::fs;"),
    ] {
        assert_eq!(banned(path, text), 0, "{path}: {text}");
    }
}

#[test]
fn a_family_that_knows_another_is_found() {
    let families: BTreeSet<String> = ["evolis", "magicard"].map(str::to_owned).into();
    let faults =
        |path: &str, text: &str| rules::strangers(&Source::new(path, text), &families).len();
    assert_eq!(faults("drivers/printers/evolis/mod.rs", "use crate::magicard::protocol;"), 1);
    assert_eq!(faults("drivers/printers/evolis/mod.rs", "use super::{magicard, words};"), 1);
    assert_eq!(faults("drivers/panels/mod.rs", "fn f() { crate::printers::evolis::open(); }"), 1);
    assert_eq!(faults("drivers/emulators/magicard/mod.rs", "use drivers::printers::evolis;"), 1);
    assert_eq!(faults("drivers/emulators/machine.rs", "use crate::evolis::Settings;"), 1);
    assert_eq!(
        faults("drivers/printers/evolis/job.rs", "use crate::evolis::status; use super::protocol;"),
        0
    );
    assert_eq!(faults("drivers/lib.rs", "fn f() { crate::evolis::open(); }"), 0);
}

#[test]
fn a_family_that_sleeps_is_found() {
    for text in ["use std::thread;", "fn f() { std::thread::sleep(d); }", "use std::time::Instant;"]
    {
        let source = Source::new("drivers/printers/evolis/print.rs", text);
        assert_eq!(rules::FAMILY_BAN.faults(&source).len(), 1, "{text}");
    }
    let patient = Source::new("drivers/printers/evolis/print.rs", "use std::time::Duration;");
    assert_eq!(rules::FAMILY_BAN.faults(&patient).len(), 0);
}

#[test]
fn a_family_without_its_files_is_found() {
    let there: BTreeSet<String> =
        ["readers/new/mod.rs", "readers/new/protocol.rs", "emulators/new/mod.rs"]
            .map(|name| format!("drivers/{name}"))
            .into();
    assert_eq!(rules::missing_files("new", &there), ["drivers/readers/new has no models.toml"]);
    assert_eq!(rules::missing_files("other", &there).len(), 4);
    let beside = ["mod.rs", "driver.rs"].map(|name| format!("drivers/emulators/trial/{name}"));
    assert_eq!(
        rules::missing_files("trial", &beside.into()),
        ["drivers/emulators/trial has no protocol.rs"]
    );
    assert_eq!(rules::family_of("drivers/readers/new/mod.rs"), Some("new"));
    assert_eq!(rules::family_of("drivers/emulators/new/mod.rs"), Some("new"));
    assert_eq!(rules::family_of("drivers/emulators/card/mod.rs"), None);
    assert_eq!(rules::family_of("drivers/transport/tcp.rs"), None);
    assert_eq!(rules::family_of("drivers/models.rs"), None);
}

#[test]
fn long_and_unnamed_files_and_functions_are_found() {
    let body = "    step();\n".repeat(rules::FUNCTION_LINES - 2);
    let fits = format!("//! Fits.\nfn f(a: [u8; 4]) -> Result<(), E> {{\n{body}}}\n");
    assert_eq!(rules::form(&Source::new("src/a.rs", &fits)), Vec::<String>::new());
    let long = fits.replacen("    step();\n", "    if a {\n    }\n", 1);
    assert_eq!(
        rules::form(&Source::new("src/a.rs", &long)),
        [format!(
            "src/a.rs:2 f has {} lines, {} allowed",
            rules::FUNCTION_LINES + 1,
            rules::FUNCTION_LINES
        )]
    );
    let in_a_test = long.replace("fn f", "#[test]\nfn f");
    assert_eq!(rules::form(&Source::new("src/a.rs", &in_a_test)), Vec::<String>::new());
    let file = format!("//! Long.\n{}", "// line\n".repeat(rules::FILE_LINES));
    assert_eq!(rules::form(&Source::new("src/a.rs", &file)).len(), 1);
    assert_eq!(rules::form(&Source::new("src/a.rs", "use x;\n//! Late.\n")).len(), 1);
}

#[test]
fn braces_in_texts_and_characters_do_not_end_a_function() {
    let text = "//! T.\nfn f<'a>(x: &'a str) {\n  let a = '}'; let b = \"}\\\"}\"; let c = b'}'; let d = r#\"}\"}\"#;\n}\n\
                trait T { fn g(&self, then: fn(u8) -> u8); fn h(&self) {} }\n";
    let found: Vec<_> =
        Source::new("src/a.rs", text).functions().into_iter().map(|f| (f.name, f.lines)).collect();
    assert_eq!(found, [("f".to_owned(), 3), ("h".to_owned(), 1)]);
}

#[test]
fn a_file_that_no_module_names_is_found() {
    let of = |files: &[(&str, &str)]| {
        let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        rules::orphans(&sources)
    };
    let root = ("src/lib.rs", "mod a;\npub mod b;");
    assert_eq!(
        of(&[root, ("src/a.rs", "mod c;"), ("src/b/mod.rs", ""), ("src/a/c.rs", "")]).len(),
        0
    );
    assert_eq!(of(&[root, ("src/c.rs", "")]), ["src/c.rs: no module names it"]);
    assert_eq!(
        of(&[root, ("src/a.rs", ""), ("src/a/c.rs", "")]),
        ["src/a/c.rs: no module names it"]
    );
}

#[test]
fn leftovers_are_found_in_code_and_only_there() {
    let count = |text: &str| rules::leftovers(&Source::new("src/a.rs", text)).len();
    for text in ["x.unwrap();", "x\n    .unwrap()", "unsafe { x }"] {
        assert_eq!(count(&format!("fn f() {{ {text} }}")), 1, "{text}");
    }
    // Put together here, so that a search for leftovers in this project finds none.
    for name in ["todo", "unimplemented", "dbg"] {
        assert_eq!(count(&format!("fn f() {{ {name}!(x) }}")), 1, "{name}");
        let elsewhere = format!("// {name}!\nfn f() {{ my_{name}!(\"{name}!\"); }}");
        assert_eq!(count(&elsewhere), 0, "{elsewhere}");
    }
    assert_eq!(count("// x.unwrap()\nfn f() { x.unwrap_or(1); }"), 0);
    assert_eq!(
        count("fn f() {}\n#[cfg(test)]\nmod tests {\n#[test]\nfn t() { x.unwrap(); }\n}"),
        0
    );
    let marked = Source::new(
        "src/a.rs",
        "#[cfg(test)]\nmod golden;\n#[cfg(test)]\npub(super) mod not_this {}",
    );
    assert_eq!(marked.test_modules(), ["golden"]);
    let with_a_feature = "#[cfg(all(test, feature = \"emulators\"))]\nmod examples;";
    assert_eq!(Source::new("src/a.rs", with_a_feature).test_modules(), ["examples"]);
}

#[test]
fn codes_that_only_one_side_has_are_found() {
    let text = "const A: &str = \"H_ONE\"; // E_TWO\n#[cfg(test)]\nmod tests { const B: &str = \"W_THREE\"; }";
    let source = Source::new("src/a.rs", text);
    let named: BTreeSet<String> =
        source.all_words().filter(|word| rules::is_code(word)).map(str::to_owned).collect();
    assert_eq!(named, ["E_TWO", "H_ONE"].map(str::to_owned).into());
    assert_eq!(rules::code_differences(&named, &named), Vec::<String>::new());
    let other = ["E_TWO", "H_FOUR"].map(str::to_owned).into();
    assert_eq!(rules::code_differences(&named, &other).len(), 2);
    assert!(!["E_", "e_two", "H_a", "CODE_E_TWO", "HTTP"].iter().any(|word| rules::is_code(word)));
}

#[test]
fn keys_that_only_one_side_has_are_found() {
    let shipped: toml::Table =
        "[station]\nname = 1\n[product.kia]\nlayout = 1\n".parse().expect("TOML");
    let known = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let same = known(&["station.name", "product.*.layout"]);
    assert_eq!(rules::key_differences(&shipped, &same), Vec::<String>::new());
    let other = known(&["station.name", "product.*.layout", "log.level"]);
    assert_eq!(rules::key_differences(&shipped, &other).len(), 1);
    assert_eq!(rules::key_differences(&shipped, &known(&["station.name"])).len(), 1);
}

#[test]
fn a_map_that_lies_is_found() {
    let there: BTreeSet<String> =
        ["src/lib.rs", "src/main.rs", "src/queue.rs", "src/http/mod.rs"].map(str::to_owned).into();
    let map = |rows: &str| {
        format!(
            "# K\n\n## The map\n\n| where | what |\n|---|---|\n{rows}\n## Next\n| `src/x/` | |\n"
        )
    };
    let faults = |rows: &str| rules::map_differences(&map(rows), &there).len();
    assert_eq!(faults("| [`src/queue.rs`](src/queue.rs), `src/http/` | both |"), 0);
    assert_eq!(faults("| `src/queue.rs` | one is missing |"), 1);
    assert_eq!(faults("| `src/queue.rs`, `src/http/`, `src/gone/` | one too many |"), 1);
    assert_eq!(rules::map_differences("no map at all", &there).len(), 2);
}

#[test]
fn links_and_places_that_lead_nowhere_are_found() {
    let there: BTreeSet<String> = ["README.md", "docs/a.md", "src/a.rs"].map(str::to_owned).into();
    let good =
        "[a](a.md#part) [up](../src/a.rs) [far](https://kartu.example/x) [here](#here) `src/`";
    assert_eq!(documents::dead_links("docs/a.md", good, &there), Vec::<String>::new());
    assert_eq!(documents::gone_places("docs/a.md", good, &there), Vec::<String>::new());
    assert_eq!(documents::dead_links("README.md", "[a](a.md) [b](src/a.rs)", &there).len(), 1);
    assert_eq!(documents::gone_places("README.md", "`src/b.rs` and `src/a.rs`", &there).len(), 1);
    assert_eq!(documents::gone_places("README.md", "`drivers/<family>/`", &there).len(), 0);
}

#[test]
fn commands_that_do_not_exist_are_found() {
    let program = clap::Command::new("kartud")
        .subcommand(clap::Command::new("run").arg(clap::Arg::new("config").long("config")))
        .subcommand(clap::Command::new("keys").subcommand(clap::Command::new("new")));
    let faults = |text: &str| documents::unknown_commands("a.md", text, &program).len();
    assert_eq!(faults("`kartud run --config FILE` and `kartud keys\nnew`"), 0);
    assert_eq!(faults("```\nX=1 target/kartud run --config F   # `kartud fly`\n```"), 0);
    assert_eq!(faults("`kartud fly`, `kartud keys old`, `kartud run --fast`"), 3);
    assert_eq!(faults("```\nkartud fly\n```"), 1);
    assert_eq!(faults("The program kartud flies; `kartu run`."), 0);
}
