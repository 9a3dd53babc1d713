//! The column of an office's call: what was asked for, by whom, and what its attempt knows of it at the host, as one JSON
//! object. Its fields are those of all releases.

use serde::{Deserialize, Serialize};

use super::{BadValue, sql::Row};
use call::{
    CallRecord, DialString, Extension, MonitorMode, OfficeCall, Request, Technology, Tenant, WayKind, What,
};

/// What the column of the scenario, which may not be empty, has for a call without any.
pub(super) const NO_SCENARIO: &str = "office";

#[derive(Serialize, Deserialize)]
pub(super) struct Column {
    #[serde(flatten)]
    what: Kind,
    enterprise: String,
    enterprise_name: String,
    host: String,
    extension: Extension,
    context: String,
    technology: Technology,
    pub way: Option<WayKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<[String; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", content = "mode", rename_all = "snake_case")]
enum Kind {
    Call,
    Monitor(MonitorMode),
}

impl Column {
    const NAME: &'static str = "office";

    pub fn of(row: &Row) -> Result<Option<Self>, sqlx::Error> {
        let Some(text) = row.text(Self::NAME)? else { return Ok(None) };
        let column = serde_json::from_str(text);
        column.map(Some).map_err(|_| BadValue { column: Self::NAME, value: text.to_owned() }.into())
    }

    /// The other columns have the number and the limits.
    pub fn request(
        self,
        phone: DialString,
        ring_timeout: u32,
        max_duration: u32,
    ) -> Result<Request, sqlx::Error> {
        let what = match self.what {
            Kind::Call => What::Dial(phone),
            Kind::Monitor(mode) => {
                let target = phone.as_str().parse();
                let target =
                    target.map_err(|_| BadValue { column: "phone", value: phone.as_str().to_owned() })?;
                What::Listen { target, mode }
            }
        };
        let tenant = Tenant { number: self.enterprise, name: self.enterprise_name };
        let Column { host, extension, context, technology, client, .. } = self;
        let call = OfficeCall {
            what,
            tenant,
            host,
            extension,
            context,
            technology,
            client,
            ring_timeout,
            max_duration,
        };
        Ok(call.into())
    }
}

/// `None` for a call of the bot's own.
pub(super) fn column_of(call: &CallRecord) -> Option<String> {
    let (office, last) = (call.request.office()?, &call.last);
    let column = Column {
        what: match office.what {
            What::Dial(_) => Kind::Call,
            What::Listen { mode, .. } => Kind::Monitor(mode),
        },
        enterprise: office.tenant.number.clone(),
        enterprise_name: office.tenant.name.clone(),
        host: office.host.clone(),
        extension: office.extension.clone(),
        context: office.context.clone(),
        technology: office.technology,
        way: last.way,
        linked_id: last.linked_id.clone(),
        sides: last.sides.clone(),
        client: office.client.clone(),
    };
    Some(serde_json::to_string(&column).expect("it has plain fields"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use call::CallId;

    #[test]
    fn it_is_what_older_releases_wrote() {
        for text in [
            r#"{"kind":"call","enterprise":"0367","enterprise_name":"june","host":"10.88.10.19","extension":"151","context":"inoffice","technology":"SIP","way":null}"#,
            r#"{"kind":"monitor","mode":"spy","enterprise":"0367","enterprise_name":"june","host":"10.88.10.19","extension":"151","context":"inoffice","technology":"PJSIP","way":"ssh","linked_id":"17.1","sides":["17.1","17.2"],"client":"10.0.0.7"}"#,
        ] {
            let mut column: Column = serde_json::from_str(text).expect("it is read");
            let (way, linked_id, sides) = (column.way, column.linked_id.take(), column.sides.take());
            let request =
                column.request("160".parse().expect("digits"), 60, 600).expect("an extension's number");
            let mut call = CallRecord::new(CallId(Uuid::from_u128(7)), request, DateTime::UNIX_EPOCH);
            (call.last.way, call.last.linked_id, call.last.sides) = (way, linked_id, sides);
            assert_eq!(column_of(&call).as_deref(), Some(text));
        }
    }
}
