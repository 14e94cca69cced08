//! The rules of the contract that every tool inherits, on a tool of four lines.

use clap::CommandFactory as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{Failure, Verdict, exit};

/// Says what it was told to say
#[derive(Parser)]
#[command(name = "echo-tool")]
struct Echo {
    #[command(flatten)]
    common: CommonArgs,
    /// What to answer
    #[arg(long, default_value = "pass")]
    answer: String,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    loud: bool,
}

#[derive(Serialize, JsonSchema)]
struct Details {
    heard: String,
}

impl Tool for Echo {
    const NAME: &'static str = "echo-tool";
    type Section = Settings;
    type Details = Details;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, _: &mut Console) -> anyhow::Result<Report<Details>> {
        let verdict = match self.answer.as_str() {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail,
            "unavailable" => return Err(Failure::unavailable("registry", "no answer").into()),
            other => anyhow::bail!("cannot answer {other}"),
        };
        Ok(Report::new(verdict, "heard", Details { heard: self.answer }).output("heard", true))
    }
}

fn code(line: &[&str]) -> u8 {
    let mut arguments = vec![OsString::from("echo-tool"), OsString::from("--no-ci")];
    arguments.extend(line.iter().map(OsString::from));
    run::<Echo>(&arguments)
}

#[test]
fn the_code_says_what_the_verdict_or_the_failure_is() {
    assert_eq!(code(&["--answer", "pass"]), exit::PASS);
    assert_eq!(code(&["--answer", "fail"]), exit::FAIL);
    assert_eq!(code(&["--answer", "unavailable"]), exit::UNAVAILABLE);
    assert_eq!(code(&["--answer", "x"]), exit::ERROR);
    assert_eq!(code(&["--unknown"]), exit::USAGE);
    assert_eq!(code(&["--format", "sarif"]), exit::USAGE);
    assert_eq!(code(&["--help"]), exit::PASS);
}

#[test]
fn report_files_are_written_on_every_path_and_their_ending_picks_the_form() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("r.json");
    let markdown = folder.path().join("r.md");
    let paths = [
        "--report",
        json.to_str().unwrap(),
        "--report",
        markdown.to_str().unwrap(),
    ];
    assert_eq!(
        code(&[&paths[..], &["--answer", "fail"]].concat()),
        exit::FAIL
    );
    let report = Report::parse(&fs_err::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(
        (report.tool.as_str(), report.verdict),
        ("echo-tool", Verdict::Fail)
    );
    assert!(
        fs_err::read_to_string(&markdown)
            .unwrap()
            .starts_with("### ❌ echo-tool")
    );
    assert_eq!(
        code(&[&paths[..], &["--answer", "x"]].concat()),
        exit::ERROR
    );
    let report = Report::parse(&fs_err::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report.verdict, Verdict::Error);
    let unknown = folder.path().join("r.exe");
    assert_eq!(code(&["--report", unknown.to_str().unwrap()]), exit::USAGE);
}

#[test]
fn a_report_that_cannot_be_written_opens_no_gate() {
    assert_eq!(code(&["--report", "/nonexistent/r.json"]), exit::ERROR);
}

#[test]
fn every_tool_prints_completions_man_page_and_schemas() {
    for line in [
        &["completions", "bash"][..],
        &["completions", "zsh"],
        &["man"],
        &["config", "schema"],
        &["config", "schema", "--of-report"],
        &["config", "show"],
    ] {
        assert_eq!(code(line), exit::PASS, "{line:?}");
    }
    assert_eq!(code(&["config"]), exit::USAGE);
}

#[test]
fn the_command_line_is_consistent() {
    generate::command::<Echo>().debug_assert();
    let help = Echo::command().render_long_help().to_string();
    for flag in [
        "--format",
        "--report",
        "--config",
        "--no-ci",
        "--quiet",
        "--verbose",
        "--color",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn json_is_recognised_in_a_command_line_that_cannot_be_parsed() {
    let line = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
    assert!(output::asks_for_json(&line("t -o json --nope")));
    assert!(output::asks_for_json(&line("t --format=json")));
    assert!(!output::asks_for_json(&line("t json -o human")));
}
