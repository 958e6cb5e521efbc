//! Our driver and libnfc in turns at one emulated reader, on a pseudo-terminal: what a command takes.
//!
//! The commands are those with which the shipped profile reads a chip back, to a chip that it has written. The reader is
//! a process of its own and takes no time for a card, so what is left is the program that asks, the terminal, and the
//! emulated reader's own work, the same for both.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drivers::encoder::bounded::Bounded;
use drivers::encoder::{CardEncoder, Chip, EncoderError, open};

use crate::{LIMIT, ms, record, share, write};

/// Both are asked so many times in turns.
const TURNS: usize = 5;
const SELECT: u8 = 0xA4;
const READ_BINARY: u8 = 0xB0;

/// Median ms a command.
pub struct Line {
    pub ours: f64,
    pub peer: f64,
}

/// `kartud`: its executable, `rounds`: how often the commands are sent in a turn.
pub fn run(kartud: &str, rounds: usize) -> Line {
    let room = tempfile::TempDir::new().expect("a folder for the bench");
    let port = room.path().join("reader.tty");
    let _reader = Reader::start(kartud, room.path(), &port);
    let port = port.to_str().expect("a path of letters").to_owned();
    let commands = reading(&port);
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.extend(ask(&port, &commands, rounds));
        peer.extend(let_libnfc_ask(&port, &commands, rounds));
    }
    Line { ours: share(&mut ours, 0.5), peer: share(&mut peer, 0.5) }
}

/// The emulated reader; gone when this is.
struct Reader(Child);

impl Reader {
    fn start(kartud: &str, room: &Path, port: &Path) -> Reader {
        let (card, state) = (room.join("card.toml"), room.join("state.json"));
        std::fs::write(&card, "kind = \"file\"\n").expect("the folder is ours");
        std::fs::write(&state, "{}\n").expect("the folder is ours");
        let mut command = Command::new(kartud);
        command.args(["emulate", "reader", "--port"]).arg(port).arg("--card").arg(card);
        let child = command.arg("--state").arg(state).stdout(Stdio::piped()).spawn();
        let mut reader = Reader(child.expect("kartud starts"));
        let said = BufReader::new(reader.0.stdout.take().expect("it was asked for"));
        let ready = said.lines().map_while(Result::ok).any(|line| line.contains(" on serial:"));
        assert!(ready, "the emulated reader ended");
        reader
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As a station holds it: on a thread of its own.
fn reader(port: &str) -> Bounded {
    let address = format!("serial:{port}");
    Bounded::new(move || open("pn532", &address), LIMIT)
}

/// Writes the chip; the commands that have read it back.
fn reading(port: &str) -> Vec<Vec<u8>> {
    let mut heard = Heard { reader: reader(port), commands: Vec::new() };
    let chip = heard.power_on(LIMIT).expect("a card is there");
    write(&mut heard, &chip, &record(), &mut |_| ());
    heard.power_off().expect("the card is let go");
    heard.commands.retain(|command| matches!(command[1], SELECT | READ_BINARY));
    assert!(heard.commands.iter().any(|command| command[1] == READ_BINARY), "it was read back");
    heard.commands
}

struct Heard {
    reader: Bounded,
    commands: Vec<Vec<u8>>,
}

impl CardEncoder for Heard {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        self.reader.power_on(patience)
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        self.commands.push(command.to_vec());
        self.reader.transmit(command, answer)
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        self.reader.power_off()
    }
}

fn ask(port: &str, commands: &[Vec<u8>], rounds: usize) -> Vec<f64> {
    let mut reader = reader(port);
    reader.power_on(LIMIT).expect("a card is there");
    let (mut answer, mut times) = (Vec::new(), Vec::new());
    for command in commands.iter().cycle().take(commands.len() * rounds) {
        let began = Instant::now();
        reader.transmit(command, &mut answer).expect("an answer");
        times.push(ms(began.elapsed()));
        assert!(answer.ends_with(&[0x90, 0x00]), "the card obeys");
    }
    reader.power_off().expect("the card is let go");
    times
}

fn let_libnfc_ask(port: &str, commands: &[Vec<u8>], rounds: usize) -> Vec<f64> {
    let hex = |command: &Vec<u8>| -> String {
        command.iter().map(|byte| format!("{byte:02X}")).collect()
    };
    let mut python = Command::new("python3");
    python.args(["tests/bench/encode_peer.py", port, &rounds.to_string()]);
    let said = python.args(commands.iter().map(hex)).output().expect("Python starts");
    assert!(said.status.success(), "libnfc: {}", String::from_utf8_lossy(&said.stderr));
    let lines = String::from_utf8(said.stdout).expect("numbers");
    lines.lines().map(|line| line.parse().expect("a number a line")).collect()
}
