//! Our side of `tests/bench/compose`: from a stored job's bytes (typed card and JPEG) to the bytes for the printer's wire,
//! through the same renderer and prepress as the daemon's. Prints one card's ms a line.
//!
//! `compose JOB.json PHOTO.jpg CARDS`

mod claimed;

use std::path::Path;
use std::time::Instant;

use drivers::contract::{CardImage, FaceImage, PreparedCard, Prepress};
use emulators::evolis::EvolisSettings;
use emulators::transport::emulated::Emulated;
use kartu::config::Config;
use kartu::intake::Examiner;

fn main() {
    // `cargo bench` adds `--bench` of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [job, photo, cards] = args.as_slice() else {
        println!("run tests/bench/compose");
        return;
    };
    let job = std::fs::read(job).expect("the job file can be read");
    let photo = std::fs::read(photo).expect("the photo file can be read");
    let cards: usize = cards.parse().expect("a number of cards");

    let config = Config::parse("", Path::new(".")).expect("the defaults are a configuration");
    let examiner = Examiner::open(&config).expect("the built-in products are whole");
    let prepress = primacy();
    let stored = claimed::store(&examiner, &job, &photo);
    let mut image = CardImage { front: FaceImage::white(0, 0), back: None, stays_inside: false };
    let mut wire = PreparedCard::default();
    for _ in 0..cards {
        let since = Instant::now();
        let claimed = claimed::read(&stored);
        examiner
            .make_card(&claimed, prepress.head(), claimed::moment(), &mut image)
            .expect("the sample child's card is good");
        prepress.prepare(&image, &mut wire).expect("a colour ribbon takes the card");
        println!("{:.4}", since.elapsed().as_secs_f64() * 1000.0);
        // The peer's wire bytes are counted too; a card of one side would be half the work.
        assert!(wire.sides == 2 && wire.job.len() > 500_000, "the whole card was made");
    }
}

fn primacy() -> Box<dyn Prepress> {
    let machine =
        emulators::evolis::emulate(EvolisSettings::instant()).expect("the machine is known");
    let wire = Box::new(Emulated::new(machine));
    drivers::open("evolis", None, wire).expect("the emulated machine answers").prepress()
}
