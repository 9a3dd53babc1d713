//! The table of calls: one row a call, a column a value. What was asked for and when is written
//! once; what became of the call is overwritten by each newer record.

use chrono::{DateTime, Utc};

use super::{
    BadValue, Filter, Store, StoreError, counts, micros,
    office::{self, NO_SCENARIO},
    sql::{Connection, Query, Readers, Row, json, moment, required, whole, word},
};
use call::{Attempt, CallId, CallRecord, DialString, Metadata, OutgoingCall, Reason, Request, Status};

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
        let readers = &self.inner.readers;
        let mut query = readers.query("SELECT ");
        query.push(COLUMNS).push(" FROM calls WHERE id = ").bind(id.0);
        let rows = readers.all(query, "a call").await?;
        rows.first().map(record_of).transpose().map_err(StoreError::read("a call"))
    }

    /// All calls that this bot dials and that have not ended, in the order of creation.
    pub async fn open_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        all_open(&self.inner.readers, self.inner.node.as_deref()).await
    }

    /// Whether it is this bot that dials the call, and not another one that shares the store.
    pub async fn is_own(&self, id: CallId) -> Result<bool, StoreError> {
        let Some(node) = &self.inner.node else { return Ok(true) };
        let mut query = self.inner.readers.query("SELECT 1 FROM calls WHERE id = ");
        query.bind(id.0).push(" AND node <> ").bind(node.as_str());
        Ok(self.inner.readers.all(query, "whose call it is").await?.is_empty())
    }

    /// The numbers dialed since then, each with its last time.
    pub async fn recent_numbers(
        &self,
        since: DateTime<Utc>,
    ) -> Result<Vec<(DialString, DateTime<Utc>)>, StoreError> {
        const WHAT: &str = "the numbers dialed lately";
        let readers = &self.inner.readers;
        let mut query =
            readers.query("SELECT phone, max(dialed_at) AS dialed_at FROM calls WHERE dialed_at >= ");
        query.bind(micros(since)).push(" AND enterprise IS NULL GROUP BY phone");
        let rows = readers.all(query, WHAT).await?;
        rows.iter()
            .map(|row| Ok((number(row.get("phone")?)?, moment(row.get("dialed_at")?, "dialed_at")?)))
            .collect::<Result<_, sqlx::Error>>()
            .map_err(StoreError::read(WHAT))
    }
}

pub(super) async fn all_open(readers: &Readers, node: Option<&str>) -> Result<Vec<CallRecord>, StoreError> {
    const WHAT: &str = "the open calls";
    let mut db = readers.connection().await.map_err(StoreError::read(WHAT))?;
    open_calls(&mut db, node).await.map_err(StoreError::read(WHAT))
}

async fn open_calls(db: &mut Connection, node: Option<&str>) -> Result<Vec<CallRecord>, sqlx::Error> {
    let open = Status::ALL.into_iter().filter(|status| !status.is_terminal()).collect();
    let kinds = counts::existing(db, &Filter { statuses: open, ..Filter::default() }).await?;
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = db.query("SELECT ");
    query.push(COLUMNS).push(" FROM calls WHERE ");
    counts::push_kinds(&mut query, "kind", &kinds);
    if let Some(node) = node {
        query.push(" AND node = ").bind(node);
    }
    query.push(" ORDER BY created_at, id");
    db.all(query).await?.iter().map(record_of).collect()
}

/// Inserts the records, or overwrites what became of calls that are there. One record a call. `node`: whose they are, where
/// several bots share a store.
pub(super) fn push_upsert(query: &mut Query, records: &[&CallRecord], node: Option<&str>) {
    query.push(
        "INSERT INTO calls (id, phone, caller_id, scenario, ring_timeout, max_duration, custom_metadata, \
         requested_by, created_at, status, reached, reason, ended_by, sip_code, sip_text, q850_cause, \
         dialed_at, ringing_at, answered_at, ended_at, ring_seconds, talk_seconds, scenario_result, scenario_steps, \
         sip_call_id, trunk_channel, hangup_by, hangup_reason, enterprise, office, attempt, earlier_attempts, kind",
    );
    query.push(if node.is_some() { ", node) " } else { ") " });
    query.rows(records.iter().map(|call| {
        let (request, own, last) = (&call.request, call.request.outgoing(), &call.last);
        let mut row = vec![
            call.id.0.into(),
            request.phone().into(),
            own.and_then(|own| own.caller_id.as_deref()).into(),
            own.map_or(NO_SCENARIO, |own| &own.scenario).into(),
            request.ring_timeout().into(),
            request.max_duration().into(),
            own.and_then(|own| own.custom_metadata.as_ref()).map(Metadata::as_str).into(),
            request.requested_by().into(),
            micros(call.created_at).into(),
            last.status.as_str().into(),
            last.reached.as_str().into(),
            last.reason.map(call::Reason::as_str).into(),
            last.ended_by.map(call::EndedBy::as_str).into(),
            last.sip_code.into(),
            last.sip_text.as_deref().into(),
            last.q850_cause.into(),
            last.dialed_at.map(micros).into(),
            last.ringing_at.map(micros).into(),
            last.answered_at.map(micros).into(),
            last.ended_at.map(micros).into(),
            last.ring_seconds.into(),
            last.talk_seconds.into(),
            call.scenario_result.as_deref().into(),
            call.scenario_steps.into(),
            last.sip_call_id.as_deref().into(),
            last.trunk_channel.as_deref().into(),
            call.hangup.map(|(by, _)| by.as_str()).into(),
            call.hangup.map(|(_, reason)| reason.as_str()).into(),
            request.tenant().map(|tenant| tenant.number.as_str()).into(),
            office::column_of(call).into(),
            last.number.into(),
            (!call.earlier.is_empty())
                .then(|| serde_json::to_string(&call.earlier).expect("an attempt has plain fields"))
                .into(),
            counts::kind_of(call).into(),
        ];
        row.extend(node.map(Into::into));
        row
    }));
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
pub(super) async fn delete(db: &mut Connection, id: CallId) -> Result<Deleted, sqlx::Error> {
    let mut query = db.query("SELECT status, reason FROM calls WHERE id = ");
    query.bind(id.0);
    let Some(row) = db.optional(query).await? else { return Ok(Deleted::NotFound) };
    let status: Status = required(&row, "status")?;
    if !status.is_terminal() {
        return Ok(Deleted::NotEnded);
    }
    let reason: Option<Reason> = word(&row, "reason")?;
    let is_withdrawn = status == Status::Canceled && reason == Some(Reason::StoreUnavailable);
    let of_keys = is_withdrawn.then_some("DELETE FROM idempotency WHERE call_id = ");
    let of_call = ["DELETE FROM timeline WHERE call_id = ", "DELETE FROM calls WHERE id = "];
    for sql in of_call.into_iter().chain(of_keys) {
        let mut query = db.query(sql);
        query.bind(id.0);
        db.execute(query).await?;
    }
    Ok(Deleted::Yes)
}

pub(super) fn record_of(row: &Row) -> Result<CallRecord, sqlx::Error> {
    let time = |column: &'static str| -> Result<Option<DateTime<Utc>>, sqlx::Error> {
        row.get::<Option<i64>>(column)?.map(|at| moment(at, column)).transpose()
    };
    let mut office = office::Column::of(row)?;
    let dialed_at = time("dialed_at")?;
    let last = Attempt {
        number: whole(row, "attempt")?.unwrap_or(dialed_at.is_some().into()),
        status: required(row, "status")?,
        reached: required(row, "reached")?,
        reason: word(row, "reason")?,
        ended_by: word(row, "ended_by")?,
        sip_code: whole(row, "sip_code")?,
        sip_text: row.get("sip_text")?,
        q850_cause: whole(row, "q850_cause")?,
        dialed_at,
        ringing_at: time("ringing_at")?,
        answered_at: time("answered_at")?,
        ended_at: time("ended_at")?,
        ring_seconds: row.get("ring_seconds")?,
        talk_seconds: row.get("talk_seconds")?,
        sip_call_id: row.get("sip_call_id")?,
        trunk_channel: row.get("trunk_channel")?,
        way: office.as_ref().and_then(|office| office.way),
        linked_id: office.as_mut().and_then(|office| office.linked_id.take()),
        sides: office.as_mut().and_then(|office| office.sides.take()),
    };
    let phone = number(row.get("phone")?)?;
    let ring_timeout = whole(row, "ring_timeout")?.unwrap_or_default();
    let max_duration = whole(row, "max_duration")?.unwrap_or_default();
    let request = match office {
        Some(office) => office.request(phone, ring_timeout, max_duration)?,
        None => Request::Outgoing(OutgoingCall {
            phone,
            caller_id: row.get("caller_id")?,
            scenario: row.get("scenario")?,
            ring_timeout,
            max_duration,
            custom_metadata: metadata(row)?,
            requested_by: row.get("requested_by")?,
        }),
    };
    Ok(CallRecord {
        id: CallId(row.get("id")?),
        request,
        created_at: moment(row.get("created_at")?, "created_at")?,
        earlier: earlier(row)?,
        last,
        scenario_result: row.get("scenario_result")?,
        scenario_steps: whole(row, "scenario_steps")?.unwrap_or_default(),
        hangup: word(row, "hangup_by")?.zip(word(row, "hangup_reason")?),
    })
}

fn earlier(row: &Row) -> Result<Vec<Attempt>, sqlx::Error> {
    let Some(json) = json(row, "earlier_attempts")? else { return Ok(Vec::new()) };
    serde_json::from_value(json)
        .map_err(|e| BadValue { column: "earlier_attempts", value: e.to_string() }.into())
}

fn metadata(row: &Row) -> Result<Option<Metadata>, sqlx::Error> {
    const COLUMN: &str = "custom_metadata";
    let Some(text) = row.text(COLUMN)? else { return Ok(None) };
    let metadata = Metadata::of_store(text);
    metadata.map(Some).map_err(|_| BadValue { column: COLUMN, value: text.to_owned() }.into())
}

fn number(text: String) -> Result<DialString, sqlx::Error> {
    text.parse().map_err(|_| BadValue { column: "phone", value: text }.into())
}
