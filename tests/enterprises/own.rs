//! Our own table, and what is ordered of one that is not ours.

use asterisk::secret::Secret;
use call::{Technology, WayChoice, WayKind};
use novofon_bot::enterprises::{Directory, DirectoryConfig, DirectoryError, NewEnterprise, Overrides};

use crate::{
    JULY, JUNE, SEED_TABLE, cluster::Cluster, config, hears_changes, is_connected, number, until_connected,
};

fn new(number: &str, settings: Overrides) -> NewEnterprise {
    NewEnterprise {
        number: number.parse().expect("a number"),
        name: "june".parse().expect("a name"),
        ip: "10.88.10.19".parse().expect("a host"),
        settings,
        secret: None,
        alter_table: false,
    }
}

fn settings() -> Overrides {
    Overrides {
        way: Some(WayChoice::Only(WayKind::Ssh)),
        context: Some("inoffice".parse().expect("a context")),
        technology: Some(Technology::Pjsip),
        ssh_port: Some(5059),
        ssh_user: Some("root".parse().expect("a user")),
        ssh_password: Some(Secret::new("ssh pass'word")),
        ami_port: Some(5038),
        ami_user: Some("bot".parse().expect("a user")),
        ami_password: Some(Secret::new("a")),
        ari_port: Some(8088),
        ari_user: Some("bot".parse().expect("a user")),
        ari_password: Some(Secret::new("b")),
        extensions: Some("100-199,300".parse().expect("extensions")),
        rate_limit: Some(60),
    }
}

async fn of_owner(cluster: &Cluster) -> Directory {
    let config = DirectoryConfig { url: Secret::new(cluster.url("owner")), ..config(cluster) };
    Directory::open(config).await.expect("a URL")
}

#[tokio::test]
async fn an_empty_database_gets_our_table() {
    let cluster = Cluster::start().await;
    let directory = of_owner(&cluster).await;
    let added = directory.add(new("0367", settings())).await.expect("added");
    assert!(added.made_table && added.added_columns.is_empty());
    let secret = added.secret.expose();
    assert!(secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit()), "{secret}");
    until_connected(&directory).await;
    let june = directory.identify(&added.secret).await.expect("an answer").expect("june");
    assert_eq!((june.number.as_str(), &june.settings), ("0367", &settings()));

    let error = directory.add(new("0367", Overrides::default())).await.expect_err("taken");
    assert_eq!(error, DirectoryError::Taken { number: "0367".into() });
    let same = NewEnterprise { secret: Some(added.secret.clone()), ..new("0368", Overrides::default()) };
    let error = directory.add(same).await.expect_err("a secret is one enterprise's");
    assert!(matches!(error, DirectoryError::Refused { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    directory.add(new("0368", Overrides::default())).await.expect("added");
    let list = directory.list().await.expect("a list");
    let numbers: Vec<_> = list.iter().map(|row| (row.number.as_str(), row.active)).collect();
    assert_eq!(numbers, [("0367", true), ("0368", true)]);

    let (june, nobody) = ("0367".parse().expect("a number"), "1".parse().expect("a number"));
    directory.disable(&june).await.expect("disabled");
    assert_eq!(directory.identify(&added.secret).await, Ok(None), "at once, in the same process");
    let told = directory.by_number("0367").await.expect("an answer").expect("disabled, but there");
    assert_eq!((told.number.as_str(), &told.settings), ("0367", &settings()));
    directory.enable(&june).await.expect("enabled");
    assert!(directory.identify(&added.secret).await.expect("an answer").is_some());
    let rotated = directory.rotate_secret(&june).await.expect("rotated");
    assert_eq!(directory.identify(&added.secret).await, Ok(None));
    assert!(directory.identify(&rotated).await.expect("an answer").is_some());
    let none = DirectoryError::NoSuch { number: "1".into() };
    assert_eq!(directory.disable(&nobody).await, Err(none.clone()));
    assert_eq!(directory.rotate_secret(&nobody).await, Err(none));
    assert!(directory.by_number("1").await.expect("an answer").is_none());
}

#[tokio::test]
async fn a_table_of_others_is_not_altered_unless_ordered() {
    let columns = "SELECT string_agg(attname || ' ' || attnum, ',' ORDER BY attnum) FROM pg_attribute \
        WHERE attrelid = 'enterprises'::regclass AND attnum > 0";
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = of_owner(&cluster).await;
    let before = cluster.value(columns).await;
    let added = directory.add(new("0400", Overrides::default())).await.expect("a row is no alteration");
    assert_eq!(cluster.value(columns).await, before);
    assert_eq!(
        directory.identify(&added.secret).await.expect("an answer").expect("a row").number.as_str(),
        "0400"
    );

    let error = directory.add(new("0401", settings())).await.expect_err("no columns");
    assert!(error.to_string().contains("has no column for way, context, technology, ssh_port"), "{error}");
    assert_eq!(cluster.value(columns).await, before);
    let taken = directory.add(new("0367", Overrides::default())).await.expect_err("taken");
    assert_eq!(taken, DirectoryError::Taken { number: "0367".into() });

    let altering = NewEnterprise { alter_table: true, ..new("0401", settings()) };
    let added = directory.add(altering).await.expect("added");
    assert!(!added.made_table && added.added_columns.len() == 14, "{added:?}");
    crate::until("our columns and our trigger", async || {
        let read = directory.identify(&added.secret).await.expect("an answer").expect("a row");
        read.settings == settings()
    })
    .await;
    assert_eq!(number(&directory, JUNE).await.as_deref(), Some("0367"));
    assert_eq!(number(&directory, JULY).await.as_deref(), Some("0368"));
    crate::until("the trigger", async || hears_changes(&directory)).await;
    let again = NewEnterprise { alter_table: true, ..new("0402", settings()) };
    assert!(directory.add(again).await.expect("added").added_columns.is_empty());
}

#[tokio::test]
async fn an_order_that_fails_changes_nothing() {
    let cluster = Cluster::with(SEED_TABLE).await;
    cluster.run("INSERT INTO enterprises VALUES ('0368', 'twin', '10.0.0.1', 'twin', true)").await;
    // The user of the daemon may read and no more.
    let directory = Directory::open(config(&cluster)).await.expect("a URL");
    let error = directory.add(new("0500", Overrides::default())).await.expect_err("not allowed");
    assert_eq!(
        error.to_string(),
        "cannot add enterprise `0500`: permission denied for table enterprises; nothing was changed"
    );
    let directory = of_owner(&cluster).await;
    let error = directory.rotate_secret(&"0368".parse().expect("a number")).await.expect_err("two of them");
    assert_eq!(error, DirectoryError::Several { number: "0368".into(), rows: 2 });
    assert_eq!(number(&directory, "twin").await.as_deref(), Some("0368"), "neither secret was changed");
    let altering = NewEnterprise { alter_table: true, ..new("0367", settings()) };
    directory.add(altering).await.expect_err("taken");
    let columns =
        "SELECT count(*)::text FROM pg_attribute WHERE attrelid = 'enterprises'::regclass AND attnum > 0";
    assert_eq!(cluster.value(columns).await, "5", "the alteration is taken back with the rest");
    let long = new(&"7".repeat(17), Overrides::default());
    let error = directory.add(long).await.expect_err("too long for its column").to_string();
    assert!(error.contains("the table's own rules forbid it: value too long"), "{error}");
    assert!(is_connected(&directory));
}

#[tokio::test]
async fn a_number_and_an_address_of_other_types_can_be_added() {
    let cluster = Cluster::with(
        "CREATE TABLE enterprises (number integer, name text, ip inet, secret text UNIQUE, active boolean)",
    )
    .await;
    let directory = of_owner(&cluster).await;
    let added = directory.add(new("367", Overrides::default())).await.expect("added");
    assert_eq!(
        directory.identify(&added.secret).await.expect("an answer").expect("a row").ip.as_str(),
        "10.88.10.19"
    );
    let number = "367".parse().expect("a number");
    directory.disable(&number).await.expect("disabled");
    assert_eq!(directory.identify(&added.secret).await, Ok(None));
    let by_name =
        NewEnterprise { ip: "pbx.example".parse().expect("a host"), ..new("368", Overrides::default()) };
    let error = directory.add(by_name).await.expect_err("inet holds no names").to_string();
    assert!(error.contains("invalid input syntax for type inet"), "{error}");
}
