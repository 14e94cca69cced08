//! What is measured: the kinds of metrics, their definitions, and the tags of a sample.

use std::{collections::HashMap, fmt, sync::RwLock};

use serde::Serialize;

use crate::threshold::Expression;

mod collect;
mod sink;

pub(crate) use collect::lock;
pub use collect::{Checks, Collector, Shard, Totals};
pub use sink::{Sink, Trend};

/// How the samples of a metric are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A sum.
    Counter,
    /// The last value, with the extremes.
    Gauge,
    /// The share of samples that are not zero.
    Rate,
    /// A distribution.
    Trend,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Rate => "rate",
            Self::Trend => "trend",
        })
    }
}

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Contains {
    /// Plain numbers.
    Default,
    /// Milliseconds.
    Time,
    /// Bytes.
    Data,
}

impl fmt::Display for Contains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Time => "time",
            Self::Data => "data",
        })
    }
}

/// A metric.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// How its samples are summed up.
    pub kind: Kind,
    /// What its values are.
    pub contains: Contains,
}

/// The number of a metric in its registry.
pub type Id = usize;

macro_rules! builtins {
    ($($constant:ident = $id:literal, $name:literal, $kind:ident, $contains:ident;)*) => {
        /// The metrics that every run has, at the places that their constants name.
        const BUILTINS: &[(&str, Kind, Contains)] = &[$(($name, Kind::$kind, Contains::$contains),)*];
        $(#[doc = concat!("The number of `", $name, "`.")] pub const $constant: Id = $id;)*
    };
}

builtins! {
    HTTP_REQS = 0, "http_reqs", Counter, Default;
    HTTP_REQ_DURATION = 1, "http_req_duration", Trend, Time;
    HTTP_REQ_BLOCKED = 2, "http_req_blocked", Trend, Time;
    HTTP_REQ_CONNECTING = 3, "http_req_connecting", Trend, Time;
    HTTP_REQ_TLS = 4, "http_req_tls_handshaking", Trend, Time;
    HTTP_REQ_SENDING = 5, "http_req_sending", Trend, Time;
    HTTP_REQ_WAITING = 6, "http_req_waiting", Trend, Time;
    HTTP_REQ_RECEIVING = 7, "http_req_receiving", Trend, Time;
    HTTP_REQ_FAILED = 8, "http_req_failed", Rate, Default;
    CHECKS = 9, "checks", Rate, Default;
    ITERATIONS = 10, "iterations", Counter, Default;
    ITERATION_DURATION = 11, "iteration_duration", Trend, Time;
    GROUP_DURATION = 12, "group_duration", Trend, Time;
    DATA_SENT = 13, "data_sent", Counter, Data;
    DATA_RECEIVED = 14, "data_received", Counter, Data;
    DROPPED_ITERATIONS = 15, "dropped_iterations", Counter, Default;
    VUS = 16, "vus", Gauge, Default;
    VUS_MAX = 17, "vus_max", Gauge, Default;
    WS_SESSIONS = 18, "ws_sessions", Counter, Default;
    WS_CONNECTING = 19, "ws_connecting", Trend, Time;
    WS_SESSION_DURATION = 20, "ws_session_duration", Trend, Time;
    WS_MSGS_SENT = 21, "ws_msgs_sent", Counter, Default;
    WS_MSGS_RECEIVED = 22, "ws_msgs_received", Counter, Default;
    WS_PING = 23, "ws_ping", Trend, Time;
}

/// A metric's samples that carry certain tags.
#[derive(Clone, Debug)]
pub struct Submetric {
    /// The metric.
    pub parent: Id,
    /// As written in the options: `http_req_duration{scenario:a}`.
    pub name: String,
    /// What stands between the braces.
    pub suffix: String,
    /// The tags that a sample must have, all of them.
    pub tags: Vec<(String, String)>,
}

/// A threshold with what it applies to.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// The condition.
    pub expression: Expression,
    /// Whether the run stops when it is missed.
    pub abort_on_fail: bool,
    /// How long the run must have gone on before it is stopped.
    pub delay: std::time::Duration,
}

/// All metrics of a run.
#[derive(Debug)]
pub struct Registry {
    inner: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    definitions: Vec<Definition>,
    by_name: HashMap<String, Id>,
}

impl Default for Registry {
    fn default() -> Self {
        let mut known = Known::default();
        for (name, kind, contains) in BUILTINS {
            known
                .by_name
                .insert((*name).to_owned(), known.definitions.len());
            known.definitions.push(Definition {
                name: (*name).to_owned(),
                kind: *kind,
                contains: *contains,
            });
        }
        Self {
            inner: RwLock::new(known),
        }
    }
}

impl Registry {
    /// Returns the metric `name`, made when it is new.
    ///
    /// # Errors
    ///
    /// Fails when the name is not usable, or taken by a metric of another kind.
    pub fn register(&self, name: &str, kind: Kind, contains: Contains) -> Result<Id, String> {
        let mut letters = name.chars();
        let begins = letters
            .next()
            .is_some_and(|it| it.is_ascii_alphabetic() || it == '_');
        let goes_on = (2..=129).contains(&name.len())
            && letters.all(|it| it.is_ascii_alphanumeric() || it == '_');
        if !begins || !goes_on {
            return Err(format!(
                "invalid metric name '{name}': it needs 2 to 129 letters, digits or underscores and must not begin with a digit"
            ));
        }
        let mut known = write(&self.inner);
        if let Some(id) = known.by_name.get(name).copied() {
            let old = &known.definitions[id];
            if old.kind != kind {
                return Err(format!(
                    "metric '{name}' already exists but with type {}, instead of {kind}",
                    old.kind
                ));
            }
            if old.contains != contains {
                return Err(format!(
                    "metric '{name}' already exists but with a value type {}, instead of {contains}",
                    old.contains
                ));
            }
            return Ok(id);
        }
        let id = known.definitions.len();
        known.by_name.insert(name.to_owned(), id);
        known.definitions.push(Definition {
            name: name.to_owned(),
            kind,
            contains,
        });
        Ok(id)
    }

    /// Returns the number of the metric `name`.
    pub fn find(&self, name: &str) -> Option<Id> {
        read(&self.inner).by_name.get(name).copied()
    }

    /// Returns the metric with the number `id`.
    pub fn get(&self, id: Id) -> Option<Definition> {
        read(&self.inner).definitions.get(id).cloned()
    }

    /// Returns all metrics.
    pub fn all(&self) -> Vec<Definition> {
        read(&self.inner).definitions.clone()
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The tags of a sample: those of the virtual user, and those of the one sample, which win.
#[derive(Clone, Copy, Debug)]
pub struct Tags<'a> {
    /// The virtual user's: scenario, group, options.
    pub base: &'a [(String, String)],
    /// The sample's own.
    pub own: &'a [(&'a str, &'a str)],
    /// What goes with the sample and is no tag: nothing is summed up by it.
    pub metadata: &'a [(String, String)],
}

impl<'a> Tags<'a> {
    /// Returns the value of the tag `key`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let own = self.own.iter().rev().find(|it| it.0 == key).map(|it| it.1);
        own.or_else(|| {
            self.base
                .iter()
                .rev()
                .find(|it| it.0 == key)
                .map(|it| it.1.as_str())
        })
    }

    /// Returns all tags, each key once, in the order of their names.
    pub fn sorted(&self) -> std::collections::BTreeMap<&'a str, &'a str> {
        let base = self.base.iter().map(|it| (it.0.as_str(), it.1.as_str()));
        base.chain(self.own.iter().copied()).collect()
    }

    /// Returns whether the sample has all of `wanted`.
    pub fn match_all(&self, wanted: &[(String, String)]) -> bool {
        wanted
            .iter()
            .all(|(key, value)| self.get(key) == Some(value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_name_their_metrics() {
        let registry = Registry::default();
        assert_eq!(registry.find("http_req_failed"), Some(HTTP_REQ_FAILED));
        assert_eq!(registry.find("vus_max"), Some(VUS_MAX));
        assert_eq!(registry.all().len(), BUILTINS.len());
    }

    #[test]
    fn a_name_belongs_to_one_kind() {
        let registry = Registry::default();
        let id = registry
            .register("waits", Kind::Trend, Contains::Time)
            .unwrap();
        assert_eq!(
            registry.register("waits", Kind::Trend, Contains::Time),
            Ok(id)
        );
        assert!(
            registry
                .register("waits", Kind::Rate, Contains::Default)
                .is_err()
        );
        for wrong in ["a", "", "1st", "with space", "dash-ed"] {
            assert!(
                registry
                    .register(wrong, Kind::Rate, Contains::Default)
                    .is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_samples_own_tag_wins() {
        let base = [
            ("group".to_owned(), "::a".to_owned()),
            ("x".to_owned(), "1".to_owned()),
        ];
        let tags = Tags {
            base: &base,
            own: &[("x", "2")],
            metadata: &[],
        };
        assert_eq!(tags.get("x"), Some("2"));
        assert_eq!(tags.get("group"), Some("::a"));
        assert!(!tags.match_all(&[("x".to_owned(), "1".to_owned())]));
    }
}
