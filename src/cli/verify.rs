//! `kartud verify`: checks a record offline against a list of public keys, and says what is wrong.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::language;
use super::run::refuse;
use super::{Exit, files};
use crate::config::Fault as ConfigFault;
use crate::record::{self, KeyList, Verdict};

/// Larger than any record and any file of a chip that holds one, bytes.
const INPUT_BYTES_MAX: u64 = 64 * 1024;
/// First byte of a signed record in CBOR: the tag of COSE_Sign1. No text of a QR code begins with it.
const FIRST_BYTE: u8 = 0xd2;

const AFTER: &str = "\
Exit codes: 0 the record is good, 1 something could not be read, 3 the record is not good, 5 the key list is wrong.
Kode keluar: 0 rekaman sah, 1 ada yang tidak terbaca, 3 rekaman tidak sah, 5 daftar kunci salah.

  kartud verify --qr '6BF…' --keys kunci.toml          # as a scanner read it
  kartud verify --chip ef0101.bin --keys kunci.toml    # as it was read from the chip
  zbarimg --raw -q card.png | kartud verify - --keys kunci.toml --photo photo.jpg";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
#[command(group = clap::ArgGroup::new("from").required(true))]
pub(super) struct Args {
    /// The text of the card's QR code
    #[arg(long, value_name = "TEXT", group = "from")]
    qr: Option<String>,
    /// A file as it was read from a chip: the record, and what was never written behind it
    #[arg(long, value_name = "FILE", group = "from")]
    chip: Option<PathBuf>,
    /// A file with the record's bytes, or with the text of the QR code
    #[arg(long, value_name = "FILE", group = "from")]
    file: Option<PathBuf>,
    /// The same from standard input
    #[arg(value_name = "-", value_parser = dash, group = "from")]
    stdin: Option<String>,
    /// The public keys that are believed: a list, as `kartud keys` prints its entries
    #[arg(long, value_name = "LIST")]
    keys: PathBuf,
    /// The photo that the card was made from: is it the one that was signed for?
    #[arg(long, value_name = "FILE")]
    photo: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn dash(text: &str) -> Result<String, String> {
    if text == "-" {
        Ok(text.to_owned())
    } else {
        Err("write - for standard input, or --file FILE".into())
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let keys = match read_list(&args.keys)? {
        Ok(keys) => keys,
        Err(faults) => return Ok(refuse(&args.keys, &faults)),
    };
    let photo = match &args.photo {
        Some(path) => Some(files::read(path)?),
        None => None,
    };
    let bytes = signed_bytes(args)?;
    let found = check(&bytes, &keys, photo.as_deref());
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", as_json(&found))?;
    } else {
        print_text(&mut out, &found, photo.is_some())?;
    }
    Ok(if found.is_good() { Exit::Done } else { Exit::Refused })
}

/// The list of public keys in a file, or what is wrong with it.
pub(super) fn read_list(path: &Path) -> anyhow::Result<Result<KeyList, Vec<ConfigFault>>> {
    let text = files::read_text(path)?;
    let plain = |fault: crate::product::ConfigFault| {
        ConfigFault::of_key(None, fault.line, &fault.key, &fault.words)
    };
    Ok(KeyList::parse(&text).map_err(|faults| faults.into_iter().map(plain).collect()))
}

/// Is this record valid now?
pub(super) fn check(bytes: &[u8], keys: &KeyList, photo: Option<&[u8]>) -> Verdict {
    record::verify(bytes, keys, Timestamp::now(), photo)
}

/// The bytes that were signed. A text that cannot be decoded becomes no bytes, which are no record.
fn signed_bytes(args: &Args) -> anyhow::Result<Vec<u8>> {
    if let Some(text) = &args.qr {
        return Ok(record::read_text(text).unwrap_or_default());
    }
    if let Some(path) = &args.chip {
        return Ok(record::read_chip(&files::read(path)?).unwrap_or_default().to_vec());
    }
    let bytes = match &args.file {
        Some(path) => files::read(path)?,
        None => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_end(&mut bytes)?;
            bytes
        }
    };
    if bytes.first() == Some(&FIRST_BYTE) {
        return Ok(bytes);
    }
    Ok(str::from_utf8(&bytes).ok().and_then(record::read_text).unwrap_or_default())
}

fn as_json(found: &Verdict) -> Value {
    let faults: Vec<Value> = found
        .faults
        .iter()
        .map(|fault| json!({ "code": fault.code(), "message": fault.words() }))
        .collect();
    let record = found.record.as_ref().map(|record| {
        json!({
            "issuer": record.issuer, "product": record.product, "card": record.card,
            "issued_at": record.issued_at.to_string(),
            "expires_at": record.expires_at.map(|end| end.to_string()),
            "photo_sha256": record.photo_sha256.map(|hash| hex(&hash)), "fields": record.fields,
        })
    });
    json!({ "good": found.is_good(), "key": found.key, "faults": faults, "record": record })
}

fn print_text(
    out: &mut impl std::io::Write,
    found: &Verdict,
    photo_shown: bool,
) -> std::io::Result<()> {
    let say = |id: &'static str, en: &'static str| if language() == "id" { id } else { en };
    for fault in &found.faults {
        let words = fault.words();
        writeln!(
            out,
            "{}: {}",
            fault.code(),
            if language() == "id" { words.id } else { words.en }
        )?;
    }
    let Some(record) = &found.record else { return Ok(()) };
    if found.is_good() {
        writeln!(out, "{}", say("Rekaman ini sah.", "The record is good."))?;
    }
    let key = found.key.as_deref().unwrap_or_default();
    let photo = match (record.photo_sha256.is_some(), photo_shown) {
        (false, _) => say("tidak ada", "none"),
        (true, false) => say("tidak dibandingkan (--photo FILE)", "not compared (--photo FILE)"),
        (true, true) if found.faults.contains(&record::Fault::PhotoDiffers) => {
            say("berbeda", "differs")
        }
        (true, true) => say("sama", "the same"),
    };
    let mut lines = vec![
        (say("ditandatangani", "signed by"), key.to_owned()),
        (say("penerbit", "issuer"), record.issuer.clone()),
        (say("kartu", "card"), format!("{} ({})", record.card, record.product)),
        (say("dibuat", "made"), record.issued_at.to_string()),
    ];
    lines.extend(record.expires_at.map(|end| (say("berakhir", "ends"), end.to_string())));
    lines.push((say("foto", "photo"), photo.to_owned()));
    lines.extend(record.fields.iter().map(|(name, value)| (name.as_str(), value.clone())));
    for (name, value) in lines {
        writeln!(out, "  {name:<16} {value}")?;
    }
    Ok(())
}
