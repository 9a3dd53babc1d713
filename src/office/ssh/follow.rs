//! Follows the calls of a host by asking for its channels: what has changed from one look to the next becomes a
//! sight.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use super::{
    BY_PROCESS, BY_SOCKET, Inner,
    root::{Root, roots},
};
use tokio::sync::OwnedMutexGuard;

use crate::office::order::Order;
use asterisk::console::{Channel, ChannelDetails, ChannelName, ChannelState, Channels, Command, UniqueId};
use call::{
    CallId, Causes, Role, Seen,
    office::{OfficeInput, Sight},
};

/// A host that was not to be asked for so long has calls that nobody sees.
const BLIND: Duration = Duration::from_secs(3);
/// An order must have led to a channel by then.
const FIND: Duration = Duration::from_secs(3);
/// After so many looks at sides that nothing connects, somebody has taken them over.
const APART: u8 = 2;
/// So many channels are asked for their linkedid at a time.
const ASKED_AT_ONCE: usize = 20;

/// A call that is followed.
pub(super) struct Followed {
    order: Order,
    root: Root,
    /// When its order was given.
    begun: Instant,
    /// A look that was asked for before this may not have its channels yet.
    since: Instant,
    /// Until its root is found, nobody else orders from its extension.
    alone: Option<OwnedMutexGuard<()>>,
    /// The channels of each side as they were last seen.
    seen: BTreeMap<UniqueId, Known>,
    was_there: bool,
    /// So many looks in a row found nothing that leads from one side to the other.
    apart: u8,
    /// It was told that nobody sees it.
    blind: bool,
}

impl Followed {
    pub fn new(order: Order, root: Root, begun: Instant, alone: Option<OwnedMutexGuard<()>>) -> Self {
        // The two that a former run saw talk: if one of them is not there any more, that is told.
        let known = |(id, leg): (&String, Role)| {
            let known = Known { leg, name: id.clone(), state: ChannelState::Up, is_joined: true };
            (UniqueId::new(id), known)
        };
        let sides = order.sides.iter().flatten().zip([Role::Desk, Role::Phone]);
        Followed {
            seen: sides.map(known).collect(),
            order,
            root,
            begun,
            since: Instant::now(),
            alone,
            was_there: false,
            apart: 0,
            blind: false,
        }
    }

    pub fn linked_id(&self) -> Option<String> {
        self.root.linked_id()
    }

    /// `sides`: the two that are connected. `None`: they are so with others now.
    pub fn to_hang_up(&self, channels: &Channels, sides: Option<&[String; 2]>) -> Option<Vec<ChannelName>> {
        let Some([desk, phone]) = sides else {
            let Root::Known(family) = &self.root else { return Some(Vec::new()) };
            return family.to_hang_up(channels).map(|names| names.into_iter().cloned().collect());
        };
        let there = |id: &String| channels.list.iter().find(|channel| channel.unique_id.as_str() == id);
        let (desk, phone) = (there(desk)?, there(phone)?);
        let is_heard = channels.heard_by(&desk.name).contains(&phone);
        is_heard.then(|| vec![desk.name.clone(), phone.name.clone()])
    }

    /// Its first channel is still to be told from others'.
    pub fn is_sought(&self) -> bool {
        matches!(self.root, Root::ToBeFound)
    }

    pub fn is_there(&self, channels: &Channels) -> bool {
        match &self.root {
            Root::Known(family) => {
                let is_seen = |(id, known): (&UniqueId, &Known)| channels.has(id, &known.name);
                !family.look(channels).gone || self.seen.iter().any(is_seen)
            }
            Root::ToBeFound => false,
        }
    }

    /// Which channels must be asked for before this look says anything.
    fn unasked(&self, channels: &Channels) -> Vec<Channel> {
        match &self.root {
            Root::Known(family) => family.unasked(channels).into_iter().cloned().collect(),
            Root::ToBeFound => Vec::new(),
        }
    }

    /// What has changed since the last look.
    fn compare(&mut self, channels: &Channels) -> Vec<OfficeInput> {
        let device = self.order.device();
        let mut inputs = self.tell_strangers(channels);
        let Root::Known(family) = &mut self.root else { return Vec::new() };
        family.forget_gone(channels);
        let look = family.look(channels);
        let mut now = BTreeMap::new();
        for (leg, channel) in sides(&look) {
            let before = self.seen.get(&channel.unique_id);
            // A dialplan that answers by itself dials the extension's phone beside the number, or after it.
            let leg = if channel.name.is_of(&device) { Role::Desk } else { leg };
            let known = Known {
                leg: before.map_or(leg, |before| before.leg),
                // A pick-up gives it another one.
                name: before.map_or_else(|| channel.name.to_string(), |before| before.name.clone()),
                state: channel.state.clone(),
                is_joined: family.is_beside_another(channel, channels),
            };
            let id = &channel.unique_id;
            inputs.extend(steps(before, &known).into_iter().map(|seen| sight(id, &known, seen)));
            now.insert(channel.unique_id.clone(), known);
        }
        for (id, known) in std::mem::take(&mut self.seen) {
            // Asterisk may count one that lives on among another call's; and a number with a line break in it breaks its line.
            if channels.has(&id, &known.name) {
                now.entry(id).or_insert(known);
            } else {
                inputs.push(sight(&id, &known, Seen::Gone(Causes::default())));
            }
        }
        self.seen = now;
        if look.gone && self.seen.is_empty() {
            inputs.push(OfficeInput::Over);
        } else {
            self.was_there = true;
        }
        // They may be on their way from one bridge to another.
        let is_apart =
            look.near.is_none() && !look.joined && !(look.desk.is_empty() && look.phone.is_empty());
        self.apart = if is_apart { self.apart.saturating_add(1) } else { 0 };
        if self.apart >= APART {
            let leg = if look.desk.is_empty() { Role::Phone } else { Role::Desk };
            inputs.push(OfficeInput::Alone { leg });
        }
        inputs
    }

    /// Leaves out who is not the number, though it has the call's linkedid: who picked up what rang there, and, once the
    /// order's own channels are gone, who is dialed or talked with by a phone that somebody took over.
    fn tell_strangers(&mut self, channels: &Channels) -> Vec<OfficeInput> {
        let Root::Known(family) = &mut self.root else { return Vec::new() };
        let look = family.look(channels);
        let device = self.order.device();
        let is_new =
            |channel: &&&Channel| !self.seen.contains_key(&channel.unique_id) && !channel.name.is_of(&device);
        let is_up = |channel: &Channel| channel.state == ChannelState::Up;
        let with_a_caller =
            |channel: &Channel| channels.heard_by(&channel.name).into_iter().any(Channel::runs_by_itself);
        // What rang there is gone in the moment in which somebody else is up.
        let has_stopped = self.seen.iter().any(|(id, known)| {
            known.leg == Role::Phone && known.state != ChannelState::Up && !channels.has(id, &known.name)
        });
        let (mut strangers, mut is_picked_up) = (Vec::new(), false);
        for channel in look.phone.iter().filter(is_new) {
            let was_dialed = family.was_dialed(channel);
            if is_up(channel) && (was_dialed == Some(false) || has_stopped && was_dialed.is_none()) {
                is_picked_up = true;
                strangers.push(channel.unique_id.clone());
            } else if look.near.is_none()
                && (!is_up(channel) || channel.runs_by_itself() || with_a_caller(channel))
            {
                strangers.push(channel.unique_id.clone());
            }
        }
        for stranger in &strangers {
            family.disown(stranger);
        }
        is_picked_up.then_some(OfficeInput::TakenOver { leg: Role::Phone }).into_iter().collect()
    }
}

fn sides<'a>(look: &asterisk::console::Look<'a>) -> impl Iterator<Item = (Role, &'a Channel)> {
    let desk = look.desk.clone().into_iter().map(|channel| (Role::Desk, channel));
    let phone = look.phone.clone().into_iter().map(|channel| (Role::Phone, channel));
    desk.chain(phone)
}

/// A channel of the call as it was last seen.
struct Known {
    leg: Role,
    /// When it was first seen.
    name: String,
    state: ChannelState,
    is_joined: bool,
}

/// What a channel has been seen to do, that it had not been seen to do before.
fn steps(before: Option<&Known>, now: &Known) -> Vec<Seen> {
    let mut steps = Vec::new();
    if before.is_none() {
        steps.push(Seen::Created { sip_call_id: None });
    }
    if before.is_none_or(|before| before.state != now.state) {
        match now.state {
            ChannelState::Ringing => steps.push(Seen::Ringing),
            ChannelState::Up => steps.push(Seen::Up),
            _ => {}
        }
    }
    match (before.is_some_and(|before| before.is_joined), now.is_joined) {
        (false, true) => steps.push(Seen::Joined),
        (true, false) => steps.push(Seen::Left),
        _ => {}
    }
    steps
}

fn sight(id: &UniqueId, known: &Known, seen: Seen) -> OfficeInput {
    let channel = id.as_str().to_owned();
    OfficeInput::Sight(Sight { leg: known.leg, channel, name: known.name.clone(), seen })
}

/// Asks for as long as the way exists, and only while there is somebody to be followed.
pub(super) async fn run(way: Weak<Inner>) {
    let mut failing: Option<Instant> = None;
    loop {
        let Some(inner) = way.upgrade() else { return };
        if inner.stop.is_cancelled() {
            return;
        }
        if inner.followed.lock().is_empty() {
            // Nobody is kept alive by this wait: a way that is dropped wakes nobody, and the time ends it.
            let stop = inner.stop.clone();
            tokio::select! {
                () = inner.wake.notified() => {}
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
            continue;
        }
        match inner.look_at_all().await {
            Ok(()) => failing = None,
            Err(why) => {
                tracing::debug!(host = inner.line.label(), why, "a look at the host failed");
                let since = *failing.get_or_insert_with(Instant::now);
                if since.elapsed() > BLIND {
                    inner.tell_blind(&why);
                }
            }
        }
        let pause = if inner.line.is_by_socket() { BY_SOCKET } else { BY_PROCESS };
        let wake = inner.wake.clone();
        drop(inner);
        // A new call is looked for at once: its first channel lives only until both sides talk.
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Inner {
    /// One look, and what it tells of each call.
    async fn look_at_all(self: &Arc<Self>) -> Result<(), String> {
        let asked_at = Instant::now();
        let channels = self.channels().await.map_err(|error| error.why.en)?;
        self.find_roots(&channels, asked_at);
        let unasked: Vec<Channel> = {
            let followed = self.followed.lock();
            let mut unasked: Vec<Channel> =
                followed.values().flat_map(|followed| followed.unasked(&channels)).collect();
            unasked.sort_by(|one, other| one.name.cmp(&other.name));
            unasked.dedup();
            unasked
        };
        for some in unasked.chunks(ASKED_AT_ONCE) {
            let commands = some.iter().map(|channel| Command::Channel(channel.name.clone())).collect();
            let answers = self.line.run(commands).await.map_err(|error| error.why.en)?;
            let mut followed = self.followed.lock();
            for (channel, answer) in some.iter().zip(answers) {
                let details =
                    ChannelDetails::parse(&channel.name, &answer).map_err(|error| error.to_string())?;
                for one in followed.values_mut() {
                    if let Root::Known(family) = &mut one.root {
                        family.learn(channel, details.as_ref());
                    }
                }
            }
        }
        let mut told: Vec<(CallId, OfficeInput)> = Vec::new();
        for (call, followed) in self.followed.lock().iter_mut() {
            // It began after the look was asked for.
            if followed.since > asked_at {
                continue;
            }
            followed.blind = false;
            told.extend(followed.compare(&channels).into_iter().map(|input| (*call, input)));
        }
        for (call, input) in told {
            if input == OfficeInput::Over {
                self.followed.lock().remove(&call);
            }
            self.inboxes.put(call, input);
        }
        Ok(())
    }

    /// Finds the channels of orders that were given by a process, whose beginning nobody saw.
    fn find_roots(&self, channels: &Channels, asked_at: Instant) {
        let mut own = self.own_roots();
        let mut lost = Vec::new();
        let mut followed = self.followed.lock();
        for (call, one) in followed.iter_mut().filter(|(_, one)| one.since <= asked_at) {
            match &one.root {
                Root::Known(_) => continue,
                Root::ToBeFound if one.begun.elapsed() < FIND => {}
                Root::ToBeFound => {
                    lost.push(*call);
                    continue;
                }
            }
            let since = one.begun.elapsed();
            let young: Vec<&Channel> = roots(&one.order, channels)
                .filter(|root| {
                    root.age <= since + Duration::from_secs(1)
                        && !own.contains(&root.unique_id.as_str().to_owned())
                })
                .collect();
            if young.is_empty() {
                // The order was given before this look: what came of it is gone already.
                lost.push(*call);
                continue;
            }
            if let Some(root) = Root::the_one(&one.order, young.into_iter()) {
                one.root = root;
                one.alone = None;
                if let Some(linked) = one.root.linked_id() {
                    own.push(linked.clone());
                    self.inboxes.put(*call, OfficeInput::Linked { linked_id: linked });
                }
            }
        }
        for call in lost {
            followed.remove(&call);
            let why = "its channel can't be told from others at the host, or was gone before anybody looked"
                .to_owned();
            self.inboxes.put(call, OfficeInput::Blind { why });
        }
    }

    fn tell_blind(&self, why: &str) {
        for (call, followed) in self.followed.lock().iter_mut().filter(|(_, followed)| !followed.blind) {
            followed.blind = true;
            self.inboxes.put(*call, OfficeInput::Blind { why: why.to_owned() });
        }
    }
}
