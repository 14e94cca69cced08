//! The API beyond plain HTTP/1.1 on both engines: TLS, HTTP/2, proxies, compression.

use std::net::SocketAddr;

use autoscaleops_testkit::{peer, tool};

use super::{Told, alike, compare, run_k6, run_native, scripts, secure, server};

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
        ("WRAPPED_URL", format!("wss://{}", servers.wrapped)),
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
    alike(&k6, scripts("tests/peers/k6/api"), |name| {
        if name.starts_with("proxy") {
            &proxied
        } else {
            &told
        }
    });
}

#[test]
fn modules_of_the_network_are_the_same_and_need_it_once() {
    let Some(k6) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let base = server::start();
    let servers = secure::start(
        folder.path(),
        base.trim_start_matches("http://").parse().unwrap(),
    );
    let [template] = &scripts("tests/peers/k6/remote")[..] else {
        panic!("one script is expected");
    };
    let text = std::fs::read_to_string(template).unwrap();
    let script = folder.path().join("remote.js");
    std::fs::write(
        &script,
        text.replace("PORT", &servers.any.port().to_string()),
    )
    .unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut told = Told::base(&base);
    told.process = vec![
        ("SSL_CERT_FILE", file("authority.pem")),
        ("XDG_CACHE_HOME", file("cache")),
    ];
    let (theirs, ours) = (run_k6(&k6, &script, &told), run_native(&script, &told));
    assert_eq!(compare("remote", &theirs, &ours), Vec::<String>::new());
    assert_eq!(ours.checks.keys().collect::<Vec<_>>(), ["::one 2 9 200"]);
    let again = |arguments: &[&str], cache: &str| {
        let output = tool!("k6-run")
            .args(["--engine=native", "--quiet", "-o", "json"])
            .args(arguments)
            .args(told.arguments())
            .env("XDG_CACHE_HOME", file(cache))
            .env("SSL_CERT_FILE", file("authority.pem"))
            .arg(&script)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let report: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        (report["verdict"].clone(), report["error"].to_string())
    };
    assert_eq!(again(&["--offline", "--pin-imports"], "cache").0, "pass");
    let (verdict, error) = again(&["--offline"], "empty");
    assert_eq!(verdict, "error");
    assert!(
        error.contains("offline") && error.contains("/lib/one.js"),
        "{error}"
    );
    let lock = folder.path().join("k6-imports.lock");
    let pinned = std::fs::read_to_string(&lock).unwrap();
    assert_eq!(pinned.lines().count(), 2, "{pinned}");
    let other: String = pinned
        .lines()
        .flat_map(|it| ["0".repeat(64), it[64..].to_owned(), "\n".to_owned()])
        .collect();
    std::fs::write(&lock, other).unwrap();
    let (verdict, error) = again(&[], "cache");
    assert_eq!(verdict, "error");
    assert!(error.contains("pinned"), "{error}");
}
