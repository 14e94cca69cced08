//! The `WWW-Authenticate` header: how a registry wants to be asked (RFC 9110, section 11.6.1).

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// With a token from `realm`.
    Bearer {
        /// The address that gives tokens.
        realm: String,
        /// What the token is for, as the registry calls itself.
        service: Option<String>,
    },
    /// With name and password.
    Basic,
}

/// Returns the challenge to answer, a token before a password, out of all headers of one answer.
pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let mut best = None;
    for header in headers {
        for (scheme, parameters) in schemes(header) {
            if scheme.eq_ignore_ascii_case("bearer") {
                let value = |name: &str| {
                    parameters
                        .iter()
                        .find(|it| it.0.eq_ignore_ascii_case(name))
                        .map(|it| it.1.clone())
                };
                if let Some(realm) = value("realm") {
                    let service = value("service").filter(|it| !it.is_empty());
                    return Some(Challenge::Bearer { realm, service });
                }
            } else if scheme.eq_ignore_ascii_case("basic") {
                best = Some(Challenge::Basic);
            }
        }
    }
    best
}

/// Splits a header into schemes with their parameters; several schemes may share a header.
fn schemes(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|it: char| it == '=' || it == ',' || it.is_whitespace())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_start();
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = value_of(value.trim_start());
            if let Some((_, parameters)) = found.last_mut() {
                parameters.push((word.to_owned(), value));
            }
            rest = after;
        } else {
            if !word.is_empty() {
                found.push((word.to_owned(), Vec::new()));
            }
            rest = after;
        }
        rest = rest.trim_start_matches(|it: char| it == ',' || it.is_whitespace());
        if word.is_empty() && !rest.is_empty() && end == 0 {
            // A stray character: go past it.
            let mut characters = rest.chars();
            if rest.starts_with('=') {
                characters.next();
            }
            rest = characters.as_str();
        }
    }
    found
}

/// Reads a quoted text or a bare word; a comma may stand in the first (`scope="a:pull,push"`).
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|it: char| it == ',' || it.is_whitespace())
            .unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|it| it.1)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as it is compared")]
    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        })
    }

    #[test]
    fn every_form_in_use_is_read() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (r#"bearer REALM="https://a/t""#, bearer("https://a/t", None)),
            (
                "Bearer realm=https://a/t , service=x",
                bearer("https://a/t", Some("x")),
            ),
            (
                r#"Bearer realm="https://a/t?q=\"1\"", error="insufficient_scope""#,
                bearer("https://a/t?q=\"1\"", None),
            ),
            (r#"Basic realm="Registry""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            (
                r#"Basic realm="x", Bearer realm="https://a/t",service="s""#,
                bearer("https://a/t", Some("s")),
            ),
            (r#"Negotiate"#, None),
            ("", None),
            ("Bearer", None),
        ] {
            assert_eq!(parse([header]), expected, "{header}");
        }
        assert_eq!(
            parse([r#"Basic realm="x""#, r#"Bearer realm="https://a/t""#]),
            bearer("https://a/t", None)
        );
    }

    #[test]
    fn no_header_hangs_or_panics() {
        for header in [
            "=",
            "==",
            ",,,",
            "= =",
            "\"",
            "Bearer realm=\"",
            "Bearer =x",
            "é=é",
            "a b c = d",
        ] {
            let _ = parse([header]);
        }
    }
}
