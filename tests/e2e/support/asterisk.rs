//! One of the lab's Asterisks, seen past the bot: what channels it really has.

use std::time::Duration;

use serde_json::Value;

use super::{SOON, until};

pub struct Asterisk {
    http: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

impl Asterisk {
    pub fn new(url: String, user: String, password: String) -> Self {
        Asterisk { http: reqwest::Client::new(), url, user, password }
    }

    /// All channels of the PBX, other tests' too.
    pub async fn channels(&self) -> Vec<Value> {
        let request = self.http.get(format!("{}/ari/channels", self.url));
        let answer = request.basic_auth(&self.user, Some(&self.password)).send().await.expect("ARI answers");
        answer.json().await.expect("a list of channels")
    }

    /// The state of one channel, if it exists.
    pub async fn state(&self, channel: &str) -> Option<String> {
        let listed = self.channels().await;
        let found = listed.iter().find(|c| c["id"] == channel)?;
        found["state"].as_str().map(str::to_owned)
    }

    /// The channel that this SIP call has here.
    pub async fn channel_of(&self, sip_call_id: &str) -> Value {
        until("the SIP call has a channel", SOON, async || {
            let listed = self.channels().await;
            listed.into_iter().find(|channel| channel["protocol_id"] == sip_call_id).ok_or("none")
        })
        .await
    }

    pub async fn hang_up(&self, channel: &Value) {
        let id = channel["id"].as_str().expect("a channel has an id");
        let request = self.http.delete(format!("{}/ari/channels/{id}", self.url));
        let answer = request.basic_auth(&self.user, Some(&self.password)).send().await.expect("ARI answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// What another program may ask of ARI.
    pub async fn put(&self, path: &str, body: &Value) {
        self.done(self.http.put(format!("{}/ari{path}", self.url)).json(body)).await;
    }

    pub async fn delete(&self, path: &str) {
        self.done(self.http.delete(format!("{}/ari{path}", self.url))).await;
    }

    async fn done(&self, request: reqwest::RequestBuilder) {
        let answer = request.basic_auth(&self.user, Some(&self.password)).send().await.expect("ARI answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Until there is no channel at all.
    pub async fn hang_up_all(&self) {
        until("no channel is left", SOON, async || {
            let channels = self.channels().await;
            for channel in &channels {
                let request = self.http.delete(format!(
                    "{}/ari/channels/{}",
                    self.url,
                    channel["id"].as_str().unwrap_or("-")
                ));
                // It may have gone by itself meanwhile.
                request.basic_auth(&self.user, Some(&self.password)).send().await.expect("ARI answers");
            }
            if channels.is_empty() { Ok(()) } else { Err(format!("{} channels", channels.len())) }
        })
        .await;
    }

    /// A request of another program: its status and its answer.
    pub async fn ask(&self, method: reqwest::Method, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let request = self.http.request(method, format!("{}/ari/{path}", self.url)).query(query);
        let answer = request.basic_auth(&self.user, Some(&self.password)).send().await.expect("ARI answers");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// The address of the events socket of an application of this name.
    pub fn events_url(&self, application: &str) -> String {
        let at = self.url.replacen("http", "ws", 1);
        format!("{at}/ari/events?app={application}&api_key={}:{}", self.user, self.password)
    }

    /// Until the PBX has no channel of these calls: neither our halves nor a trunk leg. `callers`: the
    /// caller ids of the bots, which their trunk legs carry.
    pub async fn until_free_of(&self, call_ids: &[&str], caller: &str, time: Duration) {
        until("the PBX has no channel of the calls", time, async || {
            let left: Vec<String> = self
                .channels()
                .await
                .into_iter()
                .filter(|channel| {
                    let id = channel["id"].as_str().unwrap_or_default();
                    let half = call_ids.contains(&id.trim_end_matches(";2"));
                    half || channel["connected"]["number"] == caller || channel["caller"]["number"] == caller
                })
                .map(|channel| format!("{} {} {}", channel["id"], channel["name"], channel["state"]))
                .collect();
            if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
        })
        .await;
    }
}
