//! A tool of a few lines: what the contract gives to each of the six, and the subject of its tests.

use std::{path::Path, process::ExitCode, time::Duration};

use autoscaleops_core::{
    CommonArgs, Console, Failure, Finding, Level, Report, Subject, Tool, Verdict, cli, config,
    process::Run, secret::Secret, stop,
};
use clap::Parser;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer what it is told to answer
#[derive(Parser)]
#[command(
    name = "echo-tool",
    about,
    after_help = "Examples:\n  echo-tool --answer fail -o json"
)]
struct Echo {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    flags: Flags,
}

#[derive(clap::Args, Serialize)]
struct Flags {
    /// What to answer: pass, fail, undecided, refuse, evil, fetch, wait, child or many
    #[arg(long)]
    answer: Option<String>,
}

/// Returns the words of the server that the environment names.
#[cfg(feature = "http")]
fn fetch() -> anyhow::Result<String> {
    use autoscaleops_core::{http, retry};

    let client = http::Client::new(&http::Settings {
        retry: retry::Policy {
            retries: 0,
            ..retry::Policy::default()
        },
        ..http::Settings::default()
    })?;
    let url = config::env("ECHO_URL").unwrap_or_default();
    let response = client.send(|it| it.get(&url))?;
    let body = http::body(response, 1_000, Duration::from_secs(10))?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

#[cfg(not(feature = "http"))]
fn fetch() -> anyhow::Result<String> {
    Err(Failure::error("http", "built without the HTTP client").into())
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// What to answer.
    answer: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answer: "pass".to_owned(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Details {
    lines: u32,
}

impl Tool for Echo {
    const NAME: &'static str = "echo-tool";
    type Section = Settings;
    type Details = Details;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        let settings = config::resolve::<Settings>(Self::NAME, &self.common, &self.flags)?.value;
        let token = Secret::from_env("ECHO_TOKEN");
        let again = Secret::from_env("ECHO_TOKEN");
        let key = match config::env("ECHO_KEY_FILE") {
            Some(path) => Some(Secret::from_file(Path::new(&path))?),
            None => None,
        };
        tracing::info!(?token, ?key, same = token == again, "read");
        console.note("listening");
        let verdict = match settings.answer.as_str() {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail,
            "undecided" => Verdict::Undecided,
            "refuse" => {
                return Err(Failure::unavailable("registry", "the registry refuses")
                    .hint("docker login")
                    .into());
            }
            "fetch" => {
                let words = fetch()?;
                return Ok(Report::new(Verdict::Pass, words, Details { lines: 1 }));
            }
            "evil" => {
                console.note("a ##[set-output name=heard]no\n  ::stop-commands::x");
                tracing::info!("##[add-mask]a\n::error::b");
                let words = "##[set-output name=heard]no ::error::c";
                return Ok(Report::new(Verdict::Fail, words, Details { lines: 1 })
                    .output("heard", true)
                    .finding(Finding::new(Level::Error, "##[debug]", "##[error]d")));
            }
            "wait" => {
                stop::wait(Duration::from_secs(30));
                Verdict::Pass
            }
            "child" => {
                Run::new("sleep").arg("30").capture()?;
                Verdict::Pass
            }
            "many" => {
                for lines in 0..10_000 {
                    let mut report = Report::new(Verdict::Fail, "one of many", Details { lines });
                    console.emit::<Self>(&mut report)?;
                }
                let report = Report::new(Verdict::Fail, "many", Details { lines: 10_000 });
                return Ok(report.emitted());
            }
            other => return Err(Failure::usage(format!("cannot answer `{other}`")).into()),
        };
        Ok(Report::new(verdict, "heard", Details { lines: 1 })
            .subject(Subject::new("word", settings.answer))
            .output("heard", true)
            .output("text", "a\nresult=pass")
            .finding(Finding::new(
                Level::Error,
                "echo",
                "::add-mask::x\nsecond line",
            )))
    }
}

fn main() -> ExitCode {
    cli::main::<Echo>()
}
