//! The room that removed calls leave in the file.

use sqlx::{AssertSqlSafe, SqliteConnection};

/// Pages that one step gives back to the disk (1 MiB).
const PAGES: i64 = 256;

/// Room that stays in the file for the calls to come: this share of it.
const SPARE_SHARE: i64 = 8;

/// Gives some of the free pages back to the disk, when there are more than new calls will soon fill.
/// A file that was not made for it (`auto_vacuum`) keeps them, and fills them again.
pub(super) async fn give_back(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let (free, pages, mode): (i64, i64, i64) = sqlx::query_as(
        "SELECT freelist_count, page_count, auto_vacuum \
         FROM pragma_freelist_count, pragma_page_count, pragma_auto_vacuum",
    )
    .fetch_one(&mut *db)
    .await?;
    const INCREMENTAL: i64 = 2;
    let spare = free - pages / SPARE_SHARE;
    if mode != INCREMENTAL || spare < PAGES {
        return Ok(false);
    }
    sqlx::query(AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})"))).fetch_all(db).await?;
    Ok(spare >= 2 * PAGES)
}
