//! Runs a script in this process, and measures what that takes.

use std::{collections::BTreeMap, fs, sync::Arc, sync::Mutex};

use autoscaleops_k6_engine::{
    http::Network,
    js::Modules,
    run::{Finished, Settings, Source, Test},
};
use serde_json::Value;

/// Runs a script, and returns what came of it and what it said.
pub(crate) fn run(script: &str, memory_limit: usize) -> (Finished, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    fs::write(&path, script).unwrap();
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let console = Arc::clone(&said);
    let source = Source {
        path,
        env: BTreeMap::new(),
        console: Box::new(move |_, line| console.lock().unwrap().push(line.to_owned())),
        memory_limit,
        modules: Modules::default(),
        stop: || false,
    };
    let test = Test::load(source).unwrap();
    let settings = Settings {
        options: test.options.clone(),
        options_json: Value::Null,
        user_agent: "test".to_owned(),
        network: Network::default(),
        workers: 1,
        lines: None,
        stop: &|| false,
        progress: &mut |_, _, _| {},
    };
    let finished = test.run(settings, &|_| "{}".to_owned()).unwrap();
    let said = said.lock().unwrap().clone();
    (finished, said)
}

/// Returns the memory of this process in KiB, 0 where the system does not tell.
pub(crate) fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmRSS:"));
    let number = line.and_then(|it| it.split_whitespace().nth(1));
    number.and_then(|it| it.parse().ok()).unwrap_or(0)
}
