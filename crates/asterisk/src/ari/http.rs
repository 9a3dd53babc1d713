//! Requests over HTTP, from a pool of kept connections. It owns the judgement of what a failed exchange means;
//! it must not retry anything, for whether a request may be repeated is not known here.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::error::AriError;
use super::request::{Answer, Request};
use super::target::{AriTarget, TargetError};

/// The lists of a busy Asterisk's channels are some megabytes; more than this is no answer.
const MAX_LARGE_ANSWER: usize = 16 << 20;

/// So many of them may be on their way at once: each call that is in doubt asks for the list.
const LARGE_AT_ONCE: usize = 4;

/// Any other answer is a channel or a refusal, some kilobytes; many may be on their way at once.
const MAX_ANSWER: usize = 128 << 10;

/// Asterisk closes an idle connection after 15 s (`session_keep_alive`). Letting go of it earlier avoids writing
/// a request into a connection that is just being closed, which would leave its fate unknown.
const POOL_IDLE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
    large: Semaphore,
    patience: Duration,
}

impl Http {
    pub(super) fn new(target: &AriTarget) -> Result<Self, TargetError> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, target.authorization()?)]);
        let client = reqwest::Client::builder()
            .default_headers(headers)
            // A proxy from the environment or a redirect would carry the credentials elsewhere.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(target.connect_timeout)
            .timeout(target.request_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .build()
            .map_err(|error| TargetError::Client(chain(&error)))?;
        let large = Semaphore::new(LARGE_AT_ONCE);
        Ok(Self { client, base: target.base()?, large, patience: target.request_timeout })
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Answer, AriError> {
        request.check()?;
        let _turn = match request.large_answer {
            false => None,
            true => match timeout(self.patience, self.large.acquire()).await {
                Ok(turn) => Some(turn.expect("it is never closed")),
                Err(_) => return Err(request.not_sent("other long lists are still on their way")),
            },
        };
        let url = format!("{}{}", self.base, request.uri);
        let mut builder = self.client.request(request.method.clone(), url);
        if let Some(json) = &request.json {
            builder = builder.header(CONTENT_TYPE, "application/json").body(json.clone());
        }
        let mut response = builder.send().await.map_err(|error| failed(request, error))?;
        let status = response.status().as_u16();
        let most = if request.large_answer { MAX_LARGE_ANSWER } else { MAX_ANSWER };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(request, error))? {
            if body.len() + chunk.len() > most {
                return Err(request.uncertain(format!("its answer is over {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

fn failed(request: &Request, error: reqwest::Error) -> AriError {
    // The address is named by the request already, and may be long.
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        return request.not_sent(chain(&error));
    }
    request.uncertain(chain(&error))
}

/// An error with its causes: reqwest's own text alone says nothing.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}
