//! The platform as steps: definitions, settings, workloads, the root Application, and the wait for
//! everything that it brings.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use autoscaleops_core::{
    Failure,
    cluster::{self, ClusterArgs},
    retry::random_fraction,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    api::{Api, ApiError},
    apply,
    manifest::{self, Stage},
    ready::{self, State},
    versions::{self, Versions},
};
use crate::{env_file::Credentials, spec::Spec};

/// Argo CD's namespace. Its manifests name it themselves, so it cannot be another one.
pub const NAMESPACE: &str = "argocd";

const NODE_PORT: &str = include_str!("../../../../argocd/bootstrap/argocd-server-nodeport.yaml");
const SETTINGS: &str = include_str!("../../../../argocd/bootstrap/argocd-cm.yaml");

/// Everything that will be applied, verified before the first write.
pub struct Platform {
    objects: Vec<Value>,
    root: Vec<Value>,
    force: bool,
}

/// An Argo CD Application and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Whether it is synced and healthy.
    pub ready: bool,
    /// What is missing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Platform {
    /// Reads and verifies everything.
    ///
    /// # Errors
    ///
    /// Fails on a manifest that is absent, changed, or no manifest.
    pub fn load(
        spec: &Spec,
        folder: &Path,
        versions: &Versions,
        credentials: Option<&Credentials>,
        node_ports: bool,
        force: bool,
    ) -> anyhow::Result<Self> {
        let cache = versions::cache();
        let mut objects =
            vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})];
        for pinned in &versions.manifests {
            let bytes = versions::fetch(pinned, cache.as_deref())?;
            let text = String::from_utf8(bytes)
                .with_context(|| format!("{} {} is not text", pinned.name, pinned.version))?;
            let mut found = manifest::parse(&pinned.url, &text)?;
            manifest::slim(&mut found);
            objects.extend(found);
        }
        merge_settings(&mut objects, &manifest::parse("argocd-cm.yaml", SETTINGS)?);
        if node_ports {
            let mut service = manifest::parse("argocd-server-nodeport.yaml", NODE_PORT)?;
            if let (Some(port), Some(it)) = (spec.port("argocd"), service.first_mut()) {
                it["spec"]["ports"][0]["nodePort"] = json!(port);
            }
            objects.extend(service);
        }
        if let Some(credentials) = credentials {
            objects.push(git_credentials(credentials));
        }
        let mut root = read(&folder.join(&spec.root_app))?;
        for path in &spec.extra_manifests {
            root.extend(read(&folder.join(path))?);
        }
        Ok(Self {
            objects,
            root,
            force,
        })
    }

    /// Returns how many objects are applied before Argo CD takes over.
    pub fn len(&self) -> usize {
        self.objects.len() + self.root.len()
    }

    /// Returns whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies namespaces and definitions, and waits until the definitions are established.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one, or the time is over.
    pub fn definitions(
        &self,
        to: &ClusterArgs,
        left: Duration,
        say: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<()> {
        let stages = [Stage::Namespaces, Stage::Definitions];
        let definitions = self.of(Stage::Definitions);
        cluster::block_on(async {
            let api = Api::connect(to).await?;
            apply::apply(&api, &self.objects, NAMESPACE, &stages, self.force).await?;
            apply::wait(&api, &definitions, NAMESPACE, left, say).await
        })?
    }

    /// Applies accounts, roles, configuration, services and secrets.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one.
    pub fn settings(&self, to: &ClusterArgs) -> anyhow::Result<()> {
        cluster::block_on(async {
            let api = Api::connect(to).await?;
            redis_password(&api).await?;
            apply::apply(
                &api,
                &self.objects,
                NAMESPACE,
                &[Stage::Settings],
                self.force,
            )
            .await
        })?
    }

    /// Applies the workloads.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses one.
    pub fn workloads(&self, to: &ClusterArgs) -> anyhow::Result<()> {
        cluster::block_on(async {
            let api = Api::connect(to).await?;
            apply::apply(
                &api,
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
    pub fn root(&self, to: &ClusterArgs) -> anyhow::Result<()> {
        cluster::block_on(async {
            let api = Api::connect(to).await?;
            for stage in [Stage::Settings, Stage::Workloads, Stage::Resources] {
                apply::apply(&api, &self.root, NAMESPACE, &[stage], self.force).await?;
            }
            Ok(())
        })?
    }

    /// Waits for the workloads.
    ///
    /// # Errors
    ///
    /// Fails when the time is over, and at once on one that will never be ready.
    pub fn wait_for_workloads(
        &self,
        to: &ClusterArgs,
        left: Duration,
        say: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<()> {
        let workloads = self.of(Stage::Workloads);
        cluster::block_on(async {
            let api = Api::connect(to).await?;
            apply::wait(&api, &workloads, NAMESPACE, left, say).await
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

/// Waits until the API server answers and every node is ready.
///
/// # Errors
///
/// Fails when the time is over.
pub fn wait_for_api(to: &ClusterArgs, left: Duration) -> anyhow::Result<()> {
    cluster::block_on(async {
        let api = Api::connect(to).await?;
        let started = std::time::Instant::now();
        while !api.is_ready().await {
            if autoscaleops_core::stop::requested() {
                anyhow::bail!("interrupted while waiting for {}", api.address);
            }
            if started.elapsed() >= left {
                return Err(
                    Failure::undecided("timeout", format!("{} is not ready", api.address))
                        .hint("`docker logs` of the control plane says why")
                        .into(),
                );
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    })?
}

/// Waits until the cluster has `count` nodes and all are ready.
///
/// # Errors
///
/// Fails when the time is over, naming the nodes.
pub fn wait_for_nodes(
    to: &ClusterArgs,
    count: usize,
    left: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    cluster::block_on(async {
        let api = Api::connect(to).await?;
        let started = std::time::Instant::now();
        loop {
            let list = api.get("/api/v1/nodes").await.map_err(anyhow::Error::from);
            let nodes = list.map(|it| it["items"].as_array().cloned().unwrap_or_default());
            if let Ok(nodes) = nodes
                && nodes.len() >= count
            {
                let named: Vec<Value> = nodes
                    .into_iter()
                    .map(|it| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": it["metadata"]["name"]}}))
                    .collect();
                let left = left.saturating_sub(started.elapsed());
                return apply::wait(&api, &named, "default", left, say).await;
            }
            if started.elapsed() >= left {
                anyhow::bail!(Failure::undecided(
                    "timeout",
                    format!("fewer than {count} nodes joined")
                ));
            }
            if autoscaleops_core::stop::requested() {
                anyhow::bail!("interrupted while waiting for nodes");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })?
}

/// Refuses a cluster that kind did not make, before anything is written to it.
///
/// # Errors
///
/// Fails when a node was not made by kind, or there is none.
pub fn assert_kind(to: &ClusterArgs) -> anyhow::Result<()> {
    cluster::block_on(async {
        let api = Api::connect(to).await?;
        let list = api.get("/api/v1/nodes").await?;
        let nodes = list["items"].as_array().cloned().unwrap_or_default();
        let stranger = nodes.iter().find(|it| {
            let id = it["spec"]["providerID"].as_str().unwrap_or_default();
            !id.is_empty() && !id.starts_with("kind://")
        });
        match stranger {
            None => Ok(()),
            Some(node) => Err(Failure::unavailable(
                "wrong_cluster",
                format!("{} has the node {}, which kind did not make", api.address, node["metadata"]["name"]),
            )
            .hint("nothing was written; use `--provider existing --context NAME` where you mean this cluster")
            .into()),
        }
    })?
}

/// Returns every Application of Argo CD and how far it is.
///
/// # Errors
///
/// Fails when the server does not answer.
pub async fn applications(api: &Api) -> Result<Vec<Application>, ApiError> {
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications");
    let list = match api.get(&path).await {
        Err(ApiError::NotFound) => return Ok(Vec::new()),
        other => other?,
    };
    let mut applications: Vec<Application> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            let mut it = it.clone();
            it["kind"] = json!("Application");
            let (ready, why) = match ready::state(&it) {
                State::Ready => (true, String::new()),
                State::Waiting(why) | State::Broken(why) => (false, why),
            };
            Application {
                name: it["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                ready,
                why,
            }
        })
        .collect();
    applications.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(applications)
}

/// Waits until every Application is synced and healthy, those included that others bring.
///
/// # Errors
///
/// Fails when the time is over, naming each that is not, and at once on one that will never be.
pub fn wait_for_applications(
    to: &ClusterArgs,
    left: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Vec<Application>> {
    cluster::block_on(async {
        let api = Api::connect(to).await?;
        let started = std::time::Instant::now();
        let mut calm = 0;
        loop {
            let found = applications(&api).await?;
            let ready = !found.is_empty() && found.iter().all(|it| it.ready);
            // A child appears a moment after its parent is healthy, so one look is not enough.
            calm = if ready { calm + 1 } else { 0 };
            if calm >= 2 {
                return Ok(found);
            }
            let left = left.saturating_sub(started.elapsed());
            let pending: Vec<Value> = found
                .iter()
                .filter(|it| !it.ready)
                .map(|it| {
                    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                           "metadata": {"name": it.name, "namespace": NAMESPACE}})
                })
                .collect();
            if pending.is_empty() {
                if left.is_zero() {
                    anyhow::bail!(Failure::undecided("timeout", "no Application appeared"));
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            } else {
                apply::wait(&api, &pending, NAMESPACE, left, say).await?;
            }
        }
    })?
}

fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs_err::read_to_string(path).map_err(|err| {
        Failure::usage(format!("cannot read a manifest: {err}"))
            .hint("start in the repository, or name it with `kind-up: root_app:`")
    })?;
    Ok(manifest::parse(&path.display().to_string(), &text)?)
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
async fn redis_password(api: &Api) -> anyhow::Result<()> {
    let reference = json!({"apiVersion": "v1", "kind": "Secret",
                           "metadata": {"name": "argocd-redis", "namespace": NAMESPACE}});
    match api.get_object(&reference, NAMESPACE).await {
        Ok(_) => return Ok(()),
        Err(ApiError::NotFound) => {}
        Err(err) => return Err(err.into()),
    }
    let mut secret = reference;
    secret["stringData"] = json!({"auth": random_text(40)});
    api.apply(&secret, NAMESPACE, false).await?;
    Ok(())
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

    #[test]
    fn settings_join_the_object_that_the_manifest_brings() {
        let mut objects = vec![
            json!({"kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": {"a": "1"}}),
        ];
        merge_settings(&mut objects, &manifest::parse("x", SETTINGS).unwrap());
        assert_eq!(objects.len(), 1);
        assert_eq!(objects[0]["data"]["a"], "1");
        assert!(
            objects[0]["data"]["resource.customizations.health.argoproj.io_Application"]
                .is_string()
        );
        let mut none = Vec::new();
        merge_settings(&mut none, &manifest::parse("x", SETTINGS).unwrap());
        assert_eq!(none.len(), 1);
    }

    #[test]
    fn the_nodeport_is_the_one_that_the_cluster_publishes() {
        let service = &manifest::parse("x", NODE_PORT).unwrap()[0];
        let port = service["spec"]["ports"][0]["nodePort"].as_u64();
        assert_eq!(port, Spec::default().port("argocd").map(u64::from));
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
