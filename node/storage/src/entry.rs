//! Log entries: the commands that were waiting together, each with its record time.
//!
//! As MessagePack: `{"index": n, "commands": [{"recorded_at": µs, "command": {…}}]}`. Commands are encoded by the threads that submit
//! them; the one thread that packs entries only joins bytes.
//!
//! In a group of several replicas nobody knows an entry's index when it is packed: it has `proposal`, a number that says on which
//! node callers wait for it, instead. Such a log also holds entries without commands: the group's `configuration`, in the words of
//! the consensus, and empty ones, with which a leader begins its term.

use rmp::encode::{ValueWriteError, write_array_len, write_bin, write_map_len, write_sint, write_str, write_uint};
use serde::Deserialize;
use sutra_protocol::Timestamp;
use sutra_protocol::command::{Command, LogIndex};

/// An entry as it is read back.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    #[serde(default)]
    pub(crate) index: Option<LogIndex>,
    #[serde(default)]
    pub(crate) proposal: Option<u64>,
    #[serde(default)]
    pub(crate) commands: Vec<Stamped>,
    /// See [`configuration`].
    #[serde(default, with = "serde_bytes")]
    pub(crate) configuration: Option<Vec<u8>>,
}

/// What an entry with commands is called by, beside its place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// It is known where it will stand.
    Index(LogIndex),
    /// Who waits for it is.
    Proposal(u64),
}

/// A command and when it was recorded.
#[derive(Debug, Deserialize)]
pub(crate) struct Stamped {
    pub(crate) recorded_at: Timestamp,
    pub(crate) command: Command,
}

/// Nesting that no command reaches; damaged bytes could nest as deep as they are long, and the stack is not.
const DEPTH: usize = 64;

/// Reads MessagePack with named fields back.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(DEPTH);
    T::deserialize(&mut reader)
}

/// Encodes a command for [`pack`].
pub(crate) fn encode(command: &Command) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(command)
}

/// Bytes that [`pack`] adds to an entry's commands, at most; and per command.
pub(crate) const ENTRY_OVERHEAD_BYTES: usize = 64;
/// See [`ENTRY_OVERHEAD_BYTES`].
pub(crate) const COMMAND_OVERHEAD_BYTES: usize = 40;

/// Joins encoded commands into an entry's payload.
pub(crate) fn pack<'a>(
    label: Label,
    count: u32,
    commands: impl Iterator<Item = (Timestamp, &'a [u8])>,
    payload: &mut Vec<u8>,
) -> Result<(), ValueWriteError> {
    payload.clear();
    write_map_len(payload, 2)?;
    let (name, number) = match label {
        Label::Index(index) => ("index", index.0),
        Label::Proposal(number) => ("proposal", number),
    };
    write_str(payload, name)?;
    write_uint(payload, number)?;
    write_str(payload, "commands")?;
    write_array_len(payload, count)?;
    for (recorded_at, command) in commands {
        write_map_len(payload, 2)?;
        write_str(payload, "recorded_at")?;
        write_sint(payload, recorded_at.as_micros())?;
        write_str(payload, "command")?;
        payload.extend_from_slice(command);
    }
    Ok(())
}

/// The payload of an entry that changes nothing, with which a leader begins its term.
pub fn blank() -> Vec<u8> {
    // A map without entries.
    vec![0x80]
}

/// The payload of an entry that says who belongs to the group, in the words of the consensus.
pub fn configuration(words: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(words.len() + 24);
    // Into memory: it can't fail.
    let _ = write_map_len(&mut payload, 1);
    let _ = write_str(&mut payload, "configuration");
    let _ = write_bin(&mut payload, words);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{aspirin, learn};

    #[test]
    fn a_packed_entry_reads_back() {
        let command = learn(aspirin());
        let bytes = encode(&command).unwrap();
        let at = Timestamp::from_micros(1_772_366_400_000_000);
        let mut payload = Vec::new();
        pack(
            Label::Index(LogIndex(42)),
            2,
            [(at, bytes.as_slice()), (at.plus_micros(1), bytes.as_slice())].into_iter(),
            &mut payload,
        )
        .unwrap();
        assert!(payload.len() <= ENTRY_OVERHEAD_BYTES + 2 * (COMMAND_OVERHEAD_BYTES + bytes.len()));
        let entry: Entry = rmp_serde::from_slice(&payload).unwrap();
        assert_eq!((entry.index, entry.proposal), (Some(LogIndex(42)), None));
        assert_eq!(entry.commands.len(), 2);
        assert_eq!(entry.commands[1].recorded_at, at.plus_micros(1));
        assert_eq!(entry.commands[1].command, command);
    }

    #[test]
    fn entries_without_commands_read_back() {
        let empty: Entry = decode(&blank()).unwrap();
        assert!(empty.commands.is_empty() && empty.index.is_none() && empty.configuration.is_none());
        let members: Entry = decode(&configuration(b"1, 2 and 3")).unwrap();
        assert_eq!(members.configuration.as_deref(), Some(&b"1, 2 and 3"[..]));
    }
}
