//! The API beyond plain HTTP/1.1 on both engines: TLS, HTTP/2, proxies, compression.

use std::net::SocketAddr;

use autoscaleops_testkit::peer;

use super::{Told, alike, scripts, secure, server};

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
    alike(&k6, scripts("tests/peers/k6/api"), |name| {
        if name.starts_with("proxy") {
            &proxied
        } else {
            &told
        }
    });
}
