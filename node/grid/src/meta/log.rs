//! What of meta's log is kept: nothing that is in the map.
//!
//! All groups of a node share the files of its log, and meta has an entry now and then. Kept, it would keep the file that it is in, and
//! every later one: nothing that was erased would ever leave them.

use std::time::Duration;

use sutra_replication::Group;

/// How long to wait before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Has the log give up what the map holds, which is on the disk after every entry. A node that was away gets the map instead.
pub(crate) async fn keep_short(meta: Group) {
    let mut cut = None;
    while let Some(status) = meta.wait_until(Duration::MAX, |status| status.applied.map(|at| at.index) > cut).await {
        let Some(applied) = status.applied else { continue };
        match meta.cut(applied.index).await {
            Ok(()) => cut = Some(applied.index),
            Err(reason) => {
                tracing::warn!(reason, "the log of the map could not be cut; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
