//! The cookies of a virtual user, by RFC 6265.

use std::time::SystemTime;

use jiff::{Timestamp, fmt::rfc2822};
use url::Url;

/// A cookie in a jar.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    /// Seconds since the epoch; `None` for the whole session.
    expires: Option<i64>,
}

/// The cookies of a virtual user.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    cookies: Vec<Cookie>,
}

/// What a script says of a cookie that it sets.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "they are the attributes of RFC 6265")]
pub struct Attributes {
    pub domain: Option<String>,
    pub path: Option<String>,
    pub expires: Option<String>,
    pub max_age: Option<i64>,
    pub secure: bool,
}

/// A `Set-Cookie` header in parts.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub name: String,
    pub value: String,
    pub http_only: bool,
    /// Milliseconds since the epoch, 0 where there is no date.
    pub expires_ms: f64,
    pub attributes: Attributes,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX))
}

impl Jar {
    /// Returns whether there are no cookies.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Forgets all cookies.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Returns the cookies for a request to `url`, the most specific path first.
    pub fn matching(&self, url: &Url) -> Vec<(String, String)> {
        if self.cookies.is_empty() {
            return Vec::new();
        }
        let host = host_of(url);
        let time = now();
        let mut found: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|it| it.expires.is_none_or(|end| end > time))
            .filter(|it| it.domain == host || (!it.host_only && is_below(&host, &it.domain)))
            .filter(|it| path_matches(url.path(), &it.path))
            .filter(|it| !it.secure || url.scheme() == "https")
            .collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.path.len()));
        found
            .iter()
            .map(|it| (it.name.clone(), it.value.clone()))
            .collect()
    }

    /// Returns whether a text is a date that cookies may end at.
    pub fn is_date(text: &str) -> bool {
        date(text).is_some()
    }

    /// Takes a cookie from a `Set-Cookie` header.
    pub fn store(&mut self, url: &Url, header: &str) {
        if let Some(parts) = Self::parts(header) {
            self.set(url, &parts.name, &parts.value, &parts.attributes);
        }
    }

    /// Reads a `Set-Cookie` header.
    pub fn parts(header: &str) -> Option<Parts> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        if name.trim().is_empty() {
            return None;
        }
        let mut attributes = Attributes::default();
        let mut http_only = false;
        for part in parts {
            let (key, text) = part.split_once('=').unwrap_or((part, ""));
            let text = text.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "domain" => attributes.domain = Some(text.to_owned()),
                "path" => attributes.path = Some(text.to_owned()),
                "expires" => attributes.expires = Some(text.to_owned()),
                "max-age" => attributes.max_age = text.parse().ok(),
                "secure" => attributes.secure = true,
                "httponly" => http_only = true,
                _ => {}
            }
        }
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let expires = attributes.expires.as_deref().and_then(date);
        Some(Parts {
            name: name.trim().to_owned(),
            value: bare.unwrap_or(value).to_owned(),
            http_only,
            expires_ms: expires.map_or(0.0, |it| it as f64 * 1e3),
            attributes,
        })
    }

    /// Sets a cookie as if `url` had.
    pub fn set(&mut self, url: &Url, name: &str, value: &str, attributes: &Attributes) {
        let host = host_of(url);
        let domain = attributes
            .domain
            .as_deref()
            .map(|it| it.trim_start_matches('.').to_ascii_lowercase())
            .filter(|it| !it.is_empty());
        let (domain, host_only) = match domain {
            // A host may speak for the domains above it, not for others, and not for a whole top level.
            Some(domain) if domain == host => (domain, url.domain().is_none()),
            Some(domain) if is_below(&host, &domain) && domain.contains('.') => (domain, false),
            Some(_) => return,
            None => (host, true),
        };
        let path = match attributes.path.as_deref() {
            Some(path) if path.starts_with('/') => path.to_owned(),
            _ => default_path(url.path()),
        };
        let expires = match attributes.max_age {
            Some(age) if age <= 0 => Some(0),
            Some(age) => Some(now().saturating_add(age)),
            None => attributes.expires.as_deref().and_then(date),
        };
        self.cookies
            .retain(|it| !(it.name == name && it.domain == domain && it.path == path));
        if expires.is_none_or(|end| end > now()) && !name.is_empty() {
            self.cookies.push(Cookie {
                name: name.to_owned(),
                value: value.to_owned(),
                domain,
                host_only,
                path,
                secure: attributes.secure,
                expires,
            });
        }
    }

    /// Removes the cookies that `url` sees: all, or those of one name.
    pub fn remove(&mut self, url: &Url, name: Option<&str>) {
        let host = host_of(url);
        self.cookies.retain(|it| {
            let seen = (it.domain == host || is_below(&host, &it.domain))
                && path_matches(url.path(), &it.path);
            !(seen && name.is_none_or(|name| name == it.name))
        });
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_ascii_lowercase()
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|it| it.ends_with('.'))
        && host.parse::<std::net::IpAddr>().is_err()
}

fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

fn date(text: &str) -> Option<i64> {
    let plain = text.replace('-', " ");
    let parser = rfc2822::DateTimeParser::new();
    let parsed: Option<Timestamp> = parser
        .parse_timestamp(&plain)
        .or_else(|_| parser.parse_timestamp(plain.replace("GMT", "+0000")))
        .ok()
        .or_else(|| text.parse().ok());
    parsed.map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn names(jar: &Jar, at: &str) -> Vec<String> {
        jar.matching(&url(at)).into_iter().map(|it| it.0).collect()
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_and_path() {
        let mut jar = Jar::default();
        jar.store(&url("http://a.test/x/y"), "one=1; Path=/x");
        jar.store(&url("http://a.test/x/y"), "two=2");
        jar.store(&url("http://a.test/x/y"), "three=3; Domain=evil.test");
        assert_eq!(names(&jar, "http://a.test/x/z"), ["one", "two"]);
        assert!(names(&jar, "http://a.test/xy").is_empty());
        assert!(names(&jar, "http://b.test/x").is_empty());
    }

    #[test]
    fn a_domain_cookie_goes_below_its_domain_alone() {
        let mut jar = Jar::default();
        jar.store(&url("http://w.a.test/"), "one=1; Domain=a.test");
        assert_eq!(names(&jar, "http://x.a.test/"), ["one"]);
        assert!(names(&jar, "http://nota.test/").is_empty());
        jar.store(&url("http://a.test/"), "two=2; Domain=test");
        assert!(names(&jar, "http://b.test/").is_empty());
    }

    #[test]
    fn an_expired_cookie_is_removed() {
        let mut jar = Jar::default();
        let at = url("http://a.test/");
        jar.store(&at, "one=1");
        jar.store(&at, "one=; Max-Age=0");
        assert!(jar.is_empty());
        jar.store(&at, "two=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert!(jar.is_empty());
        jar.store(&at, "three=3; Expires=Fri, 01-Jan-2100 00:00:00 GMT");
        assert_eq!(names(&jar, "http://a.test/"), ["three"]);
    }

    #[test]
    fn a_secure_cookie_stays_off_plain_connections() {
        let mut jar = Jar::default();
        jar.store(&url("https://a.test/"), "one=1; Secure");
        assert!(names(&jar, "http://a.test/").is_empty());
        assert_eq!(names(&jar, "https://a.test/"), ["one"]);
    }
}
