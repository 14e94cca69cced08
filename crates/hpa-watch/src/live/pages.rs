//! Lists of any resource, page by page and within bounds.

use http::Request;
use kube::Client;
use serde_json::Value;

/// How many objects are asked for at once, and how many pages there may be.
const LIMIT: usize = 500;
const MOST_PAGES: usize = 40;

/// Returns the items of a list, all pages of it. A list that grows too old between two pages is
/// begun anew, once. A server that knows no pages gives all at once.
///
/// # Errors
///
/// Fails as the API does, and with 413 when there are more objects than are looked at.
pub async fn list(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Vec<Value>, kube::Error> {
    let mut items: Vec<Value> = Vec::new();
    let mut token = String::new();
    let mut begun_anew = false;
    let mut pages = 0;
    loop {
        let mut parts = vec![format!("limit={LIMIT}")];
        for (name, value) in query {
            parts.push(format!("{name}={}", encoded(value)));
        }
        if !token.is_empty() {
            parts.push(format!("continue={}", encoded(&token)));
        }
        let page = match get(client, &format!("{path}?{}", parts.join("&"))).await {
            Err(kube::Error::Api(status)) if status.code == 410 && !begun_anew => {
                begun_anew = true;
                items.clear();
                token.clear();
                continue;
            }
            page => page?,
        };
        if let Value::Object(mut page) = page {
            if let Some(Value::Array(more)) = page.remove("items") {
                items.extend(more);
            }
            page.get("metadata")
                .and_then(|metadata| metadata["continue"].as_str())
                .unwrap_or_default()
                .clone_into(&mut token);
        }
        pages += 1;
        if token.is_empty() {
            return Ok(items);
        }
        if pages >= MOST_PAGES {
            let message = format!("there are more than {} objects", items.len());
            let status = kube::core::Status::failure(&message, "TooMany").with_code(413);
            return Err(kube::Error::Api(Box::new(status)));
        }
    }
}

/// Returns what is at a path.
///
/// # Errors
///
/// Fails as the API does.
pub async fn get(client: &Client, path: &str) -> Result<Value, kube::Error> {
    let request = Request::get(path)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// Why something was not given, in a few words; `right` is the verb and the resource.
pub fn refusal(err: &kube::Error, right: &str) -> String {
    match err {
        kube::Error::Api(status) => match status.code {
            401 | 403 => format!("no permission: {right}"),
            404 => format!("404: nothing serves it, {right}"),
            code => format!("{code} {}", status.message),
        },
        other => other.to_string(),
    }
}

/// Escapes a value of a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_escaped() {
        assert_eq!(encoded("a/b=c,d in (e)"), "a/b%3Dc%2Cd%20in%20%28e%29");
    }
}
