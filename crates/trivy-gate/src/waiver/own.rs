//! Our own waiver file: everything said, nothing misspelt, and an end.

use std::path::Path;

use autoscaleops_core::Failure;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use super::{Form, Waiver, glob::Glob, lines_of_ids, refused, yaml_error};
use crate::{purl::PackageUrl, time};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    waivers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    reason: String,
    owner: String,
    expires: String,
}

/// Reads the waivers of `content`.
pub(super) fn parse(
    path: &Path,
    content: &str,
    max_days: u32,
    now: Timestamp,
) -> Result<Vec<Waiver>, Failure> {
    let file: File = serde_yaml::from_str(content).map_err(|err| yaml_error(path, &err))?;
    let lines = lines_of_ids(content, file.waivers.iter().map(|it| it.id.clone()));
    let latest = now
        .checked_add((i64::from(max_days) * 24).hours())
        .unwrap_or(Timestamp::MAX);
    file.waivers
        .into_iter()
        .zip(lines)
        .map(|(entry, line)| waiver(path, entry, line, max_days, latest))
        .collect()
}

fn waiver(
    path: &Path,
    entry: Entry,
    line: usize,
    max_days: u32,
    latest: Timestamp,
) -> Result<Waiver, Failure> {
    let id = entry.id;
    let problem =
        |message: String| refused(path, line, 0, format!("the waiver for `{id}`: {message}"));
    if id.is_empty() || id.contains(char::is_whitespace) {
        return Err(problem("`id` is not one word".to_owned()));
    }
    for (key, text) in [("reason", &entry.reason), ("owner", &entry.owner)] {
        if text.trim().is_empty() {
            return Err(problem(format!("`{key}` is empty")));
        }
    }
    let expires = time::parse_date(&entry.expires).ok_or_else(|| {
        problem(format!(
            "`expires: {}` is not a date such as 2026-12-31",
            entry.expires
        ))
    })?;
    if expires > latest {
        return Err(problem(format!(
            "it ends on {}, more than {max_days} days from now; renew waivers instead, or raise `max_waiver_days`",
            entry.expires
        )));
    }
    if entry.package.is_some() && entry.purl.is_some() {
        return Err(problem(
            "`package` and `purl` exclude each other".to_owned(),
        ));
    }
    if entry.package.as_deref() == Some("") {
        return Err(problem("`package` is empty".to_owned()));
    }
    let purls = entry
        .purl
        .iter()
        .map(|it| {
            PackageUrl::parse(it)
                .map_err(|what| problem(format!("`{it}` is not a package URL: {what}")))
        })
        .collect::<Result<_, _>>()?;
    let paths = entry
        .paths
        .iter()
        .map(|it| {
            Glob::parse(it).map_err(|what| problem(format!("`{it}` is not a pattern: {what}")))
        })
        .collect::<Result<_, _>>()?;
    Ok(Waiver {
        id: id.clone(),
        class: None,
        package: entry.package,
        purls,
        paths,
        expires: Some(expires),
        reason: entry.reason,
        owner: entry.owner,
        file: path.display().to_string(),
        line,
        form: Form::Own,
    })
}
