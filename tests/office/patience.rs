//! Our own time for a call to be answered, which is the same whatever the phones are.

use crate::{
    outcomes::{assert_end, ready},
    support::{Way, by_each_way},
};

/// Both sides must be connected within it.
async fn time_is_over(way: Way) {
    let (desk, _bot, client) = ready(way, &[("office.ring_timeout", "5")]).await;
    let number = desk.number("0180");
    let call = client.place_and_wait(&desk.name, &number).await;
    let cause = if way.tells_all() { " - 16" } else { "" };
    assert_end(&client, &call.id(), &format!("no_answer ring_timeout limit ringing{cause}")).await;
    number.until_free().await;
    desk.until_free().await;

    desk.does("ring").await;
    let call = client.place_and_wait(&desk.name, &number).await;
    assert_end(&client, &call.id(), "failed extension_no_answer limit none").await;
    desk.until_free().await;
    assert_eq!(number.arrivals().await, 1);
}

by_each_way!(time_is_over);
