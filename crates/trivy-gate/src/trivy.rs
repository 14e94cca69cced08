//! Runs Trivy so that nothing around it changes what it reports: not the environment, not a
//! `trivy.yaml` or `.trivyignore` in the working directory, not a module in the home folder, not a
//! report that lies there from an earlier run.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use autoscaleops_core::{
    Console, Failure, config,
    image::{Digest, ImageRef},
    process::{self, Run},
    scratch::Scratch,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    policy::Settings,
    scan::Scan,
    trivy::{archive::Archive, container::Container},
};

pub(crate) mod archive;
mod container;
mod fault;

/// Versions that were not made by Trivy's authors (GHSA-69fq-xp46-6x23, March 2026).
const MALICIOUS: [&str; 3] = ["0.69.4", "0.69.5", "0.69.6"];

/// What Trivy needs of the environment to be found, and to find what lies on this machine.
const PLACES: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CONTEXT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "TRIVY_CACHE_DIR",
];

/// What it needs to reach registries, in a container too.
const VALUES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "TRIVY_USERNAME",
    "TRIVY_PASSWORD",
    "TRIVY_REGISTRY_TOKEN",
    "TRIVY_DB_REPOSITORY",
    "TRIVY_JAVA_DB_REPOSITORY",
    "TRIVY_CHECKS_BUNDLE_REPOSITORY",
];

/// What is scanned.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// An image, by name.
    Image(String),
    /// An archive, as `docker save` writes it.
    Archive(PathBuf),
}

impl Subject {
    /// Returns the subject that the flags name.
    pub(crate) fn of(image: Option<String>, input: Option<PathBuf>) -> Option<Self> {
        image.map(Self::Image).or(input.map(Self::Archive))
    }
}

/// A finished scan. Its files go when this is dropped.
pub(crate) struct Scanned {
    /// The report.
    pub(crate) report: PathBuf,
    started: Timestamp,
    version: String,
    archive: Option<Archive>,
    _folder: Scratch,
}

impl Scanned {
    /// Makes sure that `scan`, read from the report, is of this run; adds what only the run knows.
    ///
    /// # Errors
    ///
    /// Fails when the report is older than the run.
    pub(crate) fn adopt(&self, scan: &mut Scan) -> Result<(), Failure> {
        let earliest = self
            .started
            .saturating_sub(SignedDuration::from_secs(5))
            .unwrap_or(Timestamp::MIN);
        if scan.created_at.is_some_and(|it| it < earliest) {
            return Err(Failure::unavailable(
                "trivy_failed",
                "Trivy left a report that is older than its own run",
            ));
        }
        if scan.trivy_version.is_empty() {
            scan.trivy_version.clone_from(&self.version);
        }
        if let Some(archive) = &self.archive {
            scan.tags.extend(archive.names_of(&scan.image_id));
        }
        Ok(())
    }
}

/// Returns whether a version of Trivy is one that steals credentials.
pub(crate) fn is_malicious(version: &str) -> bool {
    MALICIOUS.contains(&version.trim_start_matches('v'))
}

/// Scans `subject`.
///
/// # Errors
///
/// Fails with exit code 3 when there is no Trivy, or it does not finish; with 2 when the subject
/// cannot be named.
pub(crate) fn scan(
    settings: &Settings,
    subject: &Subject,
    console: &Console,
) -> anyhow::Result<Scanned> {
    let archive = match subject {
        Subject::Image(image) => {
            let _: ImageRef = image
                .parse()
                .map_err(|err| Failure::usage(format!("`--image`: {err}")))?;
            None
        }
        Subject::Archive(path) => Some(Archive::read(path)?),
    };
    let folder = workspace()?;
    let trivy = Program::find(settings)?;
    let spinner = console.spinner("Trivy starts");
    let version = trivy.version(settings, folder.path())?;
    if is_malicious(&version) {
        return Err(Failure::unavailable(
            "malicious_trivy",
            format!("Trivy {version} was published by an attacker; it is not run"),
        )
        .hint("remove it, rotate the credentials of this machine, install another version (GHSA-69fq-xp46-6x23)")
        .into());
    }
    let what = match subject {
        Subject::Image(image) => image.clone(),
        Subject::Archive(path) => path.display().to_string(),
    };
    spinner.say(&format!("Trivy {version} scans {what}"));
    let started = Timestamp::now();
    trivy.scan(settings, subject, folder.path())?;
    let report = folder.path().join("out/report.json");
    if !report.is_file() {
        return Err(Failure::unavailable(
            "trivy_failed",
            "Trivy ended without an error and without a report",
        )
        .into());
    }
    Ok(Scanned {
        report,
        started,
        version,
        archive,
        _folder: folder,
    })
}

/// Makes the folder that Trivy works in: an empty configuration, an empty ignore file, no modules.
fn workspace() -> Result<Scratch, Failure> {
    let failed = |err: std::io::Error| {
        Failure::error("io", format!("cannot prepare a folder for Trivy: {err}"))
    };
    let folder = Scratch::new().map_err(failed)?;
    for name in ["in", "out", "modules", "empty", "tmp", "cache"] {
        fs::create_dir(folder.path().join(name)).map_err(failed)?;
    }
    for name in ["in/trivy.yaml", "in/ignore"] {
        fs::write(folder.path().join(name), "").map_err(failed)?;
    }
    Ok(folder)
}

/// How Trivy is run.
enum Program {
    Local(PathBuf),
    Container(Container),
}

impl Program {
    fn find(settings: &Settings) -> Result<Self, Failure> {
        let name = settings
            .trivy
            .clone()
            .unwrap_or_else(|| PathBuf::from("trivy"));
        if let Some(found) = process::find(&name.to_string_lossy()) {
            let found = std::path::absolute(&found).unwrap_or(found);
            return Ok(Self::Local(found));
        }
        if settings.trivy.is_some() {
            return Err(Failure::unavailable(
                "trivy_missing",
                format!("there is no program `{}`", name.display()),
            ));
        }
        let Some(image) = &settings.trivy_image else {
            return Err(
                Failure::unavailable("trivy_missing", "Trivy is not installed").hint(
                    "install Trivy, or name an image of it: `--trivy-image REPOSITORY@sha256:…`",
                ),
            );
        };
        Container::new(image).map(Self::Container)
    }

    fn version(&self, settings: &Settings, folder: &Path) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct About {
            version: String,
        }

        let output = self
            .run(settings, folder, &["version", "--format", "json"], None)
            .timeout(match self {
                Self::Local(_) => Duration::from_secs(60),
                // The image of it may have to be fetched first.
                Self::Container(_) => settings.trivy_timeout.0,
            })
            .capture()
            .and_then(process::Output::check)
            .map_err(|err| err.into_unavailable("trivy version --format json"))?;
        let about: About = serde_json::from_slice(&output.stdout).map_err(|_| {
            Failure::unavailable("trivy_failed", "`trivy version` did not tell its version")
        })?;
        Ok(autoscaleops_core::text::printable(&about.version))
    }

    fn scan(&self, settings: &Settings, subject: &Subject, folder: &Path) -> anyhow::Result<()> {
        let inner = self.inner(folder);
        let place = |name: &str| inner.join(name).display().to_string();
        let mut arguments: Vec<String> = [
            "image",
            "--format",
            "json",
            "--exit-code",
            "0",
            "--show-suppressed",
        ]
        .map(str::to_owned)
        .to_vec();
        let scanners = settings.scanners.join(",");
        let timeout = format!("{}s", settings.trivy_timeout.0.as_secs().max(1));
        for (flag, value) in [
            ("--config", place("in/trivy.yaml")),
            ("--ignorefile", place("in/ignore")),
            ("--module-dir", place("modules")),
            ("--output", place("out/report.json")),
            ("--severity", "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL".to_owned()),
            ("--pkg-types", "os,library".to_owned()),
            ("--scanners", scanners),
            ("--timeout", timeout),
        ] {
            arguments.extend([flag.to_owned(), value]);
        }
        arguments.extend([
            "--no-progress".to_owned(),
            "--list-all-pkgs=false".to_owned(),
        ]);
        if settings.offline {
            arguments.extend(
                [
                    "--skip-db-update",
                    "--skip-java-db-update",
                    "--skip-check-update",
                    "--offline-scan",
                ]
                .map(str::to_owned),
            );
        }
        let archive = match subject {
            Subject::Image(image) => {
                arguments.push(image.clone());
                None
            }
            Subject::Archive(path) => {
                let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                arguments.extend([
                    "--input".to_owned(),
                    self.inner_archive(&path).display().to_string(),
                ]);
                Some(path)
            }
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Its own timeout ends it in order; ours ends it in any case.
        let limit = settings.trivy_timeout.0 + Duration::from_secs(30);
        self.run(settings, folder, &arguments, archive.as_deref())
            .timeout(limit)
            .limit(64 << 20)
            .capture()
            .and_then(process::Output::check)
            .map_err(|err| fault::unfinished(err, settings.trivy_timeout))?;
        Ok(())
    }

    /// Returns the folder as Trivy sees it.
    fn inner(&self, folder: &Path) -> PathBuf {
        match self {
            Self::Local(_) => folder.to_owned(),
            Self::Container(_) => PathBuf::from(container::FOLDER),
        }
    }

    fn inner_archive(&self, path: &Path) -> PathBuf {
        match self {
            Self::Local(_) => path.to_owned(),
            Self::Container(_) => PathBuf::from(container::ARCHIVE),
        }
    }

    fn run(
        &self,
        settings: &Settings,
        folder: &Path,
        arguments: &[&str],
        archive: Option<&Path>,
    ) -> Run {
        let cache = settings
            .trivy_cache
            .as_ref()
            .map(|it| std::path::absolute(it).unwrap_or_else(|_| it.clone()));
        match self {
            Self::Local(program) => {
                let mut run = Run::new(program)
                    .args(arguments)
                    .env_clear()
                    .cwd(folder.join("empty"));
                for name in PLACES.iter().chain(VALUES) {
                    if let Some(value) = config::env(name) {
                        run = run.env(name, value);
                    }
                }
                if let Some(cache) = cache {
                    run = run.env("TRIVY_CACHE_DIR", cache);
                }
                // Unknown to older versions, which pass over them.
                run.env("TRIVY_SKIP_VERSION_CHECK", "true")
                    .env("TRIVY_DISABLE_TELEMETRY", "true")
            }
            Self::Container(container) => {
                container.run(folder, arguments, archive, cache.as_deref())
            }
        }
    }
}

/// Returns the digest of a pinned reference.
fn pinned(image: &str) -> Result<(ImageRef, Digest), Failure> {
    let reference: ImageRef = image
        .parse()
        .map_err(|err| Failure::usage(format!("`trivy_image`: {err}")))?;
    match reference.digest().cloned() {
        Some(digest) => Ok((reference, digest)),
        None => Err(Failure::usage(format!(
            "`trivy_image: {image}` is not pinned by a digest, and a tag can be moved"
        ))
        .hint(
            "write it as REPOSITORY@sha256:…; `docker buildx imagetools inspect` tells the digest",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stolen_versions_are_known() {
        assert!(is_malicious("0.69.4") && is_malicious("v0.69.6"));
        assert!(!is_malicious("0.69.3") && !is_malicious("0.70.0"));
    }

    #[test]
    fn an_image_of_trivy_is_pinned_by_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert!(pinned(&format!("aquasec/trivy@{digest}")).is_ok());
        assert!(
            pinned("aquasec/trivy:0.69.1")
                .unwrap_err()
                .to_string()
                .contains("not pinned")
        );
    }

    #[test]
    fn nothing_that_changes_a_report_is_kept_of_the_environment() {
        for name in [
            "TRIVY_SEVERITY",
            "TRIVY_IGNORE_UNFIXED",
            "TRIVY_IGNOREFILE",
            "TRIVY_CONFIG",
            "TRIVY_VEX",
            "TRIVY_SKIP_DIRS",
        ] {
            assert!(!PLACES.contains(&name) && !VALUES.contains(&name), "{name}");
        }
    }
}
