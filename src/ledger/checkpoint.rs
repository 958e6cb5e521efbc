//! What leaves the ledger when its first lines are cut off: the exported lines, and a signed checkpoint of them, in a folder
//! of their own. Whoever has the public key can check both without the ledger.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use drivers::private_file;
use jiff::civil::Date;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::chain::{self, Hash};
use super::head::Head;
use super::offline::Offline;
use super::{LedgerError, cut, export, reader};
use crate::record::{PublicKey, STATEMENT_BYTES_MAX, SigningKey, read_statement, sign_statement};
use crate::small_file;

/// The form of the statement.
pub(super) const FORMAT: &str = "kartu-checkpoint/1";
/// The exported lines, as `kartud ledger export` writes them.
const LINES: &str = "lines.jsonl";
/// The signed statement.
const STATEMENT: &str = "checkpoint.jws";
/// The key that it was signed with.
const KEY: &str = "checkpoint.pub.pem";
/// Accessible by the owner only.
const FOLDER_MODE: u32 = 0o700;

/// What is signed about lines that were cut off. Nothing personal stands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(super) format: String,
    /// The office's day from which on lines stayed.
    pub before: Date,
    /// Number of the first line.
    pub first: u64,
    /// Number of the last line.
    pub last: u64,
    /// Hash of the line before the first one: `hash` of the checkpoint before, or zeros.
    pub previous: String,
    /// Hash of the last line.
    pub hash: String,
    /// Its time.
    pub at: String,
    /// How many lines.
    pub lines: u64,
    /// SHA-256 of the exported lines.
    pub export_sha256: String,
    /// Jobs that they are about.
    pub jobs: u64,
    /// Blanks that should have been at the station when that day began.
    pub blanks_expected: i64,
}

/// A folder that was written and read back.
pub(super) struct Written {
    pub path: PathBuf,
    pub checkpoint: Checkpoint,
}

/// Writes the lines behind `from`, as far as the checkpoint says, and the checkpoint, and reads both back. A folder that
/// an interrupted run left, and that holds just this, is taken as it is.
///
/// # Errors
/// A sentence.
pub(super) fn write(
    c: &Connection,
    from: Head,
    mut checkpoint: Checkpoint,
    to: &Path,
    key: &SigningKey,
) -> Result<Written, String> {
    let name = format!("lines-{:08}-{:08}", checkpoint.first, checkpoint.last);
    let (part, path) = (to.join(format!(".{name}.part")), to.join(&name));
    let failed = |error: io::Error| format!("{}: {error}", to.display());
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::DirBuilder::new().mode(FOLDER_MODE).create(&part).map_err(failed)?;
    checkpoint.export_sha256 = write_lines(c, from, checkpoint.last, &part.join(LINES))?;
    let text = serde_json::to_string(&checkpoint).map_err(|error| error.to_string())?;
    let public = PublicKey::new("checkpoint", *key.verifying_key());
    let statement = sign_statement(&text, key);
    write_file(&part.join(STATEMENT), &statement)
        .and_then(|()| write_file(&part.join(KEY), &public.to_pem()))
        .and_then(|()| File::open(&part)?.sync_all())
        .map_err(failed)?;
    is_written(&part, &public, &checkpoint)?;
    if fs::symlink_metadata(&path).is_ok() {
        is_written(&path, &public, &checkpoint).map_err(|why| {
            format!(
                "{} is there already, and is not this export ({why}); move it away",
                path.display()
            )
        })?;
        fs::remove_dir_all(&part).map_err(failed)?;
    } else {
        fs::rename(&part, &path).map_err(failed)?;
    }
    private_file::sync_folder_of(&path).map_err(failed)?;
    Ok(Written { path, checkpoint })
}

fn is_written(folder: &Path, key: &PublicKey, wanted: &Checkpoint) -> Result<(), String> {
    match check(folder, key)? {
        found if found == *wanted => Ok(()),
        _ => Err("its checkpoint says something else".to_owned()),
    }
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private_file::make_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Returns the SHA-256 of what was written.
fn write_lines(c: &Connection, from: Head, last: u64, path: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut file = BufWriter::new(private_file::make_new(path).map_err(failed)?);
    let mut hash = Sha256::new();
    let taken = export::lines_of(c, from, &|line| line.seq <= last, |line| {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        hash.update(&text);
        file.write_all(text.as_bytes())
    });
    taken.map_err(|error| error.to_string())?.map_err(failed)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(hex(&hash.finalize()))
}

/// Checks a folder with exported lines by the key alone: signature, SHA-256, and the chain of all lines.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn check(folder: &Path, key: &PublicKey) -> Result<Checkpoint, String> {
    let statement = small_file::read_text(&folder.join(STATEMENT), STATEMENT_BYTES_MAX)
        .map_err(|error| format!("{STATEMENT} cannot be read: {error}"))?;
    let json = read_statement(&statement, key).ok_or_else(|| {
        format!("{STATEMENT} was not signed with this key ({}), or was changed", key.kid())
    })?;
    let checkpoint: Checkpoint = serde_json::from_str(&json)
        .ok()
        .filter(|checkpoint: &Checkpoint| checkpoint.format == FORMAT)
        .ok_or_else(|| format!("{STATEMENT} is signed, and is no {FORMAT}"))?;
    let cannot = |error: io::Error| format!("{LINES} cannot be read: {error}");
    let mut lines = BufReader::new(File::open(folder.join(LINES)).map_err(cannot)?);
    let (mut sum, mut text, mut count) = (Sha256::new(), String::new(), 0);
    let mut hash = hash_in(&checkpoint.previous).ok_or("its previous hash cannot be read")?;
    while lines.read_line(&mut text).map_err(cannot)? > 0 {
        sum.update(&text);
        let seq = checkpoint.first + count;
        hash = Line::of(&text)
            .filter(|line| line.seq == seq)
            .map(|line| line.hash(&hash))
            .ok_or_else(|| format!("line {seq} of {LINES} is not the one that was exported"))?;
        count += 1;
        text.clear();
    }
    if hex(&sum.finalize()) != checkpoint.export_sha256 {
        return Err(format!("{LINES} is not what was exported: its SHA-256 is another one"));
    }
    let ends = (count, hex(&hash));
    if ends != (checkpoint.lines, checkpoint.hash.clone()) {
        return Err(format!("the chain of {LINES} does not end as the checkpoint says"));
    }
    Ok(checkpoint)
}

/// Does the ledger go on where the checkpoint ends?
///
/// # Errors
/// [`LedgerError`] of the ledger; inside, why it does not, or cannot be compared.
pub fn goes_on(ledger: &Path, checkpoint: &Checkpoint) -> Result<Result<(), String>, LedgerError> {
    let ledger = Offline::open(ledger)?;
    let start = cut::start(&ledger.connection).map_err(reader::read_error)?;
    let there = reader::hash_of(&ledger.connection, checkpoint.last).map_err(reader::read_error)?;
    Ok(match there {
        Some(hash) if hex(&hash) == checkpoint.hash => Ok(()),
        None if start.seq > checkpoint.last => Err(format!(
            "the ledger was cut off again, up to line {}: the checkpoint after this one must name {} as its previous hash",
            start.seq, checkpoint.hash
        )),
        _ => Err("the ledger does not go on where this checkpoint ends".to_owned()),
    })
}

fn hash_in(digits: &str) -> Option<Hash> {
    let mut hash = chain::START;
    base16ct::mixed::decode(digits, &mut hash).ok().filter(|hash| hash.len() == 32)?;
    Some(hash)
}

/// A line as it was exported; its hashes are computed anew.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    at: String,
    job: Option<String>,
    event: String,
    state: Option<String>,
    detail: Value,
}

impl Line {
    fn of(text: &str) -> Option<Line> {
        serde_json::from_str(text).ok()
    }

    fn hash(&self, previous: &Hash) -> Hash {
        let detail = self.detail.to_string();
        let line = chain::Line {
            seq: self.seq,
            at: &self.at,
            job: self.job.as_deref(),
            event: &self.event,
            state: self.state.as_deref(),
            detail: &detail,
        };
        line.hash(previous)
    }
}
