//! What each command does once the configuration is read.

use std::{fs::File, path::PathBuf, time::Duration};

use anyhow::Context as _;
use autoscaleops_core::{
    Console, Failure, Format, Report, Subject, Verdict,
    cluster::{ClusterArgs, block_on},
    failure, stop, text,
};
use autoscaleops_rehearsal::State;

use crate::{
    Cli, applications,
    cluster::Cluster,
    details::{Details, Step},
    embedded, existing, kind, lock,
    platform::logins,
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
        let name = &self.settings.cluster;
        let is_resting = self.settings.provider == Provider::Embedded
            && self.state.folder().join("journal.jsonl").exists();
        let message = if is_resting {
            format!("the stand-in `{name}` does not run; what was in it is kept")
        } else {
            format!("there is no cluster `{name}`")
        };
        Failure::unavailable("cluster", message).hint(command)
    }

    pub(crate) fn status(&self) -> anyhow::Result<Report<Details>> {
        self.assert_named()?;
        if !self.is_up()? {
            return Err(self.not_up().into());
        }
        let mut details = self.details();
        if self.settings.provider != Provider::Existing {
            details.kubeconfig = Some(self.state.kubeconfig().display().to_string());
        }
        let looked: anyhow::Result<()> = block_on(async {
            let cluster = Cluster::connect(&self.access()).await?;
            self.look(&cluster, &mut details).await
        })?;
        looked.map_err(|err| match failure::of(&err) {
            Some(_) => err,
            None => err.context(
                Failure::unavailable("cluster", "the cluster does not answer").hint(
                    "`kind-up up` starts what has stopped; `kind-up doctor` looks at the machine",
                ),
            ),
        })?;
        Ok(self.judged(details))
    }

    /// Looks at nodes, applications and addresses.
    pub(crate) async fn look(
        &self,
        cluster: &Cluster,
        details: &mut Details,
    ) -> anyhow::Result<()> {
        details.nodes = cluster.nodes().await?;
        details.applications = applications::look(cluster).await?;
        let local = || "127.0.0.1".to_owned();
        let (host, published) = match self.settings.provider {
            Provider::Embedded => (local(), None),
            Provider::Existing => (cluster.node_address().await?.unwrap_or_else(local), None),
            Provider::Kind => {
                let ports: Vec<u16> = self.settings.ports.iter().map(|it| it.port).collect();
                let address = &self.settings.kind.listen_address;
                let is_any = matches!(address.as_str(), "0.0.0.0" | "::");
                let host = if is_any { local() } else { address.clone() };
                (host, Some(ports))
            }
        };
        details.addresses = cluster.addresses(&host, published.as_deref()).await?;
        Ok(())
    }

    /// Refuses a cluster of the user's that was not named.
    ///
    /// # Errors
    ///
    /// Fails when it was not.
    pub(crate) fn assert_named(&self) -> Result<(), Failure> {
        if self.settings.provider != Provider::Existing || self.access.context.is_some() {
            return Ok(());
        }
        let refusal = "`--provider existing` needs `--context NAME`: the current context can be the wrong one";
        Err(Failure::usage(refusal).hint("`kubectl config get-contexts` lists them"))
    }

    /// Returns the name of the cluster of the user's.
    ///
    /// # Errors
    ///
    /// Fails when none was named.
    pub(crate) fn named(&self) -> Result<&str, Failure> {
        self.assert_named()?;
        Ok(self.access.context.as_deref().unwrap_or_default())
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
        // What cannot be looked at now is an error; what cannot be looked at later may come back.
        let mut report = self.status()?;
        let mut last = None;
        loop {
            if last.as_ref() != Some(&report.details) {
                if last.is_some() && console.format() == Format::Human {
                    console.answer("\n")?;
                }
                last = Some(report.details.clone());
                console.emit::<Cli>(&mut report)?;
            }
            if stop::wait(Duration::from_secs(1)) {
                return Ok(report.emitted());
            }
            match self.status() {
                Ok(looked) => report = looked,
                Err(err) => {
                    if last.take().is_some() {
                        console.warn(&format!("{err}; looking again until it answers"));
                    }
                    while !stop::wait(Duration::from_secs(1)) {
                        if let Ok(looked) = self.status() {
                            report = looked;
                            break;
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn down(&self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        if self.settings.provider == Provider::Existing {
            let refusal =
                Failure::usage("a cluster that kind-up did not make is not kind-up's to delete");
            return Err(refusal
                .hint("delete the root Application: `kubectl -n argocd delete application root`")
                .into());
        }
        if !self.yes && console.draws() {
            confirm(
                console,
                &format!(
                    "Delete the cluster `{}` and all that is in it?",
                    self.settings.cluster
                ),
            )?;
        }
        // Before anything is ended: a folder that is not kind-up's is not kind-up's to remove.
        let _alone = if self.is_claimed()? {
            Some(self.alone(console)?)
        } else {
            None
        };
        let was_there = match self.settings.provider {
            Provider::Embedded => embedded::stop(&self.state)?,
            _ => self.down_kind(console)?,
        };
        self.state
            .remove()
            .with_context(|| format!("cannot remove `{}`", self.state.folder().display()))?;
        let summary = if was_there {
            format!("{} is deleted", self.settings.cluster)
        } else {
            format!("there was no {}", self.settings.cluster)
        };
        Ok(Report::new(Verdict::Pass, summary, self.details())
            .subject(self.subject())
            .output("deleted", was_there))
    }

    /// Holds off every other run on this cluster until the returned file is dropped.
    ///
    /// # Errors
    ///
    /// Fails when the folder of the state is somebody else's or cannot be written, or another run
    /// does not end.
    pub(crate) fn alone(&self, console: &Console) -> anyhow::Result<File> {
        self.is_claimed()?;
        self.state
            .create()
            .with_context(|| format!("cannot make `{}`", self.state.folder().display()))?;
        lock::alone(self.state.folder(), self.settings.timeout.0, console)
    }

    fn is_claimed(&self) -> Result<bool, Failure> {
        self.state.is_claimed().map_err(|err| {
            Failure::usage(format!("the folder of the state cannot be used: {err}"))
                .hint("choose another one with `--state-dir`")
        })
    }

    fn down_kind(&self, console: &Console) -> anyhow::Result<bool> {
        let name = &self.settings.cluster;
        let making = kind::creation::Creation::of(&self.spec()?);
        making.wait(self.settings.timeout.0, || {
            console.note("the `kind` of an earlier run still makes this cluster; waiting for it");
        })?;
        let was_there = kind::program::exists(name)?;
        if was_there {
            kind::program::delete(name, &self.state.kubeconfig())?;
        }
        Ok(was_there)
    }

    /// Shows what `up` would do.
    pub(crate) fn plan(&self) -> anyhow::Result<Report<Details>> {
        let mut details = self.details();
        let (steps, drift) = match self.settings.provider {
            Provider::Embedded => (vec![self.plan_embedded()?], Vec::new()),
            Provider::Existing => (existing::plan(&self.spec()?)?, Vec::new()),
            Provider::Kind => kind::inventory::plan(&self.spec()?)?,
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

    /// Reads the passwords, and puts them nowhere but on the screen.
    pub(crate) fn credentials(&self) -> anyhow::Result<Report<Details>> {
        self.assert_named()?;
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
