//! The one configuration of HTTP clients: requests go directly to the named host, past every proxy in the environment, and
//! follow no redirect. A host outside is trusted if the system's certificates vouch for it. Knows nothing of what is sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::small_file;

/// Whom the system trusts, as the package ca-certificates has it; `$SSL_CERT_FILE` names another file. It is read for every
/// heartbeat, since it changes while a station runs for years.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Three times what Debian has in it, bytes.
const TRUSTED_LIMIT: u64 = 1024 * 1024;

/// A connection over loopback never takes longer, one to a watcher seldom.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// A heartbeat, from the name of the host to the end of its answer.
const TEXT_LIMIT: Duration = Duration::from_secs(20);

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

/// Why a text was not taken; names no address.
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
    #[error(
        "the host cannot be trusted; is the clock right, and does an authority of the system vouch for it?"
    )]
    Tls,
    /// Nobody is trusted.
    #[error("the system's certificates cannot be read; is the package ca-certificates installed?")]
    NoAuthorities,
    /// Another answer than 200 to 299.
    #[error("the answer is {0}")]
    Answered(u16),
    /// Anything else.
    #[error("the request cannot be sent")]
    Other,
}

/// Posts a short text.
///
/// # Errors
/// [`NotTaken`].
pub fn post_text(url: &str, text: &str) -> Result<(), NotTaken> {
    let mut config = agent().timeout_global(Some(TEXT_LIMIT));
    if url.starts_with("https:") {
        config = config.tls_config(tls()?);
    }
    let agent: ureq::Agent = config.build().into();
    let answer = agent.post(url).content_type("text/plain; charset=utf-8").send(text);
    let status = answer.map_err(|error| not_taken(&error))?.status();
    if status.is_success() { Ok(()) } else { Err(NotTaken::Answered(status.as_u16())) }
}

fn not_taken(error: &ureq::Error) -> NotTaken {
    match error {
        ureq::Error::HostNotFound => NotTaken::NoHost,
        ureq::Error::Timeout(_) => NotTaken::TimedOut,
        ureq::Error::Io(error)
            if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) =>
        {
            NotTaken::Tls
        }
        ureq::Error::Io(error) => NotTaken::NoConnection(error.kind()),
        ureq::Error::ConnectionFailed => {
            NotTaken::NoConnection(std::io::ErrorKind::ConnectionRefused)
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => NotTaken::Tls,
        _ => NotTaken::Other,
    }
}

fn tls() -> Result<TlsConfig, NotTaken> {
    let file = std::env::var_os("SSL_CERT_FILE").map_or_else(|| TRUSTED.into(), PathBuf::from);
    let pem = small_file::read(&file, TRUSTED_LIMIT).map_err(|_| NotTaken::NoAuthorities)?;
    // One that cannot be parsed vouches for nobody.
    let authorities: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(authority)) => Some(authority),
            _ => None,
        })
        .collect();
    if authorities.is_empty() {
        return Err(NotTaken::NoAuthorities);
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(authorities)))
        .build())
}
