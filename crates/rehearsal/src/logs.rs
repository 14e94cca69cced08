//! What containers wrote: files beside the journal, read whole or followed.

use std::{
    fs::OpenOptions,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
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

/// A log that is longer is cut.
const LONGEST: u64 = 16 << 20;
/// What is kept of one that is cut.
const KEPT: u64 = 4 << 20;

/// Cuts a log that has grown too long to its last lines. Its container goes on writing at its end.
pub(crate) fn keep_short(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|it| it.len() > LONGEST)
        && let Err(err) = cut(path)
    {
        tracing::warn!("cannot cut `{}`: {err}", path.display());
    }
}

fn cut(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    file.seek(SeekFrom::End(-i64::try_from(KEPT).unwrap_or(0)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .position(|it| *it == b'\n')
        .map_or(0, |it| it + 1);
    file.set_len(0)?;
    file.write_all(&tail[whole..])
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
            // It was cut meanwhile: on from where it ends now.
            let length = file.metadata().map_or(at, |it| it.len());
            if length < at {
                at = length;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_too_long_keeps_its_last_whole_lines_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.0.log");
        let mut writer = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        let line = "0123456789abcdef".repeat(64) + "\n";
        for _ in 0..=LONGEST / line.len() as u64 {
            writer.write_all(line.as_bytes()).unwrap();
        }
        keep_short(&path);
        writer.write_all(b"last\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() as u64 <= KEPT + 5 && text.len() as u64 > KEPT / 2);
        assert!(text.starts_with(&line) && text.ends_with("\nlast\n"));
        let before = text.len();
        keep_short(&path);
        assert_eq!(std::fs::read_to_string(&path).unwrap().len(), before);
    }
}
