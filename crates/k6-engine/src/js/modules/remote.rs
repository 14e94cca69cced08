//! Modules of the network: fetched once, kept in a folder, and held against what was pinned.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use url::Url;

use super::{Modules, beside, imports, is_local, is_remote, locate, normal, plain};
use crate::{
    http::{self, BodyKind, Client, Request, Response},
    options::Options,
    run::block_on,
};

/// The file beside a script that tells which bytes its modules of the network have: a line each
/// with the SHA-256 in hexadecimal, a space, and the address.
const LOCK: &str = "k6-imports.lock";

/// The most modules that a script may fetch.
const MOST: usize = 200;

/// Where modules of the network come from.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    /// The folder that keeps them. Without one, each run fetches them.
    pub cache: Option<PathBuf>,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Whether addresses that the lock file lacks are added to it, where there is one or not.
    pub pin: bool,
    /// What the machine says of the network.
    pub network: http::Network,
    /// What stands in `User-Agent`.
    pub user_agent: String,
}

impl Modules {
    /// Returns the modules of the script at `entry`, with those of the network that it imports.
    ///
    /// # Errors
    ///
    /// Fails on one that cannot be fetched, or whose bytes are not the pinned ones.
    pub fn fetched(entry: &Path, remote: &Remote) -> Result<Self, String> {
        let entry = std::path::absolute(entry).unwrap_or_else(|_| entry.to_owned());
        let mut open: Vec<String> = vec![normal(&entry).to_string_lossy().into_owned()];
        let mut seen = Vec::new();
        let mut fetched = HashMap::new();
        let path = entry.with_file_name(LOCK);
        let mut lock = read(&path)?;
        let known = lock.len();
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name.clone());
            let source = if is_remote(&name) {
                if fetched.len() >= MOST {
                    return Err(format!("the script imports more than {MOST} modules"));
                }
                let source = remote.get(&name, &mut lock, &path)?;
                fetched.insert(name.clone(), source.clone());
                source
            } else {
                // One that cannot be read is told when it is loaded.
                fs::read_to_string(&name).unwrap_or_default()
            };
            // An import that only types need is gone with them.
            let Ok(source) = plain(&name, source) else {
                continue;
            };
            for import in imports(&name, &source).unwrap_or_default() {
                let specifier = import.specifier;
                if is_remote(&specifier) {
                    open.push(specifier);
                } else if is_remote(&name) {
                    let is_path = specifier.starts_with('.') || specifier.starts_with('/');
                    open.extend(is_path.then(|| beside(&name, &specifier)).flatten());
                } else if is_local(&specifier) {
                    let path = locate(Path::new(&name), &specifier);
                    open.push(path.to_string_lossy().into_owned());
                }
            }
        }
        if remote.pin && lock.len() > known {
            write(&path, &lock)?;
        }
        Ok(Self {
            fetched,
            ..Self::default()
        })
    }
}

impl Remote {
    /// Returns the source at `address`, from the cache where it is there.
    fn get(
        &self,
        address: &str,
        lock: &mut BTreeMap<String, String>,
        path: &Path,
    ) -> Result<String, String> {
        let kept = self
            .cache
            .as_ref()
            .map(|it| it.join(format!("{}.js", hash(address.as_bytes()))));
        let cached = kept.as_ref().and_then(|it| fs::read(it).ok());
        let is_cached = cached.is_some();
        let bytes = match cached {
            Some(bytes) => bytes,
            None if self.offline => {
                return Err(format!(
                    "`{address}` is not in the cache, and nothing may be fetched offline: run once with the network, or keep a copy of the module beside the script"
                ));
            }
            None => self.fetch(address)?,
        };
        let found = hash(&bytes);
        match lock.get(address) {
            Some(pinned) if *pinned != found => {
                return Err(format!(
                    "`{address}` is not the module that was pinned: its SHA-256 is {found}, and {} has {pinned}",
                    path.display()
                ));
            }
            Some(_) => {}
            None => {
                lock.insert(address.to_owned(), found);
            }
        }
        if let Some(kept) = kept.filter(|_| !is_cached) {
            keep(&kept, &bytes)
                .map_err(|err| format!("cannot write `{}`: {err}", kept.display()))?;
        }
        String::from_utf8(bytes).map_err(|_| format!("`{address}` is no text"))
    }

    fn fetch(&self, address: &str) -> Result<Vec<u8>, String> {
        let url = Url::parse(address).map_err(|err| format!("`{address}` is no address: {err}"))?;
        let shared = http::Shared::new(&Options::default(), &self.user_agent, &self.network)?;
        let response = block_on(async move {
            let mut request = Request {
                timeout: Duration::from_secs(30),
                redirects: 10,
                body_kind: BodyKind::Binary,
                ..Request::get(url)
            };
            Client::new(Arc::new(shared))
                .fetch(&mut request, None, &|_| {})
                .await
        });
        source_of(address, *response.map_err(|err| err.to_string())?)
    }
}

/// Returns what an answer holds, if it came all the way from a server that was checked.
fn source_of(address: &str, response: Response) -> Result<Vec<u8>, String> {
    match response.status {
        200 if !is_remote(&response.url) => Err(format!(
            "cannot fetch `{address}`: it leads to `{}`, whose server cannot be checked",
            response.url
        )),
        200 => Ok(response.body),
        0 => Err(format!("cannot fetch `{address}`: {}", response.error)),
        status => Err(format!("cannot fetch `{address}`: the answer is {status}")),
    }
}

fn hash(bytes: &[u8]) -> String {
    crate::js::hex_text(&Sha256::digest(bytes))
}

/// Writes a file in one step, so that a run beside this one never reads half of it.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = path.with_extension(format!("{}.part", std::process::id()));
    // Nothing stays of it where the disk is full.
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, path))
        .inspect_err(|_| drop(fs::remove_file(&part)))
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => String::new(),
        Err(err) => return Err(format!("cannot read `{}`: {err}", path.display())),
    };
    let lines = text.lines().filter(|it| !it.trim().is_empty());
    lines
        .map(|line| match line.split_once(' ') {
            Some((pinned, address)) if pinned.len() == 64 => {
                Ok((address.trim().to_owned(), pinned.to_ascii_lowercase()))
            }
            _ => Err(format!(
                "`{}` has a line that is no SHA-256 and address: {line}",
                path.display()
            )),
        })
        .collect()
}

fn write(path: &Path, lock: &BTreeMap<String, String>) -> Result<(), String> {
    let mut lines = String::new();
    for (address, pinned) in lock {
        lines.push_str(&format!("{pinned} {address}\n"));
    }
    keep(path, lines.as_bytes()).map_err(|err| format!("cannot write `{}`: {err}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_to_a_server_that_is_not_checked_gives_no_module() {
        let from = |url: &str| {
            let response = Response {
                url: url.to_owned(),
                status: 200,
                body: b"export default 1;".to_vec(),
                ..Response::default()
            };
            source_of("https://example.org/a.js", response)
        };
        assert!(from("https://cdn.example.org/a.js").is_ok());
        for url in ["http://example.org/a.js", "http://127.0.0.1/a.js"] {
            let err = from(url).unwrap_err();
            assert!(err.contains(url), "{err}");
        }
    }

    #[test]
    fn what_is_cached_needs_no_network_and_must_be_what_was_pinned() {
        let folder = tempfile::tempdir().unwrap();
        let (script, cache) = (folder.path().join("a.js"), folder.path().join("cache"));
        let address = "https://modules.test/one.js";
        fs::write(&script, format!("import {{ a }} from '{address}';")).unwrap();
        let mut remote = Remote {
            cache: Some(cache.clone()),
            offline: true,
            pin: true,
            ..Remote::default()
        };
        let absent = Modules::fetched(&script, &remote).unwrap_err();
        assert!(
            absent.contains(address) && absent.contains("offline"),
            "{absent}"
        );
        let put = |address: &str, text: &str| {
            let name = format!("{}.js", hash(address.as_bytes()));
            keep(&cache.join(name), text.as_bytes()).unwrap();
        };
        put(address, "import './two.js?x=1'; export const a = 1;");
        put("https://modules.test/two.js?x=1", "export default 2;");
        let modules = Modules::fetched(&script, &remote).unwrap();
        assert_eq!(modules.fetched.len(), 2);
        let lock = fs::read_to_string(folder.path().join(LOCK)).unwrap();
        assert_eq!(lock.lines().count(), 2);
        put("https://modules.test/two.js?x=1", "export default 3;");
        remote.pin = false;
        let changed = Modules::fetched(&script, &remote).unwrap_err();
        assert!(
            changed.contains("is not the module that was pinned"),
            "{changed}"
        );
    }
}
