//! The evidence of a decision out of a registry and the memory of earlier polls.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;

use crate::{
    cache::{Cache, Record},
    decision::{Evidence, Facts},
    platform::{Platform, wanted},
    registry::{
        RegistryError, Repository,
        manifest::{self, Manifest},
    },
    rule::Rule,
};

/// Looks up what a decision about one image asks for.
#[derive(Debug)]
pub struct Lookup<'a, 'c> {
    repository: &'a Repository,
    cache: &'a mut Cache<'c>,
    platforms: &'a [Platform],
    needs_dates: bool,
    /// Whether a remembered digest of a tag is believed without asking.
    trusts_tags: bool,
    is_lenient: bool,
    now: Timestamp,
    /// Digests that the registry told in this very poll.
    fresh: HashMap<String, String>,
}

/// What one tag's lookup brought.
struct Found {
    digest: String,
    is_fresh: bool,
}

type Outcome = Result<Option<Found>, RegistryError>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a, 'c> Lookup<'a, 'c> {
    /// Returns a lookup for one rule.
    pub fn new(
        repository: &'a Repository,
        cache: &'a mut Cache<'c>,
        rule: &'a Rule,
        recheck: bool,
        now: Timestamp,
    ) -> Self {
        Self {
            repository,
            cache,
            platforms: &rule.platforms,
            needs_dates: rule.strategy.needs_dates() || !rule.min_age.is_zero(),
            trusts_tags: rule.strategy.needs_dates() && !recheck,
            is_lenient: !rule.is_ours(),
            now,
            fresh: HashMap::new(),
        }
    }

    /// Finds the digest of each tag and makes sure that everything under it is known.
    fn find(&self, tags: &[&str], learned: &Mutex<HashMap<String, Record>>) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = tags
            .iter()
            .map(|tag| {
                let digest = self.known(tag)?.to_owned();
                let is_fresh = false;
                Some(Ok(Some(Found { digest, is_fresh })))
            })
            .collect();
        let unknown = outcomes.iter().enumerate().filter(|it| it.1.is_none());
        let unknown: Vec<usize> = unknown.map(|it| it.0).collect();
        let next = AtomicUsize::new(0);
        let is_over = AtomicBool::new(false);
        let found = Mutex::new(Vec::with_capacity(unknown.len()));
        let work = || {
            while !is_over.load(Ordering::Relaxed) {
                let index = unknown.get(next.fetch_add(1, Ordering::Relaxed));
                let Some((index, tag)) = index.and_then(|it| Some((*it, tags.get(*it)?))) else {
                    break;
                };
                let outcome = self.find_one(tag, learned);
                if outcome.is_err() && !self.is_lenient {
                    is_over.store(true, Ordering::Relaxed);
                }
                lock(&found).push((index, outcome));
            }
        };
        match unknown.len().min(self.repository.host().concurrency()) {
            0 | 1 => work(),
            workers => std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(work);
                }
            }),
        }
        for (index, outcome) in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = Some(outcome);
            }
        }
        // The fault that ended the work comes first, before those that were never asked for.
        if let Some(place) = outcomes.iter().position(|it| matches!(it, Some(Err(_)))) {
            let first = outcomes.iter().position(Option::is_none).unwrap_or(place);
            if first < place {
                outcomes.swap(first, place);
            }
        }
        let unasked = || Err(RegistryError::Protocol("not asked for any more".to_owned()));
        outcomes
            .into_iter()
            .map(|it| it.unwrap_or_else(unasked))
            .collect()
    }

    /// Returns the digest of a tag about which everything is remembered.
    fn known(&self, tag: &str) -> Option<&str> {
        let digest = self.cache.tag(tag).filter(|_| self.trusts_tags)?;
        let digest = digest.digest.as_deref()?;
        self.is_complete(digest).then_some(digest)
    }

    /// Whether everything that a decision needs about `digest` is in the memory.
    fn is_complete(&self, digest: &str) -> bool {
        match self.cache.record(digest) {
            None => false,
            Some(Record::Image(_) | Record::Artifact) => true,
            Some(Record::Index { images, .. }) => {
                !self.needs_dates
                    || self
                        .chosen(images)
                        .all(|it| self.cache.record(&it.1).is_some())
            }
        }
    }

    fn chosen<'i>(
        &self,
        images: &'i [(Platform, String)],
    ) -> impl Iterator<Item = &'i (Platform, String)> {
        images.iter().filter(|it| wanted(self.platforms, &it.0))
    }

    fn find_one(&self, tag: &str, learned: &Mutex<HashMap<String, Record>>) -> Outcome {
        let told = match self.fresh.get(tag) {
            Some(digest) => Some(digest.clone()),
            // A request for the digest alone is no pull, and may already answer everything.
            None if !self.trusts_tags => match self.repository.digest(tag)? {
                Some(digest) => Some(digest),
                None => return Ok(None),
            },
            None => None,
        };
        let digest = match told {
            Some(digest) => {
                if self.recall(&digest, learned).is_none()
                    && self.learn_manifest(&digest, learned)?.is_none()
                {
                    return Ok(None);
                }
                digest
            }
            None => match self.learn_manifest(tag, learned)? {
                Some(digest) => digest,
                None => return Ok(None),
            },
        };
        if let Some(Record::Index { images, .. }) = self.recall(&digest, learned)
            && self.needs_dates
        {
            for (_, child) in self.chosen(&images) {
                if self.recall(child, learned).is_none()
                    && self.learn_manifest(child, learned)?.is_none()
                {
                    // Half pushed, or half deleted.
                    return Ok(None);
                }
            }
        }
        Ok(Some(Found {
            digest,
            is_fresh: true,
        }))
    }

    fn recall(&self, digest: &str, learned: &Mutex<HashMap<String, Record>>) -> Option<Record> {
        lock(learned)
            .get(digest)
            .or_else(|| self.cache.record(digest))
            .cloned()
    }

    /// Fetches a manifest, and the configuration of an image. Returns its digest.
    fn learn_manifest(
        &self,
        reference: &str,
        learned: &Mutex<HashMap<String, Record>>,
    ) -> Result<Option<String>, RegistryError> {
        let Some(fetched) = self.repository.manifest(reference)? else {
            return Ok(None);
        };
        if self.recall(&fetched.digest, learned).is_some() {
            return Ok(Some(fetched.digest));
        }
        let record = match manifest::read(&fetched.content_type, &fetched.bytes)? {
            Manifest::Artifact => Record::Artifact,
            Manifest::Index { images, annotated } => Record::Index { images, annotated },
            Manifest::Image { config, annotated } => {
                let bytes = self.repository.blob(&config)?;
                let mut configuration = manifest::read_configuration(&bytes)?;
                configuration.annotated = annotated.or(configuration.annotated);
                Record::Image(configuration)
            }
        };
        lock(learned).insert(fetched.digest.clone(), record);
        Ok(Some(fetched.digest))
    }

    /// Puts together what is known about a digest. `None` for what is no image.
    fn assemble(&self, tag: &str, digest: String) -> Option<Facts> {
        let first_seen = self.cache.tag(tag).and_then(|it| it.first_seen);
        let facts = Facts {
            digest,
            first_seen,
            ..Facts::default()
        };
        match self.cache.record(&facts.digest)? {
            Record::Artifact => None,
            Record::Image(it) => Some(Facts {
                created: it.created,
                annotated: it.annotated,
                offered: vec![it.platform.clone()],
                ..facts
            }),
            Record::Index { images, annotated } => {
                let children: Vec<_> = self
                    .chosen(images)
                    .filter_map(|it| match self.cache.record(&it.1) {
                        Some(Record::Image(child)) => Some(child),
                        _ => None,
                    })
                    .collect();
                Some(Facts {
                    created: children.iter().filter_map(|it| it.created).max(),
                    annotated: children
                        .iter()
                        .filter_map(|it| it.annotated)
                        .max()
                        .or(*annotated),
                    offered: images.iter().map(|it| it.0.clone()).collect(),
                    ..facts
                })
            }
        }
    }
}

impl Evidence for Lookup<'_, '_> {
    type Error = RegistryError;

    fn facts(&mut self, tags: &[&str]) -> Vec<Result<Option<Facts>, RegistryError>> {
        let learned = Mutex::new(HashMap::new());
        let outcomes = self.find(tags, &learned);
        for (digest, record) in learned.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.cache.keep_record(digest, record);
        }
        let answers = tags.iter().zip(outcomes).map(|(tag, outcome)| {
            let Some(found) = outcome? else {
                return Ok(None);
            };
            if found.is_fresh {
                self.cache
                    .keep_tag(tag, Some(&found.digest), Some(self.now));
                self.fresh.insert((*tag).to_owned(), found.digest.clone());
            }
            Ok(self.assemble(tag, found.digest))
        });
        answers.collect()
    }

    fn digest(&mut self, tag: &str) -> Result<Option<String>, RegistryError> {
        if let Some(known) = self.fresh.get(tag) {
            return Ok(Some(known.clone()));
        }
        let digest = self.repository.digest(tag)?;
        if let Some(digest) = &digest {
            self.fresh.insert(tag.to_owned(), digest.clone());
        }
        Ok(digest)
    }

    fn forget(&mut self, tag: &str) {
        self.cache.forget_tag(tag);
        self.fresh.remove(tag);
    }
}
