//! `kartud chip check` and `kartud chip try`: a profile without a station. `try` runs it on the card in a reader and
//! shows each command by its header and lengths; never data, never a key.

mod show;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use drivers::encoder::bounded::Bounded;
use drivers::encoder::{self, CardEncoder, EncoderError};
use serde_json::json;

use super::Exit;
use super::client::language;
use crate::chip::{self, Blame, ChipFault, FaultKind, KeySource, Profile, Values, With};
use crate::vault::Vault;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Say everything that is wrong with a profile, and what it needs
    Check(Check),
    /// Run a profile on the card in a reader, without printing; the card is written
    Try(Box<Try>),
}

#[derive(clap::Args)]
struct Check {
    /// The profile, as in a product's folder
    #[arg(value_name = "CHIP.toml")]
    profile: PathBuf,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Try {
    /// The profile, as in a product's folder
    #[arg(value_name = "CHIP.toml")]
    profile: PathBuf,
    /// The reader: its family, and which one it is (a PC/SC reader's name, a serial port)
    #[arg(long, visible_alias = "reader", value_name = "FAMILY:ADDRESS")]
    encoder: Reader,
    /// A value that the profile writes: NAME=HEX, or NAME=@FILE for a file's content; may be repeated
    #[arg(long = "value", value_name = "NAME=HEX|@FILE")]
    values: Vec<Value>,
    /// The folder of the keys; $CREDENTIALS_DIRECTORY comes first
    #[arg(long, value_name = "DIR")]
    vault: Option<PathBuf>,
    /// How long to wait for a card, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    patience: u64,
    /// How long one answer may take, seconds; a reader that says nothing is then given up
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    deadline: u64,
    /// Everything as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone)]
struct Reader {
    family: String,
    address: String,
}

impl std::str::FromStr for Reader {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let (family, address) = typed.split_once(':').ok_or("must be FAMILY:ADDRESS")?;
        let known: Vec<&str> = encoder::ENCODERS.iter().map(|family| family.name).collect();
        if !known.contains(&family) {
            return Err(format!("no family {family:?}; known: {}", known.join(", ")));
        }
        Ok(Self { family: family.to_owned(), address: address.to_owned() })
    }
}

/// Where a value comes from; the value itself is read later, and is never shown.
#[derive(Clone)]
struct Value {
    name: String,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl std::str::FromStr for Value {
    type Err = String;

    /// The error must not repeat what was typed: it may be a person's.
    fn from_str(typed: &str) -> Result<Self, String> {
        let (name, source) = typed.split_once('=').ok_or("must be NAME=HEX or NAME=@FILE")?;
        let source = match source.strip_prefix('@') {
            Some(file) => Source::File(file.into()),
            None => {
                let bytes = chip::hex(source);
                Source::Bytes(bytes.ok_or("after NAME= only pairs of hexadecimal digits or @FILE")?)
            }
        };
        Ok(Self { name: name.to_owned(), source })
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Check(args) => check(args),
        What::Try(args) => try_out(args),
    }
}

fn read_profile(path: &Path) -> anyhow::Result<Result<Profile, Exit>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Profile::parse(&text).map_err(|faults| {
        for fault in faults {
            let words = &fault.words;
            let words = if language() == "id" { &words.id } else { &words.en };
            eprintln!("{}: line {}: {}: {words}", path.display(), fault.line, fault.key);
        }
        Exit::Config
    }))
}

fn check(args: &Check) -> anyhow::Result<Exit> {
    let profile = match read_profile(&args.profile)? {
        Ok(profile) => profile,
        Err(exit) => return Ok(exit),
    };
    show::summary(&profile, args.json)?;
    Ok(Exit::Done)
}

fn try_out(args: &Try) -> anyhow::Result<Exit> {
    let profile = match read_profile(&args.profile)? {
        Ok(profile) => profile,
        Err(exit) => return Ok(exit),
    };
    let mut values = Values::new();
    for Value { name, source } in &args.values {
        let bytes = match source {
            Source::Bytes(bytes) => bytes.clone(),
            Source::File(path) => {
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
            }
        };
        values = values.with(name, bytes);
    }
    let keys = Vault::open(args.vault.as_deref().unwrap_or(Path::new("")));
    let missing = chip::preflight(&profile, &values, &keys);
    if !missing.is_empty() {
        missing.iter().for_each(complain);
        return Ok(Exit::Config);
    }
    let mut trace = show::Trace::new(args.json);
    let patience = Duration::from_secs(args.patience);
    let Reader { family, address } = args.encoder.clone();
    let open = move || encoder::open(&family, &address);
    let mut reader = Bounded::new(open, Duration::from_secs(args.deadline));
    let done = on_a_card(&mut reader, patience, &profile, (&values, &keys), &mut trace);
    trace.end(&done)?;
    Ok(match done {
        Ok(_) => Exit::Done,
        Err(fault) => {
            complain(&fault);
            exit_of(&fault)
        }
    })
}

fn on_a_card(
    reader: &mut dyn CardEncoder,
    patience: Duration,
    profile: &Profile,
    (values, keys): (&Values, &dyn KeySource),
    trace: &mut show::Trace,
) -> Result<chip::Written, ChipFault> {
    let card = reader.power_on(patience).map_err(unreached)?;
    trace.card(&card);
    let started = Instant::now();
    let with = With { values, keys, clock: &|| started.elapsed(), challenge: &challenge };
    let done = chip::run(profile, reader, &card, &with, &mut |seen| trace.see(&seen));
    // What became of the card is known; a reader that cannot let go of it changes nothing.
    let _ = reader.power_off();
    done
}

/// The reader failed before anything was asked of a card.
fn unreached(error: EncoderError) -> ChipFault {
    ChipFault { step: String::new(), kind: FaultKind::from(error), card_touched: false }
}

/// Eight bytes of chance: those of a random UUID that tell neither its version nor its variant (RFC 9562, 5.4).
fn challenge() -> [u8; 8] {
    let [a, b, c, d, e, f, .., g, h] = uuid::Uuid::new_v4().into_bytes();
    [a, b, c, d, e, f, g, h]
}

fn complain(fault: &ChipFault) {
    let words = fault.words();
    eprintln!("kartud: {}", if language() == "id" { words.id } else { words.en });
}

fn exit_of(fault: &ChipFault) -> Exit {
    match (&fault.kind, fault.blame()) {
        (
            FaultKind::Reader(
                EncoderError::NoReader(_) | EncoderError::NoService(_) | EncoderError::Wire(_),
            ),
            _,
        ) => Exit::Unreachable,
        (_, Blame::Setup) => Exit::Config,
        _ => Exit::Failed,
    }
}

/// A fault as JSON.
fn fault_json(fault: &ChipFault) -> serde_json::Value {
    json!({
        "step": fault.step,
        "kind": fault.kind.code(),
        "card_touched": fault.card_touched,
        "message": fault.words(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use drivers::card::direct::Direct;
    use drivers::card::{CardSettings, Field};

    use super::*;

    const STAF: &str = include_str!("../../config/products/staf/chip.toml");

    #[test]
    fn what_is_shown_of_a_card_is_commands_and_never_data() {
        let settings: CardSettings = serde_json::from_value(json!({"kind": "file"})).unwrap();
        let field = Field::default();
        field.put(settings.make().unwrap());
        let (mut reader, profile) = (Direct::new(field), Profile::parse(STAF).unwrap());
        let values = Values::new().with("record", b"KANARI".repeat(50));
        let vault = Vault::of(None, None);
        let mut run = || {
            let mut trace = show::Trace::new(true);
            let (patience, given) = (Duration::from_secs(1), (&values, &vault as &dyn KeySource));
            let done = on_a_card(&mut reader, patience, &profile, given, &mut trace);
            trace.told(&done)
        };
        let (first, second) = (run(), run());
        assert_eq!(first["written"]["bytes"], 300);
        assert_eq!(first["steps"][0]["apdus"][0]["header"], "00A40400");
        assert_eq!(first["steps"][0]["apdus"][0]["sw"], "6A82");
        assert_eq!(first["card"]["interface"], "contactless");
        assert_eq!(second["fault"]["kind"], "answer", "the card is sealed: {second:#}");
        let shown = format!("{first}{second}").to_uppercase();
        assert!(!shown.contains("KANARI") && !shown.contains("4B414E415249"), "{shown}");
    }

    #[test]
    fn a_value_is_read_and_never_repeated() {
        let value: Value = "record=00FF".parse().unwrap();
        assert!(
            value.name == "record" && matches!(value.source, Source::Bytes(b) if b == [0, 255])
        );
        assert!(matches!("photo=@a/b".parse::<Value>().unwrap().source, Source::File(_)));
        for wrong in ["KANARI", "record=KANARI", "record=0"] {
            assert!(!wrong.parse::<Value>().err().unwrap().contains("KANARI"));
        }
    }
}
