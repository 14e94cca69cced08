//! The types of Trivy's JSON report, as its sources define them (`pkg/types/report.go` and what it
//! uses, v0.20 to v0.74). Trivy refuses a report in which any of these fields has another type, so
//! trivy-gate does too, also for fields that it does not use.

use crate::json::shape::{
    Kind::{
        self, Any, Flag, Float, Integer, List, Map, OneOf, PackageUrl, Record, Sha256, Text, Time,
    },
    Shape,
};

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $title:literal, [$($key:literal: $kind:expr),* $(,)?]) => {
        $(#[$doc])*
        pub(crate) static $name: Shape = Shape { name: $title, fields: &[$(($key, $kind)),*] };
    };
}

const TEXTS: Kind = List(&Text);

shape!(
    /// The whole document.
    REPORT, "report", [
        "SchemaVersion": Integer,
        "Trivy": Record(&TRIVY),
        "ReportID": Text,
        "CreatedAt": Time,
        "ArtifactID": Text,
        "ArtifactName": Text,
        "ArtifactType": Text,
        "Metadata": Record(&METADATA),
        "Results": List(&Record(&RESULT)),
    ]
);
shape!(TRIVY, "Trivy", ["Version": Text, "Server": Record(&SERVER)]);
shape!(
    SERVER,
    "Server",
    [
        "Version": Text,
        "VulnerabilityDB": Record(&DATABASE),
        "JavaDB": Record(&DATABASE),
        "CheckBundle": Record(&CHECK_BUNDLE),
    ]
);
shape!(
    DATABASE,
    "database",
    ["Version": Integer, "NextUpdate": Time, "UpdatedAt": Time, "DownloadedAt": Time]
);
shape!(CHECK_BUNDLE, "CheckBundle", ["Digest": Text, "DownloadedAt": Time]);
shape!(
    METADATA,
    "Metadata",
    [
        "Size": Integer,
        "OS": Record(&OS),
        "ImageID": Text,
        "DiffIDs": TEXTS,
        "RepoTags": TEXTS,
        "RepoDigests": TEXTS,
        "Reference": Text,
        "ImageConfig": Record(&IMAGE_CONFIG),
        "Layers": List(&Record(&LAYER)),
        "RepoURL": Text,
        "Branch": Text,
        "Tags": TEXTS,
        "Commit": Text,
        "CommitMsg": Text,
        "Author": Text,
        "Committer": Text,
    ]
);
shape!(
    OS,
    "OS",
    [
        "Family": Text,
        "Name": Text,
        "EOSL": Flag,
        "Supplier": Text,
        "extended": Flag,
        // The spelling of Trivy 0.43.
        "Eosl": Flag,
    ]
);
shape!(
    IMAGE_CONFIG,
    "ImageConfig",
    [
        "architecture": Text,
        "author": Text,
        "container": Text,
        "created": Time,
        "docker_version": Text,
        "history": List(&Record(&HISTORY)),
        "os": Text,
        "rootfs": Record(&ROOTFS),
        "config": Record(&CONFIG),
        "os.version": Text,
        "variant": Text,
        "os.features": TEXTS,
    ]
);
shape!(
    HISTORY,
    "history entry",
    [
        "author": Text,
        "created": Time,
        "created_by": Text,
        "comment": Text,
        "empty_layer": Flag,
    ]
);
shape!(ROOTFS, "rootfs", ["type": Text, "diff_ids": List(&Sha256)]);
shape!(
    CONFIG,
    "config",
    [
        "AttachStderr": Flag,
        "AttachStdin": Flag,
        "AttachStdout": Flag,
        "Cmd": TEXTS,
        "Healthcheck": Record(&HEALTHCHECK),
        "Domainname": Text,
        "Entrypoint": TEXTS,
        "Env": TEXTS,
        "Hostname": Text,
        "Image": Text,
        "Labels": Map(&Text),
        "OnBuild": TEXTS,
        "OpenStdin": Flag,
        "StdinOnce": Flag,
        "Tty": Flag,
        "User": Text,
        "Volumes": Map(&Record(&EMPTY)),
        "WorkingDir": Text,
        "ExposedPorts": Map(&Record(&EMPTY)),
        "ArgsEscaped": Flag,
        "NetworkDisabled": Flag,
        "MacAddress": Text,
        "StopSignal": Text,
        "Shell": TEXTS,
    ]
);
shape!(EMPTY, "object", []);
shape!(
    HEALTHCHECK,
    "Healthcheck",
    [
        "Test": TEXTS,
        "Interval": Integer,
        "Timeout": Integer,
        "StartPeriod": Integer,
        "Retries": Integer,
    ]
);
shape!(
    LAYER,
    "layer",
    ["Size": Integer, "Digest": Text, "DiffID": Text, "CreatedBy": Text]
);
shape!(
    /// One element of `Results`.
    RESULT, "result", [
        "Target": Text,
        "Class": Text,
        "Type": Text,
        "Packages": List(&Record(&PACKAGE)),
        "Vulnerabilities": List(&Record(&VULNERABILITY)),
        "MisconfSummary": Record(&MISCONF_SUMMARY),
        "Misconfigurations": List(&Record(&MISCONFIGURATION)),
        "Secrets": List(&Record(&SECRET)),
        "Licenses": List(&Record(&LICENSE)),
        "CustomResources": List(&Record(&CUSTOM_RESOURCE)),
        "ExperimentalModifiedFindings": List(&Record(&MODIFIED)),
    ]
);
shape!(
    PACKAGE,
    "package",
    [
        "ID": Text,
        "Name": Text,
        "Identifier": Record(&IDENTIFIER),
        "Version": Text,
        "Release": Text,
        "Epoch": Integer,
        "Arch": Text,
        "Dev": Flag,
        "SrcName": Text,
        "SrcVersion": Text,
        "SrcRelease": Text,
        "SrcEpoch": Integer,
        "Licenses": TEXTS,
        "Maintainer": Text,
        "Modularitylabel": Text,
        "BuildInfo": Record(&BUILD_INFO),
        "Repository": Record(&REPOSITORY),
        "Indirect": Flag,
        "Relationship": OneOf(&["unknown", "root", "workspace", "direct", "indirect"]),
        "DependsOn": TEXTS,
        "Layer": Record(&LAYER),
        "FilePath": Text,
        "Digest": Text,
        "Locations": List(&Record(&LINES)),
        "InstalledFiles": TEXTS,
        "AnalyzedBy": Text,
    ]
);
shape!(
    IDENTIFIER,
    "identifier",
    ["PURL": PackageUrl, "UID": Text, "BOMRef": Text]
);
shape!(BUILD_INFO, "BuildInfo", ["ContentSets": TEXTS, "Nvr": Text, "Arch": Text]);
shape!(REPOSITORY, "Repository", ["Class": Text]);
shape!(LINES, "location", ["StartLine": Integer, "EndLine": Integer]);
shape!(
    VULNERABILITY,
    "vulnerability",
    [
        "VulnerabilityID": Text,
        "VendorIDs": TEXTS,
        "PkgID": Text,
        "PkgName": Text,
        "PkgPath": Text,
        "PkgIdentifier": Record(&IDENTIFIER),
        "InstalledVersion": Text,
        "FixedVersion": Text,
        "Status": Text,
        "Layer": Record(&LAYER),
        "SeveritySource": Text,
        "PrimaryURL": Text,
        "DataSource": Record(&DATA_SOURCE),
        "Fingerprint": Text,
        "Custom": Any,
        "Title": Text,
        "Description": Text,
        "Severity": Text,
        "CweIDs": TEXTS,
        "VendorSeverity": Map(&Integer),
        "CVSS": Map(&Record(&CVSS)),
        "References": TEXTS,
        "PublishedDate": Time,
        "LastModifiedDate": Time,
    ]
);
shape!(
    DATA_SOURCE,
    "DataSource",
    ["ID": Text, "Name": Text, "URL": Text, "BaseID": Text]
);
shape!(
    CVSS,
    "CVSS",
    [
        "V2Vector": Text,
        "V3Vector": Text,
        "V40Vector": Text,
        "V2Score": Float,
        "V3Score": Float,
        "V40Score": Float,
    ]
);
shape!(
    MISCONF_SUMMARY,
    "MisconfSummary",
    ["Successes": Integer, "Failures": Integer, "Exceptions": Integer]
);
shape!(
    MISCONFIGURATION,
    "misconfiguration",
    [
        "Type": Text,
        "ID": Text,
        "AVDID": Text,
        "Title": Text,
        "Description": Text,
        "Message": Text,
        "Namespace": Text,
        "Query": Text,
        "Resolution": Text,
        "Severity": Text,
        "PrimaryURL": Text,
        "References": TEXTS,
        "Status": Text,
        "Layer": Record(&LAYER),
        "CauseMetadata": Record(&CAUSE),
        "Traces": TEXTS,
    ]
);
shape!(
    CAUSE,
    "CauseMetadata",
    [
        "Resource": Text,
        "Provider": Text,
        "Service": Text,
        "StartLine": Integer,
        "EndLine": Integer,
        "Code": Record(&CODE),
        "Occurrences": List(&Record(&OCCURRENCE)),
        "RenderedCause": Record(&RENDERED_CAUSE),
    ]
);
shape!(
    OCCURRENCE,
    "occurrence",
    ["Resource": Text, "Filename": Text, "Location": Record(&LINES)]
);
shape!(RENDERED_CAUSE, "RenderedCause", ["Raw": Text, "Highlighted": Text]);
shape!(CODE, "Code", ["Lines": List(&Record(&CODE_LINE))]);
shape!(
    CODE_LINE,
    "code line",
    [
        "Number": Integer,
        "Content": Text,
        "IsCause": Flag,
        "Annotation": Text,
        "Truncated": Flag,
        "Highlighted": Text,
        "FirstCause": Flag,
        "LastCause": Flag,
    ]
);
shape!(
    SECRET,
    "secret",
    [
        "RuleID": Text,
        "Category": Text,
        "Severity": Text,
        "Title": Text,
        "StartLine": Integer,
        "EndLine": Integer,
        "Code": Record(&CODE),
        "Match": Text,
        "Layer": Record(&LAYER),
        "Offset": Integer,
    ]
);
shape!(
    LICENSE,
    "license",
    [
        "Severity": Text,
        "Category": Text,
        "PkgName": Text,
        "FilePath": Text,
        "Name": Text,
        "Text": Text,
        "Confidence": Float,
        "Link": Text,
    ]
);
shape!(
    CUSTOM_RESOURCE,
    "custom resource",
    ["Type": Text, "FilePath": Text, "Layer": Record(&LAYER), "Data": Any]
);
shape!(
    MODIFIED,
    "modified finding",
    [
        "Type": OneOf(&["vulnerability", "misconfiguration", "secret", "license"]),
        "Status": Text,
        "Statement": Text,
        "Source": Text,
        "Finding": Any,
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_fits_the_mask_of_seen_keys() {
        for shape in [
            &REPORT,
            &METADATA,
            &CONFIG,
            &RESULT,
            &PACKAGE,
            &VULNERABILITY,
            &SECRET,
        ] {
            assert!(shape.fields.len() <= 64, "{}", shape.name);
        }
    }
}
