//! `kartud preview JOB.json --photo P --out DIR`: composes without a station and without printing.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use drivers::private_file;

use super::client::language;
use super::{Exit, files, run, submit};
use crate::config::Config;
use crate::finding::Finding;
use crate::intake::Examiner;
use crate::render::Subject;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The job, as `POST /v1/jobs` takes it
    #[arg(value_name = "JOB.json")]
    job: PathBuf,
    /// The photo, JPEG or PNG
    #[arg(long, value_name = "FILE")]
    photo: Option<PathBuf>,
    /// Where the pictures go: front.png and, for a two-sided card, back.png
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Products, office and offsets as the station has them; without it the built-in ones
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match &args.config {
        Some(path) => run::read_config(path),
        None => Config::parse("", Path::new("")),
    };
    let examiner = match config.and_then(|config| Examiner::open(&config)) {
        Ok(examiner) => examiner,
        Err(faults) => {
            return Ok(run::refuse(args.config.as_deref().unwrap_or(Path::new("")), &faults));
        }
    };
    let text = files::read(&args.job)?;
    let mut request =
        examiner.read(&text).map_err(|fault| submit::unreadable(&args.job, &fault))?;
    let sent = request.photo.take().map(|photo| photo.0);
    let photo = match &args.photo {
        Some(path) => Some(files::read(path)?),
        None => sent,
    };
    // The pictures show a child's face and name, so only the caller may read them.
    private_file::make_folder(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let accepted_at = jiff::Timestamp::now();
    let (product, card) = match examiner.card(&request, photo.is_some(), accepted_at) {
        Ok(made) => made,
        Err(findings) => return Ok(refuse(&findings)),
    };
    let subject = Subject { product, card: &card, photo: photo.as_deref(), accepted_at };
    for (back, name) in [(false, "front.png"), (true, "back.png")] {
        match examiner.renderer().preview(subject, back) {
            Ok(Some(png)) => {
                let path = args.out.join(name);
                private_file::replace(&path, &png)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                say!("{}", path.display())?;
            }
            Ok(None) => {}
            Err(findings) => return Ok(refuse(&findings)),
        }
    }
    Ok(Exit::Done)
}

fn refuse(findings: &[Finding]) -> Exit {
    for finding in findings {
        let words = if language() == "id" { &finding.words.id } else { &finding.words.en };
        eprintln!("{}  {}  {words}", finding.code, finding.field.as_deref().unwrap_or(""));
    }
    Exit::Refused
}
