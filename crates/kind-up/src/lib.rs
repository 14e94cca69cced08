//! From an empty machine to a GitOps cluster, and to an embedded stand-in where there is no Docker.
//!
//! In reading order: `settings` says what is wanted, `up` brings it about on one of the providers
//! (`embedded`, …) through `cluster`, `details` and `render` say what came of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use autoscaleops_core::{
    CommonArgs, Console, Failure, Format, Look, Report, Subject, Tool, Verdict, cli::VERSION,
    cluster::block_on, config, stop, time::Span,
};
use autoscaleops_rehearsal::State;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

mod cluster;
mod details;
mod embedded;
mod manifest;
mod render;
mod settings;
mod up;

pub use details::Details;
pub use settings::{Provider, Settings};

use crate::cluster::Cluster;

const EXAMPLES: &str = "\
Examples:
  kind-up                                              create or complete the cluster; nothing to do when all is there
  kind-up plan                                         what that would do, changing nothing
  kind-up doctor                                       every check at once, each with its remedy
  kind-up up --provider embedded --image ghcr.io/acme/shop=target/release/demo-app --manifest apps.yaml
  export KUBECONFIG=$(kind-up kubeconfig --path)       the private kubeconfig; it never becomes the current context
  kind-up down --yes                                   delete everything

Exit codes: 0 all is there, 10 the cluster differs from the configuration or an application is not healthy,
11 the time was over, 2 the configuration is wrong, 3 Docker, kind or the cluster is not available";

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
    /// Answer yes to every question
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create or complete the cluster
    Up {
        /// Print a bar for each phase, the critical path marked
        #[arg(long)]
        timings: bool,
        /// Leave the applications to themselves instead of waiting for their health
        #[arg(long)]
        no_wait: bool,
    },
    /// Show nodes, applications and addresses
    Status {
        /// Show them again whenever they change, until interrupted
        #[arg(long)]
        watch: bool,
    },
    /// Print the private kubeconfig
    Kubeconfig {
        /// Print where it lies instead
        #[arg(long)]
        path: bool,
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

/// One run: what is wanted, and where it is.
struct Run {
    settings: Settings,
    state: State,
    folder: PathBuf,
    yes: bool,
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
            None => up::up(&run, console, false, true),
            Some(Command::Up { timings, no_wait }) => up::up(&run, console, timings, !no_wait),
            Some(Command::Status { watch: false }) => run.status(),
            Some(Command::Status { watch: true }) => run.watch(console),
            Some(Command::Kubeconfig { path }) => run.kubeconfig(path),
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
        if !flags.manifests.is_empty() {
            settings.manifests.clone_from(&flags.manifests);
        } else {
            for manifest in &mut settings.manifests {
                *manifest = folder.join(&manifest);
            }
        }
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
            yes: flags.yes,
        })
    }
}

impl Run {
    /// Returns the details that every answer begins with.
    fn details(&self) -> Details {
        Details {
            cluster: self.settings.cluster.clone(),
            provider: self.settings.provider.as_str().to_owned(),
            stand_in: self.settings.provider == Provider::Embedded,
            ..Details::default()
        }
    }

    fn subject(&self) -> Subject {
        Subject::new("cluster", &self.settings.cluster)
    }

    fn is_up(&self) -> anyhow::Result<bool> {
        Ok(match self.settings.provider {
            Provider::Embedded => self.state.running()?.is_some(),
            _ => self.state.kubeconfig().exists(),
        })
    }

    fn not_up(&self) -> Failure {
        let command = match self.settings.provider {
            Provider::Embedded => "kind-up up --provider embedded",
            _ => "kind-up up",
        };
        Failure::unavailable(
            "cluster",
            format!("there is no cluster `{}`", self.settings.cluster),
        )
        .hint(command)
    }

    fn status(&self) -> anyhow::Result<Report<Details>> {
        if !self.is_up()? {
            return Err(self.not_up().into());
        }
        let mut details = self.details();
        details.kubeconfig = Some(self.state.kubeconfig().display().to_string());
        let looked: anyhow::Result<()> = block_on(async {
            let mut cluster =
                Cluster::connect(Some(&self.state.kubeconfig()), &self.settings.context()).await?;
            details.nodes = cluster.nodes().await?;
            details.applications = cluster.applications().await?;
            details.addresses = cluster.addresses("127.0.0.1").await?;
            Ok(())
        })?;
        looked.context("the cluster does not answer")?;
        Ok(self.judged(details))
    }

    /// Returns the report on a cluster: it passes when its nodes are ready and its applications healthy.
    fn judged(&self, details: Details) -> Report<Details> {
        let settled = details
            .applications
            .iter()
            .filter(|it| it.is_settled())
            .count();
        let ready = details.nodes.iter().filter(|it| it.ready).count();
        let (applications, nodes) = (details.applications.len(), details.nodes.len());
        let well = settled == applications && ready == nodes && nodes > 0;
        let verdict = if well { Verdict::Pass } else { Verdict::Fail };
        let what = if details.stand_in {
            "stand-in"
        } else {
            "cluster"
        };
        let summary = format!(
            "{what} {}: {ready} of {nodes} nodes ready, {settled} of {applications} applications synced and healthy",
            details.cluster
        );
        let kubeconfig = details.kubeconfig.clone().unwrap_or_default();
        Report::new(verdict, summary, details)
            .subject(self.subject())
            .output("cluster", self.settings.cluster.as_str())
            .output("provider", self.settings.provider.as_str())
            .output("kubeconfig", kubeconfig)
            .output("applications", applications)
            .output("healthy", settled)
    }

    fn watch(&self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        let mut last = None;
        loop {
            let mut report = self.status()?;
            if last.as_ref() != Some(&report.details) {
                last = Some(report.details.clone());
                console.emit::<Cli>(&mut report)?;
            }
            if stop::wait(Duration::from_secs(1)) {
                return Ok(report.emitted());
            }
        }
    }

    fn kubeconfig(&self, path: bool) -> anyhow::Result<Report<Details>> {
        let file = self.state.kubeconfig();
        if !file.exists() {
            return Err(self.not_up().into());
        }
        let mut details = self.details();
        details.kubeconfig = Some(file.display().to_string());
        details.text = Some(if path {
            format!("{}\n", file.display())
        } else {
            std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read `{}`", file.display()))?
        });
        let summary = format!("the kubeconfig is {}", file.display());
        Ok(Report::new(Verdict::Pass, summary, details)
            .subject(self.subject())
            .output("kubeconfig", file.display().to_string()))
    }

    fn down(&self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        if !self.yes && console.draws() {
            confirm(
                console,
                &format!(
                    "Delete the cluster `{}` and all that is in it?",
                    self.settings.cluster
                ),
            )?;
        }
        let was_there = embedded::stop(&self.state)?;
        let summary = if was_there {
            format!("{} is deleted", self.settings.cluster)
        } else {
            format!("there was no {}", self.settings.cluster)
        };
        Ok(Report::new(Verdict::Pass, summary, self.details())
            .subject(self.subject())
            .output("deleted", was_there))
    }
}

/// Asks on the terminal.
///
/// # Errors
///
/// Fails on any answer but yes.
fn confirm(console: &Console, question: &str) -> anyhow::Result<()> {
    use std::io::IsTerminal as _;
    let refused = || Failure::usage("not confirmed").hint("add `--yes`");
    if !std::io::stdin().is_terminal() {
        return Err(refused().into());
    }
    console.say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(refused().into())
    }
}
