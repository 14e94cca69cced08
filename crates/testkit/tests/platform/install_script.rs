//! `scripts/install.sh`: installs what is right from a folder or a server on loopback, and nothing else.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
};

use autoscaleops_testkit::{command, peer, root, write_program};
use snapbox::cmd::OutputAssert;
use tempfile::TempDir;

use crate::install::{GH, release, sum};

/// A release to install, and where to.
struct Case {
    folder: TempDir,
    bin: PathBuf,
    prefix: PathBuf,
}

impl Case {
    /// Makes a release that is right; with a `gh` that says so.
    fn new() -> Option<Self> {
        peer("curl")?;
        let folder = release(true)?;
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        // Of the machine only what the script needs, so that its own gh is not among it.
        for name in [
            "awk",
            "basename",
            "bash",
            "cat",
            "cp",
            "curl",
            "cut",
            "dirname",
            "env",
            "gzip",
            "mkdir",
            "mktemp",
            "mv",
            "rm",
            "sed",
            "sh",
            "sha256sum",
            "shasum",
            "tar",
            "uname",
        ] {
            let found = ["/usr/bin", "/bin"].map(|it| Path::new(it).join(name));
            if let Some(program) = found.iter().find(|it| it.exists()) {
                std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
            }
        }
        write_program(&bin.join("gh"), GH.as_bytes());
        let prefix = folder.path().join("prefix");
        Some(Self {
            folder,
            bin,
            prefix,
        })
    }

    fn archive(&self) -> PathBuf {
        let files = fs::read_dir(self.folder.path().join("release")).unwrap();
        files
            .map(|it| it.unwrap().path())
            .find(|it| it.extension().is_some_and(|end| end == "gz"))
            .unwrap()
    }

    fn tell(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> OutputAssert {
        let from = self.folder.path().join("release");
        let mut all = vec![
            "--version",
            "9.8.7",
            "--prefix",
            self.prefix.to_str().unwrap(),
        ];
        if !arguments.contains(&"--from") {
            all.extend(["--from", from.to_str().unwrap()]);
        }
        command(root().join("scripts/install.sh"))
            .env("PATH", &self.bin)
            .env("GH_FOLDER", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .args(all)
            .args(arguments)
            .assert()
    }

    /// Asserts that it ends with this code, says these words, and has installed nothing.
    fn refuses(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.run(arguments).code(code);
        let error = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(error.contains(words), "`{words}` is not in:\n{error}");
        assert!(!self.prefix.exists(), "something was installed");
    }
}

#[test]
fn what_is_right_is_installed_with_its_pages_and_completions() {
    let Some(case) = Case::new() else { return };
    let output = case.run(&["tag-bump"]).success();
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(
        said.contains("attested: built by the release workflow of autoscaleops/autoscaleops"),
        "{said}"
    );
    assert!(said.contains("bin is not on PATH"), "{said}");
    command(case.prefix.join("bin/tag-bump"))
        .assert()
        .success()
        .stdout_eq("tag-bump 9.8.7\n");
    for file in [
        "man/man1/tag-bump.1",
        "bash-completion/completions/tag-bump",
        "zsh/site-functions/_tag-bump",
        "fish/vendor_completions.d/tag-bump.fish",
    ] {
        assert!(case.prefix.join("share").join(file).is_file(), "{file}");
    }
    let calls = fs::read_to_string(case.folder.path().join("calls")).unwrap();
    for words in [
        "--repo autoscaleops/autoscaleops",
        "--source-ref refs/tags/cli-v9.8.7",
        "--signer-workflow autoscaleops/autoscaleops/.github/workflows/release.yml",
    ] {
        assert!(calls.contains(words), "{calls}");
    }
    // Over what is there already too, and nothing is left in the folder for temporary files.
    case.run(&["tag-bump"]).success();
    let left = fs::read_dir(case.folder.path()).unwrap();
    let names = left.map(|it| it.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|it| it.starts_with("tmp.")).count(), 0);
}

#[test]
fn a_wrong_sum_none_and_a_truncated_archive_are_refused() {
    let Some(case) = Case::new() else { return };
    let archive = case.archive();
    let whole = fs::read(&archive).unwrap();
    let half = &whole[..whole.len() / 2];

    fs::write(&archive, half).unwrap();
    case.refuses(&["tag-bump"], 1, "the checksum of autoscaleops-9.8.7-");
    // Summed as it is: what cannot be unpacked is not installed either.
    sum(&archive);
    case.refuses(&["tag-bump"], 1, ".tar.gz cannot be unpacked");

    fs::write(&archive, &whole).unwrap();
    sum(&archive);
    let sums = archive.with_file_name("SHA256SUMS");
    let right = fs::read_to_string(&sums).unwrap();
    let (ours, others) = right.split_once('\n').unwrap();
    fs::write(&sums, others).unwrap();
    case.refuses(
        &["tag-bump"],
        1,
        "SHA256SUMS has no sum for autoscaleops-9.8.7-",
    );
    // Two sums for one file are none, and a longer name is another file.
    fs::write(&sums, format!("{ours}\n{ours}\n")).unwrap();
    case.refuses(
        &["tag-bump"],
        1,
        "SHA256SUMS has no sum for autoscaleops-9.8.7-",
    );
    fs::write(&sums, format!("{ours}.old\n")).unwrap();
    case.refuses(
        &["tag-bump"],
        1,
        "SHA256SUMS has no sum for autoscaleops-9.8.7-",
    );
    fs::remove_file(&sums).unwrap();
    case.refuses(&["tag-bump"], 3, "SHA256SUMS");
    fs::write(&sums, &right).unwrap();
    // An archive without the program that was asked for installs nothing of what it has.
    case.refuses(
        &["tag-bump", "trivy-gate"],
        1,
        "trivy-gate of autoscaleops-9.8.7-",
    );
}

#[test]
fn a_wrong_attestation_is_refused_and_one_that_nobody_can_check_on_demand() {
    let Some(case) = Case::new() else { return };
    case.tell("verdict", "1");
    case.refuses(&["tag-bump"], 1, "is not attested by the release workflow");
    case.tell("verdict", "2");
    case.refuses(&["tag-bump"], 1, "is not attested by the release workflow");

    case.tell("verdict", "4");
    case.refuses(&["--attested", "tag-bump"], 3, "`gh` is not signed in");
    // Older ones say yes where there is no attestation at all.
    case.tell("verdict", "0");
    case.tell("version", "2.66.1");
    case.refuses(&["--attested", "tag-bump"], 3, "`gh` is older than 2.68");
    fs::remove_file(case.bin.join("gh")).unwrap();
    case.refuses(&["--attested", "tag-bump"], 3, "there is no program `gh`");

    let output = case.run(&["tag-bump"]).success();
    let error = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert_eq!(error, "attested: not checked, there is no program `gh`\n");
    assert!(case.prefix.join("bin/tag-bump").is_file());
}

#[test]
fn a_command_line_that_is_wrong_downloads_nothing() {
    let Some(case) = Case::new() else { return };
    case.refuses(&["--version", "latest"], 2, "--version wants three numbers");
    case.refuses(
        &["--version", "1.2.3/../4"],
        2,
        "--version wants three numbers",
    );
    case.refuses(
        &["trivy"],
        2,
        "`trivy` is neither an option nor one of the six",
    );
    case.refuses(&["--from"], 2, "--from wants a value");
    case.refuses(
        &["--from", "http://example.com/x"],
        2,
        "is not an address with https",
    );
    case.refuses(
        &["--from", "http://127.0.0.1.example.com/x"],
        2,
        "is not an address with https",
    );
    assert!(!case.folder.path().join("calls").exists());
}

#[test]
fn a_server_gives_the_same_and_one_that_breaks_off_gives_nothing() {
    let Some(case) = Case::new() else { return };
    let whole = serve(case.archive().parent().unwrap(), false);
    case.run(&["--from", &whole, "tag-bump"]).success();
    assert!(case.prefix.join("bin/tag-bump").is_file());
    fs::remove_dir_all(&case.prefix).unwrap();
    let broken = serve(case.archive().parent().unwrap(), true);
    case.refuses(&["--from", &broken, "tag-bump"], 3, ".tar.gz cannot be had");
    case.refuses(
        &["--from", &format!("{whole}/nothing"), "tag-bump"],
        3,
        "SHA256SUMS cannot be had",
    );
}

/// Serves the files of a folder on loopback, of archives half when it is to break off; returns the address.
fn serve(folder: &Path, breaks_off: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|it| !it.is_empty())
                .collect();
            let name = head
                .first()
                .and_then(|it| it.split(' ').nth(1))
                .unwrap_or_default();
            let answer = match fs::read(folder.join(name.trim_start_matches('/'))) {
                Ok(bytes) => {
                    let is_cut = breaks_off && name.contains(".tar.");
                    let sent = if is_cut { bytes.len() / 2 } else { bytes.len() };
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        bytes.len()
                    );
                    [head.as_bytes(), &bytes[..sent]].concat()
                }
                Err(_) => {
                    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        .to_vec()
                }
            };
            // A client that left is no fault.
            let _ = stream.write_all(&answer);
        }
    });
    address
}
