//! `GET /api/calls`: the list, filtered, page by page. By cursor it is stable while new calls come;
//! offset and total are the original bot's.

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    routing,
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ArrayBuilder, ObjectBuilder, Schema, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState,
    client::Client,
    error::{ApiError, Problem},
    extract::{Language, Params},
    view::CallView,
};
use crate::config::Right;
use call::{DialString, EndedBy, PhoneNumber, Status};
use lang::{Lang, say};
use ledger::{Cursor, Filter, Page};

/// One page of calls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallList {
    /// How many calls the filter lets through, on all pages.
    #[schema(minimum = 0)]
    pub total: i64,
    pub calls: Vec<CallView>,
    /// For `cursor`, to get the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

const LIMIT: u32 = 100;
const HIGHEST_LIMIT: u32 = 1000;
const HIGHEST_OFFSET: u32 = i32::MAX as u32;

/// The original bot's words that are not ours.
const OLD_WORDS: [&str; 4] = ["pending", "in_progress", "user_hangup", "bot_hangup"];

pub fn routes() -> OpenApiRouter<AppState> {
    // The original's path had the slash.
    OpenApiRouter::new().routes(routes!(list)).route("/api/calls/", routing::get(list))
}

/// Calls, newest first
///
/// Those that the key placed; with the right `read-all` everybody's.
#[utoipa::path(
    get, path = "/api/calls", operation_id = "list_calls", tag = "calls",
    params(
        ("status" = inline(Option<StatusWords>), Query, style = Form, explode = false,
            description = "One or more statuses, with commas. The original's words are taken too: `pending` (queued, dialing), \
                `in_progress` (answered), `user_hangup` and `bot_hangup` (completed, by who ended it; alone or together)"),
        ("phone" = Option<String>, Query, description = "In any form that is accepted for a call", example = "+79522675444"),
        ("from" = Option<String>, Query, description = "Created then or later: RFC 3339, or a date in UTC", example = "2026-11-21T09:00:00Z"),
        ("to" = Option<String>, Query, description = "Created before then: RFC 3339; or until the end of a date in UTC", example = "2026-11-21"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Calls on a page at most, 100 by default. There are fewer before the last page when their `custom_metadata` come to 4 MiB"),
        ("offset" = Option<u32>, Query, minimum = 0, maximum = 2147483647, description = "Calls to skip"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("Accept-Language" = Option<String>, Header, nullable = false, description = "Language of the hints: ru or en", example = "ru"),
    ),
    responses(
        (status = 200, description = "One page", body = CallList),
        (status = 422, description = "`invalid_parameter`, `unknown_parameter`, `invalid_phone`", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Language(lang): Language,
    RawQuery(query): RawQuery,
) -> Result<Json<CallList>, ApiError> {
    client.need(Right::Read)?;
    let params =
        Params::of(query.as_deref(), &["status", "phone", "from", "to", "limit", "offset", "cursor"])?;
    let region = &state.config().dial.default_region;
    let (filter, wanted) = self::query(&params)?;
    let phone = params.text("phone").map(|text| phone(text, region)).transpose()?;
    let filter = Filter { phone, client: client.sees_only().map(str::to_owned), ..filter };
    Ok(Json(page(&state, &filter, &wanted, lang).await?))
}

/// What the parameters ask for, but for the phone, which not every list reads alike.
pub(super) fn query(params: &Params) -> Result<(Filter, Page), ApiError> {
    let StatusWords { statuses, ended_by } =
        params.text("status").map(StatusWords::parse).transpose()?.unwrap_or_default();
    let filter = Filter {
        statuses,
        ended_by,
        from: params.text("from").map(|text| moment("from", text, false)).transpose()?,
        to: params.text("to").map(|text| moment("to", text, true)).transpose()?,
        ..Filter::default()
    };
    let cursor: Option<Cursor> = params
        .text("cursor")
        .map(|text| {
            text.parse().map_err(|e: ledger::BadCursor| {
                ApiError::parameter("cursor", say!("{e}", "это не то, что было в `next_cursor`"))
            })
        })
        .transpose()?;
    let page = Page {
        limit: params.number("limit", 1..=HIGHEST_LIMIT)?.unwrap_or(LIMIT),
        offset: params.number("offset", 0..=HIGHEST_OFFSET)?.unwrap_or(0),
        cursor,
    };
    Ok((filter, page))
}

pub(super) async fn page(
    state: &AppState,
    filter: &Filter,
    page: &Page,
    lang: Lang,
) -> Result<CallList, ApiError> {
    let listing = state.store.list(filter, page).await?;
    Ok(CallList {
        total: listing.total,
        calls: listing.calls.iter().map(|call| CallView::new(call, lang)).collect(),
        next_cursor: listing.next.map(|cursor| cursor.to_string()),
    })
}

/// A comma list of statuses in our words and the original's.
#[derive(Debug, Default, PartialEq, Eq)]
struct StatusWords {
    statuses: Vec<Status>,
    /// Who must have ended the call, when the original's words say so.
    ended_by: Option<Vec<EndedBy>>,
}

impl StatusWords {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let mut statuses = Vec::new();
        let mut ended_by = Vec::new();
        // A form's empty field is no filter; a list with a hole in it is a mistake of whoever built it,
        // and leaving the filter out for it would show (or export) all calls instead of some.
        let words = text.split(',').map(str::trim);
        for word in words.filter(|_| !text.trim().is_empty()) {
            match word {
                "pending" => statuses.extend([Status::Queued, Status::Dialing]),
                "in_progress" => statuses.push(Status::Answered),
                "user_hangup" => ended_by.extend([EndedBy::Callee, EndedBy::Carrier]),
                "bot_hangup" => ended_by.extend([EndedBy::Bot, EndedBy::Api, EndedBy::Limit]),
                word => statuses.push(word.parse().map_err(|_| unknown_status(word))?),
            }
        }
        // All completed calls include those that one side ended.
        if ended_by.is_empty() || (!statuses.is_empty() && statuses.iter().all(|s| *s == Status::Completed)) {
            return Ok(StatusWords { statuses, ended_by: None });
        }
        if !statuses.is_empty() {
            let detail = say!(
                "`user_hangup` and `bot_hangup` can't be mixed with other statuses; ask twice",
                "`user_hangup` и `bot_hangup` с другими состояниями не смешать; спросите дважды"
            );
            return Err(ApiError::parameter("status", detail));
        }
        Ok(StatusWords { statuses: vec![Status::Completed], ended_by: Some(ended_by) })
    }

    fn known() -> impl Iterator<Item = &'static str> {
        Status::ALL.into_iter().map(Status::as_str).chain(OLD_WORDS)
    }
}

impl PartialSchema for StatusWords {
    fn schema() -> RefOr<Schema> {
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::known()));
        ArrayBuilder::new().items(word).into()
    }
}

impl ToSchema for StatusWords {}

fn unknown_status(word: &str) -> ApiError {
    let known: Vec<&str> = StatusWords::known().collect();
    let word: String = word.chars().take(40).collect();
    let known = known.join(", ");
    let detail = match word.is_empty() {
        true => say!("an empty word is no status; there are {known}", "состояние не названо; есть {known}"),
        false => say!("`{word}` is no status; there are {known}", "состояния `{word}` нет; есть {known}"),
    };
    ApiError::parameter("status", detail)
}

fn phone(text: &str, region: &str) -> Result<DialString, ApiError> {
    // A `+` that was not escaped arrives as a space.
    let text = text.strip_prefix(' ').map_or(text.to_owned(), |rest| format!("+{}", rest.trim_start()));
    PhoneNumber::parse(&text, region)
        .map(DialString::from)
        .map_err(|source| ApiError::InvalidPhone { field: "phone", source })
}

/// A time, or a date in UTC: its first moment, or the first after it.
fn moment(name: &str, text: &str, end_of_day: bool) -> Result<DateTime<Utc>, ApiError> {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        && text.len() == 10
    {
        let date = if end_of_day { date.checked_add_days(Days::new(1)) } else { Some(date) };
        return date.map(|date| date.and_time(NaiveTime::MIN).and_utc()).ok_or_else(|| {
            ApiError::parameter(name, say!("the date is out of range", "такой даты быть не может"))
        });
    }
    let read = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    // The `+` of an offset that was not escaped arrives as a space.
    let unescaped = || text.rsplit_once(' ').map(|(time, offset)| format!("{time}+{offset}"));
    read(text).ok().or_else(|| unescaped().and_then(|text| read(&text).ok())).ok_or_else(|| {
        ApiError::parameter(
            name,
            say!(
                "expected a time as 2026-11-21T09:00:00Z or a date as 2026-11-21",
                "нужно время вида 2026-11-21T09:00:00Z или дата вида 2026-11-21"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_words() {
        let ok = |text| {
            let words = StatusWords::parse(text).expect(text);
            (words.statuses, words.ended_by)
        };
        assert_eq!(ok(""), (vec![], None));
        assert_eq!(ok("busy, no_answer"), (vec![Status::Busy, Status::NoAnswer], None));
        assert_eq!(ok("pending"), (vec![Status::Queued, Status::Dialing], None));
        assert_eq!(ok("in_progress,ringing"), (vec![Status::Answered, Status::Ringing], None));
        let callee = vec![EndedBy::Callee, EndedBy::Carrier];
        assert_eq!(ok("user_hangup"), (vec![Status::Completed], Some(callee)));
        assert_eq!(ok("user_hangup,bot_hangup").1.map(|by| by.len()), Some(5));
        assert_eq!(ok("completed,bot_hangup"), (vec![Status::Completed], None));
        assert_eq!(ok(" "), (vec![], None));
        for bad in ["up", "busy,user_hangup", "BUSY", ",", ",,,,", "busy,"] {
            assert!(StatusWords::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_and_dates() {
        let at = |text, end| moment("from", text, end).map(|at| at.to_rfc3339()).ok();
        assert_eq!(at("2026-11-21", false).as_deref(), Some("2026-11-21T00:00:00+00:00"));
        assert_eq!(at("2026-11-21", true).as_deref(), Some("2026-11-22T00:00:00+00:00"));
        for text in ["2026-11-21T12:00:00+03:00", "2026-11-21T12:00:00 03:00", "2026-11-21T09:00:00.000Z"] {
            assert_eq!(at(text, false).as_deref(), Some("2026-11-21T09:00:00+00:00"), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "2026-11-21T25:00:00Z", "+262142-12-31"] {
            assert_eq!(at(text, true), None, "{text}");
        }
    }

    #[test]
    fn a_plus_that_was_not_escaped() {
        assert_eq!(phone(" 375296254070", "RU").map(String::from).ok().as_deref(), Some("+375296254070"));
        assert_eq!(phone("89522675444", "RU").map(String::from).ok().as_deref(), Some("+79522675444"));
    }
}
