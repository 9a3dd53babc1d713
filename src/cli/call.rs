//! `novofon-bot call`: places a call and shows what happens to it, to its end.

use std::{io, process::ExitCode};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use uuid::Uuid;

use super::{
    client::{Client, Wish},
    connect::ConnectArgs,
    failure::Failure,
    follow::{Follow, Next, passing, pause},
    output::{Style, line, note},
    render::Look,
    text::Text,
    waiting::Waiting,
    wire::{Event, Told, View, json_line},
};
use call::scenario::SOUND_FAILED;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot call +79522675444
  novofon-bot call '8 (952) 267-54-44' --ring-timeout 30 --scenario greeting
  novofon-bot call +79522675444 --json | jq -r 'select(.call).call.reason'

Exit status: 0 if it was answered (with --no-wait: accepted), 1 if it was not, or if a sound of the
scenario could not be played to whom it was answered by, 2 if it could not be
asked for or followed, 130 after a second Ctrl-C. The first Ctrl-C asks the daemon to hang up.";

/// Repetitions of a request whose answer was lost; with the pauses between, about half a minute.
const ASK_AGAIN: u32 = 8;

/// A second Ctrl-C: what a shell shows for a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
pub struct CallArgs {
    /// The number, as a person writes it
    phone: String,
    /// What the bot says on answer: the name of a configured scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The number to show to the callee
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,
    /// How long to wait for an answer
    #[arg(long, value_name = "SECONDS")]
    ring_timeout: Option<u32>,
    /// How long the talk may last
    #[arg(long, value_name = "SECONDS")]
    max_duration: Option<u32>,
    /// One JSON object a line: each entry of the timeline, at last {"call": ...}
    #[arg(long)]
    json: bool,
    /// Return once the call is accepted
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: CallArgs, text: Text) -> Result<ExitCode, Failure> {
    let client = args.connect.client(text.lang())?;
    let wish = Wish {
        phone: args.phone,
        scenario: args.scenario,
        caller_id: args.caller_id,
        ring_timeout: args.ring_timeout,
        max_duration: args.max_duration,
    };
    let look = Look { text, style: Style::of_stdout() };
    let mut screen = Screen { look, json: args.json, start: None };
    let mut interrupts = signal(SignalKind::interrupt())?;

    let mut asked_to_end = false;
    let call = {
        let mut placing = std::pin::pin!(place(&client, &wish, text));
        loop {
            tokio::select! {
                call = &mut placing => break call?,
                _ = interrupts.recv() => {
                    if asked_to_end {
                        return Ok(ExitCode::from(INTERRUPTED));
                    }
                    asked_to_end = true;
                    note(text.will_hang_up());
                }
            }
        }
    };
    if args.no_wait && !asked_to_end {
        screen.accepted(&call)?;
        return Ok(ExitCode::SUCCESS);
    }
    let id = call.value.id;
    if !args.json {
        note(&text.placed(id, call.value.phone.as_str()));
    }
    let hanging_up = asked_to_end.then(|| hang_up(&client, id, text));
    let Some(call) = follow(&client, id, &mut screen, &mut interrupts, hanging_up).await? else {
        note(&text.how_to_follow(id));
        return Ok(ExitCode::from(INTERRUPTED));
    };
    screen.end(&call)?;
    // Answered, and nothing was said: that is no success to a script either.
    let silent = call.value.scenario_result.as_ref().is_some_and(|result| result.as_str() == SOUND_FAILED);
    Ok(if call.value.answered_at.is_some() && !silent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Places the call; an answer that was lost is asked for again with the same key, so that there is one
/// call at most.
async fn place(client: &Client, wish: &Wish, text: Text) -> Result<Told<View>, Failure> {
    let key = Uuid::now_v7();
    let mut lost: Option<String> = None;
    for tries in 0..=ASK_AGAIN {
        let failure = match client.place(wish, key).await {
            Ok(call) => return Ok(call),
            Err(failure) => failure,
        };
        let why = match (&failure, &lost) {
            (Failure::Broken { why, .. }, _) => why.clone(),
            // The daemon did not finish it in time, or is still at it.
            (Failure::Refused(problem), _)
                if matches!(problem.code.as_str(), "timed_out" | "idempotency_in_progress") =>
            {
                problem.detail.to_string()
            }
            // From here on an earlier request may have placed it, whatever becomes of this one.
            (failure, Some(_)) => match passing(failure) {
                Some(why) => why,
                None => return Err(Failure::Uncertain { why: text.failure(failure) }),
            },
            (_, None) => return Err(failure),
        };
        if lost.is_none() {
            note(&text.asking_again(&why));
        }
        lost = Some(why);
        tokio::time::sleep(pause(tries)).await;
    }
    Err(Failure::Uncertain { why: lost.unwrap_or_default() })
}

/// Shows what happens until the end. `None`: the user went away before.
async fn follow(
    client: &Client,
    id: Uuid,
    screen: &mut Screen,
    interrupts: &mut Signal,
    mut hanging_up: Option<JoinHandle<()>>,
) -> Result<Option<Told<View>>, Failure> {
    let text = screen.look.text;
    let mut stream = Follow::call(client, id);
    let mut waiting = Waiting::begin();
    loop {
        let next = tokio::select! {
            next = stream.next() => next?,
            () = waiting.is_long() => {
                waiting.tell(client, text).await;
                continue;
            }
            _ = interrupts.recv() => {
                if hanging_up.is_some() {
                    return Ok(None);
                }
                note(text.asks_to_hang_up());
                hanging_up = Some(hang_up(client, id, text));
                continue;
            }
        };
        match next {
            Next::Event(event) => {
                screen.event(&event)?;
                waiting.see(&event.value.entry);
                if let Some(call) = ended(*event) {
                    return Ok(Some(call));
                }
            }
            Next::Open => {}
            Next::Lost(why) => note(&text.connection_lost(&why)),
            Next::Back => note(text.connected_again()),
            Next::End => return client.call(id).await.map(Some),
        }
    }
}

/// The call as its last event has it.
fn ended(event: Told<Event>) -> Option<Told<View>> {
    let Told { value, mut json } = event;
    let call = value.call.filter(View::has_ended)?;
    value.entry.status?.is_terminal().then(|| Told { value: call, json: json["call"].take() })
}

/// Asks for the end until the daemon has heard it; a wish for an end is not lost to a restart.
fn hang_up(client: &Client, id: Uuid, text: Text) -> JoinHandle<()> {
    let client = client.clone();
    tokio::spawn(async move {
        for tries in 0.. {
            match client.hangup(id).await {
                Ok(()) => return,
                // It was faster.
                Err(Failure::Refused(problem)) if problem.code.as_str() == "call_ended" => return,
                Err(failure) => {
                    if tries == 0 {
                        note(&text.hangup_failed(&failure));
                    }
                    if passing(&failure).is_none() {
                        return;
                    }
                }
            }
            tokio::time::sleep(pause(tries)).await;
        }
    })
}

/// What the user sees.
struct Screen {
    look: Look,
    json: bool,
    start: Option<DateTime<Utc>>,
}

impl Screen {
    fn accepted(&self, call: &Told<View>) -> io::Result<()> {
        if self.json {
            return line(&json_line(&json!({"call": call.json})));
        }
        line(&call.value.id.to_string())?;
        note(&self.look.text.how_to_follow(call.value.id));
        Ok(())
    }

    fn event(&mut self, event: &Told<Event>) -> io::Result<()> {
        let entry = &event.value.entry;
        let start = *self.start.get_or_insert(entry.at);
        if self.json {
            let mut json = event.json.clone();
            // It is for the end.
            json.as_object_mut().map(|members| members.remove("call"));
            return line(&json_line(&json));
        }
        line(&self.look.entry(entry, start))
    }

    fn end(&self, call: &Told<View>) -> io::Result<()> {
        if self.json {
            return line(&json_line(&json!({"call": call.json})));
        }
        self.look.verdict(&call.value).iter().try_for_each(|text| line(text))
    }
}
