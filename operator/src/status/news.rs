//! Events for what changed in the conditions.

use sutra_crds::SutraClusterStatus;

/// Something that a user wants to read among the events of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Whether it is bad.
    pub warning: bool,
    /// In `CamelCase`.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// What the new status says that the old one did not: a cluster that stalls, degrades, or becomes ready.
#[must_use]
pub fn news(before: Option<&SutraClusterStatus>, after: &SutraClusterStatus) -> Vec<News> {
    let told = |kind: &str, wanted: &str| {
        let now = after.conditions.iter().find(|condition| condition.type_ == kind && condition.status == wanted)?;
        let then = before.into_iter().flat_map(|before| &before.conditions).find(|condition| condition.type_ == kind);
        then.is_none_or(|then| then.status != now.status || then.reason != now.reason).then_some(now)
    };
    let bad = ["Stalled", "Degraded"].into_iter().filter_map(|kind| told(kind, "True")).map(|condition| News {
        warning: true,
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    });
    let good = told("Ready", "True").map(|condition| News {
        warning: false,
        reason: "Ready".to_owned(),
        message: condition.message.clone(),
    });
    bad.chain(good).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;

    fn status(kind: &str, status: &str, reason: &str) -> SutraClusterStatus {
        let condition = Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: "a sentence".into(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        SutraClusterStatus { conditions: vec![condition], ..SutraClusterStatus::default() }
    }

    #[test]
    fn a_cluster_that_stalls_is_news_once() {
        let stalled = status("Stalled", "True", "VolumesOfAnotherGrid");
        assert_eq!(news(None, &stalled).len(), 1);
        assert_eq!(news(Some(&stalled), &stalled), []);
        assert!(news(Some(&status("Stalled", "True", "NameTaken")), &stalled)[0].warning, "another reason is news");
    }

    #[test]
    fn a_cluster_that_becomes_ready_is_good_news() {
        let news = news(Some(&status("Ready", "False", "NodesStarting")), &status("Ready", "True", "AllNodesServe"));
        assert_eq!((news.len(), news[0].warning, news[0].reason.as_str()), (1, false, "Ready"));
    }
}
