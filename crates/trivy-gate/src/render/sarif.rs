//! The answer as SARIF 2.1.0, within what GitHub takes: 25,000 results and rules of a run.

use std::collections::BTreeMap;

use autoscaleops_core::{Report, Verdict};
use serde_json::{Value, json};

use crate::{
    details::{GateDetails, Item},
    digest::sha256,
    scan::{Class, Severity},
};

const MAX_RESULTS: usize = 25_000;

/// Returns the answer as a SARIF log with one run.
pub(super) fn render(report: &Report<GateDetails>) -> String {
    let items: Vec<&Item> = report.details.listed.iter().take(MAX_RESULTS).collect();
    let mut rules: BTreeMap<&str, &Item> = BTreeMap::new();
    for item in &items {
        let known = rules.entry(item.id.as_str()).or_insert(item);
        if item.severity > known.severity {
            *known = item;
        }
    }
    let index: BTreeMap<&str, usize> = rules
        .keys()
        .enumerate()
        .map(|(number, id)| (*id, number))
        .collect();
    let results: Vec<Value> = items
        .iter()
        .map(|it| result(it, index.get(it.id.as_str()).copied().unwrap_or(0)))
        .collect();
    let mut invocation = json!({
        "executionSuccessful": report.error.is_none(),
        "exitCode": report.exit_code(),
        "exitCodeDescription": report.verdict.as_str(),
    });
    if let Some(error) = &report.error {
        invocation["toolExecutionNotifications"] = json!([{"level": "error", "descriptor": {"id": error.kind}, "message": {"text": report.summary}}]);
    }
    let scan = report.details.scan.as_ref();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "trivy-gate",
                "version": report.version,
                "semanticVersion": report.version,
                "informationUri": "https://github.com/autoscaleops/autoscaleops",
                "rules": rules.values().map(|it| rule(it)).collect::<Vec<Value>>(),
            }},
            "automationDetails": {"id": "trivy-gate/"},
            "invocations": [invocation],
            "results": results,
            "columnKind": "utf16CodeUnits",
            "properties": {
                "verdict": report.verdict.as_str(),
                "summary": report.summary,
                "artifact": scan.map(|it| it.artifact.clone()),
                "imageID": scan.map(|it| it.image_id.clone()),
                "unlisted": report.details.unlisted,
            },
        }],
    });
    debug_assert!(report.verdict != Verdict::Error || report.error.is_some());
    log.to_string()
}

fn rule(item: &Item) -> Value {
    let title = if item.title.is_empty() {
        &item.id
    } else {
        &item.title
    };
    let mut rule = json!({
        "id": item.id,
        "name": name(item.class),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "defaultConfiguration": {"level": level(item.severity)},
        "help": {"text": help(item)},
        "properties": {
            "precision": "very-high",
            "security-severity": security_severity(item.severity),
            "tags": [item.class.as_str(), "security", item.severity.as_str()],
        },
    });
    if !item.url.is_empty() {
        rule["helpUri"] = json!(item.url);
    }
    rule
}

fn result(item: &Item, index: usize) -> Value {
    let place = item.place();
    let mut text = format!("{}: {place}: {}", item.severity, item.because);
    if !item.fixed.is_empty() {
        text.push_str(&format!("; fixed in {}", item.fixed));
    }
    let mut result = json!({
        "ruleId": item.id,
        "ruleIndex": index,
        "level": level(item.severity),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(item), "uriBaseId": "ROOTPATH"},
                "region": {"startLine": item.line.max(1)},
            },
            "message": {"text": place},
        }],
        "partialFingerprints": {"trivyGate/v1": fingerprint(item)},
        "properties": {"decision": item.decision},
    });
    if !item.blocks() {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": item.because,
        }]);
    }
    result
}

/// SARIF wants a file; for system packages that is the name of the image's repository.
fn uri(item: &Item) -> String {
    let place = if item.path.is_empty() {
        &item.target
    } else {
        &item.path
    };
    let place = place.split(" (").next().unwrap_or_default();
    let place = match place.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => place,
    };
    let mut uri = String::new();
    for byte in place.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if uri.is_empty() {
        "image".to_owned()
    } else {
        uri
    }
}

/// The same over builds: neither the version of the package nor the tag of the image is part of it.
fn fingerprint(item: &Item) -> String {
    let text = [item.class.as_str(), &item.id, &item.package, &uri(item)].join("\0");
    sha256(text)[..32].to_owned()
}

fn help(item: &Item) -> String {
    let mut help = format!("{} {} in {}", item.severity, item.id, item.place());
    if !item.fixed.is_empty() {
        help.push_str(&format!("\nFixed in {}", item.fixed));
    }
    if !item.url.is_empty() {
        help.push_str(&format!("\n{}", item.url));
    }
    help
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Vulnerability => "Vulnerability",
        Class::Secret => "Secret",
        Class::Misconfiguration => "Misconfiguration",
        Class::License => "License",
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Unknown => "note",
    }
}

/// Fixed values, so that GitHub's bands agree with the severities that the gate judged by.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Unknown => "0.0",
    }
}
