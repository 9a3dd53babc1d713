//! The other end: lets in as a real Asterisk does, and sends the stream when the client, who listens now, has sent
//! a ping. It owns a thread for each connection; its work is nobody's CPU that is measured.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use super::{USER, script::Script, stream::Stream};

/// Bytes of one write, about; a real Asterisk writes each event by itself.
const CHUNK: usize = 64 << 10;

/// What a client asks.
#[derive(Debug, Default)]
struct Action {
    name: String,
    id: String,
    user: String,
}

/// Listens on loopback, for as long as this process lives. Each connection gets so many events.
pub fn start(scripts: Arc<[Script]>, total: u64) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let flood = Stream::new(scripts.clone(), total);
            // What the reader did not get it tells itself.
            thread::spawn(move || converse(&stream, flood));
        }
    });
    Ok(address)
}

fn converse(mut socket: &TcpStream, flood: Stream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.write_all(b"Asterisk Call Manager/11.0.0\r\n")?;
    let (heard, actions) = mpsc::channel();
    let reading = socket.try_clone()?;
    thread::spawn(move || listen(reading, &heard));
    let mut is_in = false;
    for action in &actions {
        is_in |= action.name == "Login" && action.user == USER;
        socket.write_all(answer(&action).as_bytes())?;
        if is_in && action.name == "Ping" {
            break;
        }
    }
    send(socket, flood, &actions)?;
    for action in &actions {
        socket.write_all(answer(&action).as_bytes())?;
    }
    Ok(())
}

/// Everything, with the answers to what is asked meanwhile between the events.
fn send(mut socket: &TcpStream, mut flood: Stream, actions: &Receiver<Action>) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(2 * CHUNK);
    loop {
        let is_over = flood.next(&mut chunk).is_none();
        if chunk.len() >= CHUNK || is_over {
            for action in actions.try_iter() {
                chunk.extend_from_slice(answer(&action).as_bytes());
            }
            socket.write_all(&chunk)?;
            chunk.clear();
        }
        if is_over {
            return Ok(());
        }
    }
}

fn listen(socket: TcpStream, heard: &Sender<Action>) {
    let mut action = Action::default();
    for line in BufReader::new(socket).lines().map_while(Result::ok) {
        match line.split_once(": ") {
            Some(("Action", name)) => action.name = name.to_owned(),
            Some(("ActionID", id)) => action.id = id.to_owned(),
            Some(("Username", user)) => action.user = user.to_owned(),
            Some(_) => {}
            None => {
                let whole = std::mem::take(&mut action);
                if !whole.name.is_empty() && heard.send(whole).is_err() {
                    return;
                }
            }
        }
    }
}

/// As 22.10.1 says it.
fn answer(action: &Action) -> String {
    let (word, rest) = match action.name.as_str() {
        "Challenge" => ("Success", "Challenge: 840415273\r\n"),
        "Login" if action.user == USER => ("Success", "Message: Authentication accepted\r\n"),
        "Login" => ("Error", "Message: Authentication failed\r\n"),
        "CoreSettings" => {
            ("Success", "AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.1\r\nSystemName: flood\r\n")
        }
        "Ping" => ("Success", "Ping: Pong\r\nTimestamp: 1795673768.000000\r\n"),
        "Events" => ("Success", "Events: On\r\n"),
        "CoreShowChannels" => ("Success", "EventList: start\r\nMessage: Channels will follow\r\n"),
        "Logoff" => ("Goodbye", "Message: Thanks for all the fish.\r\n"),
        _ => ("Error", "Message: Invalid/unknown command\r\n"),
    };
    let id = if action.id.is_empty() { String::new() } else { format!("ActionID: {}\r\n", action.id) };
    let booted = match (action.name.as_str(), word) {
        ("Login", "Success") => {
            "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 6\r\nLastReload: 6\r\nStatus: Fully Booted\r\n\r\n"
        }
        ("CoreShowChannels", _) => {
            let id = &action.id;
            return format!(
                "Response: {word}\r\nActionID: {id}\r\n{rest}\r\nEvent: CoreShowChannelsComplete\r\nActionID: {id}\r\n\
                 EventList: Complete\r\nListItems: 0\r\n\r\n"
            );
        }
        _ => "",
    };
    format!("Response: {word}\r\n{id}{rest}\r\n{booted}")
}
