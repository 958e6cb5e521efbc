//! The command line as a client of the station's own API.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use drivers::text::Text;
use serde_json::Value;

use super::Exit;
use super::local_time::LocalTime;
use crate::outbound;

/// A station on this machine answers in milliseconds; a photo to be inspected takes a little longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A station that is well answers in milliseconds.
const IMPATIENCE: Duration = Duration::from_secs(5);
/// Longer than any answer of a station.
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;

/// The station sends at least something every 15 seconds on an event stream.
const QUIET_LIMIT: Duration = Duration::from_secs(60);
/// How long requests to a busy station are repeated.
const BUSY_LIMIT: Duration = Duration::from_secs(60);
/// Pause between repeated requests, as the station's Retry-After says.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// The station's code for a request that it did not execute and that may be repeated.
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

/// The station refused, and why.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {sentence}")]
pub(super) struct Refused {
    code: String,
    sentence: String,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
#[error("no station answers at {0}; is kartud running?")]
struct Unreachable(String);

/// The answer does not come from a station.
#[derive(Debug, thiserror::Error)]
#[error(
    "what answers at {0} is no kartud station; give the station's address with --url or KARTU_URL"
)]
struct NoStation(String);

/// The exit code for an error.
pub(super) fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<Refused>() || error.is::<super::find::Unclear>() {
        Exit::Refused
    } else if error.is::<Unreachable>() || error.is::<NoStation>() {
        Exit::Unreachable
    } else {
        Exit::Failed
    }
}

/// A client of one station.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    pub fn new(at: &Where) -> Self {
        Self { agent: agent(PATIENCE), url: at.url.trim_end_matches('/').to_owned() }
    }

    /// For whoever wants to know whether a station answers at all: one that hangs does not hold them up.
    pub fn impatient(at: &Where) -> Self {
        Self { agent: agent(IMPATIENCE), ..Self::new(at) }
    }

    /// Gets JSON. `mark`: a JSON pointer that a station's answer at this path always has.
    pub fn get(&self, path: &str, mark: &str) -> anyhow::Result<Value> {
        patiently(|| {
            let request = self.agent.get(self.address(path)).header("accept-language", language());
            self.read(request.call(), mark)
        })
    }

    /// The station's data.
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

    /// Gets a text.
    pub fn get_text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.agent.get(self.address(path)).call();
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        if !answer.status().is_success() {
            return Err(NoStation(self.url.clone()).into());
        }
        Ok(answer.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string()?)
    }

    /// Posts JSON. The key makes it safe to post again if the answer is lost. `mark`: as for [`Self::get`].
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

    /// Reads `/v1/events` and passes each event (name, data) to `hear`, until that returns stop.
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

/// For requests to a station, which contain a child's data.
fn agent(patience: Duration) -> ureq::Agent {
    outbound::agent()
        .timeout_send_request(Some(patience))
        .timeout_send_body(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_recv_body(Some(patience))
        .build()
        .into()
}

/// Repeats a request while the station is busy, which means that the request was not executed.
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
/// Prefix of the type of a station's refusal.
const PROBLEM: &str = "urn:kartu:problem:";

/// Whether to go on reading events.
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

/// A station's sentence names its API; this names the option instead. Control characters must not reach the terminal.
fn at_the_command_line(sentence: &str) -> String {
    sentence.replace("\"insist\": true", "--insist").replace(char::is_control, " ")
}

/// A finding for a person: code, field if it has one, sentence.
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

/// The operator's language, from the environment.
pub(super) fn language() -> &'static str {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if locale.is_some_and(|l| l.starts_with("id")) { "id" } else { "en" }
}
