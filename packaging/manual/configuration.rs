//! `kartud.toml(5)` from the shipped configuration, which has every key with its default and its reason. Knows no key.

use std::io;

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// One key of a section: its default, and the lines that explain it.
struct Key<'a> {
    name: &'a str,
    default: &'a str,
    lines: Vec<&'a str>,
}

/// The page.
///
/// # Errors
/// A line that is none of a section, a key and a comment.
pub fn page(text: &str, version: &str) -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    page.control("TH", ["kartud.toml", "5", "", &format!("kartud {version}"), "Kartu"]);
    page.control("SH", ["NAME"]);
    page.text([roman("kartud.toml - configuration of the print station kartud")]);
    page.control("SH", ["DESCRIPTION"]);
    let mut open: Option<Key<'_>> = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            close(open.take(), &mut page);
            page.control("SH", [format!("[{}]", section.0).as_str()]);
        } else if let Some(comment) = line.strip_prefix('#') {
            match &mut open {
                Some(key) => key.lines.push(comment.trim()),
                None => {
                    page.text([roman(comment.trim())]);
                    page.control("br", []);
                }
            }
        } else if let Some((name, rest)) = line.split_once(" = ") {
            close(open.take(), &mut page);
            let (default, reason) = rest.split_once(" #").unwrap_or((rest, ""));
            open = Some(Key { name, default: default.trim(), lines: vec![reason.trim()] });
        } else if !line.is_empty() {
            return Err(io::Error::other(format!("no section, key or comment: {line:?}")));
        }
    }
    close(open, &mut page);
    page.control("SH", ["FILES"]);
    page.text([roman("/etc/kartu/kartud.toml")]);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("kartud"), roman("(8), "), bold("kartud-check-config"), roman("(8)")]);
    let mut bytes = Vec::new();
    page.to_writer(&mut bytes)?;
    Ok(bytes)
}

fn close(key: Option<Key<'_>>, page: &mut Roff) {
    let Some(key) = key else { return };
    page.control("TP", []);
    page.text([bold(key.name), roman(" = "), roman(key.default)]);
    for (at, line) in key.lines.iter().enumerate() {
        // A possible value stands on a line of its own.
        if at > 0 && line.starts_with('"') {
            page.control("br", []);
        }
        page.text([Inline::Roman((*line).to_owned())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_in_the_page_with_its_default_and_its_reason() {
        let text = "# Every key.\n[a]\nname = \"x\"  # why\n           #   \"y\"  or this\nn = 4\n";
        let page = String::from_utf8(page(text, "1").unwrap()).unwrap();
        for wanted in
            [".SH [a]", "\\fBname\\fR = \"x\"", "why", ".br\n\"y\"  or this", "\\fBn\\fR = 4"]
        {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
        assert!(super::page("what is this", "1").is_err());
    }
}
