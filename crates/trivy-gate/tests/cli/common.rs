//! Reports to judge, and the tool to judge them.

use std::{fs, path::PathBuf};

use autoscaleops_testkit::{root, tool};
use serde_json::{Value, json};
use snapbox::cmd::Command;
use tempfile::TempDir;

/// The recorded scan of an image with known flaws, or of one without.
pub(crate) fn recording(name: &str) -> PathBuf {
    root().join(format!("scripts/demo/{name}.trivy.json"))
}

/// The tool in an empty folder, away from any configuration.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn gate(&self) -> Command {
        tool!("trivy-gate").current_dir(self.folder.path())
    }

    /// Writes a file and returns its name.
    pub(crate) fn write<'a>(&self, name: &'a str, text: impl AsRef<[u8]>) -> &'a str {
        fs::write(self.path(name), text).unwrap();
        name
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the tool and returns its code and its JSON report.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self
            .gate()
            .args(arguments)
            .args(["--format", "json"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.strip_suffix('\n').expect("a line break at the end");
        assert!(!line.contains('\n'), "one line: {line}");
        (
            output.status.code().unwrap(),
            serde_json::from_str(line).unwrap(),
        )
    }

    /// Judges one report and returns the code and the outputs.
    pub(crate) fn judge(&self, report: &Value, arguments: &[&str]) -> (i32, Value) {
        self.write("scan.json", report.to_string());
        self.json(&[&["scan.json"], arguments].concat())
    }
}

/// A report with these vulnerabilities in one system result.
pub(crate) fn report(vulnerabilities: &Value) -> Value {
    json!({
        "SchemaVersion": 2,
        "CreatedAt": "2026-11-23T12:00:00Z",
        "ArtifactName": "ghcr.io/acme/shop:1.2.3",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.8"}},
        "Results": [{
            "Target": "ghcr.io/acme/shop:1.2.3 (debian 12.8)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": vulnerabilities,
        }],
    })
}

/// A vulnerability with a fix.
pub(crate) fn flaw(id: &str, package: &str, severity: &str) -> Value {
    json!({
        "VulnerabilityID": id,
        "PkgID": format!("{package}@1.0"),
        "PkgName": package,
        "PkgIdentifier": {"PURL": format!("pkg:deb/debian/{package}@1.0?arch=amd64")},
        "InstalledVersion": "1.0",
        "FixedVersion": "1.1",
        "Status": "fixed",
        "Title": format!("{package} is flawed"),
        "PrimaryURL": format!("https://avd.aquasec.com/nvd/{}", id.to_lowercase()),
        "Severity": severity,
        "PublishedDate": "2026-11-20T00:00:00Z",
    })
}
