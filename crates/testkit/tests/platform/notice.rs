//! What the deliver and promote workflows say at their end, and where they say it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use autoscaleops_testkit::{command, peer, root, write_program};
use serde_json::{Value, json};

/// Says what happened, by the jobs' results.
fn said(needs: &Value) -> String {
    let output = command(root().join(".github/scripts/notify.sh"))
        .env("NEEDS", needs.to_string())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{needs}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn job(result: &str, outputs: &Value) -> Value {
    json!({ "result": result, "outputs": outputs })
}

/// A job of a delivery by a word: a result, or a result with outputs.
fn of_delivery(word: &str) -> Value {
    match word {
        "tagged" => job("success", &json!({ "tag": "dev-1" })),
        "pass" => job(
            "success",
            &json!({ "verdict": "pass", "high": "0", "critical": "0" }),
        ),
        "fail" => job(
            "success",
            &json!({ "verdict": "fail", "high": "2", "critical": "1" }),
        ),
        "half" => job("failure", &json!({ "image": "ghcr.io/acme/demo-app" })),
        "bumped" => job(
            "success",
            &json!({ "changed": "true", "commit": "0123456789" }),
        ),
        "same" => job("success", &json!({ "changed": "false" })),
        result => job(result, &json!({})),
    }
}

#[test]
fn the_notice_of_a_delivery_tells_what_happened_and_not_what_was_meant() {
    if peer("jq").is_none() {
        return;
    }
    // build, scan, quarantine, publish, bump; and what is said of it.
    for (jobs, expected) in [
        ("failure skipped skipped skipped skipped", "not built"),
        (
            "tagged failure skipped skipped skipped",
            "dev-1 was not scanned to an end",
        ),
        (
            "tagged cancelled skipped skipped skipped",
            "dev-1: cancelled before a verdict",
        ),
        (
            "tagged success skipped skipped skipped",
            "dev-1 has no verdict: nothing was pushed",
        ),
        (
            "tagged fail success skipped skipped",
            "dev-1 is blocked: 1 critical, 2 high with a fix; not deployed, kept in quarantine\n",
        ),
        (
            "tagged fail failure skipped skipped",
            "2 high with a fix; not deployed\n",
        ),
        (
            "tagged pass skipped failure skipped",
            "passed the gate, but was not pushed",
        ),
        (
            "tagged pass skipped half skipped",
            "is pushed, but could not be attested",
        ),
        (
            "tagged pass skipped cancelled skipped",
            "cancelled before it was pushed",
        ),
        (
            "tagged pass skipped success failure",
            "dev still has the version before",
        ),
        (
            "tagged pass skipped success cancelled",
            "cancelled while it was written",
        ),
        (
            "tagged pass skipped success skipped",
            "the cluster will pick it up",
        ),
        ("tagged pass skipped success same", "dev has it already"),
        (
            "tagged pass skipped success bumped",
            "written for dev in 0123456\n",
        ),
    ] {
        let words: Vec<&str> = jobs.split(' ').collect();
        let names = ["build", "scan", "quarantine", "publish", "bump"];
        let needs = names
            .iter()
            .zip(&words)
            .map(|(name, word)| (*name, of_delivery(word)));
        let said = said(&needs.collect());
        assert!(said.contains(expected), "{jobs}: {said}");
        // Nothing was deployed unless the bump worked, and nothing pushed unless it was.
        assert_eq!(
            said.contains("written for dev in"),
            words[4] == "bumped",
            "{said}"
        );
        let pushed = ["success", "half"].contains(&words[3]);
        assert_eq!(said.contains("is pushed"), pushed, "{said}");
    }
}

#[test]
fn the_notice_of_a_promotion_tells_what_happened_and_not_what_was_meant() {
    if peer("jq").is_none() {
        return;
    }
    let find = |result: &str, more: &[(&str, &str)]| {
        let mut outputs = json!({ "version": "1.2.3" });
        for (name, value) in more {
            outputs[name] = json!(value);
        }
        job(result, &outputs)
    };
    let pass = job("success", &json!({ "verdict": "pass" }));
    let fail = job(
        "success",
        &json!({ "verdict": "fail", "high": "0", "critical": "3" }),
    );
    let none = job("skipped", &json!({}));
    let publish = |result: &str, pushed: &str| job(result, &json!({ "pushed": pushed }));
    for (find, scan, publish, expected) in [
        (
            find("failure", &[]),
            &none,
            none.clone(),
            "is not promoted: its image could not be looked up",
        ),
        (
            find("failure", &[("missing", "true")]),
            &none,
            none.clone(),
            "is not promoted: no image was built from this commit",
        ),
        (
            find("failure", &[("digest", "sha256:0")]),
            &none,
            none.clone(),
            "could not be shown to be of the deliver workflow",
        ),
        (
            find("success", &[]),
            &fail,
            none.clone(),
            "is blocked: 3 critical",
        ),
        (
            find("success", &[]),
            &pass,
            publish("failure", ""),
            "passed the gate, but was not pushed",
        ),
        (
            find("success", &[]),
            &pass,
            publish("failure", "true"),
            "passed the gate and is pushed, but could not be attested",
        ),
        (
            find("success", &[]),
            &pass,
            publish("success", "true"),
            "is published",
        ),
    ] {
        let needs = json!({ "find": find, "scan": scan, "publish": publish });
        let said = said(&needs);
        assert!(
            said.contains("1.2.3 ") && said.contains(expected),
            "{needs}: {said}"
        );
    }
}

#[test]
fn the_notice_reaches_slack_and_its_address_reaches_nobody() {
    let (Some(_), Some(curl)) = (peer("jq"), peer("curl")) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!(
        "http://{}/services/T0/B0/secret",
        listener.local_addr().unwrap()
    );
    let slack = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        // The body is one line of JSON, the last thing sent.
        while !request.ends_with(b"}") && !request.ends_with(b"}\n") {
            let mut part = [0; 4096];
            let count = stream.read(&mut part).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&part[..count]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        String::from_utf8(request).unwrap()
    });
    // A curl that notes what everybody on the machine can see of it.
    let folder = tempfile::tempdir().unwrap();
    let spy = folder.path().join("curl");
    let seen = folder.path().join("seen");
    write_program(
        &spy,
        format!(
            "#!/bin/sh\necho \"$*\" >'{}'\nexec '{}' \"$@\"\n",
            seen.display(),
            curl.display()
        )
        .as_bytes(),
    );
    let output = command(root().join(".github/scripts/notify.sh"))
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env("NEEDS", r#"{"build":{"result":"failure"}}"#)
        .env("RUN_URL", "https://github.com/acme/shop/actions/runs/1")
        .env("WEBHOOK", &hook)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{err}");
    let request = slack.join().unwrap();
    assert!(
        request.starts_with("POST /services/T0/B0/secret HTTP/1.1"),
        "{request}"
    );
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body["text"],
        "❌ not built: nothing was scanned, pushed or deployed https://github.com/acme/shop/actions/runs/1"
    );
    for text in [out, err, fs::read_to_string(seen).unwrap()] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_slack_that_refuses_makes_the_job_red() {
    let (Some(_), Some(_)) = (peer("jq"), peer("curl")) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/gone", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let output = command(root().join(".github/scripts/notify.sh"))
        .env("NEEDS", r#"{"build":{"result":"failure"}}"#)
        .env("WEBHOOK", &hook)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("not built")
    );
}
