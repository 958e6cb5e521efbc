//! The characters that a text may contain, compiled so that a check is a bit test. Knows no field.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Letters, digits and signs that a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharSet {
    /// Every visible character (`is_unseen` characters are refused before).
    Printable,
    /// Only these ASCII characters, one bit each.
    Only(u128),
}

impl CharSet {
    /// Compiles `"A-Z0-9./ -"`: single ASCII characters and ranges; a hyphen at either end is literal. `None` if the
    /// description is empty, or contains anything but printable ASCII, or a reversed range.
    pub fn compile(description: &str) -> Option<Self> {
        let chars = description.as_bytes();
        if chars.is_empty() || chars.iter().any(|byte| !(b' '..=b'~').contains(byte)) {
            return None;
        }
        let (mut bits, mut at) = (0u128, 0);
        while let Some(&first) = chars.get(at) {
            let last = match (chars.get(at + 1), chars.get(at + 2)) {
                (Some(b'-'), Some(&last)) => last,
                _ => first,
            };
            at += if last == first { 1 } else { 3 };
            if last < first {
                return None;
            }
            (first..=last).for_each(|byte| bits |= 1 << byte);
        }
        Some(CharSet::Only(bits))
    }

    /// Whether every character of `text` is allowed.
    pub fn allows(&self, text: &str) -> bool {
        match self {
            CharSet::Printable => true,
            CharSet::Only(bits) => text.bytes().all(|byte| byte < 128 && bits & (1 << byte) != 0),
        }
    }
}

/// Most marks on one letter: Vietnamese has two, no language has three.
const MARKS_MAX: usize = 2;

/// Invisible or meaningless characters, and ones that reorder the line: controls, formats (bidi, tags), line and
/// paragraph separators, private use, unassigned and noncharacters, the replacement character, and everything that
/// Unicode lets programs ignore (Default_Ignorable_Code_Point, which includes variation selectors). With them the card
/// would differ from what a person sees on the screen.
pub fn is_unseen(character: char) -> bool {
    use GeneralCategory as Category;
    if (' '..='~').contains(&character) {
        return false;
    }
    let category = character.general_category();
    let without_sign = matches!(
        category,
        Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::PrivateUse
            | Category::Surrogate
            | Category::Unassigned
            | Category::EnclosingMark
    );
    // The replacement character, the object replacement character, and the Braille blank.
    let without_meaning = matches!(character, '\u{FFFD}' | '\u{FFFC}' | '\u{2800}');
    without_sign || without_meaning || is_ignorable(character)
}

/// Default_Ignorable_Code_Point, except formats and unassigned characters (DerivedCoreProperties of Unicode 17).
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{34F}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FFA0}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// A blank other than the ordinary one: no-break, thin, ideographic. Texts that look equal would differ.
pub fn is_odd_blank(character: char) -> bool {
    character != ' ' && character.general_category() == GeneralCategory::SpaceSeparator
}

/// Does a letter have more marks than possible, or does a mark have no letter?
pub fn has_stacked_marks(text: &str) -> bool {
    let mut room = 0;
    for character in text.chars() {
        let is_mark = character.general_category_group() == GeneralCategoryGroup::Mark;
        match (is_mark, room) {
            (true, 0) => return true,
            (true, _) => room -= 1,
            (false, _) => room = if character.is_alphabetic() { MARKS_MAX } else { 0 },
        }
    }
    false
}

/// Does it contain a letter or digit that is not ordinary Latin: another script, which may imitate Latin (Cyrillic,
/// Greek), or a variant of Latin (full-width, mathematical)? A person must compare it with the documents.
pub fn is_foreign(text: &str) -> bool {
    text.chars().any(|character| {
        let is_letter = character.is_alphabetic() && !is_latin_letter(character);
        let is_number = character.is_numeric() && u32::from(character) > 0xFF;
        is_letter || is_number
    })
}

/// Basic Latin, Latin-1, Latin Extended-A, -B and Additional letters, except those that look like another letter:
/// dotless i and dotted I, the click letters (a bar, an exclamation mark), turned and reversed letters.
pub fn is_latin_letter(character: char) -> bool {
    let deceives = matches!(
        character,
        '\u{130}' | '\u{131}' | '\u{17F}' | '\u{186}' | '\u{18E}' | '\u{18F}' | '\u{190}' | '\u{196}' | '\u{19C}'
            | '\u{1A6}' | '\u{1BB}'..='\u{1C3}' | '\u{1DD}' | '\u{222}' | '\u{223}' | '\u{237}'..='\u{239}' | '\u{241}'..='\u{245}'
    );
    if deceives {
        return false;
    }
    let extended =
        matches!(character, '\u{AA}' | '\u{BA}' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}');
    character.is_ascii_alphabetic() || (extended && character.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::CharSet;

    #[test]
    fn ranges_and_single_characters() {
        let set = CharSet::compile("A-Z0-9./ -").expect("a good description");
        assert!(set.allows("123/CS-A.9 Z"));
        for refused in ["a", "Ä", "_", "A\u{0}", ":", "@", "["] {
            assert!(!set.allows(refused), "{refused:?}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_mean() {
        for description in ["", "Z-A", "é", "a\n"] {
            assert_eq!(CharSet::compile(description), None, "{description:?}");
        }
    }
}
