//! `[magnetic]` of `product.toml`: the content of the tracks of a card's stripe, as templates of its values. Knows no
//! machine; `drivers::magnetic` knows what a track can hold.

use std::collections::BTreeMap;

use drivers::contract::{Coercivity, TrackError, Tracks};
use drivers::text::Text;

use super::{Field, Shape};
use crate::chip::one_of;
use crate::nearest::nearest;
use crate::toml_sheet::Sheet;

/// `[magnetic]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripe {
    /// The coercivity of the blanks' stripes; `None`: the machine's setting.
    pub coercivity: Option<Coercivity>,
    tracks: [Option<Vec<Piece>>; 3],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, form: Form },
}

/// The form of a value on a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    AsPrinted,
    /// A date in the ISO 7813 form of the end of validity.
    YearMonth,
    /// A date in full.
    YearMonthDay,
}

/// A value that cannot be written on the stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The value's field; `None`: the track as a whole.
    pub field: Option<String>,
    /// What is wrong with it.
    pub error: TrackError,
}

const KEYS: [&str; 3] = ["track1", "track2", "track3"];

pub(super) fn read(mut sheet: Sheet<'_>, known: &[&str], fields: &[Field]) -> Stripe {
    let coercivity = sheet.text("coercivity").and_then(|typed| {
        let words = [("hico", Coercivity::High), ("loco", Coercivity::Low)];
        one_of(&sheet, "coercivity", &typed, &words)
    });
    let tracks: [Option<Vec<Piece>>; 3] = std::array::from_fn(|place| {
        let text = sheet.text(KEYS[place])?;
        let pieces = pieces(&text, known, fields).and_then(|pieces| {
            let fixed = pieces.iter().all(|piece| match piece {
                Piece::Text(text) => fits(place, text).is_ok(),
                Piece::Value { .. } => true,
            });
            if fixed && !pieces.is_empty() { Ok(pieces) } else { Err(LETTERS) }
        });
        pieces.map_err(|words| sheet.fault(KEYS[place], words.id, words.en)).ok()
    });
    if KEYS.into_iter().all(|key| !sheet.has(key)) {
        sheet.fault(
            "track1",
            "sedikitnya satu trek harus ada.",
            "at least one track must be given.",
        );
    }
    sheet.close();
    Stripe { coercivity, tracks }
}

fn pieces(text: &str, known: &[&str], fields: &[Field]) -> Result<Vec<Piece>, Text> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (plain, after) = rest.split_once('{').unwrap_or((rest, ""));
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        if plain.len() == rest.len() {
            break;
        }
        let (inside, after) = after.split_once('}').ok_or(BRACE)?;
        pieces.push(value(inside, known, fields)?);
        rest = after;
    }
    Ok(pieces)
}

fn value(inside: &str, known: &[&str], fields: &[Field]) -> Result<Piece, Text> {
    let (name, form) = match inside.split_once(':') {
        None => (inside, Form::AsPrinted),
        Some((name, "yymm")) => (name, Form::YearMonth),
        Some((name, "yyyymmdd")) => (name, Form::YearMonthDay),
        Some(_) => return Err(BRACE),
    };
    if !known.contains(&name) {
        let near = nearest(name, known.iter().copied()).unwrap_or("-");
        return Err(Text::new(
            format!("meminta {{{name}}} yang tidak ada; yang paling mirip: {{{near}}}."),
            format!("asks for {{{name}}}, which does not exist; the nearest is {{{near}}}."),
        ));
    }
    let is_date = |field: &Field| matches!(field.shape, Shape::Date { .. } | Shape::ValidUntil);
    let date = fields.iter().any(|field| field.name == name && is_date(field));
    if form != Form::AsPrinted && !date {
        return Err(Text::fixed(
            ":yymm dan :yyyymmdd hanya untuk tanggal.",
            ":yymm and :yyyymmdd are for dates only.",
        ));
    }
    Ok(Piece::Value { name: name.to_owned(), form })
}

impl Stripe {
    /// The tracks of one card, from its values in print form.
    pub(super) fn tracks(&self, values: &BTreeMap<String, String>) -> Result<Tracks, Misfit> {
        let mut data = [None, None, None];
        for (place, pieces) in self.tracks.iter().enumerate() {
            let Some(pieces) = pieces else { continue };
            let mut track = String::new();
            for piece in pieces {
                let (text, field) = match piece {
                    Piece::Text(text) => (text.clone(), None),
                    Piece::Value { name, form } => {
                        let value = values.get(name).map(String::as_str).unwrap_or_default();
                        (written(value, *form, place), Some(name))
                    }
                };
                let misfit = |error| Misfit { field: field.cloned(), error };
                fits(place, &text).map_err(misfit)?;
                track.push_str(&text);
            }
            data[place] = Some(track);
        }
        let tracks = Tracks::new(data.each_ref().map(Option::as_deref));
        tracks
            .map(|tracks| tracks.for_stripe(self.coercivity))
            .map_err(|error| Misfit { field: None, error })
    }
}

/// May these characters be on a track? No characters at all may.
fn fits(place: usize, text: &str) -> Result<(), TrackError> {
    let mut data = [None; 3];
    data[place] = Some(text).filter(|text| !text.is_empty());
    Tracks::new(data).map(drop)
}

/// A value in its form on a track; the first track has no lower-case letters.
fn written(value: &str, form: Form, place: usize) -> String {
    let digits = |at: std::ops::Range<usize>| value.get(at).unwrap_or_default();
    // The print form of a date is DD-MM-YYYY.
    match form {
        Form::AsPrinted if place == 0 => value.to_uppercase(),
        Form::AsPrinted => value.to_owned(),
        Form::YearMonth => [digits(8..10), digits(3..5)].concat(),
        Form::YearMonthDay => [digits(6..10), digits(3..5), digits(0..2)].concat(),
    }
}

const LETTERS: Text = Text::fixed(
    "memuat karakter yang tidak dapat ditulis pada trek ini, atau kosong.",
    "has a character that cannot stand on this track, or is empty.",
);
const BRACE: Text = Text::fixed(
    "dalam kurung kurawal hanya boleh nama data, atau NAMA:yymm dan NAMA:yyyymmdd untuk tanggal.",
    "in braces only a value's name may stand, or NAME:yymm and NAME:yyyymmdd for dates.",
);
