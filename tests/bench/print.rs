//! Our side of `tests/bench/print`: from composed faces to the moment when the job's first byte goes to the printer,
//! through the driver's own preflight. Prints one card's ms a line.
//!
//! `print ADDR JOB.json PHOTO.jpg CARDS`: ADDR is an emulated printer that takes no time.

mod claimed;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drivers::contract::{CardImage, FaceImage, HeadSize, PreparedCard};
use drivers::transport::tcp::Tcp;
use drivers::transport::{Transport, TransportError, Whole};
use kartu::config::Config;
use kartu::intake::Examiner;

/// A transmission of this size is a job; questions have tens of bytes.
const JOB_MIN_BYTES: usize = 10_000;

fn main() {
    // `cargo bench` adds `--bench` of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [address, job, photo, cards] = args.as_slice() else {
        println!("run tests/bench/print");
        return;
    };
    let cards: usize = cards.parse().expect("a number of cards");
    let began = Arc::new(Mutex::new(None));
    let wire = Watched { wire: Tcp::new(address), began: began.clone() };
    let mut printer = drivers::open("evolis", None, Box::new(wire)).expect("the printer answers");
    let prepress = printer.prepress();
    let image = compose(job, photo, prepress.head());
    let mut card = PreparedCard::default();
    for _ in 0..cards {
        let since = Instant::now();
        prepress.prepare(&image, &mut card).expect("a colour ribbon takes the card");
        printer.print(&card).expect("the card comes out");
        let began = began.lock().expect("no panic").take().expect("a job was sent");
        println!("{:.4}", began.duration_since(since).as_secs_f64() * 1000.0);
    }
}

/// A wire that remembers when a job began to go over it.
struct Watched {
    wire: Tcp,
    began: Arc<Mutex<Option<Instant>>>,
}

impl Transport for Watched {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        if request.len() >= JOB_MIN_BYTES {
            *self.began.lock().expect("no panic") = Some(Instant::now());
        }
        self.wire.send(request, patience)
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.wire.receive(answer, patience)
    }

    fn frame_by(&mut self, whole: Whole) {
        self.wire.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
    }
}

fn compose(job: &str, photo: &str, head: HeadSize) -> CardImage {
    let job = std::fs::read(job).expect("the job file can be read");
    let photo = std::fs::read(photo).expect("the photo file can be read");
    let config = Config::parse("", Path::new(".")).expect("the defaults are a configuration");
    let examiner = Examiner::open(&config).expect("the built-in products are whole");
    let mut image = CardImage { front: FaceImage::white(0, 0), back: None, stays_inside: false };
    let claimed = claimed::read(&claimed::store(&examiner, &job, &photo));
    examiner
        .make_card(&claimed, head, claimed::moment(), &mut image)
        .expect("the sample child's card is good");
    image
}
