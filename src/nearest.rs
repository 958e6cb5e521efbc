//! "Did you mean …?": the known name nearest to a mistyped one. Knows nothing of what the names are for.

/// Longer names are not compared: nobody mistypes that much, and the cost grows with the square of the length.
const COMPARED_CHARS_MAX: usize = 64;

/// The nearest of `known` by typing errors; the first of equals, `None` only if there is nothing to compare.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.chars().nth(COMPARED_CHARS_MAX).is_some() {
        return None;
    }
    known.into_iter().min_by_key(|name| strsim::damerau_levenshtein(typed, name))
}
