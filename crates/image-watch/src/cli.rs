//! The command line.

use std::path::PathBuf;

use autoscaleops_core::{CommonArgs, http::HttpArgs, time::Span};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::settings::CompatSetting;

const EXAMPLES: &str = "\
Examples:
  image-watch check                            what should run, for every image of the configuration
  image-watch check -o json | tag-bump --from -   and let tag-bump write it
  image-watch check --write                    write it in one commit, and push
  image-watch run --write --interval 2m        the same as a daemon
  image-watch tags ghcr.io/acme/shop           how every tag stands
  image-watch explain shop-prod 1.3.0-rc1      why this one is not chosen";

/// Find the tag of an image that should run, and say so or write it
#[derive(Debug, Parser)]
#[command(name = "image-watch", after_help = EXAMPLES, subcommand_required = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Poll once: a line for each image with what runs, what should, and why
    Check(CheckArgs),
    /// Poll again and again, as a daemon
    Run(RunArgs),
    /// Print every tag of an image in the order of its strategy, with the verdict on each
    Tags(TagsArgs),
    /// Print the way of one tag through the filters
    Explain(ExplainArgs),
    /// Print our configuration for a resource of Argo CD Image Updater, or annotated Applications
    Import(ImportArgs),
    /// Print a resource of Argo CD Image Updater for our configuration
    ExportCr(ExportArgs),
}

/// How registries are reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct Reach {
    /// Registry that may be asked without encryption (can be repeated)
    #[arg(long, value_name = "HOST", global = true)]
    pub(crate) insecure: Vec<String>,
    /// Folder for what polls learn
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) cache: Option<PathBuf>,
    /// Keep nothing of what this poll learns, and begin cold
    #[arg(long, global = true, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
    /// Ask for the digest of every tag again, as if tags moved
    #[arg(long, global = true)]
    pub(crate) recheck: bool,
    /// Whose semantics apply where ours and Image Updater's differ
    #[arg(long, value_enum, value_name = "WHOSE", global = true)]
    pub(crate) compat: Option<CompatSetting>,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct WriteArgs {
    /// Write the updates to the target files in one commit, and push it
    #[arg(long)]
    pub(crate) write: bool,
    /// Push to a branch of its own, for a pull request
    #[arg(long, requires = "write")]
    pub(crate) pr: bool,
    /// Git repository with the target files, an address or a folder
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
    /// Branch with the target files
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Remote of a repository that is a folder
    #[arg(long, value_name = "NAME")]
    pub(crate) remote: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Images to poll, by name; all where none is given
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    /// Rehearse what Argo CD Image Updater would do with this resource
    #[arg(long, value_name = "CR.yaml", requires = "apps")]
    pub(crate) from_cr: Option<PathBuf>,
    /// Folder with the Applications that the resource speaks of
    #[arg(long, value_name = "DIR", requires = "from_cr")]
    pub(crate) apps: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Images to poll, by name; all where none is given
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    /// Time between two polls
    #[arg(long, value_name = "SPAN")]
    pub(crate) interval: Option<Span>,
    /// Address to serve /metrics and /healthz at
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// End after so many polls
    #[arg(long, value_name = "COUNT")]
    pub(crate) polls: Option<u64>,
}

/// A rule on the command line, for an image that no configuration names.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Rule options")]
pub(crate) struct RuleArgs {
    /// What decides between tags
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// Versions that may run, such as `>=1.0, <2`; for `digest` the tag
    #[arg(long, value_name = "CONSTRAINT")]
    pub(crate) constraint: Option<String>,
    /// Regular expression of tags that may run
    #[arg(long, value_name = "REGEX")]
    pub(crate) allow: Option<String>,
    /// Pattern of tags that may not run (can be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(crate) ignore: Vec<String>,
    /// Regular expression whose first group is compared
    #[arg(long, value_name = "REGEX")]
    pub(crate) extract: Option<String>,
    /// Platform that an image must have (can be repeated)
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Vec<String>,
    /// How long an image must have existed
    #[arg(long, value_name = "SPAN")]
    pub(crate) min_age: Option<Span>,
    /// Take a tag of digits alone for a version
    #[arg(long)]
    pub(crate) loose: bool,
    /// Admit pre-releases although the constraint names none
    #[arg(long)]
    pub(crate) pre_releases: bool,
    /// Tag that runs now
    #[arg(long, value_name = "TAG")]
    pub(crate) current: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TagsArgs {
    /// Image of the configuration by name, or any image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) rule: RuleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Image of the configuration by name, or any image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Tag to explain
    #[arg(value_name = "TAG")]
    pub(crate) tag: String,
    #[command(flatten)]
    pub(crate) rule: RuleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Resources of Image Updater and Applications, YAML
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Name of the resource
    #[arg(long, value_name = "NAME", default_value = "image-watch")]
    pub(crate) name: String,
    /// Namespace of the resource
    #[arg(long, value_name = "NAME", default_value = "argocd")]
    pub(crate) namespace: String,
    /// Pattern of the Applications that the resource is for
    #[arg(long, value_name = "PATTERN")]
    pub(crate) application: String,
}

/// What flags say about the section, under the names of its keys.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Flags {
    insecure: Vec<String>,
    cache: Option<PathBuf>,
    compat: Option<CompatSetting>,
    repository: Option<String>,
    branch: Option<String>,
    remote: Option<String>,
    pr: Option<bool>,
    interval: Option<Span>,
}

impl Cli {
    pub(crate) fn flags(&self) -> Flags {
        let write = match &self.command {
            Command::Check(it) => it.write.clone(),
            Command::Run(it) => it.write.clone(),
            _ => WriteArgs::default(),
        };
        Flags {
            insecure: self.reach.insecure.clone(),
            cache: self.reach.cache.clone(),
            compat: self.reach.compat,
            repository: write.repository,
            branch: write.branch,
            remote: write.remote,
            pr: write.pr.then_some(true),
            interval: match &self.command {
                Command::Run(it) => it.interval,
                _ => None,
            },
        }
    }
}
