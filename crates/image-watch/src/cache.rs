//! What earlier polls learned about a repository: digests of tags and facts about digests.
//!
//! A digest's facts never change, so that an unchanged poll asks for no manifest. Nothing secret is
//! kept. A file that cannot be read is a cold start, not an error.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use autoscaleops_core::{config, file as files};
use jiff::Timestamp;

use crate::{
    platform::Platform,
    registry::{challenge::Challenge, manifest::Configuration},
};

mod file;

/// What is known about a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagRecord<'a> {
    /// Its digest, when it was looked up.
    pub digest: Option<Cow<'a, str>>,
    /// When it was seen for the first time.
    pub first_seen: Option<Timestamp>,
}

/// A page of the list of tags, as it was when the registry gave it this mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The registry's mark (`ETag`).
    pub etag: Cow<'a, str>,
    /// The next page, as the registry named it.
    pub next: Option<Cow<'a, str>>,
    /// The tags, divided by spaces.
    pub tags: Cow<'a, str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents<'a> {
    challenge: Option<Challenge>,
    pages: HashMap<Cow<'a, str>, Page<'a>>,
    tags: HashMap<Cow<'a, str>, TagRecord<'a>>,
    digests: HashMap<Cow<'a, str>, Record>,
}

/// Where memories are kept: in a folder, or as long as this process lives.
#[derive(Debug, Default)]
pub struct Store {
    folder: Option<PathBuf>,
    /// What has no folder, or could not be written there.
    kept: Mutex<HashMap<PathBuf, Vec<u8>>>,
    /// Why the last memory that could not be written was not.
    trouble: Mutex<Option<String>>,
}

/// The memory about one repository, borrowing from the bytes that [`Store::load`] returned.
#[derive(Debug, Default)]
pub struct Cache<'a> {
    bytes: &'a [u8],
    contents: Contents<'a>,
    /// The tags that the repository has now, once they are listed.
    listed: Option<Arc<Vec<String>>>,
    /// The addresses of the pages that they came in.
    paged: HashSet<String>,
    is_changed: bool,
}

/// Returns the folder for caches: `$XDG_CACHE_HOME/image-watch/v2`, or `~/.cache/image-watch/v2`.
pub fn default_folder() -> Option<PathBuf> {
    let of = |name: &str| {
        config::env(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    of("XDG_CACHE_HOME")
        .or_else(|| of("HOME").map(|it| it.join(".cache")))
        .map(|it| it.join("image-watch").join("v2"))
}

impl Store {
    /// Returns the memories of a folder; without one they live as long as this.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            kept: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// Returns why memories could not be written since this was last asked.
    pub fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn path(&self, host: &str, repository: &str) -> PathBuf {
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        folder.join(host).join(format!("{repository}.cache"))
    }

    /// Returns the bytes of the memory about a repository, for [`Cache::read`].
    pub fn load(&self, host: &str, repository: &str) -> Vec<u8> {
        let path = self.path(host, repository);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(&path) {
            Some(bytes) => bytes.clone(),
            None if self.folder.is_some() => std::fs::read(path).unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Keeps a memory, if it has changed, together with what other processes have learned.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be written. The old file is then untouched, and this process
    /// remembers.
    pub fn save(
        &self,
        host: &str,
        repository: &str,
        cache: &mut Cache<'_>,
    ) -> Result<(), io::Error> {
        if !cache.is_changed {
            return Ok(());
        }
        let path = self.path(host, repository);
        let (kept, outcome) = if self.folder.is_none() {
            (Some(cache.bytes_now()), Ok(()))
        } else {
            match write(&path, cache) {
                Ok(()) => (None, Ok(())),
                Err(err) => (Some(cache.bytes_now()), Err(err)),
            }
        };
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept {
            Some(bytes) => all.insert(path, bytes),
            None => all.remove(&path),
        };
        cache.is_changed = false;
        if let Err(err) = &outcome {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(err.to_string());
        }
        outcome
    }
}

fn write(path: &Path, cache: &mut Cache<'_>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let lock = File::create(path.with_extension("lock"))?;
    lock.lock()?;
    let theirs = std::fs::read(path).unwrap_or_default();
    if theirs != cache.bytes {
        cache.learn(file::read(&theirs).unwrap_or_default());
    }
    files::replace(path, &cache.bytes_now())
}

impl<'a> Cache<'a> {
    /// Reads a memory. Bytes that are none are a cold start.
    pub fn read(bytes: &'a [u8]) -> Self {
        let contents = file::read(bytes);
        if contents.is_none() && !bytes.is_empty() {
            tracing::warn!("the cache is broken, or another version's; beginning anew");
        }
        Self {
            bytes,
            contents: contents.unwrap_or_default(),
            ..Self::default()
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
    pub fn tag(&self, tag: &str) -> Option<&TagRecord<'a>> {
        self.contents.tags.get(tag)
    }

    /// Returns what is known about a digest.
    pub fn record(&self, digest: &str) -> Option<&Record> {
        self.contents.digests.get(digest)
    }

    /// Returns a page of the list of tags as it was the last time.
    pub fn page(&self, url: &str) -> Option<&Page<'a>> {
        self.contents.pages.get(url)
    }

    /// Keeps a page of the list of tags; without a mark there is nothing to keep it for.
    pub fn keep_page(&mut self, url: &str, page: Option<Page<'a>>) {
        self.paged.insert(url.to_owned());
        let known = self.contents.pages.get(url);
        if known == page.as_ref() {
            return;
        }
        match page {
            Some(page) => self.contents.pages.insert(Cow::Owned(url.to_owned()), page),
            None => self.contents.pages.remove(url),
        };
        self.is_changed = true;
    }

    /// Notes that a page is still as it was.
    pub fn confirm_page(&mut self, url: &str) {
        self.paged.insert(url.to_owned());
    }

    /// Notes that these are the tags now. With `since`, new ones get it as their first sight.
    pub fn list(&mut self, tags: &Arc<Vec<String>>, since: Option<Timestamp>) {
        if let Some(now) = since {
            for tag in tags.iter() {
                self.keep_tag(tag, None, Some(now));
            }
        }
        self.listed = Some(Arc::clone(tags));
    }

    /// Keeps the digest of a tag.
    pub fn keep_tag(&mut self, tag: &str, digest: Option<&str>, now: Option<Timestamp>) {
        let known = self.contents.tags.get(tag);
        if known.is_some_and(|it| {
            it.first_seen.is_some() && (digest.is_none() || it.digest.as_deref() == digest)
        }) {
            return;
        }
        let record = self
            .contents
            .tags
            .entry(Cow::Owned(tag.to_owned()))
            .or_default();
        if let Some(digest) = digest {
            // Another image under the same name begins its age anew.
            if record.digest.as_deref().is_some_and(|it| it != digest) {
                record.first_seen = now;
            }
            record.digest = Some(Cow::Owned(digest.to_owned()));
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
        self.contents.digests.insert(Cow::Owned(digest), record);
        self.is_changed = true;
    }

    /// Takes over what another process has learned meanwhile.
    fn learn(&mut self, others: Contents<'_>) {
        let owned = |it: Cow<'_, str>| Cow::Owned(it.into_owned());
        let ours = &mut self.contents;
        for (digest, record) in others.digests {
            if !ours.digests.contains_key(&*digest) {
                ours.digests.insert(owned(digest), record);
            }
        }
        for (tag, theirs) in others.tags {
            let ours = ours.tags.entry(owned(tag)).or_default();
            match (&ours.digest, theirs.digest) {
                // What they saw was another image; ours is the later look.
                (Some(one), Some(two)) if *one != two => continue,
                (None, Some(two)) => ours.digest = Some(owned(two)),
                _ => {}
            }
            ours.first_seen = match (ours.first_seen, theirs.first_seen) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
        }
    }

    fn bytes_now(&mut self) -> Vec<u8> {
        self.prune();
        file::write(&self.contents)
    }

    /// Drops tags and pages that are gone, and digests that no tag leads to.
    fn prune(&mut self) {
        let contents = &mut self.contents;
        if let Some(listed) = &self.listed {
            let listed: HashSet<&str> = listed.iter().map(String::as_str).collect();
            contents.tags.retain(|tag, _| listed.contains(&**tag));
            contents.pages.retain(|url, _| self.paged.contains(&**url));
        }
        let mut reached: HashSet<String> = HashSet::new();
        for digest in contents.tags.values().filter_map(|it| it.digest.as_ref()) {
            if let Some(Record::Index { images, .. }) = contents.digests.get(digest) {
                reached.extend(images.iter().map(|it| it.1.clone()));
            }
            reached.insert(digest.clone().into_owned());
        }
        contents.digests.retain(|it, _| reached.contains(&**it));
    }
}

/// What a cache file may hold, for scripts/fuzz.sh.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    file::fuzz(bytes);
}

#[cfg(test)]
mod tests;
