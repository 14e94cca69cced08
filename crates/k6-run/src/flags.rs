//! The flags of a run: k6's own, and ours.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Failure, config};
use autoscaleops_k6_engine::options::Options;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::settings::Engine;

mod beyond;
pub(crate) mod environment;
mod imports;
mod k6;
pub(crate) mod secrets;

pub(crate) use beyond::Beyond;
pub(crate) use k6::{K6Flags, Kind, SummaryMode};

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

    /// Fetch no module that the script imports from the network: what is cached has to do
    #[arg(long)]
    pub(crate) offline: bool,

    /// Write down, in k6-imports.lock beside the script, which bytes its modules of the network have
    #[arg(long)]
    pub(crate) pin_imports: bool,

    /// A recording of `hpa-watch`, to show replicas beside the load
    #[arg(long, value_name = "FILE")]
    pub(crate) hpa_recording: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) k6_flags: K6Flags,

    #[command(flatten)]
    pub(crate) beyond: Beyond,
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
        let mut json = environment::options(&|name| self.variable(name))?;
        json.extend(self.k6_flags.json()?);
        let value = Value::Object(json);
        let options = Options::parse(&value)
            .map_err(Failure::usage)
            .context("a flag has a value that it cannot have")?;
        Ok((options, value))
    }

    /// Returns the options of the file that `--k6-config` names.
    pub(crate) fn file_options(&self) -> Result<Option<(Options, Value)>> {
        let Some(path) = &self.k6_flags.k6_config else {
            return Ok(None);
        };
        let text = fs_err::read_to_string(path).context("cannot read the options")?;
        let place = |err: &serde_json::Error| {
            let message = format!("`{}` is not JSON: {err}", path.display());
            Failure::usage(message).at(path, err.line(), err.column())
        };
        let value: Value = serde_json::from_str(&text).map_err(|err| place(&err))?;
        let options = Options::parse(&value)
            .map_err(|err| Failure::usage(format!("`{}`: {err}", path.display())))?;
        Ok(Some((options, value)))
    }

    /// Returns what `--env` or else the environment says for a name. As in k6, a variable for the
    /// script that is called `K6_VUS` is an option too.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let given = self.k6_flags.env.iter().rev().find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.to_owned())
        });
        given.or_else(|| config::env(name))
    }

    /// Returns whether the script finds the variables of the system in `__ENV`.
    pub(crate) fn includes_system(&self) -> bool {
        self.k6_flags.include_system_env_vars.unwrap_or_else(|| {
            config::env("K6_INCLUDE_SYSTEM_ENV_VARS").is_none_or(|it| it != "false")
        })
    }

    /// Returns the variables that were given on the command line.
    pub(crate) fn given(&self) -> Result<Vec<(String, String)>> {
        let pairs = self.k6_flags.env.iter();
        pairs
            .map(|pair| {
                let (name, value) = split(pair, "--env")?;
                let fits = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
                if !name.bytes().all(fits) || name.starts_with(|it: char| it.is_ascii_digit()) {
                    let message = format!("`{name}` is no name of a variable for `--env`");
                    return Err(Failure::usage(message).into());
                }
                Ok((name, value))
            })
            .collect()
    }

    /// Returns the variables that `script` finds in `__ENV`.
    pub(crate) fn variables(&self, script: &Path) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        if self.includes_system() {
            all.extend(config::environment());
            for name in secrets::kept_from(script) {
                all.remove(&name);
            }
        }
        all.extend(self.given()?);
        Ok(all)
    }

    /// Returns whether results have the shape `1.0.0` of newer versions of k6.
    pub(crate) fn is_machine_readable(&self) -> bool {
        self.k6_flags.new_machine_readable_summary
            || self
                .variable("K6_NEW_MACHINE_READABLE_SUMMARY")
                .is_some_and(|it| it == "true")
    }
}

fn split(pair: &str, flag: &str) -> Result<(String, String)> {
    match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        // A bare name takes its value along without showing it to whoever lists processes. k6 makes
        // it empty.
        None if !pair.is_empty() => Ok((pair.to_owned(), config::env(pair).unwrap_or_default())),
        _ => Err(Failure::usage(format!("`{flag} {pair}` is not of the form NAME=VALUE")).into()),
    }
}
