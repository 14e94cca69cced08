//! Flags of k6 that the built-in engine lacks: some are passed on to k6, some have no place here.

use std::path::Path;

use autoscaleops_core::Failure;
use clap::Args;

use super::{Kind, RunFlags, SummaryMode, environment};

/// Flags that only the real k6 can obey, and flags that are refused with a reason.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "k6's options that need the real k6")]
pub(crate) struct Beyond {
    /// The part of the load that this run is, such as `0:1/4`
    #[arg(long, value_name = "SEGMENT")]
    execution_segment: Option<String>,
    /// All parts of the load
    #[arg(long, value_name = "SEGMENTS")]
    execution_segment_sequence: Option<String>,
    /// Addresses that requests come from
    #[arg(long, value_name = "ADDRESSES")]
    local_ips: Option<String>,
    /// How names are resolved
    #[arg(long, value_name = "SETTINGS")]
    dns: Option<String>,
    /// Log requests and answers
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "headers")]
    http_debug: Option<String>,
    /// Where traces go
    #[arg(long, value_name = "OUTPUT")]
    traces_output: Option<String>,
    /// Where the script's secrets come from
    #[arg(long, value_name = "SOURCE")]
    secret_source: Vec<String>,

    #[arg(long, short = 'p', hide = true)]
    paused: bool,
    #[arg(long, short = 'l', hide = true)]
    linger: bool,
    #[arg(long, short = 'a', hide = true, value_name = "ADDRESS")]
    address: Option<String>,
    #[arg(long, hide = true)]
    profiling_enabled: bool,
    #[arg(long, hide = true, value_name = "FORMAT")]
    log_format: Option<String>,
    #[arg(long, hide = true, value_name = "OUTPUT")]
    log_output: Option<String>,
    #[arg(long, hide = true)]
    no_color: bool,
}

impl Beyond {
    /// Returns the flags that are passed on, in the form that k6 takes.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let one =
            |name: &str, value: &Option<String>| value.as_ref().map(|it| format!("--{name}={it}"));
        let single = [
            one("execution-segment", &self.execution_segment),
            one(
                "execution-segment-sequence",
                &self.execution_segment_sequence,
            ),
            one("local-ips", &self.local_ips),
            one("dns", &self.dns),
            one("http-debug", &self.http_debug),
            one("traces-output", &self.traces_output),
        ];
        let secret = self.secret_source.iter();
        let secret = secret.map(|it| format!("--secret-source={it}"));
        single.into_iter().flatten().chain(secret).collect()
    }

    /// Returns why the first flag that has no place here is refused.
    fn refused(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let no_api = "k6's REST API is not served, so nothing could talk to the run";
        let table = [
            (
                self.paused,
                "--paused",
                no_api,
                "start the run when it is wanted",
            ),
            (self.linger, "--linger", no_api, "leave it out"),
            (
                self.address.is_some(),
                "--address",
                no_api,
                "--out prometheus=ADDRESS tells how a run goes",
            ),
            (
                self.profiling_enabled,
                "--profiling-enabled",
                "it profiles k6's own program",
                "k6 run --profiling-enabled",
            ),
            (
                self.log_format.is_some(),
                "--log-format",
                "messages of every tool here have one form",
                "-o json for a result that programs read",
            ),
            (
                self.log_output.is_some(),
                "--log-output",
                "messages go to standard error, as in every tool here",
                "2>FILE, or --console-output FILE for the script's own",
            ),
            (
                self.no_color,
                "--no-color",
                "colours have one flag in every tool here",
                "--color never, or NO_COLOR=1",
            ),
        ];
        table
            .into_iter()
            .find(|it| it.0)
            .map(|it| (it.1, it.2, it.3))
    }
}

impl RunFlags {
    /// Refuses what has no place here.
    ///
    /// # Errors
    ///
    /// Fails on the first such flag, with the reason and what serves instead.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if let Some((flag, reason, hint)) = self.beyond.refused() {
            let message = format!("`{flag}` is not taken: {reason}");
            return Err(Failure::usage(message).kind_of("unsupported").hint(hint));
        }
        let cloud = |it: &&String| it.split('=').next() == Some("cloud");
        if self.k6_flags.out.iter().any(|it| cloud(&it)) {
            let message = "`--out cloud` is not taken: results stay here, and so does the verdict";
            return Err(Failure::usage(message)
                .kind_of("unsupported")
                .hint("k6 cloud run --local-execution, with the real k6"));
        }
        Ok(())
    }

    /// Returns the flags and variables that only the real k6 can obey.
    pub(crate) fn foreign(&self) -> Vec<String> {
        let flags = self.beyond.arguments();
        let flags = flags
            .iter()
            .map(|it| it.split('=').next().unwrap_or(it).to_owned());
        let mode = self.k6_flags.summary_mode;
        let mode = mode
            .filter(|it| matches!(it, SummaryMode::Full | SummaryMode::Legacy))
            .map(|it| format!("--summary-mode {it:?}").to_lowercase());
        let archive =
            (self.k6_flags.kind == Some(Kind::Archive)).then(|| "--type archive".to_owned());
        let outputs = self.k6_flags.out.iter().filter_map(|it| {
            let kind = it.split('=').next().unwrap_or(it);
            let zipped = kind == "json" && Path::new(it).extension().is_some_and(|it| it == "gz");
            (zipped || !matches!(kind, "json" | "prometheus"))
                .then(|| format!("--out {}", if zipped { it } else { kind }))
        });
        let variables = environment::FOREIGN
            .into_iter()
            .filter(|it| self.variable(it).is_some_and(|it| !it.is_empty()))
            .map(str::to_owned);
        flags
            .chain(mode)
            .chain(archive)
            .chain(outputs)
            .chain(variables)
            .collect()
    }
}
