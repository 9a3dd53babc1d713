//! The order that changes an enterprise: its name, its address, what it has instead of the configuration's values.

use std::{fmt, str::FromStr};

use super::{
    Directory,
    database::{Connection, Mode},
    enterprise::{Overrides, SETTINGS},
    error::DirectoryError,
    manage::{alter, of_rules, place},
    table::{Layout, no_table},
    value::{BadValue, Host, Name, Number, bad, shown},
};
use lang::{Text, say};

/// The name of a setting: a column of the table, such as `ssh_port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting(&'static str);

impl FromStr for Setting {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let known = SETTINGS.iter().find(|(name, _)| *name == text.trim());
        known.map(|(name, _)| Setting(name)).ok_or_else(|| {
            let names: Vec<_> = SETTINGS.iter().map(|(name, _)| *name).collect();
            let (text, names) = (shown(text), names.join(", "));
            bad(say!("`{text}` is no setting: there are {names}", "настройки `{text}` нет: есть {names}"))
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What is to be changed; the rest stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub name: Option<Name>,
    pub ip: Option<Host>,
    pub settings: Overrides,
    /// Settings that are the configuration's again.
    pub default: Vec<Setting>,
    /// Columns that a foreign table lacks are added to it, and our trigger.
    pub alter_table: bool,
}

impl Directory {
    /// Changes an enterprise; the columns that the table has got for it.
    ///
    /// # Errors
    /// Nothing to change, no such enterprise, or what the database says.
    pub async fn change(&self, number: &Number, change: Change) -> Result<Vec<&'static str>, DirectoryError> {
        let what = say!("change enterprise `{number}`", "изменить предприятие `{number}`");
        let refuse = |why: Text| DirectoryError::Refused { what: what.clone(), why };
        change.settings.check().map_err(|(column, error)| {
            refuse(say!("its `{column}` {it}", "его `{column}`: {it}", it = error))
        })?;
        let texts = change.settings.texts();
        for (column, text) in SETTINGS.iter().map(|(name, _)| name).zip(&texts) {
            if text.is_some() && change.default.contains(&Setting(column)) {
                return Err(refuse(say!(
                    "its `{column}` can't be set and be the configuration's",
                    "его `{column}` нельзя и задать, и взять из настроек"
                )));
            }
        }
        if change.name.is_none()
            && change.ip.is_none()
            && change.default.is_empty()
            && texts.iter().all(Option::is_none)
        {
            return Err(refuse(say!(
                "say what is to be changed, as in `--ip 10.88.10.20`",
                "укажите, что изменить, например `--ip 10.88.10.20`"
            )));
        }
        let added = self
            .order(&what, Mode::Write, async |connection: &mut Connection| {
                let mut layout = Layout::look(connection).await?.ok_or_else(no_table)?;
                let mut added = Vec::new();
                if change.alter_table {
                    added = alter(connection, &layout).await?;
                    layout = Layout::look(connection).await?.ok_or_else(no_table)?;
                }
                let set = || {
                    SETTINGS.iter().zip(&texts).filter_map(|(column, text)| Some((column, text.as_deref()?)))
                };
                layout.must_have(set().map(|((name, _), _)| *name))?;
                let mut values = vec![Some(number.as_str())];
                let mut columns = Vec::new();
                if let Some(name) = &change.name {
                    values.push(Some(name.as_str()));
                    columns.push(format!("name = ${}", values.len()));
                }
                if let Some(ip) = &change.ip {
                    values.push(Some(ip.as_str()));
                    columns.push(format!("ip = {}", layout.ip(values.len())));
                }
                for ((name, is_digits), text) in set() {
                    values.push(Some(text));
                    columns.push(format!("{name} = {}", place(values.len(), *is_digits)));
                }
                // One that the table lacks is the configuration's already.
                let default = change.default.iter().filter(|setting| !layout.missing.contains(&setting.0));
                columns.extend(default.map(|setting| format!("{setting} = NULL")));
                let sql = match columns.is_empty() {
                    true => {
                        "UPDATE enterprises SET number = number WHERE CAST(number AS text) = $1".to_owned()
                    }
                    false => format!(
                        "UPDATE enterprises SET {} WHERE CAST(number AS text) = $1",
                        columns.join(", ")
                    ),
                };
                match connection.change(sql, &values).await.map_err(of_rules)? {
                    0 => Err(DirectoryError::NoSuch { number: number.to_string() }.into()),
                    1 => Ok(added),
                    rows => Err(DirectoryError::Several { number: number.to_string(), rows }.into()),
                }
            })
            .await?;
        self.forget(Some(number.as_str()));
        Ok(added)
    }
}
