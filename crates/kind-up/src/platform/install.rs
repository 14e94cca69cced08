//! The platform as steps: definitions, settings, workloads, the root Application.

use std::time::Duration;

use anyhow::Context as _;
use autoscaleops_core::{
    Failure,
    cluster::{self, ClusterArgs},
    retry::random_fraction,
    text,
};
use serde_json::{Value, json};

use super::{
    apply::{self, Tally},
    slim::slim,
    versions::{self, Versions},
};
use crate::{
    applications::{self, End, Wait},
    cluster::Cluster,
    env_file::Credentials,
    manifest::{self, Stage, parse, read},
    spec::Spec,
};

/// Argo CD's namespace. Its manifests name it themselves, so it cannot be another one.
pub(crate) const NAMESPACE: &str = "argocd";

const NODE_PORT: &str = include_str!("../../../../argocd/bootstrap/argocd-server-nodeport.yaml");
const SETTINGS: &str = include_str!("../../../../argocd/bootstrap/argocd-cm.yaml");

/// Everything that will be applied, verified before the first write.
pub(crate) struct Platform {
    objects: Vec<Value>,
    root: Vec<Value>,
    force: bool,
}

impl Platform {
    /// Reads and verifies everything.
    ///
    /// # Errors
    ///
    /// Fails on a manifest that is absent, changed, or no manifest.
    pub(crate) fn load(
        spec: &Spec,
        versions: &Versions,
        credentials: Option<&Credentials>,
        force: bool,
    ) -> anyhow::Result<Self> {
        let cache = versions::cache();
        let mut objects =
            vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})];
        for pinned in &versions.manifests {
            if pinned.namespace != NAMESPACE {
                let message = format!(
                    "{} names the namespace `{}`, which cannot be another than `{NAMESPACE}`",
                    pinned.name, pinned.namespace
                );
                return Err(Failure::usage(message)
                    .hint("its manifests name it themselves")
                    .into());
            }
            let bytes = versions::fetch(pinned, cache.as_deref())?;
            let text = String::from_utf8(bytes)
                .with_context(|| format!("{} {} is not text", pinned.name, pinned.version))?;
            let mut found = parse(&text, &pinned.url)?;
            slim(&mut found);
            objects.extend(found);
        }
        merge_settings(&mut objects, &parse(SETTINGS, "argocd-cm.yaml")?);
        if spec.node_ports {
            let mut service = parse(NODE_PORT, "argocd-server-nodeport.yaml")?;
            if let (Some(port), Some(it)) = (spec.port("argocd"), service.first_mut()) {
                it["spec"]["ports"][0]["nodePort"] = json!(port);
            }
            objects.extend(service);
        }
        if let Some(credentials) = credentials {
            objects.push(git_credentials(credentials));
        }
        let mut root = Vec::new();
        for path in spec.root_app.iter().chain(&spec.manifests) {
            root.extend(read(path)?);
        }
        Ok(Self {
            objects,
            root,
            force,
        })
    }

    /// Applies namespaces and definitions, and waits until the definitions are established.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one, or the time is over.
    pub(crate) fn definitions(
        &self,
        to: &ClusterArgs,
        left: Duration,
        say: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<Tally> {
        let stages = [Stage::Namespaces, Stage::Definitions];
        let definitions = self.of(Stage::Definitions);
        cluster::block_on(async {
            let cluster = Cluster::connect(to).await?;
            let tally =
                apply::apply(&cluster, &self.objects, NAMESPACE, &stages, self.force).await?;
            apply::wait(&cluster, &definitions, NAMESPACE, left, say).await?;
            Ok(tally)
        })?
    }

    /// Applies accounts, roles, configuration, services and secrets.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one.
    pub(crate) fn settings(&self, to: &ClusterArgs) -> anyhow::Result<Tally> {
        cluster::block_on(async {
            let cluster = Cluster::connect(to).await?;
            let mut tally = redis_password(&cluster).await?;
            let stages = [Stage::Settings];
            tally.add(apply::apply(&cluster, &self.objects, NAMESPACE, &stages, self.force).await?);
            Ok(tally)
        })?
    }

    /// Applies the workloads.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one.
    pub(crate) fn workloads(&self, to: &ClusterArgs) -> anyhow::Result<Tally> {
        cluster::block_on(async {
            let cluster = Cluster::connect(to).await?;
            apply::apply(
                &cluster,
                &self.objects,
                NAMESPACE,
                &[Stage::Workloads],
                self.force,
            )
            .await
        })?
    }

    /// Applies the root Application and what comes with it.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one.
    pub(crate) fn root(&self, to: &ClusterArgs) -> anyhow::Result<Tally> {
        cluster::block_on(async {
            let cluster = Cluster::connect(to).await?;
            let stages = [
                Stage::Namespaces,
                Stage::Definitions,
                Stage::Settings,
                Stage::Workloads,
                Stage::Resources,
            ];
            apply::apply(&cluster, &self.root, NAMESPACE, &stages, self.force).await
        })?
    }

    /// Waits for the workloads.
    ///
    /// # Errors
    ///
    /// Fails when the time is over, and at once on one that will never be ready.
    pub(crate) fn wait_for_workloads(
        &self,
        to: &ClusterArgs,
        left: Duration,
        say: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<()> {
        let workloads = self.of(Stage::Workloads);
        cluster::block_on(async {
            let cluster = Cluster::connect(to).await?;
            apply::wait(&cluster, &workloads, NAMESPACE, left, say).await
        })?
    }

    /// Waits for every Application. Returns how that ended, and how many there are.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer for long.
    pub(crate) fn wait_for_applications(
        &self,
        to: &ClusterArgs,
        left: Duration,
        say: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<(End, String)> {
        let wait = Wait {
            look: Duration::from_secs(1),
            patience: Duration::from_secs(60),
            expects_some: self.root.iter().any(|it| it["kind"] == "Application"),
        };
        cluster::block_on(async {
            let cluster = Cluster::connect(to).await?;
            let (end, found) = applications::settle(&cluster, wait, left, say).await?;
            Ok((end, text::count(found.len() as u128, "application")))
        })?
    }

    fn of(&self, stage: Stage) -> Vec<Value> {
        self.objects
            .iter()
            .filter(|it| manifest::stage(it) == stage)
            .cloned()
            .collect()
    }
}

/// Adds the keys of `settings` to the objects of the same kind and name, so that each object is
/// applied once, by one manager.
fn merge_settings(objects: &mut Vec<Value>, settings: &[Value]) {
    for setting in settings {
        let same = |it: &&mut Value| {
            it["kind"] == setting["kind"] && it["metadata"]["name"] == setting["metadata"]["name"]
        };
        let Some(object) = objects.iter_mut().find(same) else {
            objects.push(setting.clone());
            continue;
        };
        let Some(data) = setting["data"].as_object() else {
            continue;
        };
        if !object["data"].is_object() {
            object["data"] = json!({});
        }
        for (key, value) in data {
            object["data"][key] = value.clone();
        }
    }
}

fn git_credentials(credentials: &Credentials) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "git-creds", "namespace": NAMESPACE},
        "stringData": {"username": credentials.user, "password": credentials.token.expose()},
    })
}

/// Makes the password of Argo CD's Redis before its pods start, once: they would all wait for a job
/// that makes it otherwise. One that is there stays.
async fn redis_password(cluster: &Cluster) -> anyhow::Result<Tally> {
    let reference = json!({"apiVersion": "v1", "kind": "Secret",
                           "metadata": {"name": "argocd-redis", "namespace": NAMESPACE}});
    if cluster.find(&reference, NAMESPACE).await?.is_some() {
        return Ok(Tally::default());
    }
    let mut secret = reference;
    secret["stringData"] = json!({"auth": random_text(40)});
    let mut tally = Tally::default();
    tally.note(cluster.apply(&secret, NAMESPACE, false).await?);
    Ok(tally)
}

fn random_text(length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = vec![0; length];
    // The system's own source; without it, keys that the system drew for this process.
    let drawn = fs_err::File::open("/dev/urandom")
        .and_then(|mut it| std::io::Read::read_exact(&mut it, &mut bytes));
    bytes
        .iter()
        .map(|byte| {
            let index = match drawn {
                Ok(()) => usize::from(*byte),
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a fraction of 256"
                )]
                Err(_) => (random_fraction() * 256.0) as usize,
            };
            char::from(LETTERS[index % LETTERS.len()])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use autoscaleops_core::secret::Secret;

    use super::*;
    use crate::spec::tests::spec;

    #[test]
    fn settings_join_the_object_that_the_manifest_brings() {
        let mut objects = vec![
            json!({"kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": {"a": "1"}}),
        ];
        merge_settings(&mut objects, &parse(SETTINGS, "x").unwrap());
        assert_eq!(objects.len(), 1);
        assert_eq!(objects[0]["data"]["a"], "1");
        assert!(
            objects[0]["data"]["resource.customizations.health.argoproj.io_Application"]
                .is_string()
        );
        let mut none = Vec::new();
        merge_settings(&mut none, &parse(SETTINGS, "x").unwrap());
        assert_eq!(none.len(), 1);
    }

    #[test]
    fn the_nodeport_is_the_one_that_the_cluster_publishes() {
        let service = &parse(NODE_PORT, "x").unwrap()[0];
        let port = service["spec"]["ports"][0]["nodePort"].as_u64();
        assert_eq!(port, spec(|_| {}).unwrap().port("argocd").map(u64::from));
    }

    #[test]
    fn credentials_go_into_the_body_and_nowhere_else() {
        let credentials = Credentials {
            user: "acme".to_owned(),
            token: Secret::new("hunter2".to_owned()),
        };
        let secret = git_credentials(&credentials);
        assert_eq!(secret["stringData"]["password"], "hunter2");
        assert!(secret["metadata"]["annotations"].is_null());
    }

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let (one, two) = (random_text(40), random_text(40));
        assert!(one.len() == 40 && one != two && one.is_ascii());
    }
}
