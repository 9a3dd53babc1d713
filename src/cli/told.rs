//! What a command failed with, in the user's language. Knows which errors can tell themselves in Russian.

use std::{error::Error, io};

use crate::{
    config::{ConfigErrors, KeyFileError},
    enterprises::{BadValue, DirectoryError},
};
use lang::{Lang, Text, Told, UnknownLang};
use ledger::StoreError;

/// The error and what caused it, each once: many an error has its cause in its own text already.
pub(super) fn told(error: &anyhow::Error, lang: Lang) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let part = one(cause, lang);
        if !said.contains(&part) {
            let joint = if said.is_empty() { "" } else { ": " };
            said = format!("{said}{joint}{part}");
        }
    }
    said
}

/// The same, for a sentence that says more.
pub(super) fn both(error: &anyhow::Error) -> Text {
    Text { en: told(error, Lang::En), ru: told(error, Lang::Ru) }
}

/// One error by itself.
pub(super) fn one(error: &(dyn Error + 'static), lang: Lang) -> String {
    fn as_told<'a, T: Told + Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a dyn Told> {
        error.downcast_ref::<T>().map(|error| error as &dyn Told)
    }
    let known = [
        as_told::<Text>,
        as_told::<ConfigErrors>,
        as_told::<KeyFileError>,
        as_told::<DirectoryError>,
        as_told::<BadValue>,
        as_told::<UnknownLang>,
        as_told::<StoreError>,
        as_told::<io::Error>,
    ];
    match known.into_iter().find_map(|of| of(error)) {
        Some(error) => error.told(lang),
        None => Text::same(error.to_string()).told(lang),
    }
}
