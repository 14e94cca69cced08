//! Who asks: passwords and tokens, and to whom they may go.

use autoscaleops_core::{secret::Secret, text::printable};
use reqwest::{Method, Url};

use super::{
    RegistryError, Repository,
    challenge::Challenge,
    credentials::Credentials,
    host::{is_loopback, lock},
    token::{self, Token},
    transport::{Call, Refused, detail},
};

const TOKEN_LIMIT: u64 = 64 << 10;

pub(super) enum Authorization {
    Basic(String, Secret),
    Bearer(Secret),
}

impl Repository {
    pub(super) fn authorization(&self) -> Result<Option<Authorization>, RegistryError> {
        let challenge = lock(&self.host.challenge).clone();
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => match self.host.credentials(&self.name)? {
                Some(Credentials::Basic { username, password }) => Ok(Some(Authorization::Basic(
                    username.clone(),
                    password.clone(),
                ))),
                _ => Err(RegistryError::Unauthorized {
                    status: 401,
                    detail: ": it wants a name and a password".to_owned(),
                    had_credentials: false,
                }),
            },
            Some(Challenge::Bearer { realm, service }) => {
                let scope = token::scope(self.host.name(), &self.name);
                // Held while asking, so that many requests at one time cost one token.
                let mut tokens = lock(&self.host.tokens);
                if let Some(token) = tokens.get(&scope).filter(|it| it.is_usable()) {
                    return Ok(Some(Authorization::Bearer(token.value.clone())));
                }
                let token = self.fetch_token(&realm, service.as_deref(), &scope)?;
                let value = token.value.clone();
                tokens.insert(scope, token);
                Ok(Some(Authorization::Bearer(value)))
            }
        }
    }

    /// Drops the token that was refused, unless another request has renewed it already.
    pub(super) fn forget_token(&self, used: Option<&Authorization>) {
        let Some(Authorization::Bearer(used)) = used else {
            return;
        };
        let scope = token::scope(self.host.name(), &self.name);
        let mut tokens = lock(&self.host.tokens);
        if tokens.get(&scope).is_some_and(|it| it.value == *used) {
            tokens.remove(&scope);
        }
    }

    fn fetch_token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<Token, RegistryError> {
        let url = Url::parse(realm).map_err(|_| {
            RegistryError::Protocol(format!(
                "its token server `{}` is no address",
                printable(realm)
            ))
        })?;
        let credentials = self.host.credentials(&self.name)?;
        let is_safe = url.scheme() == "https"
            || url.host_str().is_some_and(is_loopback)
            || (self.host.settings.insecure && url.host_str() == self.host.base().host_str());
        if !is_safe && credentials.is_some() {
            return Err(RegistryError::Protocol(format!(
                "credentials are not sent without encryption to its token server {}",
                url.host_str().unwrap_or_default()
            )));
        }
        if let Some(Credentials::Identity(refresh)) = credentials {
            let form = [
                ("grant_type", "refresh_token"),
                ("service", service.unwrap_or(self.host.name())),
                ("client_id", "image-watch"),
                ("scope", scope),
                ("refresh_token", refresh.expose()),
            ];
            let call = Call {
                method: Method::POST,
                url: &url,
                accept: None,
                mark: None,
                form: Some(&form),
                limit: TOKEN_LIMIT,
            };
            match self.token(&call, None) {
                // A server without this grant; it may take the token as a password.
                Err(
                    RegistryError::NotFound(_) | RegistryError::Unavailable { status: 405, .. },
                ) => {}
                other => return other,
            }
        }
        let mut asked = url.clone();
        {
            let mut query = asked.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", scope);
        }
        let basic = match credentials {
            Some(Credentials::Basic { username, password }) => {
                Some(Authorization::Basic(username.clone(), password.clone()))
            }
            Some(Credentials::Identity(refresh)) => {
                Some(Authorization::Basic("<token>".to_owned(), refresh.clone()))
            }
            None => None,
        };
        let call = Call {
            method: Method::GET,
            url: &asked,
            accept: None,
            mark: None,
            form: None,
            limit: TOKEN_LIMIT,
        };
        self.token(&call, basic.as_ref())
    }

    fn token(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Token, RegistryError> {
        match self.send(call, authorization, |answer| Token::read(&answer.body)) {
            Ok(token) => Ok(token),
            Err(Refused::For(error)) => Err(error),
            Err(Refused::Challenged(answer)) => Err(RegistryError::Unauthorized {
                status: 401,
                detail: detail(&answer.body),
                had_credentials: self.host.credentials(&self.name)?.is_some(),
            }),
            Err(Refused::SpeaksTls) => Err(RegistryError::Protocol(
                "its token server has an address without encryption, and wants encryption"
                    .to_owned(),
            )),
        }
    }
}
