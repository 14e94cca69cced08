//! Pinned manifests: version, address and checksum of each, and the copies of them on this machine.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use autoscaleops_core::{
    Failure, config, file,
    http::{self, Client, Settings},
};
use semver::Version;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::spec::Spec;

const BUILT_IN: &str = include_str!("../../../../argocd/bootstrap/versions.toml");
const LONGEST: u64 = 64 << 20;

/// Everything that is pinned.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Versions {
    /// The program kind.
    pub kind: KindVersions,
    /// The nodes.
    pub node: Node,
    /// What is applied, in this order.
    #[serde(rename = "manifest")]
    pub manifests: Vec<Pinned>,
}

/// Which versions of kind can be used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindVersions {
    /// Older ones cannot.
    pub minimum: Version,
    /// The one that the pins were made for.
    pub recommended: Version,
}

/// The nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// The image, pinned by digest.
    pub image: String,
}

/// One manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    /// What it installs.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it is.
    pub url: String,
    /// The checksum of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The namespace of what names none.
    pub(crate) namespace: String,
    /// The images that are on the way to a usable Argo CD.
    pub images: Vec<String>,
}

impl Versions {
    /// Returns what this program carries.
    #[expect(clippy::expect_used, reason = "the text is a constant, read in a test")]
    pub(crate) fn built_in() -> Self {
        toml::from_str(BUILT_IN).expect("valid pins")
    }

    /// Returns the pins of `spec`: its own file, else what this program carries.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, with line and column where it is not what it should be.
    pub(crate) fn of(spec: &Spec) -> Result<Self, Failure> {
        let Some(path) = &spec.versions else {
            return Ok(Self::built_in());
        };
        let text = fs_err::read_to_string(path).map_err(|err| Failure::usage(err.to_string()))?;
        Self::parse(&text, path)
    }

    /// Reads the pins of a text that stands at `path`.
    ///
    /// # Errors
    ///
    /// Fails with line and column where it is not what it should be.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|err| {
            let before = &text[..err.span().map_or(0, |it| it.start)];
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .map_or(0, |it| it.chars().count())
                + 1;
            Failure::usage(err.message().to_owned())
                .at(path, line, column)
                .hint("compare with argocd/bootstrap/versions.toml")
        })
    }

    /// Returns the image of the nodes.
    pub(crate) fn node_image<'a>(&'a self, spec: &'a Spec) -> &'a str {
        if spec.node_image.is_empty() {
            &self.node.image
        } else {
            &spec.node_image
        }
    }

    /// Returns the images that are worth loading before anything starts.
    pub(crate) fn images(&self) -> Vec<String> {
        self.manifests
            .iter()
            .flat_map(|it| it.images.iter().cloned())
            .collect()
    }
}

/// Returns the folder of the local copies: `$XDG_CACHE_HOME/autoscaleops/manifests`.
pub(crate) fn cache() -> Option<PathBuf> {
    config::env("XDG_CACHE_HOME")
        .filter(|it| it.starts_with('/'))
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(config::env("HOME")?).join(".cache")))
        .map(|it| it.join("autoscaleops/manifests"))
}

/// Returns the bytes of `pinned`, from the local copy where there is one, so that a second
/// bring-up works offline. Bytes with another checksum are returned to nobody.
///
/// # Errors
///
/// Fails when the address gives nothing, or something else than what is pinned.
pub(crate) fn fetch(pinned: &Pinned, cache: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let copy = cache.map(|it| it.join(format!("{}.yaml", pinned.sha256)));
    if let Some(path) = &copy
        && let Ok(bytes) = fs_err::read(path)
        && checksum(&bytes) == pinned.sha256
    {
        return Ok(bytes);
    }
    let bytes = download(&pinned.url)?;
    let found = checksum(&bytes);
    if found != pinned.sha256 {
        let message = format!(
            "{} {} is not what was pinned: {} has the checksum {found}, not {}",
            pinned.name, pinned.version, pinned.url, pinned.sha256
        );
        return Err(Failure::unavailable("integrity", message)
            .hint("nothing was applied; find out who changed it before you change argocd/bootstrap/versions.toml")
            .into());
    }
    if let (Some(folder), Some(path)) = (cache, &copy) {
        // A cache that cannot be written costs a download, nothing else.
        let _ = fs_err::create_dir_all(folder).and_then(|()| file::replace(path, &bytes));
    }
    Ok(bytes)
}

fn download(url: &str) -> anyhow::Result<Vec<u8>> {
    let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    if !url.starts_with("https://") && !local.iter().any(|it| url.starts_with(it)) {
        return Err(Failure::usage(format!("`{url}` is not an https address")).into());
    }
    let offline = || {
        Failure::unavailable("download", format!("cannot download {url}"))
            .hint("a copy is kept after the first time; is there a way to the network, a proxy (HTTPS_PROXY)?")
    };
    let client = Client::new(&Settings {
        timeout: Duration::from_secs(60),
        ..Settings::default()
    })?;
    let response = client.send(|it| it.get(url)).with_context(offline)?;
    if !response.status().is_success() {
        anyhow::bail!(Failure::unavailable(
            "download",
            format!("{url} answered {}", response.status())
        ));
    }
    http::body(response, LONGEST, Duration::from_secs(300)).with_context(offline)
}

fn checksum(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::spec;

    #[test]
    fn what_this_program_carries_is_pinned_all_through() {
        let versions = Versions::built_in();
        assert!(versions.node.image.contains("@sha256:"));
        for pinned in &versions.manifests {
            assert_eq!(pinned.sha256.len(), 64, "{}", pinned.name);
            assert!(pinned.url.contains(&pinned.version), "{}", pinned.url);
            assert!(pinned.url.starts_with("https://"));
            let version = &pinned.version;
            assert!(
                pinned
                    .images
                    .iter()
                    .any(|it| it.ends_with(version.as_str())),
                "{}",
                pinned.name
            );
        }
        assert!(versions.kind.minimum <= versions.kind.recommended);
    }

    fn pinned(content: &[u8]) -> Pinned {
        Pinned {
            name: "argo-cd".to_owned(),
            version: "v1".to_owned(),
            url: "https://127.0.0.1:1/install.yaml".to_owned(),
            sha256: checksum(content),
            namespace: "argocd".to_owned(),
            images: Vec::new(),
        }
    }

    #[test]
    fn a_copy_serves_offline_and_a_changed_copy_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let pinned = Pinned {
            // Refused without a try, so that no retry is waited for.
            url: "ftp://example.org/install.yaml".to_owned(),
            ..pinned(b"kind: Namespace")
        };
        let path = folder.path().join(format!("{}.yaml", pinned.sha256));
        fs_err::write(&path, "kind: Namespace").unwrap();
        assert_eq!(
            fetch(&pinned, Some(folder.path())).unwrap(),
            b"kind: Namespace"
        );
        fs_err::write(&path, "kind: Evil").unwrap();
        assert!(fetch(&pinned, Some(folder.path())).is_err());
    }

    #[test]
    fn a_broken_file_of_pins_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("versions.toml");
        fs_err::write(&path, "[kind]\nminimum = \"0.32.0\"\nrecommended = 1\n").unwrap();
        let spec = spec(|it| it.versions.clone_from(&path)).unwrap();
        let refusal = Versions::of(&spec).unwrap_err();
        assert_eq!(refusal.location().unwrap().line, 3, "{refusal}");
    }
}
