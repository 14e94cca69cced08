//! What the world knows of exploitation, from local files: CISA's catalogue of known exploited
//! vulnerabilities (KEV) and FIRST's scores (EPSS). Nothing is fetched.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use autoscaleops_core::{Failure, text, time::Span};
use flate2::read::MultiGzDecoder;
use jiff::{Timestamp, ToSpan as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time;

/// How long a file may be, unpacked. The real ones have some 15 MB.
const MAX_BYTES: u64 = 256 << 20;

/// Both files, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds {
    /// With the day on which each came into the catalogue, where that is told.
    exploited: HashMap<String, Option<Timestamp>>,
    scores: HashMap<String, f64>,
    pub(crate) sources: Vec<Feed>,
}

/// One file: what it is, and of when.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Feed {
    /// `kev` or `epss`.
    pub kind: &'static str,
    /// The file.
    pub path: String,
    /// The day of its content.
    pub date: String,
    /// How many vulnerabilities it names.
    pub entries: usize,
}

impl Feeds {
    /// Reads the files that are given, none older than `max_age` at `now`.
    ///
    /// # Errors
    ///
    /// Fails on a file that is not what it should be.
    pub(crate) fn read(
        kev: Option<&Path>,
        epss: Option<&Path>,
        max_age: Option<Span>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut feeds = Self::default();
        if let Some(path) = kev {
            let (exploited, date) = read_kev(path)?;
            fresh(path, date, max_age, now)?;
            feeds.sources.push(feed("kev", path, date, exploited.len()));
            feeds.exploited = exploited;
        }
        if let Some(path) = epss {
            let (scores, date) = read_epss(path)?;
            fresh(path, date, max_age, now)?;
            feeds.sources.push(feed("epss", path, date, scores.len()));
            feeds.scores = scores;
        }
        Ok(feeds)
    }

    /// Returns whether the vulnerability is known to be exploited.
    pub(crate) fn is_exploited(&self, id: &str) -> bool {
        self.exploited.contains_key(id)
    }

    /// Returns whether the vulnerability was in the catalogue for a whole day before `then`. What
    /// nobody can tell was not.
    pub(crate) fn was_exploited(&self, id: &str, then: Option<Timestamp>) -> bool {
        let added = self.exploited.get(id).copied().flatten();
        added
            .and_then(|it| it.checked_add(24.hours()).ok())
            .zip(then)
            .is_some_and(|(added, then)| added <= then)
    }

    /// Returns the probability of exploitation, where the vulnerability has a score.
    pub(crate) fn score(&self, id: &str) -> Option<f64> {
        self.scores.get(id).copied()
    }
}

fn feed(kind: &'static str, path: &Path, date: Timestamp, entries: usize) -> Feed {
    Feed {
        kind,
        path: path.display().to_string(),
        date: time::date(date),
        entries,
    }
}

fn fresh(
    path: &Path,
    date: Timestamp,
    max_age: Option<Span>,
    now: Timestamp,
) -> Result<(), Failure> {
    let Some(max_age) = max_age else {
        return Ok(());
    };
    let age = now.duration_since(date);
    let limit = jiff::SignedDuration::try_from(max_age.0).unwrap_or(jiff::SignedDuration::MAX);
    if age <= limit {
        return Ok(());
    }
    let message = format!("the file is of {}, older than {max_age}", time::date(date));
    Err(refused(path, 0, message)
        .kind_of("stale_feed")
        .hint("fetch it anew before the gate, or raise `--max-feed-age`"))
}

/// What the catalogue lists, and its day.
type Catalogued = (HashMap<String, Option<Timestamp>>, Timestamp);

fn read_kev(path: &Path) -> Result<Catalogued, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Catalogue {
        date_released: String,
        count: Option<usize>,
        vulnerabilities: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        #[serde(rename = "cveID")]
        id: String,
        date_added: Option<String>,
    }

    let bytes = bytes(path)?;
    let catalogue: Catalogue = serde_json::from_slice(&bytes).map_err(|err| {
        refused(
            path,
            err.line(),
            format!("this is not the KEV catalogue: {err}"),
        )
    })?;
    let count = catalogue.vulnerabilities.len();
    if count == 0 || catalogue.count.is_some_and(|it| it != count) {
        return Err(refused(
            path,
            0,
            format!("the KEV catalogue is not whole: it lists {count}"),
        ));
    }
    let released = text::printable(&catalogue.date_released);
    let date = time::parse(&catalogue.date_released)
        .or_else(|| time::parse_date(&catalogue.date_released))
        .ok_or_else(|| {
            refused(
                path,
                0,
                format!("`dateReleased` is `{released}`, not a time"),
            )
        })?;
    Ok((
        catalogue
            .vulnerabilities
            .into_iter()
            .map(|it| {
                let added = it.date_added.as_deref().and_then(time::parse_date);
                (it.id, added)
            })
            .collect(),
        date,
    ))
}

/// The first line of FIRST's file is a comment with the date, the second names the columns.
fn read_epss(path: &Path) -> Result<(HashMap<String, f64>, Timestamp), Failure> {
    let bytes = bytes(path)?;
    let content = String::from_utf8(bytes)
        .map_err(|_| refused(path, 0, "the file is not UTF-8".to_owned()))?;
    let mut lines = content
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()));
    let date = lines
        .next()
        .and_then(|(_, line)| {
            line.strip_prefix('#')?
                .split(',')
                .find_map(|it| it.strip_prefix("score_date:"))
        })
        .and_then(|it| {
            // `+0000` and `Z` are both in use.
            let it = it
                .strip_suffix("+0000")
                .map_or_else(|| it.to_owned(), |it| format!("{it}Z"));
            time::parse(&it).or_else(|| time::parse_date(&it))
        })
        .ok_or_else(|| refused(path, 1, "the first line has no `score_date:`".to_owned()))?;
    if lines.next().map(|it| it.1) != Some("cve,epss,percentile") {
        return Err(refused(
            path,
            2,
            "the second line is not `cve,epss,percentile`".to_owned(),
        ));
    }
    let mut scores = HashMap::new();
    for (number, line) in lines.filter(|it| !it.1.is_empty()) {
        let mut columns = line.split(',');
        let entry = columns
            .next()
            .zip(columns.next().and_then(|it| it.parse::<f64>().ok()));
        match entry {
            Some((id, score)) if (0.0..=1.0).contains(&score) => {
                scores.insert(id.to_owned(), score);
            }
            _ => {
                return Err(refused(
                    path,
                    number,
                    "the line is not a CVE with its score".to_owned(),
                ));
            }
        }
    }
    if scores.is_empty() {
        return Err(refused(path, 0, "the file holds no scores".to_owned()));
    }
    Ok((scores, date))
}

/// Reads a file, unpacked where it is compressed, as FIRST publishes its scores.
fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |err: io::Error| {
        Failure::usage(format!("cannot read `{}`: {err}", path.display())).kind_of("feed")
    };
    let bytes = read(File::open(path).map_err(cannot)?, path, cannot)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return read(MultiGzDecoder::new(bytes.as_slice()), path, cannot);
    }
    Ok(bytes)
}

fn read(
    source: impl io::Read,
    path: &Path,
    cannot: impl FnOnce(io::Error) -> Failure,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refused(
            path,
            0,
            format!("the file holds more than {MAX_BYTES} bytes"),
        ));
    }
    Ok(bytes)
}

fn refused(path: &Path, line: usize, message: String) -> Failure {
    Failure::usage(message).kind_of("feed").at(path, line, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(content: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn packed(content: impl io::Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        flate2::read::GzEncoder::new(content, flate2::Compression::fast())
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    fn now() -> Timestamp {
        "2026-11-24T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_catalogue_and_the_scores_are_read_in_the_forms_they_are_published_in() {
        let kev = write(
            r#"{"catalogVersion":"2026.11.20","dateReleased":"2026-11-20T12:00:00.1234Z","count":1,"vulnerabilities":[{"cveID":"CVE-1","dueDate":"2026-12-01"}]}"#,
        );
        for date in ["2026-11-20T00:00:00+0000", "2026-11-20T12:00:00Z"] {
            let text = format!(
                "#model_version:v2026.06.15,score_date:{date}\ncve,epss,percentile\nCVE-2,0.91,0.99\n"
            );
            for epss in [write(&text), write(packed(text.as_bytes()))] {
                let feeds = Feeds::read(
                    Some(kev.path()),
                    Some(epss.path()),
                    Some("7d".parse().unwrap()),
                    now(),
                )
                .unwrap();
                assert!(feeds.is_exploited("CVE-1") && !feeds.is_exploited("CVE-2"));
                assert_eq!(
                    (feeds.score("CVE-2"), feeds.score("CVE-1")),
                    (Some(0.91), None)
                );
                assert_eq!(feeds.sources[1].date, "2026-11-20");
            }
        }
    }

    #[test]
    fn it_is_told_since_when_a_vulnerability_is_known_to_be_exploited() {
        let kev = write(
            r#"{"dateReleased":"2026-11-20","vulnerabilities":[{"cveID":"CVE-1","dateAdded":"2026-11-18"},{"cveID":"CVE-2"}]}"#,
        );
        let feeds = Feeds::read(Some(kev.path()), None, None, now()).unwrap();
        let was = |id: &str, then: &str| feeds.was_exploited(id, then.parse().ok());
        assert!(was("CVE-1", "2026-11-19T00:00:00Z"));
        // On the day itself nobody knows which came first.
        for then in ["2026-11-18T23:59:59Z", "2026-11-17T00:00:00Z", "unknown"] {
            assert!(!was("CVE-1", then), "{then}");
        }
        assert!(!was("CVE-2", "2026-11-19T00:00:00Z") && feeds.is_exploited("CVE-2"));
    }

    #[test]
    fn a_packed_file_that_is_cut_or_unpacks_without_end_is_refused() {
        let whole =
            packed(&b"#score_date:2026-11-20T00:00:00Z\ncve,epss,percentile\nCVE-1,0.5,0.5\n"[..]);
        for cut in [2, 10, whole.len() / 2, whole.len() - 1] {
            let epss = write(&whole[..cut]);
            let failure = Feeds::read(None, Some(epss.path()), None, now()).unwrap_err();
            assert_eq!(failure.kind(), "feed", "{cut}");
        }
        let endless = write(packed(io::repeat(b'#').take(MAX_BYTES + 1)));
        let failure = Feeds::read(None, Some(endless.path()), None, now()).unwrap_err();
        assert!(failure.to_string().contains("more than"), "{failure}");
    }

    #[test]
    fn a_file_that_is_not_whole_or_too_old_is_refused() {
        for bad in [
            "",
            "{}",
            r#"{"dateReleased":"2026-11-20","count":2,"vulnerabilities":[{"cveID":"CVE-1"}]}"#,
            r#"{"dateReleased":"soon","vulnerabilities":[{"cveID":"CVE-1"}]}"#,
            r#"{"dateReleased":"2026-11-01","vulnerabilities":[{"cveID":"CVE-1"}]}"#,
        ] {
            let kev = write(bad);
            assert!(
                Feeds::read(Some(kev.path()), None, Some("7d".parse().unwrap()), now()).is_err(),
                "{bad}"
            );
        }
        for bad in [
            "",
            "cve,epss,percentile\nCVE-1,0.5,0.5\n",
            "#score_date:2026-11-20T00:00:00Z\nCVE-1,0.5,0.5\n",
            "#score_date:2026-11-20T00:00:00Z\ncve,epss,percentile\n",
            "#score_date:2026-11-20T00:00:00Z\ncve,epss,percentile\nCVE-1,high,1\n",
            "#score_date:2026-11-20T00:00:00Z\ncve,epss,percentile\nCVE-1,7,1\n",
        ] {
            let epss = write(bad);
            assert!(
                Feeds::read(None, Some(epss.path()), None, now()).is_err(),
                "{bad}"
            );
        }
    }
}
