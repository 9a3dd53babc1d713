//! SIGHUP: the configuration is read again. What is wrong with it is said, and the old one stays.

use std::{path::Path, sync::Arc};

use tokio::sync::watch;

use super::settings::settings;
use crate::{
    config::{Config, environment},
    engine::EngineHandle,
};
use ledger::Store;

/// What goes by the configuration while the daemon runs.
pub(super) struct InForce {
    pub config: watch::Sender<Arc<Config>>,
    pub engine: EngineHandle,
    pub store: Store,
}

impl InForce {
    pub async fn reload(&self, path: Option<&Path>) {
        let loaded = match Config::load(path, environment()) {
            Ok(loaded) => loaded,
            Err(errors) => {
                for problem in errors.problems() {
                    tracing::error!("{problem}");
                }
                tracing::error!("the new configuration is not taken; the old one stays in force");
                return;
            }
        };
        let old = self.config.borrow().clone();
        let adopted = match old.adopt(loaded.config) {
            Ok(adopted) => adopted,
            Err(reason) => {
                tracing::error!("the new configuration is not taken; the old one stays in force: {reason}");
                return;
            }
        };
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if adopted.changed.is_empty() {
            tracing::info!("configuration read again: nothing to change");
        } else {
            let config = Arc::new(adopted.config);
            self.store.keep_days(config.store.keep_days);
            // False while the engine ends, and then nothing goes by it any more.
            self.engine.reload(settings(&config)).await;
            self.config.send_replace(config);
            tracing::info!("configuration read again: {}", adopted.changed.join("; "));
        }
        if !adopted.needs_restart.is_empty() {
            tracing::warn!("these have changed and need a restart: {}", adopted.needs_restart.join(", "));
        }
    }
}
