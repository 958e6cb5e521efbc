//! The only JSON parser for jobs, whatever their source: the API, its multipart part `job`, the command line. While it
//! reads, it refuses ambiguous JSON (a duplicate key, at any depth) and anything that would let memory grow. Must not
//! know HTTP, products or storage.
//!
//! A fault names its key only if the key is a known name: typed text is not repeated, because it may be personal.

use std::cell::RefCell;
use std::fmt;

use drivers::text::Text;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Most keys of one object. A product has thirty fields.
pub const KEYS_MAX: usize = 256;
/// Most entries of one list.
pub const ENTRIES_MAX: usize = 64;
/// Most keys and entries of a whole job.
const NODES_MAX: usize = 1024;
/// Deepest nesting: job, recommendation, officer, and one level to spare.
const DEPTH_MAX: usize = 4;
/// Longest text, bytes; the longest in use is the content of a QR code.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest key, bytes.
const KEY_BYTES_MAX: usize = 128;
/// The key whose text may be as long as the request.
const PHOTO: &str = "photo";

/// Known names of the envelope. All other known names belong to a product.
const ENVELOPE: &[&str] = &[
    "product",
    "ref",
    "reason",
    "fields",
    "attachments",
    "recommendation",
    "replaces",
    PHOTO,
    "kind",
    "sha256",
    "nomor",
    "keputusan",
    "oleh",
    "nama",
    "nip",
    "jabatan",
    "pada",
    "kadaluarsa",
    "daftar_periksa",
    "peringatan_disetujui",
    "hash_data",
    "tanda",
    "job",
    "old_card",
];

/// Why a text is not a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key: `fields.nama`; absent if the whole text is meant.
    pub place: Option<String>,
    /// What is wrong and what to do.
    pub words: Text,
    /// Is the only fault that it is too large?
    pub too_large: bool,
}

impl Fault {
    pub(super) fn at(place: impl Into<String>, id: String, en: String) -> Self {
        Self { place: Some(place.into()), words: Text::new(id, en), too_large: false }
    }

    fn whole(id: impl Into<String>, en: impl Into<String>) -> Self {
        Self { place: None, words: Text::new(id.into(), en.into()), too_large: false }
    }
}

/// Reads an object. `known`: is a name that is not the envelope's a product's name, and may be repeated?
///
/// # Errors
/// [`Fault`]: no JSON, not an object, a duplicate key, too much of anything.
pub fn read(text: &[u8], known: &dyn Fn(&str) -> bool) -> Result<Map<String, Value>, Fault> {
    encoding(text)?;
    let reading = Reading { known, state: RefCell::default() };
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = Node(&reading).deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    match read {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => {
            let (id, en) = kind_of(&other);
            Err(Fault::whole(
                format!("Kiriman harus satu objek JSON, {{…}}; yang diterima {id}."),
                format!("The request must be one JSON object, {{…}}; what came is {en}."),
            ))
        }
        Err(error) => Err(reading.why(&error)),
    }
}

/// Names what the text is if its first bytes show that it is not UTF-8 JSON.
fn encoding(text: &[u8]) -> Result<(), Fault> {
    let (id, en) = match text {
        [] => (
            "Kiriman kosong. Kirim pekerjaan sebagai objek JSON.",
            "The request is empty. Send the job as a JSON object.",
        ),
        [0xEF, 0xBB, 0xBF, ..] => (
            "Teks diawali BOM (byte order mark). Simpan sebagai UTF-8 tanpa BOM, lalu kirim lagi.",
            "The text begins with a byte order mark (BOM). Save it as UTF-8 without BOM and send it again.",
        ),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => (
            "Teks memakai UTF-16 atau UTF-32. Simpan sebagai UTF-8 tanpa BOM, lalu kirim lagi.",
            "The text is UTF-16 or UTF-32. Save it as UTF-8 without BOM and send it again.",
        ),
        _ => match std::str::from_utf8(text) {
            Ok(_) => return Ok(()),
            Err(error) => {
                let at = error.valid_up_to() + 1;
                return Err(Fault::whole(
                    format!(
                        "Teks bukan UTF-8 (bita ke-{at}). Simpan sebagai UTF-8, lalu kirim lagi."
                    ),
                    format!(
                        "The text is not UTF-8 (byte {at}). Save it as UTF-8 and send it again."
                    ),
                ));
            }
        },
    };
    Err(Fault::whole(id, en))
}

/// The type of a value, for a sentence; never its content.
pub(super) fn kind_of(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", "null"),
        Value::Bool(_) => ("true atau false", "true or false"),
        Value::Number(_) => ("angka", "a number"),
        Value::String(_) => ("teks", "a text"),
        Value::Array(_) => ("daftar", "a list"),
        Value::Object(_) => ("objek", "an object"),
    }
}

/// One step on the path from the job to a value.
enum Step {
    Name(String),
    /// A key that is not repeated.
    Unknown,
    Entry(usize),
}

#[derive(Default)]
struct State {
    path: Vec<Step>,
    nodes: usize,
    /// Our own fault, which serde can carry only as text.
    fault: Option<Fault>,
}

struct Reading<'k> {
    known: &'k dyn Fn(&str) -> bool,
    state: RefCell<State>,
}

impl Reading<'_> {
    fn step(&self, key: &str) -> Step {
        let told = ENVELOPE.contains(&key) || (self.known)(key);
        if told { Step::Name(key.to_owned()) } else { Step::Unknown }
    }

    /// The path, as far as its names may be repeated.
    fn place(&self) -> Option<String> {
        let mut place = String::new();
        for step in &self.state.borrow().path {
            match step {
                Step::Name(name) if place.is_empty() => place.push_str(name),
                Step::Name(name) => place.extend([".", name]),
                Step::Entry(number) => place.push_str(&format!("[{number}]")),
                Step::Unknown => break,
            }
        }
        (!place.is_empty()).then_some(place)
    }

    fn fail<E: serde::de::Error>(&self, words: Text, too_large: bool) -> E {
        let place = self.place();
        self.state.borrow_mut().fault = Some(Fault { place, words, too_large });
        E::custom("")
    }

    fn too_much<E: serde::de::Error>(&self, id: &str, en: &str, limit: usize) -> E {
        let words = Text::new(
            format!("Terlalu banyak: paling banyak {limit} {id}. Perbaiki kirimannya."),
            format!("Too much: at most {limit} {en}. Correct the request."),
        );
        self.fail(words, true)
    }

    fn twice<E: serde::de::Error>(&self, key: &str) -> E {
        let step = self.step(key);
        let (id, en) = match &step {
            Step::Name(name) => (format!("Kunci {name}"), format!("The key {name}")),
            _ => {
                let letters = key.chars().count();
                (
                    format!("Satu kunci yang tidak dikenal ({letters} huruf)"),
                    format!("An unknown key ({letters} characters)"),
                )
            }
        };
        self.state.borrow_mut().path.push(step);
        let words = Text::new(
            format!("{id} ada dua kali, jadi tidak jelas mana yang disetujui. Kirim satu saja."),
            format!("{en} stands twice, so nobody can tell which was approved. Send one only."),
        );
        self.fail(words, false)
    }

    /// Counts one more key or entry, below `step`.
    fn enter<E: serde::de::Error>(&self, step: Step) -> Result<(), E> {
        let mut state = self.state.borrow_mut();
        state.nodes += 1;
        state.path.push(step);
        if state.nodes <= NODES_MAX {
            return Ok(());
        }
        drop(state);
        Err(self.too_much("kunci dan unsur seluruhnya", "keys and entries in all", NODES_MAX))
    }

    fn leave(&self) {
        self.state.borrow_mut().path.pop();
    }

    fn not_too_deep<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.state.borrow().path.len() < DEPTH_MAX {
            return Ok(());
        }
        Err(self.too_much("tingkat bersarang", "levels inside one another", DEPTH_MAX))
    }

    fn text<E: serde::de::Error>(&self, text: &str) -> Result<Value, E> {
        let is_photo = matches!(&self.state.borrow().path[..], [Step::Name(one)] if one == PHOTO);
        if is_photo || text.len() <= TEXT_BYTES_MAX {
            return Ok(Value::String(text.to_owned()));
        }
        Err(self.too_much("bita dalam satu teks", "bytes in one text", TEXT_BYTES_MAX))
    }

    /// The parser's message may quote the content, so only its position is passed on.
    fn why(self, error: &serde_json::Error) -> Fault {
        if let Some(fault) = self.state.borrow_mut().fault.take() {
            return fault;
        }
        let (line, column) = (error.line(), error.column());
        let (id, en) = if error.is_eof() {
            ("JSON terputus sebelum selesai", "The JSON ends too early")
        } else {
            ("Bukan JSON yang benar", "This is no well-formed JSON")
        };
        let words = Text::new(
            format!("{id} (baris {line}, kolom {column}). Perbaiki, lalu kirim lagi."),
            format!("{en} (line {line}, column {column}). Correct it and send it again."),
        );
        Fault { place: self.place(), words, too_large: false }
    }
}

/// A value that is read within the limits.
struct Node<'r, 'k>(&'r Reading<'k>);

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.0.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let reading = self.0;
        reading.not_too_deep()?;
        let mut entries = Vec::new();
        loop {
            reading.enter(Step::Entry(entries.len()))?;
            let Some(entry) = list.next_element_seed(Node(reading))? else { break };
            reading.leave();
            if entries.len() == ENTRIES_MAX {
                return Err(reading.too_much(
                    "unsur dalam satu daftar",
                    "entries in one list",
                    ENTRIES_MAX,
                ));
            }
            entries.push(entry);
        }
        reading.leave();
        Ok(Value::Array(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let reading = self.0;
        reading.not_too_deep()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key_seed(Key(reading))? {
            if object.contains_key(&key) {
                return Err(reading.twice(&key));
            }
            if object.len() == KEYS_MAX {
                return Err(reading.too_much(
                    "kunci dalam satu objek",
                    "keys in one object",
                    KEYS_MAX,
                ));
            }
            reading.enter(reading.step(&key))?;
            let value = map.next_value_seed(Node(reading))?;
            reading.leave();
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

struct Key<'r, 'k>(&'r Reading<'k>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<String, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if key.len() <= KEY_BYTES_MAX {
            return Ok(key.to_owned());
        }
        Err(self.0.too_much("bita dalam satu kunci", "bytes in one key", KEY_BYTES_MAX))
    }
}
