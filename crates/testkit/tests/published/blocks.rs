//! Runs the blocks of the documents that are marked with `<!-- run -->` on the line above them, in a
//! folder that holds what they name, and compares what a `console` block shows.
//!
//! In what is shown, a line `…` stands for any lines, and a `…` that ends a line for the rest of it.

use std::{fs, path::Path};

use autoscaleops_testkit::{Remote, built, command, home, root};
use tempfile::TempDir;

use super::{TOOLS, documents, shown};

const VALUES: &str = "image:\n  repository: ghcr.io/acme/shop\n  tag: \"v1\"         # bumped here only\n\nhpa:\n  maxReplicas: 3\n";
const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: shop, namespace: dev}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n  minReplicas: 1\n  maxReplicas: 3\n  metrics:\n    - type: Resource\n      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}\n  behavior:\n    scaleDown: {stabilizationWindowSeconds: 60}\n";

#[test]
fn marked_blocks_do_what_the_documents_say() {
    let Some(program) = TOOLS.into_iter().map(built).collect::<Option<Vec<_>>>() else {
        return;
    };
    let programs = program[0].parent().unwrap().to_owned();
    let mut blocks = 0;
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if *line != "<!-- run -->" {
                continue;
            }
            let language = lines[at + 1].trim_start_matches('`');
            let body: Vec<&str> = lines[at + 2..]
                .iter()
                .take_while(|it| **it != "```")
                .copied()
                .collect();
            let world = world();
            blocks += 1;
            let problem = match language {
                "console" => console(&programs, world.path(), &body),
                "sh" => script(&programs, world.path(), &body),
                other => Some(format!("a block of `{other}` cannot be run")),
            };
            if let Some(problem) = problem {
                wrong.push(format!("{}:{}: {problem}", shown(&document), at + 2));
            }
        }
    }
    assert_eq!(wrong.join("\n\n"), "");
    assert!(blocks >= 4, "only {blocks} blocks are marked");
}

/// A checkout with what the documents name.
fn world() -> TempDir {
    let remote = Remote::new(&[
        ("dev/values.yaml", VALUES),
        ("values.yaml", VALUES),
        ("hpa.yaml", HPA),
    ]);
    let folder = remote.clone_with(&[]);
    for (name, report) in [("scan.json", "vulnerable"), ("report.json", "clean")] {
        let from = root().join(format!("scripts/demo/{report}.trivy.json"));
        fs::copy(from, folder.path().join(name)).unwrap();
    }
    folder
}

fn shell(programs: &Path, folder: &Path, text: &str) -> (bool, String) {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let output = command(Path::new("/bin/bash"))
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", home())
        .env("COLUMNS", "100")
        .args(["-uo", "pipefail", "-c", &format!("{{ {text}\n}} 2>&1")])
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn script(programs: &Path, folder: &Path, body: &[&str]) -> Option<String> {
    let (is_done, said) = shell(programs, folder, &body.join("\n"));
    (!is_done).then(|| format!("the block fails:\n{said}"))
}

fn console(programs: &Path, folder: &Path, body: &[&str]) -> Option<String> {
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        let Some(line) = first.strip_prefix("$ ") else {
            return Some(format!("`{first}` belongs to no command"));
        };
        let count = after.iter().take_while(|it| !it.starts_with("$ ")).count();
        let (wanted, further) = after.split_at(count);
        let (is_done, said) = shell(programs, folder, line);
        let said: Vec<&str> = said
            .lines()
            .map(str::trim_end)
            .filter(|it| !it.is_empty())
            .collect();
        let wanted: Vec<&str> = wanted
            .iter()
            .map(|it| it.trim_end())
            .filter(|it| !it.is_empty())
            .collect();
        if wanted.is_empty() && is_done {
            rest = further;
            continue;
        }
        if !fits(&said, &wanted) {
            return Some(format!(
                "`{line}` says:\n{}\nand not:\n{}",
                said.join("\n"),
                wanted.join("\n")
            ));
        }
        rest = further;
    }
    None
}

/// Whether what was said is what is shown.
fn fits(said: &[&str], shown: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=said.len()).any(|from| fits(&said[from..], rest))
        }
        Some((first, rest)) => said.split_first().is_some_and(|(line, others)| {
            let is_same = line == first
                || first
                    .strip_suffix('…')
                    .is_some_and(|it| line.starts_with(it));
            is_same && fits(others, rest)
        }),
    }
}

#[test]
fn dots_stand_for_what_is_left_out() {
    assert!(fits(&["a", "b", "c d"], &["a", "…", "c…"]));
    assert!(fits(&["a"], &["a", "…"]));
    assert!(!fits(&["a", "b"], &["a"]));
    assert!(!fits(&["a"], &["b…"]));
}
