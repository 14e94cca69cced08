//! What earlier polls learned about a repository, on disk: digests of tags and facts about digests.
//!
//! A digest's facts never change, so that an unchanged poll asks for no manifest. Nothing secret is
//! kept. A file that cannot be read is a cold start, not an error.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use autoscaleops_core::{config, file};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    platform::Platform,
    registry::{challenge::Challenge, manifest::Configuration},
};

/// The form of the file. Another one is a cold start.
const VERSION: u32 = 1;

/// What is known about a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// One image.
    Image(Configuration),
    /// Images for several platforms, by digest.
    Index {
        /// Platform and digest of each.
        images: Vec<(Platform, String)>,
        /// The date in the index's annotations.
        annotated: Option<Timestamp>,
    },
    /// No image.
    Artifact,
}

/// What is known about a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// Its digest, when it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was seen for the first time.
    pub first_seen: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Contents {
    version: u32,
    #[serde(default)]
    challenge: Option<Challenge>,
    #[serde(default)]
    tags: HashMap<String, TagRecord>,
    #[serde(default)]
    digests: HashMap<String, Record>,
}

/// The memory about one repository.
#[derive(Debug, Default)]
pub struct Cache {
    path: Option<PathBuf>,
    contents: Contents,
    /// The tags that the repository has now, once they are listed.
    listed: Option<Arc<Vec<String>>>,
    is_changed: bool,
}

/// Returns the folder for caches: `$XDG_CACHE_HOME/image-watch/v1`, or `~/.cache/image-watch/v1`.
pub fn default_folder() -> Option<PathBuf> {
    let of = |name: &str| {
        config::env(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    of("XDG_CACHE_HOME")
        .or_else(|| of("HOME").map(|it| it.join(".cache")))
        .map(|it| it.join("image-watch").join(format!("v{VERSION}")))
}

impl Cache {
    /// Opens the memory about a repository; without a folder it lives as long as this process.
    pub fn open(folder: Option<&Path>, host: &str, repository: &str) -> Self {
        let path = folder.map(|it| it.join(host).join(format!("{repository}.json")));
        let contents = path.as_deref().map(read).unwrap_or_default();
        Self {
            path,
            contents,
            listed: None,
            is_changed: false,
        }
    }

    /// Returns how the registry wanted to be asked.
    pub fn challenge(&self) -> Option<Challenge> {
        self.contents.challenge.clone()
    }

    /// Keeps how the registry wants to be asked.
    pub fn keep_challenge(&mut self, challenge: Option<Challenge>) {
        if challenge.is_some() && self.contents.challenge != challenge {
            self.contents.challenge = challenge;
            self.is_changed = true;
        }
    }

    /// Returns what is known about a tag.
    pub fn tag(&self, tag: &str) -> Option<&TagRecord> {
        self.contents.tags.get(tag)
    }

    /// Returns what is known about a digest.
    pub fn record(&self, digest: &str) -> Option<&Record> {
        self.contents.digests.get(digest)
    }

    /// Notes that these are the tags now. With `since`, new ones get it as their first sight.
    pub fn list(&mut self, tags: &Arc<Vec<String>>, since: Option<Timestamp>) {
        if let Some(now) = since {
            for tag in tags.iter() {
                if !self.contents.tags.contains_key(tag) {
                    self.keep_tag(tag, None, Some(now));
                }
            }
        }
        self.listed = Some(Arc::clone(tags));
    }

    /// Keeps the digest of a tag.
    pub fn keep_tag(&mut self, tag: &str, digest: Option<&str>, now: Option<Timestamp>) {
        if let Some(known) = self.contents.tags.get(tag)
            && known.first_seen.is_some()
            && (digest.is_none() || known.digest.as_deref() == digest)
        {
            return;
        }
        let record = self.contents.tags.entry(tag.to_owned()).or_default();
        if let Some(digest) = digest {
            // Another image under the same name begins its age anew.
            if record.digest.as_deref().is_some_and(|it| it != digest) {
                record.first_seen = now;
            }
            record.digest = Some(digest.to_owned());
        }
        if record.first_seen.is_none() {
            record.first_seen = now;
        }
        self.is_changed = true;
    }

    /// Forgets the digest of a tag.
    pub fn forget_tag(&mut self, tag: &str) {
        if let Some(record) = self.contents.tags.get_mut(tag) {
            record.digest = None;
            self.is_changed = true;
        }
    }

    /// Keeps what a digest is.
    pub fn keep_record(&mut self, digest: String, record: Record) {
        self.contents.digests.insert(digest, record);
        self.is_changed = true;
    }

    /// Writes the memory, if it has changed, together with what other processes have learned.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be written. The old file is then untouched.
    pub fn save(&mut self) -> io::Result<()> {
        let Some(path) = self.path.clone().filter(|_| self.is_changed) else {
            return Ok(());
        };
        let path = path.as_path();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let lock = File::create(path.with_extension("lock"))?;
        lock.lock()?;
        let others = read(path);
        for (digest, record) in others.digests {
            self.contents.digests.entry(digest).or_insert(record);
        }
        for (tag, theirs) in others.tags {
            let ours = self.contents.tags.entry(tag).or_default();
            match (&ours.digest, &theirs.digest) {
                // What they saw was another image; ours is the later look.
                (Some(one), Some(two)) if one != two => continue,
                (None, Some(_)) => ours.digest = theirs.digest,
                _ => {}
            }
            ours.first_seen = match (ours.first_seen, theirs.first_seen) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
        }
        self.prune();
        self.contents.version = VERSION;
        let bytes = serde_json::to_vec(&self.contents)?;
        file::replace(path, &bytes)?;
        self.is_changed = false;
        Ok(())
    }

    /// Drops tags that are gone, and digests that no tag leads to.
    fn prune(&mut self) {
        if let Some(listed) = &self.listed {
            let listed: HashSet<&str> = listed.iter().map(String::as_str).collect();
            self.contents
                .tags
                .retain(|tag, _| listed.contains(tag.as_str()));
        }
        let mut reached: HashSet<String> = HashSet::new();
        for digest in self
            .contents
            .tags
            .values()
            .filter_map(|it| it.digest.as_ref())
        {
            if let Some(Record::Index { images, .. }) = self.contents.digests.get(digest) {
                reached.extend(images.iter().map(|it| it.1.clone()));
            }
            reached.insert(digest.clone());
        }
        self.contents
            .digests
            .retain(|digest, _| reached.contains(digest));
    }
}

fn read(path: &Path) -> Contents {
    let Ok(bytes) = std::fs::read(path) else {
        return Contents::default();
    };
    match serde_json::from_slice::<Contents>(&bytes) {
        Ok(contents) if contents.version == VERSION => contents,
        Ok(_) => Contents::default(),
        Err(err) => {
            tracing::warn!(path = %path.display(), %err, "the cache cannot be read; beginning anew");
            Contents::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_one_process_learns_the_next_one_knows() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Cache::open(Some(folder.path()), "127.0.0.1:5000", "acme/shop");
        let (mut one, mut two) = (open(), open());
        one.keep_tag("a", Some("sha256:a"), Some(at(5)));
        one.keep_record("sha256:a".to_owned(), Record::Artifact);
        two.keep_tag("a", None, Some(at(3)));
        two.keep_tag("b", Some("sha256:b"), Some(at(9)));
        two.keep_record("sha256:b".to_owned(), Record::Artifact);
        one.save().unwrap();
        two.save().unwrap();
        let both = open();
        assert_eq!(both.tag("a").unwrap().digest.as_deref(), Some("sha256:a"));
        assert_eq!(both.tag("a").unwrap().first_seen, Some(at(3)));
        assert!(both.record("sha256:a").is_some() && both.record("sha256:b").is_some());
    }

    #[test]
    fn a_tag_that_moved_stays_young_after_it_is_saved() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Cache::open(Some(folder.path()), "h", "r");
        let mut cache = open();
        cache.keep_tag("a", Some("sha256:a"), Some(at(1)));
        cache.keep_record("sha256:a".to_owned(), Record::Artifact);
        cache.save().unwrap();
        let mut cache = open();
        cache.keep_tag("a", Some("sha256:b"), Some(at(9)));
        cache.save().unwrap();
        assert_eq!(open().tag("a").unwrap().first_seen, Some(at(9)));
    }

    #[test]
    fn what_is_gone_is_dropped_but_not_the_images_of_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(Some(folder.path()), "h", "r");
        let platform: Platform = "linux/amd64".parse().unwrap();
        cache.keep_tag("old", Some("sha256:old"), None);
        cache.keep_record("sha256:old".to_owned(), Record::Artifact);
        cache.keep_tag("new", Some("sha256:new"), None);
        let images = vec![(platform, "sha256:child".to_owned())];
        cache.keep_record(
            "sha256:new".to_owned(),
            Record::Index {
                images,
                annotated: None,
            },
        );
        cache.keep_record("sha256:child".to_owned(), Record::Artifact);
        cache.list(&Arc::new(vec!["new".to_owned()]), None);
        cache.save().unwrap();
        let cache = Cache::open(Some(folder.path()), "h", "r");
        assert!(cache.tag("old").is_none() && cache.record("sha256:old").is_none());
        assert!(cache.record("sha256:child").is_some());
    }

    #[test]
    fn a_broken_or_foreign_file_is_a_cold_start() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{",
            "[]",
            r#"{"version":99,"tags":{"a":{"first_seen":null}}}"#,
        ] {
            std::fs::create_dir_all(folder.path().join("h")).unwrap();
            std::fs::write(folder.path().join("h/r.json"), text).unwrap();
            let mut cache = Cache::open(Some(folder.path()), "h", "r");
            assert!(cache.tag("a").is_none());
            cache.keep_tag("a", None, Some(at(1)));
            cache.save().unwrap();
            assert!(
                Cache::open(Some(folder.path()), "h", "r")
                    .tag("a")
                    .is_some()
            );
        }
    }

    #[test]
    fn an_unchanged_poll_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(Some(folder.path()), "h", "r");
        cache.save().unwrap();
        assert!(!folder.path().join("h").exists());
        cache.keep_tag("a", Some("sha256:a"), Some(at(1)));
        cache.save().unwrap();
        cache.keep_tag("a", Some("sha256:a"), Some(at(2)));
        assert!(!cache.is_changed);
        // Another image under the same name is as young as our sight of it.
        cache.keep_tag("a", Some("sha256:b"), Some(at(7)));
        assert_eq!(cache.tag("a").unwrap().first_seen, Some(at(7)));
    }
}
