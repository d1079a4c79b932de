//! Points in time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds since 1970-01-01T00:00:00Z, written as RFC 3339.
///
/// As record time it is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) whose logical part is the
/// microsecond itself: a new stamp is the later of the wall clock and one past the greatest stamp seen. As valid time it is
/// whatever the caller says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Why a text is not a [`Timestamp`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time is RFC 3339 such as 2026-03-01T12:00:00Z, not {found}")]
pub struct InvalidTimestamp {
    found: String,
}

impl Timestamp {
    /// The stamp that is this many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds after the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The stamp this many microseconds later; saturates.
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            // Only a value that no RFC 3339 year can hold gets here; it never parses back.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(|time| Self(time.as_microsecond()))
            .map_err(|_| InvalidTimestamp { found: crate::limits::excerpt(text) })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339, to the microsecond."))
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

/// When something holds in the world: from `from` on, and before `to`. An absent end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Validity {
    /// First instant at which it holds; `None`: always did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// First instant at which it no longer holds; `None`: still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl Validity {
    /// Holds at every time.
    pub const ALWAYS: Self = Self { from: None, to: None };

    /// Whether it holds at `time`.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }
}

/// The two times of a read: valid time and record time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// The world's time that is asked about; `None`: whenever it holds.
    pub valid_at: Option<Timestamp>,
    /// What had been recorded by then; `None`: everything recorded so far.
    pub known_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_turned_into_utc() {
        let time: Timestamp = "2026-03-01T13:30:00.000001+01:30".parse().unwrap();
        assert_eq!(time.to_string(), "2026-03-01T12:00:00.000001Z");
    }

    #[test]
    fn a_date_alone_is_refused() {
        assert!("2026-03-01".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn validity_holds_from_its_start_up_to_before_its_end() {
        let at = Timestamp::from_micros;
        let validity = Validity { from: Some(at(10)), to: Some(at(20)) };
        assert!(
            !validity.contains(at(9)) && validity.contains(at(10)) && validity.contains(at(19)) && !validity.contains(at(20))
        );
        assert!(Validity::ALWAYS.contains(at(i64::MIN)));
    }
}
