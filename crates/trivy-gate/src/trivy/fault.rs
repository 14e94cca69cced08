//! Why Trivy did not finish, in a sentence: it writes a log, and the reason is at its end.

use autoscaleops_core::{Failure, process::ProcessError, text, time::Span};

/// What Trivy says, and what helps. The first that fits.
const REMEDIES: &[(&str, &str)] = &[
    (
        "TOOMANYREQUESTS",
        "a registry limits downloads of Trivy's database: `--offline` with a cached one, or TRIVY_DB_REPOSITORY",
    ),
    (
        "unable to find the specified image",
        "check the name, and that this machine may pull it: docker login, or TRIVY_USERNAME and TRIVY_PASSWORD",
    ),
    (
        "first run cannot skip downloading",
        "the cache holds no database: run once without `--offline`, or name the cache with `--trivy-cache`",
    ),
    (
        "no space left",
        "free space for temporary files, or set TMPDIR",
    ),
];

/// Returns the failure for a Trivy that had `limit` to finish, and did not.
pub(super) fn unfinished(err: ProcessError, limit: Span) -> anyhow::Error {
    let ProcessError::Failed { stderr, .. } = &err else {
        return err.into_unavailable("raise `--trivy-timeout`, or see what Trivy says by itself");
    };
    let reason = reason(stderr);
    let failure = if reason.contains("deadline exceeded") {
        Failure::unavailable(
            "timeout",
            format!("Trivy did not finish within {limit}: {reason}"),
        )
        .hint("raise `--trivy-timeout`")
    } else {
        let hint = REMEDIES
            .iter()
            .find(|it| stderr.contains(it.0))
            .map_or("see what Trivy says by itself: trivy image …", |it| it.1);
        Failure::unavailable("program_failed", format!("Trivy did not finish: {reason}")).hint(hint)
    };
    anyhow::Error::new(err).context(failure)
}

/// Returns the end of the last line of the log that Trivy calls fatal; without one, the log's end.
fn reason(log: &str) -> String {
    let fatal = log.rsplit_once("FATAL").map_or(log, |it| it.1);
    let fatal = fatal.trim().trim_start_matches("Fatal error").trim();
    let short = text::shorten(&text::printable(fatal), 300);
    if short.is_empty() {
        "it does not say why".to_owned()
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_stands_behind_the_last_fatal() {
        let log = "2026-11-27T16:50:30Z INFO [vuln] on\n2026-11-27T16:50:30Z FATAL\tFatal error\timage scan error: no such image";
        assert_eq!(reason(log), "image scan error: no such image");
        assert_eq!(reason("killed"), "killed");
        assert_eq!(reason(" "), "it does not say why");
    }
}
