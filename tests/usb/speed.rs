//! Does a printer on a cable ever wait for us? Takes minutes of real time, so it is run only by its name
//! (`tests/bench/print-usb`). Knows the driver by its public doors only.

use drivers::contract::{CardImage, FaceImage, PreparedCard};
use emulators::transport::usbip::Cable;

use crate::Test;
use crate::bench::{black_face, open};
use crate::office::Printer;

pub const TESTS: &[Test] = &[("the_printer_hardly_waits", the_printer_hardly_waits)];

/// Two-sided colour cards that are measured; one more goes before them.
const CARDS: u32 = 3;

/// A real computer should stay below a hundredth; the guest's processor is interpreted.
const WAITED_MAX_SHARE: f64 = 0.05;

fn the_printer_hardly_waits() {
    let mut printer = Printer::in_real_time("A1", "YMCKO");
    printer.plug(Cable::good());
    let mut driver = open(&printer);
    let head = driver.prepress().head();
    let colour = |number| -> FaceImage {
        let mut face = black_face(head, number);
        for (i, rgb) in face.rgb.chunks_exact_mut(3).enumerate() {
            rgb.copy_from_slice(&[100 + (i % 97) as u8, 90, 110]);
        }
        face
    };
    let image = CardImage { front: colour(0), back: Some(colour(1)), stays_inside: false };
    let mut card = PreparedCard::default();
    driver.prepress().prepare(&image, &mut card).unwrap();
    let figures = |printer: &Printer| {
        let state = printer.machine.lock().state();
        ["clock_s", "printed_s", "bytes_heard"].map(|name| state["machine"][name].as_f64().unwrap())
    };
    driver.print(&card).unwrap();
    let before = figures(&printer);
    for _ in 0..CARDS {
        driver.print(&card).unwrap();
    }
    let [span, work, bytes] = {
        let after = figures(&printer);
        [0, 1, 2].map(|i| (after[i] - before[i]) / f64::from(CARDS))
    };
    let share = (span - work) / span;
    println!(
        "{{\"bench\":\"print-usb\",\"ours\":{:.3},\"peer\":null,\"ratio\":null,\"unit\":\"% of a card's time waited\",\
         \"waited_s\":{:.3},\"card_s\":{work:.2},\"bytes_per_card\":{bytes:.0},\"cards\":{CARDS}}}",
        share * 100.0,
        span - work
    );
    assert!(share < WAITED_MAX_SHARE, "{share}");
}
