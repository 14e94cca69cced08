//! The connection to a cluster, for every tool that calls the Kubernetes API.

use std::{future::Future, path::PathBuf};

use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::failure::Failure;

/// Options of every tool that calls the Kubernetes API.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster options")]
pub struct ClusterArgs {
    /// Kubeconfig file to use instead of `KUBECONFIG`, `~/.kube/config` or the pod's own account
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig to use instead of its current one
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
}

/// A connection, and the namespace that its context names.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// The namespace of the context, `default` where it names none.
    pub namespace: String,
    /// The address of the API server.
    pub address: String,
}

/// Connects as kubectl would: every login kind of the kubeconfig, or the account of the pod.
///
/// # Errors
///
/// Fails when there is no usable kubeconfig, with what to do about it.
pub async fn connect(args: &ClusterArgs) -> Result<Cluster, Failure> {
    // Another provider beside ring would be ambiguous to rustls.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = KubeConfigOptions {
        context: args.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = match &args.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path)
                .map_err(|err| unusable(&format!("`{}`", path.display()), &err))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await
        }
        None if args.context.is_some() => Config::from_kubeconfig(&options).await,
        None => match Config::from_kubeconfig(&options).await {
            Ok(config) => Ok(config),
            Err(err) => {
                return in_pod()
                    .map_err(|()| unusable("the kubeconfig", &err))
                    .and_then(client);
            }
        },
    };
    config
        .map_err(|err| unusable("the kubeconfig", &err))
        .and_then(client)
}

fn in_pod() -> Result<Config, ()> {
    Config::incluster().map_err(|_| ())
}

fn client(mut config: Config) -> Result<Cluster, Failure> {
    // The client's own policy tries for minutes before it says that a server is unavailable.
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let address = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|err| {
        Failure::unavailable(
            "cluster",
            format!("cannot set up the connection to {address}: {err}"),
        )
    })?;
    Ok(Cluster {
        client,
        namespace,
        address,
    })
}

fn unusable(what: &str, err: &impl std::error::Error) -> Failure {
    Failure::unavailable("kubeconfig", format!("{what} is not usable: {err}"))
        .hint("name a file with `--kubeconfig` and a context with `--context`, see `kubectl config get-contexts`")
}

/// Runs `future` to its end on a runtime of its own.
///
/// # Errors
///
/// Fails when the system gives no runtime.
pub fn block_on<F: Future>(future: F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn a_missing_kubeconfig_is_named_with_a_remedy() {
        let args = ClusterArgs {
            kubeconfig: Some("/nonexistent/kubeconfig".into()),
            context: None,
        };
        let failure = block_on(connect(&args)).unwrap().err().unwrap();
        assert_eq!(failure.code(), exit::UNAVAILABLE);
        assert!(
            failure.to_string().contains("/nonexistent/kubeconfig"),
            "{failure}"
        );
        assert!(failure.remedy().is_some());
    }
}
