//! What the registry answers, as the OCI distribution specification says.

use std::{net::SocketAddr, sync::atomic::Ordering};

use serde_json::json;

use super::{Guard, Reply, Repository, Seen, State, lock};

fn refusal(status: u16, code: &str) -> Reply {
    let body = json!({"errors": [{"code": code, "message": code.to_lowercase()}]});
    Reply::new(status, body.to_string()).header("Content-Type", "application/json")
}

/// Returns the answer to a request.
pub(super) fn answer(state: &State, seen: &Seen, address: SocketAddr) -> Reply {
    if seen.path == "/token" {
        return token(state, seen);
    }
    if let Some(refused) = refuse(state, seen, address) {
        return refused;
    }
    if let Some(rest) = seen.path.strip_prefix("/v2/") {
        return pull(state, seen, rest);
    }
    refusal(404, "NOT_FOUND")
}

fn token(state: &State, seen: &Seen) -> Reply {
    let Guard::Token { credentials, life } = lock(&state.guard).clone() else {
        return refusal(404, "NOT_FOUND");
    };
    let is_refresh = seen.method == "POST";
    let is_let_in = match &credentials {
        None => true,
        Some(_) if is_refresh => {
            String::from_utf8_lossy(&seen.body).contains("refresh_token=refresh-me")
        }
        Some(credentials) => seen.authorization.as_deref() == Some(basic(credentials).as_str()),
    };
    if !is_let_in {
        return refusal(401, "UNAUTHORIZED");
    }
    let number = state.tokens.fetch_add(1, Ordering::SeqCst);
    let name = if is_refresh { "access_token" } else { "token" };
    let body = json!({name: format!("token-{number}"), "expires_in": life});
    Reply::new(200, body.to_string()).header("Content-Type", "application/json")
}

fn refuse(state: &State, seen: &Seen, address: SocketAddr) -> Option<Reply> {
    let authorization = seen.authorization.as_deref();
    let challenge = match lock(&state.guard).clone() {
        Guard::Open => return None,
        Guard::Basic(credentials) if authorization == Some(basic(&credentials).as_str()) => {
            return None;
        }
        Guard::Basic(_) => "Basic realm=\"registry\"".to_owned(),
        Guard::Token { .. } => {
            let newest = state.tokens.load(Ordering::SeqCst).checked_sub(1);
            if newest.is_some_and(|it| authorization == Some(format!("Bearer token-{it}").as_str()))
            {
                return None;
            }
            format!("Bearer realm=\"http://{address}/token\",service=\"registry\"")
        }
    };
    Some(refusal(401, "UNAUTHORIZED").header("WWW-Authenticate", challenge))
}

fn pull(state: &State, seen: &Seen, rest: &str) -> Reply {
    let repositories = lock(&state.repositories);
    if let Some(name) = rest.strip_suffix("/tags/list") {
        let Some(repository) = repositories.get(name) else {
            return refusal(404, "NAME_UNKNOWN");
        };
        let size = lock(&state.page_size).unwrap_or(usize::MAX);
        return page(name, repository, &seen.query, size);
    }
    if let Some((name, reference)) = rest.split_once("/manifests/") {
        let Some(repository) = repositories.get(name) else {
            return refusal(404, "NAME_UNKNOWN");
        };
        let digest = repository
            .tags
            .get(reference)
            .map_or(reference, String::as_str);
        return match repository.manifests.get(digest) {
            Some((kind, bytes)) => Reply::new(200, bytes.clone())
                .header("Content-Type", kind.clone())
                .header("Docker-Content-Digest", digest),
            None => refusal(404, "MANIFEST_UNKNOWN"),
        };
    }
    if let Some((name, digest)) = rest.split_once("/blobs/") {
        return match repositories.get(name).and_then(|it| it.blobs.get(digest)) {
            Some(bytes) => Reply::new(200, bytes.clone()),
            None => refusal(404, "BLOB_UNKNOWN"),
        };
    }
    refusal(404, "NOT_FOUND")
}

fn page(name: &str, repository: &Repository, query: &str, size: usize) -> Reply {
    let last = query
        .split('&')
        .find_map(|it| it.strip_prefix("last="))
        .unwrap_or_default();
    let mut rest = repository.tags.keys().filter(|it| it.as_str() > last);
    let tags: Vec<&String> = rest.by_ref().take(size).collect();
    let body = json!({"name": name, "tags": tags});
    let reply = Reply::new(200, body.to_string()).header("Content-Type", "application/json");
    match (rest.next(), tags.last()) {
        (Some(_), Some(last)) => {
            let next = format!("</v2/{name}/tags/list?last={last}&n={size}>; rel=\"next\"");
            reply.header("Link", next)
        }
        _ => reply,
    }
}

/// Returns `name:password` as the `Authorization` header carries it.
pub(super) fn basic(credentials: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Basic ".to_owned();
    for chunk in credentials.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            text.push(if place <= chunk.len() {
                char::from(LETTERS[bits >> (18 - 6 * place) & 63])
            } else {
                '='
            });
        }
    }
    text
}
