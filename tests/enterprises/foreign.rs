//! A table that others made: nothing is altered, and all its types are read.

use call::Technology;
use novofon_bot::enterprises::{DirectoryError, DirectoryState};

use crate::{JULY, JUNE, SEED_TABLE, ask, cluster::Cluster, is_connected, number, open, until, why};

#[tokio::test]
async fn the_described_table_is_read_as_it_is() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert_eq!(directory.state(), DirectoryState::Connected { known: 0, hears_changes: false });

    let june = ask(&directory, JUNE).await.expect("an answer").expect("june");
    assert_eq!((june.number.as_str(), june.name.as_str(), june.ip.as_str()), ("0367", "june", "10.88.10.19"));
    assert_eq!(june.settings, Default::default());
    assert_eq!(number(&directory, JULY).await.as_deref(), Some("0368"));
    assert_eq!(number(&directory, "aaaabbbbccccddddeeeeffff00001111").await, None, "not active");
    assert_eq!(number(&directory, "d68409d67e3b4b87a6675e76dae74a86").await, None, "nobody's");
    assert_eq!(cluster.look_ups(), 4);
}

#[tokio::test]
async fn other_types_of_the_same_columns_are_read_too() {
    let cluster = Cluster::with(
        "CREATE TABLE enterprises (id serial, number integer, name text, ip inet, secret char(40), active boolean,
            technology text, ssh_port smallint, context text);
        INSERT INTO enterprises (number, name, ip, secret, active, technology, ssh_port, context) VALUES
            (367, 'june', '10.88.10.19', 's1', true, 'pjsip', 5059, ''),
            (368, 'july', '10.88.10.20/24', 's2', true, NULL, NULL, NULL),
            (369, NULL, '2001:db8::7', 's3', true, NULL, NULL, NULL);
        GRANT SELECT ON enterprises TO bot;",
    )
    .await;
    let directory = open(&cluster).await;
    let host =
        async |secret| ask(&directory, secret).await.expect("an answer").expect("somebody").ip.to_string();
    assert_eq!(host("s1").await, "10.88.10.19");
    assert_eq!(host("s2").await, "10.88.10.20");
    assert_eq!(host("s3").await, "2001:db8::7");
    let june = ask(&directory, "s1").await.expect("an answer").expect("june");
    assert_eq!((june.number.as_str(), june.settings.ssh_port), ("367", Some(5059)));
    assert_eq!(june.settings.technology, Some(Technology::Pjsip));
    assert_eq!(june.settings.context, None, "an empty text is no context");
}

#[tokio::test]
async fn an_insane_row_is_told_and_the_others_go_on() {
    let cluster = Cluster::with(SEED_TABLE).await;
    cluster
        .run(
            "INSERT INTO enterprises VALUES ('1', 'a', NULL, 's1', true), ('2', 'b', '10.0.0.1; reboot', 's2', true),
                (NULL, 'c', '10.0.0.3', 's3', true), ('4', E'd\\x1b[2J', '10.0.0.4', 's4', true),
                ('5', 'e', '10.0.0.5', 'shared', true), ('6', 'f', '10.0.0.6', 'shared', true),
                ('7', 'g', '10.0.0.7', '', true), ('8', 'h', '10.0.0.8', NULL, true)",
        )
        .await;
    let directory = open(&cluster).await;
    for (secret, told) in [
        ("s1", "enterprise `1` can't be used: its `ip` is NULL; correct its row"),
        ("s2", "enterprise `2` can't be used: its `ip` is `10.0.0.1; reboot`, which is no host"),
        ("s3", "enterprise `(no number)` can't be used: its `number` is NULL"),
        ("s4", "enterprise `4` can't be used: its `name` holds the control character"),
        ("shared", "has the same secret"),
    ] {
        let error = ask(&directory, secret).await.expect_err(secret);
        assert!(matches!(error, DirectoryError::Unfit { .. }) && error.to_string().contains(told), "{error}");
    }
    assert_eq!(number(&directory, "").await, None, "an empty secret is nobody's");
    assert_eq!(number(&directory, JUNE).await.as_deref(), Some("0367"));
    assert!(is_connected(&directory));

    cluster.run("UPDATE enterprises SET ip = '10.0.0.1' WHERE number = '1'").await;
    until("the correction", async || ask(&directory, "s1").await.is_ok_and(|it| it.is_some())).await;
}

#[tokio::test]
async fn a_user_who_may_read_some_columns_only_is_enough() {
    let cluster = Cluster::with(SEED_TABLE).await;
    cluster
        .run(
            "ALTER TABLE enterprises ADD COLUMN ssh_password text, ADD COLUMN ssh_port integer DEFAULT 5059;
            REVOKE SELECT ON enterprises FROM bot;
            GRANT SELECT (number, name, ip, secret, active, ssh_port) ON enterprises TO bot;",
        )
        .await;
    let directory = open(&cluster).await;
    let june = ask(&directory, JUNE).await.expect("an answer").expect("june");
    assert_eq!((june.settings.ssh_port, june.settings.ssh_password.clone()), (Some(5059), None));
}

#[tokio::test]
async fn a_table_that_does_not_fit_is_told() {
    let cluster = Cluster::start().await;
    let directory = open(&cluster).await;
    assert!(why(&directory).starts_with("there is no table `enterprises`"), "{}", why(&directory));
    assert!(matches!(ask(&directory, JUNE).await, Err(DirectoryError::Away { .. })));

    cluster.run("CREATE TABLE enterprises (number text, name text, secret uuid, active boolean)").await;
    cluster.run("GRANT SELECT ON enterprises TO bot").await;
    until("the missing column", async || {
        why(&directory).contains("has no column ip that this user may read")
    })
    .await;
    cluster.run("ALTER TABLE enterprises ADD COLUMN ip text").await;
    until("the wrong type", async || why(&directory).contains("`enterprises.secret` is of type uuid")).await;

    cluster.run("DROP TABLE enterprises").await;
    cluster.run(SEED_TABLE).await;
    until("the right table", async || ask(&directory, JUNE).await.is_ok_and(|it| it.is_some())).await;

    // A table that is altered under a running service, and one that is put in its place.
    cluster.run("ALTER TABLE enterprises ALTER COLUMN ip TYPE inet USING ip::inet").await;
    until("the other type", async || ask(&directory, JULY).await.is_ok_and(|it| it.is_some())).await;
    let change = "BEGIN; ALTER TABLE enterprises RENAME TO old; CREATE TABLE enterprises AS SELECT * FROM old; \
        UPDATE enterprises SET number = '0400' WHERE number = '0367'; GRANT SELECT ON enterprises TO bot; COMMIT";
    cluster.run(change).await;
    until("the other table", async || number(&directory, JUNE).await.as_deref() == Some("0400")).await;
}
