//! What kind of traffic a connection carries.

use std::fmt;

/// Each class has a connection of its own to each peer, so that none waits behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Small and urgent: votes, heartbeats, questions.
    Control,
    /// Entries of logs. Requests begin at the peer in the order in which their calls were first polled, as long as one connection
    /// lasts; there is no order among calls that waited together for the connection, nor between one connection and the next.
    Append,
    /// Snapshots and whatever else is large and may wait.
    Bulk,
    /// Requests to a node that belongs to no grid yet; only [`crate::Peer::founding`] sends them.
    Founding,
}

impl Class {
    /// The classes of a grid, each at its [`Class::code`].
    pub(crate) const GRID: [Self; 3] = [Self::Control, Self::Append, Self::Bulk];

    /// The class's byte in a hello.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Control => 0,
            Self::Append => 1,
            Self::Bulk => 2,
            Self::Founding => 3,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::Control, Self::Append, Self::Bulk, Self::Founding].get(usize::from(code)).copied()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Control => "control",
            Self::Append => "append",
            Self::Bulk => "bulk",
            Self::Founding => "founding",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn every_class_is_read_back_from_its_code() {
        for class in Class::GRID.into_iter().chain([Class::Founding]) {
            assert_eq!(Class::of_code(class.code()), Some(class));
        }
        assert_eq!(Class::of_code(4), None);
        assert!(Class::GRID.iter().enumerate().all(|(at, class)| usize::from(class.code()) == at));
    }
}
