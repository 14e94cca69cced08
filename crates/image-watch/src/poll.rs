//! One poll: what runs, what could run, and what should be written, for every image.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use autoscaleops_core::{Failure, image::ImageRef};
use autoscaleops_gitops::Version;
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    cache::{Cache, Store},
    decision::{Answer, Question, TagVerdict, decide},
    lookup::Lookup,
    registry::{Host, HostSettings, RegistryError, Repository},
    settings::{HoldSetting, Image, Pin, Settings, Target},
    target::Current,
};

/// Repositories that are polled at one time, over all registries.
const GROUPS_AT_ONCE: usize = 4;

/// What a poll found out about one image.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the image is called.
    pub name: String,
    /// The image.
    pub image: ImageRef,
    /// Where it is written.
    pub target: Option<Target>,
    /// What is written now.
    pub current: Option<Current>,
    /// How many requests it took.
    pub requests: u64,
    /// What should be, or why that is not known.
    pub result: Result<Settled, Failure>,
}

/// What should be written.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The version that should be written, or that stays.
    pub candidate: Option<Version>,
    /// Whether it should be written: it is another one, and nothing forbids it.
    pub is_update: bool,
    /// Whether there was evidence enough.
    pub is_decided: bool,
    /// A stable word: `update`, `up_to_date`, `held`, `waiting`, `downgrade`, `no_candidate`, `tie`, …
    pub reason: &'static str,
    /// The sentence for people.
    pub why: String,
    /// How every tag stands.
    pub verdicts: Vec<TagVerdict>,
}

/// What is asked about one image.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The image.
    pub image: &'a Image,
    /// What is written now.
    pub current: Option<Current>,
    /// The version that the environment before this one runs.
    pub after: Option<Version>,
}

/// Polls registries. Keeps connections and tokens between polls.
#[derive(Debug)]
pub struct Watcher {
    settings: Settings,
    ca_file: Option<PathBuf>,
    store: Store,
    recheck: bool,
    hosts: HashMap<String, Arc<Host>>,
}

impl Watcher {
    /// Returns a watcher that has asked nobody yet.
    pub fn new(settings: Settings, ca_file: Option<PathBuf>, store: Store, recheck: bool) -> Self {
        Self {
            settings,
            ca_file,
            store,
            recheck,
            hosts: HashMap::new(),
        }
    }

    /// Returns the registries that were asked so far.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.values()
    }

    /// Returns why what was learned could not be kept for the next run, once for each trouble.
    pub fn trouble(&self) -> Option<String> {
        self.store.trouble()
    }

    /// Polls once. The outcomes come in the order of the requests.
    ///
    /// # Errors
    ///
    /// Fails when a registry's settings are not usable. What goes wrong with an image is its outcome.
    pub fn poll(
        &mut self,
        requests: &[Request<'_>],
        now: Timestamp,
    ) -> anyhow::Result<Vec<Outcome>> {
        for request in requests {
            self.host(request.image.image.registry())?;
        }
        for host in self.hosts.values() {
            host.begin_poll();
        }
        let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            let image = &request.image.image;
            let key = (image.registry().to_owned(), image.repository().into_owned());
            groups.entry(key).or_default().push(index);
        }
        let groups: Vec<_> = groups.into_iter().collect();
        let found: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let this = &*self;
        let work = || {
            while let Some(((host, repository), members)) =
                groups.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let Some(host) = this.hosts.get(host) else {
                    continue;
                };
                let members: Vec<_> = members
                    .iter()
                    .filter_map(|it| Some((*it, requests.get(*it)?)))
                    .collect();
                let outcomes = this.poll_repository(host, repository, &members, now);
                found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(outcomes);
            }
        };
        if groups.len() < 2 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..groups.len().min(GROUPS_AT_ONCE) {
                    scope.spawn(work);
                }
            });
        }
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|it| it.0);
        Ok(found.into_iter().map(|it| it.1).collect())
    }

    fn host(&mut self, name: &str) -> anyhow::Result<()> {
        if self.hosts.contains_key(name) {
            return Ok(());
        }
        let settings = &self.settings;
        let own = settings.registries.iter().find(|it| it.host == name);
        let host = Host::new(HostSettings {
            name: name.to_owned(),
            tls: own.and_then(|it| it.tls),
            insecure: settings.insecure.iter().any(|it| it == name),
            credentials: own.and_then(|it| it.credentials.clone()),
            concurrency: own
                .and_then(|it| it.concurrency)
                .unwrap_or(settings.concurrency),
            timeout: settings.timeout.0,
            max_wait: settings.max_wait.0,
            retries: settings.retries,
            ca_file: own
                .and_then(|it| it.ca_file.clone())
                .or_else(|| self.ca_file.clone()),
            max_requests: own.and_then(|it| it.max_requests).or(settings.max_requests),
        })?;
        self.hosts.insert(name.to_owned(), Arc::new(host));
        Ok(())
    }

    /// Polls the images of one repository, which share its list of tags.
    fn poll_repository(
        &self,
        host: &Arc<Host>,
        name: &str,
        members: &[(usize, &Request<'_>)],
        now: Timestamp,
    ) -> Vec<(usize, Outcome)> {
        let repository = host.repository(name);
        let remembered = self.store.load(host.name(), name);
        let mut cache = Cache::read(&remembered);
        host.expect_challenge(cache.challenge());
        let mut tags: Option<Arc<Vec<String>>> = None;
        let mut outcomes = Vec::new();
        for (index, request) in members {
            let before = repository.requests();
            let result = self
                .settle(request, &repository, &mut cache, &mut tags, now)
                .map_err(|err| err.failure(request.image.image.name(), host.name()));
            outcomes.push((
                *index,
                Outcome {
                    name: request.image.name.clone(),
                    image: request.image.image.clone(),
                    target: request.image.target.clone(),
                    current: request.current.clone(),
                    requests: repository.requests() - before,
                    result,
                },
            ));
        }
        cache.keep_challenge(host.challenge());
        if let Err(err) = self.store.save(host.name(), name, &mut cache) {
            tracing::warn!(%err, "the cache cannot be written; only this process remembers");
        }
        outcomes
    }

    fn settle(
        &self,
        request: &Request<'_>,
        repository: &Repository,
        cache: &mut Cache<'_>,
        tags: &mut Option<Arc<Vec<String>>>,
        now: Timestamp,
    ) -> Result<Settled, RegistryError> {
        let image = request.image;
        let listed = match (image.rule.only_tag(), &*tags) {
            // One tag is all that counts: no list.
            (Some(tag), _) => Arc::new(vec![tag.to_owned()]),
            (None, Some(tags)) => Arc::clone(tags),
            (None, None) => {
                let list = Arc::new(repository.tags(cache, !self.recheck)?);
                let keeps_sight =
                    !image.rule.min_age.is_zero() || image.rule.strategy.needs_dates();
                cache.list(&list, keeps_sight.then_some(now));
                *tags = Some(Arc::clone(&list));
                list
            }
        };
        let current = request.current.as_ref().map(|it| &it.version);
        let question = Question {
            rule: &image.rule,
            tags: &listed,
            current_tag: current
                .map(|it| it.tag.as_str())
                .filter(|it| !it.is_empty()),
            current_digest: current.and_then(|it| it.digest.as_deref()),
            after: request.after.as_ref().map(|it| it.tag.as_str()),
            after_digest: request.after.as_ref().and_then(|it| it.digest.as_deref()),
            now,
        };
        let mut lookup = Lookup::new(repository, cache, &image.rule, self.recheck, now);
        let decision = decide(&question, &mut lookup)?;
        Ok(settled(request, decision.answer, decision.verdicts, now))
    }
}

/// Puts the answer together with what people wish.
fn settled(
    request: &Request<'_>,
    answer: Answer,
    verdicts: Vec<TagVerdict>,
    now: Timestamp,
) -> Settled {
    let current = request.current.as_ref().map(|it| it.version.clone());
    match answer {
        Answer::Undecided { reason, why } => Settled {
            candidate: None,
            is_update: false,
            is_decided: false,
            reason,
            why,
            verdicts,
        },
        Answer::Keep { reason, why } => Settled {
            candidate: current,
            is_update: false,
            is_decided: true,
            reason,
            why,
            verdicts,
        },
        Answer::Update { tag, digest } => {
            let pinned = match request.image.pin {
                Pin::Tag => None,
                Pin::Both => digest,
            };
            let candidate = Version {
                tag,
                digest: pinned,
            };
            let hold = held(request, now).map(|it| format!("`{candidate}` is {it}"));
            Settled {
                is_update: hold.is_none(),
                is_decided: true,
                reason: if hold.is_none() { "update" } else { "held" },
                why: hold.unwrap_or_else(|| match &current {
                    Some(current) => format!("`{candidate}` comes after `{current}`"),
                    None => format!("`{candidate}` is the last one of the order"),
                }),
                candidate: Some(candidate),
                verdicts,
            }
        }
    }
}

/// Returns why an image is to be left as it is.
fn held(request: &Request<'_>, now: Timestamp) -> Option<String> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let until = |it| format!("held until {it}");
    match &request.image.hold {
        Some(HoldSetting::Always(true)) => return Some("held by the configuration".to_owned()),
        Some(HoldSetting::Until(day)) if today < *day => {
            return Some(format!("{} by the configuration", until(*day)));
        }
        _ => {}
    }
    let hold = request.current.as_ref()?.hold?;
    if !hold.counts_on(today) {
        return None;
    }
    let day = hold.until.map_or_else(|| "held".to_owned(), until);
    Some(format!("{day} by the comment in line {}", hold.line))
}

/// Returns the content of a target file below `folder`.
///
/// # Errors
///
/// Fails when the file is not there, leads out of the folder, or cannot be read.
pub fn read_file(folder: &Path, file: &str) -> Result<Vec<u8>, Failure> {
    let inner = autoscaleops_gitops::inner_path(Path::new(file))
        .map_err(|err| err.failure(Path::new(file)))?;
    match std::fs::read(folder.join(&inner)) {
        Ok(content) => Ok(content),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            Err(crate::target::missing(&inner, |it| {
                folder.join(it).is_file()
            }))
        }
        Err(err) => Err(Failure::error(
            "io",
            format!("cannot read `{inner}`: {err}"),
        )),
    }
}
