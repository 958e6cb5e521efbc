//! Pages of jobs, by search criteria. Changes nothing.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::LedgerError;
use super::reader::{JOB, job_of, read_error};
use super::record::{JobRecord, Order, Page, Wanted};

/// Sorts after every character of a `ref`.
const BEHIND_EVERY_REFERENCE: char = '\u{7f}';

pub(super) fn find(
    c: &Connection,
    wanted: &Wanted,
    order: Order,
    cursor: Option<u64>,
    limit: u32,
) -> Result<Page, LedgerError> {
    let (sql, values) = question(wanted, order, cursor, limit);
    let mut jobs: Vec<JobRecord> = c
        .prepare_cached(&sql)
        .and_then(|mut s| s.query_map(params_from_iter(values), job_of)?.collect())
        .map_err(read_error)?;
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = if more { jobs.last().map(|job| job.seq) } else { None };
    Ok(Page { jobs, next })
}

/// The SQL text and its bound values. The text depends on which criteria are given and on the number of states, never
/// on the values.
fn question(
    wanted: &Wanted,
    order: Order,
    cursor: Option<u64>,
    limit: u32,
) -> (String, Vec<Value>) {
    let (compare, direction) = match order {
        Order::OldestFirst => (">", "ASC"),
        Order::NewestFirst => ("<", "DESC"),
    };
    let mut rules = Rules::of(wanted);
    if let Some(cursor) = cursor {
        rules.texts.push(format!("seq {compare} ?"));
        rules.values.push(Value::Integer(i64::try_from(cursor).unwrap_or(i64::MAX)));
    }
    // One additional row shows whether there is a next page.
    rules.values.push(Value::Integer(i64::from(limit) + 1));
    let all = rules.texts.join(" AND ");
    let all = if all.is_empty() { all } else { format!("WHERE {all}") };
    (format!("{JOB} {all} ORDER BY seq {direction} LIMIT ?"), rules.values)
}

/// The conditions, and their bound values.
#[derive(Default)]
struct Rules {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Rules {
    fn of(wanted: &Wanted) -> Rules {
        let mut rules = Rules::default();
        if let Some(reference) = &wanted.reference {
            rules.must("reference = ?", &[reference]);
        }
        if let Some(prefix) = &wanted.reference_prefix {
            let behind = format!("{prefix}{BEHIND_EVERY_REFERENCE}");
            let rule = "jobs.seq IN (SELECT seq FROM jobs WHERE reference >= ? AND reference < ?)";
            rules.must(rule, &[prefix, &behind]);
        }
        if let Some(part) = &wanted.id_part {
            let rule = "jobs.seq IN (SELECT seq FROM jobs WHERE substr(id, 1, length(?)) = ?
                        OR substr(id, -length(?)) = ?)";
            rules.must(rule, &[part, part, part, part]);
        }
        if let Some(product) = &wanted.product {
            rules.must("product = ?", &[product]);
        }
        let states: Vec<&str> = wanted.states.iter().map(|state| state.name()).collect();
        match states.len() {
            0 => {}
            1 => rules.must("state = ?", &states),
            several => {
                rules.must(&format!("state IN ({})", vec!["?"; several].join(", ")), &states)
            }
        }
        if wanted.received_from.is_some() || wanted.received_until.is_some() {
            let from = wanted.received_from.map_or_else(String::new, second);
            let until = wanted.received_until.map_or_else(|| "~".to_owned(), second);
            let rule =
                "jobs.seq IN (SELECT seq FROM jobs WHERE received_at >= ? AND received_at < ?)";
            rules.must(rule, &[&from, &until]);
        }
        rules
    }

    fn must(&mut self, rule: &str, bound: &[&str]) {
        self.texts.push(rule.to_owned());
        self.values.extend(bound.iter().map(|text| Value::Text((*text).to_owned())));
    }
}

/// The common beginning of all stored texts of this second; they differ only in the digits after it.
fn second(at: jiff::Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::schema;
    use crate::lifecycle::State;

    /// SQLite's query plan.
    fn plan(wanted: &Wanted, order: Order) -> String {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("ledger.db");
        let mut c = schema::open(&path).unwrap();
        schema::create(&mut c).unwrap();
        let (sql, values) = question(wanted, order, Some(7), 50);
        let mut plan = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps =
            plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_job_is_looked_up_and_not_searched_for() {
        let of = |change: fn(&mut Wanted)| {
            let mut wanted = Wanted::default();
            change(&mut wanted);
            wanted
        };
        for (name, wanted) in [
            ("ref", of(|wanted| wanted.reference = Some("A".into()))),
            ("ref_prefix", of(|wanted| wanted.reference_prefix = Some("A".into()))),
            ("state", of(|wanted| wanted.states = vec![State::Held])),
            ("states", of(|wanted| wanted.states = vec![State::Held, State::Unsure])),
            ("product", of(|wanted| wanted.product = Some("kia".into()))),
            ("day", of(|wanted| wanted.received_from = Some(jiff::Timestamp::UNIX_EPOCH))),
            ("id", of(|wanted| wanted.id_part = Some("0199".into()))),
        ] {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let plan = plan(&wanted, order).replace("SCAN jobs USING COVERING INDEX", "");
                assert!(!plan.contains("SCAN jobs"), "{name}: {plan}");
            }
        }
    }
}
