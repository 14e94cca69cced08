//! From an empty machine to a GitOps cluster, and to an embedded stand-in where there is no Docker.
//!
//! In reading order: `settings` says what is wanted, `up` brings it about on one of the providers
//! (`embedded`, …) through `cluster`, `details` and `render` say what came of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use autoscaleops_core::{
    CommonArgs, Console, Failure, Format, Look, Report, Tool, Verdict, cli::VERSION,
    cluster::ClusterArgs, config, time::Span,
};
use autoscaleops_rehearsal::State;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

mod applications;
mod checks;
mod cluster;
mod details;
mod embedded;
mod env_file;
mod existing;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod graph;
mod kind;
mod kubeconfig;
mod lock;
mod manifest;
#[doc(hidden)]
pub mod paper;
mod platform;
mod render;
mod run;
mod settings;
mod spec;
mod up;

pub use details::{Details, Phase};
pub use settings::{Provider, Settings};

use crate::{run::Run, settings::GitCredentials};

const EXAMPLES: &str = "\
Examples:
  kind-up                        create or complete the cluster
  kind-up plan                   what that would do, changing nothing
  kind-up doctor                 every check at once, each with its remedy
  kind-up up --provider embedded --manifest apps.yaml \\
      --image ghcr.io/acme/shop=target/release/demo-app
  export KUBECONFIG=$(kind-up kubeconfig --path)
  kind-up down --yes             delete everything

Exit codes: 0 all is there, 10 the cluster differs from the configuration or an
application is not healthy, 11 the time was over, 2 the configuration is wrong,
3 Docker, kind or the cluster is not available";

/// Bring up the GitOps cluster, from an empty machine to healthy applications
#[derive(Debug, Parser)]
#[command(name = "kind-up", version = VERSION, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags that stand for keys of the configuration, and those of one run.
#[derive(Debug, Clone, Args)]
struct Flags {
    /// What the platform stands on
    #[arg(long, value_enum, global = true, value_name = "PROVIDER")]
    provider: Option<Provider>,
    /// Name of the cluster
    #[arg(long, global = true, value_name = "NAME")]
    cluster: Option<String>,
    /// Folder for kubeconfig and state
    #[arg(long, global = true, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// How long a bring-up may take in all
    #[arg(long, global = true, value_name = "DURATION")]
    timeout: Option<Span>,
    /// Manifest to apply when the cluster is up (can be repeated)
    #[arg(long = "manifest", global = true, value_name = "FILE")]
    manifests: Vec<PathBuf>,
    /// Embedded: program that runs for an image (can be repeated)
    #[arg(long = "image", global = true, value_name = "REPOSITORY=PROGRAM")]
    images: Vec<String>,
    /// Embedded: how often the autoscaler decides
    #[arg(long, global = true, value_name = "DURATION")]
    sync_period: Option<Span>,
    /// Embedded: how often a Git branch is looked at
    #[arg(long, global = true, value_name = "DURATION")]
    git_period: Option<Span>,
    /// Existing: context of the kubeconfig that the platform goes to
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Existing: kubeconfig that holds the context
    #[arg(
        long = "kubeconfig",
        id = "kubeconfig_file",
        global = true,
        value_name = "FILE"
    )]
    kubeconfig_file: Option<PathBuf>,
    /// File such as .env with user and token of Git, for Image Updater: parsed, never sourced
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["token_file", "username"])]
    env_file: Option<PathBuf>,
    /// File that holds the Git token, - for standard input
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// User that the Git token belongs to
    #[arg(long, global = true, value_name = "NAME")]
    username: Option<String>,
    /// Delete a cluster that differs from the configuration, and make it anew
    #[arg(long, global = true)]
    recreate: bool,
    /// Take over fields that other managers own
    #[arg(long, global = true)]
    force_conflicts: bool,
    /// Run one phase only, with what it needs: cluster, nodes, definitions, settings, workloads, root, …
    #[arg(long, global = true, value_name = "PHASE")]
    only: Option<String>,
    /// Print a bar for each phase, the critical path marked
    #[arg(long, global = true)]
    timings: bool,
    /// Answer yes to every question
    #[arg(long, global = true)]
    yes: bool,
}

impl Flags {
    /// Puts the files that were named here in the place of those of the configuration.
    fn git_credentials(&self, settings: &mut GitCredentials) {
        let here = |it: &PathBuf| {
            let is_input = it.as_os_str() == "-";
            let absolute = || std::path::absolute(it).unwrap_or_else(|_| it.clone());
            if is_input { it.clone() } else { absolute() }
        };
        if let Some(path) = &self.env_file {
            settings.env_file = Some(here(path));
        }
        if let Some(path) = &self.token_file {
            settings.env_file = None;
            settings.token_file = Some(here(path));
        }
        if let Some(name) = &self.username {
            settings.username = Some(name.clone());
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create or complete the cluster
    Up {
        /// Leave the applications to themselves instead of waiting for their health
        #[arg(long)]
        no_wait: bool,
    },
    /// Show what up would do, with the drift from the configuration, changing nothing
    Plan,
    /// Look at everything that a bring-up needs, at once, each with its remedy
    Doctor,
    /// Show nodes, applications and addresses
    Status {
        /// Show them again whenever they change, until interrupted
        #[arg(long)]
        watch: bool,
    },
    /// Print user and password of Argo CD and Grafana
    Credentials,
    /// Print the private kubeconfig, or add it to another one
    Kubeconfig {
        /// Print where it lies instead
        #[arg(long)]
        path: bool,
        /// For a client in WSL that reaches this machine at ADDRESS: the name in the certificate stays `localhost`
        #[arg(long, value_name = "ADDRESS", conflicts_with = "path")]
        wsl: Option<std::net::IpAddr>,
        /// Add it to FILE instead, by default to the user's own; the current context stays what it is
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "path")]
        merge: Option<PathBuf>,
    },
    /// Delete the cluster
    Down,
    /// Run the stand-in in this process
    #[command(name = "__serve", hide = true)]
    Serve {
        #[arg(long)]
        state: PathBuf,
        #[arg(long)]
        context: String,
    },
}

/// The flags that are keys, as the configuration takes them.
#[derive(Serialize)]
struct Keys<'a> {
    provider: Option<Provider>,
    cluster: Option<&'a str>,
    state_dir: Option<&'a Path>,
    timeout: Option<Span>,
    manifests: Option<&'a [PathBuf]>,
}

impl Tool for Cli {
    const NAME: &'static str = "kind-up";
    type Section = Settings;
    type Details = Details;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        if let Some(Command::Serve { state, context }) = &self.command {
            autoscaleops_rehearsal::serve(&State::new(state), context)?;
            return Ok(Report::new(
                Verdict::Pass,
                "the stand-in ended",
                Details::default(),
            ));
        }
        let run = self.prepare()?;
        match self.command {
            None => up::up(&run, console, true),
            Some(Command::Up { no_wait }) => up::up(&run, console, !no_wait),
            Some(Command::Plan) => run.plan(),
            Some(Command::Doctor) => checks::doctor(&run),
            Some(Command::Status { watch: false }) => run.status(),
            Some(Command::Status { watch: true }) => run.watch(console),
            Some(Command::Credentials) => run.credentials(),
            Some(Command::Kubeconfig { path: true, .. }) => kubeconfig::path(&run),
            Some(Command::Kubeconfig { wsl, merge, .. }) => match merge {
                None => kubeconfig::print(&run, wsl),
                Some(file) => kubeconfig::merge_into(&run, wsl, &file),
            },
            Some(Command::Down) => run.down(console),
            Some(Command::Serve { .. }) => unreachable!("answered above"),
        }
    }

    fn render(report: &Report<Details>, format: Format, look: &Look) -> Option<String> {
        (format == Format::Human).then(|| render::human(report, look))
    }
}

impl Cli {
    fn prepare(&self) -> anyhow::Result<Run> {
        let flags = &self.flags;
        let keys = Keys {
            provider: flags.provider,
            cluster: flags.cluster.as_deref(),
            state_dir: flags.state_dir.as_deref(),
            timeout: flags.timeout,
            manifests: Some(flags.manifests.as_slice()).filter(|it| !it.is_empty()),
        };
        let resolved = config::resolve::<Settings>(Self::NAME, &self.common, &keys)?;
        let folder = resolved.folder();
        let mut settings = resolved.value;
        if !settings::is_cluster_name(&settings.cluster) {
            return Err(Failure::usage(format!(
                "`{}` cannot be the name of a cluster",
                settings.cluster
            ))
            .hint("take lower-case letters, digits and dashes, 50 at most")
            .into());
        }
        embedded::absolute(&mut settings.embedded, &folder);
        settings.add_images(&flags.images).map_err(Failure::usage)?;
        embedded::absolute(&mut settings.embedded, Path::new("."));
        if let Some(period) = flags.sync_period {
            settings.embedded.sync_period = period;
            settings.embedded.metrics_window = Span(
                settings
                    .embedded
                    .metrics_window
                    .0
                    .min(period.0.max(Duration::from_secs(2))),
            );
        }
        if let Some(period) = flags.git_period {
            settings.embedded.git_period = period;
        }
        if flags.manifests.is_empty() {
            for manifest in &mut settings.manifests {
                *manifest = folder.join(&manifest);
            }
        } else {
            settings.manifests.clone_from(&flags.manifests);
        }
        flags.git_credentials(&mut settings.git_credentials);
        let state = State::new(embedded::state_folder(
            settings.state_dir.as_deref(),
            &settings.cluster,
        )?);
        // What stands on this name already says what it stands on, unless a flag says otherwise.
        if flags.provider.is_none()
            && state.folder().join("journal.jsonl").exists()
            && !matches!(self.command, None | Some(Command::Up { .. }))
        {
            settings.provider = Provider::Embedded;
        }
        Ok(Run {
            settings,
            state,
            folder,
            access: ClusterArgs {
                kubeconfig: flags.kubeconfig_file.clone(),
                context: flags.context.clone(),
            },
            recreate: flags.recreate,
            force_conflicts: flags.force_conflicts,
            only: flags.only.clone(),
            timings: flags.timings,
            yes: flags.yes,
        })
    }
}
