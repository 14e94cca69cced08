//! Runs the blocks of the documents that are marked with `<!-- run -->` on the line above them, in a
//! folder that holds what they name, and compares what a `console` block shows.
//!
//! In what is shown, a line `…` stands for any lines, and a `…` that ends a line for the rest of it.

use std::{fs, path::Path, thread};

use autoscaleops_testkit::{Registry, Remote, built, command, root};
use tempfile::TempDir;

use super::{TOOLS, documents, shown};

/// What the documents name: files of a checkout, by the path that they have there.
const FILES: [(&str, &str); 7] = [
    ("dev/values.yaml", VALUES),
    ("prod/values.yaml", VALUES),
    ("values.yaml", VALUES),
    ("charts/demo-app/values-prod.yaml", RELEASED),
    ("hpa.yaml", HPA),
    (
        "script.js",
        "import { check } from 'k6';\nexport default () => check(1, { 'one is one': (it) => it === 1 });\n",
    ),
    (
        "wrong.yaml",
        "trivy-gate:\n  severities: [HIGH]\n  max_critcal: 2\n",
    ),
];
const VALUES: &str = "image:\n  repository: ghcr.io/acme/shop\n  tag: \"v1\"         # bumped here only\n\nhpa:\n  maxReplicas: 3\n";
const RELEASED: &str = "image:\n  repository: ghcr.io/acme/shop\n  tag: \"1.2.3\"\n";
const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: shop, namespace: dev}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n  minReplicas: 1\n  maxReplicas: 3\n  metrics:\n    - type: Resource\n      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}\n  behavior:\n    scaleDown: {stabilizationWindowSeconds: 60}\n";

/// Results to compare, for the blocks that do.
const RESULTS: &str = "mkdir runs-of-main runs-of-branch
k6-run script.js -o json --report base.json --report runs-of-main/1.json
k6-run script.js -o json --report head.json --report runs-of-branch/1.json";

#[test]
fn marked_blocks_do_what_the_documents_say() {
    let Some(program) = TOOLS.into_iter().map(built).collect::<Option<Vec<_>>>() else {
        return;
    };
    let programs = program[0].parent().unwrap().to_owned();
    let documents: Vec<(String, String)> = documents()
        .iter()
        .map(|it| (shown(it), fs::read_to_string(it).unwrap()))
        .collect();
    let blocks: Vec<_> = documents
        .iter()
        .flat_map(|(name, text)| marked(name, text))
        .collect();
    // Each in a world of its own, and most of their time is waiting.
    let problems: Vec<Option<String>> = thread::scope(|scope| {
        let running: Vec<_> = blocks
            .iter()
            .map(|block| scope.spawn(|| block.run(&programs)))
            .collect();
        running.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let wrong: Vec<String> = problems.into_iter().flatten().collect();
    assert_eq!(wrong.join("\n\n"), "");
    assert!(
        blocks.len() >= 12,
        "only {} blocks are marked",
        blocks.len()
    );
}

/// A block that is to be run.
struct Block<'a> {
    place: String,
    language: &'a str,
    body: Vec<&'a str>,
}

/// The marked blocks of a document.
fn marked<'a>(name: &str, text: &'a str) -> Vec<Block<'a>> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines
        .iter()
        .enumerate()
        .filter(|(_, it)| **it == "<!-- run -->");
    starts
        .map(|(at, _)| Block {
            place: format!("{name}:{}", at + 2),
            language: lines[at + 1].trim_start_matches('`'),
            body: lines[at + 2..]
                .iter()
                .take_while(|it| **it != "```")
                .copied()
                .collect(),
        })
        .collect()
}

impl Block<'_> {
    /// Says what is not as it is written.
    fn run(&self, programs: &Path) -> Option<String> {
        let world = World::new();
        if self.body.iter().any(|it| it.contains("base.json")) {
            shell(programs, world.path(), RESULTS);
        }
        let problem = match self.language {
            "console" => console(programs, world.path(), &self.body),
            "sh" => script(programs, world.path(), &self.body),
            other => Some(format!("a block of `{other}` cannot be run")),
        };
        problem.map(|it| format!("{}: {it}", self.place))
    }
}

/// A checkout with what the documents name, its remote, and a registry with the tags of a shop.
struct World {
    folder: TempDir,
    _remote: Remote,
    _registry: Registry,
}

impl World {
    fn new() -> Self {
        let remote = Remote::new(&FILES);
        let folder = remote.clone_with(&[]);
        let path = folder.path();
        let copies = [
            ("scan.json", "scripts/demo/vulnerable.trivy.json"),
            ("report.json", "scripts/demo/clean.trivy.json"),
            ("main.json", "scripts/demo/clean.trivy.json"),
            ("scaling.jsonl", "docs/scaling.jsonl"),
        ];
        for (name, from) in copies {
            fs::copy(root().join(from), path.join(name)).unwrap();
        }
        // The whole repository is where a reader stands who copies a command that names a part of it.
        for name in ["scripts", "docs"] {
            std::os::unix::fs::symlink(root().join(name), path.join(name)).unwrap();
        }
        // Within the 90 days that a waiver may last.
        let end = jiff::Zoned::now()
            .date()
            .saturating_add(jiff::Span::new().days(60));
        let waiver = |id: &str| {
            format!(
                "  - id: {id}\n    reason: it is not reached\n    owner: team-shop\n    expires: {end}\n    package: openssl\n"
            )
        };
        let waivers = format!(
            "waivers:\n{}{}",
            waiver("CVE-2024-5535"),
            waiver("CVE-2020-0001")
        );
        fs::write(path.join("waivers.yaml"), waivers).unwrap();
        let registry = Registry::start();
        for tag in ["1.2.2", "1.2.3", "1.2.4"] {
            registry.add("acme/shop", tag, "2026-01-01T00:00:00Z");
        }
        let settings = format!(
            "image-watch:\n  images:\n    - name: shop-prod\n      image: {}/acme/shop\n      constraint: \">=1.0, <2\"\n      \
             target: {{file: charts/demo-app/values-prod.yaml, path: image.tag}}\n",
            registry.address()
        );
        fs::write(path.join("autoscaleops.yaml"), settings).unwrap();
        // The address that the documents write to is the remote.
        let remote_path = remote.path().display().to_string();
        let config = format!(
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[url \"file://{remote_path}\"]\n\tinsteadOf = https://github.com/acme/config.git\n"
        );
        fs::write(path.join(".gitconfig"), config).unwrap();
        Self {
            folder,
            _remote: remote,
            _registry: registry,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn shell(programs: &Path, folder: &Path, text: &str) -> (bool, String) {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let output = command(Path::new("/bin/bash"))
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", folder)
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
