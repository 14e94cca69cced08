//! Trivy's two waiver files, with its grammar (`pkg/result/ignore.go`) and without its traps: an
//! unknown key is an error here, and so is a rule without an id.

use std::path::Path;

use autoscaleops_core::{Failure, text};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Form, Problem, Waiver, glob::Glob, lines_of_ids, refused, yaml_error};
use crate::{purl::PackageUrl, scan::Class, time};

/// Reads `.trivyignore`: an id a line, `exp:2026-12-31` behind it, `#` before a comment line. A line
/// whose date is not one is left out, as Trivy does, and told.
pub(super) fn parse_text(path: &Path, content: &str) -> (Vec<Waiver>, Vec<Problem>) {
    let mut waivers = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in content.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = line.split_whitespace();
        let Some(id) = fields.next() else { continue };
        // Trivy looks at the first field too, but only where another follows.
        let dates = (line.split_whitespace().count() > 1)
            .then(|| {
                line.split_whitespace()
                    .find_map(|it| it.strip_prefix("exp:"))
            })
            .flatten();
        let expires = match dates.map(time::parse_date) {
            None => None,
            Some(Some(date)) => Some(date),
            Some(None) => {
                problems.push(Problem {
                    file: path.display().to_string(),
                    line: index + 1,
                    message: format!(
                        "`{}` is not a date such as exp:2026-12-31, so {} is not waived",
                        text::printable(dates.unwrap_or_default()),
                        text::printable(id)
                    ),
                });
                continue;
            }
        };
        waivers.push(Waiver {
            id: id.to_owned(),
            class: None,
            package: None,
            purls: Vec::new(),
            paths: Vec::new(),
            expires,
            reason: String::new(),
            owner: String::new(),
            file: path.display().to_string(),
            line: index + 1,
            form: Form::TrivyText,
        });
    }
    (waivers, problems)
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    vulnerabilities: Option<Vec<Rule>>,
    misconfigurations: Option<Vec<Rule>>,
    secrets: Option<Vec<Rule>>,
    licenses: Option<Vec<Rule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    #[serde(default)]
    paths: Option<Vec<String>>,
    #[serde(default)]
    purls: Option<Vec<String>>,
    #[serde(default)]
    expired_at: Option<String>,
    #[serde(default)]
    statement: Option<String>,
}

/// Reads `.trivyignore.yaml`.
pub(super) fn parse_yaml(path: &Path, content: &str) -> Result<Vec<Waiver>, Failure> {
    // An empty file waives nothing.
    let file: Option<File> = serde_yaml::from_str(content).map_err(|err| yaml_error(path, &err))?;
    let file = file.unwrap_or_default();
    let groups = [
        (Class::Vulnerability, file.vulnerabilities),
        (Class::Misconfiguration, file.misconfigurations),
        (Class::Secret, file.secrets),
        (Class::License, file.licenses),
    ];
    let rules: Vec<(Class, Rule)> = groups
        .into_iter()
        .flat_map(|(class, rules)| {
            rules
                .unwrap_or_default()
                .into_iter()
                .map(move |it| (class, it))
        })
        .collect();
    let lines = lines_of_ids(content, rules.iter().map(|it| it.1.id.clone()));
    rules
        .into_iter()
        .zip(lines)
        .map(|((class, rule), line)| waiver(path, class, rule, line))
        .collect()
}

fn waiver(path: &Path, class: Class, rule: Rule, line: usize) -> Result<Waiver, Failure> {
    let id = rule.id;
    let problem =
        |message: String| refused(path, line, 0, format!("the rule for `{id}`: {message}"));
    if id.is_empty() {
        return Err(problem("`id` is empty".to_owned()));
    }
    let expires = match rule.expired_at.as_deref() {
        None => None,
        Some(text) => Some(yaml_time(text).ok_or_else(|| {
            problem(format!(
                "`expired_at: {text}` is not a date such as 2026-12-31"
            ))
        })?),
    };
    let paths = rule
        .paths
        .iter()
        .flatten()
        .map(|it| {
            Glob::parse(it).map_err(|what| problem(format!("`{it}` is not a pattern: {what}")))
        })
        .collect::<Result<_, _>>()?;
    let purls = rule
        .purls
        .iter()
        .flatten()
        .map(|it| {
            PackageUrl::parse(it)
                .map_err(|what| problem(format!("`{it}` is not a package URL: {what}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // Trivy knows package URLs for vulnerabilities alone; elsewhere it would pass over them.
    if !purls.is_empty() && class != Class::Vulnerability {
        return Err(problem("`purls` narrows only vulnerabilities".to_owned()));
    }
    Ok(Waiver {
        id: id.clone(),
        class: Some(class),
        package: None,
        purls,
        paths,
        expires,
        reason: rule.statement.unwrap_or_default(),
        owner: String::new(),
        file: path.display().to_string(),
        line,
        form: Form::TrivyYaml,
    })
}

/// Reads a YAML timestamp, in the forms that Go's yaml.v3 knows: months, days and times may have one
/// digit, and without a zone it is UTC.
fn yaml_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let cut = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (day, clock) = text.split_at(cut);
    let day = pad(day, '-', &[4, 2, 2])?;
    if clock.is_empty() {
        return time::parse_date(&day);
    }
    let clock = clock[1..].trim_start();
    let zone = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone);
    let (clock, fraction) = match clock.trim_end().split_once('.') {
        Some((clock, fraction)) => (clock, format!(".{fraction}")),
        None => (clock.trim_end(), String::new()),
    };
    let clock = pad(clock, ':', &[2, 2, 2])?;
    let zone = if zone.is_empty() { "Z" } else { zone };
    time::parse(&format!("{day}T{clock}{fraction}{zone}"))
}

fn pad(text: &str, separator: char, widths: &[usize]) -> Option<String> {
    let parts: Vec<&str> = text.split(separator).collect();
    if parts.len() != widths.len() || parts[0].len() != widths[0] && widths[0] == 4 {
        return None;
    }
    let padded: Vec<String> = parts
        .iter()
        .zip(widths)
        .map(|(part, width)| format!("{part:0>width$}"))
        .collect();
    Some(padded.join(&separator.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_timestamps_have_many_forms() {
        for (text, expected) in [
            ("2099-1-1", "2099-01-01T00:00:00Z"),
            ("2099-01-01", "2099-01-01T00:00:00Z"),
            ("2099-01-01T10:00:00Z", "2099-01-01T10:00:00Z"),
            ("2099-01-01 1:2:3", "2099-01-01T01:02:03Z"),
            ("2099-01-01T10:00:00.5+02:00", "2099-01-01T08:00:00.5Z"),
        ] {
            assert_eq!(
                yaml_time(text).map(|it| it.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for bad in [
            "soon",
            "",
            "99-1-1",
            "2099-1",
            "2099-13-1",
            "2099-1-1T",
            "2099-1-1T25:00:00Z",
            "2099--1",
        ] {
            assert_eq!(yaml_time(bad), None, "{bad}");
        }
    }
}
