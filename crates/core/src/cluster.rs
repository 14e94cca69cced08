//! The connection to a cluster, for every tool that calls the Kubernetes API.

use std::{future::Future, net::IpAddr, path::PathBuf};

use clap::Args;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{config::env, failure::Failure, text};

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
    let mut kubeconfig = match &args.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)
            .map_err(|err| unusable(&format!("`{}`", path.display()), &err))?,
        None => match Kubeconfig::read() {
            Ok(kubeconfig) => kubeconfig,
            Err(err) if args.context.is_some() => return Err(unusable("the kubeconfig", &err)),
            Err(err) => {
                return in_pod()
                    .map_err(|()| unusable("the kubeconfig", &err))
                    .and_then(client);
            }
        },
    };
    trim_tokens(&mut kubeconfig);
    let own_proxy = own_proxy(&kubeconfig, args.context.as_deref());
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = match config {
        Ok(config) => config,
        // An empty kubeconfig names no cluster; a pod has one nevertheless.
        Err(err) if args.kubeconfig.is_some() || args.context.is_some() => {
            return Err(unusable("the kubeconfig", &err));
        }
        Err(err) => in_pod().map_err(|()| unusable("the kubeconfig", &err))?,
    };
    config.proxy_url = match own_proxy {
        Some(proxy) => Some(proxy.parse().map_err(|err| {
            Failure::unavailable(
                "kubeconfig",
                format!("`proxy-url` of the kubeconfig is no address: {err}"),
            )
        })?),
        None => proxy_of_environment(&config.cluster_url),
    };
    client(config)
}

/// Takes the token of a file that ends in a line break, as an editor leaves it: the client library
/// would send that too. Such a token is not read anew.
fn trim_tokens(kubeconfig: &mut Kubeconfig) {
    let users = kubeconfig.auth_infos.iter_mut();
    for user in users.filter_map(|user| user.auth_info.as_mut()) {
        let Some(path) = user.token_file.as_ref().filter(|_| user.token.is_none()) else {
            continue;
        };
        if let Ok(text) = fs_err::read_to_string(path)
            && text.trim() != text
        {
            user.token = Some(text.trim().to_owned().into());
        }
    }
}

/// The `proxy-url` of the cluster that a context names. It counts whatever the environment says.
fn own_proxy(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let contexts = &kubeconfig.contexts;
    let context = contexts.iter().find(|context| context.name == name)?;
    let cluster = &context.context.as_ref()?.cluster;
    let clusters = &kubeconfig.clusters;
    let cluster = clusters.iter().find(|known| known.name == *cluster)?;
    let proxy = cluster.cluster.as_ref()?.proxy_url.clone();
    proxy.filter(|proxy| !proxy.is_empty())
}

/// The proxy that the environment names for a server, as `HTTPS_PROXY` and `NO_PROXY` have it. The
/// client library holds `NO_PROXY` against the proxy's own address.
fn proxy_of_environment(server: &Uri) -> Option<Uri> {
    let host = server.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if is_loopback {
        return None;
    }
    // Says whether `NO_PROXY` leaves it to the proxy; its address loses the name and password.
    Matcher::from_env().intercept(server)?;
    let names = if server.scheme_str() == Some("https") {
        ["HTTPS_PROXY", "https_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy"]
    };
    let proxy = names.into_iter().find_map(env)?;
    proxy.parse().ok()
}

fn in_pod() -> Result<Config, ()> {
    Config::incluster().map_err(|_| ())
}

fn client(mut config: Config) -> Result<Cluster, Failure> {
    // The client's own policy tries for minutes before it says that a server is unavailable.
    config.default_retry = false;
    if let Some(proxy) = &config.proxy_url {
        check(proxy)?;
    }
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

/// Refuses a proxy that the client library cannot speak to: it would call a SOCKS proxy without the
/// name and password, and write them into its error for others.
fn check(proxy: &Uri) -> Result<(), Failure> {
    let scheme = proxy.scheme_str().unwrap_or("no scheme");
    let has_login = proxy
        .authority()
        .is_some_and(|it| it.as_str().contains('@'));
    let problem = match scheme {
        "http" | "https" => return Ok(()),
        "socks5" if !has_login => return Ok(()),
        "socks5" => "a SOCKS proxy with a name and a password is not supported".to_owned(),
        other => format!("a proxy with `{}` is not supported", text::printable(other)),
    };
    Err(Failure::unavailable("proxy", problem).hint(
        "use `http://`, `https://`, or `socks5://HOST:PORT` of a proxy that asks for no login, such as `ssh -D`",
    ))
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
