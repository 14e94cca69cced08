//! Whether a report can carry a verdict at all: is it of the right image, recent, and did the scan
//! see anything?

use std::time::Duration;

use autoscaleops_core::{
    Failure,
    image::{Digest, ImageRef},
    text,
    time::Span,
};
use jiff::{SignedDuration, Timestamp};

use crate::{policy::Settings, scan::Scan, trivy};

/// How far the scanner's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What is expected of a scan.
#[derive(Clone, Debug)]
pub(crate) struct Expectations {
    image: Option<Expected>,
    max_age: Option<Span>,
    artifact_types: Vec<String>,
    allow_empty: bool,
    needs_packages: bool,
}

/// The image that must have been scanned.
#[derive(Clone, Debug)]
enum Expected {
    Digest(String),
    Reference(ImageRef),
    /// The `DiffIDs` of its layers: the same wherever the image is, however it is packed.
    Layers(Vec<String>),
}

impl Expected {
    fn parse(text: &str) -> Result<Self, Failure> {
        let problem =
            |err: &dyn std::fmt::Display| Failure::usage(format!("`expect_image`: {err}"));
        let digest = |text: &str| {
            text.parse()
                .map(|it: Digest| it.as_str().to_owned())
                .map_err(|err| problem(&err))
        };
        if text.trim_start().starts_with('[') {
            let layers: Vec<String> = serde_json::from_str(text).map_err(|err| {
                problem(&err).hint("docker inspect --format '{{json .RootFS.Layers}}' IMAGE")
            })?;
            if layers.is_empty() {
                return Err(problem(&"a list without layers names no image"));
            }
            let layers: Result<Vec<String>, Failure> = layers.iter().map(|it| digest(it)).collect();
            return layers.map(Self::Layers);
        }
        if text.starts_with("sha256:") {
            return digest(text).map(Self::Digest);
        }
        text.parse()
            .map(Self::Reference)
            .map_err(|err| problem(&err))
    }
}

impl Expectations {
    /// Returns the expectations in `settings`.
    ///
    /// # Errors
    ///
    /// Fails on an image that is not a reference or a digest.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let image = settings
            .expect_image
            .as_deref()
            .map(Expected::parse)
            .transpose()?;
        Ok(Self {
            image,
            max_age: settings.max_age,
            artifact_types: settings.artifact_types.clone(),
            allow_empty: settings.allow_empty,
            needs_packages: !settings.severities.is_empty() || settings.fail_on_unknown,
        })
    }

    /// Returns the image that was expected, when it was given as a reference.
    pub(crate) fn reference(&self) -> Option<&ImageRef> {
        match &self.image {
            Some(Expected::Reference(image)) => Some(image),
            _ => None,
        }
    }

    /// Checks the evidence of `scan` at `now`.
    ///
    /// # Errors
    ///
    /// Fails with exit code 11, undecided, when the evidence does not suffice.
    pub(crate) fn check(&self, scan: &Scan, now: Timestamp) -> Result<(), Failure> {
        if !self.artifact_types.contains(&scan.artifact_type) {
            let found = if scan.artifact_type.is_empty() {
                "something that it does not name".to_owned()
            } else {
                format!("a {}", shown(&scan.artifact_type))
            };
            return Err(Failure::undecided(
                "wrong_artifact",
                format!(
                    "the report is of {found}, not of a {}",
                    self.artifact_types.join(" or ")
                ),
            )
            .hint("scan with `trivy image`, or say what is wanted with `--artifact-types`"));
        }
        if trivy::is_malicious(&scan.trivy_version) {
            return Err(Failure::undecided(
                "malicious_trivy",
                format!("the report is by Trivy {}, which an attacker published", shown(&scan.trivy_version)),
            )
            .hint("rotate the credentials of the machine that ran it, scan with another version (GHSA-69fq-xp46-6x23)"));
        }
        if let Some(expected) = &self.image {
            check_image(expected, scan)?;
        }
        if let Some(max_age) = self.max_age {
            check_age(max_age, scan, now)?;
        }
        if self.allow_empty {
            Ok(())
        } else {
            self.check_content(scan)
        }
    }

    /// An image whose package database was deleted looks clean to every scanner.
    fn check_content(&self, scan: &Scan) -> Result<(), Failure> {
        let knows_system = scan
            .os
            .as_ref()
            .is_some_and(|it| !it.family.is_empty() && it.family != "none");
        let why = if scan.results == 0 {
            "the report has no results"
        } else if self.needs_packages && scan.os_results + scan.language_results == 0 {
            "the scan found neither system packages nor packages of a language"
        } else if self.needs_packages && !knows_system && scan.language_results == 0 {
            "the scan did not recognise the operating system, and found no packages of a language"
        } else {
            return Ok(());
        };
        Err(Failure::undecided("nothing_scanned", format!("nothing was scanned: {why}"))
            .hint("keep the package database in the image; for an image of one static program, `--allow-empty`"))
    }
}

fn check_image(expected: &Expected, scan: &Scan) -> Result<(), Failure> {
    let digests: Vec<&str> = scan
        .digests
        .iter()
        .filter_map(|it| it.split_once('@').map(|it| it.1))
        .chain(Some(scan.image_id.as_str()).filter(|it| !it.is_empty()))
        .collect();
    let names: Vec<&str> = scan
        .tags
        .iter()
        .chain([&scan.reference, &scan.artifact_name])
        .map(String::as_str)
        .filter(|it| !it.is_empty())
        .collect();
    let layers: Vec<&str> = scan.diff_ids.iter().map(String::as_str).collect();
    let (wanted, found, fits) = match expected {
        Expected::Layers(wanted) => (
            format!(
                "the image of these {}",
                text::count(wanted.len() as u64, "layer")
            ),
            &layers,
            *wanted == scan.diff_ids,
        ),
        Expected::Digest(digest) => (digest.clone(), &digests, digests.contains(&digest.as_str())),
        Expected::Reference(image) => match image.digest() {
            Some(digest) => (
                digest.to_string(),
                &digests,
                digests.contains(&digest.as_str()),
            ),
            None => (
                image.to_string(),
                &names,
                names.iter().any(|it| is_same(image, it)),
            ),
        },
    };
    if fits {
        return Ok(());
    }
    if found.is_empty() {
        return Err(Failure::undecided(
            "identity_unknown",
            format!("the report does not say which image was scanned, so it may not be {wanted}"),
        )
        .hint("scan the image by its name, not as an unnamed archive"));
    }
    if matches!(expected, Expected::Layers(_)) {
        let other = text::count(found.len() as u64, "layer");
        return Err(Failure::undecided(
            "wrong_image",
            format!("the report is of another image of {other}, not of {wanted}"),
        )
        .hint("give the report of the image that is to be released"));
    }
    let mut listed: Vec<String> = found.iter().map(|it| shown(it)).collect();
    listed.dedup();
    listed.truncate(3);
    Err(Failure::undecided(
        "wrong_image",
        format!("the report is of {}, not of {wanted}", listed.join(", ")),
    )
    .hint("give the report of the image that is to be released"))
}

/// Compares names with Docker's defaults spelled out. Without a tag, `latest` is meant.
fn is_same(expected: &ImageRef, found: &str) -> bool {
    let tag = |it: &ImageRef| it.tag().map_or("latest", |it| it.as_str()).to_owned();
    found
        .parse::<ImageRef>()
        .is_ok_and(|found| found.same_repository(expected) && tag(&found) == tag(expected))
}

fn check_age(max_age: Span, scan: &Scan, now: Timestamp) -> Result<(), Failure> {
    let Some(created) = scan.created_at else {
        return Err(Failure::undecided(
            "age_unknown",
            "the report does not say when the scan was made, so it may be older than allowed",
        )
        .hint("scan with Trivy 0.48 or later"));
    };
    let age = now.duration_since(created);
    if age < -CLOCK_SKEW {
        return Err(Failure::undecided(
            "age_unknown",
            format!("the report is of {created}, in the future: one of the clocks is wrong"),
        ));
    }
    let limit = SignedDuration::try_from(max_age.0).unwrap_or(SignedDuration::MAX);
    if age > limit {
        let age = Span(Duration::from_secs(age.as_secs().unsigned_abs()));
        return Err(Failure::undecided(
            "stale_report",
            format!("the report is {age} old, and may be {max_age} old"),
        )
        .hint("scan again"));
    }
    Ok(())
}

fn shown(it: &str) -> String {
    text::shorten(&text::printable(it), 120)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Os;

    fn scan() -> Scan {
        Scan {
            artifact_name: "ghcr.io/acme/shop:1.2.3".to_owned(),
            artifact_type: "container_image".to_owned(),
            created_at: Some("2026-11-23T12:00:00Z".parse().unwrap()),
            os: Some(Os {
                family: "debian".to_owned(),
                ..Os::default()
            }),
            image_id: format!("sha256:{}", "a".repeat(64)),
            digests: vec![format!("ghcr.io/acme/shop@sha256:{}", "b".repeat(64))],
            results: 1,
            os_results: 1,
            ..Scan::default()
        }
    }

    fn kind(settings: &Settings, scan: &Scan) -> String {
        let now = "2026-11-24T00:00:00Z".parse().unwrap();
        match Expectations::new(settings).unwrap().check(scan, now) {
            Ok(()) => "ok".to_owned(),
            Err(failure) => {
                assert_eq!(failure.code(), autoscaleops_core::exit::UNDECIDED);
                failure.kind().to_owned()
            }
        }
    }

    fn expect(image: &str) -> Settings {
        Settings {
            expect_image: Some(image.to_owned()),
            ..Settings::default()
        }
    }

    #[test]
    fn the_image_is_known_by_digest_or_by_name() {
        let b = "b".repeat(64);
        for good in [
            "ghcr.io/acme/shop:1.2.3".to_owned(),
            format!("ghcr.io/acme/shop@sha256:{b}"),
            format!("ghcr.io/acme/shop:other@sha256:{b}"),
            format!("sha256:{}", "a".repeat(64)),
        ] {
            assert_eq!(kind(&expect(&good), &scan()), "ok", "{good}");
        }
        for bad in [
            "ghcr.io/acme/shop:1.2.4".to_owned(),
            "ghcr.io/acme/shop".to_owned(),
            "acme/shop:1.2.3".to_owned(),
            format!("sha256:{}", "c".repeat(64)),
        ] {
            assert_eq!(kind(&expect(&bad), &scan()), "wrong_image", "{bad}");
        }
        let unnamed = Scan {
            image_id: String::new(),
            digests: Vec::new(),
            ..scan()
        };
        assert_eq!(
            kind(&expect(&format!("sha256:{b}")), &unnamed),
            "identity_unknown"
        );
        assert_eq!(
            kind(
                &expect("nginx"),
                &Scan {
                    artifact_name: "docker.io/library/nginx:latest".to_owned(),
                    ..scan()
                }
            ),
            "ok"
        );
        assert!(Expectations::new(&expect("Not An Image")).is_err());
    }

    #[test]
    fn the_image_is_known_by_its_layers_in_their_order() {
        let layer = |it: &str| format!("sha256:{}", it.repeat(64));
        let scan = Scan {
            diff_ids: vec![layer("d"), layer("e")],
            ..scan()
        };
        let list = |ids: &[&str]| {
            serde_json::to_string(&ids.iter().map(|it| layer(it)).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(kind(&expect(&list(&["d", "e"])), &scan), "ok");
        for other in [&["d"][..], &["e", "d"], &["d", "e", "f"]] {
            assert_eq!(
                kind(&expect(&list(other)), &scan),
                "wrong_image",
                "{other:?}"
            );
        }
        let silent = Scan {
            diff_ids: Vec::new(),
            ..scan
        };
        assert_eq!(kind(&expect(&list(&["d"])), &silent), "identity_unknown");
        // One layer alone is no image: many are built on it.
        assert_eq!(kind(&expect(&layer("d")), &silent), "wrong_image");
        for wrong in ["[]", "[\"sha256:1\"]", "[\"x\"", "[1]"] {
            let failure = Expectations::new(&expect(wrong)).unwrap_err();
            assert_eq!(failure.code(), autoscaleops_core::exit::USAGE, "{wrong}");
        }
    }

    #[test]
    fn an_old_undated_or_future_report_decides_nothing() {
        let day = Settings {
            max_age: Some("24h".parse().unwrap()),
            ..Settings::default()
        };
        assert_eq!(kind(&day, &scan()), "ok");
        let dated = |time: &str| Scan {
            created_at: Some(time.parse().unwrap()),
            ..scan()
        };
        assert_eq!(kind(&day, &dated("2026-11-22T23:59:59Z")), "stale_report");
        assert_eq!(kind(&day, &dated("2026-11-24T00:04:00Z")), "ok");
        assert_eq!(kind(&day, &dated("2026-11-24T00:06:00Z")), "age_unknown");
        assert_eq!(
            kind(
                &day,
                &Scan {
                    created_at: None,
                    ..scan()
                }
            ),
            "age_unknown"
        );
    }

    #[test]
    fn a_scan_that_saw_nothing_decides_nothing() {
        let default = Settings::default();
        let without_results = Scan {
            results: 0,
            os_results: 0,
            ..scan()
        };
        let secrets_alone = Scan {
            os_results: 0,
            ..scan()
        };
        let no_system = Scan {
            os: Some(Os {
                family: "none".to_owned(),
                ..Os::default()
            }),
            ..scan()
        };
        let language_alone = Scan {
            os: None,
            os_results: 0,
            language_results: 1,
            ..scan()
        };
        assert_eq!(kind(&default, &without_results), "nothing_scanned");
        assert_eq!(kind(&default, &secrets_alone), "nothing_scanned");
        assert_eq!(kind(&default, &no_system), "nothing_scanned");
        assert_eq!(kind(&default, &language_alone), "ok");
        let allowed = Settings {
            allow_empty: true,
            ..Settings::default()
        };
        assert_eq!(kind(&allowed, &without_results), "ok");
        let for_secrets = Settings {
            severities: Vec::new(),
            ..Settings::default()
        };
        assert_eq!(kind(&for_secrets, &secrets_alone), "ok");
    }

    #[test]
    fn another_kind_of_artifact_decides_nothing() {
        let files = Scan {
            artifact_type: "filesystem".to_owned(),
            ..scan()
        };
        assert_eq!(kind(&Settings::default(), &files), "wrong_artifact");
        let wanted = Settings {
            artifact_types: vec!["filesystem".to_owned()],
            ..Settings::default()
        };
        assert_eq!(kind(&wanted, &files), "ok");
    }
}
