//! Characters that are invisible, are placeholders for lost ones, or look like others: refused or held in every text of
//! every product, so that nobody approves one text and the machine prints another.

use kartu::product::{Product, Shape, built_in};
use serde_json::{Value, json};

use crate::printing::staff;
use crate::test_station::{TestStation, child};

/// What is inserted into a text, by kind. All of it is refused.
const REFUSED: &[(&str, &str)] = &[
    ("the replacement of a lost character", "\u{FFFD}"),
    ("an object that is not there", "\u{FFFC}"),
    ("NUL", "\0"),
    ("a line feed", "\n"),
    ("a tab", "\t"),
    ("a C1 control", "\u{85}"),
    ("a line separator", "\u{2028}"),
    ("a paragraph separator", "\u{2029}"),
    ("a soft hyphen", "\u{AD}"),
    ("a combining grapheme joiner", "\u{34F}"),
    ("an Arabic letter mark", "\u{61C}"),
    ("a Hangul filler", "\u{115F}"),
    ("another Hangul filler", "\u{3164}"),
    ("a half-width filler", "\u{FFA0}"),
    ("a Khmer inherent vowel", "\u{17B4}"),
    ("a Mongolian variation selector", "\u{180B}"),
    ("a zero-width space", "\u{200B}"),
    ("a zero-width joiner", "\u{200D}"),
    ("a right-to-left mark", "\u{200F}"),
    ("a right-to-left override", "\u{202E}"),
    ("a bidi isolate", "\u{2066}"),
    ("a word joiner", "\u{2060}"),
    ("an invisible times", "\u{2062}"),
    ("a byte order mark", "\u{FEFF}"),
    ("an interlinear annotation", "\u{FFF9}"),
    ("a variation selector", "\u{FE0F}"),
    ("a variation selector supplement", "\u{E0101}"),
    ("a tag", "\u{E0041}"),
    ("a musical format", "\u{1D173}"),
    ("a shorthand format", "\u{1BCA0}"),
    ("a noncharacter", "\u{FDD0}"),
    ("the last noncharacter", "\u{10FFFF}"),
    ("private use", "\u{E000}"),
    ("private use of plane 16", "\u{100000}"),
    ("unassigned", "\u{378}"),
    ("an enclosing keycap", "\u{20E3}"),
    ("a blank of Braille", "\u{2800}"),
];

/// Refused in texts for people; texts for machines may contain them.
const REFUSED_FOR_EYES: &[(&str, &str)] = &[
    ("a no-break space", "\u{A0}"),
    ("an ideographic space", "\u{3000}"),
    ("marks upon marks", "E\u{301}\u{302}\u{303}"),
    ("a mark on nothing", " \u{301}"),
];

/// Whole words that are held until a person has compared them.
const HELD: &[(&str, &str)] = &[
    ("a Cyrillic A in a Latin word", "P\u{410}INAN"),
    ("a Greek O in a Latin word", "C\u{39F}NTOH"),
    ("a word in Cyrillic", "\u{41C}\u{415}\u{41B}\u{410}"),
    ("full-width letters", "\u{FF21}\u{FF22}"),
    ("mathematical letters", "\u{1D400}\u{1D401}"),
    ("a Kelvin sign", "\u{212A}"),
    ("Arabic digits", "\u{661}\u{662}"),
    ("Han", "\u{4E2D}"),
    ("a click letter that looks like an I", "BUD\u{1C0}"),
    ("a click letter that looks like a mark", "BUDI\u{1C3}"),
    ("a dotless i", "BUD\u{131}"),
    ("a dotted I", "BUD\u{130}"),
    ("a reversed C", "\u{186}ONTOH"),
    ("a turned e", "CONT\u{18F}H"),
];

/// A good job of every built-in product.
fn good_job(product: &str) -> Value {
    match product {
        "kia" => child("S1"),
        "staf" => staff(),
        other => panic!("no sample of {other}"),
    }
}

/// The text with `put` inserted after its first letter.
fn with(text: &str, put: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map_or(String::new(), String::from);
    format!("{first}{put}{}", letters.as_str())
}

/// The free-text fields, and a text for those that the sample omits.
fn free_texts(product: &Product) -> Vec<(String, &'static str, bool)> {
    let free = product.fields.iter().filter_map(|field| match field.shape {
        Shape::Text { .. } | Shape::NoAkta { .. } => Some((field, "CONTOH", true)),
        Shape::PersonName { .. } | Shape::District { .. } => Some((field, "CONTOH SATU", true)),
        Shape::Tte { .. } => Some((field, "https://contoh", false)),
        _ => None,
    });
    free.map(|(field, usual, for_eyes)| (field.name.clone(), usual, for_eyes)).collect()
}

#[test]
fn nothing_that_nobody_can_see_stands_in_any_text_of_any_product() {
    let bench = TestStation::without_printer();
    for product in built_in::all().unwrap() {
        for (field, usual, for_eyes) in free_texts(&product) {
            let more = if for_eyes { REFUSED_FOR_EYES } else { &[] };
            for (what, put) in REFUSED.iter().chain(more) {
                let mut job = good_job(&product.name);
                let text = job["fields"][&field].as_str().unwrap_or(usual).to_owned();
                job["fields"][&field] = json!(with(&text, put));
                let answer = bench.http.post("/v1/jobs", &job);
                assert_eq!(answer.status, 422, "{what} in {field}: {}", answer.body);
                let place = json!(format!("fields.{field}"));
                assert_eq!(answer.body["field"], place, "{what}: {}", answer.body);
                assert_eq!(answer.body["code"], "E_FORMAT", "{what} in {field}");
            }
        }
    }
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"], json!([]));
}

#[test]
fn nor_in_what_else_is_stored() {
    let bench = TestStation::without_printer();
    for (what, put) in REFUSED {
        for path in [
            "/ref",
            "/reason",
            "/recommendation/nomor",
            "/recommendation/oleh/nama",
            "/attachments/0/kind",
        ] {
            let mut job = child("S1");
            job["recommendation"]["nomor"] = json!("R-1");
            let text = job.pointer(path).unwrap().as_str().unwrap().to_owned();
            *job.pointer_mut(path).unwrap() = json!(with(&text, put));
            let answer = bench.http.post("/v1/jobs", &job);
            assert_eq!(answer.status, 422, "{what} in {path}: {}", answer.body);
        }
    }
    let id = bench.accepted(&child("S1"));
    for (what, put) in REFUSED {
        let by = json!({ "by": with("petugas", put) });
        let answer = bench.http.post(&format!("/v1/jobs/{id}/cancel"), &by);
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("E_BY")), "{what}");
    }
}

#[test]
fn what_looks_like_a_latin_letter_and_is_none_waits_for_a_person() {
    let bench = TestStation::new();
    let mut number = 0;
    for product in built_in::all().unwrap() {
        for (field, _, _) in free_texts(&product).into_iter().filter(|(_, _, eyes)| *eyes) {
            for (what, word) in HELD {
                number += 1;
                let mut job = good_job(&product.name);
                job["ref"] = json!(format!("LOOK-{number}"));
                let text = job["fields"][&field].as_str().unwrap_or("CONTOH").to_owned();
                job["fields"][&field] = json!(format!("{text} {word}"));
                if field == "kewarganegaraan" {
                    job["fields"]["itap_sampai"] = json!("2099-01-01");
                }
                let answer = bench.http.post("/v1/jobs", &job);
                // A field with a list of allowed letters refuses them.
                if answer.status == 422 {
                    assert_eq!(answer.body["field"], json!(format!("fields.{field}")));
                    continue;
                }
                let codes = answer.codes("reasons");
                let told = ["H_FOREIGN_LETTER", "H_NAME_CHARACTER"]
                    .iter()
                    .any(|code| codes.contains(&(*code).into()));
                assert_eq!(
                    (answer.status, told),
                    (201, true),
                    "{what} in {field}: {}",
                    answer.body
                );
            }
        }
    }
    assert_eq!(bench.cards_out(), 0);
}

#[test]
fn letters_that_the_papers_do_have_are_printed() {
    let bench = TestStation::new();
    let mut job = child("S1");
    job["fields"]["tempat_lahir"] = json!("S\u{c3}O TOM\u{c9}");
    job["fields"]["alamat"] =
        json!("JL. \u{1ea2}NH \u{2116}\u{bd}".replace('\u{2116}', "N\u{b0} "));
    bench.until(&bench.accepted(&job), "printed");
}
