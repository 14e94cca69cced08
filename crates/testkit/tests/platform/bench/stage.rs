//! What stands on the stage: programs in the place of others, the checkout, the registry.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use autoscaleops_testkit::{Background, free_port, root, wait_until};
use regex::Regex;
use serde_json::Value;

use super::{PROD, VALUES};
use crate::files::{list, read};

/// GitHub's own program: notes every call, answers about pull requests and releases from files.
const GH: &str = r#"#!/bin/sh
echo "$*" >>"$STUB_FOLDER/gh"
case "$1 $2" in
"pr list") cat "$STUB_FOLDER/pulls" 2>/dev/null || echo '[]' ;;
"--version ") echo "gh version 2.95.0 (2026-11-01)" ;;
"attestation verify") [ ! -e "$STUB_FOLDER/unattested" ] ;;
"release list") cat "$STUB_FOLDER/draft" 2>/dev/null || true ;;
"release upload")
    mkdir -p "$STUB_FOLDER/release"
    for file in "$@"; do if [ -f "$file" ]; then cp "$file" "$STUB_FOLDER/release"; fi; done
    ;;
esac
"#;

/// Builds nothing: `cargo build --target T --target-dir D` puts programs of one line there.
const CARGO: &str = r#"#!/bin/sh
echo "$*" >>"$STUB_FOLDER/cargo"
target= folder= tools=
while [ "$#" -gt 0 ]; do
    case $1 in
    --target) target=$2; shift ;;
    --target-dir) folder=$2; shift ;;
    --package) tools="$tools $2"; shift ;;
    esac
    shift
done
if [ -z "$folder" ]; then exit 0; fi
mkdir -p "$folder/$target/release"
for tool in $tools; do
    printf '#!/bin/sh\necho "%s $*"\n' "$tool" >"$folder/$target/release/$tool"
    chmod 755 "$folder/$target/release/$tool"
done
"#;

/// Writes the programs that stand before those of the machine.
pub(super) fn programs(bin: &Path, skopeo: &Path) {
    fs::create_dir(bin).unwrap();
    program(&bin.join("gh"), GH);
    program(&bin.join("cargo"), CARGO);
    program(&bin.join("rustup"), "#!/bin/sh\nexit 0\n");
    program(&bin.join("sudo"), "#!/bin/sh\nexit 0\n");
    // Only a login has something to read.
    program(
        &bin.join("docker"),
        "#!/bin/sh\nif [ \"$1\" = login ]; then cat >/dev/null; fi\n",
    );
    program(&bin.join("skopeo"), &without_tls(skopeo));
}

/// A skopeo for a registry on loopback: the workflows speak TLS to theirs, this one has none.
fn without_tls(skopeo: &Path) -> String {
    format!(
        "#!/bin/sh\nverb=$1\nshift\ncase $verb in\ncopy) set -- --src-tls-verify=false --dest-tls-verify=false \"$@\" ;;\n\
         *) set -- --tls-verify=false \"$@\" ;;\nesac\nexec '{}' \"$verb\" \"$@\"\n",
        skopeo.display()
    )
}

/// The files of the repository that the workflow touches; the program comes built.
pub(super) fn checkout(app: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = list(".github", &[".yml", ".sh"])
        .into_iter()
        .chain(
            [
                VALUES,
                PROD,
                "crates/demo-app/Dockerfile",
                "scripts/install.sh",
                "scripts/package.sh",
                "scripts/package/Dockerfile",
                "Cargo.toml",
                "Cargo.lock",
                "LICENSE",
                "README.md",
            ]
            .map(str::to_owned),
        )
        .map(|file| (file.clone(), read(&file)))
        .collect();
    let build = format!(
        "#!/bin/sh\nset -e\nmkdir -p target/image/amd64\ncp '{}' target/image/amd64/demo-app\n",
        app.display()
    );
    files.push(("scripts/build-demo-app.sh".to_owned(), build));
    // The long scripts of the checks, as their first line and their exit code.
    let long = "#!/bin/sh\nmkdir -p target/e2e\necho \"$0 $*\" | tee target/e2e/report.html\n[ ! -e \"$STUB_FOLDER/broken\" ]\n";
    for script in ["scripts/test.sh", "scripts/e2e.sh"] {
        files.push((script.to_owned(), long.to_owned()));
    }
    let tools = "#!/bin/sh\nmkdir -p .tools/bin\nfor tool in \"$@\"; do printf '#!/bin/sh\\necho %s \"$*\"\\n' \"$tool\" >\".tools/bin/$tool\"; chmod 755 \".tools/bin/$tool\"; done\n";
    files.push(("scripts/dev-tools.sh".to_owned(), tools.to_owned()));
    files
}

/// Each action of others as the workflow pins it, with the folder that stands in for it.
pub(super) fn stubs(workflow: &str) -> BTreeMap<String, PathBuf> {
    let uses = Regex::new(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40})").unwrap();
    let mut stubs = BTreeMap::new();
    for found in uses.captures_iter(&read(workflow)) {
        // act has its own.
        if &found[1] == "actions/checkout" {
            continue;
        }
        let stub = root()
            .join("crates/testkit/tests/platform/stubs")
            .join(&found[1]);
        assert!(stub.is_dir(), "nothing stands in for {}", &found[1]);
        stubs.insert(format!("{}@{}", &found[1], &found[2]), stub);
    }
    stubs
}

pub(super) fn start_registry(
    program: &Path,
    folder: &Path,
    writable: bool,
) -> (Background, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = folder.join("registry.yaml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  maintenance: {{readonly: {{enabled: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
        folder.join("registry").display(),
        !writable
    );
    fs::write(&config, text).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a program beside the test")]
    let registry = Background::start(
        std::process::Command::new(program)
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    wait_until("the registry", Duration::from_mins(1), || {
        TcpStream::connect(address).is_ok()
    });
    (registry, address)
}

/// Reads the jobs' results from act's lines.
pub(super) fn results(lines: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(lines)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| {
            let job = line["jobID"].as_str()?.to_owned();
            Some((job, line["jobResult"].as_str()?.to_owned()))
        })
        .collect()
}

pub(super) fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
