//! What the server says of itself: its version, and what its clock shows.

use std::time::Duration;

use autoscaleops_hpa::Moment;
use http::{Request, header::DATE};
use jiff::{Timestamp, fmt::rfc2822};
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;

use super::trouble;

/// A pause before a busy server is asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// A difference of the clocks that may be the way of the answer, in milliseconds.
const NOTHING_MS: i64 = 2_000;

/// What the server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its version, such as `v1.37.0`.
    pub version: Option<String>,
    /// The minor number of it.
    pub minor: Option<u32>,
    /// By how much its clock is ahead of ours, in milliseconds.
    pub skew_ms: i64,
}

impl Server {
    /// Returns what time it is by the server's clock.
    pub fn now(&self) -> Moment {
        Moment(
            Timestamp::now()
                .as_millisecond()
                .saturating_add(self.skew_ms),
        )
    }
}

/// Asks for the server's version, a few times while it says to be busy.
pub(super) async fn ask(client: &Client) -> Result<Server, kube::Error> {
    for _ in 0..3 {
        match once(client).await {
            Err(kube::Error::Api(status)) if trouble::is_busy(status.code) => {
                tokio::time::sleep(AGAIN).await;
            }
            answer => return answer,
        }
    }
    once(client).await
}

async fn once(client: &Client) -> Result<Server, kube::Error> {
    let info: Info = client.apiserver_version().await?;
    let digits: String = info
        .minor
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Ok(Server {
        version: Some(info.git_version),
        minor: digits.parse().ok(),
        skew_ms: skew_ms(client).await.unwrap_or(0),
    })
}

/// How far ahead the server's clock is, from the date of an answer, which has whole seconds.
async fn skew_ms(client: &Client) -> Option<i64> {
    let request = Request::get("/version")
        .body(kube::client::Body::empty())
        .ok()?;
    let answer = client.send(request).await.ok()?;
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    let theirs = rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    let skew = theirs + 500 - Timestamp::now().as_millisecond();
    Some(if skew.abs() < NOTHING_MS { 0 } else { skew })
}
