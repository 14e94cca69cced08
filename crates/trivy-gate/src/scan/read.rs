//! Reads a report from end to end, and hands over its findings on the way.

use std::path::Path;

use autoscaleops_core::{Failure, text};

use super::{Class, Finding, Os, Scan, Severity, Target, refuse};
use crate::{
    json::{Fault, Reader, Result, shape::Kind, source::Source},
    purl, schema, time,
};

/// Who gets the findings.
pub(crate) trait Sink {
    /// Gets one finding. It is borrowed: the next one overwrites it.
    fn finding(&mut self, target: &Target, finding: &Finding);
    /// All findings of one result were handed over.
    fn end_of_target(&mut self);
}

/// Reads the report that `source` delivers; `name` names it in messages.
///
/// # Errors
///
/// Fails with exit code 2 on anything but one complete report of a known form.
pub(crate) fn read(
    source: Source,
    name: &str,
    sink: &mut dyn Sink,
) -> std::result::Result<Scan, Failure> {
    let mut reader = Reader::new(source);
    let mut scan = Scan::default();
    let result = whole(&mut reader, &mut scan, sink);
    match result {
        Ok(()) => {}
        Err(problem) => return Err(failure(name, problem.fault())),
    }
    if let Some((bytes, sha256)) = reader.seal() {
        scan.bytes = bytes;
        scan.sha256 = sha256;
    }
    Ok(scan)
}

fn failure(name: &str, problem: Fault) -> Failure {
    let hint = match problem.kind {
        "io" => return Failure::error("io", format!("cannot read {name}: {}", problem.message)),
        "interrupted" => return Failure::error("interrupted", problem.message),
        "empty_report" | "truncated_report" => {
            "scan again: Trivy was ended before it had written all, or its disk was full"
        }
        "trailing_data" => "give one report: two written into one file are no report",
        "duplicate_key" => "scan again: Trivy writes every key once, so the file was changed",
        "report_too_large" => "raise `--max-report-bytes`",
        "not_json" => "give the file that `trivy image --format json --output FILE` writes",
        _ => "give the unfiltered output of `trivy image --format json`",
    };
    Failure::usage(problem.message)
        .kind_of(problem.kind)
        .at(Path::new(name), problem.line, problem.column)
        .hint(hint)
}

fn whole(reader: &mut Reader, scan: &mut Scan, sink: &mut dyn Sink) -> Result<()> {
    let begin = reader.peek()?;
    if begin != Some(b'{') {
        return Err(refuse::other_document(reader, begin));
    }
    let mut foreign = refuse::Foreign::default();
    reader.open_record(&schema::REPORT, |reader, key| match key {
        Ok("SchemaVersion") => {
            scan.schema_version = reader.integer()?;
            Ok(())
        }
        Ok("Trivy") => reader.record(&schema::TRIVY, |reader, key| match key {
            "Version" => reader.text(&mut scan.trivy_version),
            _ => reader.skip(schema::TRIVY.kind(key)),
        }),
        Ok("CreatedAt") => {
            scan.created_at = timestamp(reader, &mut String::new())?;
            Ok(())
        }
        Ok("ArtifactName") => reader.text(&mut scan.artifact_name),
        Ok("ArtifactType") => reader.text(&mut scan.artifact_type),
        Ok("Metadata") => metadata(reader, scan),
        Ok("Results") => {
            let mut work = Work::default();
            reader.list(|reader| result(reader, scan, &mut work, sink))
        }
        Ok(known) => reader.skip(schema::REPORT.kind(known)),
        Err(other) => {
            foreign.note(other);
            reader.skip(&Kind::Any)
        }
    })?;
    reader.end()?;
    foreign.check(reader, scan)
}

fn metadata(reader: &mut Reader, scan: &mut Scan) -> Result<()> {
    reader.record(&schema::METADATA, |reader, key| match key {
        "OS" => {
            if reader.peek()? == Some(b'n') {
                return reader.skip(&Kind::Any);
            }
            let os = scan.os.insert(Os::default());
            reader.record(&schema::OS, |reader, key| match key {
                "Family" => reader.text(&mut os.family),
                "Name" => reader.text(&mut os.name),
                "EOSL" | "Eosl" => {
                    os.is_end_of_life |= reader.flag()?;
                    Ok(())
                }
                _ => reader.skip(schema::OS.kind(key)),
            })
        }
        "ImageID" => reader.text(&mut scan.image_id),
        "Reference" => reader.text(&mut scan.reference),
        "DiffIDs" => {
            scan.diff_ids = reader.texts()?;
            Ok(())
        }
        "RepoTags" => {
            scan.tags = reader.texts()?;
            Ok(())
        }
        "RepoDigests" => {
            scan.digests = reader.texts()?;
            Ok(())
        }
        _ => reader.skip(schema::METADATA.kind(key)),
    })
}

/// Memory that is used again and again.
#[derive(Default)]
struct Work {
    target: Target,
    finding: Finding,
    word: String,
}

/// Reads one result. Findings that come before the target's name and class, as in a report whose
/// keys were sorted, wait for them.
fn result(
    reader: &mut Reader,
    scan: &mut Scan,
    work: &mut Work,
    sink: &mut dyn Sink,
) -> Result<()> {
    work.target.name.clear();
    work.target.class.clear();
    let (mut has_name, mut has_class) = (false, false);
    let mut waiting: Vec<Finding> = Vec::new();
    reader.record(&schema::RESULT, |reader, key| {
        let read = match key {
            "Target" => {
                has_name = true;
                return reader.text(&mut work.target.name);
            }
            "Class" => {
                has_class = true;
                return reader.text(&mut work.target.class);
            }
            "Vulnerabilities" => vulnerability,
            "Secrets" => secret,
            "Misconfigurations" => misconfiguration,
            "Licenses" => license,
            "ExperimentalModifiedFindings" => modified,
            _ => return reader.skip(schema::RESULT.kind(key)),
        };
        reader.list(|reader| {
            work.finding.clear();
            if !read(reader, &mut work.finding, &mut work.word)? {
                return Ok(());
            }
            if has_name && has_class {
                sink.finding(&work.target, &work.finding);
            } else {
                waiting.push(work.finding.clone());
            }
            Ok(())
        })
    })?;
    for finding in &waiting {
        sink.finding(&work.target, finding);
    }
    sink.end_of_target();
    scan.results += 1;
    match work.target.class.as_str() {
        "os-pkgs" => scan.os_results += 1,
        "lang-pkgs" => scan.language_results += 1,
        _ => {}
    }
    Ok(())
}

fn vulnerability(reader: &mut Reader, finding: &mut Finding, word: &mut String) -> Result<bool> {
    finding.class = Class::Vulnerability;
    reader.record(&schema::VULNERABILITY, |reader, key| match key {
        "VulnerabilityID" => reader.text(&mut finding.id),
        "PkgID" => reader.text(&mut finding.package_id),
        "PkgName" => reader.text(&mut finding.package),
        "PkgPath" => reader.text(&mut finding.path),
        "PkgIdentifier" => reader.record(&schema::IDENTIFIER, |reader, key| match key {
            "PURL" => {
                reader.text(&mut finding.purl)?;
                if finding.purl.is_empty() || purl::is_valid(&finding.purl) {
                    return Ok(());
                }
                let found = text::shorten(&text::printable(&finding.purl), 60);
                Err(reader.error("not_trivy", format!("`{found}` is not a package URL")))
            }
            _ => reader.skip(schema::IDENTIFIER.kind(key)),
        }),
        "InstalledVersion" => reader.text(&mut finding.installed),
        "FixedVersion" => reader.text(&mut finding.fixed),
        "Status" => {
            reader.text(word)?;
            finding.status = word.parse().ok();
            Ok(())
        }
        "PrimaryURL" => reader.text(&mut finding.url),
        "Title" => reader.text(&mut finding.title),
        "Severity" => {
            finding.severity = severity(reader, word)?;
            Ok(())
        }
        "PublishedDate" => {
            finding.published = timestamp(reader, word)?;
            Ok(())
        }
        _ => reader.skip(schema::VULNERABILITY.kind(key)),
    })?;
    named(reader, finding)
}

fn secret(reader: &mut Reader, finding: &mut Finding, word: &mut String) -> Result<bool> {
    finding.class = Class::Secret;
    reader.record(&schema::SECRET, |reader, key| match key {
        "RuleID" => reader.text(&mut finding.id),
        "Title" => reader.text(&mut finding.title),
        "StartLine" => {
            finding.line = reader.integer()?.unwrap_or(0);
            Ok(())
        }
        "Severity" => {
            finding.severity = severity(reader, word)?;
            Ok(())
        }
        _ => reader.skip(schema::SECRET.kind(key)),
    })?;
    named(reader, finding)
}

fn misconfiguration(reader: &mut Reader, finding: &mut Finding, word: &mut String) -> Result<bool> {
    finding.class = Class::Misconfiguration;
    let mut failed = false;
    reader.record(&schema::MISCONFIGURATION, |reader, key| match key {
        "ID" => reader.text(&mut finding.id),
        "AVDID" => reader.text(&mut finding.alias),
        "Title" => reader.text(&mut finding.title),
        "PrimaryURL" => reader.text(&mut finding.url),
        "Status" => {
            reader.text(word)?;
            failed = word == "FAIL";
            Ok(())
        }
        "Severity" => {
            finding.severity = severity(reader, word)?;
            Ok(())
        }
        "CauseMetadata" => reader.record(&schema::CAUSE, |reader, key| match key {
            "StartLine" => {
                finding.line = reader.integer()?.unwrap_or(0);
                Ok(())
            }
            _ => reader.skip(schema::CAUSE.kind(key)),
        }),
        _ => reader.skip(schema::MISCONFIGURATION.kind(key)),
    })?;
    if finding.id.is_empty() {
        std::mem::swap(&mut finding.id, &mut finding.alias);
    }
    // What passed is listed too, with `--include-non-failures`.
    Ok(failed && named(reader, finding)?)
}

fn license(reader: &mut Reader, finding: &mut Finding, word: &mut String) -> Result<bool> {
    finding.class = Class::License;
    reader.record(&schema::LICENSE, |reader, key| match key {
        "Name" => reader.text(&mut finding.id),
        "PkgName" => reader.text(&mut finding.package),
        "FilePath" => reader.text(&mut finding.path),
        "Category" => reader.text(&mut finding.title),
        "Link" => reader.text(&mut finding.url),
        "Severity" => {
            finding.severity = severity(reader, word)?;
            Ok(())
        }
        _ => reader.skip(schema::LICENSE.kind(key)),
    })?;
    named(reader, finding)
}

/// Reads a finding that Trivy itself took off its list. `Type` stands before `Finding`, as Trivy
/// writes it; without it the finding is passed over.
fn modified(reader: &mut Reader, finding: &mut Finding, word: &mut String) -> Result<bool> {
    let (mut kind, mut status) = (String::new(), String::new());
    let (mut statement, mut source) = (String::new(), String::new());
    let mut found = false;
    let is_object = reader.peek()? == Some(b'{');
    reader.record(&schema::MODIFIED, |reader, key| match key {
        "Type" => reader.text(&mut kind),
        "Status" => reader.text(&mut status),
        "Statement" => reader.text(&mut statement),
        "Source" => reader.text(&mut source),
        _ => {
            found = match kind.as_str() {
                "vulnerability" => vulnerability(reader, finding, word)?,
                "misconfiguration" => misconfiguration(reader, finding, word)?,
                "secret" => secret(reader, finding, word)?,
                "license" => license(reader, finding, word)?,
                "" => {
                    return Err(reader.error(
                        "not_trivy",
                        "a modified finding does not begin with its type",
                    ));
                }
                other => {
                    let other = text::shorten(&text::printable(other), 40);
                    return Err(
                        reader.error("not_trivy", format!("`{other}` is not a type of finding"))
                    );
                }
            };
            Ok(())
        }
    })?;
    if !is_object || kind.is_empty() {
        return Err(reader.error("not_trivy", "a modified finding has no type"));
    }
    let because = [status.as_str(), source.as_str(), statement.as_str()];
    let words: Vec<&str> = because.into_iter().filter(|it| !it.is_empty()).collect();
    finding.suppressed = Some(words.join(": "));
    Ok(found)
}

/// Every finding has a name, else nobody could waive or even read it.
fn named(reader: &Reader, finding: &Finding) -> Result<bool> {
    if finding.id.is_empty() {
        return Err(reader.error(
            "not_trivy",
            format!("a {} has no id", finding.class.as_str()),
        ));
    }
    Ok(true)
}

/// An empty severity is an unknown one. Case does not matter: Trivy drops `high` silently.
fn severity(reader: &mut Reader, word: &mut String) -> Result<Severity> {
    reader.text(word)?;
    if word.is_empty() {
        return Ok(Severity::Unknown);
    }
    word.parse().map_err(|_| {
        let word = text::shorten(&text::printable(word), 40);
        reader.error("not_trivy", format!("`{word}` is not a severity of Trivy"))
    })
}

fn timestamp(reader: &mut Reader, word: &mut String) -> Result<Option<jiff::Timestamp>> {
    if reader.peek()? == Some(b'n') {
        reader.skip(&Kind::Text)?;
        return Ok(None);
    }
    reader.text(word)?;
    let Some(time) = time::parse(word) else {
        let word = text::shorten(&text::printable(word), 40);
        let message = format!("`{word}` is not a time of RFC 3339");
        return Err(reader.error("not_trivy", message));
    };
    Ok(Some(time).filter(|it| !time::is_zero(*it)))
}
