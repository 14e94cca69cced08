//! A run on the program k6, its result told in the same words.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::Stdio,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use autoscaleops_core::{
    Console, Failure, config,
    process::{self, Run},
    stop,
};
use autoscaleops_k6_engine::run::Status;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    details::LoadDetails,
    flags::{RunFlags, secrets},
    native,
    progress::Board,
};

mod printed;
pub(crate) mod said;
mod shapes;
mod translate;
pub(crate) mod watch;

pub(crate) use shapes::any_shape;

use said::Said;
use watch::{Glance, Watch};

/// How much of standard output is kept.
const KEPT: u64 = 64 << 20;
/// Variables that change what a program does, k6 included; they reach scripts another way.
const STEERING: [&str; 12] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GODEBUG",
    "GOMAXPROCS",
];

/// Runs `script` on `program` and returns what is known of the run.
pub(crate) fn run(
    program: &Path,
    script: &Path,
    flags: &RunFlags,
    console: &Console,
) -> Result<LoadDetails> {
    if let Some(output) = flags
        .k6_flags
        .out
        .iter()
        .find(|it| it.starts_with("prometheus="))
    {
        let message = format!("`--out {output}` is the built-in engine's, and k6 runs this script");
        return Err(Failure::usage(message)
            .kind_of("unsupported")
            .hint("--out experimental-prometheus-rw, which k6 has")
            .into());
    }
    let version = version(program)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let export = folder.path().join("summary.json");
    let mut attempts = 0;
    let (code, output, said, points, began) = loop {
        attempts += 1;
        let watch = Watch::new().context("cannot find a free port")?;
        let began = Timestamp::now();
        let ended = attend(program, script, flags, &export, watch, &version, console)?;
        // Another program took the port in between.
        if ended.0 != 106 || attempts == 3 {
            break (ended.0, ended.1, ended.2, ended.3, began);
        }
    };
    let Ok(text) = fs_err::read_to_string(&export) else {
        return Err(refused(script, code, &said));
    };
    let exported: Value =
        serde_json::from_str(&text).context("cannot read the summary that k6 wrote")?;
    let mut details = translate::translate(&exported);
    details.exceptions = said.exceptions;
    details.first_exception.clone_from(&said.first_exception);
    details.ended_early = said.early(code);
    details.engine = version;
    details.script = script.display().to_string();
    details.timeline = points;
    details.started_at = Some(began);
    printed::fill(&mut details, &String::from_utf8_lossy(&output));
    if !flags.k6_flags.leaves_out_summary() {
        String::from_utf8_lossy(&output)
            .trim_end()
            .clone_into(&mut details.text);
    }
    if let Some(path) = &flags.k6_flags.summary_export {
        if flags.is_machine_readable() {
            native::export(path, &translate::machine_readable(&exported, &details))?;
        } else {
            autoscaleops_core::file::replace(path, text.as_bytes())
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
    }
    Ok(details)
}

/// Returns how k6 is started: with what it needs, and no secret among its arguments.
fn command(
    program: &Path,
    script: &Path,
    flags: &RunFlags,
    export: &Path,
    watch: &Watch,
) -> Result<Run> {
    // With an environment of its own, it would be looked for on the path of that.
    let found = process::find(&program.to_string_lossy());
    let mut run = Run::new(found.as_deref().unwrap_or(program));
    if flags.includes_system() {
        for name in secrets::kept_from(script) {
            run = run.env_remove(name);
        }
    } else {
        run = run.env_clear();
        let kept = config::environment().into_iter().filter(|(name, _)| {
            name.starts_with("K6_") || STEERING.contains(&name.to_uppercase().as_str())
        });
        for (name, value) in kept {
            run = run.env(name, value);
        }
    }
    run = run
        .args(["run", "--quiet", "--no-usage-report", "--no-color"])
        .arg(format!("--summary-export={}", export.display()))
        .arg(format!("--address={}", watch.address()))
        .args(flags.k6_flags.arguments())
        .args(flags.beyond.arguments());
    for (name, value) in flags.given()? {
        run = if STEERING.contains(&name.to_uppercase().as_str()) {
            run.arg(format!("--env={name}={value}"))
        } else {
            run.env(name, value)
        };
    }
    // Programs are not downloaded for a test.
    let run = run
        .env("K6_AUTO_EXTENSION_RESOLUTION", "false")
        .env("K6_INCLUDE_SYSTEM_ENV_VARS", "true");
    Ok(run.arg(script))
}

/// Runs k6 to its end: passes on what it says, tells how it goes, asks it to stop when we are.
fn attend(
    program: &Path,
    script: &Path,
    flags: &RunFlags,
    export: &Path,
    mut watch: Watch,
    version: &str,
    console: &Console,
) -> Result<(i32, Vec<u8>, Said, Vec<crate::details::Point>)> {
    let mut running = command(program, script, flags, export, &watch)?
        .streams(Stdio::null(), Stdio::piped(), Stdio::piped())
        .guarded()
        .start()
        .map_err(|err| err.into_unavailable("install k6, or name it with --k6"))?;
    let stdout = running.child().stdout.take();
    let answer = thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stdout {
            let _ = stream.by_ref().take(KEPT).read_to_end(&mut kept);
            // The rest is read all the same, so that k6 is not held up.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        kept
    });
    let (sender, lines) = mpsc::channel();
    let stderr = running.child().stderr.take();
    let listener = thread::spawn(move || {
        let mut stream = BufReader::new(stderr?);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).ok()? > 0 {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            sender.send(text).ok()?;
            line.clear();
        }
        Some(())
    });
    let mut board = Board::new(console, &format!("{version} starts"));
    let mut said = Said::default();
    let pass_on = |said: &mut Said| {
        for line in lines.try_iter() {
            said.hear(&line);
            console.say(&line);
        }
    };
    let (began, mut asked) = (Instant::now(), false);
    let status = loop {
        pass_on(&mut said);
        if let Some(status) = running.poll().context("k6 cannot be waited for")? {
            break status;
        }
        if stop::requested() && !asked {
            asked = true;
            // It ends its iterations, runs teardown and sums up.
            running.interrupt();
        }
        if let Some(glance) = watch.look() {
            let status = status(began.elapsed(), &glance);
            board.tell(&status, &watch.points, console);
        }
        thread::sleep(Duration::from_millis(20));
    };
    drop(board);
    let _ = listener.join();
    pass_on(&mut said);
    let output = answer.join().unwrap_or_default();
    Ok((status.code().unwrap_or(255), output, said, watch.points))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "k6's counts"
)]
fn status(elapsed: Duration, glance: &Glance) -> Status {
    Status {
        elapsed,
        active: glance.vus as u64,
        initialized: glance.vus_max as u64,
        completed: glance.iterations as u64,
        ..Status::default()
    }
}

fn version(program: &Path) -> Result<String> {
    let output = Run::new(program)
        .arg("version")
        .timeout(Duration::from_secs(30))
        .capture()
        .map_err(|err| err.into_unavailable("install k6, or name it with --k6"))?;
    let text = output.text();
    let mut words = text.split_whitespace();
    Ok(format!(
        "{} {}",
        words.next().unwrap_or("k6"),
        words.next().unwrap_or("of unknown version")
    ))
}

/// k6 wrote no summary: it did not get as far as running anything.
fn refused(script: &Path, code: i32, said: &Said) -> anyhow::Error {
    let message = format!("k6 cannot run {}: {}", script.display(), said.last_error());
    match code {
        104 => Failure::usage(message).kind_of("options").into(),
        107 | 255 => Failure::usage(message).kind_of("script").into(),
        105 => Failure::error("interrupted", message).into(),
        _ => Failure::error("k6", message).into(),
    }
}
