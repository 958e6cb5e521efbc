//! One `[[step]]` of a `chip.toml`. Knows no other step (`check.rs`) and no card.

use drivers::scp03::Level;
use drivers::text::Text;

use super::status::StatusPattern;
use super::template::Template;
use super::values::{Data, hex};
use super::{Action, BinaryFile, Classic, KeyLetter, Step};
use crate::nearest::nearest;
use crate::toml_sheet::Sheet;

/// The actions of a step, by their keys.
pub(super) const ACTIONS: [&str; 11] = [
    "select_aid",
    "apdu",
    "update_binary",
    "read_binary",
    "verify",
    "secure",
    "put_key",
    "classic_write",
    "page_write",
    "ndef",
    "lock",
];
/// Every reader and card accepts this many bytes in one short command.
const BLOCK_USUAL: u32 = 240;
/// Most data of one command of extended length.
const BLOCK_MAX: u32 = 65_535;
/// Length of an application identifier (ISO 7816-4, 8.2.1.2).
const AID_BYTES: std::ops::RangeInclusive<usize> = 1..=16;
/// READ and UPDATE BINARY code an offset in 15 bits.
const OFFSET_MAX: u32 = 0x7FFF;
/// The last sector of a MIFARE Classic 4K.
const SECTOR_MAX: u32 = 39;
/// Pages 0 to 3 of a Type 2 tag hold its number, its locks and its capability container.
const PAGES: std::ops::RangeInclusive<u32> = 4..=255;
/// Prefix of a key's name.
const VAULT: &str = "vault:";

/// A step whose jumps are still labels.
pub struct Outline {
    /// The step, without `on`.
    pub step: Step,
    /// `on`, sorted by the patterns' texts.
    pub jumps: Vec<(StatusPattern, String)>,
}

/// Reads a step; `None` if its action cannot be determined.
pub fn read(sheet: &mut Sheet<'_>, place: usize) -> Option<Outline> {
    let label = sheet.text("label");
    let accepted = patterns(sheet);
    let jumps = jumps(sheet);
    let irreversible = sheet.flag("irreversible").unwrap_or_default();
    let named: Vec<&str> = ACTIONS.into_iter().filter(|action| sheet.has(action)).collect();
    let [kind] = named[..] else {
        sheet.fault(
            named.get(1).copied().unwrap_or("step"),
            format!("sebuah langkah harus berisi tepat satu dari: {}.", ACTIONS.join(", ")),
            format!("a step must have exactly one of: {}.", ACTIONS.join(", ")),
        );
        return None;
    };
    if matches!(kind, "secure" | "put_key") && (sheet.has("expect") || sheet.has("on")) {
        sheet.fault(
            kind,
            "tidak mengenal expect dan on: protokolnya sendiri yang menentukan jawabannya.",
            "knows no expect and on: the protocol itself says what must be answered.",
        );
    }
    let name = label.unwrap_or_else(|| format!("{} {kind}", place + 1));
    let action = action(sheet, kind)?;
    let step = Step { name, action, accepted, on: Vec::new(), irreversible };
    Some(Outline { step, jumps })
}

fn action(sheet: &mut Sheet<'_>, kind: &str) -> Option<Action> {
    match kind {
        "select_aid" => select_aid(sheet),
        "apdu" => apdu(sheet),
        "update_binary" => within(sheet, "update_binary", |one| {
            let verify = one.flag("verify").unwrap_or(true);
            Some(Action::UpdateBinary { file: file(one)?, verify })
        }),
        "read_binary" => within(sheet, "read_binary", |one| Some(Action::ReadBinary(file(one)?))),
        "verify" => within(sheet, "verify", verify),
        "secure" => within(sheet, "secure", secure),
        "put_key" => within(sheet, "put_key", put_key),
        "classic_write" => within(sheet, "classic_write", classic_write),
        "page_write" => within(sheet, "page_write", page_write),
        "ndef" => within(sheet, "ndef", ndef),
        _ => lock(sheet),
    }
}

/// Reads the table of an action, and reports other keys in it.
fn within(
    sheet: &mut Sheet<'_>,
    key: &'static str,
    read: impl FnOnce(&mut Sheet<'_>) -> Option<Action>,
) -> Option<Action> {
    let mut one = sheet.child(key)?;
    let action = read(&mut one);
    one.close();
    action
}

fn patterns(sheet: &mut Sheet<'_>) -> Vec<StatusPattern> {
    let Some(texts) = sheet.texts("expect") else { return vec![StatusPattern::DONE] };
    let patterns: Vec<_> = texts.iter().filter_map(|text| StatusPattern::parse(text)).collect();
    if patterns.len() != texts.len() || patterns.is_empty() {
        sheet.fault("expect", STATUS.id, STATUS.en);
    }
    patterns
}

fn jumps(sheet: &mut Sheet<'_>) -> Vec<(StatusPattern, String)> {
    let mut jumps = Vec::new();
    for (status, label) in sheet.named_texts("on").unwrap_or_default() {
        match StatusPattern::parse(&status) {
            Some(pattern) => jumps.push((pattern, label)),
            None => sheet.fault("on", STATUS.id, STATUS.en),
        }
    }
    jumps
}

fn select_aid(sheet: &mut Sheet<'_>) -> Option<Action> {
    let aid = hex(&sheet.text("select_aid")?).filter(|aid| AID_BYTES.contains(&aid.len()));
    if aid.is_none() {
        sheet.fault(
            "select_aid",
            "harus 1-16 byte dalam heksadesimal.",
            "must be 1-16 bytes in hexadecimal digits.",
        );
    }
    aid.map(Action::SelectAid)
}

fn apdu(sheet: &mut Sheet<'_>) -> Option<Action> {
    let equals = if sheet.has("equals") { Some(data(sheet, "equals")?) } else { None };
    match Template::parse(&sheet.text("apdu")?) {
        Ok(template) => Some(Action::Apdu { template, equals }),
        Err(words) => said(sheet, "apdu", words),
    }
}

fn file(sheet: &mut Sheet<'_>) -> Option<BinaryFile> {
    let fid = sheet.text("fid");
    let number = fid.as_deref().map(|text| hex(text).filter(|bytes| bytes.len() == 2));
    if matches!(number, Some(None)) {
        sheet.fault("fid", "harus 4 angka heksadesimal.", "must be 4 hexadecimal digits.");
    }
    let offset = ranged(sheet, "offset", 0, 0..=OFFSET_MAX);
    let block = ranged(sheet, "block", BLOCK_USUAL, 1..=BLOCK_MAX);
    Some(BinaryFile {
        fid: number.flatten().map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]])),
        offset: offset.try_into().ok()?,
        data: data(sheet, "data")?,
        block: block.try_into().ok()?,
    })
}

fn verify(sheet: &mut Sheet<'_>) -> Option<Action> {
    let reference = byte(sheet, "reference", 0);
    let pad_to = sheet.has("pad_to").then(|| byte(sheet, "pad_to", 0));
    Some(Action::Verify { key: key(sheet, "key")?, reference, pad_to })
}

fn secure(sheet: &mut Sheet<'_>) -> Option<Action> {
    let scp = sheet.demanded_text("scp");
    if sheet.has("scp") && scp != "03" {
        sheet.fault("scp", "hanya \"03\" yang dikenal.", "must be \"03\"; no other is known.");
    }
    let typed = sheet.demanded_text("level");
    let known = [
        ("cmac", Level::Mac),
        ("cmac+cenc", Level::MacEnc),
        ("cmac+rmac", Level::MacRmac),
        ("cmac+cenc+rmac", Level::MacEncRmac),
        ("cmac+cenc+rmac+renc", Level::Full),
    ];
    let level = one_of(sheet, "level", &typed, &known);
    let key_version = byte(sheet, "key_version", 0);
    Some(Action::Secure { keys: key(sheet, "keys")?, key_version, level: level? })
}

fn put_key(sheet: &mut Sheet<'_>) -> Option<Action> {
    sheet.demanded_count("key_version");
    let key_version = ranged(sheet, "key_version", 0, 1..=127);
    let replaces = byte(sheet, "replaces", 0);
    let key_version = key_version.try_into().ok()?;
    Some(Action::PutKey { keys: key(sheet, "keys")?, key_version, replaces })
}

fn classic_write(sheet: &mut Sheet<'_>) -> Option<Action> {
    let verify = sheet.flag("verify").unwrap_or(true);
    let typed = sheet.text("key_type").unwrap_or_else(|| "A".to_owned());
    let letter = one_of(sheet, "key_type", &typed, &[("A", KeyLetter::A), ("B", KeyLetter::B)]);
    sheet.demanded_count("sector");
    let sector = ranged(sheet, "sector", 1, 1..=SECTOR_MAX).try_into().ok()?;
    let (key, data) = (key(sheet, "key"), data(sheet, "data"));
    let classic = Classic { sector, key: key?, letter: letter?, data: data? };
    Some(Action::ClassicWrite { classic, verify })
}

fn page_write(sheet: &mut Sheet<'_>) -> Option<Action> {
    let verify = sheet.flag("verify").unwrap_or(true);
    sheet.demanded_count("page");
    let page = ranged(sheet, "page", 4, PAGES).try_into().ok()?;
    Some(Action::PageWrite { page, data: data(sheet, "data")?, verify })
}

fn ndef(sheet: &mut Sheet<'_>) -> Option<Action> {
    let kind = sheet.text("type");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:".contains(c);
    let sound = |kind: &String| {
        kind.split_once(':').is_some_and(|(domain, name)| !domain.is_empty() && !name.is_empty())
            && kind.len() < 256
            && kind.chars().all(plain)
    };
    if kind.as_ref().is_some_and(|kind| !sound(kind)) {
        sheet.fault(
            "type",
            "harus berbentuk domain:nama dengan huruf kecil.",
            "must be written domain:name, in lower case.",
        );
    }
    Some(Action::Ndef { data: data(sheet, "data")?, kind })
}

fn lock(sheet: &mut Sheet<'_>) -> Option<Action> {
    let on = sheet.flag("lock")?;
    if !on {
        sheet.fault(
            "lock",
            "harus true; hapus langkah ini bila tidak.",
            "must be true; else remove the step.",
        );
    }
    Some(Action::Lock)
}

fn data(sheet: &mut Sheet<'_>, key: &'static str) -> Option<Data> {
    let text = sheet.demanded_text(key);
    if !sheet.has(key) {
        return None;
    }
    match Data::parse(&text) {
        Ok(data) => Some(data),
        Err(words) => said(sheet, key, words),
    }
}

/// The name of a secret. The secret itself must never be in a profile.
fn key(sheet: &mut Sheet<'_>, key: &'static str) -> Option<String> {
    let text = sheet.demanded_text(key);
    if !sheet.has(key) {
        return None;
    }
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let sound = |name: &&str| {
        !name.is_empty() && !name.starts_with('.') && name.len() <= 64 && name.chars().all(plain)
    };
    let name = text.strip_prefix(VAULT).filter(sound);
    if name.is_none() {
        sheet.fault(
            key,
            "kunci hanya disebut menurut namanya: \"vault:NAMA\". Jangan menulis kunci di berkas ini.",
            "a key is only named: \"vault:NAME\". Never write a key into this file.",
        );
    }
    name.map(str::to_owned)
}

fn byte(sheet: &mut Sheet<'_>, key: &'static str, usual: u32) -> u8 {
    ranged(sheet, key, usual, 0..=255).try_into().unwrap_or_default()
}

/// A number in its range, or the default; a number out of range is reported.
fn ranged(
    sheet: &mut Sheet<'_>,
    key: &'static str,
    usual: u32,
    range: std::ops::RangeInclusive<u32>,
) -> u32 {
    let Some(number) = sheet.count(key) else { return usual };
    if range.contains(&number) {
        return number;
    }
    let (first, last) = (range.start(), range.end());
    sheet.fault(key, format!("harus {first}-{last}."), format!("must be {first}-{last}."));
    usual
}

/// One word of a list.
pub fn one_of<T: Copy>(
    sheet: &Sheet<'_>,
    key: &str,
    typed: &str,
    known: &[(&'static str, T)],
) -> Option<T> {
    let found = known.iter().find(|(word, _)| *word == typed).map(|(_, meant)| *meant);
    if found.is_none() {
        let near = nearest(typed, known.iter().map(|(word, _)| *word)).unwrap_or("-");
        sheet.fault(
            key,
            format!("tidak dikenal; yang paling mirip: {near}."),
            format!("is not known; the nearest is {near}."),
        );
    }
    found
}

fn said<T>(sheet: &Sheet<'_>, key: &str, words: Text) -> Option<T> {
    sheet.fault(key, words.id, words.en);
    None
}

const STATUS: Text = Text::fixed(
    "harus berupa kata status seperti \"9000\" atau \"61xx\".",
    "must hold status words such as \"9000\" or \"61xx\".",
);
