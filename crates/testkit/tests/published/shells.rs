//! The completions, sourced and asked in each shell, and the manual pages, read by `man`.

use std::{fs, path::Path, thread};

use autoscaleops_testkit::{built, command, home, peer, root};
use tempfile::TempDir;

use super::TOOLS;

/// What is typed behind the program's name, and what must be among what is offered.
const LINES: [(&str, &str); 4] = [
    ("--form", "--format"),
    ("-o ", "json"),
    ("config ", "schema"),
    ("config schema --of", "--of-report"),
];

/// Asks for each tool and line: `ask` gets the shell, the line and the script, and says what is offered, one a line.
fn completions(shell: &str, ask: impl Fn(&Path, &str, &Path) -> String + Sync) {
    let Some(program) = peer(shell) else { return };
    let Some(tools) = TOOLS
        .map(|it| Some((it, built(it)?)))
        .into_iter()
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let ask_all = |tool: &str, path: &Path| {
        let output = command(path).args(["completions", shell]).output().unwrap();
        let script = folder.path().join(format!("{tool}.{shell}"));
        fs::write(&script, output.stdout).unwrap();
        let own = (tool == "trivy-gate").then_some(("scan.json --ignore-u", "--ignore-unfixed"));
        let mut wrong = String::new();
        for (line, expected) in LINES.into_iter().chain(own) {
            let line = format!("{tool} {line}");
            let offered = ask(&program, &line, &script);
            if !offered.lines().any(|it| it == expected) {
                wrong.push_str(&format!("`{line}`: no {expected} in {offered:?}\n"));
            }
        }
        wrong
    };
    // A shell waits more than it works.
    let wrong: String = thread::scope(|scope| {
        let running: Vec<_> = tools
            .iter()
            .map(|(tool, path)| scope.spawn(|| ask_all(tool, path)))
            .collect();
        running.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(wrong, "");
}

fn said(shell: &Path, arguments: &[&str]) -> String {
    let output = command(shell)
        .env("HOME", home())
        .env("TERM", "dumb")
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_each_tool() {
    // What readline does: the words go into an array, and the function that is registered is called.
    let ask = r#"source "$1"
read -ra COMP_WORDS <<<"$2"
case $2 in *" ") COMP_WORDS+=("") ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p "${COMP_WORDS[0]}" | sed -E 's/.*-F ([^ ]+) .*/\1/')
"$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}""#;
    completions("bash", |shell, line, script| {
        let script = script.to_str().unwrap();
        said(shell, &["--norc", "-c", ask, "ask", script, line])
    });
}

#[test]
fn fish_completes_each_tool() {
    completions("fish", |shell, line, script| {
        let ask = format!("source {}; complete -C '{line}'", script.display());
        let offered = said(shell, &["--no-config", "-c", &ask]);
        let words = offered.lines().filter_map(|it| it.split('\t').next());
        words.collect::<Vec<_>>().join("\n")
    });
}

#[test]
fn zsh_completes_each_tool() {
    let ask = root().join("crates/testkit/tests/published/complete.zsh");
    completions("zsh", |shell, line, script| {
        let arguments = [&ask, script].map(|it| it.to_str().unwrap());
        said(shell, &["-f", arguments[0], arguments[1], line])
    });
}

#[test]
fn man_reads_each_page_and_each_has_its_subcommands() {
    let Some(man) = peer("man") else { return };
    let folder = TempDir::new().unwrap();
    for tool in TOOLS {
        let Some(program) = built(tool) else { return };
        let page = folder.path().join(format!("{tool}.1"));
        fs::write(&page, command(program).arg("man").output().unwrap().stdout).unwrap();
        let output = command(&man)
            .env("MANWIDTH", "80")
            .args(["--warnings", "--local-file"])
            .arg(&page)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{tool}");
        let text = String::from_utf8(output.stdout).unwrap();
        for words in [
            "NAME\n",
            "SYNOPSIS\n",
            "OPTIONS\n",
            "EXAMPLES\n",
            "CONFIG SCHEMA\n",
        ] {
            assert!(text.contains(words), "{tool}: no {words} in\n{text}");
        }
        let example = format!("\n         {tool} ");
        assert!(text.contains(&example), "{tool}: no example in\n{text}");
        // Laid out in full lines, with more than one space between words.
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("NAME {tool} - ")), "{text}");
    }
}
