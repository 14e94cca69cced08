//! The pull request for what `--pr` has pushed: opened once and brought up to date, where the
//! repository is GitHub's and a token is there. Elsewhere people get the address to open it at.

use std::{path::PathBuf, time::Duration};

use autoscaleops_core::{
    Failure, config, http,
    secret::Secret,
    text::{printable, shorten},
};
use reqwest::{
    Url,
    blocking::{Client, RequestBuilder, Response},
    header::ACCEPT,
};
use serde::Deserialize;
use serde_json::{Value, json};

const ANSWER_LIMIT: u64 = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// What may hold a token, the first one that is set.
const TOKENS: [&str; 3] = ["AUTOSCALEOPS_GIT_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];

/// How a pull request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody has to open it.
    ToOpen,
    /// It is open.
    Open,
    /// Somebody has closed it, and the same change is not offered twice.
    Closed,
}

/// Where a change is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The address for people.
    pub url: String,
    /// How it stands.
    pub state: State,
}

/// What is offered.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// The branch that was pushed.
    pub from: &'a str,
    /// The branch that it is for.
    pub to: &'a str,
    /// One line: the same change has the same.
    pub title: &'a str,
    /// What a reviewer should know, Markdown.
    pub body: &'a str,
}

/// A repository on GitHub, and the right to open pull requests there.
#[derive(Debug)]
pub struct Hub {
    client: http::Client,
    pulls: Url,
    owner: String,
    token: Secret,
}

#[derive(Deserialize)]
struct Pull {
    html_url: String,
    url: String,
    state: String,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    merged_at: Option<String>,
}

impl Hub {
    /// Returns the repository at `address`, where that is on the GitHub of this environment
    /// (`GITHUB_SERVER_URL`, `GITHUB_API_URL`) and a token is there.
    ///
    /// # Errors
    ///
    /// Fails when the API has no usable address, or the client cannot be set up.
    pub fn of(address: &str, ca_file: Option<PathBuf>) -> anyhow::Result<Option<Self>> {
        let env = |name: &str, default: &str| {
            config::env(name)
                .filter(|it| !it.is_empty())
                .unwrap_or_else(|| default.to_owned())
        };
        let server = env("GITHUB_SERVER_URL", "https://github.com");
        let Some((owner, name)) = repository_on(&server, address) else {
            return Ok(None);
        };
        let Some(token) = TOKENS.iter().find_map(|it| Secret::from_env(it)) else {
            return Ok(None);
        };
        let api = env("GITHUB_API_URL", "https://api.github.com");
        let address = format!("{}/repos/{owner}/{name}/pulls", api.trim_end_matches('/'));
        let pulls = Url::parse(&address)
            .ok()
            .filter(is_private)
            .ok_or_else(|| {
                Failure::usage("GITHUB_API_URL is no address that a token may be sent to")
                    .kind_of("config")
            })?;
        let client = http::Client::new(&http::Settings {
            timeout: PATIENCE,
            ca_file,
            ..http::Settings::default()
        })?;
        Ok(Some(Self {
            client,
            pulls,
            owner,
            token,
        }))
    }

    /// Opens the pull request, or brings the one that is open up to date. What somebody has closed
    /// is not opened again for the same change.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not answer, or does not let us.
    pub fn offer(&self, offer: &Offer<'_>) -> Result<Review, Failure> {
        let mut list = self.pulls.clone();
        list.query_pairs_mut()
            .append_pair("head", &format!("{}:{}", self.owner, offer.from))
            .append_pair("base", offer.to)
            .append_pair("state", "all")
            .append_pair("per_page", "50");
        let pulls: Vec<Pull> = self.ask(|it| it.get(list.clone()))?;
        let text = json!({"title": offer.title, "body": offer.body});
        if let Some(open) = pulls.iter().find(|it| it.state == "open") {
            let is_same = open.title == offer.title && open.body.as_deref() == Some(offer.body);
            if !is_same {
                let url = self.own(&open.url)?;
                let _: Value = self.ask(|it| it.patch(url.clone()).json(&text))?;
            }
            return Ok(review(open, State::Open));
        }
        let refused = pulls
            .iter()
            .find(|it| it.merged_at.is_none() && it.title == offer.title);
        if let Some(refused) = refused {
            return Ok(review(refused, State::Closed));
        }
        let mut new = text;
        new["head"] = offer.from.into();
        new["base"] = offer.to.into();
        let opened: Pull = self.ask(|it| it.post(self.pulls.clone()).json(&new))?;
        Ok(review(&opened, State::Open))
    }

    /// Returns an address out of an answer, as long as it is the same server's.
    fn own(&self, text: &str) -> Result<Url, Failure> {
        Url::parse(text)
            .ok()
            .filter(|it| it.origin() == self.pulls.origin())
            .ok_or_else(|| problem("GitHub named another server".to_owned()))
    }

    fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<T, Failure> {
        let response = self.client.send(|it| {
            request(it)
                .bearer_auth(self.token.expose())
                .header(ACCEPT, "application/vnd.github+json")
                .header("X-GitHub-Api-Version", "2022-11-28")
        });
        let response = response.map_err(|err| problem(format!("GitHub cannot be asked: {err}")))?;
        let status = response.status();
        let body = read(response)?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|err| problem(format!("GitHub's answer is not understood: {err}")));
        }
        let said = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        let message = said.get("message").and_then(Value::as_str);
        let message = shorten(&printable(message.unwrap_or_default()), 200);
        let failure = problem(format!("GitHub answered {status}: {message}"));
        Err(match status.as_u16() {
            401 | 403 | 404 => failure.hint(
                "the token needs the right to write pull requests; without a token the address to open it at is printed",
            ),
            _ => failure,
        })
    }
}

fn read(response: Response) -> Result<Vec<u8>, Failure> {
    http::body(response, ANSWER_LIMIT, PATIENCE)
        .map_err(|err| problem(format!("GitHub's answer broke off: {err}")))
}

fn review(pull: &Pull, state: State) -> Review {
    Review {
        url: printable(&pull.html_url),
        state,
    }
}

fn problem(text: String) -> Failure {
    Failure::unavailable("pull_request", text)
}

fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|it| it.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

/// Returns owner and name of the repository at `address`, where that is on `server`.
fn repository_on(server: &str, address: &str) -> Option<(String, String)> {
    let server_host = server.split_once("://")?.1.trim_end_matches('/');
    let (host, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        // As scp writes it.
        None => address.split_once(':')?,
    };
    let host = host.rsplit('@').next()?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.split_once('/')?;
    let is_plain = |it: &str| {
        let is_named = !it.is_empty() && !it.starts_with('.');
        let is_fine = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
        is_named && it.bytes().all(is_fine)
    };
    (host == server_host && is_plain(owner) && is_plain(name))
        .then(|| (owner.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_known_by_every_form_of_its_address() {
        for (address, expected) in [
            ("https://github.com/acme/shop.git", Some("acme/shop")),
            ("https://github.com/acme/shop", Some("acme/shop")),
            ("https://bob@github.com/acme/shop/", Some("acme/shop")),
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("ssh://git@github.com/acme/shop.git", Some("acme/shop")),
            ("https://github.com.example.org/acme/shop.git", None),
            ("https://gitlab.com/acme/shop.git", None),
            ("https://github.com/acme/../shop.git", None),
            ("https://github.com/acme/a/b.git", None),
            ("https://github.com/acme/..", None),
            ("/srv/shop.git", None),
            ("", None),
        ] {
            let found = repository_on("https://github.com", address);
            let found = found.map(|it| format!("{}/{}", it.0, it.1));
            assert_eq!(found.as_deref(), expected, "{address}");
        }
        let own = repository_on("http://127.0.0.1:81", "http://127.0.0.1:81/acme/shop.git");
        assert!(own.is_some());
    }

    #[test]
    fn a_token_goes_only_where_nobody_can_read_along() {
        for (address, expected) in [
            ("https://api.github.com/x", true),
            ("http://127.0.0.1:80/x", true),
            ("http://[::1]:80/x", true),
            ("http://api.github.com/x", false),
            ("http://localhost.example.org/x", false),
        ] {
            assert_eq!(
                is_private(&Url::parse(address).unwrap()),
                expected,
                "{address}"
            );
        }
    }
}
