//! Reads Rust source well enough for rules about it: what is code and what is comment or text, where functions
//! begin and end, what stands in tests, which paths are named. Knows no rule and no project.

use std::ops::Range;

/// A source file whose comments, texts and characters are blanked out, line for line.
pub struct Source {
    /// Where it lies, from the project's root, with `/`.
    pub path: String,
    /// As it was written.
    pub text: String,
    /// Code only, of the same length.
    code: Vec<u8>,
    /// Byte ranges of test modules and test functions.
    tests: Vec<Range<usize>>,
    /// Stands the whole file in tests?
    pub is_test_file: bool,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
    pub in_test: bool,
}

/// A path such as `std::fs::read` that the code names, in a `use` or where it is needed.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub path: String,
    pub line: usize,
    /// Stands in a `use`: what lies below it can then be reached by a shorter name.
    pub imported: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank_out(text.as_bytes());
        let is_test_file = path.split('/').any(|part| matches!(part, "tests" | "tests.rs"));
        let mut source =
            Self { path: path.into(), text: text.into(), code, tests: Vec::new(), is_test_file };
        source.tests = source.find_tests();
        source
    }

    /// Names of the modules that this file declares for tests alone (`#[cfg(test)] mod golden;`).
    pub fn test_modules(&self) -> Vec<String> {
        let code = String::from_utf8_lossy(&self.code);
        test_marks(&code)
            .filter_map(|(_, end)| code[end..].trim_start().strip_prefix("mod ")?.split_once(';'))
            .map(|(name, _)| name.trim().to_owned())
            .filter(|name| name.bytes().all(is_word))
            .collect()
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    fn line_at(&self, at: usize) -> usize {
        1 + self.code[..at].iter().filter(|&&byte| byte == b'\n').count()
    }

    fn in_test(&self, at: usize) -> bool {
        self.is_test_file || self.tests.iter().any(|range| range.contains(&at))
    }

    /// Lines outside tests whose code has `fragment`; white space in the code is not looked at.
    pub fn production_lines_with(&self, fragment: &str) -> Vec<usize> {
        let dense: Vec<(usize, u8)> = self
            .code
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, b)| !b.is_ascii_whitespace())
            .collect();
        let wanted = fragment.as_bytes();
        dense
            .windows(wanted.len())
            .filter(|window| window.iter().map(|(_, byte)| byte).eq(wanted))
            .filter(|window| !continues_a_word(&self.code, window[0].0, wanted[0]))
            .map(|window| window[0].0)
            .filter(|&at| !self.in_test(at))
            .map(|at| self.line_at(at))
            .collect()
    }

    /// Every word outside tests, in code, texts and comments alike.
    pub fn all_words(&self) -> impl Iterator<Item = &str> {
        let outside = |word: &Range<usize>| !self.in_test(word.start);
        words(self.text.as_bytes()).filter(outside).filter_map(|word| self.text.get(word))
    }

    /// Every function that has a body.
    pub fn functions(&self) -> Vec<Function> {
        words(&self.code)
            .filter(|word| &self.code[word.clone()] == b"fn")
            .filter_map(|word| {
                let name = words(&self.code[word.end..]).next()?;
                let name = word.end + name.start..word.end + name.end;
                // `fn(u8)` is a type: a bracket stands before its first word.
                if !self.code[word.end..name.start].iter().all(u8::is_ascii_whitespace) {
                    return None;
                }
                let body = self.body_after(name.end)?;
                Some(Function {
                    name: String::from_utf8_lossy(&self.code[name]).into_owned(),
                    line: self.line_at(word.start),
                    lines: self.line_at(body.end) - self.line_at(word.start) + 1,
                    in_test: self.in_test(word.start),
                })
            })
            .collect()
    }

    /// The braces that follow `from`, unless a `;` at the same depth comes first. The range ends on the `}`.
    fn body_after(&self, from: usize) -> Option<Range<usize>> {
        let mut depth = 0_usize;
        let mut start = None;
        for (at, byte) in self.code.iter().enumerate().skip(from) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.checked_sub(1)?,
                b';' if depth == 0 && start.is_none() => return None,
                b'{' => {
                    start = start.or(Some(at));
                    depth += 1;
                }
                b'}' => {
                    depth = depth.checked_sub(1)?;
                    if let Some(start) = start.filter(|_| depth == 0) {
                        return Some(start..at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn find_tests(&self) -> Vec<Range<usize>> {
        let code = String::from_utf8_lossy(&self.code).into_owned();
        let single = code.match_indices("#[test]").map(|(at, mark)| (at, at + mark.len()));
        test_marks(&code)
            .chain(single)
            .filter_map(|(at, end)| self.body_after(end).map(|body| at..body.end))
            .collect()
    }

    /// Every path with `::` in it and every `use`, outside tests; `use` trees are unfolded.
    pub fn named(&self) -> Vec<Named> {
        let mut named = Vec::new();
        let mut done_until = 0;
        for word in words(&self.code) {
            if word.start < done_until || self.in_test(word.start) {
                continue;
            }
            if &self.code[word.clone()] == b"use" {
                let end = self.code[word.end..].iter().position(|&b| b == b';');
                done_until = end.map_or(self.code.len(), |end| word.end + end);
                let tree = String::from_utf8_lossy(&self.code[word.end..done_until]).into_owned();
                let line = self.line_at(word.start);
                named.extend(unfold("", &tree).into_iter().map(|path| Named {
                    path,
                    line,
                    imported: true,
                }));
            } else {
                let (path, end) = self.path_from(word.start);
                done_until = end;
                if path.contains("::") {
                    let line = self.line_at(word.start);
                    named.push(Named { path, line, imported: false });
                }
            }
        }
        named
    }

    fn path_from(&self, start: usize) -> (String, usize) {
        let mut path = String::new();
        let mut at = start;
        loop {
            let end = at + self.code[at..].iter().take_while(|b| is_word(**b)).count();
            path.push_str(&String::from_utf8_lossy(&self.code[at..end]));
            if !(self.code[end..].starts_with(b"::")
                && self.code.get(end + 2).is_some_and(|b| is_word(*b)))
            {
                return (path, end);
            }
            path.push_str("::");
            at = end + 2;
        }
    }
}

/// Where what only tests compile is marked: beginning and end of `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn test_marks(code: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let marks = ["#[cfg(test)]", "#[cfg(all(test,"].into_iter();
    let places = marks.flat_map(|mark| code.match_indices(mark));
    places.filter_map(|(at, _)| Some((at, at + code[at..].find(']')? + 1)))
}

/// `a::{b, c::{d as e, *}}` → `a::b`, `a::c::d`, `a::c::*`.
fn unfold(before: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    if tree.is_empty() {
        return Vec::new();
    }
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        let path = path.strip_suffix("::self").unwrap_or(path);
        let path = if path == "self" && !before.is_empty() { "" } else { path };
        let whole = format!("{before}{path}").replace(char::is_whitespace, "");
        return vec![whole.trim_start_matches("::").trim_end_matches("::").to_owned()];
    };
    let prefix = format!("{before}{}", &tree[..open]);
    let inner = tree[open + 1..].trim_end().strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let mut depth = 0_i32;
    inner
        .split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        })
        .flat_map(|part| unfold(&prefix, part))
        .collect()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Would a match at `at` begin in the middle of a longer word, as `dbg!` in `my_dbg!`?
fn continues_a_word(code: &[u8], at: usize, first: u8) -> bool {
    is_word(first) && at > 0 && is_word(code[at - 1])
}

fn words(code: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].iter().position(|b| is_word(*b))?;
        let end = start + code[start..].iter().take_while(|b| is_word(**b)).count();
        at = end;
        Some(start..end)
    })
}

/// Spaces for everything that is no code; line ends stay.
fn blank_out(text: &[u8]) -> Vec<u8> {
    let mut code = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        let length = not_code_length(&text[at..], at > 0 && is_word(text[at - 1]));
        for byte in code[at..at + length].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at += length.max(1);
    }
    code
}

/// Bytes of the comment, text or character that begins here; 0 where code does.
fn not_code_length(rest: &[u8], after_word: bool) -> usize {
    let until =
        |mark: &[u8]| rest.windows(mark.len()).position(|w| w == mark).unwrap_or(rest.len());
    match rest {
        [b'/', b'/', ..] => until(b"\n"),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'"', ..] => 1 + quoted_length(&rest[1..], b'"'),
        [b'b' | b'c', b'"', ..] if !after_word => 2 + quoted_length(&rest[2..], b'"'),
        [b'r', b'"' | b'#', ..] if !after_word => raw_text_length(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !after_word => raw_text_length(rest, 2),
        [b'\'', b'\\', ..] => 1 + quoted_length(&rest[1..], b'\''),
        // 'x' is a character and 'x a lifetime; a character may be four bytes long.
        [b'\'', ..] => {
            rest[1..].iter().take(5).position(|b| *b == b'\'').filter(|n| *n > 0).map_or(0, |n| {
                let inside = &rest[1..=n];
                let one = std::str::from_utf8(inside).is_ok_and(|s| s.chars().count() == 1);
                if one { n + 2 } else { 0 }
            })
        }
        _ => 0,
    }
}

fn quoted_length(inside: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < inside.len() && inside[at] != quote {
        at += if inside[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(inside.len())
}

fn raw_text_length(rest: &[u8], letters: usize) -> usize {
    let hashes = rest[letters..].iter().take_while(|b| **b == b'#').count();
    if rest.get(letters + hashes) != Some(&b'"') {
        // `r#type` is a name.
        return 0;
    }
    let body = letters + hashes + 1;
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    rest[body..]
        .windows(end.len())
        .position(|w| w == end)
        .map_or(rest.len(), |at| body + at + end.len())
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}
