//! A stand-in for what a cluster exposes: cAdvisor, kube-state-metrics, Argo CD, a load generator.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::Instant,
};

/// Serves the metrics of a cluster at rest on a loopback port until the test process ends.
pub(crate) fn start() -> SocketAddr {
    serve(exposition)
}

/// Serves what a function says of each moment, in seconds from the start.
pub(crate) fn serve(exposition: fn(f64) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = Instant::now();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = exposition(start.elapsed().as_secs_f64());
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

/// What is exposed after so many seconds. One pod in dev uses 50 millicores of a request of 100 and
/// a limit of 500, and 64 MiB of 256.
fn exposition(seconds: f64) -> String {
    let mut text = String::new();
    let pod = "namespace=\"dev\",pod=\"demo-app-0\"";
    let container = format!("{pod},container=\"demo-app\",image=\"demo\"");
    // The pod's own cgroup repeats its container; to count it too would double everything.
    for labels in [
        container.clone(),
        format!("{pod},container=\"\",image=\"\""),
    ] {
        line(
            &mut text,
            "container_cpu_usage_seconds_total",
            &labels,
            0.05 * seconds,
        );
        line(
            &mut text,
            "container_memory_working_set_bytes",
            &labels,
            64.0 * 1024.0 * 1024.0,
        );
    }
    line(
        &mut text,
        "container_cpu_cfs_periods_total",
        &container,
        10.0 * seconds,
    );
    line(
        &mut text,
        "container_cpu_cfs_throttled_periods_total",
        &container,
        2.0 * seconds,
    );
    line(&mut text, "kube_pod_info", pod, 1.0);
    for (kind, cpu, memory) in [("limits", 0.5, 256.0), ("requests", 0.1, 128.0)] {
        let name = format!("kube_pod_container_resource_{kind}");
        let labels = format!("{pod},container=\"demo-app\",resource=");
        line(&mut text, &name, &format!("{labels}\"cpu\""), cpu);
        line(
            &mut text,
            &name,
            &format!("{labels}\"memory\""),
            memory * 1024.0 * 1024.0,
        );
    }
    line(
        &mut text,
        "kube_deployment_status_replicas_available",
        "namespace=\"dev\",deployment=\"demo-app\"",
        1.0,
    );
    let hpa = "namespace=\"dev\",horizontalpodautoscaler=\"demo-app\"";
    for (name, value) in [
        ("spec_min_replicas", 1.0),
        ("spec_max_replicas", 3.0),
        ("status_current_replicas", 1.0),
        ("status_desired_replicas", 1.0),
    ] {
        line(
            &mut text,
            &format!("kube_horizontalpodautoscaler_{name}"),
            hpa,
            value,
        );
    }
    let metric = format!("{hpa},metric_name=\"cpu\",metric_target_type=\"utilization\"");
    for name in ["spec", "status"] {
        line(
            &mut text,
            &format!("kube_horizontalpodautoscaler_{name}_target_metric"),
            &metric,
            50.0,
        );
    }
    for condition in ["AbleToScale", "ScalingActive", "ScalingLimited"] {
        for (status, value) in [("true", 1.0), ("false", 0.0)] {
            let labels = format!("{hpa},condition=\"{condition}\",status=\"{status}\"");
            line(
                &mut text,
                "kube_horizontalpodautoscaler_status_condition",
                &labels,
                value,
            );
        }
    }
    others(&mut text, seconds);
    text
}

/// Argo CD and a load generator.
fn others(text: &mut String, seconds: f64) {
    line(
        text,
        "argocd_app_info",
        "name=\"demo-app-dev\",sync_status=\"OutOfSync\",health_status=\"Healthy\"",
        1.0,
    );
    line(
        text,
        "argocd_app_sync_total",
        "name=\"demo-app-dev\",phase=\"Succeeded\"",
        seconds.floor(),
    );
    line(text, "k6_vus", "", 10.0);
    line(text, "k6_http_reqs_total", "", 9.0 * seconds);
    line(text, "k6_http_req_failed_rate", "", 0.01);
    line(text, "k6_http_req_duration_p95", "", 0.045);
}

pub(crate) fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    writeln!(text, "{name}{{{labels}}} {value}").unwrap();
}
