//! What the subcommands share: the configuration, one cycle of reading, polling and writing.

use std::path::PathBuf;

use autoscaleops_core::{Console, Failure, config, text};
use jiff::Timestamp;

use crate::{
    book::{self, Book, Written},
    cache::{self, Store},
    cli::{Cli, RuleArgs},
    poll::{Outcome, Watcher},
    settings::{Image, ImageSettings, Settings, Texts},
};

pub(crate) mod argo;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod run;

/// The configuration, and what asks registries by it.
pub(crate) struct Scene {
    pub(crate) settings: Settings,
    pub(crate) images: Vec<Image>,
    pub(crate) folder: PathBuf,
    pub(crate) watcher: Watcher,
}

impl Scene {
    pub(crate) fn of(cli: &Cli) -> anyhow::Result<Self> {
        let resolved = config::resolve::<Settings>("image-watch", &cli.common, &cli.flags())?;
        let folder = resolved.folder();
        let settings = resolved.value;
        let images = settings.read()?;
        let watcher = watcher(cli, &settings);
        Ok(Self {
            settings,
            images,
            folder,
            watcher,
        })
    }

    /// Returns the places of the named images; of all where none is named.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<usize>, Failure> {
        if self.images.is_empty() {
            return Err(Failure::usage("the configuration names no images")
                .kind_of("config")
                .hint("add `image-watch: {images: [{image: ghcr.io/acme/shop}]}` to autoscaleops.yaml"));
        }
        if names.is_empty() {
            return Ok((0..self.images.len()).collect());
        }
        names
            .iter()
            .map(|name| {
                let place = self.images.iter().position(|it| it.name == *name);
                place.ok_or_else(|| {
                    let known = self.images.iter().map(|it| it.name.as_str());
                    let failure =
                        Failure::usage(format!("no image is called `{}`", text::printable(name)));
                    match text::nearest(name, known) {
                        Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
                        None => failure,
                    }
                })
            })
            .collect()
    }

    /// Reads, polls, and writes where `write` says so.
    pub(crate) fn cycle(
        &mut self,
        book: &Book,
        selected: &[usize],
        write: bool,
    ) -> anyhow::Result<(Vec<Outcome>, Written)> {
        let currents = book.read(&self.images)?;
        let (requests, failed) = book::requests(&self.images, &currents, selected);
        let (places, requests): (Vec<usize>, Vec<_>) = requests.into_iter().unzip();
        let polled = self.watcher.poll(&requests, Timestamp::now())?;
        let mut outcomes: Vec<(usize, Outcome)> =
            places.into_iter().zip(polled).chain(failed).collect();
        outcomes.sort_by_key(|(place, _)| selected.iter().position(|it| it == place));
        let mut outcomes: Vec<Outcome> = outcomes.into_iter().map(|it| it.1).collect();
        let written = if write {
            book.write(&mut outcomes, &self.images)
        } else {
            Written {
                commits: vec![None; outcomes.len()],
                review: None,
            }
        };
        Ok((outcomes, written))
    }

    /// Returns the image of the configuration with this name, else one made of the name and flags.
    pub(crate) fn image(&self, name: &str, rule: &RuleArgs) -> Result<Image, Failure> {
        if let Some(image) = self.images.iter().find(|it| it.name == name) {
            return Ok(image.clone());
        }
        let settings = ImageSettings {
            image: name.to_owned(),
            strategy: rule.strategy.clone().unwrap_or_default(),
            constraint: rule.constraint.clone(),
            allow: rule.allow.clone(),
            ignore: Texts::Many(rule.ignore.clone()),
            extract: rule.extract.clone(),
            platform: Texts::Many(rule.platform.clone()),
            min_age: rule.min_age,
            loose: rule.loose,
            pre_releases: rule.pre_releases,
            current: rule.current.clone(),
            ..ImageSettings::default()
        };
        settings.read(self.settings.compat.into())
    }
}

/// Says that what was learned is lost with this process: the next one asks for all of it again, and the
/// age of what a registry gives no date for begins anew.
pub(crate) fn warn_of_cache(trouble: &str, console: &Console) {
    console.warn(&format!(
        "the cache cannot be kept: {trouble}; name another place with --cache, or use --no-cache"
    ));
}

pub(crate) fn watcher(cli: &Cli, settings: &Settings) -> Watcher {
    let cache = if cli.reach.no_cache {
        None
    } else {
        settings.cache.clone().or_else(cache::default_folder)
    };
    Watcher::new(
        settings.clone(),
        cli.http.ca_file.clone(),
        Store::new(cache),
        cli.reach.recheck,
    )
}
