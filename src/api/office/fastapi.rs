//! Errors in the shape that the clients know: `{"detail": ...}`, and for parameters the list that FastAPI (with
//! pydantic 2) answers with 422.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{ApiError, error::Cause};
use asterisk::secret::Secret;
use call::{CallId, DialString, Extension};

/// Where the parameters stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Query,
    Body,
    Path,
}

impl Location {
    fn word(self) -> &'static str {
        match self {
            Location::Query => "query",
            Location::Body => "body",
            Location::Path => "path",
        }
    }
}

/// Everything that is wrong with the parameters, in their order.
#[derive(Debug)]
pub struct Faults {
    location: Location,
    list: Vec<Fault>,
}

/// The members in FastAPI's order.
#[derive(Debug, Serialize)]
struct Fault {
    #[serde(rename = "type")]
    kind: &'static str,
    loc: Vec<String>,
    msg: String,
    input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

impl Faults {
    pub fn of(location: Location) -> Self {
        Faults { location, list: Vec::new() }
    }

    fn add(&mut self, name: &str, kind: &'static str, msg: String, input: Value, ctx: Option<Value>) {
        let loc = vec![self.location.word().to_owned(), name.to_owned()];
        self.list.push(Fault { kind, loc, msg, input, ctx });
    }

    /// A body that is JSON, and no object.
    pub fn no_object() -> Self {
        let fault = Fault {
            kind: "model_attributes_type",
            loc: vec![Location::Body.word().to_owned()],
            msg: "Input should be a valid dictionary or object to extract fields from".to_owned(),
            input: Value::Null,
            ctx: None,
        };
        Faults { location: Location::Body, list: vec![fault] }
    }

    /// A path's id that is none.
    pub fn no_uuid(name: &str, text: &str) -> Self {
        let mut faults = Faults::of(Location::Path);
        let msg = "Input should be a valid UUID, as in the `call_id` of an answer".to_owned();
        faults.add(name, "uuid_parsing", msg, shown(text), None);
        faults
    }

    /// A text that must be there.
    pub fn text(&mut self, name: &str, value: Option<&Value>) -> Option<String> {
        match value {
            None => self.add(name, "missing", "Field required".to_owned(), Value::Null, None),
            Some(Value::String(text)) => return Some(text.clone()),
            Some(other) => {
                let msg = "Input should be a valid string".to_owned();
                self.add(name, "string_type", msg, other.clone(), None);
            }
        }
        None
    }

    fn matching<T>(
        &mut self,
        name: &str,
        value: Option<&Value>,
        pattern: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name, value)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            let msg = format!("String should match pattern '{pattern}'");
            let ctx = Some(json!({"pattern": pattern}));
            self.add(name, "string_pattern_mismatch", msg, shown(&text), ctx);
        }
        parsed
    }

    pub fn extension(&mut self, name: &str, value: Option<&Value>) -> Option<Extension> {
        self.matching(name, value, Extension::PATTERN, |text| text.parse().ok())
    }

    /// A number; a `+` that was not escaped in a query arrives as a space.
    pub fn number(&mut self, name: &str, value: Option<&Value>) -> Option<DialString> {
        let is_query = self.location == Location::Query;
        self.matching(name, value, DialString::PATTERN, |text| match text.strip_prefix(' ') {
            Some(rest) if is_query => format!("+{rest}").parse().ok(),
            _ => text.parse().ok(),
        })
    }

    /// One of a few words.
    pub fn word<T>(
        &mut self,
        name: &str,
        value: Option<&Value>,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name, value)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            let expected = match quoted.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => quoted.join(", "),
            };
            let msg = format!("Input should be {expected}");
            self.add(name, "literal_error", msg, shown(&text), Some(json!({"expected": expected})));
        }
        parsed
    }

    /// Whole seconds that need not be there.
    pub fn seconds(&mut self, name: &str, value: Option<&Value>, most: u64) -> Option<u64> {
        let value = value?;
        let number = match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        match number {
            Some(number) if (1..=most).contains(&number) => return Some(number),
            Some(number) if number > most => {
                let msg = format!("Input should be less than or equal to {most}");
                self.add(name, "less_than_equal", msg, value.clone(), Some(json!({"le": most})));
            }
            Some(_) => {
                let msg = "Input should be greater than or equal to 1".to_owned();
                self.add(name, "greater_than_equal", msg, value.clone(), Some(json!({"ge": 1})));
            }
            None => {
                let msg = "Input should be a valid integer, unable to parse string as an integer".to_owned();
                self.add(name, "int_parsing", msg, shown_value(value), None);
            }
        }
        None
    }

    /// The secret: its text is in no answer.
    pub fn secret(&mut self, name: &str, value: Option<&Value>) -> Option<Secret> {
        match value {
            Some(Value::String(text)) => return Some(Secret::new(text.clone())),
            None => self.add(name, "missing", "Field required".to_owned(), Value::Null, None),
            Some(_) => {
                let msg = "Input should be a valid string".to_owned();
                self.add(name, "string_type", msg, Value::Null, None);
            }
        }
        None
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// The members keep their order, which those of a JSON value would not.
#[derive(Serialize)]
struct Detail<'a> {
    detail: &'a [Fault],
}

/// Echoes no more of a client's text than helps to find it.
fn shown(text: &str) -> Value {
    Value::String(text.chars().take(200).collect())
}

fn shown_value(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), shown)
}

/// An answer that is no success.
#[derive(Debug)]
pub enum OfficeError {
    /// 422.
    Faults(Faults),
    /// 401.
    InvalidClient,
    /// The database is away, and this secret is not known.
    DatabaseAway,
    /// 429, with the seconds to wait.
    TooMany {
        detail: String,
        retry_after: u64,
    },
    /// 403.
    Forbidden(String),
    NotFound(String),
    Conflict(String),
    /// What only a WebSocket can do was asked for otherwise.
    Upgrade,
    /// 500: `Call initiation failed: ...`
    Failed {
        detail: String,
        cause: String,
        call: Option<CallId>,
    },
    /// Another of the API's errors, whose `detail` is told.
    Other(ApiError),
}

impl From<ApiError> for OfficeError {
    fn from(error: ApiError) -> Self {
        let mut faults = Faults::of(Location::Query);
        match error {
            ApiError::InvalidParameter { name, detail } => {
                faults.add(&name, "value_error", format!("Value error, {detail}"), Value::Null, None);
            }
            ApiError::UnknownParameter { name, hint } => {
                let msg = format!("Extra inputs are not permitted. {hint}");
                faults.add(&name, "extra_forbidden", msg, Value::Null, None);
            }
            other => return OfficeError::Other(other),
        }
        OfficeError::Faults(faults)
    }
}

impl From<ledger::StoreError> for OfficeError {
    fn from(error: ledger::StoreError) -> Self {
        OfficeError::Other(error.into())
    }
}

impl IntoResponse for OfficeError {
    fn into_response(self) -> Response {
        let text = |status, detail: &str| (status, Json(json!({"detail": detail}))).into_response();
        match self {
            OfficeError::Faults(faults) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(Detail { detail: &faults.list })).into_response()
            }
            OfficeError::InvalidClient => text(StatusCode::UNAUTHORIZED, "Invalid clientId"),
            OfficeError::DatabaseAway => {
                let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "Database connection error");
                response.headers_mut().insert(header::RETRY_AFTER, 1.into());
                response.extensions_mut().insert(Cause("the enterprises' database is away".to_owned()));
                response
            }
            OfficeError::TooMany { detail, retry_after } => {
                let mut response = text(StatusCode::TOO_MANY_REQUESTS, &detail);
                response.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
                response
            }
            OfficeError::Forbidden(detail) => text(StatusCode::FORBIDDEN, &detail),
            OfficeError::NotFound(detail) => text(StatusCode::NOT_FOUND, &detail),
            OfficeError::Conflict(detail) => text(StatusCode::CONFLICT, &detail),
            OfficeError::Upgrade => {
                text(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket: connect to it as such")
            }
            OfficeError::Failed { detail, cause, call } => {
                let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, &detail);
                if let Some(call) = call.and_then(|call| call.to_string().parse().ok()) {
                    response.headers_mut().insert("x-call-id", call);
                }
                response.extensions_mut().insert(Cause(cause));
                response
            }
            OfficeError::Other(error) => {
                let problem = error.into_response();
                let (mut parts, body) = problem.into_parts();
                // The same members; the clients know JSON without a name for its kind.
                parts
                    .headers
                    .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
                Response::from_parts(parts, body)
            }
        }
    }
}

pub async fn not_found() -> OfficeError {
    OfficeError::NotFound("Not Found".to_owned())
}

pub async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({"detail": "Method Not Allowed"}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(faults: Faults) -> String {
        serde_json::to_string(&faults.list).expect("JSON")
    }

    #[test]
    fn faults_are_those_of_fastapi() {
        let mut faults = Faults::of(Location::Query);
        assert_eq!(faults.extension("code", None), None);
        assert_eq!(faults.number("phone", Some(&json!("+375x"))), None);
        faults.word("action", Some(&json!("9")), &["09", "01", "02"], |_| None::<()>);
        let expected = concat!(
            r#"[{"type":"missing","loc":["query","code"],"msg":"Field required","input":null},"#,
            r#"{"type":"string_pattern_mismatch","loc":["query","phone"],"#,
            r#""msg":"String should match pattern '^\\+?[0-9]{1,20}$'","input":"+375x","#,
            r#""ctx":{"pattern":"^\\+?[0-9]{1,20}$"}},"#,
            r#"{"type":"literal_error","loc":["query","action"],"msg":"Input should be '09', '01' or '02'","#,
            r#""input":"9","ctx":{"expected":"'09', '01' or '02'"}}]"#
        );
        assert_eq!(told(faults), expected);
    }

    #[test]
    fn a_secret_is_never_echoed() {
        let mut faults = Faults::of(Location::Body);
        assert_eq!(faults.secret("clientId", Some(&json!(["d68409d6"]))), None);
        assert!(!told(faults).contains("d68409d6"));
    }

    #[test]
    fn a_plus_that_was_not_escaped_is_one_in_a_query_only() {
        let read =
            |location, text| Faults::of(location).number("phone", Some(&json!(text))).map(String::from);
        assert_eq!(read(Location::Query, " 375296254070").as_deref(), Some("+375296254070"));
        assert_eq!(read(Location::Body, " 375296254070"), None);
        assert_eq!(read(Location::Query, "  375296254070"), None);
    }
}
