//! The fit rule: lines first, then smaller, then hold. Nothing is ever cut. Knows glyph widths, no pixels.
//!
//! DOMAIN section 11: try lines, shrink in quarter points to the floor, then `H_TEXT_OVERFLOW`.

use std::ops::Range;

use super::design::{MM_PER_PT, Placeholder};
use super::fonts::{Fonts, Shaped};

/// How much smaller each try is, points.
const STEP_PT: f32 = 0.25;
/// Widths are compared with this slack, millimetres: rounding must not shrink a text that fits exactly.
const SLACK_MM: f32 = 0.001;

/// A text that fits: its glyphs, and which of them stand on which line.
pub(super) struct Fitted {
    pub glyphs: Vec<Shaped>,
    /// Glyphs of each line, without the spaces at its ends.
    pub lines: Vec<Range<usize>>,
    /// Font size, millimetres.
    pub size_mm: f32,
}

/// Why a text cannot be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Too long even at the floor.
    Overflow,
    /// The font lacks a letter; where it stands in the text, bytes.
    Missing {
        /// First byte of the letter.
        at_byte: usize,
    },
}

/// Breaks and shrinks a text into a placeholder.
pub(super) fn fit(fonts: &Fonts, place: &Placeholder, text: &str) -> Result<Fitted, Misfit> {
    let glyphs = fonts.shape(place.typeface, text);
    if let Some(missing) = glyphs.iter().find(|glyph| glyph.glyph == 0) {
        return Err(Misfit::Missing { at_byte: missing.at_byte });
    }
    let words = words(&glyphs, text);
    let units_per_em = fonts.units_per_em(place.typeface);
    for size_mm in sizes(place) {
        let widest = (place.max_width_mm + SLACK_MM) * units_per_em / size_mm;
        if let Some(lines) = wrap(&glyphs, &words, widest as i32, place.lines) {
            return Ok(Fitted { glyphs, lines, size_mm });
        }
    }
    Err(Misfit::Overflow)
}

/// Sum of the advances, font units.
pub(super) fn width(glyphs: &[Shaped]) -> i32 {
    glyphs.iter().map(|glyph| glyph.advance).sum()
}

/// The drawn size, then smaller and smaller; the floor itself is the last. A text drawn below its floor stays as it is.
fn sizes(place: &Placeholder) -> impl Iterator<Item = f32> {
    let drawn_pt = place.size_mm / MM_PER_PT;
    let room = ((drawn_pt - place.floor_pt) / STEP_PT).max(0.0);
    let steps = (room - 0.001).max(0.0).ceil() as u32;
    let (size_mm, floor_mm) = (place.size_mm, place.floor_pt * MM_PER_PT);
    (0..=steps).map(move |step| match step {
        0 => size_mm,
        _ => (size_mm - step as f32 * STEP_PT * MM_PER_PT).max(floor_mm),
    })
}

/// The glyphs of each word.
fn words(glyphs: &[Shaped], text: &str) -> Vec<Range<usize>> {
    let is_space = |glyph: &Shaped| text.as_bytes().get(glyph.at_byte) == Some(&b' ');
    let mut words = Vec::new();
    let mut start = None;
    for (n, glyph) in glyphs.iter().enumerate() {
        match (is_space(glyph), start) {
            (false, None) => start = Some(n),
            (true, Some(first)) => {
                words.push(first..n);
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|first| first..glyphs.len()));
    words
}

/// Greedy: each line takes as many words as it holds. `None` when a word or the text does not fit.
fn wrap(
    glyphs: &[Shaped],
    words: &[Range<usize>],
    widest: i32,
    most_lines: usize,
) -> Option<Vec<Range<usize>>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    for word in words {
        if width(&glyphs[word.clone()]) > widest {
            return None;
        }
        let holds = |line: &&mut Range<usize>| width(&glyphs[line.start..word.end]) <= widest;
        if let Some(line) = lines.last_mut().filter(holds) {
            line.end = word.end;
        } else if lines.len() < most_lines {
            lines.push(word.clone());
        } else {
            return None;
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::render::design::{Anchor, Layer, Template};
    use crate::render::fonts::Typeface;

    fn place(max_width_mm: f32, lines: usize, size_pt: f32, floor_pt: f32) -> Placeholder {
        Placeholder {
            layer: Layer::Resin,
            typeface: Typeface::CondensedBold,
            x_mm: 0.0,
            y_mm: 0.0,
            size_mm: size_pt * MM_PER_PT,
            anchor: Anchor::Start,
            max_width_mm,
            lines,
            pitch_mm: 2.75,
            floor_pt,
            ink: [0; 3],
            template: Template::default(),
            when: Vec::new(),
        }
    }

    #[test]
    fn a_long_name_takes_two_lines_before_it_gets_smaller() {
        let fonts = Fonts::default();
        let name = "SITI NURHALIZA CONTOHWATI BINTI ABDURRAHMAN CONTOHNINGRAT";
        let fitted = fit(&fonts, &place(38.0, 2, 6.5, 5.0), name).unwrap();
        assert_eq!(fitted.lines.len(), 2);
        assert_eq!(fitted.size_mm, 6.5 * MM_PER_PT);
    }

    #[test]
    fn a_name_that_is_still_too_long_shrinks_by_quarter_points_to_the_floor_and_no_further() {
        let place = place(38.0, 1, 6.5, 5.0);
        let sizes: Vec<f32> = sizes(&place).map(|mm| mm / MM_PER_PT).collect();
        assert_eq!(sizes.len(), 7);
        for (n, size) in sizes.iter().enumerate() {
            assert!((size - (6.5 - 0.25 * n as f32)).abs() < 1e-4, "{sizes:?}");
        }
        let fonts = Fonts::default();
        let fitted = fit(&fonts, &place, "ABDURRAHMAN CONTOHNINGRAT BIN CONTOHWATI").unwrap();
        assert!(fitted.size_mm < place.size_mm && fitted.size_mm >= 5.0 * MM_PER_PT);
        let long = fit(&fonts, &place, &"CONTOHWATI ".repeat(5)).err();
        assert_eq!(long, Some(Misfit::Overflow));
    }

    #[test]
    fn one_word_wider_than_the_line_is_never_broken() {
        let fonts = Fonts::default();
        let word = "W".repeat(60);
        assert_eq!(fit(&fonts, &place(38.0, 3, 6.5, 5.0), &word).err(), Some(Misfit::Overflow));
    }

    #[test]
    fn a_letter_that_the_font_lacks_is_found_at_its_place() {
        let fonts = Fonts::default();
        let missing = fit(&fonts, &place(38.0, 1, 6.5, 5.0), "AB漢").err();
        assert_eq!(missing, Some(Misfit::Missing { at_byte: 2 }));
        assert!(fit(&fonts, &place(38.0, 1, 6.5, 5.0), "Nur'aini Ma\u{2019}ruf É").is_ok());
    }
}
