//! A person changes one value in the ledger's file. Whatever the value, and in whatever column of whatever table,
//! `kartud ledger verify` reports it. The columns are read from the file itself, so that a new one fails here until it
//! is verified against the lines.

use std::path::{Path, PathBuf};

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params_from_iter};
use serde_json::json;
use tempfile::TempDir;

use crate::ledger::{kartud, refusal};
use crate::migration::old_ledger;
use crate::test_station::{TestStation, child};

/// Rows of each column that are changed.
const ROWS: usize = 4;

/// A ledger in which every table has rows.
fn used_ledger() -> (TempDir, PathBuf) {
    let mut bench = TestStation::new();
    let numbered = |sample: &str, reference: &str| {
        let mut job = child(sample);
        job["ref"] = json!(reference);
        job["recommendation"]["nomor"] = json!(format!("470/{reference}"));
        job
    };
    let first = bench.http.post_key(&numbered("S1", "KOLOM-1"), "kunci-1").body;
    bench.until(first["id"].as_str().unwrap(), "printed");
    let old = bench.accepted(&numbered("S2", "KOLOM-2"));
    bench.until(&old, "printed");
    let mut new = numbered("S2", "KOLOM-3");
    new["reason"] = json!("PERUBAHAN_DATA");
    new["replaces"] = json!({ "job": old, "old_card": "destroyed" });
    let new = bench.accepted(&new);
    bench.until(&new, "printed");
    let mut held = numbered("S3", "KOLOM-4");
    held["fields"]["nama"] = json!("ANAK 2 CONTOH");
    bench.accepted(&held);
    let loaded = json!({ "kind": "loaded", "cards": 50, "by": "petugas-1", "batch": "B-1" });
    assert_eq!(bench.http.post("/v1/blanks", &loaded).status, 201);
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    (bench.dir, path)
}

/// One value: its position, and its content.
struct Place {
    table: String,
    column: String,
    /// The key columns of its row, and their values.
    key: Vec<(String, Cell)>,
    value: Cell,
}

fn texts(c: &Connection, sql: &str) -> Vec<String> {
    let mut statement = c.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Some values of every column of every table.
fn places(c: &Connection) -> Vec<Place> {
    let mut places = Vec::new();
    for table in texts(c, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let info =
            |what: &str| texts(c, &format!("SELECT name FROM pragma_table_info('{table}'){what}"));
        let sql = format!("SELECT sql FROM sqlite_schema WHERE name = '{table}'");
        let without_rowid = texts(c, &sql)[0].contains("WITHOUT ROWID");
        let key = if without_rowid { info(" WHERE pk > 0") } else { vec!["rowid".to_owned()] };
        for column in info("") {
            places.extend(some_of(c, &table, &column, &key));
        }
    }
    places
}

fn some_of(c: &Connection, table: &str, column: &str, key: &[String]) -> Vec<Place> {
    let sql = format!("SELECT {}, {column} FROM {table}", key.join(", "));
    let mut statement = c.prepare(&sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let named = key.iter().enumerate().map(|(at, name)| Ok((name.clone(), row.get(at)?)));
        let names = named.collect::<rusqlite::Result<_>>()?;
        let (table, column) = (table.to_owned(), column.to_owned());
        Ok(Place { table, column, key: names, value: row.get(key.len())? })
    };
    let mut chosen: Vec<Place> = Vec::new();
    for place in statement.query_map([], row).unwrap().map(Result::unwrap) {
        let known = chosen.iter().any(|known| known.value == place.value);
        if !known && chosen.len() < ROWS {
            chosen.push(place);
        }
    }
    assert!(!chosen.is_empty(), "{table} has no row to be changed");
    chosen
}

/// Different values: of the same type, of another type, none.
fn others(value: &Cell) -> Vec<Cell> {
    match value {
        Cell::Null => vec![Cell::Integer(1), Cell::Text("x".into()), Cell::Blob(vec![1; 32])],
        Cell::Integer(n) => vec![Cell::Integer(n + 1), Cell::Integer(n + 1000)],
        Cell::Real(x) => vec![Cell::Real(x + 1.0)],
        Cell::Text(text) => {
            let cut = text.chars().skip(1).collect::<String>();
            vec![Cell::Text(format!("{text} ")), Cell::Text(cut), Cell::Null]
        }
        Cell::Blob(bytes) => {
            let mut flipped = bytes.clone();
            if let Some(last) = flipped.last_mut() {
                *last ^= 1;
            }
            vec![Cell::Blob(flipped), Cell::Blob(Vec::new()), Cell::Null]
        }
    }
}

/// A copy of the ledger with one value changed; `None`: the tables do not accept it.
fn changed(ledger: &[u8], place: &Place, to: &Cell, at: &Path) -> Option<()> {
    std::fs::write(at, ledger).unwrap();
    let c = Connection::open(at).unwrap();
    c.pragma_update(None, "journal_mode", "MEMORY").unwrap();
    c.pragma_update(None, "foreign_keys", "OFF").unwrap();
    let named: Vec<_> = place.key.iter().map(|(name, _)| format!("{name} IS ?")).collect();
    let sql =
        format!("UPDATE {} SET {} = ? WHERE {}", place.table, place.column, named.join(" AND "));
    let values = std::iter::once(to).chain(place.key.iter().map(|(_, value)| value));
    match c.execute(&sql, params_from_iter(values)) {
        Ok(1) => Some(()),
        Ok(rows) => panic!("{sql}: {rows}"),
        // Values that the tables refuse (not null, unique, a type) cannot occur.
        Err(_) => None,
    }
}

fn every_change_is_found(ledger: &Path) {
    let whole = std::fs::read(ledger).unwrap();
    let (said, code) = kartud(&["ledger", "verify", ledger.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let dir = TempDir::new().unwrap();
    let copy = dir.path().join("ledger.db");
    let c = Connection::open(ledger).unwrap();
    let (mut columns, mut changes) = (std::collections::BTreeMap::new(), 0);
    for place in places(&c) {
        let name = format!("{}.{}", place.table, place.column);
        let tried = columns.entry(name.clone()).or_insert(0);
        for to in others(&place.value) {
            if changed(&whole, &place, &to, &copy).is_none() {
                continue;
            }
            changes += 1;
            *tried += 1;
            let what = format!("{name} of {:?}: {:?} made {to:?}", place.key, place.value);
            let found = kartu::ledger::verify(&copy, None, &mut |_, _, _| ());
            assert!(!matches!(&found, Ok(found) if found.faults.is_empty()), "{what}: not found");
            // The command itself checks the first change of each column.
            if *tried == 1 {
                let (said, code) = kartud(&["ledger", "verify", copy.to_str().unwrap()]);
                assert!(code != Some(0) && said.contains("V_"), "{what}: {code:?} {said}");
            }
        }
    }
    for (column, tried) in &columns {
        assert!(*tried > 0, "{column} was never changed");
    }
    assert!(columns.len() >= 35 && changes > 150, "{} columns, {changes}", columns.len());
}

#[test]
fn every_value_of_every_column_is_held_against_the_lines() {
    let (_dir, ledger) = used_ledger();
    every_change_is_found(&ledger);
}

#[test]
fn the_same_in_a_ledger_that_was_brought_forward() {
    let (dir, ledger) = old_ledger();
    assert_eq!(refusal(dir.path()), None);
    every_change_is_found(&ledger);
}
