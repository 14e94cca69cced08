//! How a run of k6 goes, asked of its REST API once a second.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::details::Point;

/// How often k6 is asked, and how long it may take to answer.
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_millis(500);

/// What k6 said last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Glance {
    /// Virtual users that run.
    pub(super) vus: f64,
    /// Virtual users that exist.
    pub(super) vus_max: f64,
    /// Iterations that ended.
    pub(super) iterations: f64,
    requests: f64,
    failed: f64,
    /// The mean duration of all requests so far, in milliseconds.
    mean_ms: f64,
}

/// Asks k6 how it goes.
pub(super) struct Watch {
    address: SocketAddr,
    began: Instant,
    asked: Instant,
    last: (f64, Glance),
    /// How it went, second by second.
    pub(super) points: Vec<Point>,
}

impl Watch {
    /// Returns a watch on a port that is free now.
    pub(super) fn new() -> std::io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let now = Instant::now();
        Ok(Self {
            address,
            began: now,
            asked: now,
            last: Default::default(),
            points: Vec::new(),
        })
    }

    /// Returns where k6 is to serve its API.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks, where a second has passed since the last time.
    pub(super) fn look(&mut self) -> Option<Glance> {
        if self.asked.elapsed() < EVERY {
            return None;
        }
        self.asked = Instant::now();
        // k6 serves nothing before it has loaded the script, and no more at its end.
        let glance = ask(self.address)?;
        self.advance(self.began.elapsed().as_secs_f64(), glance);
        Some(glance)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "k6's count of virtual users"
    )]
    fn advance(&mut self, at: f64, now: Glance) {
        let (before, last) = self.last;
        let step = (at - before).max(1e-9);
        let requests = now.requests - last.requests;
        let spent = now.mean_ms * now.requests - last.mean_ms * last.requests;
        self.points.push(Point {
            at,
            vus: now.vus as u64,
            requests: requests.max(0.0) / step,
            failed: (now.failed - last.failed).max(0.0) / step,
            latency_ms: if requests > 0.0 {
                spent.max(0.0) / requests
            } else {
                0.0
            },
            ..Point::default()
        });
        self.last = (at, now);
    }
}

fn ask(address: SocketAddr) -> Option<Glance> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // With HTTP/1.0 the answer comes in one piece and ends with the connection.
    write!(
        stream,
        "GET /v1/metrics HTTP/1.0\r\nHost: {address}\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.take(4 << 20).read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (_, body) = text.split_once("\r\n\r\n")?;
    glance(&serde_json::from_str(body).ok()?)
}

pub(crate) fn glance(answer: &Value) -> Option<Glance> {
    let metrics = answer.get("data")?.as_array()?;
    let value = |metric: &str, name: &str| {
        let found = metrics.iter().find(|it| it["id"] == metric)?;
        found["attributes"]["sample"][name].as_f64()
    };
    let requests = value("http_reqs", "count").unwrap_or(0.0);
    Some(Glance {
        vus: value("vus", "value").unwrap_or(0.0),
        vus_max: value("vus_max", "value").unwrap_or(0.0),
        iterations: value("iterations", "count").unwrap_or(0.0),
        requests,
        failed: value("http_req_failed", "rate").unwrap_or(0.0) * requests,
        mean_ms: value("http_req_duration", "avg").unwrap_or(0.0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn seconds_are_the_difference_of_what_k6_sums_up() {
        let answer = |count: f64, mean: f64, failed: f64| {
            let metric = |id: &str, name: &str, value: f64| {
                let mut metric = json!({"id": id, "attributes": {"sample": {}}});
                metric["attributes"]["sample"][name] = json!(value);
                metric
            };
            glance(&json!({"data": [
                metric("http_reqs", "count", count),
                metric("http_req_duration", "avg", mean),
                metric("http_req_failed", "rate", failed),
                metric("vus", "value", 5.0),
            ]}))
            .unwrap()
        };
        let mut watch = Watch::new().unwrap();
        watch.advance(1.0, answer(10.0, 20.0, 0.0));
        watch.advance(3.0, answer(30.0, 40.0, 0.5));
        assert_eq!(
            watch.points[1],
            Point {
                at: 3.0,
                vus: 5,
                requests: 10.0,
                failed: 7.5,
                latency_ms: 50.0,
                ..Point::default()
            }
        );
    }

    #[test]
    fn nobody_there_is_no_news() {
        let watch = Watch::new().unwrap();
        assert_eq!(ask(watch.address()), None);
    }
}
