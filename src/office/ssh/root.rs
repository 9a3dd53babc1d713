//! Which of a host's channels an order began with: by what is new around the order, or, of an order of before, by its linkedid
//! or by what the channel runs.

use std::time::Duration;

use crate::office::order::Order;
use asterisk::console::{Channel, Channels, Family};
use call::{CallId, What};

/// The channel that an order began with.
pub(super) enum Root {
    Known(Box<Family>),
    /// The next looks will find it, or tell that it can't be told from others.
    ToBeFound,
}

/// What came of looking for the call of an order of before.
pub(super) enum Found {
    Yes(Root),
    /// There is one that may be it, and can't be told from another's yet.
    NotYet,
    No,
}

impl Root {
    /// What is new between two looks with nothing but the order between them, and not another call's of ours.
    pub fn between(order: &Order, before: &Channels, after: &Channels, own: &[String]) -> Option<Self> {
        let new = after.originated(before, order.extension.as_str(), &order.context);
        Self::the_one(
            order,
            new.into_iter().filter(|root| !own.contains(&root.unique_id.as_str().to_owned())),
        )
    }

    /// The call of an order of before, by its linkedid or else by what its first half runs.
    pub fn find(order: &Order, channels: &Channels, own: &[String]) -> Found {
        if let Some(linked) = &order.linked_id {
            let near = channels.list.iter().find(|channel| channel.unique_id.as_str() == linked);
            let known = near.and_then(|near| family(order, near));
            let family = known.or_else(|| Family::of_linked_id(linked, number(order)));
            return family.map_or(Found::No, |family| Found::Yes(Root::Known(Box::new(family))));
        }
        let Some(since) = order.dialed_at else { return Found::No };
        // Not older than its order, with a second for rounding. A host that stood still made it later than that.
        let oldest = (chrono::Utc::now() - since).to_std().unwrap_or_default() + Duration::from_secs(1);
        let candidates: Vec<&Channel> = roots(order, channels)
            .filter(|root| root.age <= oldest)
            // Another call of ours, by this way or by one that chose the id.
            .filter(|root| !own.contains(&root.unique_id.as_str().to_owned()))
            .filter(|root| root.unique_id.as_str().parse::<CallId>().is_err())
            .collect();
        let runs = running(order);
        let its = candidates.iter().copied().filter(|root| root.data.starts_with(&runs));
        match Self::the_one(order, its) {
            Some(root) => Found::Yes(root),
            // Until the extension picks up, it could be anybody's.
            None if candidates.iter().any(|root| root.application.as_deref() == Some("AppDial2")) => {
                Found::NotYet
            }
            None => Found::No,
        }
    }

    pub fn the_one<'a>(order: &Order, mut candidates: impl Iterator<Item = &'a Channel>) -> Option<Self> {
        match (candidates.next(), candidates.next()) {
            (Some(root), None) => family(order, root).map(|family| Root::Known(Box::new(family))),
            _ => None,
        }
    }

    pub fn linked_id(&self) -> Option<String> {
        match self {
            Root::Known(family) => Some(family.linked_id().to_owned()),
            Root::ToBeFound => None,
        }
    }
}

/// The near halves of Local channels to the order's extension.
pub(super) fn roots<'a>(order: &'a Order, channels: &'a Channels) -> impl Iterator<Item = &'a Channel> {
    channels.originated(&Channels::default(), order.extension.as_str(), &order.context).into_iter()
}

fn family(order: &Order, root: &Channel) -> Option<Family> {
    match number(order) {
        Some(number) => Family::of_call(root, number),
        None => Family::of_monitoring(root),
    }
}

/// What the first half runs once the extension has picked up: nobody else's says the same.
fn running(order: &Order) -> String {
    match &order.what {
        What::Dial(number) => format!("Local/{number}@{}", order.context),
        What::Listen { target, .. } => format!("{}-,", order.technology.device(target)),
    }
}

fn number(order: &Order) -> Option<&str> {
    match &order.what {
        What::Dial(number) => Some(number.as_str()),
        What::Listen { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use call::WayKind;

    fn order() -> Order {
        let dialed_at = Some(chrono::Utc::now() - Duration::from_secs(30));
        Order { way: Some(WayKind::Ssh), dialed_at, ..Order::to_dial() }
    }

    fn found(lines: &[&str], own: &[&str]) -> Option<String> {
        let channels = Channels::parse(&lines.join("\n")).expect("a list");
        let own: Vec<String> = own.iter().map(|id| (*id).to_owned()).collect();
        match Root::find(&order(), &channels, &own) {
            Found::Yes(root) => root.linked_id(),
            Found::NotYet => Some("not yet".to_owned()),
            Found::No => None,
        }
    }

    const OURS: &str = "Local/150@inoffice-00000013;1!inoffice!150!1!Up!Dial!Local/+375296254070@inoffice!150!!!3!4!!1795.55";

    /// A host that stood still for 25 s made its channels so much later; they are told by what they run.
    #[test]
    fn a_call_of_before_is_told_by_its_number() {
        assert_eq!(found(&[OURS], &[]).as_deref(), Some("1795.55"));
        assert_eq!(found(&[&OURS.replace("!4!", "!40!")], &[]), None, "it is older than the order");
        assert_eq!(found(&[&OURS.replace("4070@", "4071@")], &[]), None, "another number");
        assert_eq!(found(&[OURS], &["1795.55"]), None, "another call of ours");
        let rings = OURS.replace("Up!Dial!Local/+375296254070@inoffice", "Ringing!AppDial2!(Outgoing Line)");
        assert_eq!(found(&[&rings], &[]).as_deref(), Some("not yet"));
        // One that another way of ours made, which chooses the ids.
        let chosen =
            rings.replace("00000013", "00000014").replace("1795.55", "01a2178a-e5ae-7191-84f5-fe05fa6874af");
        assert_eq!(found(&[&chosen], &[]), None);
        assert_eq!(found(&[&chosen, OURS], &[]).as_deref(), Some("1795.55"));
    }
}
