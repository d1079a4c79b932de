//! How openraft's values lie in the log and on the wire.

use openraft::EntryPayload;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sutra_storage::{Configuration, blank_entry, configuration_entry, configuration_of};
use sutra_wal::{LogPoint, LoggedEntry};

use crate::types::{Entry, Logged, Membership, StoredMembership, Words, log_id};

/// Encodes a value with named fields, so that a later release may add some.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
}

/// Reads [`encode`]'s back.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}

/// Bytes of the number of the replica that a request is for.
const ADDRESSEE_BYTES: usize = size_of::<u64>();

/// A request, encoded, behind the number of the replica that it is for, big-endian: where that one was, another may be by now.
pub(crate) fn request(to: u64, value: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut bytes = to.to_be_bytes().to_vec();
    value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The replica that a request is for, and the request.
pub(crate) fn addressee(bytes: &[u8]) -> Result<(u64, &[u8]), String> {
    let (to, request) = bytes.split_first_chunk::<ADDRESSEE_BYTES>().ok_or("the request names no replica")?;
    Ok((u64::from_be_bytes(*to), request))
}

/// An entry's payload as it stands in the log.
pub(crate) fn payload(entry: &Entry) -> Result<Vec<u8>, String> {
    match &entry.payload {
        EntryPayload::Blank => Ok(blank_entry()),
        EntryPayload::Normal(words) => Ok(words.payload.clone()),
        EntryPayload::Membership(membership) => Ok(configuration_entry(&encode(membership)?)),
    }
}

/// The entry that stands in the log.
pub(crate) fn entry(logged: LoggedEntry) -> Result<Entry, String> {
    let log_id = log_id(LogPoint { index: logged.index, term: logged.term });
    let payload = match configuration_of(&logged.payload)? {
        Some(words) => EntryPayload::Membership(decode::<Membership>(&words)?),
        None if logged.payload == blank_entry() => EntryPayload::Blank,
        None => EntryPayload::Normal(Words { payload: logged.payload, logged: Logged::default() }),
    };
    Ok(Entry { log_id, payload })
}

/// Who belongs to the group, as the state machine remembers it.
pub(crate) fn stored_membership(configuration: Option<&Configuration>) -> Result<StoredMembership, String> {
    let Some(configuration) = configuration else { return Ok(StoredMembership::default()) };
    let at = log_id(LogPoint { index: configuration.index, term: configuration.term });
    Ok(StoredMembership::new(Some(at), decode(&configuration.words)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sutra_protocol::command::LogIndex;

    use super::*;
    use crate::types::Member;

    #[test]
    fn a_request_names_its_replica_and_one_that_is_too_short_names_none() {
        let bytes = request(1 << 40, &vec![7_u8]).unwrap();
        let (to, rest) = addressee(&bytes).unwrap();
        assert_eq!((to, decode::<Vec<u8>>(rest).unwrap()), (1 << 40, vec![7]));
        assert!(addressee(&bytes[..7]).is_err());
    }

    #[test]
    fn every_kind_of_entry_reads_back_from_the_log() {
        let member = Member { node: "node-1".into(), address: "node-1.grid:7001".into() };
        let members = Membership::new(vec![[1].into()], BTreeMap::from([(1, member)]));
        let words = Words { payload: vec![0x82, 1, 2], logged: Logged::default() };
        for kind in [EntryPayload::Blank, EntryPayload::Normal(words), EntryPayload::Membership(members)] {
            let at = LogPoint { index: LogIndex(7), term: 3 };
            let written = Entry { log_id: log_id(at), payload: kind };
            let logged = LoggedEntry { index: at.index, term: at.term, payload: payload(&written).unwrap() };
            let read = entry(logged).unwrap();
            assert_eq!(read.log_id, written.log_id);
            assert_eq!(payload(&read).unwrap(), payload(&written).unwrap());
            assert_eq!(std::mem::discriminant(&read.payload), std::mem::discriminant(&written.payload));
        }
    }
}
