//! The kinds that are read in binary form, and the numbers of their fields.

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bytes,
    /// A number whose zero is the same as none.
    Number,
    /// A number whose zero counts.
    Count,
    Flag,
    Time,
    Quantity,
    NumberOrText,
    Message(&'static [Field]),
    Many(&'static Self),
    Map(&'static Self),
    /// Never taken from a client.
    Skipped,
}

/// A field: its number, its name in JSON, and what it holds.
pub(super) type Field = (u64, &'static str, Kind);

use Kind::{
    Bytes, Count, Flag, Many, Message, Number, NumberOrText, Quantity, Skipped, Text, Time,
};

const TEXTS: Kind = Many(&Text);

const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Flag),
    (7, "blockOwnerDeletion", Flag),
];
const METADATA: &[Field] = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (4, "selfLink", Skipped),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Number),
    (8, "creationTimestamp", Time),
    (9, "deletionTimestamp", Skipped),
    (10, "deletionGracePeriodSeconds", Skipped),
    (11, "labels", Kind::Map(&Text)),
    (12, "annotations", Kind::Map(&Text)),
    (13, "ownerReferences", Many(&Message(OWNER))),
    (14, "finalizers", TEXTS),
    (17, "managedFields", Skipped),
];
const SELECTOR: &[Field] = &[
    (1, "matchLabels", Kind::Map(&Text)),
    (
        2,
        "matchExpressions",
        Many(&Message(&[
            (1, "key", Text),
            (2, "operator", Text),
            (3, "values", TEXTS),
        ])),
    ),
];
const KEY: &[Field] = &[
    (1, "", Message(&[(1, "name", Text)])),
    (2, "key", Text),
    (3, "optional", Flag),
];
const VARIABLE: &[Field] = &[
    (1, "name", Text),
    (2, "value", Text),
    (
        3,
        "valueFrom",
        Message(&[
            (
                1,
                "fieldRef",
                Message(&[(1, "apiVersion", Text), (2, "fieldPath", Text)]),
            ),
            (
                2,
                "resourceFieldRef",
                Message(&[
                    (1, "containerName", Text),
                    (2, "resource", Text),
                    (3, "divisor", Quantity),
                ]),
            ),
            (3, "configMapKeyRef", Message(KEY)),
            (4, "secretKeyRef", Message(KEY)),
        ]),
    ),
];
const CONTAINER: &[Field] = &[
    (1, "name", Text),
    (2, "image", Text),
    (3, "command", TEXTS),
    (4, "args", TEXTS),
    (5, "workingDir", Text),
    (
        6,
        "ports",
        Many(&Message(&[
            (1, "name", Text),
            (2, "hostPort", Number),
            (3, "containerPort", Number),
            (4, "protocol", Text),
            (5, "hostIP", Text),
        ])),
    ),
    (7, "env", Many(&Message(VARIABLE))),
    (
        8,
        "resources",
        Message(&[
            (1, "limits", Kind::Map(&Quantity)),
            (2, "requests", Kind::Map(&Quantity)),
        ]),
    ),
    (13, "terminationMessagePath", Text),
    (14, "imagePullPolicy", Text),
    (16, "stdin", Flag),
    (17, "stdinOnce", Flag),
    (18, "tty", Flag),
    (20, "terminationMessagePolicy", Text),
];
const POD_SPEC: &[Field] = &[
    (2, "containers", Many(&Message(CONTAINER))),
    (3, "restartPolicy", Text),
    (4, "terminationGracePeriodSeconds", Count),
    (6, "dnsPolicy", Text),
    (7, "nodeSelector", Kind::Map(&Text)),
    (8, "serviceAccountName", Text),
    (9, "serviceAccount", Text),
    (10, "nodeName", Text),
    (11, "hostNetwork", Flag),
    (12, "hostPID", Flag),
    (13, "hostIPC", Flag),
    (14, "securityContext", Message(&[])),
    (16, "hostname", Text),
    (17, "subdomain", Text),
    (19, "schedulerName", Text),
    (20, "initContainers", Many(&Message(CONTAINER))),
    (24, "priorityClassName", Text),
];
const TEMPLATE: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(POD_SPEC)),
];
const DEPLOYMENT: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (
        2,
        "spec",
        Message(&[
            (1, "replicas", Count),
            (2, "selector", Message(SELECTOR)),
            (3, "template", Message(TEMPLATE)),
            (
                4,
                "strategy",
                Message(&[
                    (1, "type", Text),
                    (
                        2,
                        "rollingUpdate",
                        Message(&[
                            (1, "maxUnavailable", NumberOrText),
                            (2, "maxSurge", NumberOrText),
                        ]),
                    ),
                ]),
            ),
            (5, "minReadySeconds", Number),
            (6, "revisionHistoryLimit", Count),
            (7, "paused", Flag),
            (9, "progressDeadlineSeconds", Count),
        ]),
    ),
    (3, "status", Skipped),
];
const SERVICE: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (
        2,
        "spec",
        Message(&[
            (
                1,
                "ports",
                Many(&Message(&[
                    (1, "name", Text),
                    (2, "protocol", Text),
                    (3, "port", Number),
                    (4, "targetPort", NumberOrText),
                    (5, "nodePort", Number),
                    (6, "appProtocol", Text),
                ])),
            ),
            (2, "selector", Kind::Map(&Text)),
            (3, "clusterIP", Text),
            (4, "type", Text),
            (5, "externalIPs", TEXTS),
            (7, "sessionAffinity", Text),
            (8, "loadBalancerIP", Text),
            (10, "externalName", Text),
            (11, "externalTrafficPolicy", Text),
            (12, "healthCheckNodePort", Number),
            (13, "publishNotReadyAddresses", Flag),
            (18, "clusterIPs", TEXTS),
        ]),
    ),
    (3, "status", Skipped),
];
const TARGET: &[Field] = &[
    (1, "type", Text),
    (2, "value", Quantity),
    (3, "averageValue", Quantity),
    (4, "averageUtilization", Count),
];
const AUTOSCALER: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (
        2,
        "spec",
        Message(&[
            (
                1,
                "scaleTargetRef",
                Message(&[
                    (1, "kind", Text),
                    (2, "name", Text),
                    (3, "apiVersion", Text),
                ]),
            ),
            (2, "minReplicas", Count),
            (3, "maxReplicas", Count),
            (
                4,
                "metrics",
                Many(&Message(&[
                    (1, "type", Text),
                    (
                        4,
                        "resource",
                        Message(&[(1, "name", Text), (2, "target", Message(TARGET))]),
                    ),
                ])),
            ),
        ]),
    ),
    (3, "status", Skipped),
];
const REVIEW: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (
        2,
        "spec",
        Message(&[
            (
                1,
                "resourceAttributes",
                Message(&[
                    (1, "namespace", Text),
                    (2, "verb", Text),
                    (3, "group", Text),
                    (4, "version", Text),
                    (5, "resource", Text),
                    (6, "subresource", Text),
                    (7, "name", Text),
                ]),
            ),
            (
                2,
                "nonResourceAttributes",
                Message(&[(1, "path", Text), (2, "verb", Text)]),
            ),
        ]),
    ),
    (3, "status", Skipped),
];
const DELETION: &[Field] = &[
    (1, "gracePeriodSeconds", Count),
    (
        2,
        "preconditions",
        Message(&[(1, "uid", Text), (2, "resourceVersion", Text)]),
    ),
    (3, "orphanDependents", Flag),
    (4, "propagationPolicy", Text),
    (5, "dryRun", TEXTS),
];

/// The kinds that are read.
pub(super) const KINDS: &[(&str, &[Field])] = &[
    (
        "ConfigMap",
        &[
            (1, "metadata", Message(METADATA)),
            (2, "data", Kind::Map(&Text)),
            (3, "binaryData", Kind::Map(&Bytes)),
            (4, "immutable", Flag),
        ],
    ),
    ("DeleteOptions", DELETION),
    ("Deployment", DEPLOYMENT),
    (
        "Eviction",
        &[
            (1, "metadata", Message(METADATA)),
            (2, "deleteOptions", Message(DELETION)),
        ],
    ),
    ("HorizontalPodAutoscaler", AUTOSCALER),
    (
        "Namespace",
        &[
            (1, "metadata", Message(METADATA)),
            (2, "spec", Message(&[(1, "finalizers", TEXTS)])),
            (3, "status", Skipped),
        ],
    ),
    (
        "Pod",
        &[
            (1, "metadata", Message(METADATA)),
            (2, "spec", Message(POD_SPEC)),
            (3, "status", Skipped),
        ],
    ),
    (
        "Secret",
        &[
            (1, "metadata", Message(METADATA)),
            (2, "data", Kind::Map(&Bytes)),
            (3, "type", Text),
            (4, "stringData", Kind::Map(&Text)),
            (5, "immutable", Flag),
        ],
    ),
    ("SelfSubjectAccessReview", REVIEW),
    ("Service", SERVICE),
    (
        "ServiceAccount",
        &[
            (1, "metadata", Message(METADATA)),
            (4, "automountServiceAccountToken", Flag),
        ],
    ),
];
