//! Follows autoscalers, their targets, pods and events, and the measured usage, as they change.

use std::time::Duration;

use autoscaleops_core::cluster::{self, ClusterArgs};

use crate::recording::Line;

mod around;
mod follower;
mod known;
pub mod pages;
pub mod seen;
pub mod server;
pub mod shadow;
pub mod tracker;
mod trouble;
mod watches;

use self::follower::Follower;

pub use self::{around::target, trouble::explain};

/// Returns what the server says of itself.
///
/// # Errors
///
/// Fails as the API does.
pub async fn server(client: &kube::Client) -> Result<server::Server, kube::Error> {
    server::ask(client).await
}

/// Which autoscalers.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Their names; all of the namespace where empty.
    pub names: Vec<String>,
    /// The namespace, that of the context where absent.
    pub namespace: Option<String>,
    /// All namespaces.
    pub all: bool,
    /// Whether their targets, pods, usage and events are followed too.
    pub targets: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Go,
    /// Stop.
    Stop,
}

/// Follows until `on_line` says stop, the time is over or a stop is asked for. `on_line` hears each
/// line. Returns why it ended: `done`, `time` or `stopped`.
///
/// # Errors
///
/// Fails when the cluster cannot be reached or refuses at the beginning, and when a named
/// autoscaler does not exist.
pub fn follow(
    args: &ClusterArgs,
    selection: &Selection,
    timeout: Option<Duration>,
    mut on_line: impl FnMut(Line) -> Next,
) -> anyhow::Result<&'static str> {
    follow_with(args, selection, timeout, |line| match line {
        Some(line) => on_line(line),
        None => Next::Go,
    })
}

/// The same; the handler also hears `None` several times a second.
///
/// # Errors
///
/// As [`follow`].
pub fn follow_with(
    args: &ClusterArgs,
    selection: &Selection,
    timeout: Option<Duration>,
    handler: impl FnMut(Option<Line>) -> Next,
) -> anyhow::Result<&'static str> {
    cluster::block_on(async {
        let cluster = cluster::connect(args).await?;
        Follower::begin(&cluster, selection, handler)
            .await?
            .run(timeout)
            .await
    })?
}
