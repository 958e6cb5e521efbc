//! `jpeg-to-ppm REDUCTION FILE...`: each file's picture as `FILE.ppm` or the reason why there is none, one line a file.

use std::fs;

use jpeg::Reduction;

/// More than any file of the grid takes.
const MAX_BYTES: u64 = 1 << 30;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let reduction = match arguments.next().as_deref() {
        Some("2") => Reduction::Half,
        Some("4") => Reduction::Quarter,
        Some("8") => Reduction::Eighth,
        _ => Reduction::None,
    };
    for path in arguments {
        let bytes = fs::read(&path).expect("the grid's files can be read");
        match jpeg::decode(&bytes, reduction, MAX_BYTES) {
            Ok(picture) => {
                let kind = if picture.channels == 1 { "P5" } else { "P6" };
                let mut ppm =
                    format!("{kind}\n{} {}\n255\n", picture.width, picture.height).into_bytes();
                ppm.extend_from_slice(&picture.pixels);
                fs::write(format!("{path}.ppm"), ppm).expect("the grid's folder takes files");
                println!("{path}: ok");
            }
            Err(fault) => println!("{path}: {fault:?}"),
        }
    }
}
