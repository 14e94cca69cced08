//! A minute and a half of a cluster, told as metrics: ten users come and go, one pod becomes three and one again.

use std::fmt::Write as _;

use crate::exporter::line;

/// How long the story is, in seconds.
pub(crate) const LENGTH: u32 = 95;

/// The users at a moment: they come within 15 s, stay, and go within 10.
pub(crate) fn users(seconds: f64) -> f64 {
    let come = (seconds - 12.0) / 15.0;
    let go = (70.0 - seconds) / 10.0;
    10.0 * come.min(go).clamp(0.0, 1.0)
}

fn pods(seconds: f64) -> f64 {
    if (28.0..82.0).contains(&seconds) {
        3.0
    } else {
        1.0
    }
}

/// Cores that one pod uses.
fn cores(seconds: f64) -> f64 {
    (0.012 + 0.024 * users(seconds)) / pods(seconds)
}

/// What a counter that grows at a rate has come to.
fn sum(seconds: f64, rate: impl Fn(f64) -> f64) -> f64 {
    let mut total = 0.0;
    let mut at = 0.0;
    while at < seconds {
        total += 0.1 * rate(at);
        at += 0.1;
    }
    total
}

/// Whether a thing lasts at that moment, as a metric.
fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// What cAdvisor, kube-state-metrics, Argo CD and k6 would tell at that moment.
pub(crate) fn exposition(seconds: f64) -> String {
    let mut text = String::new();
    of_pods(&mut text, seconds);
    of_autoscaler(&mut text, seconds);
    of_load(&mut text, seconds);
    of_applications(&mut text, seconds);
    text
}

fn of_pods(text: &mut String, seconds: f64) {
    let mut say = |name: &str, labels: &str, value: f64| line(text, name, labels, value);
    for (number, lives) in [
        (0, true),
        (1, pods(seconds) > 1.0),
        (2, pods(seconds) > 1.0),
    ] {
        if !lives {
            continue;
        }
        let pod = format!("namespace=\"dev\",pod=\"demo-app-{number}\"");
        let container = format!("{pod},container=\"demo-app\",image=\"demo\"");
        let since = if number == 0 { 0.0 } else { 28.0 };
        let used = sum(seconds, cores) - sum(since, cores);
        say("container_cpu_usage_seconds_total", &container, used);
        let memory = 9.0 + 0.4 * users(seconds) + f64::from(number);
        say(
            "container_memory_working_set_bytes",
            &container,
            memory * 1_048_576.0,
        );
        say(
            "container_cpu_cfs_periods_total",
            &container,
            10.0 * seconds,
        );
        let throttled = sum(seconds, |at| (cores(at) * 40.0 - 4.0).max(0.0));
        say(
            "container_cpu_cfs_throttled_periods_total",
            &container,
            throttled,
        );
        for (kind, cpu) in [("limits", 0.5), ("requests", 0.1)] {
            let name = format!("kube_pod_container_resource_{kind}");
            say(
                &name,
                &format!("{pod},container=\"demo-app\",resource=\"cpu\""),
                cpu,
            );
            say(
                &name,
                &format!("{pod},container=\"demo-app\",resource=\"memory\""),
                268_435_456.0,
            );
        }
    }
}

fn of_autoscaler(text: &mut String, seconds: f64) {
    let mut say = |name: &str, labels: &str, value: f64| line(text, name, labels, value);
    let hpa = "namespace=\"dev\",horizontalpodautoscaler=\"demo-app\"";
    let metric = format!("{hpa},metric_name=\"cpu\",metric_target_type=\"utilization\"");
    for (name, labels, value) in [
        ("spec_min_replicas", hpa, 1.0),
        ("spec_max_replicas", hpa, 3.0),
        ("status_current_replicas", hpa, pods(seconds - 2.0)),
        ("status_desired_replicas", hpa, pods(seconds)),
        ("spec_target_metric", &metric, 50.0),
        (
            "status_target_metric",
            &metric,
            (1000.0 * cores(seconds)).round(),
        ),
    ] {
        say(
            &format!("kube_horizontalpodautoscaler_{name}"),
            labels,
            value,
        );
    }
    for (condition, holds) in [
        ("AbleToScale", true),
        ("ScalingActive", true),
        ("ScalingLimited", pods(seconds) > 1.0),
    ] {
        for (status, value) in [("true", holds), ("false", !holds)] {
            let labels = format!("{hpa},condition=\"{condition}\",status=\"{status}\"");
            say(
                "kube_horizontalpodautoscaler_status_condition",
                &labels,
                flag(value),
            );
        }
    }
}

fn of_load(text: &mut String, seconds: f64) {
    let mut say = |name: &str, labels: &str, value: f64| line(text, name, labels, value);
    say("k6_vus", "", users(seconds).round());
    say(
        "k6_http_reqs_total",
        "",
        sum(seconds, |at| 0.95 * users(at)).floor(),
    );
    say("k6_http_req_failed_rate", "", 0.0);
    say(
        "k6_http_req_duration_p95",
        "",
        0.03 + 0.004 * users(seconds) / pods(seconds),
    );
}

fn of_applications(text: &mut String, seconds: f64) {
    // A new version arrives, is applied, and becomes healthy.
    for name in ["demo-app-dev", "demo-app-prod"] {
        let new = name == "demo-app-dev" && (6.0..14.0).contains(&seconds);
        let (sync, health) = if new {
            ("OutOfSync", "Progressing")
        } else {
            ("Synced", "Healthy")
        };
        writeln!(
            text,
            "argocd_app_info{{name=\"{name}\",sync_status=\"{sync}\",health_status=\"{health}\"}} 1"
        )
        .unwrap();
        let done = flag(name == "demo-app-dev" && seconds >= 14.0);
        writeln!(
            text,
            "argocd_app_sync_total{{name=\"{name}\",phase=\"Succeeded\"}} {}",
            3.0 + done
        )
        .unwrap();
    }
}
