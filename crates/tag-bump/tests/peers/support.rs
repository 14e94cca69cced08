//! Servers and wrappers that several tests use.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use autoscaleops_testkit::{Background, Remote, free_port, tool, wait_until, write_program};
use snapbox::cmd::Command as Tool;

/// The program in a folder, as somebody.
pub(crate) fn bump(folder: &Path) -> Tool {
    tool!("tag-bump")
        .current_dir(folder)
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
}

/// Runs the program for its JSON report.
pub(crate) fn report(command: Tool) -> (i32, serde_json::Value, String) {
    let output = command.args(["-o", "json"]).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    let report =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|err| panic!("{err}: {words}"));
    (output.status.code().unwrap_or(-1), report, words)
}

/// A real `git daemon` that takes pushes, with its address.
pub(crate) fn daemon(remote: &Remote) -> (Background, String) {
    let port = free_port();
    let base = remote.path().parent().unwrap().to_owned();
    let mut command = Command::new("git");
    command
        .args([
            "daemon",
            "--export-all",
            "--enable=receive-pack",
            "--reuseaddr",
            "--listen=127.0.0.1",
        ])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", base.display()))
        .arg(&base)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let program = Background::start(&mut command);
    wait_until("git daemon", Duration::from_mins(1), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (program, format!("git://127.0.0.1:{port}/remote.git"))
}

/// A folder for the front of `PATH` with a `git` that runs `script` around the real one (`$REAL`).
pub(crate) fn wrapper(folder: &Path, script: &str) -> String {
    let real = real_git();
    let path = folder.join("bin/git");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = format!("#!/bin/sh\nREAL={}\n{script}\n", real.display());
    write_program(&path, text.as_bytes());
    let rest = std::env::var("PATH").unwrap();
    format!("{}:{rest}", path.parent().unwrap().display())
}

pub(crate) fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|it| it.join("git"))
        .find(|it| it.is_file())
        .unwrap()
}
