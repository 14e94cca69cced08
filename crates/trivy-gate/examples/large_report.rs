//! Writes a report like Trivy's, of a given size: `large_report MEGABYTES >report.json`.
//!
//! The findings are made up, in the shape, order and length of real ones: about 3.3 KB each, a third
//! of them CRITICAL, every second one with a fix. The same size gives the same bytes.

use std::io::{self, BufWriter, Write as _};

const WORDS: [&str; 16] = [
    "buffer", "overflow", "in", "the", "parser", "of", "headers", "allows", "a", "remote",
    "attacker", "to", "cause", "denial", "of", "service",
];

fn main() -> io::Result<()> {
    let megabytes: usize = std::env::args()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(150);
    let mut out = Counted {
        inner: BufWriter::with_capacity(1 << 20, io::stdout().lock()),
        bytes: 0,
    };
    out.write(HEAD)?;
    let mut number = 0;
    while out.bytes < megabytes * 1_000_000 {
        if number > 0 {
            out.write(",\n")?;
        }
        out.write(&finding(number))?;
        number += 1;
    }
    out.write("\n      ]\n    }\n  ]\n}\n")?;
    out.inner.flush()
}

struct Counted<W> {
    inner: W,
    bytes: usize,
}

impl<W: io::Write> Counted<W> {
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.bytes += text.len();
        self.inner.write_all(text.as_bytes())
    }
}

const HEAD: &str = r#"{
  "SchemaVersion": 2,
  "CreatedAt": "2026-11-23T12:00:00Z",
  "ArtifactName": "ghcr.io/acme/large:1.0.0",
  "ArtifactType": "container_image",
  "Metadata": {
    "OS": {
      "Family": "debian",
      "Name": "12.8"
    }
  },
  "Results": [
    {
      "Target": "ghcr.io/acme/large:1.0.0 (debian 12.8)",
      "Class": "os-pkgs",
      "Type": "debian",
      "Vulnerabilities": [
"#;

/// Returns one finding as Trivy lays it out.
fn finding(number: usize) -> String {
    let (year, id) = (2015 + number % 12, 1_000 + number);
    let severity = ["CRITICAL", "HIGH", "MEDIUM"][number % 3];
    let vendor = 4 - number % 3;
    let package = format!("libpackage{}", number % 997);
    let (fixed, status) = if number.is_multiple_of(2) {
        (
            format!(
                "          \"FixedVersion\": \"1.{}.7-2+deb12u4\",\n",
                number % 40
            ),
            "fixed",
        )
    } else {
        (String::new(), "affected")
    };
    let references: Vec<String> = (0..14)
        .map(|it| {
            format!(
                "            \"https://lists.example.org/archives/{year}/advisory-{id}-{it}.html\""
            )
        })
        .collect();
    let references = references.join(",\n");
    let description: Vec<&str> = (0..75)
        .map(|it| WORDS[(number * 7 + it * 5) % WORDS.len()])
        .collect();
    let description = description.join(" ");
    format!(
        r#"        {{
          "VulnerabilityID": "CVE-{year}-{id}",
          "PkgID": "{package}@1.{minor}.3-1",
          "PkgName": "{package}",
          "PkgIdentifier": {{
            "PURL": "pkg:deb/debian/{package}@1.{minor}.3-1?arch=amd64&distro=debian-12.8",
            "UID": "{number:016x}"
          }},
          "InstalledVersion": "1.{minor}.3-1",
{fixed}          "Status": "{status}",
          "Layer": {{
            "Digest": "sha256:{number:064x}",
            "DiffID": "sha256:{number:064x}"
          }},
          "SeveritySource": "nvd",
          "PrimaryURL": "https://avd.aquasec.com/nvd/cve-{year}-{id}",
          "DataSource": {{
            "ID": "debian",
            "Name": "Debian Security Tracker",
            "URL": "https://salsa.debian.org/security-tracker-team/security-tracker"
          }},
          "Title": "{package}: a flaw in the \"parser\" of headers",
          "Description": "{description}",
          "Severity": "{severity}",
          "CweIDs": [
            "CWE-787",
            "CWE-125"
          ],
          "VendorSeverity": {{
            "alma": 2,
            "ghsa": {vendor},
            "nvd": {vendor},
            "redhat": 2,
            "ubuntu": 2
          }},
          "CVSS": {{
            "nvd": {{
              "V2Vector": "AV:N/AC:L/Au:N/C:P/I:P/A:P",
              "V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
              "V2Score": 7.5,
              "V3Score": 9.8
            }},
            "redhat": {{
              "V3Vector": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H",
              "V3Score": 5.9
            }}
          }},
          "References": [
{references}
          ],
          "PublishedDate": "{year}-05-15T17:29:00.123Z",
          "LastModifiedDate": "{year}-11-21T07:15:00Z"
        }}"#,
        minor = number % 40
    )
}
