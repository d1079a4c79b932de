//! Kubernetes events of a cluster: what `kubectl describe` shows under it.

use std::time::Duration;

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource as _};
use sutra_crds::SutraCluster;
use tokio::time::timeout;
use tracing::debug;

/// Longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;
/// How long an event may hold up the work that it tells of.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes events. Cheap to clone. An event with the type and the reason of one of the last six minutes is counted with that one, whose
/// note stays.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// Events in the name of the operator, from its process `identity`.
    #[must_use]
    pub fn new(client: Client, identity: &str) -> Self {
        let reporter = Reporter { controller: sutra_crds::names::FIELD_MANAGER.to_owned(), instance: Some(identity.to_owned()) };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Tells something: `warning` if it needs a look, else it went as it should. `reason` is in CamelCase, `note` a sentence.
    pub async fn tell(&self, cluster: &SutraCluster, warning: bool, reason: &str, note: &str) {
        let type_ = if warning { EventType::Warning } else { EventType::Normal };
        self.publish(cluster, type_, reason, note.to_owned()).await;
    }

    /// An event that cannot be written is no reason to fail: conditions say the same.
    async fn publish(&self, cluster: &SutraCluster, type_: EventType, reason: &str, note: String) {
        let event =
            Event { type_, reason: reason.to_owned(), note: Some(shorten(note)), action: reason.to_owned(), secondary: None };
        match timeout(PATIENCE, self.recorder.publish(&event, &cluster.object_ref(&()))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(reason, %error, "an event was not written"),
            Err(_) => debug!(reason, "an event was not written in time"),
        }
    }
}

fn shorten(mut note: String) -> String {
    if note.len() > LONGEST_NOTE {
        let mark = "\u{2026}";
        let end = (0..=LONGEST_NOTE - mark.len()).rev().find(|end| note.is_char_boundary(*end)).unwrap_or_default();
        note.truncate(end);
        note.push_str(mark);
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_between_characters() {
        assert_eq!(shorten("short".into()), "short");
        let cut = shorten("\u{e4}".repeat(600));
        assert!(cut.len() <= LONGEST_NOTE && cut.ends_with('\u{2026}'), "{}", cut.len());
    }
}
