//! Lengths of time as people write them.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use jiff::{SignedDuration, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time with a text form, such as `90s`, `1h30m` or `7d`. A day is 24 hours.
///
/// A number without a unit is refused, since nobody knows whether it means seconds or minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const LONGEST: Duration = Duration::from_secs(86_400 * 3_652_500);

impl Span {
    /// Returns a span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = || format!("`{text}` is not a length of time such as `90s`, `1h30m` or `7d`");
        let span: jiff::Span = text.trim().parse().map_err(|_| problem())?;
        let duration: SignedDuration = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| problem())?;
        let duration = Duration::try_from(duration).map_err(|_| format!("`{text}` is negative"))?;
        // Beyond it the printed form could not be read again.
        if duration > LONGEST {
            return Err(format!("`{text}` is longer than ten thousand years"));
        }
        Ok(Self(duration))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        let mut empty = true;
        for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
            if rest >= seconds {
                write!(f, "{}{unit}", rest / seconds)?;
                rest %= seconds;
                empty = false;
            }
        }
        let millis = self.0.subsec_millis();
        match (rest, millis) {
            (0, 0) if empty => f.write_str("0s"),
            (0, 0) => Ok(()),
            (0, millis) => write!(f, "{millis}ms"),
            (seconds, 0) => write!(f, "{seconds}s"),
            (seconds, millis) => write!(f, "{seconds}s{millis}ms"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a length of time such as `90s`, `1h30m` or `7d`",
            "examples": ["90s", "1h30m", "7d"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_span_are_inverse() {
        for text in ["0s", "90s", "1h30m", "7d", "2m", "250ms", "1s500ms"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span, "{text}");
        }
        assert_eq!("90s".parse::<Span>().unwrap().to_string(), "1m30s");
        assert_eq!(
            "7d".parse::<Span>().unwrap().0,
            Duration::from_secs(604_800)
        );
    }

    #[test]
    fn a_bare_number_and_a_negative_span_are_refused() {
        assert!("10".parse::<Span>().is_err());
        assert!("-5s".parse::<Span>().unwrap_err().contains("negative"));
        assert!("soon".parse::<Span>().is_err());
        assert!(
            "308641975h".parse::<Span>().is_err(),
            "printed in days, none could read it"
        );
    }
}
