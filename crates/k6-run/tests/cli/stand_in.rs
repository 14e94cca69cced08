//! A stand-in for k6 that writes down how it was started.

use std::{path::Path, time::Duration};

use autoscaleops_testkit::{Background, runs, tool, wait_until, write_program};

/// Says a version, keeps arguments and environment beside itself, and writes an empty summary.
const PROGRAM: &str = r#"#!/bin/sh
if [ "$1" = version ]; then echo "k6 v9.9.9"; exit 0; fi
folder=$(dirname "$0")
printf '%s\n' "$@" >"$folder/arguments"
env >"$folder/environment"
for argument in "$@"; do
    case $argument in --summary-export=*) echo '{"root_group":{},"metrics":{"iterations":{"count":1,"rate":1}}}' >"${argument#*=}" ;; esac
done
"#;

fn stand_in(folder: &Path) -> String {
    let path = folder.join("k6");
    write_program(&path, PROGRAM.as_bytes());
    path.display().to_string()
}

#[test]
fn k6_gets_what_it_needs_and_no_secret() {
    let (folder, script) = super::script(
        "import { browser } from 'k6/browser';\nexport default function () { __ENV.SHOP_TOKEN; }\n",
    );
    let program = stand_in(folder.path());
    let output = tool!("k6-run")
        .args([
            "--k6",
            &program,
            "-u",
            "3",
            "--tag",
            "a=b",
            "--out",
            "influxdb=http://x",
        ])
        .args(["-e", "OWN_PASSWORD=given", "-e", "HTTP_PROXY=http://p"])
        .env("SHOP_TOKEN", "named-by-the-script")
        .env("OTHER_TOKEN", "not-of-its-business")
        .env("AUTOSCALEOPS_REGISTRY_PASSWORD", "not-of-its-business")
        .env("SHOP_REGION", "eu")
        .arg(&script)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    // What needs the real k6 is named with its place.
    assert!(
        said.contains("`k6/browser`") && said.contains("script.js:1"),
        "{said}"
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (arguments, environment) = (read("arguments"), read("environment"));
    for word in [
        "--vus=3",
        "--tag=a=b",
        "--out=influxdb=http://x",
        "--no-usage-report",
    ] {
        assert!(
            arguments.lines().any(|it| it == word),
            "{word}: {arguments}"
        );
    }
    assert!(!arguments.contains("given"), "{arguments}");
    // A variable that would steer k6 itself goes to the script alone.
    assert!(
        arguments.contains("--env=HTTP_PROXY=http://p"),
        "{arguments}"
    );
    for line in [
        "OWN_PASSWORD=given",
        "SHOP_TOKEN=named-by-the-script",
        "SHOP_REGION=eu",
        "K6_AUTO_EXTENSION_RESOLUTION=false",
    ] {
        assert!(
            environment.lines().any(|it| it == line),
            "{line}: {environment}"
        );
    }
    assert!(
        !environment.contains("not-of-its-business"),
        "{environment}"
    );
}

#[test]
fn a_script_on_the_built_in_engine_sees_no_secret_that_it_does_not_name() {
    let text = "export default function () { if (__ENV.SHOP_TOKEN !== 'x' || Object.values(__ENV).includes('hidden')) throw new Error('no'); }";
    let (_folder, path) = super::script(text);
    let output = tool!("k6-run")
        .args(["--engine=native", "--quiet"])
        .env("SHOP_TOKEN", "x")
        .env("OTHER_TOKEN", "hidden")
        .arg(path)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn k6_that_is_missing_or_broken_is_an_error_that_names_what_needs_it() {
    let (folder, script) =
        super::script("import x from 'k6/x/sql';\nexport default function () {}\n");
    let missing = folder.path().join("nowhere/k6").display().to_string();
    let output = tool!("k6-run")
        .args(["--k6", &missing])
        .arg(&script)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for word in ["`k6/x/sql`", "script.js:1", "install k6"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    let broken = folder.path().join("k6");
    write_program(&broken, b"#!/bin/sh\n[ \"$1\" = version ] && echo k6 v1 && exit 0\necho 'level=error msg=\"no such thing\"' >&2\nexit 104\n");
    let output = tool!("k6-run")
        .args(["--k6", &broken.display().to_string(), "-o", "json"])
        .arg(&script)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no such thing"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a program that is killed")]
fn a_run_that_is_killed_leaves_no_k6_behind() {
    let (folder, script) = super::script("import 'k6/browser';\nexport default function () {}\n");
    let program = folder.path().join("k6");
    // Itself and a program of its own, which both have no end.
    let text = "#!/bin/sh\nif [ \"$1\" = version ]; then echo 'k6 v9.9.9'; exit 0; fi\nsleep 600 &\necho \"$$ $!\" >&2\nwait\n";
    write_program(&program, text.as_bytes());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_k6-run"));
    command.arg("--k6").arg(&program).arg(&script);
    let (mut run, processes) = Background::start_until(&mut command, |line| {
        let numbers = line.split(' ').map(|it| it.parse().ok());
        numbers.collect::<Option<Vec<u32>>>()
    });
    assert!(processes.len() == 2 && processes.iter().all(|it| runs(*it)));
    run.kill();
    wait_until("k6 ends with it", Duration::from_secs(30), || {
        !processes.iter().any(|it| runs(*it))
    });
}
