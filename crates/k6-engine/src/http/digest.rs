//! Digest authentication, RFC 7616.

use std::collections::HashMap;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::Request;

/// Returns the `Authorization` that answers the challenge of a server, where it can be answered.
pub(super) fn answer(
    challenge: &str,
    user: &str,
    password: &str,
    request: &Request,
) -> Option<String> {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let client_nonce = md5_hex(&format!("{:?}{user}", since.ok()?));
    respond(challenge, user, password, request, &client_nonce)
}

fn respond(
    challenge: &str,
    user: &str,
    password: &str,
    request: &Request,
    client_nonce: &str,
) -> Option<String> {
    let fields = parse(challenge)?;
    let field = |name: &str| fields.get(name).map(String::as_str);
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let algorithm = field("algorithm").unwrap_or("MD5");
    let hash = match algorithm.to_ascii_uppercase().trim_end_matches("-SESS") {
        "MD5" => md5_hex,
        "SHA-256" => sha256_hex,
        _ => return None,
    };
    let uri = super::head::target(request);
    let mut secret = hash(&format!("{user}:{realm}:{password}"));
    if algorithm.to_ascii_uppercase().ends_with("-SESS") {
        secret = hash(&format!("{secret}:{nonce}:{client_nonce}"));
    }
    let what = hash(&format!("{}:{uri}", request.method));
    let with_quality = field("qop").is_some_and(|it| it.split(',').any(|it| it.trim() == "auth"));
    let response = if with_quality {
        hash(&format!(
            "{secret}:{nonce}:00000001:{client_nonce}:auth:{what}"
        ))
    } else {
        hash(&format!("{secret}:{nonce}:{what}"))
    };
    let mut header = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={algorithm}"
    );
    if let Some(opaque) = field("opaque") {
        header.push_str(&format!(", opaque=\"{opaque}\""));
    }
    if with_quality {
        header.push_str(&format!(
            ", qop=auth, nc=00000001, cnonce=\"{client_nonce}\""
        ));
    }
    Some(header)
}

fn parse(challenge: &str) -> Option<HashMap<String, String>> {
    let (scheme, rest) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut fields = HashMap::new();
    let mut rest = rest.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        fields.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = next.trim_start_matches([',', ' ']);
    }
    Some(fields)
}

fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, it| text + &format!("{it:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_answered() {
        // RFC 7616, section 3.9.1.
        let challenge = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let url = url::Url::parse("http://www.example.org/dir/index.html").unwrap();
        let request = Request::get(url);
        let header = respond(
            challenge,
            "Mufasa",
            "Circle of Life",
            &request,
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzqxusEUKuJ5Phg",
        )
        .unwrap();
        assert!(
            header.contains("qop=auth") && header.contains("uri=\"/dir/index.html\""),
            "{header}"
        );
        assert!(respond("Basic realm=\"x\"", "a", "b", &request, "c").is_none());
    }
}
