//! The contract that every tool keeps, shown on a real process.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use autoscaleops_core::{
    Report, Verdict,
    process::{Output, Run},
};
use serde_json::Value;

fn tool() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/echo-tool")
}

/// Runs the tool with nothing in its environment but `PATH` and what `environment` names.
fn echo(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut run = Run::new(tool())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .cwd(std::env::temp_dir())
        .timeout(Duration::from_secs(60))
        .args(args);
    for (name, value) in environment {
        run = run.env(name, value);
    }
    run.capture().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn standard_output_carries_the_answer_and_nothing_else() {
    let output = echo(&["--answer", "fail", "-o", "json", "-vv"], &[]);
    assert_eq!(output.status.code(), Some(10));
    assert_eq!(output.text().lines().count(), 1);
    let report = Report::parse(&output.text()).unwrap();
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.subject.unwrap().name, "fail");
    assert!(stderr(&output).contains("listening"));
}

#[test]
fn quiet_leaves_out_notes_and_no_terminal_means_no_colour() {
    let output = echo(&["--quiet"], &[]);
    assert_eq!(stderr(&output), "");
    assert!(!output.text().contains('\u{1b}'), "{}", output.text());
    let painted = echo(&["--color", "always"], &[]);
    assert!(painted.text().contains('\u{1b}'));
}

#[test]
fn an_error_is_one_line_with_its_remedy_and_a_report_as_well() {
    let output = echo(&["--answer", "refuse", "-o", "json"], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).ends_with("error: the registry refuses\n  try:   docker login\n"),
        "{}",
        stderr(&output)
    );
    let error = Report::parse(&output.text()).unwrap().error.unwrap();
    assert_eq!((error.kind.as_str(), error.code), ("registry", 3));
}

#[test]
fn a_command_line_that_cannot_be_parsed_gives_a_report_too() {
    let output = echo(&["--nonsense", "-o", "json"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let report = Report::parse(&output.text()).unwrap();
    assert_eq!(report.verdict, Verdict::Error);
    assert!(report.summary.contains("--nonsense"), "{}", report.summary);
}

#[test]
fn a_reader_that_leaves_early_does_not_change_the_code() {
    let script = format!(
        "{} --answer many -o json | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}",
        tool().display()
    );
    let output = Run::new("bash").args(["-c", &script]).capture().unwrap();
    assert_eq!(output.text(), "10", "{}", stderr(&output));
    assert!(!stderr(&output).contains("panic") && !stderr(&output).contains("Broken pipe"));
}

#[test]
fn every_answer_of_many_is_a_line() {
    let output = echo(&["--answer", "many", "-o", "json", "-q"], &[]);
    let text = output.text();
    assert_eq!(text.lines().count(), 10_000);
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["details"]["lines"], 9_999);
}

#[test]
fn a_signal_ends_the_tool_and_its_children_with_the_signals_code() {
    for (answer, signal, code) in [
        ("wait", "TERM", 143),
        ("wait", "INT", 130),
        ("child", "TERM", 143),
    ] {
        let mut running = Run::new(tool())
            .args(["--answer", answer])
            .streams(Stdio::null(), Stdio::null(), Stdio::piped())
            .start()
            .unwrap();
        let mut said = String::new();
        let mut notes = BufReader::new(running.child().stderr.take().unwrap());
        while !said.contains("listening") {
            assert_ne!(notes.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let pid = running.id().to_string();
        let begun = std::time::Instant::now();
        let children = loop {
            let found = Run::new("pgrep").args(["-P", &pid]).capture().unwrap();
            let is_late = begun.elapsed() > Duration::from_secs(20);
            if answer != "child" || !found.text().is_empty() || is_late {
                break found.text();
            }
        };
        Run::new("kill")
            .args([&format!("-{signal}"), &pid])
            .capture()
            .unwrap()
            .check()
            .unwrap();
        let status = running.wait(Duration::from_secs(20)).unwrap();
        assert_eq!(status.code(), Some(code), "{answer} {signal}");
        assert_eq!(answer == "child", !children.is_empty());
        for child in children.lines() {
            assert!(
                !Path::new("/proc").join(child).exists(),
                "{child} still runs"
            );
        }
    }
}

#[test]
fn github_hears_outputs_summary_and_annotations_and_standard_output_stays_clean() {
    let folder = tempfile::tempdir().unwrap();
    let (output, summary) = (folder.path().join("output"), folder.path().join("summary"));
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    let run = echo(&["--answer", "fail", "-o", "json"], &environment);
    assert!(Report::parse(&run.text()).is_ok());
    assert!(
        stderr(&run).contains("::error title=echo::::add-mask::x%0Asecond line"),
        "{}",
        stderr(&run)
    );
    assert!(
        !stderr(&run)
            .lines()
            .any(|it| it.starts_with("::add-mask::"))
    );
    let outputs = std::fs::read_to_string(&output).unwrap();
    assert!(outputs.starts_with("heard<<end_"), "{outputs}");
    assert!(
        std::fs::read_to_string(&summary)
            .unwrap()
            .contains("echo-tool: fail")
    );
    // An error is told as well, and old outputs stay.
    echo(&["--answer", "refuse"], &environment);
    let later = std::fs::read_to_string(&output).unwrap();
    assert!(later.starts_with(&outputs) && later.contains("error_kind<<"));
}

/// Whether the runner takes a line for a command: `ActionCommand.cs` of actions/runner.
fn is_command(line: &str) -> bool {
    let new = line.trim_start().strip_prefix("::");
    let old = line.find("##[").map(|at| &line[at..]);
    new.is_some_and(|it| it.contains("::")) || old.is_some_and(|it| it.contains(']'))
}

#[test]
fn no_text_from_outside_is_a_command_to_the_runner() {
    let runner = [("GITHUB_ACTIONS", "true")];
    for more in [&["-v"][..], &["-o", "json", "-v"], &["--no-ci", "-v"]] {
        let run = echo(&[&["--answer", "evil"], more].concat(), &runner);
        assert_eq!(run.status.code(), Some(10));
        let all = format!("{}\n{}", run.text(), stderr(&run));
        let heard: Vec<&str> = all.lines().filter(|it| is_command(it)).collect();
        // Ours alone, in the new form, which the runner reads before the old one.
        let annotations = usize::from(more[0] != "--no-ci");
        assert_eq!(heard.len(), annotations, "{all}");
        assert!(heard.iter().all(|it| it.starts_with("::error title=")));
    }
    let json = echo(&["--answer", "evil", "-o", "json"], &runner).text();
    let report = Report::parse(&json).unwrap();
    assert_eq!(report.summary, "##[set-output name=heard]no ::error::c");
    // Where no runner listens, nothing is changed.
    let plain = echo(&["--answer", "evil"], &[]);
    assert!(plain.text().contains("##[set-output name=heard]no"));
    let asked = echo(&["--no-ci", "##[set-output name=heard]no"], &runner);
    assert!(
        !stderr(&asked).lines().any(is_command),
        "{}",
        stderr(&asked)
    );
}

#[test]
fn a_wrong_command_line_is_told_to_all_who_wait_for_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (output, json, markdown) = (path("output"), path("old.json"), path("old.md"));
    std::fs::write(&json, r#"{"verdict":"pass"}"#).unwrap();
    let runner = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", output.as_str()),
    ];
    let second = format!("--report={markdown}");
    let run = echo(&["--report", &json, &second, "--nonsense"], &runner);
    assert_eq!(run.status.code(), Some(2));
    assert!(stderr(&run).contains("::error title=echo-tool::"));
    let outputs = std::fs::read_to_string(&output).unwrap();
    assert!(outputs.contains("result<<") && outputs.contains("error_kind<<"));
    let report = Report::parse(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report.verdict, Verdict::Error);
    assert!(
        std::fs::read_to_string(&markdown)
            .unwrap()
            .contains("error")
    );
    // No file is taken for one that was asked for.
    let run = echo(&["--nonsense", "--report", "--quiet", "--report"], &[]);
    assert_eq!(run.status.code(), Some(2));
    assert!(!folder.path().join("--quiet").exists());
}

#[test]
fn a_misspelt_variable_is_refused() {
    let run = echo(&[], &[("AUTOSCALEOPS_ECHO_TOOL_ANSWR", "fail")]);
    assert_eq!(run.status.code(), Some(2));
    assert!(stderr(&run).contains("did you mean AUTOSCALEOPS_ECHO_TOOL_ANSWER?"));
}

#[test]
fn the_completions_complete_and_the_man_page_has_every_command() {
    let script = format!(
        "source <({} completions bash)\n\
         COMP_WORDS=(echo-tool config schema --of) COMP_CWORD=3\n\
         _echo__tool echo-tool --of schema\n\
         echo \"${{COMPREPLY[*]}}\"",
        tool().display()
    );
    let completed = Run::new("bash").args(["-c", &script]).capture().unwrap();
    assert_eq!(completed.text(), "--of-report", "{}", stderr(&completed));
    let page = echo(&["man"], &[]).text();
    for words in [
        ".SH \"ECHO-TOOL CONFIG SCHEMA\"",
        "of\\-report",
        ".SH EXAMPLES",
    ] {
        assert!(page.contains(words), "{words} is not in:\n{page}");
    }
    if autoscaleops_testkit::peer("man").is_some() {
        let read = Run::new("man")
            .args(["--warnings", "--local-file", "-"])
            .stdin(page)
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8")
            .capture()
            .unwrap();
        assert_eq!(stderr(&read), "");
        assert!(
            read.text().contains("ECHO-TOOL CONFIG SCHEMA"),
            "{}",
            read.text()
        );
    }
}

#[test]
fn the_schemas_are_of_the_configuration_and_of_the_report() {
    let read = |args: &[&str]| -> Value { serde_json::from_str(&echo(args, &[]).text()).unwrap() };
    let configuration = read(&["config", "schema"]);
    assert_eq!(
        configuration["properties"]["echo-tool"]["properties"]["answer"]["default"],
        "pass"
    );
    let report = read(&["config", "schema", "--of-report"]);
    let details = &report["properties"]["details"]["anyOf"];
    assert!(details[0]["properties"]["lines"].is_object());
}

#[test]
fn no_ci_turns_the_integration_off() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
    ];
    let run = echo(&["--no-ci", "--answer", "fail"], &environment);
    assert!(!output.exists() && !stderr(&run).contains("::error"));
}

#[test]
fn the_configuration_is_layered_and_shown_with_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("autoscaleops.yaml");
    std::fs::write(&file, "trivy-gate: {}\n").unwrap();
    let config = [("AUTOSCALEOPS_CONFIG", file.to_str().unwrap())];
    assert_eq!(echo(&[], &config).status.code(), Some(0));
    let environment = [config[0], ("AUTOSCALEOPS_ECHO_TOOL_ANSWER", "undecided")];
    assert_eq!(echo(&[], &environment).status.code(), Some(11));
    assert_eq!(
        echo(&["--answer", "fail"], &environment).status.code(),
        Some(10)
    );
    let shown = echo(&["config", "show"], &environment).text();
    assert!(
        shown.contains("answer: \"undecided\"  # environment AUTOSCALEOPS_ECHO_TOOL_ANSWER"),
        "{shown}"
    );
}

#[test]
fn the_nearest_file_upward_is_the_one_that_counts() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(folder.path().join("autoscaleops.yaml"), "nonsense: {}\n").unwrap();
    let run = || {
        let output = Run::new(tool()).env_clear().cwd(&below).capture().unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, said) = run();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("unknown key `nonsense`"), "{said}");
    std::fs::write(folder.path().join("a/autoscaleops.yaml"), "kind-up: {}\n").unwrap();
    assert_eq!(run().0, Some(0));
}

#[test]
fn a_wrong_configuration_names_file_line_column_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("autoscaleops.yaml");
    std::fs::write(&file, "# tools\ntrivy-gte: {}\n").unwrap();
    let run = echo(&["--config", file.to_str().unwrap()], &[]);
    assert_eq!(run.status.code(), Some(2));
    let said = stderr(&run);
    assert!(
        said.contains("autoscaleops.yaml:2:1: unknown key `trivy-gte`"),
        "{said}"
    );
    assert!(said.contains("did you mean `trivy-gate`?"), "{said}");
}

#[test]
fn the_version_names_the_commit_or_says_that_it_is_of_none() {
    let version = echo(&["--version"], &[]).text();
    let mark = format!("echo-tool {} (", env!("CARGO_PKG_VERSION"));
    let origin = version
        .strip_prefix(&mark)
        .and_then(|it| it.strip_suffix(')'))
        .unwrap_or_else(|| panic!("{version}"));
    let is_commit = origin.len() >= 12 && origin.bytes().all(|it| it.is_ascii_hexdigit());
    // Tests are of no release, unless a release tests itself.
    assert!(
        is_commit || origin == "development build" || origin == "unknown",
        "{version}"
    );
}

#[test]
fn a_secret_is_in_no_stream() {
    let run = echo(&["-vvv"], &[("ECHO_TOKEN", "hunter2")]);
    assert!(stderr(&run).contains("token=Some(***)"), "{}", stderr(&run));
    assert!(!stderr(&run).contains("hunter2") && !run.text().contains("hunter2"));
}

/// The commands that mask something, in the order in which they were written.
fn masks(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|it| it.starts_with("::add-mask::"))
        .collect()
}

#[test]
fn github_is_told_to_mask_each_secret_once_and_not_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "-----BEGIN KEY-----\nMIIEvQIBADAN\n=\n").unwrap();
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("ECHO_TOKEN", "100%hunter2"),
        ("ECHO_KEY_FILE", key.to_str().unwrap()),
    ];
    let run = echo(&["-o", "json", "-vvv"], &environment);
    assert!(Report::parse(&run.text()).is_ok(), "{}", run.text());
    let said = stderr(&run);
    assert_eq!(
        masks(&said),
        [
            "::add-mask::100%25hunter2",
            "::add-mask::-----BEGIN KEY-----%0AMIIEvQIBADAN%0A=",
            "::add-mask::-----BEGIN KEY-----",
            "::add-mask::MIIEvQIBADAN",
        ]
    );
    for line in said.lines().filter(|it| !it.starts_with("::add-mask::")) {
        assert!(
            !line.contains("hunter2") && !line.contains("MIIEvQ"),
            "{line}"
        );
    }
    assert_eq!(masks(&stderr(&echo(&["--no-ci"], &environment))), [""; 0]);
    assert_eq!(masks(&stderr(&echo(&[], &environment[1..]))), [""; 0]);
}

#[test]
fn a_mask_is_written_where_the_runner_reads_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let run = |line: &str| {
        let output = Run::new("bash")
            .args(["-c", line])
            .env("ECHO", tool())
            .env("LOG", &file)
            .env("GITHUB_ACTIONS", "true")
            .env("ECHO_TOKEN", "hunter2")
            .env("TERM", "xterm")
            .cwd(folder.path())
            .timeout(Duration::from_secs(60))
            .capture()
            .unwrap();
        format!("{}{}", output.text(), stderr(&output))
    };
    // A file may be kept, and a person reads a terminal.
    assert!(!run("$ECHO 2>$LOG").contains("hunter2"));
    let logged = std::fs::read_to_string(&file).unwrap();
    assert!(
        logged.contains("listening") && !logged.contains("hunter2"),
        "{logged}"
    );
    if autoscaleops_testkit::peer("script").is_some() {
        let seen = run("script --quiet --return --command $ECHO /dev/null");
        assert!(
            seen.contains("listening") && !seen.contains("hunter2"),
            "{seen}"
        );
    }
    assert!(run("$ECHO 2>&1 | cat").contains("::add-mask::hunter2"));
}

#[test]
fn colours_are_for_a_terminal_whose_user_wants_them() {
    if autoscaleops_testkit::peer("script").is_none() {
        return;
    }
    let on_terminal = |environment: &[(&str, &str)], flags: &str| {
        let command = format!("{} --no-ci {flags}", tool().display());
        let mut run = Run::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm")
            .timeout(Duration::from_secs(60));
        for (name, value) in environment {
            run = run.env(name, value);
        }
        run.capture().unwrap().text().contains('\u{1b}')
    };
    assert!(on_terminal(&[], ""));
    assert!(!on_terminal(&[("NO_COLOR", "1")], ""));
    assert!(!on_terminal(&[], "--color never"));
    assert!(on_terminal(&[("NO_COLOR", "1")], "--color always"));
}

/// A server that answers each request with `words`. Returns its address.
#[cfg(feature = "http")]
fn speaks(words: &'static str) -> String {
    use std::io::Write as _;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream);
            let mut first = String::new();
            let _ = reader.read_line(&mut first);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|it| it > 2) {
                line.clear();
            }
            let body = format!("{words} {}", first.trim_end());
            let _ = write!(
                reader.get_mut(),
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[cfg(feature = "http")]
#[test]
fn the_proxy_of_the_environment_is_used_and_the_exceptions_are_not() {
    let (proxy, server) = (speaks("proxy"), speaks("server"));
    let fetch = |url: &str, more: &[(&str, &str)]| {
        let environment = [&[("ECHO_URL", url)], more].concat();
        let output = echo(&["--answer", "fetch", "-o", "json"], &environment);
        Report::parse(&output.text()).unwrap().summary
    };
    // A name that only a proxy could reach.
    let far = "http://registry.invalid/v2/";
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        assert_eq!(
            fetch(far, &[(name, &proxy)]),
            "proxy GET http://registry.invalid/v2/ HTTP/1.1",
            "{name}"
        );
    }
    let near = format!("{server}/v2/");
    assert_eq!(fetch(&near, &[]), "server GET /v2/ HTTP/1.1");
    assert_eq!(
        fetch(&near, &[("HTTP_PROXY", &proxy)]),
        format!("proxy GET {near} HTTP/1.1")
    );
    for exception in ["127.0.0.1", "127.0.0.0/8", "*"] {
        assert_eq!(
            fetch(&near, &[("HTTP_PROXY", &proxy), ("NO_PROXY", exception)]),
            "server GET /v2/ HTTP/1.1",
            "{exception}"
        );
    }
}
