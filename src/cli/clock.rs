//! `kartud clock trust --by WHO`: a person looked at the clock, and it is right.

use serde_json::json;

use super::Exit;
use super::client::{Client, Where, language};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Say that the clock is right; holds until the computer is started anew, and stands in the ledger
    Trust(TrustArgs),
}

#[derive(clap::Args)]
struct TrustArgs {
    /// Officer number or account, no name
    #[arg(long)]
    by: String,
    /// Print the station's answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Task::Trust(args) = &args.task;
    let client = Client::new(&args.at);
    let told = client.post("/v1/clock/trust", None, &json!({ "by": args.by }), "/now")?;
    if args.json {
        say!("{told:#}")?;
        return Ok(Exit::Done);
    }
    let office = client.local_time()?;
    let now = office.of_key(&told, "now");
    match (told["was_in_doubt"].is_null(), language()) {
        (true, "id") => say!("{now}: jamnya memang tidak diragukan; tidak ada yang dicatat.")?,
        (true, _) => say!("{now}: the clock was not in doubt; nothing was written.")?,
        (false, "id") => say!("{now}: jam ini dipercaya sampai komputer dinyalakan ulang.")?,
        (false, _) => say!("{now}: this clock is believed until the computer is started anew.")?,
    }
    Ok(Exit::Done)
}
