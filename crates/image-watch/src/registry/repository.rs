//! One repository: its manifests and blobs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use autoscaleops_core::text::printable;
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderMap},
};

use super::{
    Host, RegistryError, manifest,
    transport::{Answer, Call},
};

const MANIFEST_LIMIT: u64 = 4 << 20;
/// Below so many pulls the rest is left to those who want to start something.
const PULL_RESERVE: u64 = 10;

/// One repository of a registry. Counts what it costs.
#[derive(Debug)]
pub struct Repository {
    pub(super) host: Arc<Host>,
    pub(super) name: String,
    pub(super) requests: AtomicU64,
}

/// A manifest as it came.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its digest, checked.
    pub digest: String,
    /// What it says it is.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Repository {
    /// Returns how many requests this repository has cost.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the registry.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Returns the digest that `reference` has now, or `None` when there is no such image.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not say.
    pub fn digest(&self, reference: &str) -> Result<Option<String>, RegistryError> {
        if self.host.head_tells.load(Ordering::Relaxed) {
            let url = self.url(&format!("v2/{}/manifests/{reference}", self.name))?;
            let call = Call {
                method: Method::HEAD,
                url: &url,
                accept: Some(manifest::ACCEPT),
                mark: None,
                form: None,
                limit: 0,
            };
            match self.ask(&call, |answer| {
                manifest_kind(answer)?;
                Ok(header_digest(&answer.headers))
            }) {
                Ok(Some(digest)) => return Ok(Some(digest)),
                Err(RegistryError::NotFound(_)) => return Ok(None),
                Ok(None) => self.host.head_tells.store(false, Ordering::Relaxed),
                Err(RegistryError::Unavailable {
                    status: 405 | 501, ..
                }) => {
                    self.host.head_tells.store(false, Ordering::Relaxed);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(self.manifest(reference)?.map(|it| it.digest))
    }

    /// Returns the manifest that `reference`, a tag or a digest, stands for.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not say, or says what has another digest.
    pub fn manifest(&self, reference: &str) -> Result<Option<Fetched>, RegistryError> {
        let left = self.host.pulls_left.load(Ordering::Relaxed);
        if left < PULL_RESERVE {
            return Err(RegistryError::RateLimited {
                detail: format!(": {left} pulls are left, and kept in reserve"),
                retry_after: None,
            });
        }
        let url = self.url(&format!("v2/{}/manifests/{reference}", self.name))?;
        let call = Call {
            method: Method::GET,
            url: &url,
            accept: Some(manifest::ACCEPT),
            mark: None,
            form: None,
            limit: MANIFEST_LIMIT,
        };
        let fetched = self.ask(&call, |answer| {
            let content_type = manifest_kind(answer)?;
            let digest =
                header_digest(&answer.headers).unwrap_or_else(|| manifest::digest_of(&answer.body));
            let wanted = if reference.contains(':') {
                reference
            } else {
                &digest
            };
            if digest != wanted || !manifest::has_digest(&answer.body, &digest) {
                return Err(wrong_digest(reference));
            }
            Ok(Fetched {
                digest,
                content_type,
                bytes: answer.body.clone(),
            })
        });
        absent_is_none(fetched)
    }

    /// Returns the bytes that have this digest.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not have them, or sends others.
    pub fn blob(&self, digest: &str) -> Result<Vec<u8>, RegistryError> {
        let url = self.url(&format!("v2/{}/blobs/{digest}", self.name))?;
        let call = Call {
            method: Method::GET,
            url: &url,
            accept: None,
            mark: None,
            form: None,
            limit: MANIFEST_LIMIT,
        };
        self.ask(&call, |answer| {
            if manifest::has_digest(&answer.body, digest) {
                Ok(answer.body.clone())
            } else {
                Err(wrong_digest(digest))
            }
        })
    }

    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.host
            .base()
            .join(path)
            .map_err(|err| RegistryError::Protocol(format!("`{path}` is no address: {err}")))
    }
}

fn absent_is_none<T>(result: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(RegistryError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn wrong_digest(reference: &str) -> RegistryError {
    RegistryError::Protocol(format!(
        "what it sent for {} has another digest",
        printable(reference)
    ))
}

fn manifest_kind(answer: &Answer) -> Result<String, RegistryError> {
    let kind = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    if kind.contains("distribution.manifest.v1") {
        return Err(manifest::schema_1());
    }
    Ok(kind.to_owned())
}

fn header_digest(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("docker-content-digest")?.to_str().ok()?.trim();
    let digest: autoscaleops_core::image::Digest = text.parse().ok()?;
    Some(digest.as_str().to_owned())
}
