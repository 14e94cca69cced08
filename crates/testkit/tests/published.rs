//! What is published in docs/ says what the programs do: exit codes, schemas, links, commands.
//!
//! `SNAPSHOTS=overwrite cargo test --workspace --test published` writes the schemas anew.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use autoscaleops_core::exit;
use autoscaleops_testkit::{built, command, root};
use regex::Regex;
use serde_json::{Map, Value, json};

#[path = "published/blocks.rs"]
mod blocks;
#[path = "published/shells.rs"]
mod shells;

const TOOLS: [&str; 6] = [
    "kind-up",
    "trivy-gate",
    "tag-bump",
    "image-watch",
    "hpa-watch",
    "k6-run",
];

#[test]
fn the_table_of_exit_codes_is_the_one_in_core() {
    let text = fs::read_to_string(root().join("docs/exit-codes.md")).unwrap();
    let rows: Vec<(u8, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            Some((cells.next()?.parse().ok()?, cells.next()?))
        })
        .collect();
    assert_eq!(rows, exit::ALL);
}

#[test]
fn the_published_schemas_are_those_of_the_programs() {
    let mut sections = Map::new();
    for tool in TOOLS {
        let Some(program) = built(tool) else {
            continue;
        };
        for (file, arguments) in [
            (format!("{tool}.config.json"), &["config", "schema"][..]),
            (
                format!("{tool}.report.json"),
                &["config", "schema", "--of-report"][..],
            ),
        ] {
            let output = command(&program).args(arguments).output().unwrap();
            assert!(
                output.status.success(),
                "{tool} {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
            if arguments == ["config", "schema"] {
                sections.insert(tool.to_owned(), schema["properties"][tool].clone());
            }
            publish(&file, &schema);
        }
    }
    // What an editor reads for the whole file.
    if sections.len() == TOOLS.len() {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "autoscaleops.yaml",
            "type": "object",
            "properties": sections,
            "additionalProperties": false,
        });
        publish("autoscaleops.schema.json", &whole);
    }
}

/// Compares a schema with the published one, or writes it.
fn publish(file: &str, schema: &Value) {
    assert!(schema.is_object(), "{file} is no schema");
    let path = root().join("docs/schemas").join(file);
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch of snapbox, for our own snapshots"
    )]
    let overwrite = env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite");
    if overwrite {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).is_ok_and(|published| published == text),
        "docs/schemas/{file} is not what the program prints; write it anew with \
         SNAPSHOTS=overwrite cargo test --workspace --test published"
    );
}

#[test]
fn a_tools_help_has_examples_and_its_version_a_commit() {
    let form = Regex::new(r"^[a-z0-9-]+ \d+\.\d+\.\d+ \(.+\)\n$").unwrap();
    for tool in TOOLS {
        let Some(program) = built(tool) else { continue };
        let help = command(&program).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(
            help.contains("Examples:"),
            "{tool} --help shows no example:\n{help}"
        );
        for flag in [
            "--format",
            "--report",
            "--config",
            "--no-ci",
            "--quiet",
            "--verbose",
            "--color",
        ] {
            assert!(help.contains(flag), "{tool} --help lacks {flag}");
        }
        let version = command(&program).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        assert!(
            form.is_match(&version) && version.starts_with(tool),
            "{version:?}"
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for found in link.captures_iter(&text) {
            let target = found[1].split('#').next().unwrap().to_owned();
            let outside =
                target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !document.parent().unwrap().join(&target).exists() {
                broken.push(format!("{}: {target}", shown(&document)));
            }
            let Some((file, anchor)) = found[1].split_once('#') else {
                continue;
            };
            let page = match file {
                "" => document.clone(),
                _ => document.parent().unwrap().join(file),
            };
            let is_there = || anchors(&fs::read_to_string(&page).unwrap()).any(|it| it == anchor);
            if !file.contains("://") && page.is_file() && !is_there() {
                broken.push(format!("{}: {}", shown(&document), &found[1]));
            }
        }
    }
    assert_eq!(broken.join("\n"), "");
}

/// What GitHub makes of the headings of a page.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|it| it.starts_with('#'));
    headings.map(|it| {
        let kept = it.trim_start_matches('#').trim().to_lowercase();
        let kept = kept
            .chars()
            .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    })
}

#[test]
fn files_and_tests_that_the_documents_name_are_there() {
    let path = Regex::new(r"`((?:\.github|argocd|charts|crates|docs|scripts|platform)/[^`\s*…]*)")
        .unwrap();
    let function = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`").unwrap();
    let mut code = String::new();
    for file in walk(&root().join("crates"), "rs") {
        code.push_str(&fs::read_to_string(file).unwrap());
    }
    let mut absent = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for found in path.captures_iter(&text) {
            // Said as it would be wrong.
            let is_wrong = found[1].starts_with("charts/demo-app/charts/");
            let within = found[1].replacen("platform/", "crates/testkit/tests/platform/", 1);
            if !is_wrong && !root().join(&within).exists() && !root().join(&found[1]).exists() {
                absent.push(format!("{}: {}", shown(&document), &found[1]));
            }
        }
        for found in function.captures_iter(&text) {
            let is_metric = found[1].starts_with("image_watch_");
            if !is_metric && !code.contains(&format!("fn {}(", &found[1])) {
                absent.push(format!("{}: fn {}", shown(&document), &found[1]));
            }
        }
    }
    assert_eq!(absent.join("\n"), "");
}

#[test]
fn commands_in_the_documents_parse() {
    let mut wrong = Vec::new();
    let mut texts: Vec<(String, Vec<String>)> = documents()
        .iter()
        .map(|it| (shown(it), shell_lines(&fs::read_to_string(it).unwrap())))
        .map(|(place, lines)| {
            let parts = lines
                .iter()
                .flat_map(|it| it.split(" | "))
                .map(|it| it.trim_start().to_owned());
            (place, parts.collect())
        })
        .collect();
    for tool in TOOLS {
        let Some(program) = built(tool) else { return };
        let output = command(&program)
            .env("COLUMNS", "200")
            .arg("--help")
            .output()
            .unwrap();
        let examples = examples(&String::from_utf8(output.stdout).unwrap());
        assert!(examples.len() > 3, "{tool}: {examples:?}");
        texts.push((format!("{tool} --help"), examples));
    }
    for (place, lines) in &texts {
        for line in lines {
            let Some((tool, arguments)) = our_command(line) else {
                continue;
            };
            let Some(program) = built(tool) else { continue };
            let help = help_for(&program, &arguments);
            for flag in arguments
                .iter()
                .filter(|argument| argument.starts_with("--"))
            {
                let flag = flag.split('=').next().unwrap();
                if flag != "--" && !help.contains(flag) {
                    wrong.push(format!("{place}: `{line}`: no {flag}"));
                }
            }
        }
    }
    assert_eq!(wrong.join("\n"), "");
}

/// The command lines under "Examples:", each without the words that explain it.
fn examples(help: &str) -> Vec<String> {
    let (_, after) = help.split_once("Examples:\n").unwrap_or_default();
    let lines = after.lines().take_while(|it| it.starts_with("  "));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    text.lines()
        .flat_map(|it| it.trim_start().split("   ").take(1))
        .flat_map(|it| it.split(" | "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_chart_is_what_hpa_watch_draws_of_the_recording_beside_it() {
    let Some(program) = built("hpa-watch") else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    let drawn = folder.path().join("scaling.svg");
    command(program)
        .arg("report")
        .arg(root().join("docs/scaling.jsonl"))
        .arg("--svg")
        .arg(&drawn)
        .assert()
        .success();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(
        fs::read_to_string(drawn).unwrap(),
        snapbox::Data::read_from(&root().join("docs/scaling.svg"), None).raw(),
    );
}

#[test]
fn configurations_in_the_documents_are_read() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("autoscaleops.yaml");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for block in text.split("\n```yaml\n").skip(1) {
            let block = block.split("\n```").next().unwrap();
            for tool in TOOLS {
                if !format!("\n{block}").contains(&format!("\n{tool}:")) {
                    continue;
                }
                let Some(program) = built(tool) else { continue };
                seen += 1;
                fs::write(&file, block).unwrap();
                let arguments = ["config", "show", "--config"];
                let output = command(program)
                    .args(arguments)
                    .arg(&file)
                    .output()
                    .unwrap();
                if !output.status.success() {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    wrong.push(format!("{}: {said}\n{block}", shown(&document)));
                }
            }
        }
    }
    assert_eq!(wrong.join("\n"), "");
    assert!(seen >= 6, "{seen}");
}

/// The help of the tool, and of the subcommands that the first arguments name.
fn help_for(program: &Path, arguments: &[String]) -> String {
    let print = |path: &[&str]| {
        let output = command(program).args(path).arg("--help").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut path: Vec<&str> = Vec::new();
    let mut help = print(&path);
    for argument in arguments.iter().take_while(|it| !it.starts_with('-')) {
        let listed = |help: &str| {
            help.contains(&format!("\n  {argument} "))
                || help.contains(&format!("\n  {argument}\n"))
        };
        if !listed(&help) {
            break;
        }
        path.push(argument);
        help.push_str(&print(&path));
    }
    help
}

/// The lines of every ```sh and ```console block, with continued lines joined.
fn shell_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut language = None;
    for line in text.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("```") {
            language = match language {
                None => Some(rest.trim().to_owned()),
                Some(_) => None,
            };
            continue;
        }
        match language.as_deref() {
            Some("sh" | "bash") => lines.push(line.to_owned()),
            Some("console") => lines.extend(line.strip_prefix("$ ").map(str::to_owned)),
            _ => {}
        }
    }
    lines
        .join("\n")
        .replace("\\\n", " ")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The first of our tools in a command line, with its arguments up to the next pipe, sign or comment.
fn our_command(line: &str) -> Option<(&'static str, Vec<String>)> {
    let words: Vec<&str> = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .collect();
    let start = words.iter().position(|word| TOOLS.contains(word))?;
    let leads = words[..start]
        .iter()
        .all(|word| word.contains('=') || matches!(*word, "if" | "time" | "!" | "exec"));
    if !leads {
        return None;
    }
    let tool = TOOLS.into_iter().find(|tool| *tool == words[start])?;
    let arguments = words[start + 1..]
        .iter()
        .take_while(|word| !matches!(**word, "|" | "||" | "&&" | ";" | ">" | "--"))
        .map(|word| word.trim_end_matches(';').to_owned())
        .collect();
    Some((tool, arguments))
}

/// Every Markdown file that a reader may open.
fn documents() -> Vec<PathBuf> {
    let found = walk(&root(), "md");
    assert!(found.len() > 5, "{found:?}");
    found
}

/// Every file with this ending, sorted; without what is built or hidden, and without test data.
fn walk(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_left_out = name.starts_with('.')
            || matches!(name.as_str(), "target" | "fixtures" | "node_modules");
        if path.is_dir() && !is_left_out {
            found.extend(walk(&path, ending));
        } else if path.is_file() && path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}
