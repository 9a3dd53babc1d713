//! Lists, totals and cursors, against what a plain look at all calls gives.

use proptest::prelude::*;
use proptest::{collection::vec, option, sample::select, test_runner::TestRunner};

use super::*;

on_both!(
    pages_stay_where_they_are_while_calls_arrive,
    a_step_of_the_clock_neither_hides_nor_repeats_a_call,
    open_calls_come_in_the_order_of_creation,
    an_empty_store_lists_nothing,
    a_page_of_large_metadata_ends_early_and_loses_nothing,
);

const WHOLE: Page = Page { limit: 1000, cursor: None, offset: 0 };

fn ids(listing: &Listing) -> Vec<CallId> {
    listing.calls.iter().map(|call| call.id).collect()
}

async fn pages_stay_where_they_are_while_calls_arrive(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let mut calls: Vec<_> = (0..25).map(|n| call(n, phone(n % 3))).collect();
    for record in &calls {
        store.submit(commit(record, &[]));
    }
    stored(store, &calls[0]).await;
    calls.reverse();

    let mut seen = Vec::new();
    let mut page = Page { limit: 10, cursor: None, offset: 0 };
    for round in 0.. {
        let listing = store.list(&Filter::default(), &page).await.expect("listed");
        assert_eq!(listing.total, 25 + round);
        seen.extend(ids(&listing));
        // A newer call, after every page.
        stored(store, &call(1000 + round as u32, phone(9))).await;
        let Some(next) = listing.next else { break };
        page.cursor = Some(next.to_string().parse().expect("a cursor"));
    }
    assert_eq!(seen, calls.iter().map(|call| call.id).collect::<Vec<_>>());
}

async fn a_step_of_the_clock_neither_hides_nor_repeats_a_call(on: On) {
    let fixture = Fixture::new(on).await;
    // Ids are made in the order of the loop; the clock goes back twice.
    let times = [100, 101, 50, 51, 102, 10];
    let calls: Vec<_> = times.into_iter().map(|n| call(n, phone(1))).collect();
    for record in &calls {
        stored(&fixture.store, record).await;
    }
    let listing = fixture.store.list(&Filter::default(), &WHOLE).await.expect("listed");
    let order: Vec<_> = [4, 1, 0, 3, 2, 5].into_iter().map(|index| calls[index].id).collect();
    assert_eq!(ids(&listing), order, "the order is that of created_at");
    let at = |seconds| Some(start() + TimeDelta::seconds(seconds));
    let filter = Filter { from: at(50), to: at(101), ..Filter::default() };
    let listing = fixture.store.list(&filter, &WHOLE).await.expect("listed");
    assert_eq!(ids(&listing), [calls[0].id, calls[3].id, calls[2].id], "from is in, to is out");
}

async fn open_calls_come_in_the_order_of_creation(on: On) {
    let fixture = Fixture::new(on).await;
    let mut expected = Vec::new();
    for n in 0..30 {
        let mut record = call(n, phone(n));
        record.last.status = Status::ALL[n as usize % Status::ALL.len()];
        stored(&fixture.store, &record).await;
        if !record.last.status.is_terminal() {
            expected.push(record);
        }
    }
    assert_eq!(fixture.store.open_calls().await.expect("read"), expected);
    let counts = fixture.store.counts_by_status().await.expect("read");
    assert_eq!(counts.values().sum::<i64>(), 30);
    assert_eq!(counts[&Status::Dialing], 3);
}

async fn an_empty_store_lists_nothing(on: On) {
    let fixture = Fixture::new(on).await;
    let filters = [
        Filter::default(),
        Filter { statuses: vec![Status::Busy], ..Filter::default() },
        Filter { ended_by: Some(vec![]), ..Filter::default() },
        Filter { phone: Some(phone(1)), from: Some(start()), to: Some(start()), ..Filter::default() },
    ];
    for filter in filters {
        let listing = fixture.store.list(&filter, &Page { offset: 700, ..WHOLE }).await.expect("listed");
        assert_eq!(listing, Listing { total: 0, calls: vec![], next: None });
    }
    assert_eq!(fixture.store.open_calls().await.expect("read"), []);
}

/// A year in seconds: the random calls fall into buckets of every level.
const YEAR: u32 = 31_000_000;

fn any_call() -> impl Strategy<Value = CallRecord> {
    let when = prop_oneof![0..YEAR, 0..600u32];
    (
        when,
        0..4u32,
        select(&Status::ALL[..]),
        option::of(select(Reason::ALL)),
        option::of(select(EndedBy::ALL)),
        option::of(0..3u32),
        select(vec![None, Some("crm"), Some("касса")]),
    )
        .prop_map(|(when, number, status, reason, ended_by, enterprise, client)| {
            let phone = phone(number);
            let request: Request = match enterprise {
                Some(n) => office(n, phone).into(),
                None => OutgoingCall { requested_by: client.map(str::to_owned), ..outgoing(phone) }.into(),
            };
            let mut call = of(when, request);
            (call.last.status, call.last.reason, call.last.ended_by) = (status, reason, ended_by);
            call
        })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let time = || option::of(prop_oneof![0..YEAR, 0..600u32]);
    let some_reason = option::weighted(0.2, select(Reason::ALL));
    let some_by = option::weighted(0.4, vec(select(EndedBy::ALL), 0..5));
    let some_enterprise = option::weighted(0.3, 0..3u32);
    let some_client = option::weighted(0.3, select(vec!["crm", "касса", "nobody"]));
    (
        vec(select(&Status::ALL[..]), 0..4),
        some_by,
        some_reason,
        option::of(0..4u32),
        (some_enterprise, some_client),
        time(),
        time(),
    )
        .prop_map(|(statuses, ended_by, reason, number, (enterprise, client), from, to)| {
            let at = |n: u32| start() + TimeDelta::seconds(n.into());
            Filter {
                statuses,
                ended_by,
                reason,
                phone: number.map(phone),
                enterprise: enterprise.map(enterprise_number),
                client: client.map(str::to_owned),
                from: from.map(at),
                to: to.map(at),
            }
        })
}

/// What the list must give, by looking at every call.
fn plain<'a>(calls: &'a [CallRecord], filter: &Filter) -> Vec<&'a CallRecord> {
    let mut found: Vec<_> = calls
        .iter()
        .filter(|call| filter.statuses.is_empty() || filter.statuses.contains(&call.last.status))
        .filter(|call| {
            filter
                .ended_by
                .as_ref()
                .is_none_or(|list| call.last.ended_by.is_some_and(|by| list.contains(&by)))
        })
        .filter(|call| filter.reason.is_none_or(|reason| call.last.reason == Some(reason)))
        .filter(|call| filter.phone.as_ref().is_none_or(|phone| call.request.phone() == phone.as_str()))
        .filter(|call| {
            let of = |number: &String| call.request.tenant().is_some_and(|tenant| tenant.number == *number);
            filter.enterprise.as_ref().is_none_or(of)
        })
        .filter(|call| {
            let is_own = |name: &String| {
                call.request.outgoing().is_some_and(|own| own.requested_by.as_ref() == Some(name))
            };
            filter.client.as_ref().is_none_or(is_own)
        })
        .filter(|call| filter.from.is_none_or(|from| call.created_at >= from))
        .filter(|call| filter.to.is_none_or(|to| call.created_at < to))
        .collect();
    found.sort_by_key(|call| std::cmp::Reverse((call.created_at, call.id)));
    found
}

/// What was done to a store, and what is asked of it.
#[derive(Debug, Clone)]
struct Case {
    calls: Vec<CallRecord>,
    changes: Vec<(prop::sample::Index, CallRecord)>,
    deletions: Vec<prop::sample::Index>,
    filters: Vec<(Filter, u32, u32)>,
}

fn any_case() -> impl Strategy<Value = Case> {
    let filters = vec((any_filter(), 1..40u32, prop_oneof![0..60u32, 450..900u32]), 40);
    let deletions = vec(any::<prop::sample::Index>(), 0..30);
    let changes = vec((any::<prop::sample::Index>(), any_call()), 0..60);
    (vec(any_call(), 700..900), changes, deletions, filters)
        .prop_map(|(calls, changes, deletions, filters)| Case { calls, changes, deletions, filters })
}

async fn are_those_of_a_plain_count(case: Case, place: Place) {
    let Case { mut calls, changes, deletions, filters } = case;
    let fixture = Fixture::at(place).await;
    let store = &fixture.store;
    for record in &calls {
        store.submit(commit(record, &[]));
    }
    for (index, other) in changes {
        let record = index.get(&calls).id;
        let record = calls.iter_mut().find(|call| call.id == record).expect("it is one of them");
        (record.last.status, record.last.reason, record.last.ended_by) =
            (other.last.status, other.last.reason, other.last.ended_by);
        store.submit(commit(record, &[]));
    }
    for index in deletions {
        let index = index.index(calls.len());
        if store.delete(calls[index].id).await.expect("deleted") == Deleted::Yes {
            calls.remove(index);
        }
    }
    stored(store, &calls[0]).await;
    assert_eq!(store.integrity_check().await.expect("checked"), [""; 0]);

    for (filter, limit, offset) in filters {
        let expected = plain(&calls, &filter);
        let mut page = Page { limit, cursor: None, offset };
        let listing = store.list(&filter, &page).await.expect("listed");
        assert_eq!(listing.total, expected.len() as i64, "{filter:?}");
        let shown: Vec<_> = expected.iter().skip(offset as usize).take(limit as usize).copied().collect();
        assert_eq!(listing.calls.iter().collect::<Vec<_>>(), shown, "{filter:?} {page:?}");
        assert_eq!(listing.next.is_some(), (offset + limit) < expected.len() as u32);
        if let Some(next) = listing.next {
            page = Page { limit, cursor: Some(next), offset: 0 };
            let listing = store.list(&filter, &page).await.expect("listed");
            let shown: Vec<_> =
                expected.iter().skip((offset + limit) as usize).take(limit as usize).copied().collect();
            assert_eq!(listing.calls.iter().collect::<Vec<_>>(), shown, "{filter:?} {page:?}");
        }
    }
    store.close().await;
}

fn lists_and_totals_are_those_of_a_plain_count(
    cases: u32,
    place: impl Fn(u32) -> Place,
    runtime: &tokio::runtime::Runtime,
) {
    let begun = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let checked = runner.run(&any_case(), |case| {
        let place = place(begun.replace(begun.get() + 1));
        runtime.block_on(are_those_of_a_plain_count(case, place));
        Ok(())
    });
    checked.unwrap_or_else(|e| panic!("{e}"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

#[test]
fn lists_and_totals_on_sqlite() {
    let place = |_| Place::Folder(tempfile::tempdir().expect("a folder"));
    lists_and_totals_are_those_of_a_plain_count(12, place, &runtime());
}

/// One server has a schema for each case.
#[test]
fn lists_and_totals_on_postgres() {
    let runtime = runtime();
    let server = Arc::new(runtime.block_on(server()));
    lists_and_totals_are_those_of_a_plain_count(
        4,
        |n| Place::of(server.clone(), &format!("case_{n}")),
        &runtime,
    );
}

async fn a_page_of_large_metadata_ends_early_and_loses_nothing(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let filling = serde_json::json!({ "filling": "x".repeat(1 << 20) }).to_string();
    let mut expected = Vec::new();
    for n in 0..12 {
        let custom_metadata = call::Metadata::of_store(&filling).ok();
        let record = of(n, OutgoingCall { custom_metadata, ..outgoing(phone(1)) });
        expected.push(record.id);
        stored(store, &record).await;
    }
    let (mut seen, mut pages) = (Vec::new(), 0);
    let mut page = WHOLE;
    loop {
        let listing = store.list(&Filter::default(), &page).await.expect("listed");
        assert_eq!(listing.total, 12);
        pages += 1;
        seen.extend(ids(&listing));
        let Some(next) = listing.next else { break };
        assert!(listing.calls.len() <= 5, "{}", listing.calls.len());
        page.cursor = Some(next);
    }
    expected.reverse();
    assert_eq!((seen, pages), (expected, 3));
}
