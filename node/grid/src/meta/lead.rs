//! Who can't write the map down decides nothing about it: others know of what is decided, and whoever asked would wait for an answer.

use std::time::Duration;

use sutra_replication::Group;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::hosted::HAND_OVER;

/// How long to wait before it is looked again whether this node leads; doubled each time, as all others may have no room either.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Gives up the lead whenever this node has it and has no room for the newest map.
pub(crate) async fn leave_the_lead(meta: Group, mut is_hindered: watch::Receiver<bool>) {
    let mut pause = PAUSES[0];
    while is_hindered.wait_for(|is_hindered| *is_hindered).await.is_ok() {
        if meta.leads() {
            let is_led = meta.hand_over(HAND_OVER).await;
            tracing::warn!(
                is_led,
                "there is no room on the disk for the newest map: others are to lead the group that decides about it"
            );
        }
        let is_over = timeout(pause, is_hindered.wait_for(|is_hindered| !*is_hindered)).await.is_ok();
        pause = if is_over { PAUSES[0] } else { (pause * 2).min(PAUSES[1]) };
    }
}
