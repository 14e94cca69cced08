//! Programs that answer, fail, hang and flood.

use super::*;

fn shell(script: &str) -> Run {
    Run::new("sh").args(["-c", script])
}

#[test]
fn both_streams_and_the_code_arrive() {
    let output = shell("cat; echo no >&2; exit 7")
        .stdin("yes")
        .capture()
        .unwrap();
    assert_eq!(output.text(), "yes");
    let err = output.check().unwrap_err();
    assert_eq!(err.to_string(), "`sh` ended with exit status: 7: no");
}

#[test]
fn a_missing_program_is_told_from_a_failing_one() {
    let err = Run::new("no-such-program").capture().unwrap_err();
    assert!(err.is_missing());
}

#[test]
fn grandchildren_end_with_a_program_that_takes_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("(sleep 1; touch {}) & sleep 30", mark.display());
    let err = shell(&script)
        .timeout(Duration::from_millis(100))
        .capture()
        .unwrap_err();
    assert!(matches!(err, ProcessError::TimedOut { .. }), "{err}");
    thread::sleep(Duration::from_millis(1_300));
    assert!(!mark.exists(), "the grandchild went on");
}

#[test]
fn a_running_program_can_be_interrupted_as_a_terminal_does() {
    let mut running = shell("trap 'exit 7' INT; echo ready; while :; do sleep 0.01; done")
        .streams(Stdio::null(), Stdio::piped(), Stdio::null())
        .start()
        .unwrap();
    let mut ready = [0; 5];
    let mut stdout = running.child().stdout.take().unwrap();
    std::io::Read::read_exact(&mut stdout, &mut ready).unwrap();
    running.interrupt();
    let status = running.wait(Duration::from_secs(60)).unwrap();
    assert_eq!(status.code(), Some(7));
}

#[test]
fn a_program_that_floods_us_is_ended() {
    let err = shell("yes").limit(100_000).capture().unwrap_err();
    assert!(matches!(err, ProcessError::TooLong { .. }), "{err}");
}

#[test]
fn what_a_program_says_cannot_forge_lines() {
    let output = shell("printf 'a\\n::error::b\\033[31m' >&2; exit 1")
        .capture()
        .unwrap();
    let err = output.check().unwrap_err().to_string();
    assert!(err.ends_with("a ::error::b[31m"), "{err}");
}

#[test]
fn programs_are_found_as_the_system_finds_them() {
    assert!(find("sh").is_some_and(|it| it.is_absolute()));
    assert_eq!(find("no-such-program"), None);
}
