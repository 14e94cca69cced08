//! The Prometheus metrics, in the text format 0.0.4.
//!
//! Every label has a bounded set of values: `path` is a route template, never the URL that was asked for, so a client
//! that probes a thousand addresses adds one series.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::service::Route;

/// The prefix of the application's own metrics; the dashboards have it as a variable.
pub const PREFIX: &str = "app";

/// The upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What one series is about. Ordered, so that the exposition is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    route: Route,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Default, Clone, Copy)]
struct Latency {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Latency {
    fn observe(&mut self, seconds: f64) {
        for (bound, bucket) in BUCKETS.iter().zip(&mut self.buckets) {
            *bucket += u64::from(seconds <= *bound);
        }
        self.count += 1;
        self.sum += seconds;
    }
}

/// Everything that `/metrics` tells.
#[derive(Debug)]
pub struct Metrics {
    latencies: Mutex<BTreeMap<Series, Latency>>,
    in_progress: AtomicI64,
    load_cpu_micros: AtomicU64,
    started_at: f64,
    version: String,
    revision: String,
}

impl Metrics {
    /// Starts at zero, for a build that calls itself `version` and `revision`.
    pub fn new(version: &str, revision: &str) -> Self {
        let started_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        Self {
            latencies: Mutex::default(),
            in_progress: AtomicI64::new(0),
            load_cpu_micros: AtomicU64::new(0),
            started_at,
            version: version.to_owned(),
            revision: revision.to_owned(),
        }
    }

    /// Counts a request that has begun, until the guard is dropped.
    pub fn begin(&self) -> InProgress<'_> {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        InProgress(self)
    }

    /// Records a finished request.
    pub fn finish(&self, route: Route, method: &hyper::Method, status: u16, elapsed: Duration) {
        let series = Series {
            route,
            method: method_label(method),
            status,
        };
        let mut latencies = self
            .latencies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        latencies
            .entry(series)
            .or_default()
            .observe(elapsed.as_secs_f64());
    }

    /// Records CPU time burnt on a client's order.
    pub fn burnt(&self, amount: Duration) {
        let micros = u64::try_from(amount.as_micros()).unwrap_or(u64::MAX);
        self.load_cpu_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns the exposition.
    pub fn render(&self, ready: bool) -> String {
        let mut text = String::with_capacity(4096);
        self.render_requests(&mut text);
        let in_progress = self.in_progress.load(Ordering::Relaxed);
        gauge(
            &mut text,
            "app_http_requests_in_progress",
            "Requests being answered now.",
            &in_progress.to_string(),
        );
        gauge(
            &mut text,
            "app_ready",
            "1 while the instance wants traffic.",
            if ready { "1" } else { "0" },
        );
        #[expect(clippy::cast_precision_loss, reason = "a metric's value is a float")]
        let load_cpu = self.load_cpu_micros.load(Ordering::Relaxed) as f64 / 1e6;
        counter(
            &mut text,
            "app_load_cpu_seconds_total",
            "CPU time burnt on request by /load.",
            load_cpu,
        );
        head(
            &mut text,
            "app_build_info",
            "gauge",
            "The running build; always 1.",
        );
        let _ = writeln!(
            text,
            "app_build_info{{version=\"{}\",revision=\"{}\"}} 1",
            escape(&self.version),
            escape(&self.revision)
        );
        let cpu = crate::work::process_cpu().as_secs_f64();
        counter(
            &mut text,
            "process_cpu_seconds_total",
            "CPU time used by the process.",
            cpu,
        );
        let started_at = self.started_at.to_string();
        gauge(
            &mut text,
            "process_start_time_seconds",
            "Start of the process since the epoch.",
            &started_at,
        );
        if let Some(bytes) = resident_bytes() {
            gauge(
                &mut text,
                "process_resident_memory_bytes",
                "Resident memory.",
                &bytes.to_string(),
            );
        }
        text
    }

    fn render_requests(&self, text: &mut String) {
        let latencies = self
            .latencies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let name = "app_http_request_duration_seconds";
        head(
            text,
            name,
            "histogram",
            "Time from a request's head to its answer.",
        );
        for (series, latency) in &latencies {
            let labels = labels(series);
            for (bound, count) in BUCKETS.iter().zip(latency.buckets) {
                let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
            }
            let _ = writeln!(
                text,
                "{name}_bucket{{{labels},le=\"+Inf\"}} {}",
                latency.count
            );
            let _ = writeln!(text, "{name}_sum{{{labels}}} {}", latency.sum);
            let _ = writeln!(text, "{name}_count{{{labels}}} {}", latency.count);
        }
        head(
            text,
            "app_http_requests_total",
            "counter",
            "Answered requests.",
        );
        for (series, latency) in &latencies {
            let _ = writeln!(
                text,
                "app_http_requests_total{{{}}} {}",
                labels(series),
                latency.count
            );
        }
    }
}

/// A request being answered; dropping it, also when the client went away, ends it.
#[derive(Debug)]
pub struct InProgress<'a>(&'a Metrics);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

fn labels(series: &Series) -> String {
    format!(
        "method=\"{}\",path=\"{}\",status=\"{}\"",
        series.method,
        series.route.template(),
        series.status
    )
}

fn method_label(method: &hyper::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn gauge(text: &mut String, name: &str, help: &str, value: &str) {
    head(text, name, "gauge", help);
    let _ = writeln!(text, "{name} {value}");
}

fn counter(text: &mut String, name: &str, help: &str, value: f64) {
    head(text, name, "counter", help);
    let _ = writeln!(text, "{name} {value}");
}

/// Escapes a label value as the exposition format wants.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Reads the resident memory where the system tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_from_below() {
        let metrics = Metrics::new("1.2.3", "abc");
        for ms in [4, 5, 60, 20_000] {
            metrics.finish(
                Route::Load,
                &hyper::Method::GET,
                200,
                Duration::from_millis(ms),
            );
        }
        let text = metrics.render(true);
        let labels = r#"method="GET",path="/load",status="200""#;
        for (le, count) in [
            ("0.005", 2),
            ("0.05", 2),
            ("0.075", 3),
            ("10", 3),
            ("+Inf", 4),
        ] {
            let line = format!(
                "app_http_request_duration_seconds_bucket{{{labels},le=\"{le}\"}} {count}\n"
            );
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert!(text.contains(&format!("app_http_requests_total{{{labels}}} 4\n")));
    }

    #[test]
    fn unknown_methods_share_one_label() {
        let metrics = Metrics::new("1", "r");
        for name in ["BREW", "WHEN"] {
            let method = hyper::Method::from_bytes(name.as_bytes()).unwrap();
            metrics.finish(Route::Unknown, &method, 404, Duration::ZERO);
        }
        assert!(
            metrics.render(true).contains(
                r#"app_http_requests_total{method="other",path="unknown",status="404"} 2"#
            )
        );
    }

    #[test]
    fn a_version_cannot_break_out_of_its_label() {
        let text = Metrics::new("1\"} 7\nevil 1", "a\\b").render(false);
        assert!(
            text.contains(r#"app_build_info{version="1\"} 7\nevil 1",revision="a\\b"} 1"#),
            "{text}"
        );
        assert!(text.contains("app_ready 0\n"));
    }

    #[test]
    fn every_own_metric_has_the_prefix() {
        let text = Metrics::new("1", "r").render(true);
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            assert!(
                name.starts_with(PREFIX) || name.starts_with("process_"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_request_given_up_is_no_longer_in_progress() {
        let metrics = Metrics::new("1", "r");
        let guard = metrics.begin();
        assert!(
            metrics
                .render(true)
                .contains("app_http_requests_in_progress 1\n")
        );
        drop(guard);
        assert!(
            metrics
                .render(true)
                .contains("app_http_requests_in_progress 0\n")
        );
    }
}
