//! Proxies of the environment, by the rules that Go's programs follow.

use std::net::IpAddr;

use base64::Engine as _;
use url::Url;

/// The proxies that the environment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    /// Hosts that are called directly.
    direct: Vec<String>,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// `Basic …`, where its address has a user.
    pub(super) authorization: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Proxies {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in capitals or not, through `variable`.
    ///
    /// # Errors
    ///
    /// Fails on a proxy that cannot be used, without repeating its address: it may hold a password.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let either = |name: &str| {
            variable(name)
                .filter(|it| !it.is_empty())
                .or_else(|| variable(&name.to_ascii_lowercase()))
                .filter(|it| !it.is_empty())
        };
        let proxy = |name: &str| either(name).map(|it| parse(name, &it)).transpose();
        let direct = either("NO_PROXY").unwrap_or_default();
        Ok(Self {
            http: proxy("HTTP_PROXY")?,
            https: proxy("HTTPS_PROXY")?,
            direct: direct
                .split(',')
                .map(|it| it.trim().to_ascii_lowercase())
                .filter(|it| !it.is_empty())
                .collect(),
        })
    }

    /// Returns what stands between here and a server. This machine itself is called directly.
    pub(super) fn between(&self, tls: bool, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if tls { &self.https } else { &self.http }.as_ref()?;
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || address.is_some_and(|it| it.is_loopback()) {
            return None;
        }
        let is_direct = |rule: &String| {
            if rule == "*" {
                return true;
            }
            if let (Some(address), Ok(range)) = (address, super::shared::Range::parse(rule)) {
                return range.contains(address);
            }
            let (name, wanted) = match rule.rsplit_once(':') {
                Some((name, wanted)) if wanted.parse::<u16>().is_ok() => {
                    (name, wanted.parse::<u16>().ok())
                }
                _ => (rule.as_str(), None),
            };
            if wanted.is_some_and(|it| it != port) {
                return false;
            }
            let below = name.trim_start_matches('*');
            match below.strip_prefix('.') {
                Some(_) => host.ends_with(below),
                None => {
                    host == below
                        || host
                            .strip_suffix(below)
                            .is_some_and(|rest| rest.ends_with('.'))
                }
            }
        };
        (!self.direct.iter().any(is_direct)).then_some(proxy)
    }
}

fn parse(name: &str, text: &str) -> Result<Proxy, String> {
    let wrong = |why: &str| format!("the proxy in {name} cannot be used: {why}");
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&whole).map_err(|err| wrong(&err.to_string()))?;
    if url.scheme() != "http" {
        return Err(wrong(&format!(
            "its scheme is {}, and only http is built in; `k6-run --engine k6` has the others",
            url.scheme()
        )));
    }
    let authorization = (!url.username().is_empty()).then(|| {
        let plain = super::head::unescaped;
        let pair = format!(
            "{}:{}",
            plain(url.username()),
            plain(url.password().unwrap_or_default())
        );
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    });
    let host = url.host_str().filter(|it| !it.is_empty());
    Ok(Proxy {
        host: host.ok_or_else(|| wrong("it has no host"))?.to_owned(),
        port: url.port().unwrap_or(80),
        authorization,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(direct: &str) -> Proxies {
        let direct = direct.to_owned();
        Proxies::read(&move |name| match name {
            "http_proxy" => Some("proxy.test:3128".to_owned()),
            "HTTPS_PROXY" => Some("http://me:p%40ss@proxy.test".to_owned()),
            "NO_PROXY" => Some(direct.clone()),
            _ => None,
        })
        .unwrap()
    }

    #[test]
    fn the_scheme_of_a_request_chooses_the_proxy() {
        let all = proxies("");
        let plain = all.between(false, "a.test", 80).unwrap();
        assert_eq!((plain.host.as_str(), plain.port), ("proxy.test", 3128));
        let secure = all.between(true, "a.test", 443).unwrap();
        assert_eq!(secure.port, 80);
        assert_eq!(secure.authorization.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert!(!format!("{all:?}").contains("p@ss"));
    }

    #[test]
    fn this_machine_and_exceptions_are_called_directly() {
        let all = proxies("b.test, .c.test, d.test:8080, 10.0.0.0/8");
        let direct = |host: &str, port: u16| all.between(false, host, port).is_none();
        for host in [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "b.test",
            "x.b.test",
            "x.c.test",
        ] {
            assert!(direct(host, 80), "{host}");
        }
        for host in ["a.test", "c.test", "notb.test", "11.0.0.1"] {
            assert!(!direct(host, 80), "{host}");
        }
        assert!(direct("10.1.2.3", 80));
        assert!(direct("d.test", 8080) && !direct("d.test", 80));
        assert!(proxies("*").between(false, "a.test", 80).is_none());
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_its_password() {
        let read = |text: &'static str| {
            Proxies::read(&move |name| (name == "HTTP_PROXY").then(|| text.to_owned()))
        };
        let err = read("socks5://me:secret@proxy.test").unwrap_err();
        assert!(err.contains("socks5") && !err.contains("secret"), "{err}");
        assert!(read("http://").is_err());
    }
}
