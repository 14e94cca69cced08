//! What each command does once the configuration is read.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use autoscaleops_core::{
    Console, Failure, Finding, Level, Report, Subject, Verdict,
    cluster::{ClusterArgs, block_on},
    stop, text,
};
use autoscaleops_rehearsal::State;

use crate::{
    Cli,
    cluster::Cluster,
    details::{Details, Step},
    embedded, existing, kind,
    platform::{logins, versions::Versions},
    settings::{Provider, Settings},
    spec::Spec,
};

/// One run: what is wanted, and where it is.
pub(crate) struct Run {
    /// The configuration with every layer applied.
    pub(crate) settings: Settings,
    /// The private folder of the cluster.
    pub(crate) state: State,
    /// Where relative paths of the configuration start.
    pub(crate) folder: PathBuf,
    /// The cluster of the user's that was named.
    pub(crate) access: ClusterArgs,
    /// Whether a cluster that differs is made anew.
    pub(crate) recreate: bool,
    /// Whether fields of other managers are taken.
    pub(crate) force_conflicts: bool,
    /// The one phase that is wanted.
    pub(crate) only: Option<String>,
    /// Whether the phases are shown.
    pub(crate) timings: bool,
    /// Whether questions are answered with yes.
    pub(crate) yes: bool,
}

impl Run {
    /// Returns how the cluster is reached: the private kubeconfig, but for a cluster of the user's.
    pub(crate) fn access(&self) -> ClusterArgs {
        match self.settings.provider {
            Provider::Existing => self.access.clone(),
            _ => ClusterArgs {
                kubeconfig: Some(self.state.kubeconfig()),
                context: Some(self.settings.context()),
            },
        }
    }

    /// Returns the cluster that should be there.
    ///
    /// # Errors
    ///
    /// Fails on what no cluster can be made of.
    pub(crate) fn spec(&self) -> Result<Spec, Failure> {
        let home = self.state.folder().to_owned();
        Spec::of(&self.settings, &self.folder, home, self.access())
    }

    /// Returns the details that every answer begins with.
    pub(crate) fn details(&self) -> Details {
        Details {
            cluster: self.settings.cluster.clone(),
            provider: self.settings.provider.as_str().to_owned(),
            stand_in: self.settings.provider == Provider::Embedded,
            ..Details::default()
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::new("cluster", &self.settings.cluster)
    }

    pub(crate) fn is_up(&self) -> anyhow::Result<bool> {
        Ok(match self.settings.provider {
            Provider::Embedded => self.state.running()?.is_some(),
            Provider::Existing => true,
            Provider::Kind => self.state.kubeconfig().exists(),
        })
    }

    pub(crate) fn not_up(&self) -> Failure {
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

    pub(crate) fn status(&self) -> anyhow::Result<Report<Details>> {
        if !self.is_up()? {
            return Err(self.not_up().into());
        }
        let mut details = self.details();
        details.kubeconfig = Some(self.state.kubeconfig().display().to_string());
        let looked: anyhow::Result<()> = block_on(async {
            let cluster = Cluster::connect(&self.access()).await?;
            details.nodes = cluster.nodes().await?;
            details.applications = cluster.applications().await?;
            details.addresses = cluster.addresses("127.0.0.1").await?;
            Ok(())
        })?;
        looked.context("the cluster does not answer")?;
        Ok(self.judged(details))
    }

    /// Returns the report on a cluster: it passes when its nodes are ready and its applications healthy.
    pub(crate) fn judged(&self, details: Details) -> Report<Details> {
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

    pub(crate) fn watch(&self, console: &mut Console) -> anyhow::Result<Report<Details>> {
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

    pub(crate) fn down(&self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        if !self.yes && console.draws() {
            confirm(
                console,
                &format!(
                    "Delete the cluster `{}` and all that is in it?",
                    self.settings.cluster
                ),
            )?;
        }
        let was_there = match self.settings.provider {
            Provider::Embedded => embedded::stop(&self.state)?,
            Provider::Kind => self.down_kind()?,
            Provider::Existing => {
                let refusal = Failure::usage(
                    "a cluster that kind-up did not make is not kind-up's to delete",
                );
                return Err(refusal
                    .hint(
                        "delete the root Application: `kubectl -n argocd delete application root`",
                    )
                    .into());
            }
        };
        let summary = if was_there {
            format!("{} is deleted", self.settings.cluster)
        } else {
            format!("there was no {}", self.settings.cluster)
        };
        Ok(Report::new(Verdict::Pass, summary, self.details())
            .subject(self.subject())
            .output("deleted", was_there))
    }

    fn down_kind(&self) -> anyhow::Result<bool> {
        let name = &self.settings.cluster;
        let was_there = kind::program::exists(name)?;
        if was_there {
            kind::program::delete(name, &self.state.kubeconfig())?;
        }
        // What is left of it must not be taken for a cluster.
        for file in ["kubeconfig", "kind.yaml"] {
            let _ = std::fs::remove_file(self.state.folder().join(file));
        }
        Ok(was_there)
    }

    /// Shows what `up` would do.
    pub(crate) fn plan(&self) -> anyhow::Result<Report<Details>> {
        let mut details = self.details();
        let (steps, drift) = match self.settings.provider {
            Provider::Embedded => (vec![self.plan_embedded()?], Vec::new()),
            Provider::Existing => (existing::plan(&self.spec()?)?, Vec::new()),
            Provider::Kind => kind::up::plan(&self.spec()?)?,
        };
        let verdict = if drift.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let summary = if drift.is_empty() {
            format!(
                "{}: {}",
                self.settings.cluster,
                text::count(steps.len() as u128, "step")
            )
        } else {
            drift_summary(&self.settings.cluster, drift.len())
        };
        details.steps = steps;
        details.drift = drift;
        let count = details.drift.len();
        Ok(Report::new(verdict, summary, details)
            .subject(self.subject())
            .output("drift", count))
    }

    fn plan_embedded(&self) -> anyhow::Result<Step> {
        let (action, note) = match self.state.running()? {
            Some(server) => ("keep", format!("it listens on https://{}", server.address)),
            None => ("create", "one process on this machine".to_owned()),
        };
        Ok(Step {
            action: action.to_owned(),
            subject: format!("stand-in {}", self.settings.cluster),
            note,
        })
    }

    /// Looks at everything that a bring-up needs.
    pub(crate) fn doctor(&self) -> anyhow::Result<Report<Details>> {
        let spec = self.spec()?;
        let versions = Versions::of(&spec)?;
        let mut details = self.details();
        details.checks = match self.settings.provider {
            Provider::Kind => {
                let there = kind::up::Existing::look(&spec).unwrap_or_default();
                kind::up::preflight(&spec, &versions, &there)
            }
            Provider::Embedded => kind::doctor::ports(&spec),
            Provider::Existing => Vec::new(),
        };
        let count = |outcome: &str| {
            details
                .checks
                .iter()
                .filter(|it| it.outcome == outcome)
                .count()
        };
        let (failed, warned) = (count("fail"), count("warn"));
        let verdict = if failed == 0 {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let summary = format!(
            "{} looked at, {failed} missing, {warned} risky",
            text::count(details.checks.len() as u128, "thing")
        );
        let findings: Vec<Finding> = details
            .checks
            .iter()
            .filter(|it| it.outcome != "pass")
            .map(|it| {
                let level = if it.outcome == "fail" {
                    Level::Error
                } else {
                    Level::Warning
                };
                Finding::new(level, it.id.clone(), format!("{}; {}", it.found, it.remedy))
            })
            .collect();
        Ok(Report::new(verdict, summary, details)
            .output("failed", failed)
            .output("warned", warned)
            .findings(findings))
    }

    /// Reads the passwords, and puts them nowhere but on the screen.
    pub(crate) fn credentials(&self) -> anyhow::Result<Report<Details>> {
        if !self.is_up()? {
            return Err(self.not_up().into());
        }
        if self.settings.provider == Provider::Embedded {
            let failure = Failure::unavailable(
                "no_credentials",
                "the stand-in has neither Argo CD nor Grafana, so there are no passwords",
            );
            return Err(failure
                .hint("`kind-up kubeconfig` holds the token of its API")
                .into());
        }
        let logins = logins::logins(&self.access())?;
        let mut text = String::new();
        for login in &logins {
            let password = match &login.password {
                Some(password) => password.expose(),
                None => "not there (yet, or deleted after it was changed)",
            };
            text.push_str(&format!(
                "{:<8} user {}, password {password}\n",
                login.what, login.user
            ));
        }
        let found = logins.iter().filter(|it| it.password.is_some()).count();
        let mut details = self.details();
        details.text = Some(text);
        let verdict = if found == logins.len() {
            Verdict::Pass
        } else {
            Verdict::Undecided
        };
        Ok(Report::new(
            verdict,
            format!("{found} of {} passwords found", logins.len()),
            details,
        ))
    }
}

/// Returns what is said of a cluster that differs.
pub(crate) fn drift_summary(cluster: &str, count: usize) -> String {
    format!(
        "{cluster} differs from the configuration in {}; `kind-up up --recreate` makes it anew, which deletes what is in it",
        text::count(count as u128, "point")
    )
}

/// Asks on the terminal.
///
/// # Errors
///
/// Fails on any answer but yes.
pub(crate) fn confirm(console: &Console, question: &str) -> anyhow::Result<()> {
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
