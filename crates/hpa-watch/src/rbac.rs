//! The role that hpa-watch needs, read-only.

use autoscaleops_core::{Report, Verdict};

use crate::details::{Details, Role};

/// Options of `rbac`.
#[derive(Clone, Debug, clap::Args)]
pub struct RbacArgs {
    /// Name of the role
    #[arg(long, value_name = "NAME", default_value = "hpa-watch")]
    pub name: String,

    /// Leave out what only `doctor` reads
    #[arg(long)]
    pub minimal: bool,
}

/// One rule: groups, resources, verbs.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const READ: &[&str] = &["get", "list", "watch"];
const MINIMAL: &[Rule] = &[
    ("autoscaling", &["horizontalpodautoscalers"], READ),
    (
        "apps",
        &["deployments", "replicasets", "statefulsets"],
        READ,
    ),
    ("", &["events", "pods"], READ),
    ("metrics.k8s.io", &["pods"], &["get", "list"]),
];
const DOCTOR: &[Rule] = &[
    (
        "apps",
        &[
            "deployments/scale",
            "replicasets/scale",
            "statefulsets/scale",
        ],
        &["get"],
    ),
    ("custom.metrics.k8s.io", &["*"], &["get", "list"]),
    ("external.metrics.k8s.io", &["*"], &["get", "list"]),
    ("apiregistration.k8s.io", &["apiservices"], &["get"]),
    ("autoscaling.k8s.io", &["verticalpodautoscalers"], &["list"]),
    ("coordination.k8s.io", &["leases"], &["get"]),
];

/// Runs `rbac`.
pub fn run(args: &RbacArgs) -> Report<Details> {
    let mut manifest = format!(
        "# Lets hpa-watch read what it needs, and change nothing. Bind it with:\n#   kubectl create clusterrolebinding {name} --clusterrole={name} --serviceaccount=NAMESPACE:ACCOUNT\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules:\n",
        name = args.name
    );
    let doctor = if args.minimal { &[] } else { DOCTOR };
    for (group, resources, verbs) in MINIMAL.iter().chain(doctor) {
        let list = |items: &[&str]| {
            let quoted: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
            quoted.join(", ")
        };
        manifest.push_str(&format!(
            "  - apiGroups: [\"{group}\"]\n    resources: [{}]\n    verbs: [{}]\n",
            list(resources),
            list(verbs)
        ));
    }
    let summary = format!("the role {} reads and changes nothing", args.name);
    Report::new(Verdict::Pass, summary, Details::Role(Role { manifest }))
}
