//! What to show a registry: remembers what each asks for, the credentials found and the tokens got.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;
use reqwest::header::HeaderValue;
use tokio::sync::OnceCell;

use crate::CredentialSources;
use crate::bearer_token::{self, Token};
use crate::challenge::{Bearer, Challenge};
use crate::credentials::{Credentials, Secret};
use crate::failure::Failure;
use crate::target::Target;
use crate::transport::Transport;

/// The value of an `Authorization` header, and the secrets in it. No `Debug`: it must not reach a log.
#[derive(Clone)]
pub(crate) struct Authorization {
    header: HeaderValue,
    secrets: Vec<String>,
}

impl Authorization {
    /// User and password (RFC 7617).
    pub(crate) fn basic(user: &str, password: &str) -> Result<Self, Failure> {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        Self::of(&format!("Basic {encoded}"), vec![password.to_owned(), encoded])
    }

    /// A token (RFC 6750).
    pub(crate) fn bearer(token: &str) -> Result<Self, Failure> {
        Self::of(&format!("Bearer {token}"), vec![token.to_owned()])
    }

    /// A whole header, as somebody wrote it.
    pub(crate) fn verbatim(header: &str) -> Result<Self, Failure> {
        let secret = header.split_once(' ').map_or(header, |(_, secret)| secret.trim());
        Self::of(header, vec![secret.to_owned()])
    }

    fn of(value: &str, secrets: Vec<String>) -> Result<Self, Failure> {
        let mut header = HeaderValue::from_str(value)
            .map_err(|_| Failure::Protocol("the token holds characters that a header cannot".to_owned()))?;
        header.set_sensitive(true);
        Ok(Self { header, secrets })
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// `text` without the secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        redact(text, &self.secrets)
    }
}

/// `text` without `secrets`.
pub(crate) fn redact(text: &str, secrets: &[String]) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
}

/// What a request needs to be allowed, as distribution's token specification writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    pub(crate) fn pull(target: &Target) -> Self {
        Self(vec![format!("repository:{}:pull", target.repository)])
    }

    pub(crate) fn push(target: &Target) -> Self {
        Self(vec![format!("repository:{}:pull,push", target.repository)])
    }

    /// With the right to pull from `repository` too, as a mount needs it.
    pub(crate) fn and_pull(mut self, repository: &str) -> Self {
        self.0.push(format!("repository:{repository}:pull"));
        self
    }

    /// With what the registry says that is needed, as far as it is not among ours.
    fn and(mut self, challenge: &Bearer) -> Self {
        for scope in challenge.scope.as_deref().unwrap_or_default().split_whitespace() {
            if !self.covers(scope) {
                self.0.push(scope.to_owned());
            }
        }
        self
    }

    /// Whether `scope` (`repository:NAME:ACTION,...`) is part of one of ours.
    fn covers(&self, scope: &str) -> bool {
        self.0.iter().any(|own| match (own.rsplit_once(':'), scope.rsplit_once(':')) {
            (Some((of, own)), Some((on, actions))) => {
                of == on && actions.split(',').all(|action| own.split(',').any(|own| own == action))
            }
            _ => own == scope,
        })
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;
type Search = Arc<OnceCell<Credentials>>;

/// The memory of one client. Bounded by the repositories that a build names.
pub(crate) struct Authorizer {
    sources: CredentialSources,
    challenges: Mutex<HashMap<String, Challenge>>,
    /// By host and repository.
    credentials: Mutex<HashMap<(String, String), Search>>,
    tokens: Mutex<HashMap<(String, Scopes), Slot>>,
}

impl Authorizer {
    pub(crate) fn new(sources: CredentialSources) -> Self {
        Self {
            sources,
            challenges: Mutex::default(),
            credentials: Mutex::default(),
            tokens: Mutex::default(),
        }
    }

    /// The credentials for `target`, looked up once.
    pub(crate) async fn credentials(&self, target: &Target) -> Result<Credentials, Failure> {
        let place = (target.host.clone(), target.repository.clone());
        let cell = Arc::clone(lock(&self.credentials).entry(place.clone()).or_default());
        // Once however many transfers begin together: a helper may ask the user, or a cloud that counts.
        let find = || async {
            let (sources, (host, repository)) = (self.sources.clone(), place);
            let found = tokio::task::spawn_blocking(move || sources.find(&host, &repository)).await;
            found.map_err(|_| Failure::Hopeless("the search for credentials was stopped".to_owned()))?
        };
        cell.get_or_try_init(find).await.cloned()
    }

    /// What to show before being asked: nothing for a registry that never asked.
    pub(crate) async fn known(
        &self,
        transport: &Transport,
        target: &Target,
        scopes: &Scopes,
    ) -> Result<Option<Authorization>, Failure> {
        let challenge = lock(&self.challenges).get(&target.address()).cloned();
        match challenge {
            None => match self.credentials(target).await?.secret {
                Secret::Bearer(token) => Authorization::bearer(&token).map(Some),
                _ => Ok(None),
            },
            Some(challenge) => self.answer(transport, target, scopes, &challenge, None).await,
        }
    }

    /// What to show after `refused`, a 401 to a request that showed `shown`; nothing if we know no better.
    pub(crate) async fn renewed(
        &self,
        transport: &Transport,
        target: &Target,
        scopes: &Scopes,
        refused: &Response,
        shown: Option<&Authorization>,
    ) -> Result<Option<Authorization>, Failure> {
        if !target.owns(refused.url()) {
            return Ok(None);
        }
        let Some(challenge) = Challenge::of(refused.headers()) else { return Ok(None) };
        if shown.is_some() {
            // They may have expired, and been renewed by whoever wrote the file or stands behind the helper.
            lock(&self.credentials).remove(&(target.host.clone(), target.repository.clone()));
        }
        lock(&self.challenges).insert(target.address(), challenge.for_any_request());
        let answer = self.answer(transport, target, scopes, &challenge, shown).await?;
        Ok(answer.filter(|answer| shown.is_none_or(|shown| shown.header != answer.header)))
    }

    /// The answer to `challenge`, other than `refused`.
    async fn answer(
        &self,
        transport: &Transport,
        target: &Target,
        scopes: &Scopes,
        challenge: &Challenge,
        refused: Option<&Authorization>,
    ) -> Result<Option<Authorization>, Failure> {
        let credentials = self.credentials(target).await?;
        let bearer = match (challenge, &credentials.secret) {
            (_, Secret::Bearer(token)) => return Authorization::bearer(token).map(Some),
            (Challenge::Basic, Secret::Password { user, password }) => {
                return Authorization::basic(user, password).map(Some);
            }
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer(bearer), _) => bearer,
        };
        let slot = {
            let mut tokens = lock(&self.tokens);
            Arc::clone(tokens.entry((target.address(), scopes.clone())).or_default())
        };
        // Held while the token is fetched: who needs the same one waits for it instead of fetching another.
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref().filter(|token| token.is_fresh()) {
            let known = Authorization::bearer(token.text())?;
            if refused.is_none_or(|refused| refused.header != known.header) {
                return Ok(Some(known));
            }
        }
        let scopes = scopes.clone().and(bearer);
        let token = bearer_token::fetch(transport, target, bearer, &scopes, &credentials.secret).await?;
        let authorization = Authorization::bearer(token.text())?;
        *slot = Some(token);
        Ok(Some(authorization))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics between a lock and its release, and each change is one insertion or removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_asked_for_once() {
        let ours = || Scopes(vec!["repository:a/b:pull,push".to_owned()]);
        for (needed, asked) in [
            ("", vec!["repository:a/b:pull,push"]),
            ("repository:a/b:pull", vec!["repository:a/b:pull,push"]),
            ("repository:a/b:push,pull", vec!["repository:a/b:pull,push"]),
            ("repository:a/b:delete", vec!["repository:a/b:pull,push", "repository:a/b:delete"]),
            ("repository:c:pull repository:a/b:pull", vec!["repository:a/b:pull,push", "repository:c:pull"]),
        ] {
            let realm = "https://auth.example".parse().unwrap();
            let bearer = Bearer { realm, service: None, scope: Some(needed.to_owned()) };
            assert_eq!(ours().and(&bearer).as_slice(), asked, "{needed}");
        }
    }
}
