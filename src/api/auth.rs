//! Who asks: the API key, and how often it may ask. What it may do is the matter of `client`.
//!
//! Which keys there are is the configuration's matter; without any, every program of this machine is
//! let in, because the bot then listens on loopback alone. A browser on this machine is no such
//! program: what it asks may be the wish of any page it shows, see [`loopback`].

use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{AppState, client::Client, error::ApiError, loopback};
use asterisk::secret::Secret;

/// Lets a request pass that has a key and has not used up its rate.
pub async fn guard(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let client = {
        let config = state.config();
        let token = state.token.as_deref();
        let (client, rate) =
            if token.is_some_and(|token| presented(request.headers()).any(|key| token.is(key))) {
                (Client::Local, None)
            } else if config.http.api_keys.is_empty() {
                loopback::check(&request).inspect_err(|error| state.refusals.tell(error))?;
                (Client::Anybody, NonZeroU32::new(config.http.rate_limit))
            } else {
                let mut presented = presented(request.headers()).peekable();
                let any = presented.peek().is_some();
                let key = presented
                    .find_map(|key| config.http.api_keys.identify(key))
                    .ok_or(ApiError::Unauthorized { presented: any })?;
                (Client::Key(key.clone()), key.rate_limit)
            };
        if let Some(rate) = rate {
            state.limiters.check(client.scope(), rate)?;
        }
        client
    };
    request.extensions_mut().insert(client);
    Ok(next.run(request).await)
}

/// The keys that the headers carry; a proxy may use `Authorization` for its own.
fn presented(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.chain(headers.get_all("x-api-key").iter().filter_map(|value| value.to_str().ok().map(str::trim)))
}

/// The token of this machine's own command line, as its digest; it is made anew at each start.
pub struct LocalToken([u8; 32]);

impl LocalToken {
    pub fn of(token: &Secret) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }

    /// In constant time.
    fn is(&self, presented: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        bool::from(self.0.ct_eq(&digest))
    }
}

/// One limiter a key.
#[derive(Default)]
pub struct Limiters(Mutex<HashMap<String, (NonZeroU32, Arc<DefaultDirectRateLimiter>)>>);

impl Limiters {
    /// Counts a request; `rate` is requests per minute, all of which may come at once.
    fn check(&self, name: &str, rate: NonZeroU32) -> Result<(), ApiError> {
        let limiter = {
            let mut limiters = self.0.lock();
            match limiters.get(name) {
                Some((known, limiter)) if *known == rate => limiter.clone(),
                _ => {
                    let limiter = Arc::new(RateLimiter::direct(Quota::per_minute(rate)));
                    limiters.insert(name.to_owned(), (rate, limiter.clone()));
                    limiter
                }
            }
        };
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            ApiError::RateLimited { retry_after: wait.as_secs_f64().ceil().max(1.0) as u64 }
        })
    }
}
