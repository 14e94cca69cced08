//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    api::{self, Answer, Request},
    cluster::Cluster,
    config::{Config, split_image},
    protobuf, render, server,
    store::Store,
};

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 4 {
        0 => requests(&text),
        1 => {
            let _ = protobuf::decode(rest);
        }
        2 => {
            let mut found = Vec::new();
            let _ = render::documents(&text, "in.yaml", &mut found);
        }
        _ => {
            let _ = (split_image(&text), server::query(&text));
            let _ = crate::base64::from_base64(&text);
        }
    }
}

/// Requests, apart by an empty line: `METHOD PATH?QUERY` and the type of the body, then the body.
/// None of them breaks the cluster, and what it holds afterwards can be listed.
fn requests(text: &str) {
    let Ok(store) = Store::open(None, 64) else {
        return;
    };
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let cluster = Arc::new(Cluster::new(
        store,
        Config::default(),
        PathBuf::from("/nonexistent"),
        address,
    ));
    send(
        &cluster,
        "POST /apis/apps/v1/namespaces/default/deployments application/json",
        DEPLOYMENT,
    );
    for request in text.split("\n\n").take(6) {
        let (head, body) = request.split_once('\n').unwrap_or((request, ""));
        send(&cluster, head, body);
    }
    for path in [
        "/api/v1/pods",
        "/apis/apps/v1/deployments",
        "/api/v1/services",
    ] {
        let code = send(&cluster, &format!("GET {path}"), "");
        assert_eq!(code, 200, "{path}");
    }
}

const DEPLOYMENT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"shop","namespace":"default"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"shop"}},"template":{"metadata":{"labels":{"app":"shop"}},"spec":{"containers":[{"name":"shop","image":"acme/shop:1"}]}}}}"#;

fn send(cluster: &Arc<Cluster>, head: &str, body: &str) -> u16 {
    let mut words = head.splitn(3, ' ');
    let method = words.next().unwrap_or_default().to_owned();
    let address = words.next().unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let kind = words.next().unwrap_or("application/json").to_owned();
    let answer = api::answer(
        cluster,
        &Request {
            method,
            path: path
                .split('/')
                .filter(|it| !it.is_empty())
                .map(server::decode)
                .collect(),
            query: server::query(query),
            accept: if kind.contains("Table") {
                kind.clone()
            } else {
                "application/json".to_owned()
            },
            content_type: kind,
            agent: "kubectl/v1".to_owned(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
    );
    match answer {
        Answer::Json(code, body, _) => {
            assert!(serde_json::from_slice::<Value>(&body).is_ok());
            code
        }
        Answer::Text(code, _) => code,
        Answer::Watch(_) | Answer::Log(_) => 200,
    }
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("cluster", |first| !first.is_ascii_uppercase()) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
