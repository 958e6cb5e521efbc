//! The command line as a client of the station's own API.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use drivers::text::Text;
use serde_json::Value;

use super::Exit;
use super::local_time::LocalTime;

/// An answer of a station on this machine takes milliseconds; a photo to be inspected, a little more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nobody on loopback takes longer to pick up.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// No answer of ours is longer.
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;

/// The station says something at least every 15 seconds to whoever listens.
const QUIET_LIMIT: Duration = Duration::from_secs(60);
/// A station that is busy is asked again for so long.
const BUSY_LIMIT: Duration = Duration::from_secs(60);
/// And so often, as it asks for itself.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// What a station says that has done nothing and wants to be asked again.
const BUSY: &str = "E_BUSY";

/// Where the station is.
#[derive(clap::Args, Clone)]
pub(super) struct Where {
    /// Address of the station
    #[arg(
        long,
        value_name = "URL",
        env = "KARTU_URL",
        default_value = "http://127.0.0.1:8631",
        value_parser = station_url
    )]
    pub url: String,
}

fn station_url(typed: &str) -> Result<String, String> {
    let wrong = "write the station's address, such as http://127.0.0.1:8631";
    let url: ureq::http::Uri = typed.parse().map_err(|_| wrong.to_owned())?;
    let is_whole =
        url.scheme_str() == Some("http") && url.host().is_some_and(|host| !host.is_empty());
    if is_whole && url.query().is_none() { Ok(typed.to_owned()) } else { Err(wrong.into()) }
}

/// The station said no, and why.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {sentence}")]
pub(super) struct Refused {
    code: String,
    sentence: String,
}

/// Nobody answers.
#[derive(Debug, thiserror::Error)]
#[error("no station answers at {0}; is kartud running?")]
struct Unreachable(String);

/// Somebody answers who is no station.
#[derive(Debug, thiserror::Error)]
#[error(
    "what answers at {0} is no kartud station; give the station's address with --url or KARTU_URL"
)]
struct NoStation(String);

/// Which exit code an error deserves.
pub(super) fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<Refused>() || error.is::<super::find::Unclear>() {
        Exit::Refused
    } else if error.is::<Unreachable>() || error.is::<NoStation>() {
        Exit::Unreachable
    } else {
        Exit::Failed
    }
}

/// Talks to one station.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    pub fn new(at: &Where) -> Self {
        Self { agent: agent(), url: at.url.trim_end_matches('/').to_owned() }
    }

    /// Gets JSON. `mark`: what a station's answer at this path has (a JSON pointer).
    pub fn get(&self, path: &str, mark: &str) -> anyhow::Result<Value> {
        patiently(|| {
            let request = self.agent.get(self.address(path)).header("accept-language", language());
            self.read(request.call(), mark)
        })
    }

    /// The station itself.
    pub fn station(&self) -> anyhow::Result<Value> {
        self.get("/v1/station", "/state_reasons")
    }

    /// Does a station answer here?
    pub fn is_a_station(&self) -> bool {
        self.station().is_ok()
    }

    /// The office's clock.
    pub fn local_time(&self) -> anyhow::Result<LocalTime> {
        Ok(LocalTime::of(&self.station()?))
    }

    /// A picture.
    #[cfg(feature = "emulators")]
    pub fn get_bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        patiently(|| {
            let answer = self.agent.get(self.address(path)).call();
            let answer = answer.map_err(|error| self.unreachable(error))?;
            if !answer.status().is_success() {
                return self.read(Ok(answer), "").map(|_| Vec::new());
            }
            Ok(answer.into_body().with_config().limit(ANSWER_LIMIT).read_to_vec()?)
        })
    }

    /// Posts JSON. The key makes it safe to post again when the answer got lost. `mark`: as for [`Self::get`].
    pub fn post(
        &self,
        path: &str,
        key: Option<&str>,
        body: &Value,
        mark: &str,
    ) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(body)?;
        patiently(|| {
            let mut request = self
                .agent
                .post(self.address(path))
                .header("accept-language", language())
                .content_type("application/json");
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            self.read(request.send(body.as_slice()), mark)
        })
    }

    /// Listens to `/v1/events` and gives each event (name, data) to `hear`, until that says stop.
    pub fn listen(
        &self,
        after: &str,
        mut hear: impl FnMut(&str, &Value) -> anyhow::Result<Listening>,
    ) -> anyhow::Result<()> {
        let answer = patiently(|| self.listener(after))?;
        let mut name = String::new();
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.context("the station stopped talking")?;
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data =
                    serde_json::from_str(data).context("the station's event is not understood")?;
                if hear(&name, &data)? == Listening::Enough {
                    return Ok(());
                }
            }
        }
        anyhow::bail!("the station stopped talking")
    }

    fn listener(&self, after: &str) -> anyhow::Result<ureq::http::Response<ureq::Body>> {
        let answer = self
            .agent
            .get(self.address("/v1/events"))
            .header("accept-language", language())
            .header("last-event-id", after)
            .config()
            .timeout_recv_body(None)
            .timeout_per_read(Some(QUIET_LIMIT))
            .build()
            .call()
            .map_err(|error| self.unreachable(error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        self.read(Ok(answer), "")?;
        anyhow::bail!("{} does not let anybody listen", self.url)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn unreachable(&self, error: ureq::Error) -> anyhow::Error {
        anyhow::Error::from(error).context(Unreachable(self.url.clone()))
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
        mark: &str,
    ) -> anyhow::Result<Value> {
        let no_station = || NoStation(self.url.clone());
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_string()
            .with_context(no_station)?;
        let body: Value = serde_json::from_str(&text).map_err(|_| no_station())?;
        let problem = body["type"].as_str().is_some_and(|kind| kind.starts_with(PROBLEM));
        match status.is_success() {
            true if body.pointer(mark).is_some() => Ok(body),
            false if problem => Err(refused(&body).into()),
            _ => Err(no_station().into()),
        }
    }
}

/// The only place that says how this program talks HTTP: to the station that was named, past every proxy of the
/// environment, since a child's data are in it; it goes nowhere else when an answer says so.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        // A connection that is kept may be given up by a crowded station in the moment in which it is used again.
        .max_idle_connections(0)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_send_request(Some(PATIENCE))
        .timeout_send_body(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_recv_body(Some(PATIENCE))
        .build()
        .into()
}

/// Asks again while the station is busy: then it has done nothing.
fn patiently<T>(mut ask: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let answer = ask();
        let busy = answer.as_ref().is_err_and(|error| {
            error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == BUSY)
        });
        if !busy || began.elapsed() > BUSY_LIMIT {
            return answer;
        }
        if !std::mem::replace(&mut told, true) {
            let words = Text::fixed(
                "Stasiun sedang sibuk; dicoba terus.",
                "The station is busy; it is asked again and again.",
            );
            eprintln!("kartud: {}", own(&words));
        }
        std::thread::sleep(BUSY_PAUSE);
    }
}
/// What the type of a station's refusal begins with.
const PROBLEM: &str = "urn:kartu:problem:";

/// Goes on listening, or has heard enough.
#[derive(PartialEq, Eq)]
pub(super) enum Listening {
    More,
    Enough,
}

fn refused(problem: &Value) -> Refused {
    let text = |value: &Value, key: &str| at_the_command_line(value[key].as_str().unwrap_or(""));
    let lines: Vec<String> =
        problem["errors"].as_array().into_iter().flatten().map(finding).collect();
    match lines.as_slice() {
        [_, _, ..] => Refused {
            code: format!("{} faults", lines.len()),
            sentence: format!("\n  {}", lines.join("\n  ")),
        },
        _ => Refused { code: text(problem, "code"), sentence: text(problem, "detail") },
    }
}

/// A station's sentence speaks of its API; here an option does the same. Nothing in it reaches into the terminal.
fn at_the_command_line(sentence: &str) -> String {
    sentence.replace("\"insist\": true", "--insist").replace(char::is_control, " ")
}

/// A finding as a person reads it: code, field if it has one, sentence.
pub(super) fn finding(finding: &Value) -> String {
    let text = |value: &Value, key: &str| at_the_command_line(value[key].as_str().unwrap_or(""));
    let field = text(finding, "field");
    let colon = if field.is_empty() { "" } else { ": " };
    format!("{}  {field}{colon}{}", text(finding, "code"), text(&finding["message"], language()))
}

/// A sentence in the operator's language.
pub(super) fn own(words: &Text) -> &str {
    if language() == "id" { &words.id } else { &words.en }
}

/// The operator's language, as the environment says.
pub(super) fn language() -> &'static str {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if locale.is_some_and(|l| l.starts_with("id")) { "id" } else { "en" }
}
