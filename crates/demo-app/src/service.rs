//! The routes and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::Cli;
use crate::lifecycle::{Lifecycle, Phase};
use crate::metrics::Metrics;
use crate::work;

/// The most `/load` requests that wait or burn at a time; more are told to come back.
pub const MAX_LOADS: usize = 512;

/// A route, as the metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// `/`
    Index,
    /// `/load`
    Load,
    /// `/health`
    Health,
    /// `/ready`
    Ready,
    /// `/version`
    Version,
    /// `/metrics`
    Metrics,
    /// Every other path.
    Unknown,
}

impl Route {
    /// Finds the route of a path.
    pub fn of(path: &str) -> Self {
        match path {
            "/" => Self::Index,
            "/load" => Self::Load,
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/version" => Self::Version,
            "/metrics" => Self::Metrics,
            _ => Self::Unknown,
        }
    }

    /// Returns the value of the `path` label.
    pub const fn template(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Load => "/load",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Version => "/version",
            Self::Metrics => "/metrics",
            Self::Unknown => "unknown",
        }
    }
}

/// An answer with its whole body.
pub type Answer = Response<Full<Bytes>>;

/// What every request needs.
#[derive(Debug)]
pub struct Service {
    instance: String,
    version: String,
    revision: String,
    load_ms: u32,
    loads: Arc<Semaphore>,
    /// Where in its life the process is.
    pub lifecycle: Lifecycle,
    /// What `/metrics` tells.
    pub metrics: Metrics,
}

impl Service {
    /// Builds the service that `cli` describes, still starting.
    pub fn new(cli: &Cli) -> Self {
        Self {
            instance: cli.instance.clone(),
            version: cli.app_version.clone(),
            revision: cli.app_revision.clone(),
            load_ms: cli.load_ms,
            loads: Arc::new(Semaphore::new(MAX_LOADS)),
            lifecycle: Lifecycle::default(),
            metrics: Metrics::new(&cli.app_version, &cli.app_revision),
        }
    }

    /// Answers one request and records it. Scrapes are not recorded: they would only measure the monitoring.
    pub async fn answer<B>(&self, request: &Request<B>) -> Answer {
        let start = Instant::now();
        let route = Route::of(request.uri().path());
        let _in_progress = (route != Route::Metrics).then(|| self.metrics.begin());
        let mut answer = self.route(route, request).await;
        if self.lifecycle.phase() == Phase::Stopping {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if route != Route::Metrics {
            self.metrics.finish(
                route,
                request.method(),
                answer.status().as_u16(),
                start.elapsed(),
            );
        }
        answer
    }

    async fn route<B>(&self, route: Route, request: &Request<B>) -> Answer {
        if route == Route::Unknown {
            return text(StatusCode::NOT_FOUND, "not found\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match route {
            Route::Index => json_answer(&json!({
                "service": "demo-app", "instance": self.instance, "version": self.version,
            })),
            Route::Version => {
                json_answer(&json!({ "version": self.version, "revision": self.revision }))
            }
            Route::Health | Route::Unknown => text(StatusCode::OK, "ok\n"),
            Route::Ready => self.ready(),
            Route::Metrics => self.scrape(),
            Route::Load => self.load(request.uri().query()).await,
        }
    }

    fn ready(&self) -> Answer {
        let phase = self.lifecycle.phase();
        let status = if phase == Phase::Serving {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        text(status, format!("{}\n", phase.word()))
    }

    fn scrape(&self) -> Answer {
        let body = self
            .metrics
            .render(self.lifecycle.phase() == Phase::Serving);
        with_type(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            body,
        )
    }

    async fn load(&self, query: Option<&str>) -> Answer {
        let ms = match work::load_ms(query, self.load_ms) {
            Ok(ms) => ms,
            Err(reason) => return text(StatusCode::BAD_REQUEST, format!("{reason}\n")),
        };
        let Ok(permit) = Arc::clone(&self.loads).try_acquire_owned() else {
            let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too much load at once\n");
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        };
        let amount = Duration::from_millis(u64::from(ms));
        let burning = tokio::task::spawn_blocking(move || {
            let used = work::burn(amount);
            drop(permit);
            used
        });
        let Ok(used) = burning.await else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the work was lost\n");
        };
        self.metrics.burnt(used);
        json_answer(
            &json!({ "instance": self.instance, "asked_ms": ms, "cpu_ms": used.as_secs_f64() * 1e3 }),
        )
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn json_answer(value: &serde_json::Value) -> Answer {
    with_type(StatusCode::OK, "application/json", format!("{value}\n"))
}

fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
