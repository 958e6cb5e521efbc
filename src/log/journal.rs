//! The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): an event is a datagram of fields. A field `job` of an
//! event is the journal's `KARTU_JOB`; the message repeats the fields as text, so that `journalctl` without options shows
//! them, too.
//!
//! Nothing is lost while the journal restarts: systemd holds the socket, the kernel keeps the records, and a writer waits up
//! to [`PATIENCE`] where they are too many. A journal that takes nothing for longer must not keep a card in the printer: then
//! records are dropped, counted, and the count is told when it takes them again. `tracing-journald` says nothing of what it
//! loses and waits without end, hence our own.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use drivers::contract::Watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The kernel keeps hundreds of records while the journal restarts, so a wait is rare. The thread that waits may be the one
/// that watches a card: after a gap of [`Watch::BLINK`] a good card is left to a person.
const PATIENCE: Duration = Duration::from_millis(500);
const _: () = assert!(PATIENCE.as_millis() * 2 < Watch::BLINK.as_millis());
/// Longest value, bytes: a record must fit a datagram.
const VALUE_MAX_BYTES: usize = 16 * 1024;

/// A journal that takes records.
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    /// Records that it did not take since it last took one.
    lost: AtomicU64,
}

impl Journal {
    /// # Errors
    /// Nobody takes records at this socket.
    pub fn open(path: &Path) -> io::Result<Journal> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // An empty record is ignored by the journal.
        socket.send_to(&[], path)?;
        Ok(Journal { socket, path: path.to_owned(), lost: AtomicU64::new(0) })
    }

    fn write(&self, record: &[u8]) {
        if self.send(record) {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let message =
                    format!("the journal took nothing; {lost} records of the log are lost");
                self.send(&Record::new(Level::WARN).finish(&message));
            }
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Only the first record that is not taken is waited for.
    fn send(&self, record: &[u8]) -> bool {
        let sent = self.socket.send_to(record, &self.path).is_ok();
        // If it fails, the next record waits, which is no more than slow.
        let _ = self.socket.set_nonblocking(!sent);
        sent
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut record = Record::new(*event.metadata().level());
        if let (Some(file), Some(line)) = (event.metadata().file(), event.metadata().line()) {
            record.field("CODE_FILE", file);
            record.field("CODE_LINE", &line.to_string());
        }
        let mut fields = Fields { record, message: String::new(), shown: String::new() };
        event.record(&mut fields);
        let message = fields.message + &fields.shown;
        self.write(&fields.record.finish(&message));
    }
}

/// A record as it is put together.
struct Record(Vec<u8>);

impl Record {
    fn new(level: Level) -> Record {
        let priority = match level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            Level::DEBUG | Level::TRACE => "7",
        };
        let mut record = Record(Vec::with_capacity(512));
        record.field("PRIORITY", priority);
        record.field("SYSLOG_IDENTIFIER", "kartud");
        record
    }

    /// The form with a length, which takes any value.
    fn field(&mut self, name: &str, value: &str) {
        let value = &value.as_bytes()[..value.len().min(VALUE_MAX_BYTES)];
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\n');
        self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    fn finish(mut self, message: &str) -> Vec<u8> {
        self.field("MESSAGE", message);
        self.0
    }
}

/// Reads the fields of an event.
struct Fields {
    record: Record,
    message: String,
    /// The fields as text.
    shown: String,
}

impl Fields {
    fn enter(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            return value.clone_into(&mut self.message);
        }
        let name = format!("KARTU_{}", field.name().to_ascii_uppercase());
        self.record.field(&name, value);
        // Writing into a text cannot fail.
        let _ = write!(self.shown, " {}={value}", field.name());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.enter(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.enter(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The fields of the next record, as the journal would read them.
    fn read(journal: &UnixDatagram) -> BTreeMap<String, String> {
        let mut bytes = vec![0; 64 * 1024];
        let length = journal.recv(&mut bytes).expect("a record");
        let (mut rest, mut fields) = (&bytes[..length], BTreeMap::new());
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').expect("a name");
            let (name, value) = (&rest[..end], &rest[end + 1..]);
            let (size, value) = value.split_first_chunk::<8>().expect("a length");
            let (value, after) = value.split_at(u64::from_le_bytes(*size) as usize);
            assert_eq!(after[0], b'\n');
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            fields.insert(text(name), text(value));
            rest = &after[1..];
        }
        fields
    }

    #[test]
    fn a_record_has_its_fields_its_priority_and_a_message_that_shows_them() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let path = dir.path().join("socket");
        let journal = UnixDatagram::bind(&path).expect("a journal");
        let layer = Journal::open(&path).expect("it takes records");
        assert_eq!(read(&journal), BTreeMap::new(), "an empty one first, which is ignored");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(trouble = "cover-open-error", cards = 3, "trouble began\nand stays");
            tracing::info!("ready");
        });
        let record = read(&journal);
        let field = |name: &str| record.get(name).map(String::as_str);
        assert_eq!(field("PRIORITY"), Some("4"));
        assert_eq!(field("KARTU_TROUBLE"), Some("cover-open-error"));
        assert_eq!(field("KARTU_CARDS"), Some("3"));
        assert_eq!(field("SYSLOG_IDENTIFIER"), Some("kartud"));
        assert_eq!(field("CODE_FILE"), Some(file!()));
        let shown = "trouble began\nand stays trouble=cover-open-error cards=3";
        assert_eq!(field("MESSAGE"), Some(shown));
        assert_eq!(read(&journal).get("PRIORITY").map(String::as_str), Some("6"));
    }

    #[test]
    fn what_comes_while_the_journal_restarts_is_read_by_the_next_one() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let path = dir.path().join("socket");
        // As systemd does, which holds the socket while no journal runs.
        let held = UnixDatagram::bind(&path).expect("a socket");
        let journal = Journal::open(&path).expect("it takes records");
        drop(held.try_clone().expect("the first journal has the socket, too"));
        journal.write(&Record::new(Level::INFO).finish("between two journals"));
        let next = held.try_clone().expect("the next one gets it");
        read(&next);
        assert_eq!(read(&next)["MESSAGE"], "between two journals");
    }

    #[test]
    fn a_journal_that_hangs_keeps_nobody_and_what_is_lost_is_told() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let path = dir.path().join("socket");
        let hangs = UnixDatagram::bind(&path).expect("a journal");
        let journal = Journal::open(&path).expect("it takes records");
        let record = |message: &str| Record::new(Level::INFO).finish(message);
        let (mut taken, began) = (0, std::time::Instant::now());
        while journal.lost.load(Ordering::Relaxed) == 0 {
            journal.write(&record("fills the queue"));
            taken += 1;
        }
        assert!(began.elapsed() < Watch::BLINK, "whoever watches a card still does");
        // The first one was waited for; the others are not.
        let began = std::time::Instant::now();
        for _ in 0..1000 {
            journal.write(&record("nobody reads it"));
        }
        assert!(began.elapsed() < PATIENCE, "nobody waits again and again");
        for _ in 0..taken {
            read(&hangs);
        }
        journal.write(&record("it works again"));
        assert_eq!(read(&hangs)["MESSAGE"], "it works again");
        let told = read(&hangs);
        assert_eq!(told["MESSAGE"], "the journal took nothing; 1001 records of the log are lost");
        assert_eq!(told["PRIORITY"], "4");
    }
}
