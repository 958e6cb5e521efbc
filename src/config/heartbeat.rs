//! `[heartbeat]`: who outside of this machine hears that the station lives. Sends nothing.

use std::fmt;
use std::time::Duration;

use super::said;
use crate::toml_sheet::Sheet;

/// Watchers tell at the earliest after some minutes; more often only wears the line.
const INTERVAL_SECONDS: u64 = 300;
/// Shortest and longest time between two heartbeats, seconds.
const INTERVALS: std::ops::RangeInclusive<u64> = 10..=24 * 60 * 60;

/// `[heartbeat]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The watcher's address for this station.
    pub url: SecretUrl,
    /// Time between two heartbeats.
    pub interval: Duration,
}

/// An address whose path is a secret: who knows it can pretend that the station lives. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl")
    }
}

impl SecretUrl {
    /// Reads an address; `None`: it is none that can be used.
    pub fn read(text: &str) -> Option<SecretUrl> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let authority = rest.split(['/', '?']).next()?;
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '#' | '\\'));
        let is_named = !host.is_empty() && !authority.contains('@');
        (is_plain && is_named).then(|| SecretUrl(text.to_owned()))
    }

    /// The whole address with a step appended to its path, to be sent and not to be shown.
    pub fn with(&self, step: &str) -> String {
        let (path, query) = match self.0.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (self.0.as_str(), String::new()),
        };
        format!("{}{step}{query}", path.trim_end_matches('/'))
    }
}

/// `None`: nobody outside is told.
pub(super) fn heartbeat(s: &mut Sheet<'_>) -> Option<Heartbeat> {
    let seconds = s.number("interval_seconds").unwrap_or(INTERVAL_SECONDS);
    if !INTERVALS.contains(&seconds) {
        s.fault("interval_seconds", "harus antara 10 dan 86400", "must lie between 10 and 86400");
    }
    let typed = said(s, "url")?;
    let Some(url) = SecretUrl::read(&typed) else {
        // What was typed may be a secret.
        s.fault(
            "url",
            "harus alamat lengkap dengan http:// atau https://, tanpa nama pengguna dan tanpa #",
            "must be a whole address with http:// or https://, without a user name and without #",
        );
        return None;
    };
    Some(Heartbeat { url, interval: Duration::from_secs(seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_appended_to_the_path_and_not_to_what_follows_it() {
        let with = |text: &str, step| SecretUrl::read(text).expect("an address").with(step);
        assert_eq!(
            with("https://hc.example/u-u-i-d", "/start"),
            "https://hc.example/u-u-i-d/start"
        );
        assert_eq!(with("https://hc.example/ping/", ""), "https://hc.example/ping");
        let created = with("http://hc.example/key/slug?create=1", "/fail");
        assert_eq!(created, "http://hc.example/key/slug/fail?create=1");
    }

    #[test]
    fn what_is_no_address_is_refused_and_none_is_ever_shown() {
        for wrong in [
            "",
            "hc.example/u",
            "ftp://hc.example",
            "https://",
            "https:///u",
            "https://me@hc.example/u",
            "http://hc.example/a b",
            "http://hc.example/#a",
        ] {
            assert_eq!(SecretUrl::read(wrong), None, "{wrong}");
        }
        let url = SecretUrl::read("https://hc.example/u-u-i-d").expect("an address");
        assert!(!format!("{url:?}").contains("u-u-i-d"));
    }
}
