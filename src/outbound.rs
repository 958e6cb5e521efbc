//! The one configuration of HTTP clients: requests go directly to the named host, past every proxy in the environment, and
//! follow no redirect. Knows nothing of what is sent.

use std::time::Duration;

/// A connection over loopback never takes longer, one to a watcher seldom.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// A heartbeat, from the name of the host to the end of its answer.
const LINE_LIMIT: Duration = Duration::from_secs(20);

/// How a client is set up everywhere.
pub fn agent() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        // A busy server may close an idle connection at the very moment in which it is reused.
        .max_idle_connections(0)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_LIMIT))
}

/// Why a line was not taken; names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The host's name has no address.
    #[error("the host is not known; is its name right, and is there a network?")]
    NoHost,
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The connection failed.
    #[error("no connection ({0})")]
    NoConnection(std::io::ErrorKind),
    /// The connection cannot be trusted.
    #[error("the TLS connection fails; is the clock right, and are ca-certificates installed?")]
    Tls,
    /// Another answer than 200 to 299.
    #[error("the answer is {0}")]
    Answered(u16),
    /// Anything else.
    #[error("the request cannot be sent")]
    Other,
}

/// Posts one line of text.
///
/// # Errors
/// [`NotTaken`].
pub fn post_line(url: &str, line: &str) -> Result<(), NotTaken> {
    let agent: ureq::Agent = agent().timeout_global(Some(LINE_LIMIT)).build().into();
    let answer = agent.post(url).content_type("text/plain; charset=utf-8").send(line);
    let status = answer.map_err(|error| not_taken(&error))?.status();
    if status.is_success() { Ok(()) } else { Err(NotTaken::Answered(status.as_u16())) }
}

fn not_taken(error: &ureq::Error) -> NotTaken {
    match error {
        ureq::Error::HostNotFound => NotTaken::NoHost,
        ureq::Error::Timeout(_) => NotTaken::TimedOut,
        ureq::Error::Io(error) => NotTaken::NoConnection(error.kind()),
        ureq::Error::ConnectionFailed => {
            NotTaken::NoConnection(std::io::ErrorKind::ConnectionRefused)
        }
        ureq::Error::Tls(_) | ureq::Error::TlsRequired => NotTaken::Tls,
        _ => NotTaken::Other,
    }
}
