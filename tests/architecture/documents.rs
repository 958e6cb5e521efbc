//! What can be checked of the documents: links, places, commands. Each check is a function from text to the faults found
//! in it, and touches no disk.

use std::collections::BTreeSet;

/// The README sells, shows and installs; what is longer belongs into `docs/`.
pub const README_BYTES: usize = 8_000;

/// Folders whose files a document may name in backticks.
const PLACES: [&str; 10] = [
    "src/",
    "drivers/",
    "tests/",
    "config/",
    "docs/",
    "jpeg/",
    "packaging/",
    "pixels/",
    "scale/",
    "fuzz/",
];

/// Text outside of fenced blocks, and the lines within them.
fn parts(text: &str) -> (String, Vec<&str>) {
    let (mut prose, mut shown, mut fenced) = (String::new(), Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            shown.push(line);
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    (prose, shown)
}

/// What stands between backticks; a span may be broken by a line's end.
fn quoted(prose: &str) -> Vec<String> {
    let paragraphs = prose.split("\n\n");
    let spans = paragraphs.flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Relative links of the document at `path` that lead nowhere.
pub fn dead_links(path: &str, text: &str, there: &BTreeSet<String>) -> Vec<String> {
    let (prose, _) = parts(text);
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let relative = links.map(|(link, _)| link).filter(|link| !link.contains("://"));
    relative
        .filter(|link| {
            let file = link.split('#').next().unwrap_or_default();
            !file.is_empty() && !exists(&resolved(path, file), there)
        })
        .map(|link| format!("{path}: the link {link} leads nowhere"))
        .collect()
}

/// `docs/a.md` and `../src/b.rs` → `src/b.rs`.
fn resolved(from: &str, link: &str) -> String {
    let mut place: Vec<&str> = from.split('/').collect();
    place.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(place.pop()),
            "." => {}
            part => place.push(part),
        }
    }
    place.join("/")
}

fn exists(place: &str, there: &BTreeSet<String>) -> bool {
    let folder = format!("{}/", place.trim_end_matches('/'));
    there.contains(place) || there.iter().any(|file| file.starts_with(&folder))
}

/// Places named in backticks that are not there.
pub fn gone_places(path: &str, text: &str, there: &BTreeSet<String>) -> Vec<String> {
    let (prose, _) = parts(text);
    let named = quoted(&prose).into_iter().filter_map(|span| {
        let place = span.split(' ').next().unwrap_or_default().to_owned();
        let is_pattern = place.contains(['*', '<', '…']);
        let is_place = PLACES.iter().any(|folder| place.starts_with(folder));
        (is_place && !is_pattern).then_some(place)
    });
    named
        .filter(|place| !exists(place, there))
        .map(|place| format!("{path} names {place}: not there"))
        .collect()
}

/// Commands of `kartud` that the document shows and the program does not have.
pub fn unknown_commands(path: &str, text: &str, program: &clap::Command) -> Vec<String> {
    let (prose, shown) = parts(text);
    let lines = shown.into_iter().map(str::to_owned);
    let said = lines.chain(quoted(&prose)).filter_map(|line| {
        let line = line.split(" # ").next().unwrap_or_default().trim().to_owned();
        let at = line.find("kartud ")?;
        // Named as a program, not as a part of a path, a unit or a sentence.
        let alone = at == 0 || line[..at].ends_with([' ', '/']);
        alone.then(|| line[at..].to_owned())
    });
    said.filter_map(|command| {
        let why = misread(&command, program)?;
        Some(format!("{path}: {command:?}: {why}"))
    })
    .collect()
}

/// What the program would not understand of a command line; values are not looked at.
fn misread(command: &str, program: &clap::Command) -> Option<String> {
    let mut at = program;
    let mut words = command.split_whitespace().skip(1).peekable();
    while let Some(word) = words.peek() {
        match at.find_subcommand(word) {
            Some(below) => at = below,
            None if at.has_subcommands() && !takes_words(at) && !word.starts_with('-') => {
                return Some(format!("no command {word}"));
            }
            None => break,
        }
        words.next();
    }
    let known = |option: &str| {
        let globals = ["help", "version"];
        globals.contains(&option)
            || at.get_arguments().any(|argument| argument.get_long() == Some(option))
    };
    words
        .filter_map(|word| word.strip_prefix("--"))
        .map(|option| option.trim_end_matches([',', ';']))
        .find(|option| !option.is_empty() && !known(option))
        .map(|option| format!("no option --{option}"))
}

fn takes_words(command: &clap::Command) -> bool {
    command.get_positionals().next().is_some()
}
