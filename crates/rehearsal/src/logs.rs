//! What containers wrote: files beside the journal, read whole or followed.

use std::{
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    api::{Request, lock},
    cluster::Cluster,
    error::{ApiError, ApiResult},
    value::{list, number, text},
};

/// What is to be sent of a container's output.
#[derive(Debug)]
pub(crate) struct Log {
    namespace: String,
    pod: String,
    uid: String,
    container: String,
    run: i64,
    tail: Option<usize>,
    limit: Option<usize>,
    follow: bool,
}

/// Returns the file of one run of a container.
pub(crate) fn file(cluster: &Cluster, uid: &str, container: &str, run: i64) -> PathBuf {
    cluster
        .folder
        .join("pods")
        .join(uid)
        .join(format!("{container}.{run}.log"))
}

/// Reads what a request asks for.
///
/// # Errors
///
/// Fails when there is no such pod, container or earlier run.
pub(crate) fn plan(
    cluster: &Cluster,
    namespace: &str,
    pod: &str,
    request: &Request,
) -> ApiResult<Log> {
    let value = lock(&cluster.store)
        .get("pods", namespace, pod)
        .ok_or_else(|| ApiError::not_found("pods", pod))?
        .value();
    let names: Vec<&str> = ["/spec/initContainers", "/spec/containers"]
        .iter()
        .flat_map(|it| list(&value, it))
        .map(|it| text(it, "/name"))
        .collect();
    let container = match (
        request.parameter("container"),
        list(&value, "/spec/containers"),
    ) {
        ("", [only]) => text(only, "/name"),
        ("", _) => {
            let message = format!(
                "a container name must be specified for pod {pod}, choose one of: [{}]",
                names.join(" ")
            );
            return Err(ApiError::bad_request(message));
        }
        (name, _) => name,
    };
    if !names.contains(&container) {
        return Err(ApiError::bad_request(format!(
            "container {container} is not valid for pod {pod}"
        )));
    }
    let status = ["/status/initContainerStatuses", "/status/containerStatuses"]
        .iter()
        .flat_map(|it| list(&value, it))
        .find(|it| text(it, "/name") == container);
    let restarts = status
        .and_then(|it| number(it, "/restartCount"))
        .unwrap_or(0);
    let previous = request.parameter("previous") == "true";
    let run = if previous { restarts - 1 } else { restarts };
    let uid = text(&value, "/metadata/uid");
    if !file(cluster, uid, container, run).exists() {
        let why = status.map_or("", |it| text(it, "/state/waiting/reason"));
        let message = if previous {
            format!("previous terminated container \"{container}\" in pod \"{pod}\" not found")
        } else {
            format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {why}")
        };
        return Err(ApiError::bad_request(message));
    }
    Ok(Log {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        uid: uid.to_owned(),
        container: container.to_owned(),
        run,
        tail: request.parameter("tailLines").parse().ok(),
        limit: request.parameter("limitBytes").parse().ok(),
        follow: request.parameter("follow") == "true",
    })
}

impl Log {
    /// Sends what was written, and what is written from now on when it is followed.
    pub(crate) async fn run(self, cluster: Arc<Cluster>, chunks: mpsc::Sender<Bytes>) {
        let Ok(mut file) =
            std::fs::File::open(file(&cluster, &self.uid, &self.container, self.run))
        else {
            return;
        };
        let mut text = Vec::new();
        if file.read_to_end(&mut text).is_err() {
            return;
        }
        let mut at = text.len() as u64;
        if let Some(tail) = self.tail {
            let lines: Vec<&[u8]> = text.split_inclusive(|it| *it == b'\n').collect();
            text = lines[lines.len().saturating_sub(tail)..].concat();
        }
        if let Some(limit) = self.limit {
            text.truncate(limit);
        }
        if !text.is_empty() && chunks.send(Bytes::from(text)).await.is_err() {
            return;
        }
        if !self.follow {
            return;
        }
        loop {
            let over = self.is_over(&cluster);
            let mut more = Vec::new();
            if file.seek(SeekFrom::Start(at)).is_err() || file.read_to_end(&mut more).is_err() {
                return;
            }
            at += more.len() as u64;
            if !more.is_empty() && chunks.send(Bytes::from(more)).await.is_err() {
                return;
            }
            if over {
                return;
            }
            tokio::select! {
                () = chunks.closed() => return,
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
        }
    }

    fn is_over(&self, cluster: &Cluster) -> bool {
        let Some(pod) = lock(&cluster.store).get("pods", &self.namespace, &self.pod) else {
            return true;
        };
        let value = pod.value();
        let status = list(&value, "/status/containerStatuses")
            .iter()
            .find(|it| text(it, "/name") == self.container);
        pod.uid != self.uid
            || status.is_some_and(|it| {
                number(it, "/restartCount").unwrap_or(0) > self.run
                    || it.pointer("/state/terminated").is_some()
            })
    }
}
