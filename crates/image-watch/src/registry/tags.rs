//! The list of tags: every page of it, or none.

use std::collections::HashSet;

use autoscaleops_core::image::Tag;
use reqwest::{
    Method, StatusCode, Url,
    header::{ETAG, LINK},
};
use serde::Deserialize;

use super::{
    RegistryError, Repository,
    host::is_loopback,
    paging,
    transport::{Answer, Call},
};
use crate::cache::{Cache, Page};

const PAGE_LIMIT: u64 = 16 << 20;
/// More pages than this are no list but a trap.
const PAGES: usize = 2_000;
/// So many pages in a row without a new tag are one as well.
const EMPTY_PAGES: usize = 10;
/// More tags than this fill the memory and help nobody.
const TAGS: usize = 1_000_000;
const PAGE_SIZE: u32 = 1_000;
/// A longer mark is not worth keeping.
const MARK_LIMIT: usize = 512;

#[derive(Deserialize)]
struct TagPage {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// What a page brought.
enum Turned {
    /// It is as it was.
    Same,
    /// Its tags, the next page and the registry's mark.
    New(Vec<String>, Option<Url>, Option<String>),
}

impl Repository {
    /// Returns every tag, in the order of their names. All of them or none: a page that fails fails
    /// the list. A page that the registry marks with an `ETag` is sent again only when it has
    /// changed; with `trusts_marks` off all are.
    ///
    /// # Errors
    ///
    /// Fails when a page cannot be read, and when the pages do not end.
    pub fn tags(
        &self,
        cache: &mut Cache<'_>,
        trusts_marks: bool,
    ) -> Result<Vec<String>, RegistryError> {
        let path = format!("v2/{}/tags/list?n={PAGE_SIZE}", self.name);
        let mut url = self.url(&path)?;
        let mut seen = HashSet::new();
        let mut visited = HashSet::new();
        let mut idle = 0;
        while visited.insert(url.to_string()) {
            if visited.len() > PAGES || idle > EMPTY_PAGES || seen.len() > TAGS {
                return Err(RegistryError::Protocol(format!(
                    "the list of tags does not end: {} pages, {} tags",
                    visited.len() - 1,
                    seen.len()
                )));
            }
            let known = cache.page(url.as_str()).filter(|_| trusts_marks).cloned();
            let turned = self.turn(&url, known.as_ref().map(|it| &*it.etag))?;
            let before = seen.len();
            let next = match (turned, known) {
                (Turned::Same, Some(known)) => {
                    seen.extend(known.tags.split_whitespace().map(str::to_owned));
                    cache.confirm_page(url.as_str());
                    known.next.as_deref().map(address).transpose()?
                }
                (Turned::Same, None) => {
                    let text = "it says that a list is unchanged which nobody has".to_owned();
                    return Err(RegistryError::Protocol(text));
                }
                (Turned::New(mut tags, next, mark), _) => {
                    // What is no tag cannot be pulled, and must not get into a file.
                    tags.retain(|it| it.parse::<Tag>().is_ok());
                    let page = mark.map(|etag| Page {
                        etag: etag.into(),
                        next: next.as_ref().map(|it| it.to_string().into()),
                        tags: tags.join(" ").into(),
                    });
                    cache.keep_page(url.as_str(), page);
                    seen.extend(tags);
                    next
                }
            };
            idle = if seen.len() == before { idle + 1 } else { 0 };
            match next {
                Some(next) => url = self.follow(next)?,
                None => break,
            }
        }
        let mut tags: Vec<String> = seen.into_iter().collect();
        tags.sort_unstable();
        Ok(tags)
    }

    /// Asks for one page.
    fn turn(&self, url: &Url, mark: Option<&str>) -> Result<Turned, RegistryError> {
        let call = Call {
            method: Method::GET,
            url,
            accept: Some("application/json"),
            mark,
            form: None,
            limit: PAGE_LIMIT,
        };
        self.ask(&call, |answer| {
            if answer.status == StatusCode::NOT_MODIFIED {
                return Ok(Turned::Same);
            }
            let page: TagPage = serde_json::from_slice(&answer.body).map_err(|err| {
                RegistryError::Protocol(format!("the list of tags is not JSON: {err}"))
            })?;
            let tags = page.tags.unwrap_or_default();
            Ok(Turned::New(tags, next(answer)?, mark_of(answer)))
        })
    }

    /// Returns the address of a page as we may ask for it.
    fn follow(&self, next: Url) -> Result<Url, RegistryError> {
        let base = self.host.base();
        if next.host_str() == base.host_str() {
            // Behind a proxy a registry may not know its own scheme and port.
            let mut ours = base;
            ours.set_path(next.path());
            ours.set_query(next.query());
            return Ok(ours);
        }
        let is_safe = next.scheme() == "https" || next.host_str().is_some_and(is_loopback);
        if is_safe {
            Ok(next)
        } else {
            Err(RegistryError::Protocol(format!(
                "the next page is on another host, without encryption: {}",
                next.host_str().unwrap_or_default()
            )))
        }
    }
}

fn next(answer: &Answer) -> Result<Option<Url>, RegistryError> {
    let links = answer.headers.get_all(LINK);
    let link = links
        .iter()
        .filter_map(|it| it.to_str().ok())
        .find_map(paging::next);
    link.map(|it| answer.url.join(it))
        .transpose()
        .map_err(|err| no_address(&err))
}

fn address(text: &str) -> Result<Url, RegistryError> {
    Url::parse(text).map_err(|err| no_address(&err))
}

fn no_address(err: &impl std::fmt::Display) -> RegistryError {
    RegistryError::Protocol(format!("the address of the next page is none: {err}"))
}

fn mark_of(answer: &Answer) -> Option<String> {
    let mark = answer.headers.get(ETAG)?.to_str().ok()?.trim();
    (!mark.is_empty() && mark.len() <= MARK_LIMIT).then(|| mark.to_owned())
}
