//! What a script uses that no import tells, and only the real k6 has.

/// Returns the line on which a script asks for the compression of its `WebSockets`.
pub(super) fn compressed_socket(source: &str, imported: &[(String, usize)]) -> Option<usize> {
    let is_socket = |it: &str| it == "k6/ws" || it.ends_with("/websockets");
    if !imported.iter().any(|it| is_socket(&it.0)) {
        return None;
    }
    let asks = |line: &str| {
        let after = line.split_once("compression")?.1;
        let value = after
            .trim_start_matches(['\'', '"', ' '])
            .strip_prefix(':')?;
        let value = value.trim_start().strip_prefix(['\'', '"', '`'])?;
        value.trim_start().starts_with("deflate").then_some(())
    };
    let found = source.lines().position(|line| asks(line).is_some())?;
    Some(found + 1)
}

/// Returns what a script uses without an import and only the real k6 has, with the lines of it.
pub(super) fn globals(source: &str) -> impl Iterator<Item = (&'static str, usize)> {
    const GLOBALS: [&str; 3] = [
        "crypto.subtle",
        "crypto.getRandomValues",
        "crypto.randomUUID",
    ];
    let lines = source.lines().zip(1..);
    let lines = lines.filter(|it| {
        let line = it.0.trim_start();
        !line.starts_with("//") && !line.starts_with('*')
    });
    lines.filter_map(|(line, place)| {
        let global = GLOBALS.into_iter().find(|it| line.contains(it));
        let is_ntlm =
            line.contains("auth") && (line.contains("'ntlm'") || line.contains("\"ntlm\""));
        let construct = global.or(is_ntlm.then_some("auth: ntlm"))?;
        Some((construct, place))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::imports, *};

    #[test]
    fn the_compression_of_sockets_is_found_where_there_are_sockets() {
        let line = |module: &str, param: &str| {
            let source = format!("import x from '{module}';\nconst p = {{ {param} }};");
            compressed_socket(&source, &imports(&source))
        };
        assert_eq!(line("k6/ws", "compression: 'deflate'"), Some(2));
        assert_eq!(
            line("k6/experimental/websockets", "'compression' : \"deflate\""),
            Some(2)
        );
        assert_eq!(line("k6/http", "compression: 'deflate'"), None);
        assert_eq!(line("k6/ws", "compression: 'gzip'"), None);
    }

    #[test]
    fn what_only_k6_has_is_found_without_an_import() {
        let source = "// crypto.subtle\nconst id = crypto.randomUUID();\nhttp.get(url, { auth: 'ntlm' });\ncrypto.md5('a');";
        let found: Vec<_> = globals(source).collect();
        assert_eq!(found, [("crypto.randomUUID", 2), ("auth: ntlm", 3)]);
    }
}
