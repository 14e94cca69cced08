//! Names what was given instead of a Trivy report, so that nobody has to guess.

use super::Scan;
use crate::json::{JsonError, Reader, Result, shape};

/// How many unknown keys are remembered.
const KEYS: usize = 64;

/// The keys of a document that are not Trivy's.
#[derive(Default)]
pub(super) struct Foreign {
    keys: Vec<String>,
}

impl Foreign {
    pub(super) fn note(&mut self, key: String) {
        if self.keys.len() < KEYS {
            self.keys.push(key);
        }
    }

    /// Makes sure that the document was a report of a schema that is known here.
    pub(super) fn check(&self, reader: &Reader, scan: &Scan) -> Result<()> {
        if let Some(what) = self.name() {
            return Err(reader.error(
                "not_trivy",
                format!("this is {what}, not a report of `trivy image`"),
            ));
        }
        for key in &self.keys {
            if let Some(known) = crate::schema::REPORT.find_other_case(key.as_bytes()) {
                let key = autoscaleops_core::text::printable(key);
                return Err(reader.error(
                    "not_trivy",
                    format!("the key `{key}` differs from Trivy's `{known}` in case; Trivy would read it, other readers not"),
                ));
            }
        }
        match scan.schema_version {
            Some(2) => {}
            Some(other) => {
                return Err(reader.error(
                    "unknown_schema",
                    format!(
                        "the report has schema version {other}; this version of trivy-gate knows 2"
                    ),
                ));
            }
            None => {
                return Err(reader.error(
                    "unknown_schema",
                    "the document has no SchemaVersion: it is not a Trivy report, or one from before 0.20",
                ));
            }
        }
        if scan.artifact_name.is_empty() && scan.artifact_type.is_empty() {
            return Err(reader.error("not_trivy", "the report names no artifact"));
        }
        Ok(())
    }

    fn name(&self) -> Option<&'static str> {
        let has = |key: &str| self.keys.iter().any(|it| it == key);
        let known = [
            (has("ClusterName"), "a report of `trivy k8s`"),
            (
                has("apiVersion") && has("items"),
                "a list of Kubernetes objects",
            ),
            (
                has("apiVersion"),
                "a Kubernetes object, as trivy-operator writes its reports",
            ),
            (has("bomFormat"), "a CycloneDX document"),
            (has("spdxVersion"), "an SPDX document"),
            (has("runs"), "a SARIF file"),
            (has("matches") && has("descriptor"), "a report of Grype"),
            (has("matches"), "a report of Grype"),
            (has("results") && !has("scan"), "a report of osv-scanner"),
            (
                has("scan") && has("vulnerabilities"),
                "a GitLab security report",
            ),
            (has("manifests"), "a GitHub dependency snapshot"),
            (
                has("scanner"),
                "a cosign vulnerability attestation; its `scanner.result` is the report",
            ),
            (has("Findings"), "an ASFF file of AWS Security Hub"),
            (
                has("schema") && has("verdict"),
                "a report of trivy-gate itself",
            ),
        ];
        known.into_iter().find(|it| it.0).map(|it| it.1)
    }
}

/// Returns the error for a document that does not begin with `{`.
pub(super) fn other_document(reader: &mut Reader, begin: Option<u8>) -> JsonError {
    match begin {
        None => reader.error("empty_report", "the report is empty: the scan wrote nothing"),
        Some(b'[') => list(reader),
        Some(b'n') => reader.error(
            "not_trivy",
            "the document is `null`, as Trivy before 0.20 wrote it for a clean image: scan with a current Trivy",
        ),
        Some(b'<') => reader.error("not_json", "this is XML or HTML (JUnit?), not a Trivy report in JSON"),
        Some(0xEF) => reader.error("not_json", "the report begins with a byte order mark, which Trivy itself refuses"),
        Some(0x1f) => reader.error("not_json", "the report is compressed: unpack it first, `gunzip -c FILE | trivy-gate -`"),
        Some(b'"' | b't' | b'f' | b'-' | b'0'..=b'9') => {
            reader.error("not_trivy", "the document is a single value, not a Trivy report")
        }
        Some(_) => reader.error("not_json", "this is not JSON (Trivy's table, perhaps)"),
    }
}

/// Names a list by the keys of its first object.
fn list(reader: &mut Reader) -> JsonError {
    let mut keys: Vec<String> = Vec::new();
    let mut looked = false;
    let read = reader.list(|reader| {
        if looked || reader.peek()? != Some(b'{') {
            looked = true;
            return reader.skip(&shape::Kind::Any);
        }
        looked = true;
        reader.open_record(&shape::NOTHING, |reader, key| {
            if let Err(key) = key
                && keys.len() < KEYS
            {
                keys.push(key);
            }
            reader.skip(&shape::Kind::Any)
        })
    });
    if let Err(problem) = read {
        return problem;
    }
    let has = |key: &str| keys.iter().any(|it| it == key);
    let what = if has("Target") {
        "a report of Trivy before 0.20: scan with a current Trivy"
    } else if has("check_name") || has("fingerprint") {
        "a GitLab code quality report, not a Trivy report"
    } else if has("AwsAccountId") {
        "an ASFF file of AWS Security Hub, not a Trivy report"
    } else {
        "a list, not a Trivy report"
    };
    reader.error("not_trivy", format!("the document is {what}"))
}
