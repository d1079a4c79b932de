//! Which effects a taker gets next.

use std::sync::Arc;

use sutra_protocol::KeyRange;
use sutra_protocol::command::{Command, Operation};
use sutra_protocol::effects::{Delivery, Effect, Effects};

/// Commands whose effects are looked at together.
pub(super) const LOOKED_AT: usize = 1_024;
/// Most commands whose effects are delivered at once.
const COMMANDS: usize = 256;
/// Bytes beyond which no more are added to a delivery: it has to fit into a frame, and an entry of the log into a message.
const BYTES: usize = 4 << 20;

/// How far a taker has come with a shard's effects, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// It has all that is for it up to this number.
    pub(super) upto: u64,
    /// The number of the last ones that were for it.
    pub(super) last: u64,
    /// The number of the next ones, and how many of them it has already, where they are too many for one delivery.
    pub(super) ahead: Option<(u64, usize)>,
}

/// What a taker gets next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) command: Command,
    /// How far it has come when it has taken that.
    pub(super) reached: Reached,
}

/// The next effects for a taker, if there are any; `pending` answers with so many at most of those above a number. However many there are for
/// others before them, `reached` is behind those then.
pub(super) fn next(
    origin: u64,
    range: &KeyRange,
    reached: &mut Reached,
    pending: impl Fn(u64, usize) -> Vec<Arc<Effects>>,
) -> Option<Batch> {
    loop {
        let looked_at = pending(reached.upto, LOOKED_AT);
        if let Some(batch) = batch(origin, range, &looked_at, *reached) {
            return Some(batch);
        }
        reached.upto = looked_at.last()?.number;
    }
}

fn batch(origin: u64, range: &KeyRange, pending: &[Arc<Effects>], reached: Reached) -> Option<Batch> {
    let mut batch: Option<(Command, usize)> = None;
    let mut after = reached.last;
    for effects in pending {
        let had = reached.ahead.filter(|(number, _)| *number == effects.number).map_or(0, |(_, had)| had);
        let own = effects.effects.iter().filter(|(audience, _)| audience.is_in(range)).map(|(_, effect)| effect);
        let own: Vec<&Effect> = rows_first(own.collect()).into_iter().skip(had).collect();
        if own.is_empty() {
            continue;
        }
        let delivery = |own: &[&Effect], ahead| {
            Operation::Take(Box::new(Delivery {
                origin,
                number: effects.number,
                after,
                recorded_at: effects.recorded_at,
                era: effects.era,
                ahead,
                effects: own.iter().copied().cloned().collect(),
            }))
        };
        let weight = own.iter().map(|effect| effect.weight()).sum::<usize>();
        if let (None, rows @ 1..) = (&batch, rows_ahead(&own, weight)) {
            let operations = vec![delivery(&own[..rows], true)];
            let command = Command { operations, foreign: Vec::new(), ..begin(effects) };
            return Some(Batch { command, reached: Reached { ahead: Some((effects.number, had + rows)), ..reached } });
        }
        let alone = !effects.foreign.is_empty() || own.iter().any(|effect| effect.stands_alone());
        let (command, bytes) = batch.get_or_insert_with(|| (begin(effects), 0));
        let belongs = command.namespace == effects.namespace && command.asserted_by == effects.asserted_by;
        let fits = belongs && !alone && command.operations.len() < COMMANDS && *bytes + weight <= BYTES;
        if !command.operations.is_empty() && !fits {
            break;
        }
        *bytes += weight;
        command.operations.push(delivery(&own, false));
        after = effects.number;
        if alone {
            break;
        }
    }
    // Behind what is delivered nothing is known to be seen.
    batch.map(|(command, _)| Batch { command, reached: Reached { upto: after, last: after, ahead: None } })
}

/// Of more effects than one delivery holds, the rows come first: what they say holds whatever is done beside them. A drop they do not pass.
fn rows_first(own: Vec<&Effect>) -> Vec<&Effect> {
    if own.iter().map(|effect| effect.weight()).sum::<usize>() <= BYTES {
        return own;
    }
    let dropped = own.iter().position(|effect| matches!(effect, Effect::Drop)).unwrap_or(own.len());
    let (before, behind) = own.split_at(dropped);
    let (mut first, rest): (Vec<&Effect>, Vec<&Effect>) = before.iter().partition(|effect| effect.is_row());
    first.extend(rest);
    first.extend(behind);
    first
}

/// How many of these effects, which weigh so much together, are delivered before the rest; 0: one delivery has all.
fn rows_ahead(own: &[&Effect], weight: usize) -> usize {
    if weight <= BYTES {
        return 0;
    }
    let mut bytes = 0;
    let fits = |effect: &&&Effect| {
        bytes += effect.weight();
        effect.is_row() && bytes <= BYTES
    };
    let rows = own.iter().take_while(fits).count();
    // One that is larger than that goes alone, and something is left with which the number is taken.
    let rows = if rows == 0 && own[0].is_row() { 1 } else { rows };
    rows.min(own.len() - 1)
}

fn begin(effects: &Effects) -> Command {
    Command {
        namespace: effects.namespace.clone(),
        asserted_by: Arc::clone(&effects.asserted_by),
        request: None,
        operations: Vec::new(),
        foreign: effects.foreign.clone(),
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::NewConcept;
    use sutra_protocol::effects::Audience;
    use sutra_protocol::{Namespace, PlacementKey, Timestamp};

    use super::*;

    /// Half of the placement space.
    const UPPER: u128 = 1 << 127;

    fn upper() -> KeyRange {
        KeyRange { start: PlacementKey::from(UPPER), end: None }
    }

    /// The effects of one command, on whoever has this place.
    fn effects(number: u64, place: u128, effects: Vec<Effect>) -> Arc<Effects> {
        let audience = Audience::At(vec![PlacementKey::from(place)]);
        Arc::new(Effects {
            number,
            namespace: Namespace::default(),
            asserted_by: "dr.rao".into(),
            recorded_at: Timestamp::from_micros(number as i64),
            era: Timestamp::default(),
            foreign: Vec::new(),
            effects: effects.into_iter().map(|effect| (audience.clone(), effect)).collect(),
        })
    }

    fn ensure(content: &str) -> Effect {
        Effect::Ensure { concept: Box::new(NewConcept::bare(&Namespace::default(), content, None)), incarnation: 1 }
    }

    fn pending(all: &[Arc<Effects>]) -> impl Fn(u64, usize) -> Vec<Arc<Effects>> {
        |after, limit| all.iter().filter(|effects| effects.number > after).take(limit).cloned().collect()
    }

    /// The deliveries of a command: number, after, ahead, and how many effects.
    fn taken(command: &Command) -> Vec<(u64, u64, bool, usize)> {
        let of = |operation: &Operation| match operation {
            Operation::Take(delivery) => (delivery.number, delivery.after, delivery.ahead, delivery.effects.len()),
            other => panic!("{other:?}"),
        };
        command.operations.iter().map(of).collect()
    }

    #[test]
    fn what_is_for_a_taker_is_found_at_once_behind_many_for_another_that_is_dead() {
        let mut all: Vec<_> = (1..=5_000).map(|number| effects(number, 0, vec![Effect::Inhabit])).collect();
        all.push(effects(5_001, UPPER, vec![Effect::Inhabit]));
        let mut reached = Reached::default();
        let found = next(1, &upper(), &mut reached, pending(&all)).expect("it is behind what is for the other");
        assert_eq!(taken(&found.command), [(5_001, 0, false, 1)]);
        reached = found.reached;
        assert_eq!(reached, Reached { upto: 5_001, last: 5_001, ahead: None });
        assert_eq!(next(1, &upper(), &mut reached, pending(&all)), None);
    }

    #[test]
    fn what_is_too_much_for_one_delivery_comes_in_several_and_its_number_with_the_last() {
        let rows = (0..10).map(|at| ensure(&format!("{at} {}", "x".repeat(1 << 20)))).collect();
        let all = [effects(3, UPPER, rows), effects(4, UPPER, vec![Effect::Inhabit])];
        let mut reached = Reached { upto: 1, last: 1, ahead: None };
        let mut seen = Vec::new();
        while let Some(batch) = next(1, &upper(), &mut reached, pending(&all)) {
            assert!(rmp_serde::to_vec_named(&batch.command).unwrap().len() < BYTES + (1 << 20));
            seen.push(taken(&batch.command));
            reached = batch.reached;
        }
        assert_eq!(
            seen,
            [vec![(3, 1, true, 3)], vec![(3, 1, true, 3)], vec![(3, 1, true, 3)], vec![(3, 1, false, 1), (4, 3, false, 1)]]
        );
        assert_eq!(reached, Reached { upto: 4, last: 4, ahead: None });
    }

    #[test]
    fn one_that_is_larger_than_a_delivery_goes_alone_and_what_is_done_once_comes_with_the_number() {
        let large = || ensure(&"x".repeat(BYTES + 1));
        let delivered = |own: Vec<Effect>| {
            let all = [effects(1, UPPER, own)];
            let (mut reached, mut seen) = (Reached::default(), Vec::new());
            while let Some(batch) = next(1, &upper(), &mut reached, pending(&all)) {
                seen.extend(taken(&batch.command));
                reached = batch.reached;
            }
            seen
        };
        let retire = || Effect::Retire { id: Default::default(), incarnation: 1 };
        let alone = (1, 0, true, 1);
        assert_eq!(delivered(vec![large(), large(), retire(), large()]), [alone, alone, alone, (1, 0, false, 1)]);
        assert_eq!(delivered(vec![retire(), large(), large(), retire()]), [alone, alone, (1, 0, false, 2)]);
        assert_eq!(
            delivered(vec![large(), Effect::Drop, large()]),
            [alone, (1, 0, false, 2)],
            "of what was dropped nothing is left"
        );
    }
}
