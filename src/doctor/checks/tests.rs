//! Every check with bad facts, and none with good ones.

use std::collections::BTreeSet;

use drivers::text::Text;

use super::*;
use crate::backup::{Failed, LastCopy, Note};
use crate::doctor::{Answers, Level, PrinterFacts, ReaderFacts, worst};

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_772_416_800 + day * 86_400).unwrap()
}

fn copied(day: i64) -> Copies {
    let last =
        LastCopy { at: at(day), head: "1:ab".into(), path: "/copies/a".into(), same_disk: false };
    Copies { is_configured: true, is_late: false, note: Note { last: Some(last), failed: None } }
}

/// A station where all is well.
fn good() -> Facts {
    let ledger = LedgerFacts {
        path: "/var/lib/kartu/ledger.db".into(),
        is_there: true,
        mode: Some(0o600),
        folder_mode: Some(0o700),
        last_line_at: Some(at(0)),
        ..LedgerFacts::default()
    };
    let clock = ClockFacts {
        now: at(0),
        is_synchronised: Some(true),
        has_rtc: Some(true),
        built_after: at(-30),
    };
    let unit = UnitFacts {
        name: "kartud.service".into(),
        load_state: "loaded".into(),
        active_state: "active".into(),
        file_state: "enabled".into(),
        has_watchdog: true,
        restarts: 0,
        backup_timer_runs: true,
    };
    let disk = DiskFacts {
        free_bytes: Some(10 * FREE_LOW),
        sync_ms: Some(4),
        kind: Some(0xef53),
        wear: Some(Wear { life_used_tenths: Some(1), reserve: Some(1) }),
    };
    let answers = Answers { printer_answers: true, state: "idle".into(), ..Answers::default() };
    let printer = PrinterFacts {
        address: "usb:serial=1".into(),
        is_configured: true,
        is_plugged_in: Some(true),
        ..PrinterFacts::default()
    };
    Facts {
        ledger,
        clock,
        disk,
        keys: vec![KeyFact { name: "holder".into(), ..KeyFact::default() }],
        printer,
        reader: Some(ReaderFacts { pcscd_runs: Some(true), ..ReaderFacts::default() }),
        unit: Some(unit),
        answers: Some(answers),
        copies: copied(0),
        ..Facts::default()
    }
}

type Spoil = fn(&mut Facts);

fn unit(facts: &mut Facts) -> &mut UnitFacts {
    facts.unit.as_mut().unwrap()
}

fn reader(facts: &mut Facts) -> &mut ReaderFacts {
    facts.reader.as_mut().unwrap()
}

fn answers(facts: &mut Facts) -> &mut Answers {
    facts.answers.as_mut().unwrap()
}

/// What is spoiled, and what must then be said.
const CASES: &[(&str, Spoil)] = &[
    ("config.wrong", |f| f.config_faults.push(Text::fixed("salah", "wrong"))),
    ("config.specimen", |f| f.specimen = true),
    ("ledger.lost", |f| (f.ledger.is_lost, f.ledger.is_there) = (true, false)),
    ("ledger.missing", |f| f.ledger.is_there = false),
    ("ledger.unreadable", |f| f.ledger.unreadable = Some("torn".into())),
    ("config.open", |f| f.is_secret_open = true),
    ("ledger.erased", |f| f.ledger.is_erased = true),
    ("ledger.retired", |f| f.ledger.is_retired = true),
    ("ledger.open", |f| f.ledger.mode = Some(0o100_640)),
    ("ledger.folder_open", |f| f.ledger.folder_mode = Some(0o40_770)),
    ("ledger.owner", |f| f.ledger.owners_differ = true),
    ("ledger.unverified", |f| f.copies = copied(-40)),
    ("disk.full", |f| f.disk.free_bytes = Some(FREE_MIN - 1)),
    ("disk.low", |f| f.disk.free_bytes = Some(FREE_MIN)),
    ("disk.place", |f| f.disk.kind = Some(0x6969)),
    ("disk.place", |f| f.disk.kind = Some(0x4d44)),
    ("disk.memory", |f| f.disk.kind = Some(0x0102_1994)),
    ("disk.slow", |f| f.disk.sync_ms = Some(900)),
    ("disk.worn", |f| f.disk.wear = Some(Wear { life_used_tenths: Some(9), reserve: None })),
    ("disk.worn", |f| f.disk.wear = Some(Wear { life_used_tenths: None, reserve: Some(2) })),
    ("disk.worn_out", |f| f.disk.wear = Some(Wear { life_used_tenths: Some(11), reserve: None })),
    ("clock.wrong", |f| f.clock.now = at(-31)),
    ("clock.wrong", |f| f.clock.now = at(366 * 30)),
    ("clock.behind", |f| f.clock.now = at(-1)),
    ("clock.unsynchronised", |f| f.clock.is_synchronised = Some(false)),
    ("clock.no_battery", |f| f.clock.has_rtc = Some(false)),
    ("clock.jumps", |f| f.ledger.clock_jumps = 2),
    ("keys.folder", |f| f.vault_fault = Some("open to others".into())),
    ("keys.unusable", |f| f.keys[0].fault = Some("open to others".into())),
    ("keys.holder_missing", |f| f.ledger.holder_key = HolderKeyFact::IsMissing),
    ("keys.holder_other", |f| f.ledger.holder_key = HolderKeyFact::IsAnother),
    ("keys.old", |f| f.keys[0].age_days = Some(4000)),
    ("printer.none", |f| f.printer.is_configured = false),
    ("printer.unplugged", |f| f.printer.is_plugged_in = Some(false)),
    ("printer.forbidden", |f| f.printer.forbidden_file = Some("/dev/bus/usb/001/002".into())),
    ("printer.usblp", |f| f.printer.usblp_in_the_way = true),
    ("printer.silent", |f| answers(f).printer_answers = false),
    ("printer.trouble", |f| {
        let words = Text::fixed("Pita habis.", "The ribbon is used up.");
        answers(f).reasons.push(("marker-supply-empty-error".into(), words));
    }),
    ("printer.unasked", |f| f.answers = None),
    ("station.version", |f| answers(f).other_version = Some("0.0.9".into())),
    ("reader.pcscd", |f| reader(f).pcscd_runs = Some(false)),
    ("reader.file", |f| reader(f).unusable_file = Some("/dev/ttyUSB0".into())),
    ("reader.stopped", |f| answers(f).reader_state = Some("stopped".into())),
    ("systemd.unknown", |f| unit(f).load_state = "not-found".into()),
    ("systemd.stopped", |f| unit(f).active_state = "failed".into()),
    ("systemd.disabled", |f| unit(f).file_state = "disabled".into()),
    ("systemd.unwatched", |f| unit(f).has_watchdog = false),
    ("systemd.restarts", |f| unit(f).restarts = 40),
    ("systemd.backup_timer", |f| unit(f).backup_timer_runs = false),
    ("backup.none", |f| f.copies = Copies::default()),
    ("backup.never", |f| {
        f.copies = Copies { is_configured: true, is_late: true, ..Copies::default() };
    }),
    ("backup.late", |f| f.copies.is_late = true),
    ("backup.failed", |f| {
        f.copies.note.failed = Some(Failed { at: at(0), why: "the disk is full".into() });
    }),
    ("backup.same_disk", |f| f.copies.note.last.as_mut().unwrap().same_disk = true),
];

#[test]
fn where_all_is_well_each_part_says_so_and_nothing_is_to_be_done() {
    let found = examine(&good());
    assert_eq!(worst(&found), Level::Good, "{found:#?}");
    let parts: Vec<&str> = found.iter().map(|one| one.code).collect();
    let all =
        ["config", "ledger", "disk", "clock", "keys", "printer", "reader", "systemd", "backup"];
    assert_eq!(parts, all);
    let mut bare = good();
    (bare.unit, bare.reader) = (None, None);
    assert_eq!(worst(&examine(&bare)), Level::Good, "no systemd and no reader are no fault");
}

#[test]
fn each_bad_fact_is_told_with_its_reason_and_what_to_do() {
    for (code, spoil) in CASES {
        let mut facts = good();
        spoil(&mut facts);
        let found = examine(&facts);
        let one = found.iter().find(|one| one.code == *code);
        let one = one.unwrap_or_else(|| panic!("{code}: {found:#?}"));
        assert!(one.level > Level::Good, "{code}");
        for text in [&one.what, &one.why, &one.to_do] {
            assert!(!text.id.is_empty() && !text.en.is_empty(), "{code}");
        }
        assert!(!one.what.en.contains('{') && !one.what.id.contains('{'), "{code}: {:?}", one.what);
    }
}

#[test]
fn everything_that_can_be_said_has_a_case() {
    let can: BTreeSet<&str> = say::ALL.iter().map(|one| one.code).collect();
    assert_eq!(can.len(), say::ALL.len(), "each code stands once");
    let good: BTreeSet<&str> =
        say::ALL.iter().filter(|one| one.level == Level::Good).map(|one| one.code).collect();
    let told: BTreeSet<&str> = CASES.iter().map(|(code, _)| *code).collect();
    assert_eq!(can.difference(&good).copied().collect::<BTreeSet<_>>(), told);
}
