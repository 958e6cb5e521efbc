//! Times for people in the office: local time, whole seconds. Programs get RFC 3339 as the station sends it.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::Value;

/// The office's UTC offset.
#[derive(Clone, Copy)]
pub(super) struct LocalTime(Offset);

impl LocalTime {
    /// From `/v1/station`; without an offset there, UTC.
    pub fn of(station: &Value) -> Self {
        let hours = station["utc_offset_hours"].as_i64().and_then(|hours| i8::try_from(hours).ok());
        Self(hours.and_then(|hours| Offset::from_hours(hours).ok()).unwrap_or(Offset::UTC))
    }

    /// `2026-03-02 09:00:05 +07:00`; text that is not a time is returned unchanged.
    pub fn show(self, at: &str) -> String {
        let Ok(moment) = at.parse::<Timestamp>() else { return at.to_owned() };
        let there = self.0.to_datetime(moment);
        let minutes = self.0.seconds() / 60;
        let (sign, ahead) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        format!("{} {sign}{:02}:{:02}", there.strftime("%Y-%m-%d %H:%M:%S"), ahead / 60, ahead % 60)
    }

    /// The time under this key of a value.
    pub fn of_key(self, value: &Value, key: &str) -> String {
        self.show(value[key].as_str().unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_shown_in_the_offices_zone_with_seconds_and_offset() {
        let at = "2026-03-02T18:59:59.987654321Z";
        for (hours, shown) in [
            (json!(7), "2026-03-03 01:59:59 +07:00"),
            (json!(-3), "2026-03-02 15:59:59 -03:00"),
            (json!(null), "2026-03-02 18:59:59 +00:00"),
            (json!(99), "2026-03-02 18:59:59 +00:00"),
        ] {
            let office = LocalTime::of(&json!({ "utc_offset_hours": hours }));
            assert_eq!(office.show(at), shown);
        }
        assert_eq!(LocalTime(Offset::UTC).show("soon"), "soon");
    }
}
