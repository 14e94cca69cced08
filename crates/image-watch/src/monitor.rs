//! What the daemon tells about itself: `/metrics` for Prometheus and `/healthz` for a probe.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use autoscaleops_core::Failure;
use jiff::Timestamp;

use crate::poll::Outcome;

/// A probe or a scrape that is slower than this is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// A head longer than this is no request.
const HEAD_LIMIT: u64 = 16 << 10;

/// The figures of a daemon, shared with the thread that serves them.
#[derive(Clone, Debug)]
pub struct Monitor(Arc<Mutex<Figures>>);

#[derive(Debug)]
struct Figures {
    /// The longest time without a finished poll that is still healthy.
    patience: Duration,
    polls: u64,
    last_poll: Instant,
    last_poll_at: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    last_duration: Duration,
    requests: BTreeMap<String, u64>,
    images: BTreeMap<String, ImageFigures>,
}

#[derive(Debug, Default)]
struct ImageFigures {
    updates: u64,
    errors: BTreeMap<String, u64>,
    is_pending: bool,
    is_decided: bool,
}

impl Monitor {
    /// Returns figures that begin now; no poll within `patience` is unhealthy.
    pub fn new(patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(Figures {
            patience,
            polls: 0,
            last_poll: Instant::now(),
            last_poll_at: None,
            last_success_at: None,
            last_duration: Duration::ZERO,
            requests: BTreeMap::new(),
            images: BTreeMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a poll that ended, by its images.
    pub fn count(
        &self,
        outcomes: &[Outcome],
        commits: &[Option<String>],
        requests: impl Iterator<Item = (String, u64)>,
        took: Duration,
    ) {
        let mut figures = self.lock();
        figures.polls += 1;
        figures.last_poll = Instant::now();
        figures.last_poll_at = Some(Timestamp::now());
        figures.last_duration = took;
        figures.requests.extend(requests);
        if !outcomes.is_empty() && outcomes.iter().all(|it| it.result.is_ok()) {
            figures.last_success_at = figures.last_poll_at;
        }
        for (index, outcome) in outcomes.iter().enumerate() {
            let image = figures.images.entry(outcome.name.clone()).or_default();
            image.is_decided = false;
            image.is_pending = false;
            match &outcome.result {
                Ok(settled) => {
                    let is_written = commits.get(index).is_some_and(Option::is_some);
                    image.updates += u64::from(is_written);
                    image.is_pending = settled.is_update && !is_written;
                    image.is_decided = settled.is_decided;
                }
                Err(failure) => *image.errors.entry(failure.kind().to_owned()).or_default() += 1,
            }
        }
    }

    /// Serves the figures until this process ends. Returns the address.
    ///
    /// # Errors
    ///
    /// Fails when the address cannot be listened at.
    pub fn serve(&self, address: &str) -> Result<SocketAddr, Failure> {
        let problem = |err: std::io::Error| {
            Failure::unavailable("listen", format!("cannot listen at `{address}`: {err}"))
        };
        let listener = TcpListener::bind(address).map_err(problem)?;
        let bound = listener.local_addr().map_err(problem)?;
        let this = self.clone();
        std::thread::spawn(move || {
            // One after the other: whoever is slow is cut off, and nobody keeps a connection.
            for stream in listener.incoming().flatten() {
                if let Err(err) = this.answer(&stream) {
                    tracing::debug!(%err, "a request for figures failed");
                }
            }
        });
        Ok(bound)
    }

    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        use std::io::Read as _;

        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.take(HEAD_LIMIT));
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut header = String::new();
        while reader.read_line(&mut header)? > 2 {
            header.clear();
        }
        let path = line.split_whitespace().nth(1).unwrap_or_default();
        let (status, body) = match path.split('?').next().unwrap_or_default() {
            "/metrics" => ("200 OK", self.metrics()),
            "/healthz" if self.is_healthy() => ("200 OK", "ok\n".to_owned()),
            "/healthz" => (
                "503 Service Unavailable",
                "no poll ended in time\n".to_owned(),
            ),
            _ => ("404 Not Found", "see /metrics and /healthz\n".to_owned()),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// Returns whether polls still end.
    pub fn is_healthy(&self) -> bool {
        let figures = self.lock();
        figures.last_poll.elapsed() <= figures.patience
    }

    /// Returns the figures in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let figures = self.lock();
        let mut text = String::new();
        let mut head = |name: &str, kind: &str, help: &str, lines: Vec<(String, f64)>| {
            let _ = writeln!(
                text,
                "# HELP image_watch_{name} {help}\n# TYPE image_watch_{name} {kind}"
            );
            for (labels, value) in lines {
                let _ = writeln!(text, "image_watch_{name}{labels} {value}");
            }
        };
        let alone = |value: f64| vec![(String::new(), value)];
        let seconds = |at: Option<Timestamp>| at.map_or(0.0, |it| it.as_duration().as_secs_f64());
        head(
            "polls_total",
            "counter",
            "Polls that ended.",
            alone(number(figures.polls)),
        );
        head(
            "last_poll_timestamp_seconds",
            "gauge",
            "When the last poll ended.",
            alone(seconds(figures.last_poll_at)),
        );
        head(
            "last_success_timestamp_seconds",
            "gauge",
            "When the last poll ended without an error.",
            alone(seconds(figures.last_success_at)),
        );
        head(
            "last_poll_duration_seconds",
            "gauge",
            "How long the last poll took.",
            alone(figures.last_duration.as_secs_f64()),
        );
        let by_registry = figures.requests.iter();
        head(
            "registry_requests_total",
            "counter",
            "Requests to each registry.",
            by_registry
                .map(|(name, count)| (format!("{{registry=\"{}\"}}", label(name)), number(*count)))
                .collect(),
        );
        let by_image = |of: fn(&ImageFigures) -> u64| {
            let images = figures.images.iter();
            images
                .map(|(name, it)| (format!("{{image=\"{}\"}}", label(name)), number(of(it))))
                .collect::<Vec<_>>()
        };
        head(
            "updates_total",
            "counter",
            "Updates written.",
            by_image(|it| it.updates),
        );
        head(
            "update_pending",
            "gauge",
            "Whether an update is known and not written.",
            by_image(|it| u64::from(it.is_pending)),
        );
        head(
            "decided",
            "gauge",
            "Whether the last poll had evidence enough.",
            by_image(|it| u64::from(it.is_decided)),
        );
        let errors = figures.images.iter().flat_map(|(name, it)| {
            it.errors.iter().map(move |(kind, count)| {
                let labels = format!("{{image=\"{}\",kind=\"{}\"}}", label(name), label(kind));
                (labels, number(*count))
            })
        });
        head(
            "errors_total",
            "counter",
            "Polls of an image that failed.",
            errors.collect(),
        );
        text
    }
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn outcome(name: &str, result: Result<crate::poll::Settled, Failure>) -> Outcome {
        Outcome {
            name: name.to_owned(),
            image: "acme/shop".parse().unwrap(),
            target: None,
            current: None,
            requests: 1,
            result,
        }
    }

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn figures_and_health_are_served() {
        let monitor = Monitor::new(Duration::from_secs(3_600));
        let failure = Failure::unavailable("rate_limited", "no");
        let outcomes = [outcome("a\"b", Err(failure))];
        let requests = [("ghcr.io".to_owned(), 7)];
        monitor.count(
            &outcomes,
            &[None],
            requests.into_iter(),
            Duration::from_millis(500),
        );
        let address = monitor.serve("127.0.0.1:0").unwrap();
        let metrics = get(address, "/metrics");
        for line in [
            "image_watch_polls_total 1",
            "image_watch_registry_requests_total{registry=\"ghcr.io\"} 7",
            "image_watch_errors_total{image=\"a\\\"b\",kind=\"rate_limited\"} 1",
            "image_watch_last_poll_duration_seconds 0.5",
            "image_watch_last_success_timestamp_seconds 0",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
        assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
        assert!(get(address, "/").starts_with("HTTP/1.1 404"));
        assert!(
            Monitor::new(Duration::from_secs(3_600))
                .serve(&address.to_string())
                .is_err()
        );
    }

    #[test]
    fn a_daemon_that_hangs_is_unhealthy() {
        let monitor = Monitor::new(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!monitor.is_healthy());
    }
}
