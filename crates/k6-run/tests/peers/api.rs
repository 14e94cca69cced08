//! The API beyond plain HTTP/1.1 on both engines: TLS, HTTP/2, proxies, compression.

use std::{net::SocketAddr, path::PathBuf, sync::Mutex};

use autoscaleops_testkit::peer;

use super::{Told, compare, run_k6, run_native, secure, server};

fn scripts() -> Vec<PathBuf> {
    let folder = autoscaleops_testkit::root().join("crates/k6-run/tests/peers/k6/api");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "js" || it == "ts"))
        .collect();
    all.sort();
    all
}

#[test]
fn both_engines_have_the_same_api() {
    let Some(k6) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let base = server::start();
    let plain: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    let servers = secure::start(folder.path(), plain);
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut told = Told::base(&base);
    told.script.extend([
        ("SECURE_URL", format!("https://{}", servers.any)),
        ("ONE_URL", format!("https://{}", servers.one)),
        ("MUTUAL_URL", format!("https://{}", servers.mutual)),
        ("SECURE_PORT", servers.any.port().to_string()),
        ("CLIENT_CERT", file("client.pem")),
        ("CLIENT_KEY", file("client-key.pem")),
    ]);
    let mut proxied = told.clone();
    let proxy = format!("http://{}", servers.proxy);
    proxied.process.extend([
        ("HTTP_PROXY", proxy.clone()),
        ("HTTPS_PROXY", proxy),
        ("NO_PROXY", "direct.test".to_owned()),
    ]);
    let wanted = autoscaleops_testkit::root().join("crates/k6-run/tests/peers/only");
    let only = std::fs::read_to_string(wanted).unwrap_or_default();
    let (queue, wrong) = (Mutex::new(scripts()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(script) = queue.lock().unwrap().pop() else {
                        break;
                    };
                    let name = script.file_stem().unwrap().to_string_lossy().into_owned();
                    if !only.is_empty() && !only.lines().any(|it| it == name) {
                        continue;
                    }
                    let told = if name.starts_with("proxy") {
                        &proxied
                    } else {
                        &told
                    };
                    let (theirs, ours) = (run_k6(&k6, &script, told), run_native(&script, told));
                    let differences = compare(&name, &theirs, &ours);
                    if !differences.is_empty() {
                        let text = format!("{name}\n    {}", differences.join("\n    "));
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{count} scripts differ (k6 | native):\n{}",
        wrong.join("\n")
    );
}
