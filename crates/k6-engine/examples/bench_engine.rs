//! The engine alone, for measuring it: `bench_engine SCRIPT VUS SECONDS [NAME=VALUE]…`.
//!
//! Prints requests and iterations a second, processor time a request, and the memory at its peak.
//! `VUS` and `SECONDS` of `-` leave the script's own options.
#![expect(clippy::print_stdout, reason = "tells what it measured")]

use std::{collections::BTreeMap, error::Error, io};

use autoscaleops_k6_engine::{
    http::Network,
    js::Modules,
    metrics::HTTP_REQS,
    options::Options,
    run::{Settings, Source, Test},
};
use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [script, vus, seconds, rest @ ..] = arguments.as_slice() else {
        return Err(
            io::Error::other("usage: bench_engine SCRIPT VUS SECONDS [NAME=VALUE]...").into(),
        );
    };
    let pairs = rest.iter().filter_map(|it| it.split_once('='));
    let env: BTreeMap<String, String> = pairs
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let test = Test::load(Source {
        path: script.into(),
        env,
        console: Box::new(|_, text| println!("{text}")),
        memory_limit: 256 << 20,
        modules: Modules::default(),
        stop: || false,
    })?;
    let mut over = Map::new();
    if vus != "-" {
        over.insert("vus".to_owned(), vus.parse::<u64>()?.into());
        over.insert("duration".to_owned(), format!("{seconds}s").into());
    }
    let over = Options::parse(&Value::Object(over))?;
    let settings = Settings {
        options: test.options.clone().overridden_by(over),
        options_json: Value::Null,
        user_agent: "bench".to_owned(),
        network: Network::default(),
        workers: 1,
        lines: None,
        stop: &|| false,
        progress: &mut |_, _, _| {},
    };
    let finished = test.run(settings, &|_| "{}".to_owned())?;
    let requests = finished.totals.sum(HTTP_REQS);
    let wall = finished.duration.as_secs_f64();
    let cpu = finished.health.busy * wall;
    println!(
        "{:.0} requests/s, {:.0} iterations/s, {:.2} us of processor a request, busy {:.2}, loop lag p99 {:.2} ms, start lag p99 {:.2} ms",
        requests / wall,
        finished.completed as f64 / wall,
        cpu / requests.max(1.0) * 1e6,
        finished.health.busy,
        finished.health.loop_lag_p99_ms,
        finished.health.start_lag_p99_ms.unwrap_or(0.0),
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|it| it.starts_with("VmHWM") || it.starts_with("VmRSS"))
    {
        println!("{line}");
    }
    if let Some(text) = finished.broken.or(finished.first_thrown) {
        println!("{text}");
    }
    Ok(())
}
