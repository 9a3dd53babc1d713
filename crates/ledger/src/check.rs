//! What is wrong with the store as a whole, and how large it is.

use super::{
    LONG_LOOK, Store, StoreError,
    sql::{Connection, Dialect},
    sqlite::connection::beside,
};

impl Store {
    /// What the database finds wrong with itself, and what the counters get wrong; empty when all is
    /// well. It reads all there is.
    pub async fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        let mut db = self.inner.readers.connection().await.map_err(StoreError::read(INTEGRITY))?;
        db.set_limit(LONG_LOOK);
        integrity(&mut db).await.map_err(StoreError::read(INTEGRITY))
    }

    /// Bytes on disk, what a write-ahead log of ours holds included.
    pub async fn size(&self) -> Result<u64, StoreError> {
        if self.inner.readers.dialect() == Dialect::Postgres {
            const WHAT: &str = "the size of the database";
            let query = self.inner.readers.query(
                "SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS BIGINT) FROM pg_class \
                 WHERE relnamespace = to_regnamespace(current_schema()) AND relkind = 'r'",
            );
            let rows = self.inner.readers.all(query, WHAT).await?;
            let bytes: i64 = rows[0].get(0).map_err(StoreError::read(WHAT))?;
            return Ok(bytes.unsigned_abs());
        }
        let mut bytes = 0;
        for file in self.inner.path.iter().flat_map(|path| ["", "-wal"].map(|suffix| beside(path, suffix))) {
            match tokio::fs::metadata(file).await {
                Ok(file) => bytes += file.len(),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(StoreError::read("the size of the file")(e.into())),
            }
        }
        Ok(bytes)
    }
}

const INTEGRITY: &str = "the integrity of the store";

pub(super) async fn integrity(db: &mut Connection) -> Result<Vec<String>, sqlx::Error> {
    let mut found = Vec::new();
    if db.dialect() == Dialect::Sqlite {
        let query = db.query("PRAGMA integrity_check");
        for row in db.all(query).await? {
            found.extend(row.text("integrity_check")?.filter(|line| *line != "ok").map(str::to_owned));
        }
    }
    let query = db.query(
        "SELECT kind, CAST(sum(counted) AS BIGINT) AS counted, CAST(sum(present) AS BIGINT) AS present FROM \
         (SELECT kind, calls AS counted, 0 AS present FROM call_counts WHERE level = 3 \
         UNION ALL SELECT kind, 0, count(*) FROM calls GROUP BY kind) AS both_sides \
         GROUP BY kind HAVING sum(counted) <> sum(present)",
    );
    for row in db.all(query).await? {
        let (kind, counted, present): (String, i64, i64) =
            (row.get("kind")?, row.get("counted")?, row.get("present")?);
        found.push(format!("{counted} calls `{kind}` counted, {present} there"));
    }
    Ok(found)
}
