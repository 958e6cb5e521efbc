//! The driver and the emulated machine together, observed from outside. No test here waits.
#![allow(clippy::unwrap_used)]

mod cards;
mod faulty;
mod golden;
mod rest;
mod truth;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use crate::evolis::EvolisSettings;
use crate::machine::{Lever, Picture, SharedMachine};
use crate::transport::emulated::Emulated;
use drivers::contract::*;
use drivers::panels::ColourRule;
use drivers::printers::evolis::models;
use drivers::transport::{Transport, TransportError};

fn settings(model: &str, ribbon: &str) -> EvolisSettings {
    EvolisSettings {
        model: model.to_owned(),
        ribbon: ribbon.to_owned(),
        ..EvolisSettings::instant()
    }
}

fn bench(settings: EvolisSettings) -> (SharedMachine, Box<dyn CardPrinter>) {
    let machine = crate::evolis::emulate(settings).unwrap();
    let printer = drivers::open("evolis", None, Box::new(Emulated::new(machine.clone()))).unwrap();
    (machine, printer)
}

/// Soft colours inside the gamut, a block of resin in a corner.
fn colour_face(head: HeadSize) -> FaceImage {
    let mut face = FaceImage::white(head.width_px, head.height_px);
    for (i, rgb) in face.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i % head.width_px as usize, i / head.width_px as usize);
        rgb.copy_from_slice(&[90 + (x / 8) as u8, 80 + (y / 5) as u8, 110 + ((x + y) / 16) as u8]);
    }
    resin_block(&mut face);
    face
}

fn resin_block(face: &mut FaceImage) {
    let stride = FaceImage::resin_stride(face.width_px);
    for row in 20..60 {
        face.resin[row * stride + 3..row * stride + 9].fill(0xff);
    }
}

fn black_face(head: HeadSize) -> FaceImage {
    let mut face = FaceImage::white(head.width_px, head.height_px);
    resin_block(&mut face);
    face
}

fn prepare(printer: &dyn CardPrinter, front: FaceImage, back: Option<FaceImage>) -> PreparedCard {
    let mut card = PreparedCard::default();
    printer.prepress().prepare(&CardImage { front, back, stays_inside: false }, &mut card).unwrap();
    card
}

fn colour_card(printer: &dyn CardPrinter) -> PreparedCard {
    prepare(printer, colour_face(printer.prepress().head()), None)
}

/// Resin black where asked, and no channel farther from the source than `far`.
fn assert_shows(seen: &Picture, source: &FaceImage, far: u8) {
    for (i, (seen, sent)) in seen.rgb.chunks_exact(3).zip(source.rgb.chunks_exact(3)).enumerate() {
        let (x, y) = (i as u32 % source.width_px, i as u32 / source.width_px);
        if source.is_resin(x, y) {
            assert_eq!(seen, [0; 3], "{x},{y}");
        } else {
            assert!(
                seen.iter().zip(sent).all(|(a, b)| a.abs_diff(*b) <= far),
                "{x},{y}: {seen:?} for {sent:?}"
            );
        }
    }
}

#[test]
fn prints_a_card_on_every_model() {
    for known in models() {
        let model = known.name.as_str();
        // How far a dye dot of the panel may differ from the face's, by colour rule and levels.
        let far = match (known.colour, known.wire.colour_levels) {
            (ColourRule::Dyes, _) => 3,
            (ColourRule::Complement, 256) => 0,
            (ColourRule::Complement, _) => 1,
        };
        let (machine, mut printer) = bench(settings(model, "YMCKO"));
        let face = colour_face(printer.prepress().head());
        let card = prepare(printer.as_ref(), face.clone(), None);
        let out = printer.print(&card).unwrap();
        assert_eq!(
            (out.cards_entered_before, out.cards_entered_after),
            (Some(0), Some(1)),
            "{model}"
        );
        assert_eq!(out.identity.model, model);
        assert_eq!(out.ribbon.unwrap().remaining, 299);
        let machine = machine.lock();
        assert_shows(&machine.last_card().unwrap().front, &face, far);
        assert_eq!(machine.not_understood(), 0, "{model}");
    }
}

#[test]
fn prints_both_sides_and_takes_two_prints_of_ribbon() {
    let (machine, mut printer) = bench(settings("Primacy", "YMCKO"));
    let head = printer.prepress().head();
    let card = prepare(printer.as_ref(), colour_face(head), Some(black_face(head)));
    assert_eq!(card.sides, 2);
    printer.print(&card).unwrap();
    let machine = machine.lock();
    let out = machine.last_card().unwrap();
    assert_shows(&out.front, &colour_face(head), 0);
    assert_shows(out.back.as_ref().unwrap(), &black_face(head), 0);
    assert_eq!((machine.ribbon_left(), machine.not_understood()), (298, 0));
}

#[test]
fn prints_black_on_a_black_ribbon_and_refuses_colour() {
    let (machine, mut printer) = bench(settings("Zenius", "KBLACK"));
    let head = printer.prepress().head();
    printer.print(&prepare(printer.as_ref(), black_face(head), None)).unwrap();
    assert_shows(&machine.lock().last_card().unwrap().front, &black_face(head), 0);
    let colour = CardImage { front: colour_face(head), back: None, stays_inside: false };
    let refused = printer.prepress().prepare(&colour, &mut PreparedCard::default());
    assert_eq!(refused, Err(PrepressError::NoColour { ribbon: "KBLACK".to_owned() }));
    let two =
        CardImage { front: black_face(head), back: Some(black_face(head)), stays_inside: false };
    assert_eq!(
        printer.prepress().prepare(&two, &mut PreparedCard::default()),
        Err(PrepressError::NoFlipper)
    );
}

#[test]
fn the_same_faces_give_the_same_bytes_and_no_new_memory() {
    let (_, printer) = bench(settings("Primacy 2", "YMCKO"));
    let head = printer.prepress().head();
    let image =
        CardImage { front: colour_face(head), back: Some(colour_face(head)), stays_inside: false };
    let mut card = PreparedCard::default();
    printer.prepress().prepare(&image, &mut card).unwrap();
    let (first, memory) = (card.clone(), (card.job.as_ptr(), card.job.capacity()));
    printer.prepress().prepare(&image, &mut card).unwrap();
    assert!(first == card);
    assert_eq!((card.job.as_ptr(), card.job.capacity()), memory);
}

#[test]
fn a_card_takes_as_long_as_on_a_real_machine_but_nobody_waits() {
    let machine =
        crate::evolis::emulate(EvolisSettings { slowness: 1.0, ..settings("Primacy", "YMCKO") })
            .unwrap();
    let wire = Emulated::new(machine.clone());
    let mut printer =
        drivers::open("evolis", None, Box::new(Watched { wire, waited: Arc::default() })).unwrap();
    printer.print(&colour_card(printer.as_ref())).unwrap();
    assert!(machine.lock().last_card().is_some());
}

/// Checks that the machine is not polled more often than every 250 ms, nor for longer than a card takes.
struct Watched {
    wire: Emulated,
    waited: Arc<std::sync::Mutex<Duration>>,
}

impl Transport for Watched {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.wire.send(request, patience)
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.wire.receive(answer, patience)
    }

    fn pause(&mut self, span: Duration) {
        assert_eq!(span, Duration::from_millis(250));
        let mut waited = self.waited.lock().unwrap();
        *waited += span;
        assert!(*waited < Duration::from_secs(20), "a colour side takes about 16 s");
        self.wire.pause(span);
    }
}

/// The computer stalls after the answer to the job, and somebody may open the machine meanwhile.
struct Standstill {
    wire: Emulated,
    machine: SharedMachine,
    /// Time until somebody opens it, whether anybody does, and then time until the computer continues.
    spans: Option<(Duration, bool, Duration)>,
    job_bytes: usize,
    is_job: bool,
}

impl Transport for Standstill {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.is_job = request.len() == self.job_bytes;
        self.wire.send(request, patience)
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.wire.receive(answer, patience)?;
        if let Some((before, hands, after)) = self.spans.take_if(|_| self.is_job) {
            self.wire.pause(before);
            if hands {
                let levers = [Lever::OpenCover, Lever::TakeCardOut, Lever::CloseCover];
                levers.into_iter().for_each(|lever| self.machine.pull(lever));
            }
            self.wire.pause(after);
        }
        Ok(())
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
    }

    fn clock(&self) -> Duration {
        self.wire.clock()
    }
}

/// The answer to the job waited in the wire while the computer stalled: it is out of date.
#[test]
fn an_answer_that_waited_in_the_wire_says_nothing_of_the_card_now() {
    let settings = || EvolisSettings { slowness: 1.0, ..settings("Primacy", "YMCKO") };
    // Seconds until somebody opens it, whether anybody does, seconds until the computer continues, and: was the card
    // watched?
    let courses = [
        (0, false, 0, true),
        (0, false, 5, true),
        (4, true, 5, false),
        (4, true, 10, false),
        (0, false, 40, false),
    ];
    for (before, hands, after, watched) in courses {
        let machine = crate::evolis::emulate(settings()).unwrap();
        let (_, other) = bench(settings());
        let card = colour_card(other.as_ref());
        let spans = Some((Duration::from_secs(before), hands, Duration::from_secs(after)));
        let wire = Emulated::new(machine.clone());
        let job_bytes = card.job.len();
        let wire = Standstill { wire, machine: machine.clone(), spans, job_bytes, is_job: false };
        let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
        let story = format!("{before} s, {hands}, {after} s");
        let watch = match printer.print(&card) {
            Ok(out) => out.watch,
            Err(error) => {
                assert!(hands && error.card != Whereabouts::Untouched, "{story}: {error}");
                error.evidence.unwrap().watch
            }
        };
        assert_eq!(!watch.unseen && !watch.disturbed, watched, "{story}: {watch:?}");
        assert_eq!(machine.lock().last_card().is_some(), !hands, "{story}");
    }
}

fn keywords(error: &DeviceError) -> Vec<&'static str> {
    match &error.cause {
        Cause::Trouble(troubles) => troubles.iter().map(|t| t.keyword).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_wrong_before_the_job_leaves_the_card_untouched() {
    for (lever, keyword, cure) in [
        (Lever::EmptyFeeder, "media-empty", Lever::LoadFeeder(10)),
        (Lever::OpenCover, "cover-open", Lever::CloseCover),
        (Lever::EndRibbon, "marker-supply-empty", Lever::NewRibbon),
    ] {
        let (machine, mut printer) = bench(settings("Primacy", "YMCKO"));
        let card = colour_card(printer.as_ref());
        machine.pull(lever);
        let error = printer.print(&card).unwrap_err();
        assert_eq!((error.card, keywords(&error)), (Whereabouts::Untouched, vec![keyword]));
        assert_eq!(printer.status().unwrap().troubles[0].keyword, keyword);
        assert_eq!(machine.lock().cards_entered(), 0);
        machine.pull(cure);
        assert_eq!(printer.status().unwrap().troubles, []);
        printer.print(&card).unwrap();
    }
}

#[test]
fn a_card_that_sticks_is_in_the_machine_and_is_not_printed_again() {
    let (machine, mut printer) =
        bench(EvolisSettings { slowness: 1.0, ..settings("Primacy", "YMCKO") });
    let card = colour_card(printer.as_ref());
    machine.pull(Lever::JamNextCard);
    let error = printer.print(&card).unwrap_err();
    assert_eq!((error.card, keywords(&error)), (Whereabouts::InMachine, vec!["media-jam"]));
    assert!(machine.lock().last_card().is_none());
    assert_eq!(machine.lock().cards_entered(), 1);
    let status = printer.status().unwrap();
    assert!(status.card_inside && !status.busy);
    machine.pull(Lever::TakeCardOut);
    printer.print(&card).unwrap();
    assert_eq!(machine.lock().last_card().unwrap().number, 2);
}

#[test]
fn the_ribbon_ends_between_the_sides_of_a_card() {
    let (machine, mut printer) =
        bench(EvolisSettings { ribbon_capacity: 1, ..settings("Primacy", "YMCKO") });
    let head = printer.prepress().head();
    let card = prepare(printer.as_ref(), colour_face(head), Some(black_face(head)));
    let error = printer.print(&card).unwrap_err();
    assert_eq!(
        (error.card, keywords(&error)),
        (Whereabouts::InMachine, vec!["marker-supply-empty"])
    );
    assert!(machine.lock().last_card().is_none());
}

#[test]
fn the_last_blank_is_a_good_card() {
    let (machine, mut printer) =
        bench(EvolisSettings { feeder_cards: 1, ..settings("Primacy", "YMCKO") });
    let card = colour_card(printer.as_ref());
    printer.print(&card).unwrap();
    assert_eq!(keywords(&printer.print(&card).unwrap_err()), ["media-empty"]);
    assert_eq!(machine.lock().cards_entered(), 1);
}

#[test]
fn a_card_made_for_another_ribbon_or_model_is_refused() {
    let (_, other) = bench(settings("Primacy 2", "YMCKO"));
    let (machine, mut printer) = bench(settings("Primacy", "KO"));
    for other in [colour_card(other.as_ref()), {
        let (_, same_model) = bench(settings("Primacy", "YMCKO"));
        colour_card(same_model.as_ref())
    }] {
        let error = printer.print(&other).unwrap_err();
        assert_eq!(error.card, Whereabouts::Untouched);
        assert!(matches!(error.cause, Cause::Unsupported(_)));
    }
    assert_eq!(machine.lock().cards_entered(), 0);
}

#[test]
fn a_machine_that_another_program_has_reserved_is_left_alone() {
    let (machine, mut printer) = bench(settings("Primacy", "YMCKO"));
    let card = colour_card(printer.as_ref());
    machine.lock().exchange(b"\x1bPsid;77;45\r\0", &mut Vec::new());
    let error = printer.print(&card).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the printer is reserved by another program (session 77) (card: untouched)"
    );
    machine.lock().elapse(Duration::from_secs(46));
    printer.print(&card).unwrap();
}

#[test]
fn a_blank_is_fed_waits_and_is_printed_or_let_out() {
    let (machine, mut printer) = bench(settings("Primacy", "YMCKO"));
    printer.feed(Stop::Contact).unwrap();
    assert!(printer.status().unwrap().card_inside);
    printer.print(&colour_card(printer.as_ref())).unwrap();
    assert_eq!(machine.lock().cards_entered(), 1);
    printer.feed(Stop::Contactless).unwrap();
    printer.eject(Tray::Reject).unwrap();
    assert!(!printer.status().unwrap().card_inside);
    let error = printer.eject(Tray::Out).unwrap_err();
    assert!(matches!(error.cause, Cause::Refused { .. }), "{error}");
    machine.pull(Lever::EmptyFeeder);
    let error = printer.feed(Stop::Contact).unwrap_err();
    assert_eq!(error.card, Whereabouts::Untouched);
    assert_eq!(machine.lock().not_understood(), 0);
}

#[test]
fn an_unknown_family_or_model_is_refused_by_name() {
    let machine = crate::evolis::emulate(EvolisSettings::instant()).unwrap();
    let wire = || Box::new(Emulated::new(machine.clone()));
    let error = drivers::open("zebra", None, wire()).err().unwrap();
    assert!(error.to_string().contains("known: evolis"), "{error}");
    let error = drivers::open("evolis", Some("Primacy 9"), wire()).err().unwrap();
    assert!(error.to_string().contains("Primacy 2"), "{error}");
    assert!(drivers::open("evolis", Some("evolis primacy"), wire()).is_ok());
    assert!(crate::evolis::emulate(settings("Primacy", "YMCA")).is_err());
}

#[test]
fn the_machine_goes_on_counting_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        EvolisSettings { out_dir: Some(dir.path().to_owned()), ..settings("Primacy", "YMCKO") };
    for number in 1..=2 {
        let (machine, mut printer) = bench(settings.clone());
        let head = printer.prepress().head();
        printer
            .print(&prepare(printer.as_ref(), colour_face(head), Some(black_face(head))))
            .unwrap();
        assert_eq!(machine.lock().cards_entered(), number);
        assert_eq!(u64::from(machine.lock().ribbon_left()), 300 - 2 * number);
        for side in ["front", "back"] {
            let path = dir.path().join(format!("card-{number:06}-{side}.png"));
            assert!(std::fs::read(&path).unwrap().starts_with(b"\x89PNG"), "{path:?}");
        }
    }
    std::fs::write(dir.path().join("machine.json"), b"{").unwrap();
    assert!(crate::evolis::emulate(settings).is_err());
}

#[test]
fn the_emulated_stripe_holds_what_was_written() {
    let (machine, mut printer) = bench(settings("Primacy", "YMCKO"));
    let tracks = Tracks::new([Some("A B/C"), Some("0123456789"), None]).unwrap();
    let stripe = printer.magnetic().unwrap();
    stripe.write(&tracks).unwrap();
    assert_eq!(stripe.read().unwrap(), tracks);
    printer.print(&colour_card(printer.as_ref())).unwrap();
    let machine = machine.lock();
    assert_eq!((machine.cards_entered(), machine.not_understood()), (1, 0), "it was one card");
}

#[test]
fn everything_that_it_tells_is_asked_with_words_that_it_understands() {
    let (machine, mut printer) = bench(settings("Primacy", "KO"));
    let facts = printer.facts().unwrap();
    for (group, name, value) in [
        ("identity", "model", "Primacy"),
        ("identity", "serial number", "EMU0000001"),
        ("state", "major", "READY"),
        ("state", "session", "0"),
        ("status", "CONFIG.MAGNETIC", "option"),
        ("status", "INFORMATION.PRINTER_MASTER", "state"),
        ("ribbon", "label", "KO"),
        ("ribbon", "count", "300"),
        ("counters", "inserted_head", "0"),
        ("modes", "feeder", "1"),
        ("network", "mask", "255.0.0.0"),
    ] {
        assert_eq!(facts.value(group, name), Some(value), "{group} {name}");
    }
    for name in ["zone", "type", "ref", "qty", "progress", "k7", "date", "evosn", "m3"] {
        assert!(facts.value("ribbon", name).is_some(), "{name}");
    }
    assert!(facts.0.iter().all(|fact| fact.group != "status" || fact.words.is_some()));
    let machine = machine.lock();
    assert_eq!((machine.not_understood(), machine.cards_entered()), (0, 0));
}
