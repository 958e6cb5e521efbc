//! What the tests do again and again: open a driver, prepare a card, hold a picture against its source. No test here.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drivers::contract::{
    CardImage, CardOut, CardPrinter, DeviceError, FaceImage, HeadSize, PreparedCard, Whereabouts,
};
use drivers::transport::usb::{Usb, UsbName};
use drivers::transport::{Transport, TransportError, Whole};
use emulators::machine::{Lever, Picture};

use crate::office::Printer;

/// A machine that does not answer at all is given up after so long where that is what is tested; in the field it is 30 s.
pub const PATIENCE: Duration = Duration::from_millis(600);

/// Makes a wire's user impatient, and patient again.
#[derive(Clone, Default)]
pub struct Haste(Arc<AtomicBool>);

impl Haste {
    pub fn set(&self, impatient: bool) {
        self.0.store(impatient, Ordering::Relaxed);
    }

    /// A wire whose user has this haste.
    pub fn over<T>(&self, wire: T) -> Hasty<T> {
        Hasty { wire, haste: self.clone() }
    }

    fn limit(&self, patience: Duration) -> Duration {
        if self.0.load(Ordering::Relaxed) { patience.min(PATIENCE) } else { patience }
    }
}

/// See [`Haste::over`].
pub struct Hasty<T> {
    wire: T,
    haste: Haste,
}

impl<T: Transport> Transport for Hasty<T> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.wire.send(request, self.haste.limit(patience))
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.wire.receive(answer, self.haste.limit(patience))
    }

    fn frame_by(&mut self, whole: Whole) {
        self.wire.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
    }
}

pub fn usb(name: &str) -> Usb {
    Usb::new(name.parse::<UsbName>().unwrap())
}

pub type Driver = Box<dyn CardPrinter>;

pub fn open_by(name: &str) -> Result<Driver, DeviceError> {
    drivers::open("evolis", None, Box::new(usb(name)))
}

pub fn open(printer: &Printer) -> Driver {
    open_by(&format!("serial={}", printer.serial)).unwrap()
}

/// A black bar, at another place for each number.
pub fn black_face(head: HeadSize, number: u32) -> FaceImage {
    let mut face = FaceImage::white(head.width_px, head.height_px);
    let stride = FaceImage::resin_stride(head.width_px);
    for row in 20..60 {
        let at = (row + number as usize * 40) * stride + 3;
        face.resin[at..at + 6].fill(0xff);
    }
    face
}

/// A card of a black front and, with a second number, a black back.
pub fn black_card(
    driver: &dyn CardPrinter,
    front: u32,
    back: Option<u32>,
) -> (CardImage, PreparedCard) {
    let head = driver.prepress().head();
    let image = CardImage {
        front: black_face(head, front),
        back: back.map(|number| black_face(head, number)),
        stays_inside: false,
    };
    let mut card = PreparedCard::default();
    driver.prepress().prepare(&image, &mut card).unwrap();
    (image, card)
}

/// Resin is black, everything else as the source has it.
pub fn assert_shows(seen: &Picture, source: &FaceImage) {
    let pixels = seen.rgb.chunks_exact(3).zip(source.rgb.chunks_exact(3));
    for (i, (seen, sent)) in pixels.enumerate() {
        let (x, y) = (i as u32 % source.width_px, i as u32 / source.width_px);
        let want = if source.is_resin(x, y) { &[0; 3] } else { sent };
        assert_eq!(seen, want, "{x},{y}");
    }
}

/// What came out last is this card.
pub fn assert_printed(printer: &Printer, image: &CardImage) {
    let machine = printer.machine.lock();
    let card = machine.last_card().unwrap();
    assert_shows(&card.front, &image.front);
    match (&card.back, &image.back) {
        (Some(seen), Some(source)) => assert_shows(seen, source),
        (None, None) => {}
        _ => panic!("the wrong number of sides"),
    }
    assert_eq!(machine.not_understood(), 0);
}

/// Is what the driver says of the card true? A card has moved when it has entered the head: the blank of these jobs
/// has no other place to go first.
///
/// `surely_untouched`: nobody could know otherwise, so "unknown" would call a person for nothing.
pub fn assert_truth(
    result: &Result<CardOut, DeviceError>,
    moved: u64,
    surely_untouched: bool,
    when: &str,
) {
    match result {
        Ok(_) => assert_eq!(moved, 1, "{when}: the driver says that a card came out"),
        Err(error) if error.card == Whereabouts::Untouched => {
            assert_eq!(moved, 0, "{when}: {error}");
        }
        Err(error) => assert!(!surely_untouched, "{when}: nothing had moved, yet: {error}"),
    }
}

/// After a fault somebody looks at the machine and takes out what is in it.
pub fn tidy(printer: &Printer) {
    let mut machine = printer.machine.lock();
    machine.hang_up();
    machine.pull(Lever::TakeCardOut);
}

/// Files that this process has open.
pub fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Threads that this process has.
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}
