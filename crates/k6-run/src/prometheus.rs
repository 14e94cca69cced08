//! The metrics of a run while it runs, for Prometheus to scrape: `--out prometheus=LISTEN`.
//!
//! Names and units are those that k6's own remote write gives them: counters end in `_total`, rates
//! in `_rate`, trends in their statistic, and times are seconds.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use autoscaleops_core::Failure;
use autoscaleops_k6_engine::metrics::{Collector, Contains, Definition, Sink, Totals};

/// Percentiles are sorted for; nobody scrapes more often.
const REFRESH: Duration = Duration::from_secs(1);
/// A scraper that does not send its request in this time is left.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server of the newest metrics. Ends when dropped.
pub(crate) struct Exporter {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    page: Arc<Mutex<String>>,
    over: Arc<AtomicBool>,
    refreshed: Option<Instant>,
}

impl Exporter {
    /// Listens at the address of the flag `--out prometheus=LISTEN`, where it was given.
    ///
    /// # Errors
    ///
    /// Fails when the address is none, or cannot be listened at.
    pub(crate) fn of(outputs: &[String]) -> Result<Option<Self>> {
        let Some(address) = outputs.iter().find_map(|it| it.strip_prefix("prometheus=")) else {
            return Ok(None);
        };
        let address: SocketAddr = address.parse().map_err(|_| {
            Failure::usage(format!("`--out prometheus={address}` names no address"))
                .hint("give address and port, such as `--out prometheus=127.0.0.1:5656`")
        })?;
        let listener = TcpListener::bind(address)
            .with_context(|| format!("cannot listen at {address} for `--out prometheus`"))?;
        let exporter = Self {
            address: listener.local_addr()?,
            page: Arc::default(),
            over: Arc::default(),
            refreshed: None,
        };
        let (page, over) = (Arc::clone(&exporter.page), Arc::clone(&exporter.over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let page = page.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    // A scraper that leaves is its own affair.
                    let _ = answer(stream, &page);
                }
            }
        });
        Ok(Some(exporter))
    }

    /// Takes over what is known now, at most once a second.
    pub(crate) fn refresh(&mut self, collector: &Collector, totals: &mut Totals) {
        if self.refreshed.is_some_and(|it| it.elapsed() < REFRESH) {
            return;
        }
        self.refreshed = Some(Instant::now());
        let page = page(&collector.registry.all(), totals);
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(200));
    }
}

fn answer(mut stream: TcpStream, page: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    std::io::Read::take(&mut reader, 8 * 1024).read_line(&mut first)?;
    let mut line = String::new();
    while std::io::Read::take(&mut reader, 8 * 1024).read_line(&mut line)? > 2 {
        line.clear();
    }
    let (status, body) = if first.starts_with("GET /metrics ") {
        ("200 OK", page)
    } else {
        ("404 Not Found", "metrics are at /metrics\n")
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Returns every metric that has samples, in the text form of Prometheus.
fn page(definitions: &[Definition], totals: &mut Totals) -> String {
    let mut text = String::new();
    for (id, definition) in definitions.iter().enumerate() {
        let Some(sink) = totals.sink(id) else {
            continue;
        };
        let name = format!("k6_{}", definition.name);
        let unit = match definition.contains {
            Contains::Time => 1e-3,
            Contains::Default | Contains::Data => 1.0,
        };
        let mut put = |name: String, kind: &str, value: f64| {
            let _ = write!(text, "# TYPE {name} {kind}\n{name} {value}\n");
        };
        match sink {
            Sink::Counter { sum, .. } => put(format!("{name}_total"), "counter", *sum),
            Sink::Gauge { last, .. } => put(name, "gauge", *last * unit),
            Sink::Rate { hits, total } if *total > 0 => {
                #[expect(clippy::cast_precision_loss, reason = "a share of many samples")]
                put(
                    format!("{name}_rate"),
                    "gauge",
                    *hits as f64 / *total as f64,
                );
            }
            Sink::Trend(trend) if trend.count() > 0 => {
                let values = [
                    ("min", trend.min()),
                    ("avg", trend.average()),
                    ("max", trend.max()),
                    ("p50", trend.percentile(0.5)),
                    ("p90", trend.percentile(0.9)),
                    ("p95", trend.percentile(0.95)),
                    ("p99", trend.percentile(0.99)),
                ];
                for (statistic, value) in values {
                    put(format!("{name}_{statistic}"), "gauge", value * unit);
                }
            }
            Sink::Rate { .. } | Sink::Trend(_) => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use autoscaleops_k6_engine::metrics::{
        HTTP_REQ_DURATION, HTTP_REQ_FAILED, HTTP_REQS, Kind, Registry, VUS,
    };

    use super::*;

    fn totals() -> Totals {
        let mut totals = Totals::default();
        totals.sinks.resize(20, None);
        for (id, kind, values) in [
            (HTTP_REQS, Kind::Counter, &[3.0, 4.0][..]),
            (HTTP_REQ_DURATION, Kind::Trend, &[100.0, 300.0]),
            (HTTP_REQ_FAILED, Kind::Rate, &[0.0, 1.0, 0.0, 0.0]),
            (VUS, Kind::Gauge, &[5.0, 7.0]),
        ] {
            let mut sink = Sink::new(kind);
            for value in values {
                sink.add(*value);
            }
            totals.sinks[id] = Some(sink);
        }
        totals
    }

    #[test]
    fn names_and_units_are_those_of_k6s_remote_write() {
        let text = page(&Registry::default().all(), &mut totals());
        for line in [
            "k6_http_reqs_total 7",
            "k6_http_req_duration_avg 0.2",
            "k6_http_req_duration_max 0.3",
            "k6_http_req_failed_rate 0.25",
            "k6_vus 7",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(
            !text.contains("k6_iterations"),
            "a metric without samples has no value"
        );
    }

    #[test]
    fn a_scraper_gets_the_newest_metrics_until_the_end() {
        let ask = |address: SocketAddr, path: &str| {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let exporter = Exporter::of(&["prometheus=127.0.0.1:0".to_owned()])
            .unwrap()
            .unwrap();
        let address = exporter.address;
        *exporter.page.lock().unwrap() = page(&Registry::default().all(), &mut totals());
        assert!(ask(address, "/metrics").contains("\nk6_vus 7\n"));
        assert!(ask(address, "/").starts_with("HTTP/1.1 404"));
        drop(exporter);
        thread::sleep(Duration::from_millis(100));
        assert!(TcpStream::connect(address).is_err(), "it still listens");
    }

    #[test]
    fn an_address_that_is_none_is_refused_and_other_outputs_are_not_ours() {
        assert!(Exporter::of(&["prometheus=everywhere".to_owned()]).is_err());
        assert!(
            Exporter::of(&["json=out.json".to_owned()])
                .unwrap()
                .is_none()
        );
    }
}
