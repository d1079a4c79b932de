//! Log entries: the commands that were waiting together, each with its record time.
//!
//! As MessagePack: `{"index": n, "commands": [{"recorded_at": µs, "command": {…}}]}`. Commands are encoded by the threads that submit
//! them; the one thread that packs entries only joins bytes.

use rmp::encode::{ValueWriteError, write_array_len, write_map_len, write_sint, write_str, write_uint};
use serde::Deserialize;
use sutra_protocol::Timestamp;
use sutra_protocol::command::{Command, LogIndex};

/// An entry as it is read back.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) index: LogIndex,
    pub(crate) commands: Vec<Stamped>,
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
    index: LogIndex,
    count: u32,
    commands: impl Iterator<Item = (Timestamp, &'a [u8])>,
    payload: &mut Vec<u8>,
) -> Result<(), ValueWriteError> {
    payload.clear();
    write_map_len(payload, 2)?;
    write_str(payload, "index")?;
    write_uint(payload, index.0)?;
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
        pack(LogIndex(42), 2, [(at, bytes.as_slice()), (at.plus_micros(1), bytes.as_slice())].into_iter(), &mut payload).unwrap();
        assert!(payload.len() <= ENTRY_OVERHEAD_BYTES + 2 * (COMMAND_OVERHEAD_BYTES + bytes.len()));
        let entry: Entry = rmp_serde::from_slice(&payload).unwrap();
        assert_eq!(entry.index, LogIndex(42));
        assert_eq!(entry.commands.len(), 2);
        assert_eq!(entry.commands[1].recorded_at, at.plus_micros(1));
        assert_eq!(entry.commands[1].command, command);
    }
}
