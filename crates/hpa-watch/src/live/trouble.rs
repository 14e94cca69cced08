//! What to do about a cluster that does not answer as hoped.

use std::error::Error as _;

use autoscaleops_core::{Failure, cluster::Cluster};
use kube::runtime::watcher;

/// Whether a code says to try again.
pub(super) fn is_busy(code: u16) -> bool {
    matches!(code, 429 | 500 | 502 | 503 | 504)
}

/// Whether a watch cannot begin yet, and soon may.
pub(super) fn is_passing(err: &watcher::Error) -> bool {
    matches!(err, watcher::Error::InitialListFailed(kube::Error::Api(status)) if is_busy(status.code))
}

/// Whether we may not watch this, or there is no such thing.
pub(super) fn is_refused(err: &watcher::Error) -> bool {
    matches!(behind(err), Some(kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404))
}

/// The error of the client behind one of a watch.
pub(super) fn behind(err: &watcher::Error) -> Option<&kube::Error> {
    match err {
        watcher::Error::InitialListFailed(err)
        | watcher::Error::WatchStartFailed(err)
        | watcher::Error::WatchFailed(err) => Some(err),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}

/// Returns the failure of asking for `what`, with a remedy.
pub fn explain(err: &kube::Error, cluster: &Cluster, what: &str) -> Failure {
    let address = cluster.address.trim_end_matches('/');
    if let kube::Error::Api(status) = err {
        return match status.code {
            401 => Failure::unavailable(
                "unauthorized",
                format!("the API server at {address} does not know who asks (401)"),
            )
            .hint("refresh the credentials of the context, such as with `kind export kubeconfig`"),
            403 => Failure::unavailable(
                "forbidden",
                format!("the API server refuses to show {what}: {}", status.message),
            )
            .hint("hpa-watch rbac | kubectl apply -f -"),
            404 => Failure::unavailable(
                "unsupported",
                format!("the API server at {address} has no autoscaling/v2 (404)"),
            )
            .hint("Kubernetes 1.23 or later is needed"),
            code => Failure::unavailable(
                "cluster",
                format!(
                    "the API server cannot show {what} ({code}): {}",
                    status.message
                ),
            ),
        };
    }
    let causes = chain(err);
    let failure = Failure::unavailable(
        "cluster",
        format!("cannot reach the API server at {address}: {causes}"),
    );
    let lower = causes.to_lowercase();
    if lower.contains("unknownissuer")
        || lower.contains("unknown issuer")
        || lower.contains("badsignature")
    {
        failure.kind_of("certificate").hint(
            "the cluster was probably created anew, and the kubeconfig is of the old one: `kind export kubeconfig`, or fetch a new kubeconfig",
        )
    } else if lower.contains("notvalidforname") || lower.contains("not valid for name") {
        failure.kind_of("certificate").hint(
            "the certificate is not for this address: set `tls-server-name` in the kubeconfig, or use an address that the certificate names",
        )
    } else if lower.contains("expired") {
        failure
            .kind_of("certificate")
            .hint("renew the certificates of the cluster, or check the clock")
    } else if lower.contains("refused") {
        failure.hint("is the cluster running? `kubectl cluster-info`")
    } else {
        failure
    }
}

/// The error with its causes, each once.
fn chain(err: &kube::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        let next = err.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = err.source();
    }
    autoscaleops_core::text::printable(&text)
}
