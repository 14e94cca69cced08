//! The `Link` header: where the next page is (RFC 8288), in the forms that registries really send.

/// Returns the address of the next page as it was written, relative or absolute. It is opaque: a
/// cursor that is rebuilt loses tags at some registries.
pub(super) fn next(header: &str) -> Option<&str> {
    let mut rest = header.trim();
    while !rest.is_empty() {
        let (target, after) = match rest.strip_prefix('<') {
            Some(rest) => match rest.split_once('>') {
                Some((target, after)) => (target, after),
                // Not closed: up to the parameters, or to the end.
                None => rest.split_once(';').unwrap_or((rest, "")),
            },
            // Without brackets, as some versions of Quay write it.
            None => rest.split_once(';').unwrap_or((rest, "")),
        };
        let (parameters, further) = parameters(after);
        let relation = parameters
            .split(';')
            .filter_map(|it| it.split_once('='))
            .find(|it| it.0.trim().eq_ignore_ascii_case("rel"))
            .map(|it| it.1.trim().trim_matches('"'));
        let is_next = match relation {
            Some(words) => words
                .split_whitespace()
                .any(|it| it.eq_ignore_ascii_case("next")),
            // A lone address can mean nothing else.
            None => parameters.trim().is_empty(),
        };
        if is_next && !target.trim().is_empty() {
            return Some(target.trim());
        }
        rest = further.trim_start();
    }
    None
}

/// Splits what follows an address into its own parameters and the links after it.
fn parameters(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_in_use_is_read() {
        for (header, expected) in [
            (
                r#"</v2/a/tags/list?last=x&n=100>; rel="next""#,
                Some("/v2/a/tags/list?last=x&n=100"),
            ),
            (
                r#"<https://r.example/v2/a/tags/list?next_page=abc>; rel="next""#,
                Some("https://r.example/v2/a/tags/list?next_page=abc"),
            ),
            ("</p>;rel=next", Some("/p")),
            ("</p>; REL=\"Next\"", Some("/p")),
            (
                "/v2/a/tags/list?n=5; rel=\"next\"",
                Some("/v2/a/tags/list?n=5"),
            ),
            ("</p", Some("/p")),
            ("</p>", Some("/p")),
            (
                r#"</first>; rel="first", </p>; rel="next"; title="a, b""#,
                Some("/p"),
            ),
            (r#"</p>; title="x, y"; rel="prev next""#, Some("/p")),
            (r#"</p?last=a,b>; rel="next""#, Some("/p?last=a,b")),
            (r#"</p>; rel="prev""#, None),
            ("<>; rel=\"next\"", None),
            ("", None),
        ] {
            assert_eq!(next(header), expected, "{header}");
        }
    }
}
