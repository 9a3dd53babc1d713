//! From one configuration to the next while the daemon runs: what holds at once, and what needs a
//! restart.
//!
//! Every field is named here, so a new one does not compile until it is decided which it is.

use std::fmt::Debug;

use super::{
    ApiKeys, Ari, Config, Dial, Http, Log, Office, Scenario, Service, StepConfig, Store, Trunk,
    check::is_open_door,
};

/// A configuration that is in force from now on.
#[derive(Clone, Debug)]
pub struct Adopted {
    pub config: Config,
    /// What holds at once, each with its old and new value, for the log.
    pub changed: Vec<String>,
    /// Keys that have changed and hold from the next start on.
    pub needs_restart: Vec<&'static str>,
}

impl Config {
    /// Goes over to `new` as far as a running daemon can.
    ///
    /// # Errors
    /// Why the two together would be unsafe; nothing has changed then.
    pub fn adopt(&self, new: Config) -> Result<Adopted, String> {
        let mut config = self.clone();
        let mut c = Changes::default();
        let Config { http, ari, trunk, dial, store, log, service, office, scenario, scenarios } = new;

        let Http {
            listen,
            api_keys,
            token_file,
            rate_limit,
            body_limit,
            request_timeout,
            max_connections,
            language,
        } = http;
        if is_open_door(self.http.listen, &api_keys) {
            return Err(format!(
                "the API listens on {} until the next start and would have no key: anybody could place calls; \
                 keep `http.api_keys`, or restart",
                self.http.listen
            ));
        }
        c.later("http.listen", &config.http.listen, &listen);
        c.keys("http.api_keys", &mut config.http.api_keys, api_keys);
        c.later("http.token_file", &config.http.token_file, &token_file);
        c.now("http.rate_limit", &mut config.http.rate_limit, rate_limit);
        c.now("http.body_limit", &mut config.http.body_limit, body_limit);
        c.now("http.request_timeout", &mut config.http.request_timeout, request_timeout);
        c.later("http.max_connections", &config.http.max_connections, &max_connections);
        c.now("http.language", &mut config.http.language, language);

        let Ari { url, username, password, app, request_timeout, rest_over_socket } = ari;
        c.later("ari.url", &config.ari.url, &url);
        c.later("ari.username", &config.ari.username, &username);
        c.later("ari.password", &config.ari.password, &password);
        c.later("ari.app", &config.ari.app, &app);
        c.later("ari.request_timeout", &config.ari.request_timeout, &request_timeout);
        c.later("ari.rest_over_socket", &config.ari.rest_over_socket, &rest_over_socket);

        let Trunk { context, endpoint, caller_id, caller_ids } = trunk;
        c.now("trunk.context", &mut config.trunk.context, context);
        c.later("trunk.endpoint", &config.trunk.endpoint, &endpoint);
        c.now("trunk.caller_id", &mut config.trunk.caller_id, caller_id);
        c.now("trunk.caller_ids", &mut config.trunk.caller_ids, caller_ids);

        let Dial {
            ring_timeout,
            max_duration,
            max_concurrent,
            calls_per_second,
            allow,
            min_gap,
            max_queued,
            queue_timeout,
            unreachable_timeout,
            default_region,
        } = dial;
        let dial = &mut config.dial;
        c.now("dial.ring_timeout", &mut dial.ring_timeout, ring_timeout);
        c.now("dial.max_duration", &mut dial.max_duration, max_duration);
        c.now("dial.max_concurrent", &mut dial.max_concurrent, max_concurrent);
        c.now("dial.calls_per_second", &mut dial.calls_per_second, calls_per_second);
        c.now("dial.allow", &mut dial.allow, allow);
        c.now("dial.min_gap", &mut dial.min_gap, min_gap);
        c.now("dial.max_queued", &mut dial.max_queued, max_queued);
        c.now("dial.queue_timeout", &mut dial.queue_timeout, queue_timeout);
        c.now("dial.unreachable_timeout", &mut dial.unreachable_timeout, unreachable_timeout);
        c.now("dial.default_region", &mut dial.default_region, default_region);

        let Store { url, node, keep_days } = store;
        c.later("store.url", &config.store.url, &url);
        c.later("store.node", &config.store.node, &node);
        c.now("store.keep_days", &mut config.store.keep_days, keep_days);

        let Log { level, format, mask_numbers } = log;
        c.later("log.level", &config.log.level, &level);
        c.later("log.format", &config.log.format, &format);
        c.now("log.mask_numbers", &mut config.log.mask_numbers, mask_numbers);

        let Service { stop_timeout } = service;
        c.now("service.stop_timeout", &mut config.service.stop_timeout, stop_timeout);

        c.office(&mut config.office, office);

        let Scenario { default } = scenario;
        c.now("scenario.default", &mut config.scenario.default, default);
        c.scenarios(&config.scenarios, &scenarios);
        config.scenarios = scenarios;

        Ok(Adopted { config, changed: c.changed, needs_restart: c.needs_restart })
    }
}

#[derive(Default)]
struct Changes {
    changed: Vec<String>,
    needs_restart: Vec<&'static str>,
}

impl Changes {
    fn now<T: PartialEq + Debug>(&mut self, key: &str, in_force: &mut T, new: T) {
        if *in_force != new {
            self.changed.push(format!("{key} {in_force:?} → {new:?}"));
            *in_force = new;
        }
    }

    fn later<T: PartialEq>(&mut self, key: &'static str, in_force: &T, new: &T) {
        if in_force != new {
            self.needs_restart.push(key);
        }
    }

    /// The limits and times hold at once; what the hosts are spoken to with, from the next start on.
    fn office(&mut self, in_force: &mut Option<Office>, new: Option<Office>) {
        let is_there = new.is_some();
        let (Some(in_force), Some(new)) = (in_force.as_mut(), new) else {
            return self.later("office.database", &in_force.is_some(), &is_there);
        };
        let Office {
            database,
            database_password,
            listen,
            trusted_proxies,
            cache_life,
            cache_grace,
            rate_limit,
            number_limit,
            ring_timeout,
            max_duration,
            way,
            context,
            technology,
            ssh_port,
            ssh_user,
            ssh_password,
            ssh_key_file,
            ssh_known_hosts,
            ssh_socket,
            ssh_commands,
            ami_port,
            ami_user,
            ami_password,
            ari_port,
            ari_user,
            ari_password,
            ari_app,
        } = new;
        self.now("office.rate_limit", &mut in_force.rate_limit, rate_limit);
        self.now("office.number_limit", &mut in_force.number_limit, number_limit);
        self.now("office.ring_timeout", &mut in_force.ring_timeout, ring_timeout);
        self.now("office.max_duration", &mut in_force.max_duration, max_duration);
        self.now("office.trusted_proxies", &mut in_force.trusted_proxies, trusted_proxies);
        self.later("office.database", &in_force.database, &database);
        self.later("office.database_password", &in_force.database_password, &database_password);
        self.later("office.listen", &in_force.listen, &listen);
        self.later("office.cache_seconds", &in_force.cache_life, &cache_life);
        self.later("office.cache_grace", &in_force.cache_grace, &cache_grace);
        self.later("office.way", &in_force.way, &way);
        self.later("office.context", &in_force.context, &context);
        self.later("office.technology", &in_force.technology, &technology);
        self.later("office.ssh_port", &in_force.ssh_port, &ssh_port);
        self.later("office.ssh_user", &in_force.ssh_user, &ssh_user);
        self.later("office.ssh_password", &in_force.ssh_password, &ssh_password);
        self.later("office.ssh_key_file", &in_force.ssh_key_file, &ssh_key_file);
        self.later("office.ssh_known_hosts", &in_force.ssh_known_hosts, &ssh_known_hosts);
        self.later("office.ssh_socket", &in_force.ssh_socket, &ssh_socket);
        self.later("office.ssh_commands", &in_force.ssh_commands, &ssh_commands);
        self.later("office.ami_port", &in_force.ami_port, &ami_port);
        self.later("office.ami_user", &in_force.ami_user, &ami_user);
        self.later("office.ami_password", &in_force.ami_password, &ami_password);
        self.later("office.ari_port", &in_force.ari_port, &ari_port);
        self.later("office.ari_user", &in_force.ari_user, &ari_user);
        self.later("office.ari_password", &in_force.ari_password, &ari_password);
        self.later("office.ari_app", &in_force.ari_app, &ari_app);
    }

    /// A key that was replaced under its old name shows no difference but this line.
    fn keys(&mut self, key: &str, in_force: &mut ApiKeys, new: ApiKeys) {
        if *in_force != new {
            let names =
                |keys: &ApiKeys| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>().join(", ");
            self.changed.push(format!("{key} [{}] → [{}]", names(in_force), names(&new)));
            *in_force = new;
        }
    }

    fn scenarios(&mut self, in_force: &Scenarios, new: &Scenarios) {
        let all = in_force.keys().chain(new.keys().filter(|name| !in_force.contains_key(*name)));
        for name in all.filter(|name| in_force.get(*name) != new.get(*name)) {
            let how = match (in_force.get(name), new.get(name)) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            self.changed.push(format!("scenarios.{name} {how}"));
        }
    }
}

type Scenarios = std::collections::BTreeMap<String, Vec<StepConfig>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bot.toml");
        std::fs::write(&path, format!("ari.username = 'bot'\nari.password = 'hunter2'\n{text}")).unwrap();
        Config::load(Some(&path), std::iter::empty()).unwrap().config
    }

    const KEY: &str = "0123456789abcdef";

    #[test]
    fn what_can_change_changes_and_is_told() {
        let old = config("dial.allow = ['+7']\n[scenarios.hello]\nsteps = [{ wait = 1 }]");
        let text = format!(
            "http = {{ api_keys = ['crm:{KEY}'], rate_limit = 5 }}\ndial = {{ allow = ['+7', '+375'], \
             calls_per_second = 2.5 }}\n[scenarios.bye]\nsteps = [{{ hangup = true }}]"
        );
        let new = config(&text);
        let adopted = old.adopt(new.clone()).unwrap();
        assert_eq!(adopted.config, new);
        assert_eq!(adopted.needs_restart, [""; 0]);
        let expected = [
            "http.api_keys [] → [crm]",
            "http.rate_limit 600 → 5",
            "dial.calls_per_second 5.0 → 2.5",
            "dial.allow [\"+7\"] → [\"+7\", \"+375\"]",
            "scenarios.hello removed",
            "scenarios.bye added",
        ];
        assert_eq!(adopted.changed, expected);
        assert_eq!(new.adopt(new.clone()).unwrap().changed, [""; 0]);
    }

    #[test]
    fn of_the_offices_each_key_is_named() {
        let of = |more: &str| config(&format!("[office]\ndatabase = 'sqlite:///e.db'\n{more}"));
        let old = of("");
        let new = of("rate_limit = 7\ncache_seconds = 5\nssh_password = 'hunter3'\nway = 'ami'");
        let adopted = old.adopt(new).unwrap();
        assert_eq!(adopted.changed, ["office.rate_limit 120 → 7"]);
        assert_eq!(adopted.needs_restart, ["office.cache_seconds", "office.way", "office.ssh_password"]);
        assert_eq!(adopted.config.office.unwrap().rate_limit, 7);
        assert_eq!(config("").adopt(old).unwrap().needs_restart, ["office.database"]);
    }

    #[test]
    fn what_needs_a_restart_stays_and_is_named() {
        let old = config("");
        let new = config(
            "http.listen = '127.0.0.1:9'\nari.url = 'http://[::1]:8088'\nstore.url = 'sqlite:///x.db'\ntrunk.endpoint = 'PJSIP/b'",
        );
        let adopted = old.adopt(new).unwrap();
        assert_eq!(adopted.config, old);
        assert_eq!(adopted.needs_restart, ["http.listen", "ari.url", "trunk.endpoint", "store.url"]);
        assert_eq!(adopted.changed, [""; 0]);
    }

    #[test]
    fn an_open_address_does_not_lose_its_last_key() {
        let open = config(&format!("http = {{ listen = '0.0.0.0:8080', api_keys = ['crm:{KEY}'] }}"));
        // Right by itself; but the old address holds until the restart.
        let error = open.adopt(config("")).unwrap_err();
        assert!(error.contains("0.0.0.0:8080"), "{error}");
    }

    #[test]
    fn no_secret_is_told() {
        let mut new = config(&format!("http.api_keys = ['crm:{KEY}']"));
        new.ari.password = asterisk::secret::Secret::new("hunter3");
        let told = format!("{:?}", config("").adopt(new).unwrap());
        assert!(told.contains("crm") && told.contains("ari.password"), "{told}");
        assert!(!told.contains(KEY) && !told.contains("hunter"), "{told}");
    }
}
