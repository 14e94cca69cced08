//! The flags that k6 has too, for either engine.

use std::path::PathBuf;

use anyhow::Result;
use autoscaleops_core::Failure;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{environment::stage, split};

/// How much the summary tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryMode {
    Compact,
    Full,
    Legacy,
    Disabled,
}

/// What the names of the language are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompatibilityMode {
    Extended,
    Base,
}

/// What a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Js,
    Archive,
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
    /// A variable for `__ENV`, as `NAME=VALUE` (can be repeated); secrets are better in the environment
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// A tag for all samples, as `NAME=VALUE` (can be repeated)
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<String>,
    /// Where to write each sample: `json=FILE`, `prometheus=ADDRESS`, or an output that only k6 has
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
    /// Networks that are not called (can be repeated)
    #[arg(long, value_name = "NETWORK")]
    pub(crate) blacklist_ip: Vec<String>,
    /// Shortest time an iteration takes
    #[arg(long, value_name = "DURATION")]
    pub(crate) min_iteration_duration: Option<String>,
    /// The tags that samples get of themselves
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub(crate) system_tags: Vec<String>,
    /// Whether the variables of the system are in `__ENV`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) include_system_env_vars: Option<bool>,
    /// File that the script's own messages go to, instead of standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) console_output: Option<PathBuf>,
    /// Write the summary export, and give `handleSummary`, the shape `1.0.0` of k6 1.5 and newer
    #[arg(long)]
    pub(crate) new_machine_readable_summary: bool,
    /// How much the summary tells; `full` and `legacy` need the real k6
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) summary_mode: Option<SummaryMode>,
    /// Options as a JSON file, k6's `--config`; those of the script win over them
    #[arg(long, value_name = "FILE")]
    pub(crate) k6_config: Option<PathBuf>,
    /// `base` leaves out the name `global` for `globalThis`
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) compatibility_mode: Option<CompatibilityMode>,
    /// What the script is: `js`, or `archive`, which needs the real k6
    #[arg(long = "type", short = 't', value_enum, value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
    /// Send nothing home; that is always so here
    #[arg(long)]
    pub(crate) no_usage_report: bool,
}

impl K6Flags {
    /// Returns whether the summary is left out.
    pub(crate) fn leaves_out_summary(&self) -> bool {
        self.no_summary || self.summary_mode == Some(SummaryMode::Disabled)
    }

    pub(super) fn json(&self) -> Result<Map<String, Value>> {
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
            let stages: Option<Vec<Value>> = self.stages.iter().map(|it| stage(it)).collect();
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
        put("noSummary", flag(self.leaves_out_summary()));
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
        put("blacklistIPs", list(&self.blacklist_ip));
        put(
            "minIterationDuration",
            self.min_iteration_duration.clone().map(Value::from),
        );
        put("systemTags", list(&self.system_tags));
        Ok(json)
    }

    /// Returns the flags in the form that k6 takes. Variables are not among them: arguments can be
    /// read by everyone on the machine.
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
        for network in &self.blacklist_ip {
            put("blacklist-ip", Some(network.clone()));
        }
        put(
            "min-iteration-duration",
            self.min_iteration_duration.clone(),
        );
        put("system-tags", list(&self.system_tags));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|it| it.display().to_string());
        put("console-output", path(&self.console_output));
        put("config", path(&self.k6_config));
        let word = |it: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
            Some(it()?.get_name().to_owned())
        };
        put(
            "compatibility-mode",
            word(&|| self.compatibility_mode?.to_possible_value()),
        );
        put("type", word(&|| self.kind?.to_possible_value()));
        let mode = self.summary_mode.filter(|it| *it != SummaryMode::Disabled);
        put("summary-mode", word(&|| mode?.to_possible_value()));
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
