//! Watches: the changes after a version as a stream of lines, with bookmarks, and with an end that
//! says so when history is gone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    api::{Request, lock, matching},
    cluster::Cluster,
    error::{ApiError, ApiResult},
    resource::{Resource, api_version},
    selector::Selector,
    store::{Change, Stored},
    table,
    value::set,
};

/// How often a watch that asks for them gets a bookmark.
const BOOKMARKS: Duration = Duration::from_secs(10);

/// A watch that was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    resource: Arc<Resource>,
    namespace: Option<String>,
    version: String,
    selector: Selector,
    table: bool,
    include: String,
    bookmarks: bool,
    until: Option<Instant>,
    cursor: u64,
    first: Vec<Arc<Stored>>,
    initial_end: bool,
}

impl Watch {
    /// Reads what is asked for, and takes the objects that are there now when they are.
    pub(crate) fn new(
        cluster: &Cluster,
        request: &Request,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        version: &str,
    ) -> ApiResult<Self> {
        let selector = request.selector()?;
        let said = request.parameter("resourceVersion");
        let initial = request.parameter("sendInitialEvents") == "true";
        let store = lock(&cluster.store);
        let from_now = matches!(said, "" | "0") || initial;
        let cursor = if from_now {
            store.version()
        } else {
            said.parse()
                .map_err(|_| ApiError::bad_request(format!("invalid resource version: {said}")))?
        };
        if let Err(oldest) = store.since(cursor) {
            return Err(ApiError::gone(cursor, oldest));
        }
        // From a stand-in that was made anew since: there is nothing to go on from.
        if cursor > store.version() {
            return Err(ApiError::gone(cursor, store.version()));
        }
        let first = if from_now {
            matching(&store, resource, namespace, &selector)
        } else {
            Vec::new()
        };
        let timeout = request.parameter("timeoutSeconds").parse().ok();
        Ok(Self {
            resource: Arc::clone(resource),
            namespace: namespace.map(str::to_owned),
            version: version.to_owned(),
            selector,
            table: request
                .accept
                .split(',')
                .next()
                .is_some_and(|it| it.contains("as=Table")),
            include: request.parameter("includeObject").to_owned(),
            bookmarks: request.parameter("allowWatchBookmarks") == "true",
            until: timeout.map(|it| Instant::now() + Duration::from_secs(it)),
            cursor,
            first,
            initial_end: initial,
        })
    }

    /// Sends changes until the client leaves, the time is over, or history is gone.
    pub(crate) async fn run(mut self, cluster: Arc<Cluster>, lines: mpsc::Sender<Bytes>) {
        let mut news = lock(&cluster.store).subscribe();
        let mut chunk = Vec::new();
        for stored in std::mem::take(&mut self.first) {
            self.line(&mut chunk, "ADDED", &stored);
        }
        if self.initial_end {
            chunk.extend(self.bookmark(true));
        }
        let mut last_bookmark = Instant::now();
        loop {
            let changes = lock(&cluster.store).since(self.cursor);
            match changes {
                Ok(changes) => {
                    for change in changes {
                        self.cursor = change.version;
                        self.change(&mut chunk, &change);
                    }
                }
                Err(oldest) => {
                    let status = ApiError::gone(self.cursor, oldest).status();
                    chunk.extend(
                        format!("{}\n", json!({"type": "ERROR", "object": status})).into_bytes(),
                    );
                    let _ = lines.send(Bytes::from(chunk)).await;
                    return;
                }
            }
            if self.bookmarks && last_bookmark.elapsed() >= BOOKMARKS {
                chunk.extend(self.bookmark(false));
                last_bookmark = Instant::now();
            }
            if !chunk.is_empty()
                && lines
                    .send(Bytes::from(std::mem::take(&mut chunk)))
                    .await
                    .is_err()
            {
                return;
            }
            let rest = self
                .until
                .map(|it| it.saturating_duration_since(Instant::now()));
            if rest == Some(Duration::ZERO) {
                return;
            }
            let pause = rest.map_or(BOOKMARKS, |it| it.min(BOOKMARKS));
            tokio::select! {
                heard = news.changed() => if heard.is_err() { return },
                () = lines.closed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn bookmark(&self, initial_end: bool) -> Vec<u8> {
        let mut object = json!({
            "kind": self.resource.kind, "apiVersion": api_version(&self.resource.group, &self.version),
            "metadata": {"resourceVersion": self.cursor.to_string(), "creationTimestamp": null},
        });
        if initial_end {
            set(
                &mut object,
                &["metadata", "annotations"],
                "k8s.io/initial-events-end",
                "true",
            );
        }
        if self.table {
            object = json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": self.cursor.to_string()},
                "columnDefinitions": [], "rows": [{"cells": [], "object": object}],
            });
        }
        format!("{}\n", json!({"type": "BOOKMARK", "object": object})).into_bytes()
    }

    fn change(&self, chunk: &mut Vec<u8>, change: &Change) {
        let is_ours = |it: &Stored| {
            *it.resource == *self.resource.key()
                && self
                    .namespace
                    .as_ref()
                    .is_none_or(|ours| *ours == it.namespace)
                && self.selector.matches(it)
        };
        let before = change.before.as_ref().is_some_and(|it| is_ours(it));
        let after = !change.deleted && is_ours(&change.after);
        match (before, after) {
            (false, true) => self.line(chunk, "ADDED", &change.after),
            (true, true) => self.line(chunk, "MODIFIED", &change.after),
            (true, false) => self.line(chunk, "DELETED", &change.after),
            (false, false) => {}
        }
    }

    fn line(&self, chunk: &mut Vec<u8>, kind: &str, stored: &Stored) {
        let wanted = api_version(&self.resource.group, &self.version);
        let object: Bytes = if self.table {
            let table = table::table(
                &self.resource,
                &[stored.value()],
                stored.version,
                &self.include,
            );
            Bytes::from(table.to_string())
        } else if self.resource.versions.len() > 1 {
            let mut value: Value = stored.value();
            set(&mut value, &[], "apiVersion", wanted);
            Bytes::from(value.to_string())
        } else {
            stored.json.clone()
        };
        chunk.extend_from_slice(format!("{{\"type\":\"{kind}\",\"object\":").as_bytes());
        chunk.extend_from_slice(&object);
        chunk.extend_from_slice(b"}\n");
    }
}
