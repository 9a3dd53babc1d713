//! The bot killed (`kill -9`) at any moment while its clients order calls by every way, always on the same store.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinHandle;

use crate::support::{Call, Firm, Lab, Part, Phone, Site};

const KILLS: usize = 12;

/// Clients that order beside each other.
const STREAMS: usize = 4;

/// The longest life after its start: calls are in every state by then.
const LONGEST: Duration = Duration::from_millis(1500);

const DESKS: [&str; 6] = ["150", "151", "152", "153", "154", "155"];

/// What the numbers do: answer and hang up, at once or after a second, or are busy.
const NUMBERS: [&str; 3] = ["0210", "0211", "0486"];

/// An order, and the id that the client was told, if it was told one.
struct Ordered {
    phone: Phone,
    id: Option<String>,
}

/// Orders one call after the other until it is told to stop, whether the bot lives or not.
fn client(
    site: &Site,
    firms: &[Firm],
    mut random: StdRng,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<Vec<Ordered>> {
    let (lab, url, firms, stop) = (site.lab.clone(), site.url.clone(), firms.to_vec(), stop.clone());
    tokio::spawn(async move {
        let (http, mut ordered) = (reqwest::Client::new(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let firm = &firms[random.random_range(0..firms.len())];
            let desk = DESKS[random.random_range(0..DESKS.len())];
            let phone = lab.number("june", NUMBERS[random.random_range(0..NUMBERS.len())]);
            let parameters = [("code", desk), ("phone", &phone.name), ("clientId", &firm.secret)];
            let request = http.get(format!("{url}/api/makecallexternal")).query(&parameters);
            let id = match request.send().await {
                Ok(answer) => answer.json::<serde_json::Value>().await.ok(),
                Err(_) => None,
            };
            let id = id.and_then(|answer| answer["call_id"].as_str().map(str::to_owned));
            ordered.push(Ordered { phone, id });
            tokio::time::sleep(Duration::from_millis(random.random_range(50..250))).await;
        }
        ordered
    })
}

/// The record says nothing that the phone contradicts.
fn assert_true(call: &Call, arrived: u64) {
    let number = call.text("phone");
    assert!(arrived <= 1, "{number} was dialed {arrived} times: {call:?}");
    assert!(call.has_ended(), "{call:?}");
    match call.text("reached").as_str() {
        // Who is called first is the extension: of the number nothing is claimed.
        "none" if call.status() == "unknown" => {}
        "none" => assert_eq!(arrived, 0, "{call:?}"),
        _ => assert_eq!(arrived, 1, "{call:?}"),
    }
}

#[tokio::test]
async fn at_any_moment() {
    let seed = std::env::var("FAULTS_SEED").ok().map_or_else(
        || RandomState::new().hash_one("kills"),
        |seed| seed.parse().expect("FAULTS_SEED is a number"),
    );
    println!("FAULTS_SEED={seed} gives the same moments again");
    let mut random = StdRng::seed_from_u64(seed);
    let lab = Lab::hold(&[Part::June]).await;
    let firms = ["ssh", "ami", "ari"].map(|way| Firm::of("june", way));
    let mut site = Site::start(&lab, &firms.each_ref(), &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..STREAMS).map(|_| client(&site, &firms, StdRng::seed_from_u64(random.random()), &stop)).collect();
    for kill in 0..KILLS {
        // Every fourth does not even live until it answers.
        if kill % 4 != 3 {
            site.bot.until_live().await;
        }
        tokio::time::sleep(LONGEST.mul_f64(random.random_range(0.0..1.0))).await;
        site.bot.kill();
        site.bot.launch();
    }
    site.bot.until_live().await;
    stop.store(true, Ordering::Relaxed);
    let mut ordered = Vec::new();
    for client in clients {
        ordered.extend(client.await.expect("a client"));
    }
    let calls = site.main.until_all_ended(Duration::from_secs(60)).await;

    let arrivals = lab.arrivals(&ordered.iter().map(|one| &one.phone).collect::<Vec<_>>()).await;
    let [mut whole, mut unknown, mut told] = [0; 3];
    for (Ordered { phone, id }, arrived) in ordered.iter().zip(arrivals) {
        let call = calls.iter().find(|call| call.text("phone") == phone.name);
        if let Some(id) = id {
            told += 1;
            let call = call.unwrap_or_else(|| panic!("a call that was accepted is lost: {id}"));
            assert_eq!(call.id(), *id);
        }
        match call {
            Some(call) => assert_true(call, arrived),
            None => assert_eq!(arrived, 0, "{} was dialed, and has no record", phone.name),
        }
        unknown += usize::from(call.is_some_and(|call| call.status() == "unknown"));
        whole += usize::from(call.is_some_and(|call| call.status() != "unknown"));
    }
    println!(
        "{KILLS} kills, {} orders, {told} taken: {whole} have an outcome, {unknown} are unknown",
        ordered.len()
    );
    // There must be enough of them for it to mean anything.
    assert!(told >= 2 * KILLS && whole >= KILLS, "{told} taken, {whole} with an outcome");
    lab.until_free("june").await;
    for firm in &firms {
        site.works(firm).await;
    }
}
