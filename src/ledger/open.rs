//! How a ledger is opened: the lock, the checks, the two connections, the writer's thread. Knows no job.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, watch};

use super::disk::Disk;
use super::{Ledger, LedgerError, reader, schema, writer};
use crate::clock::Clock;

/// Requests that wait for the writer before callers are slowed down.
const INBOX_LIMIT: usize = 256;

pub(super) fn open(path: &Path, clock: Clock, disk: Box<dyn Disk>) -> Result<Ledger, LedgerError> {
    let lock = lock_folder(path)?;
    let mut connection = schema::open(path)?;
    schema::check_or_create(&mut connection, path)?;
    let reader = schema::open_reader(path)?;
    let first_seq = reader::last_seq(&reader)?;
    let (seq_out, last_seq) = watch::channel(first_seq);
    let (inbox, requests) = mpsc::channel(INBOX_LIMIT);
    let (ending, ended) = std::sync::mpsc::channel();
    let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
    let timer = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let timer = timer.map_err(refuse)?;
    let writer = writer::Writer {
        connection: Some(connection),
        path: path.to_owned(),
        disk,
        requests,
        seq_out,
        clock: clock.clone(),
        logged_bytes: 0,
        _lock: lock,
    };
    std::thread::Builder::new()
        .name("ledger".into())
        .spawn(move || {
            writer.run(&timer);
            drop(ending);
        })
        .map_err(refuse)?;
    Ok(Ledger {
        inbox,
        reader: Arc::new(Mutex::new(reader)),
        last_seq,
        path: path.into(),
        clock,
        ended: Arc::new(Mutex::new(ended)),
    })
}

/// One daemon a ledger: the operating system lets go of the lock however the daemon ends.
fn lock_folder(path: &Path) -> Result<File, LedgerError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let refuse = |source| LedgerError::Folder { path: folder.to_owned(), source };
    schema::make_private_folder(folder).map_err(refuse)?;
    let lock_path = path.with_extension("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path)
        .map_err(refuse)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refuse(source)),
    }
}
