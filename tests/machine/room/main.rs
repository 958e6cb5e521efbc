//! What the virtual machines of tests/machine need besides QEMU: a disk whose power fails, and a way to a port on the
//! guest's loopback. Knows nothing of Kartu.
//!
//! `power-room disk IMAGE SOCKET --seed N [--lies]` serves IMAGE over NBD on a Unix socket until its client ends, and
//! says in one line of JSON what became of the writes that nobody had flushed.
//! `power-room relay FROM TO` carries every TCP connection to FROM on to TO.

#![allow(clippy::unwrap_used)]

mod cache;
mod nbd;
mod relay;

use std::fs::OpenOptions;
use std::os::unix::net::UnixListener;

use cache::{Cache, Disk};

const USAGE: &str = "power-room disk IMAGE SOCKET --seed N [--lies] | power-room relay FROM TO";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["disk", image, socket, "--seed", seed] => disk(image, socket, seed, false),
        ["disk", image, socket, "--seed", seed, "--lies"] => disk(image, socket, seed, true),
        ["relay", from, to] => relay::run(from, to),
        _ => panic!("{USAGE}"),
    }
}

/// One life of a disk: from power on to power off. It prints a line when it listens, and one when it has ended.
fn disk(image: &str, socket: &str, seed: &str, lies: bool) {
    let file = OpenOptions::new().read(true).write(true).open(image).unwrap();
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    println!("listening");
    let (client, _) = listener.accept().unwrap();
    let mut disk = Disk::new(file, if lies { Cache::Lying } else { Cache::Honest }).unwrap();
    let ended = nbd::serve(&client, &client, &mut disk);
    let mut chance = fastrand::Rng::with_seed(seed.parse().unwrap());
    let end = match ended {
        Ok(()) => disk.switched_off(),
        // The client is gone without a word, as a machine whose power fails.
        Err(_) => disk.power_cut(&mut chance),
    };
    println!("{}", end.unwrap());
}
