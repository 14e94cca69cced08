//! Every name of the modules that are built in stands in a script that both engines run.

use std::collections::BTreeMap;

use super::scripts;

/// The names that scripts may use, by what they stand behind: an import, `http.` and so on. That these
/// are all that a module exports is told by the script `api-names` on both engines.
const NAMES: &[(&str, &[&str])] = &[
    ("k6", &["check", "fail", "group", "randomSeed", "sleep"]),
    (
        "k6/http",
        &[
            "get",
            "head",
            "post",
            "put",
            "patch",
            "del",
            "options",
            "request",
            "batch",
            "asyncRequest",
            "url",
            "file",
            "expectedStatuses",
            "setResponseCallback",
            "cookieJar",
            "CookieJar",
        ],
    ),
    (
        "parameters of a request",
        &[
            "cookies:",
            "headers:",
            "jar:",
            "redirects:",
            "tags:",
            "timeout:",
            "auth:",
            "compression:",
            "responseType:",
            "responseCallback:",
        ],
    ),
    (
        "an answer",
        &[
            ".body",
            ".cookies",
            ".error",
            ".error_code",
            ".headers",
            ".json(",
            ".ocsp",
            ".proto",
            ".remote_ip",
            "remote_port",
            ".request",
            ".status",
            ".status_text",
            ".timings",
            ".tls_version",
            ".tls_cipher_suite",
            ".url",
            ".html(",
            ".submitForm(",
            ".clickLink(",
        ],
    ),
    (
        "a jar",
        &[".set(", ".cookiesForURL(", ".delete(", ".clear("],
    ),
    (
        "k6/metrics",
        &["Counter", "Gauge", "Rate", "Trend", ".add("],
    ),
    ("k6/data", &["SharedArray"]),
    (
        "k6/execution",
        &[
            "vu.idInInstance",
            "vu.idInTest",
            "vu.iterationInInstance",
            "vu.iterationInScenario",
            "vu.tags",
            "vu.metrics.tags",
            "vu.metrics.metadata",
            "scenario.name",
            "scenario.executor",
            "scenario.startTime",
            "scenario.progress",
            "scenario.iterationInInstance",
            "scenario.iterationInTest",
            "instance.currentTestRunDuration",
            "instance.iterationsCompleted",
            "instance.iterationsInterrupted",
            "instance.vusActive",
            "instance.vusInitialized",
            "test.abort",
            "test.fail",
            "test.options",
        ],
    ),
    (
        "k6/crypto",
        &[
            "md4",
            "md5",
            "sha1",
            "sha256",
            "sha384",
            "sha512",
            "sha512_224",
            "sha512_256",
            "ripemd160",
            "hmac",
            "createHash",
            "createHMAC",
            "randomBytes",
            "hexEncode",
            "update(",
            "digest(",
        ],
    ),
    ("k6/encoding", &["b64encode", "b64decode"]),
    (
        "k6/timers",
        &["setTimeout", "clearTimeout", "setInterval", "clearInterval"],
    ),
    (
        "k6/experimental/fs",
        &["open(", ".read(", ".seek(", ".stat(", "SeekMode"],
    ),
    ("k6/experimental/csv", &["csv.parse(", "csv.Parser("]),
    (
        "globals",
        &[
            "__ENV",
            "__VU",
            "__ITER",
            "open(",
            "require(",
            "import.meta.resolve(",
            "console.log",
            "console.error",
            "crypto.randomUUID",
            "crypto.getRandomValues",
        ],
    ),
    (
        "the life of a script",
        &["setup", "teardown", "handleSummary", "default"],
    ),
    (
        "executors",
        &[
            "shared-iterations",
            "per-vu-iterations",
            "constant-vus",
            "ramping-vus",
            "constant-arrival-rate",
            "ramping-arrival-rate",
        ],
    ),
    (
        "options",
        &[
            "vus:",
            "duration:",
            "iterations:",
            "stages:",
            "scenarios:",
            "thresholds:",
            "tags:",
            "systemTags:",
            "batch:",
            "batchPerHost:",
            "maxRedirects:",
            "userAgent:",
            "throw:",
            "rps:",
            "hosts:",
            "blockHostnames:",
            "blacklistIPs:",
            "discardResponseBodies:",
            "insecureSkipTLSVerify:",
            "tlsAuth:",
            "tlsCipherSuites:",
            "tlsVersion:",
            "noConnectionReuse:",
            "noCookiesReset:",
            "minIterationDuration:",
            "setupTimeout:",
            "summaryTrendStats:",
            "summaryTimeUnit:",
            "noVUConnectionReuse:",
            "teardownTimeout:",
            "abortOnFail:",
            "delayAbortEval:",
            "gracefulStop:",
            "gracefulRampDown:",
            "startTime:",
            "exec:",
            "env:",
            "maxDuration:",
            "startVUs:",
            "startRate:",
            "timeUnit:",
            "preAllocatedVUs:",
            "maxVUs:",
        ],
    ),
];

#[test]
fn every_name_is_in_a_script_that_both_engines_run() {
    let folders = [
        "tests/peers/k6",
        "tests/peers/k6/api",
        "tests/peers/k6/html",
    ];
    let all = folders.into_iter().flat_map(scripts);
    let texts: BTreeMap<String, String> = all
        .map(|it| {
            let name = it.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(it).unwrap())
        })
        // These list names and use none.
        .filter(|it| it.0 != "api-names" && it.0 != "globals-known")
        .collect();
    let mut missing = Vec::new();
    for (place, names) in NAMES {
        for name in *names {
            if !texts.values().any(|it| holds(it, name)) {
                missing.push(format!("{place}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "in no script: {missing:#?}");
}

/// Returns whether a name stands in a text, not as a part of another one.
fn holds(text: &str, name: &str) -> bool {
    let is_letter = |it: char| it.is_alphanumeric() || it == '_';
    text.match_indices(name).any(|(at, _)| {
        let begins = !name.starts_with(is_letter) || !text[..at].ends_with(is_letter);
        let ends = !name.ends_with(is_letter) || !text[at + name.len()..].starts_with(is_letter);
        begins && ends
    })
}
