//! The flags of a run: k6's own, and ours.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Failure, config};
use autoscaleops_k6_engine::options::Options;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::settings::Engine;

/// The flags of a run.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunFlags {
    /// The script to run
    #[arg(value_name = "SCRIPT")]
    pub(crate) script: Option<PathBuf>,

    /// What runs the script
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,

    /// The program k6, for `--engine k6` and what only k6 can run
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) k6: Option<PathBuf>,

    /// Judge as k6 does: pass where every iteration throws, nothing was measured, nothing succeeded
    #[arg(long)]
    pub(crate) k6_strict_compat: bool,

    /// Fail, not only warn, when this program itself was too busy to measure well
    #[arg(long)]
    pub(crate) fail_on_saturation: bool,

    /// Threads that run virtual users; as many as processors where it is not given
    #[arg(long, value_name = "COUNT")]
    pub(crate) workers: Option<usize>,

    /// Memory that the JavaScript of one virtual user may use, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub(crate) memory_limit: usize,

    /// Certificate authorities to trust besides the system's, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// A recording of `hpa-watch`, to show replicas beside the load
    #[arg(long, value_name = "FILE")]
    pub(crate) hpa_recording: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) k6_flags: K6Flags,
}

/// Flags that k6 has too, with the same meaning.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "k6's options")]
pub(crate) struct K6Flags {
    /// Number of virtual users
    #[arg(long, short = 'u', value_name = "COUNT")]
    pub(crate) vus: Option<u64>,
    /// How long the test takes, such as `1m30s`
    #[arg(long, short, value_name = "DURATION")]
    pub(crate) duration: Option<String>,
    /// Iterations in total, shared among the virtual users
    #[arg(long, short, value_name = "COUNT")]
    pub(crate) iterations: Option<u64>,
    /// A stage of a ramp as `DURATION:TARGET` (can be repeated, or separated by commas)
    #[arg(long = "stage", short, value_name = "STAGE", value_delimiter = ',')]
    pub(crate) stages: Vec<String>,
    /// A variable for `__ENV`, as `NAME=VALUE` (can be repeated)
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// A tag for all samples, as `NAME=VALUE` (can be repeated)
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<String>,
    /// Where to write each sample, as `json=FILE`
    #[arg(long, value_name = "OUTPUT")]
    pub(crate) out: Vec<String>,
    /// File to write the summary to, as JSON in k6's shape
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_export: Option<PathBuf>,
    /// What is told of trends, separated by commas
    #[arg(long, value_name = "STATS", value_delimiter = ',')]
    pub(crate) summary_trend_stats: Vec<String>,
    /// Unit of times in the summary: s, ms or us
    #[arg(long, value_name = "UNIT")]
    pub(crate) summary_time_unit: Option<String>,
    /// Leave out the summary
    #[arg(long)]
    pub(crate) no_summary: bool,
    /// Leave out the thresholds
    #[arg(long)]
    pub(crate) no_thresholds: bool,
    /// Leave out `setup`
    #[arg(long)]
    pub(crate) no_setup: bool,
    /// Leave out `teardown`
    #[arg(long)]
    pub(crate) no_teardown: bool,
    /// Most requests a second
    #[arg(long, value_name = "COUNT")]
    pub(crate) rps: Option<f64>,
    /// What stands in `User-Agent`
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// Most parallel requests of one batch
    #[arg(long, value_name = "COUNT")]
    pub(crate) batch: Option<usize>,
    /// Most parallel requests of one batch to one host
    #[arg(long, value_name = "COUNT")]
    pub(crate) batch_per_host: Option<usize>,
    /// Most redirects that are followed
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_redirects: Option<u32>,
    /// Throw an exception where a request gets no answer
    #[arg(long, short = 'w')]
    pub(crate) throw: bool,
    /// Read bodies without keeping them
    #[arg(long)]
    pub(crate) discard_response_bodies: bool,
    /// Take every certificate, for test servers that have none of an authority
    #[arg(long)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Open a connection for every request
    #[arg(long)]
    pub(crate) no_connection_reuse: bool,
    /// Open connections anew in every iteration
    #[arg(long)]
    pub(crate) no_vu_connection_reuse: bool,
    /// Names of hosts that are not called
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) block_hostnames: Vec<String>,
    /// Shortest time an iteration takes
    #[arg(long, value_name = "DURATION")]
    pub(crate) min_iteration_duration: Option<String>,
    /// The tags that samples get of themselves
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub(crate) system_tags: Vec<String>,
    /// Keep the variables of the system out of `__ENV`
    #[arg(long)]
    pub(crate) no_system_env_vars: bool,
}

/// What of the flags is a setting.
#[derive(Serialize)]
pub(crate) struct SettingFlags {
    engine: Option<Engine>,
    k6: Option<PathBuf>,
    k6_strict_compat: Option<bool>,
}

impl RunFlags {
    /// Returns the flags that are settings.
    pub(crate) fn settings(&self) -> SettingFlags {
        SettingFlags {
            engine: self.engine,
            k6: self.k6.clone(),
            k6_strict_compat: self.k6_strict_compat.then_some(true),
        }
    }

    /// Returns the script.
    pub(crate) fn script(&self) -> Result<PathBuf> {
        let script = self.script.clone().ok_or_else(|| {
            Failure::usage("which script is to be run?").hint("k6-run SCRIPT, or k6-run --help")
        })?;
        if !script.is_file() {
            let message = format!("the script `{}` is not a file", script.display());
            return Err(Failure::usage(message).kind_of("no_script").into());
        }
        Ok(script)
    }

    /// Returns the options that the flags and the environment (`K6_…`) give, in the script's form.
    pub(crate) fn options(&self) -> Result<(Options, Value)> {
        let mut json = from_environment();
        json.extend(self.k6_flags.json()?);
        let value = Value::Object(json);
        let options = Options::parse(&value)
            .map_err(Failure::usage)
            .context("a flag has a value that it cannot have")?;
        Ok((options, value))
    }

    /// Returns the variables that the script finds in `__ENV`.
    pub(crate) fn variables(&self) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        if !self.k6_flags.no_system_env_vars {
            all.extend(config::environment());
        }
        for pair in &self.k6_flags.env {
            let (name, value) = split(pair, "--env")?;
            all.insert(name, value);
        }
        Ok(all)
    }
}

fn split(pair: &str, flag: &str) -> Result<(String, String)> {
    match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        // k6 takes a bare name from the environment.
        None if !pair.is_empty() => Ok((pair.to_owned(), config::env(pair).unwrap_or_default())),
        _ => Err(Failure::usage(format!("`{flag} {pair}` is not of the form NAME=VALUE")).into()),
    }
}

fn from_environment() -> Map<String, Value> {
    let number = |name: &str| {
        config::env(name)
            .and_then(|it| it.parse::<u64>().ok())
            .map(Value::from)
    };
    let text = |name: &str| {
        config::env(name)
            .filter(|it| !it.is_empty())
            .map(Value::from)
    };
    let flag = |name: &str| {
        config::env(name)
            .and_then(|it| it.parse::<bool>().ok())
            .map(Value::from)
    };
    let pairs = [
        ("vus", number("K6_VUS")),
        ("iterations", number("K6_ITERATIONS")),
        ("duration", text("K6_DURATION")),
        ("rps", number("K6_RPS")),
        ("batch", number("K6_BATCH")),
        ("batchPerHost", number("K6_BATCH_PER_HOST")),
        ("maxRedirects", number("K6_MAX_REDIRECTS")),
        ("userAgent", text("K6_USER_AGENT")),
        ("setupTimeout", text("K6_SETUP_TIMEOUT")),
        ("teardownTimeout", text("K6_TEARDOWN_TIMEOUT")),
        ("summaryTimeUnit", text("K6_SUMMARY_TIME_UNIT")),
        ("throw", flag("K6_THROW")),
        ("noSetup", flag("K6_NO_SETUP")),
        ("noTeardown", flag("K6_NO_TEARDOWN")),
        ("noThresholds", flag("K6_NO_THRESHOLDS")),
        ("discardResponseBodies", flag("K6_DISCARD_RESPONSE_BODIES")),
        ("insecureSkipTLSVerify", flag("K6_INSECURE_SKIP_TLS_VERIFY")),
        ("noConnectionReuse", flag("K6_NO_CONNECTION_REUSE")),
    ];
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

impl K6Flags {
    fn json(&self) -> Result<Map<String, Value>> {
        let mut json = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.to_owned(), value);
            }
        };
        let list = |list: &[String]| (!list.is_empty()).then(|| json!(list));
        let flag = |flag: bool| flag.then_some(Value::Bool(true));
        put("vus", self.vus.map(Value::from));
        put("duration", self.duration.clone().map(Value::from));
        put("iterations", self.iterations.map(Value::from));
        if !self.stages.is_empty() {
            let stages = self.stages.iter().map(|stage| {
                let (duration, target) = stage.split_once(':')?;
                Some(json!({"duration": duration, "target": target.parse::<u64>().ok()?}))
            });
            let stages: Option<Vec<Value>> = stages.collect();
            let stages = stages.ok_or_else(|| {
                Failure::usage(format!(
                    "`--stage {}` is not of the form DURATION:TARGET",
                    self.stages.join(",")
                ))
            })?;
            put("stages", Some(Value::Array(stages)));
        }
        if !self.tags.is_empty() {
            let mut tags = Map::new();
            for pair in &self.tags {
                let (name, value) = split(pair, "--tag")?;
                tags.insert(name, Value::String(value));
            }
            put("tags", Some(Value::Object(tags)));
        }
        put("summaryTrendStats", list(&self.summary_trend_stats));
        put(
            "summaryTimeUnit",
            self.summary_time_unit.clone().map(Value::from),
        );
        put("noSummary", flag(self.no_summary));
        put("noThresholds", flag(self.no_thresholds));
        put("noSetup", flag(self.no_setup));
        put("noTeardown", flag(self.no_teardown));
        put("rps", self.rps.map(Value::from));
        put("userAgent", self.user_agent.clone().map(Value::from));
        put("batch", self.batch.map(Value::from));
        put("batchPerHost", self.batch_per_host.map(Value::from));
        put("maxRedirects", self.max_redirects.map(Value::from));
        put("throw", flag(self.throw));
        put("discardResponseBodies", flag(self.discard_response_bodies));
        put("insecureSkipTLSVerify", flag(self.insecure_skip_tls_verify));
        put("noConnectionReuse", flag(self.no_connection_reuse));
        put("noVUConnectionReuse", flag(self.no_vu_connection_reuse));
        put("blockHostnames", list(&self.block_hostnames));
        put(
            "minIterationDuration",
            self.min_iteration_duration.clone().map(Value::from),
        );
        put("systemTags", list(&self.system_tags));
        Ok(json)
    }

    /// Returns the flags in the form that k6 takes.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.push(format!("--{name}={value}"));
            }
        };
        let flag = |flag: bool| flag.then(|| "true".to_owned());
        let list = |list: &[String]| (!list.is_empty()).then(|| list.join(","));
        put("vus", self.vus.map(|it| it.to_string()));
        put("duration", self.duration.clone());
        put("iterations", self.iterations.map(|it| it.to_string()));
        put("stage", list(&self.stages));
        for pair in &self.env {
            put("env", Some(pair.clone()));
        }
        for pair in &self.tags {
            put("tag", Some(pair.clone()));
        }
        put("summary-trend-stats", list(&self.summary_trend_stats));
        put("summary-time-unit", self.summary_time_unit.clone());
        put("no-thresholds", flag(self.no_thresholds));
        put("no-setup", flag(self.no_setup));
        put("no-teardown", flag(self.no_teardown));
        put("rps", self.rps.map(|it| it.to_string()));
        put("user-agent", self.user_agent.clone());
        put("batch", self.batch.map(|it| it.to_string()));
        put(
            "batch-per-host",
            self.batch_per_host.map(|it| it.to_string()),
        );
        put("max-redirects", self.max_redirects.map(|it| it.to_string()));
        put("throw", flag(self.throw));
        put(
            "discard-response-bodies",
            flag(self.discard_response_bodies),
        );
        put(
            "insecure-skip-tls-verify",
            flag(self.insecure_skip_tls_verify),
        );
        put("no-connection-reuse", flag(self.no_connection_reuse));
        put("no-vu-connection-reuse", flag(self.no_vu_connection_reuse));
        put("block-hostnames", list(&self.block_hostnames));
        put(
            "min-iteration-duration",
            self.min_iteration_duration.clone(),
        );
        put("system-tags", list(&self.system_tags));
        for output in &self.out {
            put("out", Some(output.clone()));
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_duration_and_a_target() {
        let flags = K6Flags {
            stages: vec!["10s:5".to_owned(), "1m:0".to_owned()],
            ..K6Flags::default()
        };
        assert_eq!(
            flags.json().unwrap()["stages"][1],
            json!({"duration": "1m", "target": 0})
        );
        let wrong = K6Flags {
            stages: vec!["10s".to_owned()],
            ..K6Flags::default()
        };
        assert!(wrong.json().is_err());
    }

    #[test]
    fn k6_gets_the_same_flags() {
        let flags = K6Flags {
            vus: Some(3),
            tags: vec!["a=b".to_owned()],
            no_setup: true,
            ..K6Flags::default()
        };
        assert_eq!(
            flags.arguments(),
            ["--vus=3", "--tag=a=b", "--no-setup=true"]
        );
    }
}
