//! The options of a script, and what overrides them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{metrics::Threshold, span::Span, threshold::Expression};

mod names;
mod numbers;
mod scenario;
mod tls;
mod told;

use scenario::is_foreign;
pub(crate) use scenario::text_of;
pub use scenario::{Executor, Scenario, Stage};
pub use tls::{Identity, Versions};
pub use told::told;

/// The options that the engine knows. Every field may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    missing_docs,
    reason = "they are k6's own names and meanings, written down in its documentation"
)]
pub struct Options {
    pub vus: Option<u64>,
    pub duration: Option<Span>,
    pub iterations: Option<u64>,
    pub stages: Option<Vec<Stage>>,
    pub scenarios: Option<Map<String, Value>>,
    pub thresholds: Option<Map<String, Value>>,
    pub batch: Option<usize>,
    pub batch_per_host: Option<usize>,
    pub max_redirects: Option<u32>,
    pub user_agent: Option<String>,
    #[serde(rename = "insecureSkipTLSVerify")]
    pub insecure_skip_tls_verify: Option<bool>,
    pub discard_response_bodies: Option<bool>,
    pub no_connection_reuse: Option<bool>,
    #[serde(rename = "noVUConnectionReuse")]
    pub no_vu_connection_reuse: Option<bool>,
    pub no_cookies_reset: Option<bool>,
    pub throw: Option<bool>,
    pub rps: Option<f64>,
    pub tags: Option<BTreeMap<String, Value>>,
    pub system_tags: Option<Vec<String>>,
    pub summary_trend_stats: Option<Vec<String>>,
    pub summary_time_unit: Option<String>,
    pub setup_timeout: Option<Span>,
    pub teardown_timeout: Option<Span>,
    pub min_iteration_duration: Option<Span>,
    pub hosts: Option<BTreeMap<String, Value>>,
    pub block_hostnames: Option<Vec<String>>,
    #[serde(rename = "blacklistIPs")]
    pub blacklist_ips: Option<Vec<String>>,
    pub tls_auth: Option<Vec<Identity>>,
    pub tls_cipher_suites: Option<Vec<String>>,
    pub tls_version: Option<Versions>,
    pub no_setup: Option<bool>,
    pub no_teardown: Option<bool>,
    pub no_thresholds: Option<bool>,
    pub no_summary: Option<bool>,
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Options that the engine accepts and has no use for: they change nothing that it measures.
const HARMLESS: [&str; 8] = [
    "cloud",
    "ext",
    "dns",
    "httpDebug",
    "linger",
    "noUsageReport",
    "paused",
    "summaryMode",
];

/// Options that need the real k6.
const FOREIGN: [&str; 3] = ["executionSegment", "executionSegmentSequence", "localIPs"];

impl Options {
    /// Reads what a script exports.
    ///
    /// # Errors
    ///
    /// Fails on a value of the wrong kind.
    pub fn parse(value: &Value) -> Result<Self, String> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let mut value = value.clone();
        names::read(&mut value);
        numbers::read(&mut value);
        for (name, tag) in value["tags"].as_object().into_iter().flatten() {
            if !tag.is_string() && !tag.is_null() {
                return Err(format!(
                    "the tag `{name}` of the script's options is no text"
                ));
            }
        }
        // `null` stands for "not given".
        let kept = match value {
            Value::Object(map) => {
                let kept = map.into_iter().filter(|it| !it.1.is_null());
                Value::Object(kept.collect())
            }
            other => other,
        };
        let options: Self = serde_json::from_value(kept)
            .map_err(|err| format!("the script's options are not usable: {err}"))?;
        // As in k6, also where flags leave no scenario of the script.
        for (name, scenario) in options.scenarios.iter().flatten() {
            Scenario::check_form(name, scenario)?;
        }
        Ok(options)
    }

    /// Returns the names of options that nothing is known of.
    pub fn unknown(&self) -> Vec<&str> {
        let names = self.other.keys().map(String::as_str);
        names
            .filter(|it| !HARMLESS.contains(it) && !FOREIGN.contains(it))
            .collect()
    }

    /// Returns the names of options that only the real k6 has.
    pub fn foreign(&self) -> Vec<&str> {
        let names = self.other.iter().filter(|it| !is_empty(it.1));
        let mut foreign: Vec<&str> = names
            .map(|it| it.0.as_str())
            .filter(|it| FOREIGN.contains(it))
            .collect();
        if self.tls_auth.iter().flatten().any(Identity::is_locked) {
            foreign.push("tlsAuth with a password");
        }
        let suites = self.tls_cipher_suites.iter().flatten();
        if !suites.clone().all(|it| crate::http::has_suite(it)) {
            foreign.push("tlsCipherSuites");
        }
        let old = ["ssl3.0", "tls1.0", "tls1.1"];
        let most = self.tls_version.as_ref().map_or("", Versions::most);
        if old.contains(&most) {
            foreign.push("tlsVersion");
        }
        if self.scenarios.iter().flatten().any(|it| is_foreign(it.1)) {
            foreign.push("scenarios that are externally-controlled");
        }
        foreign
    }

    /// Lets `over` win, as options of the command line do over those of a script.
    #[must_use]
    pub fn overridden_by(mut self, over: Self) -> Self {
        // One way to say how much load there is replaces every other one.
        if over.duration.is_some()
            || over.iterations.is_some()
            || over.stages.is_some()
            || over.scenarios.is_some()
        {
            self.duration = None;
            self.iterations = None;
            self.stages = None;
            self.scenarios = None;
        }
        macro_rules! take {
            ($($field:ident),*) => { $(if over.$field.is_some() { self.$field = over.$field; })* };
        }
        take!(
            vus,
            duration,
            iterations,
            stages,
            scenarios,
            thresholds,
            batch,
            batch_per_host,
            max_redirects,
            user_agent,
            insecure_skip_tls_verify,
            discard_response_bodies,
            no_connection_reuse,
            no_vu_connection_reuse,
            no_cookies_reset,
            throw,
            rps,
            tags,
            system_tags,
            summary_trend_stats,
            summary_time_unit,
            setup_timeout,
            teardown_timeout,
            min_iteration_duration,
            hosts,
            block_hostnames,
            blacklist_ips,
            tls_auth,
            tls_cipher_suites,
            tls_version,
            no_setup,
            no_teardown,
            no_thresholds,
            no_summary
        );
        self.other.extend(over.other);
        self
    }

    /// Returns the scenarios, made from the short forms where there are none.
    ///
    /// # Errors
    ///
    /// Fails on a scenario that cannot be run, or on one beside a short form.
    pub fn plan(&self) -> Result<Vec<Scenario>, String> {
        let short = [
            ("duration", self.duration.is_some()),
            ("iterations", self.iterations.is_some()),
            ("stages", self.stages.is_some()),
        ];
        if let Some(scenarios) = &self.scenarios {
            if let Some((name, _)) = short.iter().find(|it| it.1) {
                return Err(format!(
                    "the script has both `scenarios` and `{name}`: one of them says how much load there is"
                ));
            }
            if !scenarios.is_empty() {
                return scenarios
                    .iter()
                    .map(|(name, value)| Scenario::parse(name, value))
                    .collect();
            }
        }
        let vus = self.vus.unwrap_or(1);
        if vus == 0 {
            return Err("the number of VUs must be more than 0".to_owned());
        }
        let executor = match (&self.stages, self.iterations, self.duration) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                return Err(
                    "`stages` can be combined with neither `iterations` nor `duration`".to_owned(),
                );
            }
            (Some(stages), ..) if !stages.is_empty() => Executor::RampingVus {
                start: vus,
                stages: stages.clone(),
                graceful_ramp_down: scenario::GRACE,
            },
            (_, Some(iterations), duration) => Executor::SharedIterations {
                vus,
                iterations,
                max_duration: duration.map_or(scenario::MAX_DURATION, |it| it.0),
            },
            (_, _, Some(duration)) => Executor::ConstantVus {
                vus,
                duration: duration.0,
            },
            _ => Executor::PerVuIterations {
                vus: 1,
                iterations: 1,
                max_duration: scenario::MAX_DURATION,
            },
        };
        let scenario = Scenario::short(executor);
        scenario.check()?;
        Ok(vec![scenario])
    }

    /// Returns the thresholds with the metric that each is on.
    ///
    /// # Errors
    ///
    /// Fails on one that is not of the form `p(95)<500`.
    pub fn thresholds(&self) -> Result<Vec<(String, Vec<Threshold>)>, String> {
        let Some(all) = &self.thresholds else {
            return Ok(Vec::new());
        };
        all.iter()
            .map(|(metric, conditions)| {
                let conditions = match conditions {
                    Value::Array(list) => {
                        list.iter().map(threshold).collect::<Result<Vec<_>, _>>()?
                    }
                    other => {
                        return Err(format!("the thresholds on `{metric}` are no list: {other}"));
                    }
                };
                Ok((metric.clone(), conditions))
            })
            .collect()
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn threshold(value: &Value) -> Result<Threshold, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Long {
        threshold: String,
        #[serde(default)]
        abort_on_fail: bool,
        delay_abort_eval: Option<Span>,
    }
    let long = match value {
        Value::String(text) => Long {
            threshold: text.clone(),
            abort_on_fail: false,
            delay_abort_eval: None,
        },
        other => serde_json::from_value(other.clone())
            .map_err(|err| format!("{other} is no threshold: {err}"))?,
    };
    Ok(Threshold {
        expression: Expression::parse(&long.threshold).map_err(|err| err.to_string())?,
        abort_on_fail: long.abort_on_fail,
        delay: long.delay_abort_eval.unwrap_or_default().0,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(value: &Value) -> Result<Vec<Scenario>, String> {
        Options::parse(value)?.plan()
    }

    #[test]
    fn the_short_forms_stand_for_executors() {
        let one = |value: Value| plan(&value).unwrap().remove(0).executor;
        assert!(matches!(
            one(json!({})),
            Executor::PerVuIterations {
                vus: 1,
                iterations: 1,
                ..
            }
        ));
        assert!(matches!(
            one(json!({"vus": 3, "iterations": 9})),
            Executor::SharedIterations {
                vus: 3,
                iterations: 9,
                ..
            }
        ));
        assert!(matches!(
            one(json!({"vus": 3, "duration": "1m"})),
            Executor::ConstantVus { vus: 3, .. }
        ));
        let ramp = one(json!({"stages": [{"duration": "1s", "target": 5}]}));
        assert!(matches!(ramp, Executor::RampingVus { start: 1, .. }));
    }

    #[test]
    fn a_short_form_beside_scenarios_is_refused() {
        let both = json!({"duration": "1s", "scenarios": {"a": {"executor": "constant-vus", "duration": "1s"}}});
        assert!(plan(&both).is_err());
        assert!(plan(&json!({"vus": 5, "iterations": 2})).is_err());
    }

    #[test]
    fn the_command_line_replaces_the_load_as_a_whole() {
        let script =
            json!({"scenarios": {"a": {"executor": "constant-vus", "duration": "1s"}}, "batch": 3});
        let over = Options::parse(&json!({"iterations": 1})).unwrap();
        let options = Options::parse(&script).unwrap().overridden_by(over);
        assert!(matches!(
            options.plan().unwrap()[0].executor,
            Executor::SharedIterations { .. }
        ));
        assert_eq!(options.batch, Some(3));
    }

    #[test]
    fn a_threshold_has_a_short_and_a_long_form() {
        let options = Options::parse(&json!({"thresholds": {"checks": ["rate>0.9",
            {"threshold": "rate>0.5", "abortOnFail": true, "delayAbortEval": "10s"}]}}))
        .unwrap();
        let thresholds = options.thresholds().unwrap();
        assert!(thresholds[0].1[1].abort_on_fail);
        assert_eq!(thresholds[0].1[1].delay.as_secs(), 10);
        let wrong = Options::parse(&json!({"thresholds": {"checks": ["fast"]}})).unwrap();
        assert!(wrong.thresholds().is_err());
    }

    #[test]
    fn unknown_and_foreign_options_are_told_apart() {
        let options = Options::parse(
            &json!({"vuz": 1, "cloud": {}, "localIPs": "10.0.0.1", "tlsCipherSuites": []}),
        )
        .unwrap();
        assert_eq!(options.unknown(), ["vuz"]);
        assert_eq!(options.foreign(), ["localIPs"]);
    }
}
