//! `kartud chip check` and `kartud chip try`: a profile without a station. `try` runs it on the card in a reader and
//! shows each command by its header and lengths; never data, never a key.

#[cfg(all(test, feature = "emulators"))]
mod examples;
mod refusal;
mod show;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use drivers::encoder::bounded::Bounded;
use drivers::encoder::{self, CardEncoder, EncoderError};

use super::Exit;
use crate::chip::{self, Blame, ChipFault, FaultKind, KeySource, Profile, Values, With};
use crate::vault::Vault;
use refusal::Refusal;

const AFTER: &str = "\
config/chips has a profile for each kind of card, with every key of its steps explained.";

const AFTER_TRY: &str = "\
Exit codes: 0 the card is as the profile wants it, 1 it is not, or the reader failed,
2 wrong command line, or an address that no reader can have, 4 no reader at the address,
5 profile or keys are wrong, or a value or a key is missing.
Kode keluar: 0 kartu sesuai profil, 1 tidak sesuai, atau pembaca gagal, 2 perintah atau alamat
pembaca salah, 4 tidak ada pembaca di alamat itu, 5 profil atau kunci salah, atau data atau kunci
tidak ada.

With --json one object: `card`, `steps`, and `written` or the `fault` that ended it; or `faults`,
all that was wrong before. docs/chips.md says how a key looks.
config/chips has a profile for each kind of card, with every key of its steps explained.

  kartud chip try chip.toml --encoder 'pcsc:reader:ACS ACR1281*' --value record=@record.bin
  kartud chip try config/chips/pin.toml --encoder pn532:serial:/dev/ttyUSB0 --vault keys \\
    --value 'field:nama=text:RINA CONTOH'
No card at hand (kartud emulate reader --help shows a card of each kind):
  kartud emulate reader --port reader.tty --card ntag.card
  kartud chip try config/chips/ntag.toml --encoder pn532:serial:$PWD/reader.tty \\
    --value record=00112233";

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Say everything that is wrong with a profile, and what it needs
    #[command(after_help = AFTER)]
    Check(Check),
    /// Run a profile on the card in a reader, without printing; the card is written
    #[command(after_help = AFTER_TRY)]
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
    /// A value that the profile writes: NAME=HEX, NAME=text:WORDS, or NAME=@FILE for a file's content; may be repeated
    #[arg(long = "value", value_name = "NAME=HEX|text:WORDS|@FILE")]
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

/// The source of a value; the value itself is read later, and is never shown.
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

    /// The error must not repeat the typed text, which may be personal.
    fn from_str(typed: &str) -> Result<Self, String> {
        let (name, source) =
            typed.split_once('=').ok_or("must be NAME=HEX, NAME=text:WORDS or NAME=@FILE")?;
        let source = match (source.strip_prefix('@'), source.strip_prefix("text:")) {
            (Some(file), _) => Source::File(file.into()),
            (_, Some(text)) => Source::Bytes(text.into()),
            _ => Source::Bytes(chip::hex(source).ok_or(
                "after NAME= only pairs of hexadecimal digits, text:WORDS or @FILE may stand",
            )?),
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

fn check(args: &Check) -> anyhow::Result<Exit> {
    match read_profile(&args.profile) {
        Ok(profile) => show::summary(&profile, args.json).map(|()| Exit::Done),
        Err(refusal) => refusal.tell(args.json),
    }
}

/// Largest profile, bytes; a real one is a page of text.
const PROFILE_LIMIT: u64 = 1024 * 1024;

fn read_profile(path: &Path) -> Result<Profile, Refusal> {
    let text =
        crate::small_file::read_text(path, PROFILE_LIMIT).map_err(Refusal::unreadable(path))?;
    Profile::parse(&text).map_err(|faults| Refusal::Profile { file: path.to_owned(), faults })
}

fn try_out(args: &Try) -> anyhow::Result<Exit> {
    let keys = Vault::open(args.vault.as_deref().unwrap_or(Path::new("")));
    let (profile, values) = match prepare(args, &keys) {
        Ok(prepared) => prepared,
        Err(refusal) => return refusal.tell(args.json),
    };
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
            refusal::complain(&fault);
            exit_of(&fault)
        }
    })
}

/// Everything that can be checked before the reader is used.
fn prepare(args: &Try, keys: &Vault) -> Result<(Profile, Values), Refusal> {
    let Reader { family, address } = &args.encoder;
    let accepted = encoder::find(family)
        .and_then(|family| (family.accepts)(address).map_err(EncoderError::Unsupported));
    accepted
        .map_err(|why| Refusal::Card { faults: vec![unreached(why)], exit: Exit::CommandLine })?;
    let profile = read_profile(&args.profile)?;
    let mut values = Values::new();
    for Value { name, source } in &args.values {
        let bytes = match source {
            Source::Bytes(bytes) => bytes.clone(),
            Source::File(path) => std::fs::read(path).map_err(Refusal::unreadable(path))?,
        };
        values = values.with(name, bytes);
    }
    let faults = chip::preflight(&profile, &values, keys);
    if faults.is_empty() {
        Ok((profile, values))
    } else {
        Err(Refusal::Card { faults, exit: Exit::Config })
    }
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
    // What happened to the card is known; a failure to release it changes nothing.
    let _ = reader.power_off();
    done
}

/// The reader failed before any command was sent to a card.
fn unreached(error: EncoderError) -> ChipFault {
    ChipFault { step: String::new(), kind: FaultKind::from(error), card_touched: false }
}

/// Eight random bytes: those of a random UUID that contain neither its version nor its variant (RFC 9562, 5.4).
fn challenge() -> [u8; 8] {
    let [a, b, c, d, e, f, .., g, h] = uuid::Uuid::new_v4().into_bytes();
    [a, b, c, d, e, f, g, h]
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

#[cfg(all(test, feature = "emulators"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use emulators::card::direct::Direct;
    use emulators::card::{CardSettings, Field};
    use serde_json::json;

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
        let text: Value = "field:nama=text:@ÉA=".parse().unwrap();
        assert!(
            text.name == "field:nama"
                && matches!(text.source, Source::Bytes(b) if b == "@ÉA=".as_bytes())
        );
        assert!(matches!("photo=@a/b".parse::<Value>().unwrap().source, Source::File(_)));
        for wrong in ["KANARI", "record=KANARI", "record=0"] {
            assert!(!wrong.parse::<Value>().err().unwrap().contains("KANARI"));
        }
    }
}
