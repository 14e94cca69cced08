//! Every way to a cluster: certificates, tokens, programs, the account of a pod, proxies.

use std::{fs, path::Path, process::Command};

use autoscaleops_testkit::{ApiServer, Tunnel, skip};
use serde_json::{Value, json};
use snapbox::cmd::OutputAssert;

use super::{live::at_rest, stderr, tool};

/// Looks at all autoscalers for a moment, with variables of the environment.
fn look(kubeconfig: &Path, variables: &[(&str, &str)]) -> OutputAssert {
    let mut tool = tool();
    for (name, value) in variables {
        tool = tool.env(name, value);
    }
    tool.args(["-A", "--for", "1s", "--kubeconfig"])
        .arg(kubeconfig)
        .assert()
}

fn saw_it(assert: &OutputAssert) -> bool {
    String::from_utf8_lossy(&assert.get_output().stdout).contains("shop/web  2%/50%")
}

#[test]
fn over_tls_the_authority_and_the_name_are_checked() {
    let server = ApiServer::start_tls("127.0.0.1");
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let watch = |kubeconfig: &Path| {
        tool()
            .args(["-A", "--for", "1s", "--kubeconfig"])
            .arg(kubeconfig)
            .assert()
    };
    watch(&kubeconfig).success();
    // The cluster was made anew: same address, another authority.
    let other = ApiServer::start_tls("127.0.0.1");
    let elsewhere = tempfile::tempdir().unwrap();
    other.kubeconfig(elsewhere.path());
    fs::copy(
        elsewhere.path().join("authority.pem"),
        folder.path().join("authority.pem"),
    )
    .unwrap();
    let assert = watch(&kubeconfig).code(3);
    assert!(
        stderr(&assert).contains("created anew"),
        "{}",
        stderr(&assert)
    );
    // A certificate for another name is accepted only where the kubeconfig says so.
    let named = ApiServer::start_tls("cluster.test");
    at_rest(&named);
    let folder = tempfile::tempdir().unwrap();
    let assert = watch(&named.kubeconfig(folder.path())).code(3);
    assert!(
        stderr(&assert).contains("tls-server-name"),
        "{}",
        stderr(&assert)
    );
    let name = json!({"tls-server-name": "cluster.test"});
    watch(&named.kubeconfig_with(folder.path(), &name, &json!({"token": "x"}))).success();
}

#[test]
fn credentials_may_come_from_a_program() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let credential = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}"#;
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo",
        "args": [credential], "interactiveMode": "Never"}});
    let kubeconfig = server.kubeconfig_with(folder.path(), &json!({}), &user);
    tool()
        .args(["-A", "--for", "1s", "--kubeconfig"])
        .arg(kubeconfig)
        .assert()
        .success();
}

/// Bytes as a kubeconfig has them.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            text.push(if place > chunk.len() {
                '='
            } else {
                char::from(DIGITS[number >> (18 - 6 * place) & 63])
            });
        }
    }
    text
}

#[test]
fn a_client_certificate_lets_in_and_nothing_else() {
    let server = ApiServer::start_mutual_tls("127.0.0.1");
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = server.client().unwrap();
    let data = json!({
        "client-certificate-data": base64(certificate.as_bytes()),
        "client-key-data": base64(key.as_bytes()),
    });
    let kubeconfig = server.kubeconfig_with(folder.path(), &json!({}), &data);
    assert!(saw_it(&look(&kubeconfig, &[]).success()));
    // As files, which start from the kubeconfig's folder.
    fs::write(folder.path().join("a.crt"), certificate).unwrap();
    fs::write(folder.path().join("a.key"), key).unwrap();
    let files = json!({"client-certificate": "a.crt", "client-key": "a.key"});
    let kubeconfig = server.kubeconfig_with(folder.path(), &json!({}), &files);
    assert!(saw_it(&look(&kubeconfig, &[]).success()));
    // A token is none.
    look(&server.kubeconfig(folder.path()), &[]).code(3);
}

#[test]
fn a_token_may_lie_in_a_file_and_a_wrong_one_is_said() {
    let server = ApiServer::start();
    at_rest(&server);
    server.require_token("right");
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "right\n").unwrap();
    let user = json!({"tokenFile": token});
    let kubeconfig = server.kubeconfig_with(folder.path(), &json!({}), &user);
    assert!(saw_it(&look(&kubeconfig, &[]).success()));
    let assert = look(&server.kubeconfig(folder.path()), &[]).code(3);
    let said = stderr(&assert);
    assert!(said.contains("does not know who asks"), "{said}");
}

#[test]
fn a_context_is_chosen_by_name_from_several_files() {
    let (one, other) = (ApiServer::start(), ApiServer::start());
    at_rest(&other);
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = one.kubeconfig(folder.path());
    let second = other.kubeconfig(elsewhere.path());
    let renamed = fs::read_to_string(&second)
        .unwrap()
        .replace("\"test\"", "\"other\"");
    fs::write(&second, renamed).unwrap();
    let list = format!("{}:{}", first.display(), second.display());
    let assert = tool()
        .env("KUBECONFIG", list)
        .args(["-A", "--for", "1s", "--context", "other"])
        .assert()
        .success();
    assert!(saw_it(&assert));
}

#[test]
fn a_proxy_of_the_kubeconfig_or_the_environment_is_taken() {
    let server = ApiServer::start_tls("cluster.test");
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let tunnel = Tunnel::new();
    let proxy = format!("http://me:pass%40word@{}", tunnel.address());
    // The name means nothing to us: only the proxy can find it.
    let address = format!("https://cluster.test:{}", server.port());
    let with = |more: Value| {
        let mut cluster = json!({"server": address});
        for (name, value) in more.as_object().unwrap() {
            cluster[name] = value.clone();
        }
        server.kubeconfig_with(folder.path(), &cluster, &json!({"token": "x"}))
    };
    let kubeconfig = with(json!({"proxy-url": proxy}));
    // What the kubeconfig says counts, whatever the environment does.
    assert!(saw_it(
        &look(&kubeconfig, &[("NO_PROXY", "127.0.0.1,cluster.test")]).success()
    ));
    let through = tunnel.through();
    assert_eq!(through[0].0, format!("cluster.test:{}", server.port()));
    assert_eq!(
        through[0].1.as_deref(),
        Some(format!("Basic {}", base64(b"me:pass@word")).as_str())
    );

    let socks = format!("socks5://{}", tunnel.address());
    let kubeconfig = with(json!({"proxy-url": socks}));
    assert!(saw_it(&look(&kubeconfig, &[]).success()));
    let target = format!("cluster.test:{}", server.port());
    assert_eq!(tunnel.through().pop(), Some((target, None)));
    for proxy in [
        "socks5://me:hidden@proxy.test",
        "ftp://me:hidden@proxy.test",
    ] {
        let assert = look(&with(json!({"proxy-url": proxy})), &[]).code(3);
        let said = stderr(&assert);
        assert!(
            said.contains("is not supported") && !said.contains("hidden"),
            "{said}"
        );
    }

    let kubeconfig = with(json!({}));
    let proxied = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("NO_PROXY", "127.0.0.1,other.test"),
    ];
    assert!(saw_it(&look(&kubeconfig, &proxied).success()));
    let before = tunnel.through().len();
    assert!(before > through.len());
    // A name that NO_PROXY has is looked for without it, and not found.
    let excepted = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("NO_PROXY", "cluster.test"),
    ];
    look(&kubeconfig, &excepted).code(3);
    // Loopback needs no proxy: a cluster in containers beside a proxy of the house.
    let local = ApiServer::start();
    at_rest(&local);
    let kubeconfig = local.kubeconfig(folder.path());
    let proxied = [
        ("HTTP_PROXY", proxy.as_str()),
        ("HTTPS_PROXY", proxy.as_str()),
    ];
    assert!(saw_it(&look(&kubeconfig, &proxied).success()));
    assert_eq!(tunnel.through().len(), before);
}

#[test]
fn in_a_pod_its_account_is_taken() {
    // A pod has its account at a fixed place; a namespace of our own makes such a place.
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script]);
        command
    };
    let can = unshare("mount -t tmpfs none /run").output();
    if !can.is_ok_and(|output| output.status.success()) {
        skip("no mounts in a user namespace");
        return;
    }
    let server = ApiServer::start_tls("127.0.0.1");
    at_rest(&server);
    server.require_token("of-the-pod");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.crt"), server.authority().unwrap()).unwrap();
    fs::write(folder.path().join("token"), "of-the-pod").unwrap();
    fs::write(folder.path().join("namespace"), "shop").unwrap();
    let script = format!(
        "mount -t tmpfs none /run; mkdir -p /run/secrets/kubernetes.io/serviceaccount; cp {}/* /run/secrets/kubernetes.io/serviceaccount/; exec {} web --for 1s",
        folder.path().display(),
        env!("CARGO_BIN_EXE_hpa-watch")
    );
    let output = unshare(&script)
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", server.port().to_string())
        .env("HOME", folder.path())
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("shop/web  2%/50%"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
