//! `kartud codes [CODE]`: what the codes mean, what to do about them, and who does it. Needs no station and no
//! configuration.

use std::io::Write as _;

use drivers::text::Text;
use serde_json::{Value, json};

use super::Exit;
use super::client::own;
use crate::codes::{self, Code, document};
use crate::nearest::nearest;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The code, such as H_STALE; without it all of them
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// One JSON object, or an array of all, in both languages
    #[arg(long)]
    json: bool,
    /// All of them as docs/codes.md has them
    #[arg(long, conflicts_with_all = ["json", "code"])]
    markdown: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    let Some(typed) = &args.code else {
        if args.markdown {
            write!(out, "{}", document::markdown())?;
        } else if args.json {
            let all: Vec<Value> = codes::all().into_iter().map(as_json).collect();
            writeln!(out, "{:#}", Value::from(all))?;
        } else {
            for code in codes::all() {
                let (remedy, sentence) = (code.remedy.name(), code.general());
                writeln!(out, "{:<26} {remedy:<15} {}", code.code, own(&sentence))?;
            }
        }
        return Ok(Exit::Done);
    };
    let Some(code) = codes::find(&typed.to_ascii_uppercase()) else {
        eprintln!("kartud: {}", own(&unknown(typed)));
        return Ok(Exit::CommandLine);
    };
    if args.json {
        writeln!(out, "{:#}", as_json(code))?;
    } else {
        write!(out, "{}", explained(code))?;
    }
    Ok(Exit::Done)
}

fn as_json(code: &Code) -> Value {
    let field = (!code.field.is_empty()).then_some(code.field);
    json!({
        "code": code.code,
        "severity": code.severity().name(),
        "field": field,
        "message": code.general(),
        "remedy": code.remedy,
        "what_to_do": code.remedy.words(),
        "who": code.remedy.who(),
        "may_release": code.remedy.may_release(),
    })
}

/// The explanation for a person who has met the code.
fn explained(code: &Code) -> String {
    let say = |id: &'static str, en: &'static str| own(&Text::fixed(id, en)).to_owned();
    let lines = [
        (say("akibat", "follows"), own(&code.severity().words()).to_owned()),
        (say("lakukan", "to do"), own(&code.remedy.words()).to_owned()),
        (say("oleh", "by"), own(&code.remedy.who()).to_owned()),
        (say("kolom", "field"), code.field.to_owned()),
    ];
    let mut text = format!("{}\n{}\n", code.code, own(&code.general()));
    for (name, told) in lines.into_iter().filter(|(_, told)| !told.is_empty()) {
        text += &format!("  {name:<8} {told}\n");
    }
    text
}

fn unknown(typed: &str) -> Text {
    let near = nearest(&typed.to_ascii_uppercase(), codes::all().iter().map(|code| code.code));
    let near = near.unwrap_or("kartud codes");
    Text::new(
        format!("kode itu tidak ada; mungkin maksudnya {near}? (kartud codes)"),
        format!("there is no such code; did you mean {near}? (kartud codes)"),
    )
}
