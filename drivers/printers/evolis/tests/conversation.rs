//! The driver's commands, word by word, and its reaction to answers that the emulated machine does not give.
#![allow(clippy::unwrap_used)]

use super::colour_card;
use super::scripted::{scripted, try_scripted};
use crate::contract::*;
use crate::printers::evolis::status::{error, information, warning};
use crate::printers::evolis::troubles::{STOPS_ERROR, STOPS_WARNING};

/// The commands around every call that moves a card (sections 3 and 4.2), and our query for the counter.
const BEFORE: [&str; 4] = ["Psid;2;45", "Rem;1", "Pem;2", "Rco;card"];
const AFTER: [&str; 2] = ["Pem;0", "Psid;0;45"];

fn wrapped(inside: &[&str]) -> Vec<String> {
    [&BEFORE[..], inside, &AFTER].concat().into_iter().map(str::to_owned).collect()
}

#[test]
fn a_print_is_said_in_the_makers_order() {
    let (heard, mut printer) = scripted(|_, _| None);
    let out = printer.print(&colour_card(printer.as_ref())).unwrap();
    let want = [
        "Psid;2;45",
        "Rrt;all",
        "Rem;1",
        "Pem;2",
        "Rco;card",
        "Psid;2;180",
        "JOB",
        "END",
        // The card is out.
        "Rco;card",
        "Rrt;all",
        "Pem;0",
        "Psid;0;45",
    ];
    assert_eq!(heard.since_opening(), want);
    assert_eq!((out.cards_entered_before, out.cards_entered_after), (Some(100), Some(101)));
}

#[test]
fn every_move_is_said_as_the_maker_says_it() {
    type Call = fn(&mut dyn CardPrinter) -> Result<(), DeviceError>;
    let calls: [(&str, Call); 7] = [
        ("Si", |p| p.feed(Stop::Print)),
        ("Si", |p| p.feed(Stop::Magnetic)),
        ("Sis", |p| p.feed(Stop::Contact)),
        ("Sic", |p| p.feed(Stop::Contactless)),
        ("Sce", |p| p.eject(Tray::Out)),
        ("Ser", |p| p.eject(Tray::Reject)),
        ("Scs", |p| p.clear_errors()),
    ];
    for (command, call) in calls {
        let (heard, mut printer) = scripted(|_, machine| {
            machine.words.config = !0;
            None
        });
        call(printer.as_mut()).unwrap();
        assert_eq!(heard.since_opening(), wrapped(&[command]));
    }
}

#[test]
fn a_station_that_is_not_fitted_is_refused_before_anything_is_said() {
    let (heard, mut printer) = scripted(|_, machine| {
        machine.words.config = 0;
        None
    });
    for stop in [Stop::Contact, Stop::Contactless, Stop::Magnetic] {
        let error = printer.feed(stop).unwrap_err();
        assert_eq!(error.card, Whereabouts::Untouched);
        assert!(matches!(error.cause, Cause::Unsupported(_)), "{error}");
    }
    assert!(printer.magnetic().is_none());
    assert_eq!(heard.since_opening(), [""; 0]);
}

#[test]
fn tracks_are_written_and_read_as_captured() {
    let (heard, mut printer) = scripted(|told, machine| {
        match told {
            "Ss" => machine.words.information |= information::CARD_PRINT,
            "Rmb;1" => return Some("%KARTU^CONTOH?".to_owned()),
            "Rmb;2" => return Some("ERROR BLANK TRACK".to_owned()),
            "Rmb;3" => return Some("123=456".to_owned()),
            _ => {}
        }
        None
    });
    let tracks = Tracks::new([Some("KARTU^CONTOH"), None, Some("123=456")]).unwrap();
    printer.magnetic().unwrap().write(&tracks).unwrap();
    let want = wrapped(&["Ss", "Pmt;1;1", "Pmt;3;3", "Dm;1;KARTU^CONTOH", "Dm;3;123=456", "Smw"]);
    assert_eq!(heard.since_opening(), want);
    for (stripe, command) in [(Coercivity::High, "Pmc;h"), (Coercivity::Low, "Pmc;l")] {
        printer.magnetic().unwrap().write(&tracks.clone().for_stripe(Some(stripe))).unwrap();
        assert!(heard.since_opening().contains(&command.to_owned()), "{command}");
    }
    // The card waits inside, so the next call has it.
    let read = printer.magnetic().unwrap().read().unwrap();
    assert!(tracks.differing(&read).is_empty());
    assert_eq!(read.data(2), None);
    assert!(printer.eject(Tray::Out).is_ok());
}

#[test]
fn a_stripe_that_fails_is_told_by_its_fact_and_the_card_is_in_the_machine() {
    for (text, fault) in [
        ("ERROR MAGN", MagneticFault::Failed),
        ("ERROR MAGN DATA", MagneticFault::Data),
        ("ERROR MAGN CHEKSUM", MagneticFault::CheckSum),
        ("ERROR BLANK TRACK", MagneticFault::Blank),
    ] {
        let (heard, mut printer) = scripted(move |told, machine| {
            if told == "Ss" {
                machine.counter += 1;
                machine.words.information |= information::CARD_PRINT;
            }
            (told == "Smw").then(|| text.to_owned())
        });
        let tracks = Tracks::new([None, Some("1"), None]).unwrap();
        let error = printer.magnetic().unwrap().write(&tracks).unwrap_err();
        assert_eq!(error.card, Whereabouts::InMachine);
        assert_eq!(error.cause, Cause::Magnetic(fault));
        assert_eq!(
            heard.since_opening()[7..],
            ["Smw", "Rsn", "Rco;card", "Rrt;all", "Pem;0", "Psid;0;45"][..]
        );
        // A card with only half of its data must not be printed.
        let refused = printer.print(&colour_card(printer.as_ref())).unwrap_err();
        assert_eq!(refused.cause, Cause::CardInside);
    }
}

#[test]
fn a_blank_stripe_is_an_answer_and_the_card_is_still_ours() {
    let (_, mut printer) = scripted(|told, machine| {
        if told == "Ss" {
            machine.words.information |= information::CARD_PRINT;
        }
        (told == "Smr").then(|| "ERROR BLANK TRACK".to_owned())
    });
    let stripe = printer.magnetic().unwrap();
    assert_eq!(stripe.read().unwrap(), Tracks::default());
    stripe.write(&Tracks::new([None, Some("1"), None]).unwrap()).unwrap();
}

#[test]
fn a_reservation_that_comes_late_is_waited_for_and_one_that_never_comes_is_not() {
    // How many polls pass until a session number appears, and which number it is.
    for (late, number) in [(20, 2), (20, 9), (usize::MAX, 2)] {
        let (mut looks, mut asked) = (0, false);
        let (heard, mut printer) = scripted(move |told, machine| {
            asked |= told == "Psid;2;45";
            looks += usize::from(asked && told.is_empty());
            if looks > late {
                machine.session = number;
            }
            (told == "Psid;2;45").then(|| "OK".to_owned())
        });
        match (printer.feed(Stop::Print), late, number) {
            (Ok(()), 20, 2) => {}
            (Err(error), 20, 9) => assert_eq!(error.cause, Cause::Reserved { session: 9 }),
            (Err(error), usize::MAX, _) => assert!(matches!(error.cause, Cause::TooSlow { .. })),
            (other, ..) => panic!("{late}, {number}: {other:?}"),
        }
        let moved = heard.since_opening().contains(&"Si".to_owned());
        assert_eq!(moved, (late, number) == (20, 2));
    }
    let (heard, mut printer) = scripted(|_, machine| {
        machine.session = 77;
        None
    });
    let error = printer.feed(Stop::Print).unwrap_err();
    assert_eq!(error.cause, Cause::Reserved { session: 77 });
    assert_eq!(heard.since_opening(), [""; 0], "it is left alone");
    assert!(printer.status().unwrap().busy);
}

#[test]
fn a_machine_that_restarts_in_a_job_says_nothing_of_the_card() {
    let (heard, mut printer) = scripted(|told, machine| {
        if told == "END" {
            machine.words.information = information::RESET;
            return Some("OK".to_owned());
        }
        None
    });
    let error = printer.print(&colour_card(printer.as_ref())).unwrap_err();
    assert_eq!((error.card, error.cause), (Whereabouts::Unknown, Cause::Restarted));
    assert_eq!(error.evidence.unwrap().owned, Some(false));
    assert_eq!(heard.since_opening()[8..], ["Rsn", "Rco;card", "Rrt;all", "Pem;0", "Psid;0;45"]);
    // A machine that had just been switched on before the job is still the same machine.
    let (_, mut printer) = scripted(|_, machine| {
        machine.words.information |= information::RESET;
        None
    });
    printer.print(&colour_card(printer.as_ref())).unwrap();
}

#[test]
fn another_machine_behind_the_same_plug_is_no_witness() {
    for (serial, want) in [("P1", Whereabouts::Untouched), ("P2", Whereabouts::Unknown)] {
        let mut heard_job = false;
        let (_, mut printer) = scripted(move |told, machine| {
            heard_job |= told == "JOB";
            match told {
                "JOB" => {
                    machine.words.error = error::FEEDER_ERROR;
                    Some("ERROR FEEDER".to_owned())
                }
                "Rsn" if heard_job => Some(serial.to_owned()),
                _ => None,
            }
        });
        let failed = printer.print(&colour_card(printer.as_ref())).unwrap_err();
        assert_eq!(failed.card, want, "{serial}: {failed}");
    }
}

#[test]
fn a_card_that_shall_stay_inside_is_kept_and_one_that_should_be_out_is_told() {
    let inside = |told: &str, machine: &mut super::scripted::ScriptedPrinter| {
        match told {
            "END" => machine.words.information |= information::CARD_PRINT,
            "Sce" => machine.words.information &= !information::CARD_PRINT,
            _ => {}
        }
        None
    };
    let (_, mut printer) = scripted(inside);
    let card = colour_card(printer.as_ref());
    let error = printer.print(&card).unwrap_err();
    assert_eq!((error.card, error.cause), (Whereabouts::InMachine, Cause::CardInside));
    let (_, mut printer) = scripted(inside);
    let card = PreparedCard { stays_inside: true, ..card };
    printer.print(&card).unwrap();
    printer.print(&card).expect("it is our own card");
    printer.eject(Tray::Out).unwrap();
    assert!(!printer.status().unwrap().card_inside);
}

#[test]
fn a_fault_that_keeps_the_job_is_waited_for_and_leaves_the_errors_with_us() {
    for (keeps, want) in [(true, Whereabouts::Unknown), (false, Whereabouts::InMachine)] {
        let (heard, mut printer) = scripted(move |told, machine| {
            if told != "END" {
                return None;
            }
            machine.words.error = error::MECHANICAL;
            machine.words.information |= information::CARD_PRINT;
            keeps.then(|| "OK".to_owned())
        });
        let error = printer.print(&colour_card(printer.as_ref())).unwrap_err();
        assert_eq!(error.card, want);
        assert!(matches!(&error.cause, Cause::Trouble(all) if all[0].keyword == "media-jam"));
        assert_eq!(error.evidence.unwrap().owned, Some(keeps));
        let last = heard.since_opening();
        // If the machine handled errors itself again, it would print the card once more after somebody clears the
        // fault.
        assert_eq!(last.contains(&"Pem;0".to_owned()), !keeps, "{last:?}");
        assert_eq!(last.last().unwrap(), "Psid;0;45");
    }
}

#[test]
fn errors_are_cleared_or_told() {
    let (heard, mut printer) = scripted(|told, machine| {
        match told {
            "Rem;1" => machine.words.error = error::MECHANICAL | error::COVER_OPEN,
            "Scs" => machine.words.error = error::COVER_OPEN,
            _ => {}
        }
        None
    });
    let error = printer.clear_errors().unwrap_err();
    assert!(matches!(&error.cause, Cause::Trouble(all) if all.len() == 1), "{error}");
    assert!(error.to_string().contains("cover-open"), "{error}");
    assert_eq!(heard.since_opening()[4], "Scs");
}

#[test]
fn a_lost_question_after_the_card_is_out_takes_nothing_from_the_card() {
    let mut over = false;
    let (_, mut printer) = scripted(move |told, _| {
        over |= told == "END";
        (over && told.starts_with("R")).then(|| "ERROR CDE".to_owned())
    });
    let out = printer.print(&colour_card(printer.as_ref())).unwrap();
    assert_eq!((out.cards_entered_before, out.cards_entered_after), (Some(100), None));
    assert_eq!(out.ribbon, None);
}

/// Section 2, "Effect on printing": every warning and error bit, alone.
#[test]
fn every_bit_before_and_at_the_end_of_a_job_has_the_captured_effect() {
    let bits = warning::TABLE
        .map(|(mask, name)| (true, mask, name))
        .into_iter()
        .chain(error::TABLE.map(|(mask, name)| (false, mask, name)));
    let (_, other) = scripted(|_, _| None);
    let card = colour_card(other.as_ref());
    for (is_warning, mask, name) in bits {
        let set = move |machine: &mut super::scripted::ScriptedPrinter| {
            if is_warning {
                machine.words.warning |= mask;
            } else {
                machine.words.error |= mask;
            }
        };
        let (stops, spoils) = if is_warning {
            let spoils = ["COOLING", "COVER_OPEN", "NO_RIBBON"].contains(&name);
            (STOPS_WARNING.contains(&name), spoils)
        } else {
            (STOPS_ERROR.contains(&name), STOPS_ERROR.contains(&name))
        };
        let (heard, mut printer) = scripted(move |_, machine| {
            set(machine);
            None
        });
        let before = printer.print(&card);
        assert_eq!(before.is_err(), stops, "{name} before");
        assert_eq!(heard.since_opening().contains(&"JOB".to_owned()), !stops, "{name}");
        let (_, mut printer) = scripted(move |told, machine| {
            if told == "END" {
                set(machine);
            }
            None
        });
        assert_eq!(printer.print(&card).is_err(), spoils, "{name} at the end");
    }
}

#[test]
fn one_changed_byte_is_not_believed() {
    // One byte changes in the serial number when the driver is opened: it must not count as another machine.
    let mut asked = 0;
    let (_, opened) = try_scripted(move |told, _| {
        asked += usize::from(told == "Rsn");
        (told == "Rsn" && asked == 1).then(|| "Q1".to_owned())
    });
    let refused = opened.err().expect("two numbers are none");
    assert!(matches!(refused.cause, Cause::Garbled { command: "Rsn", .. }), "{refused}");
    // One byte changes in a poll during the print: CLAIM is missing once, and back at the next poll.
    let mut looks = 0;
    let (heard, mut printer) = scripted(move |told, machine| {
        match (told, looks) {
            ("END", 0) => looks = 1,
            ("", 1) => {
                (looks, machine.words.information) =
                    (2, machine.words.information | information::CLAIM)
            }
            ("", 2) => (looks, machine.words.error) = (3, error::MECHANICAL),
            _ => {}
        }
        None
    });
    let failed = printer.print(&colour_card(printer.as_ref())).unwrap_err();
    assert_eq!(failed.card, Whereabouts::Unknown, "{failed}");
    assert!(heard.since_opening().contains(&"END".to_owned()));
}

#[test]
fn a_left_job_is_ended_word_by_word_after_its_errors_were_taken_over() {
    let left = |told: &str, machine: &mut super::scripted::ScriptedPrinter| {
        if told == "Rem;1" {
            machine.words.information |= information::CLAIM;
        }
        None
    };
    let (heard, mut printer) = scripted(left);
    printer.abort_orphaned_job().unwrap();
    let want = ["Psid;2;45", "Rem;1", "Pem;2", "Rco;card", "END", "Pem;2", "Pem;0", "Psid;0;45"];
    assert_eq!(heard.since_opening(), want);
    // If the machine does not release the job, the host must keep handling its errors.
    let (heard, mut printer) = scripted(move |told, machine| {
        left(told, machine);
        (told == "END").then(|| "OK".to_owned())
    });
    let error = printer.abort_orphaned_job().unwrap_err();
    assert_eq!((error.card, error.cause), (Whereabouts::Unknown, Cause::Busy));
    assert_eq!(error.evidence.unwrap().owned, Some(true));
    let told = heard.since_opening();
    assert!(!told.contains(&"Pem;0".to_owned()), "{told:?}");
    assert_eq!(told.last().unwrap(), "Psid;0;45");
}
