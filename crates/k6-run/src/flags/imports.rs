//! Modules of the network that scripts import: where they are kept, and whom to ask for them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use autoscaleops_core::{Failure, cli::VERSION, config};
use autoscaleops_k6_engine::{
    http::{Network, Proxies},
    js::{Modules, Remote},
};

use super::RunFlags;

impl RunFlags {
    /// Returns the modules of a script, fetched where they are not cached.
    pub(crate) fn modules(&self, script: &Path) -> Result<Modules> {
        let remote = Remote {
            cache: folder(),
            offline: self.offline,
            pin: self.pin_imports,
            network: Network {
                authorities: self.ca_file.clone(),
                proxies: Proxies::read(&config::env).map_err(Failure::usage)?,
            },
            user_agent: format!("k6-run/{VERSION}"),
        };
        let modules = Modules::fetched(script, &remote);
        Ok(modules.map_err(|err| Failure::unavailable("import", err))?)
    }
}

/// Returns the folder that keeps modules from one run to the next.
fn folder() -> Option<PathBuf> {
    let of = |name: &str| {
        let text = config::env(name).filter(|it| !it.is_empty());
        text.map(PathBuf::from)
    };
    of("XDG_CACHE_HOME")
        .or_else(|| of("HOME").map(|it| it.join(".cache")))
        .map(|it| it.join("k6-run").join("imports"))
}
