//! The objects: kept in memory as their JSON text, their history kept for watches, every change
//! appended to a journal on disk.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    resource::Registry,
    value::{set, text, texts},
};

/// The key of custom resource definitions.
pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// One version of an object.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The key of its kind, `plural.group`.
    pub(crate) resource: Arc<str>,
    /// Its namespace, empty for none.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its identity.
    pub(crate) uid: String,
    /// Its version.
    pub(crate) version: u64,
    /// Its labels.
    pub(crate) labels: Vec<(String, String)>,
    /// The identities of its owners.
    pub(crate) owners: Vec<String>,
    /// Whether it is being deleted.
    pub(crate) deleting: bool,
    /// The whole of it.
    pub(crate) json: Bytes,
}

impl Stored {
    fn new(resource: Arc<str>, value: &Value, version: u64) -> Self {
        Self {
            resource,
            namespace: text(value, "/metadata/namespace").to_owned(),
            name: text(value, "/metadata/name").to_owned(),
            uid: text(value, "/metadata/uid").to_owned(),
            version,
            labels: texts(value, "/metadata/labels"),
            owners: crate::value::list(value, "/metadata/ownerReferences")
                .iter()
                .map(|it| text(it, "/uid").to_owned())
                .collect(),
            deleting: value.pointer("/metadata/deletionTimestamp").is_some(),
            // Without the room to grow that the text has while it is made.
            json: Bytes::from(value.to_string().into_boxed_str().into_boxed_bytes()),
        }
    }

    /// Returns the object.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or(Value::Null)
    }

    /// Returns the label `name`.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|it| it.0 == name)
            .map(|it| it.1.as_str())
    }
}

/// One change: the object before and after. One of both is there.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The version that the change made.
    pub(crate) version: u64,
    /// The object before.
    pub(crate) before: Option<Arc<Stored>>,
    /// The object after, or for a deletion its last state with the deletion's version.
    pub(crate) after: Arc<Stored>,
    /// Whether the object is gone.
    pub(crate) deleted: bool,
}

impl Change {
    /// Returns how many bytes are kept for this change alone: what was before is the only use of it.
    fn held(&self) -> usize {
        let before = self.before.as_ref().map_or(0, |it| it.json.len());
        let after = if self.deleted {
            self.after.json.len()
        } else {
            0
        };
        before + after
    }
}

/// The bytes of earlier versions that the history may hold.
const HISTORY_BYTES: usize = 8 << 20;

type Objects = BTreeMap<(String, String), Arc<Stored>>;

/// All objects and their recent history.
#[derive(Debug)]
pub(crate) struct Store {
    objects: BTreeMap<Arc<str>, Objects>,
    registry: Arc<Registry>,
    changes: VecDeque<Change>,
    /// The bytes that the history alone holds.
    remembered: usize,
    keep: usize,
    version: u64,
    /// The version before which history is gone.
    forgotten: u64,
    /// The version of the last change of each kind.
    touched: BTreeMap<Arc<str>, u64>,
    journal: Option<Journal>,
    announce: watch::Sender<u64>,
}

impl Store {
    /// Opens the store whose journal lies in `folder`, or an empty one in memory alone.
    ///
    /// # Errors
    ///
    /// Fails when the journal cannot be read or written.
    pub(crate) fn open(folder: Option<&Path>, keep: usize) -> io::Result<Self> {
        let mut store = Self {
            objects: BTreeMap::new(),
            registry: Arc::new(Registry::new()),
            changes: VecDeque::new(),
            remembered: 0,
            keep,
            version: 0,
            forgotten: 0,
            touched: BTreeMap::new(),
            journal: None,
            announce: watch::channel(0).0,
        };
        if let Some(folder) = folder {
            let path = folder.join("journal.jsonl");
            store.replay(&path)?;
            store.journal = Some(Journal::write_anew(path, &store)?);
        }
        store.forgotten = store.version;
        Ok(store)
    }

    fn replay(&mut self, path: &Path) -> io::Result<()> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(err),
        };
        for line in BufReader::new(file).split(b'\n') {
            // A line cut off by a crash is a change that nobody was told of.
            let Ok(entry) = serde_json::from_slice::<Value>(&line?) else {
                continue;
            };
            let version = entry.get("v").and_then(Value::as_u64).unwrap_or(0);
            self.version = self.version.max(version);
            let resource = text(&entry, "/r");
            let Some(resource) = (!resource.is_empty()).then(|| Arc::<str>::from(resource)) else {
                continue;
            };
            if let Some(object) = entry.get("o") {
                self.insert(
                    Arc::new(Stored::new(resource, object, version)),
                    Some(object),
                );
            } else {
                self.take(&resource, text(&entry, "/ns"), text(&entry, "/n"));
            }
        }
        Ok(())
    }

    /// Returns the kinds that are known now.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Returns the version of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the version of the last change to a kind.
    pub(crate) fn touched(&self, resource: &str) -> u64 {
        self.touched.get(resource).copied().unwrap_or(0)
    }

    /// Returns a receiver that hears of every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.announce.subscribe()
    }

    /// Returns an object.
    pub(crate) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.objects
            .get(resource)?
            .get(&(namespace.to_owned(), name.to_owned()))
            .map(Arc::clone)
    }

    /// Returns the objects of a kind, in one namespace or in all, by namespace and name.
    pub(crate) fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Stored>> {
        self.objects
            .get(resource)
            .into_iter()
            .flatten()
            .filter(|((of, _), _)| namespace.is_none_or(|it| it == of))
            .map(|(_, stored)| Arc::clone(stored))
            .collect()
    }

    /// Returns every object.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.objects.values().flat_map(BTreeMap::values)
    }

    /// Returns the keys of the kinds that have objects.
    pub(crate) fn kinds(&self) -> Vec<Arc<str>> {
        self.objects.keys().map(Arc::clone).collect()
    }

    /// Writes an object, gives it the next version, and tells the watches.
    ///
    /// # Errors
    ///
    /// Fails when the journal cannot be written; the object is then unchanged.
    pub(crate) fn put(&mut self, resource: &str, mut value: Value) -> io::Result<Arc<Stored>> {
        self.keep(resource, &mut value)
    }

    /// Does what [`Store::put`] does, and leaves the caller the value with its version in it.
    ///
    /// # Errors
    ///
    /// Fails when the journal cannot be written; the object is then unchanged.
    pub(crate) fn keep(&mut self, resource: &str, value: &mut Value) -> io::Result<Arc<Stored>> {
        let version = self.version + 1;
        set(value, &["metadata"], "resourceVersion", version.to_string());
        let key = match self.objects.get_key_value(resource) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::from(resource),
        };
        let stored = Arc::new(Stored::new(key, value, version));
        if let Some(journal) = &mut self.journal {
            journal.put(&stored)?;
        }
        self.version = version;
        let before = self.insert(Arc::clone(&stored), Some(value));
        self.remember(Change {
            version,
            before,
            after: Arc::clone(&stored),
            deleted: false,
        });
        self.tidy()?;
        Ok(stored)
    }

    /// Removes an object, and tells the watches.
    ///
    /// # Errors
    ///
    /// Fails when the journal cannot be written; the object is then still there.
    pub(crate) fn delete(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> io::Result<Option<Arc<Stored>>> {
        let Some(found) = self.get(resource, namespace, name) else {
            return Ok(None);
        };
        let version = self.version + 1;
        if let Some(journal) = &mut self.journal {
            journal.delete(&found, version)?;
        }
        self.version = version;
        let before = self.take(resource, namespace, name);
        let mut value = found.value();
        set(
            &mut value,
            &["metadata"],
            "resourceVersion",
            version.to_string(),
        );
        let after = Arc::new(Stored::new(Arc::clone(&found.resource), &value, version));
        self.remember(Change {
            version,
            before,
            after: Arc::clone(&after),
            deleted: true,
        });
        Ok(Some(after))
    }

    fn insert(&mut self, stored: Arc<Stored>, value: Option<&Value>) -> Option<Arc<Stored>> {
        if &*stored.resource == DEFINITIONS
            && let Some(value) = value
        {
            Arc::make_mut(&mut self.registry).define(value);
        }
        self.touched
            .insert(Arc::clone(&stored.resource), stored.version);
        self.objects
            .entry(Arc::clone(&stored.resource))
            .or_default()
            .insert((stored.namespace.clone(), stored.name.clone()), stored)
    }

    fn take(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        if resource == DEFINITIONS {
            Arc::make_mut(&mut self.registry).forget(name);
        }
        if let Some(touched) = self.touched.get_mut(resource) {
            *touched = self.version;
        }
        self.objects
            .get_mut(resource)?
            .remove(&(namespace.to_owned(), name.to_owned()))
    }

    fn remember(&mut self, change: Change) {
        let version = change.version;
        self.remembered += change.held();
        self.changes.push_back(change);
        // The last change stays, however large it is: a watch that is up to date must hear of it.
        while self.changes.len() > self.keep
            || self.remembered > HISTORY_BYTES && self.changes.len() > 1
        {
            if let Some(oldest) = self.changes.pop_front() {
                self.remembered -= oldest.held();
                self.forgotten = oldest.version;
            }
        }
        self.announce.send_replace(version);
    }

    /// Returns the changes after `version` in their order, or the oldest version that still can be
    /// asked for.
    ///
    /// # Errors
    ///
    /// Fails with the oldest version when changes after `version` are forgotten.
    pub(crate) fn since(&self, version: u64) -> Result<Vec<Change>, u64> {
        if version < self.forgotten {
            return Err(self.forgotten);
        }
        let start = self.changes.partition_point(|it| it.version <= version);
        Ok(self.changes.range(start..).cloned().collect())
    }

    fn tidy(&mut self) -> io::Result<()> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        if journal.written < 8 << 20 {
            return Ok(());
        }
        let live: usize = self.all().map(|it| it.json.len()).sum();
        if journal.written > 4 * live {
            let path = journal.path.clone();
            self.journal = Some(Journal::write_anew(path, self)?);
        } else if let Some(journal) = &mut self.journal {
            // Looked at again when it has grown by as much once more.
            journal.written = 0;
        }
        Ok(())
    }
}

/// The changes on disk, one JSON line each.
#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    written: usize,
    /// Whether the last line may be there in part only, as on a disk that was full for a moment.
    is_torn: bool,
}

impl Journal {
    /// Replaces the journal by one line for each object that is there.
    fn write_anew(path: PathBuf, store: &Store) -> io::Result<Self> {
        let mut text = Vec::new();
        for stored in store.all() {
            text.extend(line(stored));
        }
        text.extend(format!("{}\n", json!({"v": store.version})).into_bytes());
        autoscaleops_core::file::replace_private(&path, &text)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self {
            path,
            file,
            written: 0,
            is_torn: false,
        })
    }

    fn put(&mut self, stored: &Stored) -> io::Result<()> {
        self.append(&line(stored))
    }

    fn delete(&mut self, stored: &Stored, version: u64) -> io::Result<()> {
        let entry =
            json!({"v": version, "r": &*stored.resource, "ns": stored.namespace, "n": stored.name});
        self.append(format!("{entry}\n").as_bytes())
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        self.written += line.len();
        self.file
            .write_all(line)
            .inspect_err(|_| self.is_torn = true)
    }
}

fn line(stored: &Stored) -> Vec<u8> {
    let mut text = format!(
        "{{\"v\":{},\"r\":\"{}\",\"o\":",
        stored.version, stored.resource
    )
    .into_bytes();
    text.extend_from_slice(&stored.json);
    text.extend_from_slice(b"}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str, data: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"a": data}})
    }

    #[test]
    fn a_reopened_store_has_what_was_written_and_not_what_was_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(Some(folder.path()), 10).unwrap();
        store.put("configmaps", map("a", "1")).unwrap();
        store.put("configmaps", map("a", "2")).unwrap();
        store.put("configmaps", map("b", "3")).unwrap();
        store.delete("configmaps", "default", "b").unwrap();
        drop(store);
        let mut torn = OpenOptions::new()
            .append(true)
            .open(folder.path().join("journal.jsonl"))
            .unwrap();
        torn.write_all(b"{\"v\":99,\"r\":\"configm").unwrap();
        let store = Store::open(Some(folder.path()), 10).unwrap();
        assert_eq!(store.version(), 4);
        assert_eq!(store.list("configmaps", None).len(), 1);
        let a = store.get("configmaps", "default", "a").unwrap().value();
        assert_eq!(text(&a, "/data/a"), "2");
        assert_eq!(text(&a, "/metadata/resourceVersion"), "2");
    }

    #[test]
    fn history_that_is_forgotten_is_refused_and_the_rest_is_complete() {
        let mut store = Store::open(None, 2).unwrap();
        for round in 0..4 {
            store
                .put("configmaps", map("a", &round.to_string()))
                .unwrap();
        }
        assert_eq!(store.since(1).unwrap_err(), 2);
        let versions: Vec<u64> = store
            .since(2)
            .unwrap()
            .iter()
            .map(|it| it.version)
            .collect();
        assert_eq!(versions, [3, 4]);
        assert!(store.since(4).unwrap().is_empty());
    }

    #[test]
    fn the_history_of_large_objects_is_shorter_and_a_watch_up_to_date_misses_nothing() {
        let mut store = Store::open(None, 1000).unwrap();
        let large = "x".repeat(3 << 20);
        for round in 0..6 {
            store
                .put("configmaps", map("a", &format!("{round}{large}")))
                .unwrap();
            assert_eq!(store.since(round).unwrap().len(), 1);
        }
        assert!(store.remembered <= HISTORY_BYTES, "{}", store.remembered);
        assert!(store.since(1).is_err());
    }
}
