//! The system's reason for a failure, in words that a person can look up. Knows no wire.

use std::fmt;
use std::io::{Error, ErrorKind};

use rustix::io::Errno;

/// The system's reason: its error number if there is one, since many numbers have no [`ErrorKind`] of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OsReason {
    /// An error number.
    Number(i32),
    /// An error kind.
    Kind(ErrorKind),
    /// A host name that the resolver does not know.
    UnknownHost,
}

impl OsReason {
    /// Its kind; errors without a kind are [`ErrorKind::Other`].
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Number(number) => Error::from_raw_os_error(number).kind(),
            Self::Kind(kind) => kind,
            Self::UnknownHost => ErrorKind::NotFound,
        }
    }

    /// Has this computer run out of a resource? No check of cables helps then.
    pub fn is_shortage(self) -> bool {
        let of = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::NOSPC];
        match self {
            Self::Number(number) => of.iter().any(|errno| errno.raw_os_error() == number),
            Self::Kind(kind) => matches!(kind, ErrorKind::OutOfMemory | ErrorKind::StorageFull),
            Self::UnknownHost => false,
        }
    }
}

impl fmt::Display for OsReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&words_of(*number)),
            Self::Kind(kind) => kind.fmt(f),
            Self::UnknownHost => f.write_str("the name of the host is not known"),
        }
    }
}

/// The system's sentence without the number after it, so that it fits into ours.
fn words_of(number: i32) -> String {
    let sentence = Error::from_raw_os_error(number).to_string();
    let words = sentence.split(" (os error").next().unwrap_or_default();
    words.to_lowercase()
}

impl From<ErrorKind> for OsReason {
    fn from(kind: ErrorKind) -> Self {
        Self::Kind(kind)
    }
}

impl From<&Error> for OsReason {
    fn from(error: &Error) -> Self {
        error.raw_os_error().map_or(Self::Kind(error.kind()), Self::Number)
    }
}

impl From<Error> for OsReason {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_this_computer_is_told_by_its_name() {
        let reason = OsReason::from(Error::from_raw_os_error(24));
        assert_eq!(reason.to_string(), "too many open files");
        assert!(reason.is_shortage());
        let refused = OsReason::from(Error::from_raw_os_error(111));
        assert_eq!(
            (refused.to_string().as_str(), refused.is_shortage()),
            ("connection refused", false)
        );
    }
}
