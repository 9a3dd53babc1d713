//! A switchboard's program at an office: one AMI connection of its own, with every right.

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::{Lab, SOON};

pub struct Manager(BufReader<TcpStream>);

impl Manager {
    pub async fn login(lab: &Lab, office: &str) -> Self {
        let of = |name| lab.office(office, name);
        let address = format!("{}:{}", of("IP"), of("AMI_PORT"));
        let mut manager = Manager(BufReader::new(TcpStream::connect(address).await.expect("AMI listens")));
        let login = [("Username", of("AMI_USER")), ("Secret", of("AMI_PASSWORD")), ("Events", "off")];
        manager.does("Login", &login).await;
        manager
    }

    /// One action, which Asterisk must take.
    pub async fn does(&mut self, action: &str, fields: &[(&str, &str)]) {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!("Action: {action}\r\n{fields}\r\n");
        self.0.write_all(text.as_bytes()).await.expect("it is sent");
        let mut answer = String::new();
        let read = async {
            while !(answer.contains("Response: ") && answer.ends_with("\r\n\r\n")) {
                assert_ne!(self.0.read_line(&mut answer).await.expect("a line"), 0, "closed after {answer}");
            }
        };
        timeout(SOON, read).await.expect("Asterisk answers");
        assert!(answer.contains("Response: Success"), "{text}{answer}");
    }
}
