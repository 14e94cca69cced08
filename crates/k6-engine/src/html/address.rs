//! Addresses as Go reads them: what the parts of a link are, in k6's words.

/// An address in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) scheme: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) fragment: String,
    /// All of it, as it is asked for.
    pub(crate) text: String,
}

/// What may be written without an escape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Other,
}

impl Address {
    /// Reads the address `link` as it stands in the page at `base`, and gives it another query where one
    /// is there.
    pub(crate) fn within(base: &str, link: &str, query: Option<&str>) -> Option<Self> {
        let base = Raw::read(base).unwrap_or_default();
        let mut link = Raw::read(link)?;
        if link.scheme.is_empty() && link.authority.is_none() {
            if link.path.is_empty() && link.query.is_none() {
                link.query.clone_from(&base.query);
                if link.fragment.is_empty() {
                    link.fragment.clone_from(&base.fragment);
                }
            }
            link.path = resolve(&base.path, &link.path);
            link.scheme = base.scheme;
            link.authority = base.authority;
        } else {
            link.path = resolve(&link.path, "");
            if link.scheme.is_empty() {
                link.scheme = base.scheme;
            }
        }
        if let Some(query) = query {
            link.query = Some(query.to_owned()).filter(|it| !it.is_empty());
        }
        link.parts()
    }

    /// Returns the host without its port.
    pub(crate) fn hostname(&self) -> &str {
        let host = self.split().0;
        host.strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(host)
    }

    pub(crate) fn port(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        match self.host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => (host, port),
            _ => (&self.host, ""),
        }
    }

    pub(crate) fn origin(&self) -> String {
        if self.scheme.is_empty() {
            return String::new();
        }
        format!("{}://{}", self.scheme, self.host)
    }
}

/// An address whose escapes still stand.
#[derive(Clone, Debug, Default)]
struct Raw {
    scheme: String,
    /// What stands after the scheme where that is no path.
    opaque: Option<String>,
    authority: Option<String>,
    path: String,
    query: Option<String>,
    fragment: String,
}

impl Raw {
    fn read(text: &str) -> Option<Self> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        if text.bytes().any(|it| it < b' ' || it == 0x7f) {
            return None;
        }
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let mut raw = Self {
            scheme: scheme.to_lowercase(),
            query,
            fragment: fragment.to_owned(),
            ..Self::default()
        };
        if !rest.starts_with('/') {
            if !scheme.is_empty() {
                // Such as `mailto:`: there is no path.
                raw.opaque = Some(rest.to_owned());
                return Some(raw);
            }
            let first = rest.split('/').next().unwrap_or_default();
            if first.contains(':') {
                return None;
            }
        }
        rest.clone_into(&mut raw.path);
        let has_authority = !scheme.is_empty() || !rest.starts_with("///");
        if let Some(rest) = rest.strip_prefix("//").filter(|_| has_authority) {
            let (authority, path) = match rest.find('/') {
                Some(at) => rest.split_at(at),
                None => (rest, ""),
            };
            raw.authority = Some(authority.to_owned());
            path.clone_into(&mut raw.path);
        }
        Some(raw)
    }

    fn text(&self, path: &str, fragment: &str) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text = format!("{}:", self.scheme);
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(opaque);
        }
        if let Some(authority) = &self.authority {
            text.push_str("//");
            text.push_str(authority);
        }
        text.push_str(&escaped(&self.path, path));
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(query);
        }
        if !fragment.is_empty() {
            text.push('#');
            text.push_str(&escaped(&self.fragment, fragment));
        }
        text
    }

    fn parts(self) -> Option<Address> {
        let (path, fragment) = (
            plain(&self.path, Part::Other)?,
            plain(&self.fragment, Part::Other)?,
        );
        let text = self.text(&path, &fragment);
        let authority = self.authority.unwrap_or_default();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (user, host),
            None => ("", authority.as_str()),
        };
        let is_usual = |it: u8| it.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&it);
        if !user.bytes().all(is_usual) {
            return None;
        }
        let port = if host.starts_with('[') {
            &host[host.rfind(']')? + 1..]
        } else {
            host.rfind(':').map_or("", |at| &host[at..])
        };
        let is_port = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        let (username, password) = user.split_once(':').unwrap_or((user, ""));
        Some(Address {
            scheme: self.scheme,
            username: plain(username, Part::Other)?,
            password: plain(password, Part::Other)?,
            host: plain(host, Part::Host)?,
            path,
            query: self.query.unwrap_or_default(),
            fragment,
            text,
        })
    }
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    for (at, it) in text.bytes().enumerate() {
        match it {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Some(("", text))
}

/// Returns the path that `link` means at `base`.
fn resolve(base: &str, link: &str) -> String {
    let folder = base.rfind('/').map_or("", |at| &base[..=at]);
    let full = match link.chars().next() {
        None => base.to_owned(),
        Some('/') => link.to_owned(),
        Some(_) => format!("{folder}{link}"),
    };
    if full.is_empty() {
        return full;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = full.split('/').peekable();
    if full.starts_with('/') {
        parts.next();
    }
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." if is_last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Puts what is escaped in its place.
fn plain(text: &str, part: Part) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(it) = rest.next() {
        if it != b'%' {
            let is_usual = !it.is_ascii()
                || it.is_ascii_alphanumeric()
                || b"-_.~!$&'()*+,;=:[]<>\"".contains(&it);
            if part == Part::Host && !is_usual {
                return None;
            }
            bytes.push(it);
            continue;
        }
        let digit = |it: Option<u8>| char::from(it?).to_digit(16);
        let byte = digit(rest.next())? * 16 + digit(rest.next())?;
        if part == Part::Host && byte < 0x80 && byte != u32::from(b'%') {
            return None;
        }
        bytes.push(byte as u8);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes what may not stand as it is with escapes, unless all of it may as it was written.
fn escaped(raw: &str, plain: &str) -> String {
    let is_usual = |it: u8| it.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&it);
    if raw
        .bytes()
        .all(|it| is_usual(it) || b"!'()*[]%".contains(&it))
    {
        return raw.to_owned();
    }
    let mut text = String::with_capacity(plain.len());
    for it in plain.bytes() {
        if is_usual(it) {
            text.push(char::from(it));
        } else {
            text.push_str(&format!("%{it:02X}"));
        }
    }
    text
}
