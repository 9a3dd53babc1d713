//! Who asks: the API key, and how often it may ask.
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

use super::{AppState, error::ApiError, loopback};

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The name of the API key; `None` when there are no keys.
    pub name: Option<String>,
}

impl Client {
    /// What keeps one client's words apart from another's.
    pub fn scope(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// Lets a request pass that has a key and has not used up its rate.
pub async fn guard(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let client = {
        let config = state.config();
        let (client, rate) = if config.http.api_keys.is_empty() {
            loopback::check(&request).inspect_err(|error| state.refusals.tell(error))?;
            (Client { name: None }, NonZeroU32::new(config.http.rate_limit))
        } else {
            let mut presented = presented(request.headers()).peekable();
            let any = presented.peek().is_some();
            let key = presented
                .find_map(|key| config.http.api_keys.identify(key))
                .ok_or(ApiError::Unauthorized { presented: any })?;
            (Client { name: Some(key.name.clone()) }, key.rate_limit)
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
