//! The target files: where they are read, and how what was decided is written to them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use autoscaleops_core::{Failure, cli::VERSION};
use autoscaleops_gitops::{
    Change, Edit, Landed, Landing, Message, NewValue, OnConflict, Outcome as Fate, Source, land,
    path_in_checkout, review_branch,
};

use crate::{
    details::{self, ImageDetails},
    poll::{self, Outcome, Request},
    review::{Hub, Offer, Review, State},
    settings::{Image, Settings},
    target::{self, Current},
    tip::{self, Tip},
};

/// The target files of one configuration.
#[derive(Debug)]
pub struct Book {
    place: Place,
    branch: Option<String>,
    remote: String,
    message: Option<String>,
    review: Option<String>,
    /// Where pull requests are opened, if we may.
    hub: Option<Hub>,
}

#[derive(Debug)]
enum Place {
    /// Files of a folder, for a look.
    Folder(PathBuf),
    /// The branch of a checkout's remote, for writing.
    Checkout { folder: PathBuf, tip: Tip },
    /// The branch of a repository without a checkout.
    Url { url: String, tip: Tip },
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The commit of each outcome.
    pub commits: Vec<Option<String>>,
    /// The pull request.
    pub review: Option<Review>,
}

impl Book {
    /// Opens the target files. To `write`, they are read at the tip of their branch.
    ///
    /// # Errors
    ///
    /// Fails when the repository is an address and no temporary repository can be made.
    pub fn open(
        settings: &Settings,
        images: &[Image],
        folder: &Path,
        write: bool,
        ca_file: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let branch = settings.branch.as_deref();
        let is_url = |it: &str| it.contains("://") || (it.contains('@') && it.contains(':'));
        let place = match settings.repository.as_deref() {
            Some(url) if is_url(url) => Place::Url {
                url: url.to_owned(),
                tip: Tip::of_url(url, branch)?,
            },
            other => {
                let folder = other.map_or_else(|| folder.to_owned(), |it| folder.join(it));
                if write {
                    let tip = Tip::of_checkout(&folder, &settings.remote, branch);
                    Place::Checkout { folder, tip }
                } else {
                    Place::Folder(folder)
                }
            }
        };
        let review = if settings.pr {
            let mut files: Vec<&str> = images
                .iter()
                .filter_map(|it| Some(it.target.as_ref()?.file.as_str()))
                .collect();
            files.sort_unstable();
            files.dedup();
            let target = format!("{}|{}", branch.unwrap_or_default(), files.join("|"));
            Some(review_branch("image-watch", &target).map_err(|err| err.failure())?)
        } else {
            None
        };
        let address = match &place {
            Place::Url { url, .. } => Some(url.as_str()),
            Place::Checkout { tip, .. } => tip.address(),
            Place::Folder(_) => None,
        };
        let hub = match address.filter(|_| review.is_some() && write) {
            Some(address) => Hub::of(address, ca_file)?,
            None => None,
        };
        Ok(Self {
            place,
            hub,
            branch: settings.branch.clone(),
            remote: settings.remote.clone(),
            message: settings.message.clone(),
            review,
        })
    }

    /// Returns what is written now for each image; `None` for one without a target.
    ///
    /// # Errors
    ///
    /// Fails when the branch cannot be read. What is wrong with one file is its own answer.
    pub fn read(&self, images: &[Image]) -> anyhow::Result<Vec<Result<Option<Current>, Failure>>> {
        let commit = match &self.place {
            Place::Folder(_) => None,
            Place::Checkout { tip, .. } | Place::Url { tip, .. } => Some(tip.fetch()?),
        };
        let mut files: BTreeMap<String, Result<Vec<u8>, Failure>> = BTreeMap::new();
        let answers = images.iter().map(|image| {
            let Some(target) = &image.target else {
                return Ok(image.current.as_deref().map(|it| Current {
                    version: autoscaleops_gitops::Version::of(it),
                    path: String::new(),
                    line: 0,
                    hold: None,
                }));
            };
            let content =
                files
                    .entry(target.file.clone())
                    .or_insert_with(|| match (&self.place, &commit) {
                        (Place::Checkout { tip, .. } | Place::Url { tip, .. }, Some(commit)) => {
                            tip.read(commit, &self.inner(&target.file)?)
                        }
                        (Place::Folder(folder), _) | (Place::Checkout { folder, .. }, None) => {
                            poll::read_file(folder, &target.file)
                        }
                        (Place::Url { .. }, None) => {
                            Err(Failure::error("bug", "no commit to read from"))
                        }
                    });
            target::read(content.as_ref().map_err(Clone::clone)?, target, image).map(Some)
        });
        Ok(answers.collect())
    }

    /// Returns a target file as a path from the root of the repository.
    fn inner(&self, file: &str) -> Result<String, Failure> {
        match &self.place {
            Place::Checkout { folder, .. } | Place::Folder(folder) => {
                path_in_checkout(folder, Path::new(file))
                    .map(|it| it.1)
                    .map_err(|err| err.failure())
            }
            Place::Url { .. } => autoscaleops_gitops::inner_path(Path::new(file))
                .map_err(|err| err.failure(Path::new(file))),
        }
    }

    /// Writes every update in one commit, and notes in the outcomes what came of it.
    pub fn write(&self, outcomes: &mut [Outcome], images: &[Image]) -> Written {
        let mut written = Written {
            commits: vec![None; outcomes.len()],
            review: None,
        };
        let mut changes = Vec::new();
        let mut places = Vec::new();
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            match self.change(outcome, images) {
                Ok(Some(change)) => {
                    changes.push(change);
                    places.push(index);
                }
                Ok(None) => {}
                Err(failure) => outcome.result = Err(failure),
            }
        }
        if changes.is_empty() {
            return written;
        }
        let source = match &self.place {
            Place::Checkout { folder, .. } | Place::Folder(folder) => {
                Source::Checkout(folder.clone())
            }
            Place::Url { url, .. } => Source::Url(url.clone()),
        };
        let mut message = Message::of_tool(format!("image-watch {VERSION}"));
        message.template.clone_from(&self.message);
        let mut landing = Landing::new(source, message);
        landing.branch.clone_from(&self.branch);
        landing.remote.clone_from(&self.remote);
        landing.review.clone_from(&self.review);
        landing.token = tip::token();
        // Somebody else was faster: the next poll decides on what they wrote.
        landing.on_conflict = OnConflict::Skip;
        match land(&landing, &changes) {
            Ok(landed) => {
                note(&landed, outcomes, &places, &mut written);
                match self.offer(&landed, outcomes, &places) {
                    Ok(None) => {}
                    Ok(review) => written.review = review,
                    Err(failure) => fail(outcomes, &places, &failure),
                }
            }
            Err(err) => fail(outcomes, &places, &err.failure()),
        }
        written
    }

    /// Opens the pull request for what is on the branch of its own.
    fn offer(
        &self,
        landed: &Landed,
        outcomes: &[Outcome],
        places: &[usize],
    ) -> Result<Option<Review>, Failure> {
        let (Some(hub), Some(from)) = (&self.hub, &landed.review_branch) else {
            return Ok(None);
        };
        let updates: Vec<ImageDetails> = places
            .iter()
            .filter_map(|it| outcomes.get(*it))
            .map(ImageDetails::of)
            .filter(|it| it.changed)
            .collect();
        if updates.is_empty() || landed.commit.is_none() {
            return Ok(None);
        }
        let (title, body) = (details::title(&updates), details::letter(&updates));
        hub.offer(&Offer {
            from,
            to: &landed.branch,
            title: &title,
            body: &body,
        })
        .map(Some)
    }

    fn change(&self, outcome: &Outcome, images: &[Image]) -> Result<Option<Change>, Failure> {
        let (Ok(settled), Some(target)) = (&outcome.result, &outcome.target) else {
            return Ok(None);
        };
        let (true, Some(candidate)) = (settled.is_update, &settled.candidate) else {
            return Ok(None);
        };
        let Some(image) = images.iter().find(|it| it.name == outcome.name) else {
            return Ok(None);
        };
        let unusable =
            |err: autoscaleops_core::image::ImageError| Failure::error("bug", err.to_string());
        let value = NewValue::Image {
            tag: Some(candidate.tag.parse().map_err(unusable)?),
            digest: candidate
                .digest
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(unusable)?,
        };
        let mut edit = Edit::new(target.address(&image.image), value);
        edit.document = target.document;
        Ok(Some(Change {
            file: self.inner(&target.file)?,
            edit,
            expect: outcome.current.as_ref().map(|it| it.version.to_string()),
            image: Some(image.image.name().to_owned()),
        }))
    }
}

fn fail(outcomes: &mut [Outcome], places: &[usize], failure: &Failure) {
    for place in places {
        if let Some(outcome) = outcomes.get_mut(*place) {
            outcome.result = Err(failure.clone());
        }
    }
}

/// Notes in the outcomes what landing came to.
fn note(landed: &Landed, outcomes: &mut [Outcome], places: &[usize], written: &mut Written) {
    written.review = landed.review_url.clone().map(|url| Review {
        url,
        state: State::ToOpen,
    });
    for (place, value) in places.iter().zip(&landed.values) {
        let Some(outcome) = outcomes.get_mut(*place) else {
            continue;
        };
        let Ok(settled) = &mut outcome.result else {
            continue;
        };
        let why = match value.outcome {
            Fate::Changed => {
                if let Some(commit) = written.commits.get_mut(*place) {
                    commit.clone_from(&landed.commit);
                }
                continue;
            }
            Fate::Unchanged => {
                settled.reason = "up_to_date";
                "somebody else has written it already"
            }
            Fate::Skipped => {
                settled.reason = "superseded";
                "somebody else has changed the value meanwhile; the next poll decides anew"
            }
        };
        settled.is_update = false;
        why.clone_into(&mut settled.why);
    }
}

/// Things with their place in the configuration.
type Placed<T> = Vec<(usize, T)>;

/// Returns the requests of a poll, for the images whose current value is known; what is wrong with
/// the others comes with their place.
pub fn requests<'a>(
    images: &'a [Image],
    currents: &[Result<Option<Current>, Failure>],
    selected: &[usize],
) -> (Placed<Request<'a>>, Placed<Outcome>) {
    let mut requests = Vec::new();
    let mut failed = Vec::new();
    let fail = |image: &Image, failure: Failure| Outcome {
        name: image.name.clone(),
        image: image.image.clone(),
        target: image.target.clone(),
        current: None,
        requests: 0,
        result: Err(failure),
    };
    for index in selected {
        let (Some(image), Some(current)) = (images.get(*index), currents.get(*index)) else {
            continue;
        };
        let after = image
            .after
            .as_ref()
            .and_then(|name| images.iter().position(|it| it.name == *name));
        let after = match after.and_then(|it| currents.get(it)) {
            None => Ok(None),
            Some(Ok(Some(current))) => Ok(Some(current.version.clone())),
            Some(Ok(None)) => Err(Failure::usage(format!(
                "`after` of `{}` names an image without a target",
                image.name
            ))
            .kind_of("config")),
            Some(Err(failure)) => Err(failure.clone()),
        };
        match (current, &after) {
            (Ok(current), Ok(after)) => requests.push((
                *index,
                Request {
                    image,
                    current: current.clone(),
                    after: after.clone(),
                },
            )),
            (Err(failure), _) | (_, Err(failure)) => {
                failed.push((*index, fail(image, failure.clone())));
            }
        }
    }
    (requests, failed)
}
