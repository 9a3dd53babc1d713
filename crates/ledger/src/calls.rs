//! The table of calls: one row a call, a column a value. What was asked for and when is written
//! once; what became of the call is overwritten by each newer record.

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{BadValue, Filter, Store, StoreError, counts, json_column, micros, moment, word};
use call::{Attempt, CallId, CallRecord, CallRequest, DialString, Metadata, OfficeCall, Reason, Status};

/// What a deletion came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    Yes,
    NotFound,
    /// A call that has not ended is not deleted.
    NotEnded,
}

pub(super) const COLUMNS: &str = "id, phone, caller_id, scenario, ring_timeout, max_duration, \
    custom_metadata, requested_by, created_at, status, reached, reason, ended_by, sip_code, sip_text, \
    q850_cause, dialed_at, ringing_at, answered_at, ended_at, ring_seconds, talk_seconds, scenario_result, scenario_steps, \
    sip_call_id, trunk_channel, hangup_by, hangup_reason, office, \
    attempt, earlier_attempts";

impl Store {
    pub async fn call(&self, id: CallId) -> Result<Option<CallRecord>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query.push(COLUMNS).push(" FROM calls WHERE id = ").push_bind(id.0);
        let row = query.build().fetch_optional(&self.inner.readers).await;
        row.and_then(|row| row.as_ref().map(record_of).transpose()).map_err(StoreError::read("a call"))
    }

    /// All calls that have not ended, in the order of creation.
    pub async fn open_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        all_open(&self.inner.readers).await
    }

    /// The numbers dialed since then, each with its last time.
    pub async fn recent_numbers(
        &self,
        since: DateTime<Utc>,
    ) -> Result<Vec<(DialString, DateTime<Utc>)>, StoreError> {
        let rows: Result<Vec<(String, i64)>, _> = sqlx::query_as(
            "SELECT phone, max(dialed_at) FROM calls \
                 WHERE dialed_at >= ? AND enterprise IS NULL GROUP BY phone",
        )
        .bind(micros(since))
        .fetch_all(&self.inner.readers)
        .await;
        rows.and_then(|rows| {
            rows.into_iter().map(|(phone, at)| Ok((number(phone)?, moment(at, "dialed_at")?))).collect()
        })
        .map_err(StoreError::read("the numbers dialed lately"))
    }
}

pub(super) async fn all_open(readers: &SqlitePool) -> Result<Vec<CallRecord>, StoreError> {
    let mut db = readers.acquire().await.map_err(StoreError::read("the open calls"))?;
    open_calls(&mut db).await.map_err(StoreError::read("the open calls"))
}

async fn open_calls(db: &mut SqliteConnection) -> Result<Vec<CallRecord>, sqlx::Error> {
    let open = Status::ALL.into_iter().filter(|status| !status.is_terminal()).collect();
    let kinds = counts::existing(db, &Filter { statuses: open, ..Filter::default() }).await?;
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(COLUMNS).push(" FROM calls WHERE ");
    counts::push_kinds(&mut query, "kind", &kinds);
    query.push(" ORDER BY created_at, id");
    query.build().fetch_all(db).await?.iter().map(record_of).collect()
}

/// Inserts the records, or overwrites what became of calls that are there. One record a call.
pub(super) fn push_upsert(query: &mut QueryBuilder<Sqlite>, records: &[&CallRecord]) {
    query.push(
        "INSERT INTO calls (id, phone, caller_id, scenario, ring_timeout, max_duration, custom_metadata, \
         requested_by, created_at, status, reached, reason, ended_by, sip_code, sip_text, q850_cause, \
         dialed_at, ringing_at, answered_at, ended_at, ring_seconds, talk_seconds, scenario_result, scenario_steps, \
         sip_call_id, trunk_channel, hangup_by, hangup_reason, enterprise, office, attempt, earlier_attempts, kind) ",
    );
    query.push_values(records, |mut row, call| {
        let request = &call.request;
        row.push_bind(call.id.0)
            .push_bind(request.phone.as_str())
            .push_bind(request.caller_id.as_deref())
            .push_bind(&*request.scenario)
            .push_bind(request.ring_timeout)
            .push_bind(request.max_duration)
            .push_bind(request.custom_metadata.as_ref().map(Metadata::as_str))
            .push_bind(request.requested_by.as_deref())
            .push_bind(micros(call.created_at))
            .push_bind(call.status.as_str())
            .push_bind(call.reached.as_str())
            .push_bind(call.reason.map(call::Reason::as_str))
            .push_bind(call.ended_by.map(call::EndedBy::as_str))
            .push_bind(call.sip_code)
            .push_bind(call.sip_text.as_deref())
            .push_bind(call.q850_cause)
            .push_bind(call.dialed_at.map(micros))
            .push_bind(call.ringing_at.map(micros))
            .push_bind(call.answered_at.map(micros))
            .push_bind(call.ended_at.map(micros))
            .push_bind(call.ring_seconds)
            .push_bind(call.talk_seconds)
            .push_bind(call.scenario_result.as_deref())
            .push_bind(call.scenario_steps)
            .push_bind(call.sip_call_id.as_deref())
            .push_bind(call.trunk_channel.as_deref())
            .push_bind(call.hangup_by.map(call::EndedBy::as_str))
            .push_bind(call.hangup_reason.map(call::Reason::as_str))
            .push_bind(call.office.as_ref().map(|office| office.enterprise.as_str()))
            .push_bind(
                call.office
                    .as_ref()
                    .map(|office| serde_json::to_string(office).expect("an office's call has plain fields")),
            )
            .push_bind(call.attempt)
            .push_bind(
                (!call.earlier.is_empty())
                    .then(|| serde_json::to_string(&call.earlier).expect("an attempt has plain fields")),
            )
            .push_bind(counts::kind_of(call));
    });
    query.push(
        " ON CONFLICT (id) DO UPDATE SET caller_id = excluded.caller_id, status = excluded.status, reached = excluded.reached, \
         reason = excluded.reason, ended_by = excluded.ended_by, sip_code = excluded.sip_code, \
         sip_text = excluded.sip_text, q850_cause = excluded.q850_cause, dialed_at = excluded.dialed_at, \
         ringing_at = excluded.ringing_at, answered_at = excluded.answered_at, ended_at = excluded.ended_at, \
         ring_seconds = excluded.ring_seconds, talk_seconds = excluded.talk_seconds, \
         scenario_result = excluded.scenario_result, \
         scenario_steps = excluded.scenario_steps, sip_call_id = excluded.sip_call_id, \
         trunk_channel = excluded.trunk_channel, hangup_by = excluded.hangup_by, \
         hangup_reason = excluded.hangup_reason, office = excluded.office, attempt = excluded.attempt, \
         earlier_attempts = excluded.earlier_attempts, kind = excluded.kind",
    );
}

/// Removes an ended call with its timeline. To be run in a transaction. Its idempotency keys stay for their time: the
/// call was placed, and its request must not place another. That of a call which was withdrawn before anything was
/// sent goes with it, for its client was told that nothing was placed.
pub(super) async fn delete(db: &mut SqliteConnection, id: CallId) -> Result<Deleted, sqlx::Error> {
    let row = sqlx::query("SELECT status, reason FROM calls WHERE id = ?");
    let row = row.bind(id.0).fetch_optional(&mut *db).await?;
    let Some(row) = row else { return Ok(Deleted::NotFound) };
    let status: Status = required(&row, "status")?;
    if !status.is_terminal() {
        return Ok(Deleted::NotEnded);
    }
    let reason: Option<Reason> = word(&row, "reason")?;
    let is_withdrawn = status == Status::Canceled && reason == Some(Reason::StoreUnavailable);
    let of_keys = is_withdrawn.then_some("DELETE FROM idempotency WHERE call_id = ?");
    let of_call = ["DELETE FROM timeline WHERE call_id = ?", "DELETE FROM calls WHERE id = ?"];
    for sql in of_call.into_iter().chain(of_keys) {
        sqlx::query(sql).bind(id.0).execute(&mut *db).await?;
    }
    Ok(Deleted::Yes)
}

pub(super) fn record_of(row: &SqliteRow) -> Result<CallRecord, sqlx::Error> {
    let time = |column: &'static str| -> Result<Option<DateTime<Utc>>, sqlx::Error> {
        row.try_get::<Option<i64>, _>(column)?.map(|at| moment(at, column)).transpose()
    };
    let dialed_at = time("dialed_at")?;
    Ok(CallRecord {
        id: CallId(row.try_get("id")?),
        request: CallRequest {
            phone: number(row.try_get("phone")?)?,
            caller_id: row.try_get("caller_id")?,
            scenario: row.try_get("scenario")?,
            ring_timeout: row.try_get("ring_timeout")?,
            max_duration: row.try_get("max_duration")?,
            custom_metadata: metadata(row)?,
            requested_by: row.try_get("requested_by")?,
        },
        office: office(row)?,
        attempt: row.try_get::<Option<u16>, _>("attempt")?.unwrap_or(dialed_at.is_some().into()),
        earlier: earlier(row)?,
        status: required(row, "status")?,
        reached: required(row, "reached")?,
        reason: word(row, "reason")?,
        ended_by: word(row, "ended_by")?,
        sip_code: row.try_get("sip_code")?,
        sip_text: row.try_get("sip_text")?,
        q850_cause: row.try_get("q850_cause")?,
        created_at: moment(row.try_get("created_at")?, "created_at")?,
        dialed_at,
        ringing_at: time("ringing_at")?,
        answered_at: time("answered_at")?,
        ended_at: time("ended_at")?,
        ring_seconds: row.try_get("ring_seconds")?,
        talk_seconds: row.try_get("talk_seconds")?,
        scenario_result: row.try_get("scenario_result")?,
        scenario_steps: row.try_get("scenario_steps")?,
        sip_call_id: row.try_get("sip_call_id")?,
        trunk_channel: row.try_get("trunk_channel")?,
        hangup_by: word(row, "hangup_by")?,
        hangup_reason: word(row, "hangup_reason")?,
    })
}

fn earlier(row: &SqliteRow) -> Result<Vec<Attempt>, sqlx::Error> {
    let Some(json) = json_column(row, "earlier_attempts")? else { return Ok(Vec::new()) };
    serde_json::from_value(json)
        .map_err(|e| BadValue { column: "earlier_attempts", value: e.to_string() }.into())
}

fn required<T: std::str::FromStr>(row: &SqliteRow, column: &'static str) -> Result<T, sqlx::Error> {
    word(row, column)?.ok_or_else(|| BadValue { column, value: "NULL".to_owned() }.into())
}

fn metadata(row: &SqliteRow) -> Result<Option<Metadata>, sqlx::Error> {
    const COLUMN: &str = "custom_metadata";
    let Some(text) = row.try_get::<Option<&str>, _>(COLUMN)? else { return Ok(None) };
    let metadata = Metadata::of_store(text);
    metadata.map(Some).map_err(|_| BadValue { column: COLUMN, value: text.to_owned() }.into())
}

fn office(row: &SqliteRow) -> Result<Option<Box<OfficeCall>>, sqlx::Error> {
    const COLUMN: &str = "office";
    let Some(text) = row.try_get::<Option<&str>, _>(COLUMN)? else { return Ok(None) };
    let office = serde_json::from_str(text);
    office.map(Some).map_err(|_| BadValue { column: COLUMN, value: text.to_owned() }.into())
}

fn number(text: String) -> Result<DialString, sqlx::Error> {
    text.parse().map_err(|_| BadValue { column: "phone", value: text }.into())
}
