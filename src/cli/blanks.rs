//! `kartud blanks`: the daily balance of blanks, entries by people, and the list for the *berita acara*.

use std::io::Write as _;

use serde_json::json;

use super::Exit;
use super::client::{Client, Where, language};

/// Blanks: how the days close, and what is done with blanks
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    days: Days,
    /// The station's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

#[derive(clap::Subcommand)]
enum What {
    /// Blanks were taken from the store to the station
    Load(Entry),
    /// Blanks were brought back to the store
    Return(Entry),
    /// Blanks are not found again
    Lost(Entry),
    /// Test cards were printed without a job
    Test(Entry),
    /// Blanks were spoiled without a job
    Spoil {
        #[command(flatten)]
        entry: Entry,
        /// GAGAL_CETAK, GAGAL_ENCODE, RUSAK_FISIK, PERUBAHAN_DATA, SALAH_DATA or CACAT_PABRIK
        #[arg(long)]
        cause: String,
    },
    /// So many blanks lie at the station now
    Count(Entry),
    /// List spoiled and test cards for the berita acara
    Spoiled(SpoiledArgs),
}

#[derive(clap::Args)]
struct Days {
    /// First day, YYYY-MM-DD; six days before the last unless given
    #[arg(long, value_name = "DAY")]
    from: Option<jiff::civil::Date>,
    /// Last day; today unless given
    #[arg(long, value_name = "DAY")]
    to: Option<jiff::civil::Date>,
}

#[derive(clap::Args)]
struct Entry {
    /// How many
    cards: u32,
    /// Officer number or account, no name
    #[arg(long)]
    by: String,
    /// The batch as the store names it
    #[arg(long)]
    batch: Option<String>,
    /// The same key enters once, however often the command is run
    #[arg(long)]
    key: Option<String>,
    /// The station's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

#[derive(clap::Args)]
struct SpoiledArgs {
    #[command(flatten)]
    days: Days,
    /// The station's answer as JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated, with a head
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        None => days(args),
        Some(What::Load(entry)) => enter("loaded", None, entry),
        Some(What::Return(entry)) => enter("returned", None, entry),
        Some(What::Lost(entry)) => enter("lost", None, entry),
        Some(What::Test(entry)) => enter("test", None, entry),
        Some(What::Spoil { entry, cause }) => enter("spoiled", Some(cause), entry),
        Some(What::Count(entry)) => enter("counted", None, entry),
        Some(What::Spoiled(args)) => spoiled(args),
    }
}

impl Days {
    fn query(&self) -> String {
        let day = |name: &str, day: Option<jiff::civil::Date>| {
            day.map_or(String::new(), |day| format!("&{name}={day}"))
        };
        let both = day("from", self.from) + &day("to", self.to);
        both.strip_prefix('&').map_or(String::new(), |query| format!("?{query}"))
    }
}

fn enter(kind: &str, cause: Option<&String>, entry: &Entry) -> anyhow::Result<Exit> {
    let body = json!({
        "kind": kind, "cards": entry.cards, "cause": cause, "by": entry.by, "batch": entry.batch,
    });
    let client = Client::new(&entry.at);
    let answer = client.post("/v1/blanks", entry.key.as_deref(), &body, "/seq")?;
    let mut out = std::io::stdout().lock();
    if entry.json {
        writeln!(out, "{answer:#}")?;
    } else {
        let at = client.local_time()?.of_key(&answer, "at");
        writeln!(out, "{}  {at}  {kind}  {}", answer["seq"], entry.cards)?;
    }
    Ok(Exit::Done)
}

/// The columns of the table, as the station names them.
const COLUMNS: [&str; 9] =
    ["opening", "loaded", "good", "spoiled", "test", "lost", "returned", "unsure", "expected"];

fn days(args: &Args) -> anyhow::Result<Exit> {
    let answer = Client::new(&args.at).get(&format!("/v1/blanks{}", args.days.query()), "/days")?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{answer:#}")?;
        return Ok(Exit::Done);
    }
    write!(out, "{:<10}", "date")?;
    for name in COLUMNS.iter().chain(&["counted", "closes"]) {
        write!(out, "  {name:>8}")?;
    }
    writeln!(out)?;
    for day in answer["days"].as_array().into_iter().flatten() {
        write!(out, "{:<10}", day["date"].as_str().unwrap_or(""))?;
        for name in COLUMNS {
            write!(out, "  {:>8}", day[name].as_i64().unwrap_or(0))?;
        }
        let counted = day["counted"].as_i64().map_or("-".to_owned(), |n| n.to_string());
        let closes = match day["closes"].as_bool() {
            Some(true) => "yes".to_owned(),
            Some(false) => match day["difference"].as_i64() {
                Some(difference) => format!("{difference:+}"),
                None => "no".to_owned(),
            },
            None => "-".to_owned(),
        };
        writeln!(out, "  {counted:>8}  {closes:>8}")?;
        for remark in day["remarks"].as_array().into_iter().flatten() {
            writeln!(out, "  {}", remark[language()].as_str().unwrap_or(""))?;
        }
    }
    Ok(Exit::Done)
}

fn spoiled(args: &SpoiledArgs) -> anyhow::Result<Exit> {
    let path = format!("/v1/blanks/spoiled{}", args.days.query());
    let client = Client::new(&args.at);
    let answer = client.get(&path, "/cards")?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{answer:#}")?;
        return Ok(Exit::Done);
    }
    let office = client.local_time()?;
    if args.csv {
        writeln!(out, "date,ref,cause,cards,job,at,evidence")?;
    }
    for card in answer["cards"].as_array().into_iter().flatten() {
        let text = |key: &str| card[key].as_str().unwrap_or("");
        let evidence = card["evidence"].to_string();
        if args.csv {
            let cells = [text("date"), text("ref"), text("cause"), &card["cards"].to_string()]
                .map(quoted)
                .join(",");
            let rest = [text("job"), &office.of_key(card, "at"), &evidence].map(quoted).join(",");
            writeln!(out, "{cells},{rest}")?;
        } else {
            let (date, reference, cause) = (text("date"), text("ref"), text("cause"));
            writeln!(out, "{date}  {reference:<20}  {cause:<14}  {}  {evidence}", card["cards"])?;
        }
    }
    Ok(Exit::Done)
}

/// RFC 4180.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
