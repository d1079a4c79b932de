//! A nurse's note: cheap to make, so that a load of many is the store's and not ours.

use sutra_protocol::Namespace;
use sutra_protocol::command::{Command, Learn, NewConcept, Operation};

/// The command that teaches note `number` to the default namespace.
pub(crate) fn note(number: usize) -> Command {
    let (patient, pulse, hour) = (number % 9_973, 50 + number % 60, number % 24);
    let content = format!("Note {number}: patient {patient} settled, pulse {pulse}, review at {hour}:00");
    let concept = NewConcept::bare(&Namespace::default(), &content, None);
    let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
    let operations = vec![Operation::Learn(Box::new(learn))];
    Command { namespace: Namespace::default(), asserted_by: "ward 7".into(), request: None, operations, foreign: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_notes_are_one() {
        assert_ne!(note(1), note(2));
        assert_eq!(note(1), note(1));
    }
}
