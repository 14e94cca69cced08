//! A file system without a free block, made of memory in a mount namespace of its own: what was there
//! stays, nothing stands there by half, the error says why, and with space again a rerun completes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use autoscaleops_testkit::{Remote, built, git, root, skip};
use tempfile::TempDir;

use super::{cluster::Rehearsal, plain, promote::Promotion};

/// Makes the file system, puts the seed on it, runs what it is given with `fill` and `free` at hand, and
/// keeps what is there in the end.
const STAGE: &str = r#"
folder=$1
shift
mount -t tmpfs -o size=1m full "$folder/disk" 2>/dev/null || exit 77
cp -R "$folder/seed/." "$folder/disk"
cd "$folder/disk"
fill() { cat /dev/zero 2>/dev/null >.fill; }
free() { rm -f .fill; }
eval "$1"
code=$?
free
rm -rf "$folder/after"
cp -R "$folder/disk" "$folder/after"
exit $code
"#;

/// A small disk, and what lies on it before and after.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new(seed: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["seed", "disk"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let this = Self { folder };
        for (name, text) in seed {
            fs::write(this.path("seed").join(name), text).unwrap();
        }
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs lines of bash on the disk, or returns `None`, written down as skipped, where no file system
    /// can be made. `tools` is the folder of our programs.
    fn run(&self, lines: &str) -> Option<Output> {
        let mut command = plain("unshare".as_ref());
        if rustix::process::geteuid().is_root() {
            command.arg("--mount");
        } else {
            command.args(["--mount", "--map-root-user"]);
        }
        let tools = built("trivy-gate")?;
        let output = command
            .args(["bash", "-c", STAGE, "stage"])
            .arg(self.folder.path())
            .arg(lines)
            .env("tools", tools.parent().unwrap())
            .env("root", root())
            .output();
        match output {
            Ok(output) if output.status.code() != Some(77) && !is_refused(&output) => Some(output),
            _ => {
                skip("no small file system can be made here (unshare, mount)");
                None
            }
        }
    }
}

/// Whether there may be no namespace.
fn is_refused(output: &Output) -> bool {
    said(output).starts_with("unshare: ")
}

/// Every file below a folder with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_disk_without_a_free_block_keeps_what_was_there_and_the_error_says_why() {
    let tools = ["trivy-gate", "tag-bump", "hpa-watch", "k6-run", "kind-up"];
    if tools.iter().any(|it| built(it).is_none()) {
        return;
    }
    let seed = [
        ("values.yaml", "image:\n  tag: \"1.0.0\"\n"),
        ("old.json", "old\n"),
        ("old.md", "old\n"),
        ("old.html", "old\n"),
        (
            "load.js",
            "export const options = { iterations: 3 };\nexport default function () {}\nexport function handleSummary(data) { return __ENV.OWN ? { 'old.json': JSON.stringify(data) } : {}; }\n",
        ),
        (
            "recording.jsonl",
            include_str!("../../../../scripts/fuzz/corpus/hpa/e-recording").trim_start_matches('e'),
        ),
        (
            "autoscaleops.yaml",
            "kind-up:\n  provider: embedded\n  cluster: full\n  state_dir: cluster\n  root_app: \"\"\n",
        ),
    ];
    let clean = "\"$root/scripts/demo/clean.trivy.json\"";
    for line in [
        "$tools/tag-bump values.yaml --path image.tag --tag 1.2.3",
        &format!("$tools/trivy-gate {clean} --report old.json --report old.md --report new.xml"),
        "$tools/hpa-watch report recording.jsonl --html old.html",
        "$tools/hpa-watch report recording.jsonl --svg new.svg",
        "$tools/k6-run run --engine native load.js --report old.html --report new.xml",
        "$tools/k6-run run --engine native load.js -e OWN=1",
        "$tools/k6-run run --engine native load.js --summary-export old.json",
        "$tools/kind-up up",
    ] {
        let disk = Disk::new(&seed);
        let Some(output) = disk.run(&format!("fill; {line}")) else {
            return;
        };
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{line}: {text}");
        assert!(text.contains("No space left on device"), "{line}: {text}");
        assert_eq!(
            text.matches("No space left").count(),
            text.matches("error: ").count(),
            "{line}: {text}"
        );
        let after = files(&disk.path("after"));
        for (name, old) in files(&disk.path("seed")) {
            assert_eq!(after.get(&name), Some(&old), "{line}: {}", name.display());
        }
        // Locks are empty; a file with something in it would be half of one.
        let half: Vec<_> = after
            .iter()
            .filter(|(name, content)| !content.is_empty() && !disk.path("seed").join(name).exists())
            .collect();
        assert!(half.is_empty(), "{line}: {half:?}");
        // And with space again it is done.
        // A cluster ends where it was brought up: elsewhere nobody sees that it runs.
        let down = if line.ends_with("kind-up up") {
            "$tools/kind-up down --yes"
        } else {
            "true"
        };
        let again = disk.run(&format!("{line} && {down}")).unwrap();
        let text = said(&again);
        assert_eq!(again.status.code(), Some(0), "{line}: {text}");
    }
}

#[test]
fn a_repository_on_a_full_disk_stays_whole_and_gets_the_change_later() {
    let Some(bump) = built("tag-bump") else {
        return;
    };
    let remote = Remote::new(&[("values.yaml", "image:\n  tag: \"1.0.0\"\n")]);
    let disk = Disk::new(&[]);
    let copied = disk.path("seed/remote.git");
    git(
        remote.path().parent().unwrap(),
        &[
            "clone",
            "--quiet",
            "--bare",
            &remote.url(),
            copied.to_str().unwrap(),
        ],
    );
    let line = "$tools/tag-bump values.yaml --path image.tag --tag 1.2.3 --repo \"file://$PWD/remote.git\" --push";
    let Some(output) = disk.run(&format!("fill; {line}")) else {
        return;
    };
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    let after = disk.path("after/remote.git");
    git(&after, &["fsck", "--strict", "--no-dangling"]);
    let tips = |folder: &Path| git(folder, &["rev-parse", "main"]);
    assert_eq!(tips(&after), tips(&copied), "{text}");
    // Its own scratch place is full: nothing is pushed either.
    let place = Disk::new(&[]);
    let output = place
        .run(&format!(
            "fill; export TMPDIR=$PWD; {}",
            line.replace("$PWD/remote.git", after.to_str().unwrap())
        ))
        .unwrap();
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(tips(&after), tips(&copied));
    let left = files(&place.path("after"));
    assert!(left.is_empty(), "{left:?}");
    let output = plain(&bump)
        .args([
            "values.yaml",
            "--path",
            "image.tag",
            "--tag",
            "1.2.3",
            "--push",
            "--repo",
        ])
        .arg(format!("file://{}", after.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    git(&after, &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(git(&after, &["rev-list", "--count", "main"]).trim(), "2");
}

#[test]
fn a_cache_on_a_full_disk_is_a_warning_and_the_release_lands() {
    let Some(promotion) = Promotion::new() else {
        return;
    };
    // With an age to be reached there is something to keep.
    let config = fs::read_to_string(promotion.config())
        .unwrap()
        .replace("    constraint:", "    min_age: 1s\n    constraint:");
    let disk = Disk::new(&[("autoscaleops.yaml", &config)]);
    let line =
        "fill; AUTOSCALEOPS_IMAGE_WATCH_CACHE=$PWD/cache $tools/image-watch check --write -o json";
    let Some(output) = disk.run(line) else { return };
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("No space left on device"), "{text}");
    let half: Vec<_> = files(&disk.path("after/cache"))
        .into_iter()
        .filter(|it| !it.1.is_empty())
        .collect();
    assert!(half.is_empty(), "{half:?}");
    promotion.completes(2);
}

#[test]
fn a_recording_that_finds_no_space_ends_with_its_load() {
    let (Some(_), Some(_), Some(cluster)) = (built("hpa-watch"), built("k6-run"), Rehearsal::new())
    else {
        return;
    };
    cluster.bring_up();
    let disk = Disk::new(&[]);
    // The disk is full once the load runs; its coming and going is what there is to write.
    let lines = format!(
        "export KUBECONFIG={}
        $tools/hpa-watch record -o scaling.jsonl -n dev shop -- $tools/k6-run run --engine native $root/scripts/k6/autoscale.js -e BASE_URL=http://127.0.0.1:{} -e DURATION=90s -e LOAD_MS=20 &
        for _ in $(seq 300); do grep -q command_started scaling.jsonl && break; sleep 0.1; done
        sleep 1
        ps -o pid= --ppid $! >children
        fill
        wait $!",
        cluster.kubeconfig().display(),
        cluster.port
    );
    let Some(output) = disk.run(&lines) else {
        return;
    };
    let text = said(&output);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{:?} {text}",
        output.status.signal()
    );
    assert!(text.contains("No space left on device"), "{text}");
    let children = fs::read_to_string(disk.path("after/children")).unwrap();
    let children: Vec<u32> = children
        .split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect();
    assert!(!children.is_empty(), "the load did not run: {text}");
    assert!(
        !children.iter().any(|it| autoscaleops_testkit::runs(*it)),
        "the load still runs"
    );
    // What was written can be read, and is no evidence.
    assert_eq!(
        super::cluster::judged(
            &built("hpa-watch").unwrap(),
            &disk.path("after"),
            "scaling.jsonl"
        ),
        None
    );
}

#[test]
fn a_cluster_on_a_full_disk_refuses_what_it_cannot_keep_and_forgets_nothing() {
    let (Some(_), Some(kubectl)) = (built("kind-up"), autoscaleops_testkit::peer("kubectl")) else {
        return;
    };
    let disk = Disk::new(&[(
        "autoscaleops.yaml",
        "kind-up:\n  provider: embedded\n  cluster: full\n  state_dir: cluster\n  root_app: \"\"\n",
    )]);
    let lines = format!(
        "export PATH=$tools:{}:$PATH
        kind-up up >../up.log 2>&1 || exit 1
        trap 'kind-up down --yes >/dev/null' EXIT
        export KUBECONFIG=$(kind-up kubeconfig --path)
        big=$(head -c 3000 /dev/zero | tr '\\0' x)
        make() {{ kubectl create configmap $1 --from-literal=x=$big >/dev/null 2>>../refused && echo $1 >>../kept; }}
        make before
        fill
        for number in 1 2 3 4 5 6; do make full-$number; done
        free
        make after
        kubectl get configmaps -o name >../live
        kill -9 $(sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' cluster/server.json)
        kind-up up >>../up.log 2>&1 || exit 2
        kubectl get configmaps -o name >../again",
        kubectl.parent().unwrap().display()
    );
    let Some(output) = disk.run(&lines) else {
        return;
    };
    let read = |name: &str| fs::read_to_string(disk.path(name)).unwrap_or_default();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{} {}",
        said(&output),
        read("up.log")
    );
    assert!(
        read("refused").contains("No space left on device"),
        "nothing was refused: {}",
        read("refused")
    );
    let kept: Vec<String> = read("kept")
        .lines()
        .map(|it| format!("configmap/{it}"))
        .collect();
    assert!(kept.len() >= 2 && kept.len() < 8, "{kept:?}");
    for list in [read("live"), read("again")] {
        let mut found: Vec<&str> = list
            .lines()
            .filter(|it| !it.ends_with("kube-root-ca.crt"))
            .collect();
        let mut wanted: Vec<&str> = kept.iter().map(String::as_str).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
