//! The other end: accepts, lets in, and reads and writes blocks as the test says.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::PATIENCE;
use crate::ami::wire::{Block, Framer};

pub(super) const BANNER: &str = "Asterisk Call Manager/11.0.0\r\n";
pub(super) const FULLY_BOOTED: &str =
    "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n";

/// `s3cret` over the challenge `840415273`: `printf 840415273s3cret | md5sum`.
pub(super) const CHALLENGE: &str = "840415273";
pub(super) const KEY: &str = "d7994fd8cd10e2224514d095d0fd3f7b";

pub(super) struct Peer {
    listener: TcpListener,
    pub(super) addr: SocketAddr,
}

impl Peer {
    pub(super) async fn start() -> Self {
        Self::of(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn of(listener: TcpListener) -> Self {
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    /// The next connection, before its banner.
    pub(super) async fn accept(&self) -> Conversation {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("nobody connects").unwrap();
        stream.set_nodelay(true).unwrap();
        Conversation { stream, framer: Framer::default() }
    }

    /// The next connection, let in; a subscriber gets the snapshot that he waits for.
    pub(super) async fn let_in(&self) -> Conversation {
        let mut conversation = self.let_in_alone().await;
        conversation.list(&[]).await;
        conversation
    }

    /// The next connection, let in, of one who has no subscriber.
    pub(super) async fn let_in_alone(&self) -> Conversation {
        let mut conversation = self.accept().await;
        conversation.let_in().await;
        conversation
    }

    /// Whether somebody connects within so long.
    pub(super) async fn is_called_within(&self, patience: std::time::Duration) -> bool {
        tokio::time::timeout(patience, self.listener.accept()).await.is_ok()
    }
}

pub(super) struct Conversation {
    stream: TcpStream,
    framer: Framer,
}

impl Conversation {
    pub(super) async fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes()).await;
    }

    pub(super) async fn write_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Writes until the other end takes no more.
    pub(super) async fn flood(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        loop {
            self.stream.write_all(bytes).await?;
        }
    }

    /// The next action, pings aside; `None` when the client has closed.
    pub(super) async fn action(&mut self) -> Option<Block> {
        loop {
            match self.any_action().await {
                Some(action) if action.field("Action") == Some("Ping") && action.field("X").is_none() => {}
                other => return other,
            }
        }
    }

    pub(super) async fn any_action(&mut self) -> Option<Block> {
        let read = async {
            loop {
                if let Some(block) = self.framer.block().unwrap() {
                    return Some(block);
                }
                match self.stream.read_buf(self.framer.buffer()).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("the client is silent")
    }

    pub(super) async fn expect(&mut self, name: &str) -> Block {
        let action = self.action().await.expect("the client has closed");
        assert_eq!(action.field("Action"), Some(name), "{action:?}");
        action
    }

    /// Answers an action: `Success`, and what else it says.
    pub(super) async fn answer(&mut self, action: &Block, response: &str, rest: &str) {
        let id = action.field("ActionID").unwrap();
        self.write(&format!("Response: {response}\r\nActionID: {id}\r\n{rest}\r\n")).await;
    }

    /// Lists channels of these ids, which are next asked for.
    pub(super) async fn list(&mut self, ids: &[&str]) {
        let action = self.expect("CoreShowChannels").await;
        self.answer_list(&action, ids).await;
    }

    pub(super) async fn answer_list(&mut self, action: &Block, ids: &[&str]) {
        let id = action.field("ActionID").unwrap();
        let mut text = format!("Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n");
        for uniqueid in ids {
            let row = channel_event("CoreShowChannel", uniqueid, "");
            text.push_str(&row.replacen("\r\n", &format!("\r\nActionID: {id}\r\n"), 1));
        }
        text.push_str(&format!(
            "Event: CoreShowChannelsComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: {}\r\n\r\n",
            ids.len()
        ));
        self.write(&text).await;
    }

    pub(super) async fn let_in(&mut self) {
        self.write(BANNER).await;
        let challenge = self.expect("Challenge").await;
        self.answer(&challenge, "Success", &format!("Challenge: {CHALLENGE}\r\n")).await;
        let login = self.expect("Login").await;
        assert_eq!(login.field("Key"), Some(KEY));
        self.answer(&login, "Success", "Message: Authentication accepted\r\n").await;
        self.write(FULLY_BOOTED).await;
        let settings = self.expect("CoreSettings").await;
        self.answer(&settings, "Success", "AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.1\r\n").await;
    }
}

/// An event about a channel, whole.
pub(super) fn channel_event(kind: &str, uniqueid: &str, more: &str) -> String {
    format!(
        "Event: {kind}\r\nPrivilege: call,all\r\nChannel: PJSIP/150-00000001\r\nChannelState: 6\r\n\
         ChannelStateDesc: Up\r\nCallerIDNum: 150\r\nCallerIDName: <unknown>\r\nConnectedLineNum: <unknown>\r\n\
         ConnectedLineName: <unknown>\r\nContext: inoffice\r\nExten: \r\nPriority: 1\r\nUniqueid: {uniqueid}\r\n\
         Linkedid: call\r\n{more}\r\n"
    )
}
