//! The machine's reports about itself, and the driver's interpretation of them.
#![allow(clippy::unwrap_used)]

use super::colour_card;
use super::scripted::scripted;
use crate::contract::*;
use crate::printers::evolis::status::{config, information, warning};

#[test]
fn old_firmware_is_asked_the_old_questions() {
    let (_, mut printer) = scripted(|told, _| {
        let text = match told {
            "Rco;card" | "Rco;clean" => "ERROR CDE",
            "Rco;c" => "620",
            "Rco;n" => "3",
            "Rco;clp" => "-20",
            "Rco;s;1" => "40 50",
            "Rco;r" => "600",
            "Rco;cnac" => "1",
            _ => return None,
        };
        Some(text.to_owned())
    });
    let status = printer.status().unwrap();
    assert_eq!(status.cards_entered, Some(620));
    let want = Cleaning {
        cards_since: Some(60),
        cards_until_due: Some(0),
        cards_until_warranty_lost: None,
        regular_cleanings: Some(3),
        advanced_cleanings: Some(1),
    };
    assert_eq!(status.cleaning, Some(want));
}

#[test]
fn a_sleeping_machine_is_not_busy_and_a_print_wakes_it() {
    let (_, mut printer) = scripted(|told, machine| {
        match told {
            "JOB" => machine.words.information &= !information::SLEEP_MODE,
            "Rtp" => machine.words.information |= information::SLEEP_MODE,
            _ => {}
        }
        None
    });
    let status = printer.status().unwrap();
    assert!(!status.busy && status.troubles.is_empty());
    assert_eq!(printer.facts().unwrap().value("state", "minor"), Some("INF_SLEEP_MODE"));
    printer.print(&colour_card(printer.as_ref())).unwrap();
    assert_eq!(printer.facts().unwrap().value("state", "minor"), Some("PRINTER_READY"));
}

#[test]
fn progress_and_display_are_asked_only_where_they_are() {
    let (heard, mut printer) = scripted(|told, machine| {
        machine.words.config |= config::LCD;
        machine.words.warning = warning::FEEDER_EMPTY;
        machine.extensions = vec![0x8000_0100, 0x4000];
        match told {
            "Rrt;all" => Some("type 0\r\nqty 300\r\ncount 3".to_owned()),
            "Rrt;progress" => Some("99".to_owned()),
            "Rcim" => Some("ERROR CDE".to_owned()),
            _ => None,
        }
    });
    let facts = printer.facts().unwrap();
    let said = heard.since_opening();
    assert!(said.contains(&"Clcd;Rfv".to_owned()) && !said.contains(&"Rip".to_owned()));
    assert_eq!(facts.value("ribbon", "progress"), Some("99"));
    assert_eq!(facts.value("modes", "feed tray"), None);
    assert_eq!(facts.value("status", "WARNING.FEEDER_EMPTY"), Some("error"));
    assert_eq!(facts.value("status", "EXTENSION_1.FEEDER_NEAR_EMPTY"), Some("warning"));
    assert_eq!(facts.value("status", "EXTENSION_2.bit 17"), Some("unnamed"));
    assert_eq!(facts.value("state", "minor"), Some("DEF_FEEDER_EMPTY"));
    let keywords: Vec<_> =
        printer.status().unwrap().troubles.iter().map(|trouble| trouble.keyword).collect();
    assert_eq!(keywords, ["media-empty", "media-low"]);
}
