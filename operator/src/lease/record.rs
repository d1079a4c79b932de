//! The lease as Kubernetes stores it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;

use super::election::{Claim, Record, Version};

/// What an election needs to know of a stored lease.
pub(super) fn read(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    Record {
        version: Version(lease.metadata.resource_version.clone().unwrap_or_default()),
        holder: spec.and_then(|spec| spec.holder_identity.clone()).filter(|holder| !holder.is_empty()),
        duration: Duration::from_secs(seconds.unwrap_or_default()),
        transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or_default(),
    }
}

/// The lease to be written. The times in it are for people; no election reads them. What others put on the object stays.
pub(super) fn write(name: &str, claim: &Claim, stored: Option<&Lease>, now: Timestamp) -> Lease {
    let before = stored.and_then(|lease| lease.spec.as_ref());
    let goes_on = before.is_some_and(|spec| spec.holder_identity == claim.holder);
    let metadata = match (stored, &claim.over) {
        (Some(lease), Some(version)) => {
            ObjectMeta { resource_version: Some(version.0.clone()), managed_fields: None, ..lease.metadata.clone() }
        }
        (None, Some(version)) => {
            ObjectMeta { name: Some(name.to_owned()), resource_version: Some(version.0.clone()), ..Default::default() }
        }
        (_, None) => ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
    };
    let acquired = match goes_on {
        true => before.and_then(|spec| spec.acquire_time.clone()),
        false => Some(MicroTime(now)),
    };
    Lease {
        metadata,
        spec: Some(LeaseSpec {
            // An empty name, not none: whoever reads it sees that it was given back.
            holder_identity: Some(claim.holder.clone().unwrap_or_default()),
            lease_duration_seconds: Some(i32::try_from(claim.duration.as_secs()).unwrap_or(i32::MAX)),
            lease_transitions: Some(claim.transitions),
            acquire_time: acquired,
            renew_time: Some(MicroTime(now)),
            ..Default::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(holder: Option<&str>) -> Claim {
        let over = Some(Version("7".into()));
        Claim { over, holder: holder.map(Into::into), duration: Duration::from_secs(15), transitions: 3 }
    }

    fn stored(now: Timestamp) -> Lease {
        let mut lease = write("sutra-operator", &claim(Some("me")), None, now);
        lease.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
        lease
    }

    #[test]
    fn what_is_written_is_read_again() {
        let record = read(&stored(Timestamp::UNIX_EPOCH));
        assert_eq!(record.holder.as_deref(), Some("me"));
        assert_eq!((record.version.0.as_str(), record.duration, record.transitions), ("7", Duration::from_secs(15), 3));
    }

    #[test]
    fn a_lease_that_was_given_back_has_no_holder() {
        let lease = write("sutra-operator", &claim(None), Some(&stored(Timestamp::UNIX_EPOCH)), Timestamp::UNIX_EPOCH);
        assert_eq!(lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()), Some(""));
        assert_eq!(read(&lease).holder, None);
    }

    #[test]
    fn a_renewal_keeps_when_it_was_taken_and_what_others_put_on_it() {
        let later = Timestamp::from_second(60).unwrap();
        let lease = write("sutra-operator", &claim(Some("me")), Some(&stored(Timestamp::UNIX_EPOCH)), later);
        let spec = lease.spec.unwrap();
        assert_eq!(spec.acquire_time, Some(MicroTime(Timestamp::UNIX_EPOCH)));
        assert_eq!(spec.renew_time, Some(MicroTime(later)));
        assert!(lease.metadata.labels.unwrap().contains_key("team"));
    }

    #[test]
    fn a_lease_without_a_version_or_a_spec_is_read_too() {
        assert_eq!(read(&Lease::default()).holder, None);
    }
}
