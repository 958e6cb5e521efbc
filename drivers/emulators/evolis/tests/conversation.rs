//! The machine's answers, their timing, and what it counts as not understood.

use super::*;
use crate::machine::{AnswerFault, Lever, SpoiltAnswers};
use drivers::printers::evolis::status::{config, error, information};

#[test]
fn every_answer_stands_in_the_frame_byte_for_byte() {
    let mut table = Table::primacy(0.0);
    let mut frame = Vec::new();
    table.machine.exchange(b"\x1bRtp\r\0", &mut frame);
    // CONFIG: X01, Ethernet, flip, contactless, smart, magnetic, feeder; INFORMATION: handles errors itself, just
    // booted.
    let want = b"Primacy\0\x00\x14\x10\x80\x5e\x20\0\0\x81\0\0\0\0\0\0\0\0\0\0\x02\0\0";
    assert_eq!(frame, want);
    table.machine.exchange(b"", &mut frame);
    assert_eq!(frame[frame.len() - 22..], want[want.len() - 22..]);
}

#[test]
fn questions_are_answered_as_captured() {
    let mut table = Table::primacy(0.0);
    for (question, answer) in [
        ("Rem;1", "0"),
        ("Rkc;M", "1"),
        ("Rr;1;1;1", "0"),
        ("Rco;card", "inserted_head: 0"),
        ("Rco;s;1", "1000 1500"),
        ("Rrt;progress", "0"),
        ("Rrt;count", "300"),
        ("Rip", "127.0.0.1"),
        ("Clcd;Rfv", "OPTION NOT AVAILABLE"),
        ("Siscan", "OPTION NOT AVAILABLE"),
        ("Pkc;M;A", "OK"),
        ("Rkc;M", "A"),
        ("Pem;38", "OK"),
        ("Rem;1", "38"),
        ("Rlr", "38"),
    ] {
        assert_eq!(table.text(question), answer, "{question}");
    }
    assert_eq!(
        table.text("Rco;clean"),
        "rem_advised: 1000\nmandatory: 500\nlast_periodic: 0\nperiodic_global: 0\nadvanced_global: 0"
    );
    assert_eq!(table.machine.not_understood(), 0);
}

#[test]
fn what_is_not_understood_is_refused_and_counted_by_kind() {
    let mut table = Table::primacy(0.0);
    for (command, refusal) in [
        ("Xyz", "ERROR CDE"),
        ("Rtp;x", "ERROR PARAMETRES"),
        ("Psid;1", "ERROR PARAMETRES"),
        ("Psid;70000;45", "ERROR PARAMETRES"),
        ("Pem;1", "ERROR PARAMETRES"),
        ("Pcim;Q", "ERROR PARAMETRES"),
        ("Pkc;M;9", "ERROR PARAMETRES"),
        ("Si;1", "ERROR PARAMETRES"),
        ("Scp;z", "ERROR PARAMETRES"),
        ("Pmt;4;1", "ERROR PARAMETRES"),
    ] {
        assert_eq!(table.text(command), refusal, "{command}");
    }
    let mut frame = Vec::new();
    for noise in [&b"hello"[..], b"\x1bDb;q;2;x\r", b"\x1bDb;k;2;short"] {
        table.machine.exchange(noise, &mut frame);
        assert!(frame.starts_with(b"ERROR CDE\0"), "{noise:?}");
    }
    let counted = &table.machine.state()["machine"]["not_understood"];
    assert_eq!(
        (counted["commands"].as_u64(), counted["parameters"].as_u64(), counted["noise"].as_u64()),
        (Some(1), Some(9), Some(3))
    );
    assert_eq!(counted["last_names"][0], "Pmt");
    assert_eq!(table.machine.not_understood(), 13);
}

#[test]
fn a_panel_that_the_model_does_not_print_is_refused() {
    let panel = |opening: &str, bytes: usize| {
        let mut job = transmission(&["Ss", "Sr"]);
        job.extend(opening.bytes());
        job.resize(job.len() + bytes, 0x55);
        job.push(b'\r');
        job
    };
    for (model, opening, bytes, fits) in [
        ("Primacy", "\x1bDb;y;256;", 658_368, true),
        ("Primacy", "\x1bDb;y;64;", 493_776, true),
        ("Primacy", "\x1bDb;y;32;", 411_480, true),
        ("Primacy", "\x1bDb;k;256;", 658_368, false),
        ("Primacy", "\x1bDbx;y;256;300;300;", 658_368, false),
        ("Primacy", "\x1bDbc;k;2;1016;", 1016, false),
        ("Badgy200", "\x1bDbx;y;128;300;260;", 499_618, true),
        ("Badgy200", "\x1bDb;y;128;", 499_618, false),
    ] {
        let mut table =
            Table::new(EvolisSettings { model: model.to_owned(), ..EvolisSettings::instant() });
        let mut frame = Vec::new();
        table.machine.exchange(&panel(opening, bytes), &mut frame);
        let want = if fits { "OK" } else { "ERROR PARAMETRES" };
        assert_eq!(Answer::parse(&frame).unwrap().text, want, "{model} {opening:?}");
        assert_eq!(table.machine.not_understood(), u64::from(!fits), "{model} {opening:?}");
    }
}

#[test]
fn a_move_answers_when_it_is_done_and_status_is_told_meanwhile() {
    let mut table = Table::primacy(1.0);
    assert_eq!(table.delay(&["Sis"]), Duration::from_millis(1500));
    table.machine.hang_up();
    let busy = table.look();
    assert!(
        busy.information & information::BUSY != 0
            && busy.information & information::CARD_SMART != 0
    );
    table.elapse_s(1.5);
    assert_eq!(table.look().information & information::BUSY, 0);
    assert_eq!(table.delay(&["Smr"]), Duration::from_secs(3));
    table.machine.hang_up();
    assert!(table.look().information & information::ENCODING_RUNNING != 0);
}

#[test]
fn an_answer_is_late_lost_or_garbled_as_planned_and_only_then() {
    let plan = |how, after, times| Lever::SpoilAnswers(SpoiltAnswers { how, after, times });
    let mut table = Table::primacy(0.0);
    table.machine.pull(plan(AnswerFault::DelayMs(700), 1, 1));
    assert_eq!(table.delay(&["Rtp"]), Duration::ZERO);
    assert_eq!(table.delay(&["Rtp"]), Duration::from_millis(700));
    table.elapse_s(0.7);
    assert_eq!(table.delay(&[]), Duration::ZERO);
    table.machine.pull(plan(AnswerFault::Never, 0, 2));
    assert_eq!(table.delay(&["Rtp"]), NEVER);
    table.machine.hang_up();
    assert_eq!(table.delay(&["Rtp"]), NEVER);
    table.machine.hang_up();
    let mut frame = Vec::new();
    for seed in 0..300 {
        table.machine.pull(plan(AnswerFault::Garble(seed), 0, 1));
        table.machine.exchange(b"\x1bRtp\r\0", &mut frame);
        assert!(Answer::parse(&frame).is_err(), "seed {seed} is believed");
    }
    for (how, heard) in [(AnswerFault::HangUpUnheard, 0), (AnswerFault::HangUpUnanswered, 1)] {
        table.machine.pull(plan(how, 0, 1));
        table.machine.exchange(b"\x1bSi\r\0", &mut frame);
        assert!(frame.is_empty());
        assert_eq!(table.machine.cards_entered(), heard, "{how:?}");
    }
    assert_eq!(table.text("Rtp"), "Primacy");
}

#[test]
fn sessions_are_kept_and_expire() {
    let mut table = Table::primacy(0.0);
    assert_eq!(table.say(&["Psid;2;45"]).session, 2);
    assert_eq!(table.say(&["Psid;77;45"]).session, 2);
    table.elapse_s(44.0);
    assert_eq!(table.say(&[]).session, 2);
    table.elapse_s(1.0);
    assert_eq!(table.say(&[]).session, 0);
    assert_eq!(table.say(&["Psid;77;45"]).session, 77);
    assert_eq!(table.say(&["Psid;0;45"]).session, 0);
}

#[test]
fn old_firmware_and_a_silent_status_are_as_documented() {
    let mut table = Table::new(EvolisSettings { old_firmware: true, ..EvolisSettings::instant() });
    assert!(table.text("Rco;card").starts_with("ERROR"));
    assert!(table.text("Rco;clean").starts_with("ERROR"));
    assert_eq!(table.text("Rco;c"), "0");
    assert_eq!(table.text("Rco;clp"), "1000");
    assert_eq!(table.machine.not_understood(), 0);
    let mut mute = Table::new(EvolisSettings { status_block: false, ..EvolisSettings::instant() });
    let mut frame = Vec::new();
    mute.machine.exchange(b"\x1bRtp\r\0", &mut frame);
    assert_eq!(frame, b"Primacy 2\0");
    mute.machine.exchange(b"\x1bPps;1\r\0", &mut frame);
    assert!(Answer::parse(&frame).is_ok());
}

#[test]
fn extension_words_are_announced_one_by_one() {
    let mut table = Table::new(EvolisSettings {
        fitted: vec!["SCANNER".to_owned(), "LCD".to_owned()],
        not_fitted: vec!["FLIP".to_owned()],
        ..EvolisSettings::instant()
    });
    let answer = table.say(&[]);
    assert_eq!(answer.extensions, [0x0200_0000]);
    let config = answer.status.config;
    assert!(
        config & config::EXTENSION_1 != 0
            && config & config::LCD != 0
            && config & config::FLIP == 0
    );
    table.machine.pull(Lever::Force { word: crate::machine::Word::Extension3, bits: 4 });
    assert_eq!(table.say(&[]).extensions, [0x8200_0000, 0x8000_0000, 4]);
    table.machine.pull(Lever::Force { word: crate::machine::Word::Error, bits: error::HARDWARE });
    assert_eq!(table.look().error, error::HARDWARE);
    let unknown = EvolisSettings { fitted: vec!["WINGS".to_owned()], ..EvolisSettings::instant() };
    assert!(super::super::emulate(unknown).err().unwrap().to_string().contains("WINGS"));
}
