//! Reads bodies, queries and paths so that what is wrong is named: the field, its place, what was
//! expected. Knows no resource.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr};

use axum::{
    extract::{FromRef, FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use futures_util::StreamExt;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Visitor},
};

use super::{AppState, error::ApiError, json};
use call::CallId;
use lang::{Lang, say};

/// A JSON object as the body.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T>
where
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        if is_encoded(request.headers()) {
            return Err(ApiError::UnsupportedEncoding);
        }
        let (limit, time) = {
            let config = AppState::from_ref(state).config();
            (config.http.body_limit, config.http.request_timeout)
        };
        let bytes =
            tokio::time::timeout(time, read(request, limit)).await.map_err(|_| ApiError::BodyTimeout)??;
        json::read(&bytes).map(JsonBody)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

async fn read(request: Request, limit: usize) -> Result<Vec<u8>, ApiError> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|text| text.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
        return Err(ApiError::BodyTooLarge(limit));
    }
    let mut chunks = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyBroken)?;
        if bytes.len() + chunk.len() > limit {
            return Err(ApiError::BodyTooLarge(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Echoes no more of a client's text than helps to find it.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The query's parameters: each known, each once.
pub struct Params(BTreeMap<String, String>);

impl Params {
    pub fn of(query: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let mut params = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let hint = say!("The parameters are {}.", "Есть параметры {}.", known.join(", "));
                return Err(ApiError::UnknownParameter { name: short(&name), hint });
            }
            if params.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(ApiError::parameter(name, say!("given twice", "задан дважды")));
            }
        }
        Ok(Params(params))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, ApiError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        // What `parse` takes besides digits, a sign, is of no use here.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text);
        match digits.and_then(|digits| digits.parse().ok()).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (least, most) = (range.start(), range.end());
                let detail = say!(
                    "expected a whole number from {least} to {most}",
                    "нужно целое число от {least} до {most}"
                );
                Err(ApiError::parameter(name, detail))
            }
        }
    }
}

/// The `{id}` of a path.
pub struct CallPath(pub CallId);

impl<S: Send + Sync> FromRequestParts<S> for CallPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let bad = || {
            ApiError::parameter(
                "id",
                say!("expected a UUID, as in the `id` of a call", "нужен UUID, как в поле `id` звонка"),
            )
        };
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| bad())?;
        // Only the form that the API itself writes.
        if text.len() != 36 {
            return Err(bad());
        }
        text.parse().map(CallPath).map_err(|_| bad())
    }
}

/// The language for hints: the client's, else the configured one.
pub struct Language(pub Lang);

impl<S: Send + Sync> FromRequestParts<S> for Language
where
    AppState: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Ok(Language(language_of(&parts.headers, &AppState::from_ref(state))))
    }
}

pub fn language_of(headers: &HeaderMap, state: &AppState) -> Lang {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wanted.and_then(Lang::of_accept_language).unwrap_or_else(|| state.config().http.language)
}

/// Whole seconds in a body; JSON does not tell `30.0` from `30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecondsVisitor;

        impl Visitor<'_> for SecondsVisitor {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole seconds")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Seconds, E> {
                Ok(Seconds(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Seconds, E> {
                let is_whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
                is_whole
                    .then_some(Seconds(value as u64))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Float(value), &self))
            }
        }

        deserializer.deserialize_any(SecondsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_given_once() {
        let code = |query| Params::of(Some(query), &["limit"]).map(|_| ()).map_err(|e| e.problem().code);
        assert_eq!(code("limit=1"), Ok(()));
        assert_eq!(code(""), Ok(()));
        assert_eq!(code("limti=1"), Err("unknown_parameter".to_owned()));
        assert_eq!(code("limit=1&limit=2"), Err("invalid_parameter".to_owned()));
        let limit = |text: &str| {
            let params = Params::of(Some(&format!("limit={text}")), &["limit"]).expect("known");
            params.number("limit", 1..=1000u32).ok().flatten()
        };
        assert_eq!(limit("1000"), Some(1000));
        for text in ["0", "1001", "", "%2B5", "-1", "1.0", "x", "99999999999999999999"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }
}
