//! The variables that k6 takes options from.

use anyhow::Result;
use autoscaleops_core::Failure;
use serde_json::{Map, Value, json};

/// What a variable holds.
#[derive(Clone, Copy)]
enum Holds {
    Number,
    Text,
    Flag,
    List,
    Stages,
}

/// Variable, option, and what it holds.
const OPTIONS: [(&str, &str, Holds); 26] = [
    ("K6_VUS", "vus", Holds::Number),
    ("K6_ITERATIONS", "iterations", Holds::Number),
    ("K6_DURATION", "duration", Holds::Text),
    ("K6_STAGES", "stages", Holds::Stages),
    ("K6_RPS", "rps", Holds::Number),
    ("K6_BATCH", "batch", Holds::Number),
    ("K6_BATCH_PER_HOST", "batchPerHost", Holds::Number),
    ("K6_MAX_REDIRECTS", "maxRedirects", Holds::Number),
    ("K6_USER_AGENT", "userAgent", Holds::Text),
    ("K6_SETUP_TIMEOUT", "setupTimeout", Holds::Text),
    ("K6_TEARDOWN_TIMEOUT", "teardownTimeout", Holds::Text),
    (
        "K6_MIN_ITERATION_DURATION",
        "minIterationDuration",
        Holds::Text,
    ),
    ("K6_SUMMARY_TIME_UNIT", "summaryTimeUnit", Holds::Text),
    ("K6_SUMMARY_TREND_STATS", "summaryTrendStats", Holds::List),
    ("K6_SYSTEM_TAGS", "systemTags", Holds::List),
    ("K6_BLOCK_HOSTNAMES", "blockHostnames", Holds::List),
    ("K6_BLACKLIST_IPS", "blacklistIPs", Holds::List),
    ("K6_THROW", "throw", Holds::Flag),
    ("K6_NO_SETUP", "noSetup", Holds::Flag),
    ("K6_NO_TEARDOWN", "noTeardown", Holds::Flag),
    ("K6_NO_THRESHOLDS", "noThresholds", Holds::Flag),
    ("K6_NO_COOKIES_RESET", "noCookiesReset", Holds::Flag),
    (
        "K6_DISCARD_RESPONSE_BODIES",
        "discardResponseBodies",
        Holds::Flag,
    ),
    (
        "K6_INSECURE_SKIP_TLS_VERIFY",
        "insecureSkipTLSVerify",
        Holds::Flag,
    ),
    ("K6_NO_CONNECTION_REUSE", "noConnectionReuse", Holds::Flag),
    (
        "K6_NO_VU_CONNECTION_REUSE",
        "noVUConnectionReuse",
        Holds::Flag,
    ),
];

/// Variables that ask for what only the real k6 has.
pub(super) const FOREIGN: [&str; 8] = [
    "K6_EXECUTION_SEGMENT",
    "K6_EXECUTION_SEGMENT_SEQUENCE",
    "K6_LOCAL_IPS",
    "K6_DNS",
    "K6_HTTP_DEBUG",
    "K6_TRACES_OUTPUT",
    "K6_SECRET_SOURCE",
    "K6_OUT",
];

/// Returns the options that `variable` gives.
pub(crate) fn options(variable: &dyn Fn(&str) -> Option<String>) -> Result<Map<String, Value>> {
    let mut found = Map::new();
    for (name, option, holds) in OPTIONS {
        let Some(text) = variable(name).filter(|it| !it.is_empty()) else {
            continue;
        };
        let words = || text.split(',').map(str::trim);
        let value = match holds {
            Holds::Number => text.parse::<u64>().ok().map(Value::from),
            Holds::Flag => text.parse::<bool>().ok().map(Value::from),
            Holds::Text => Some(Value::from(text.as_str())),
            Holds::List => Some(json!(words().collect::<Vec<_>>())),
            Holds::Stages => words()
                .map(stage)
                .collect::<Option<Vec<_>>>()
                .map(Value::Array),
        };
        let value = value.ok_or_else(|| {
            Failure::usage(format!(
                "the variable {name} has the value `{text}`, which it cannot have"
            ))
        })?;
        found.insert(option.to_owned(), value);
    }
    Ok(found)
}

/// Reads a stage of the form `DURATION:TARGET`.
pub(super) fn stage(text: &str) -> Option<Value> {
    let (duration, target) = text.split_once(':')?;
    Some(json!({"duration": duration, "target": target.parse::<u64>().ok()?}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Map<String, Value>> {
        options(&|it| (it == name).then(|| text.to_owned()))
    }

    #[test]
    fn variables_become_options_of_their_kind() {
        let one = |name: &str, text: &str| Value::Object(read(name, text).unwrap());
        assert_eq!(one("K6_VUS", "5"), json!({"vus": 5}));
        assert_eq!(one("K6_THROW", "true"), json!({"throw": true}));
        assert_eq!(
            one("K6_SYSTEM_TAGS", "url, name"),
            json!({"systemTags": ["url", "name"]})
        );
        assert_eq!(
            one("K6_STAGES", "5s:10,1s:0"),
            json!({"stages": [{"duration": "5s", "target": 10}, {"duration": "1s", "target": 0}]})
        );
        assert_eq!(one("K6_DURATION", ""), json!({}));
    }

    #[test]
    fn a_value_that_cannot_be_is_an_error_and_not_a_default() {
        for (name, text) in [
            ("K6_VUS", "many"),
            ("K6_THROW", "maybe"),
            ("K6_STAGES", "5s"),
        ] {
            let message = read(name, text).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
