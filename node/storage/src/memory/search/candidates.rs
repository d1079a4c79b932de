//! What the attribute index of a segment says of a filter.
//!
//! The index holds what was alive when the segment was written, and equality of texts by hash: it names candidates, and each is
//! checked against the filter itself.

use sutra_protocol::Timestamp;
use sutra_protocol::concept::AttributeValue;
use sutra_protocol::filter::{Filter, Leaf};
use sutra_segment::Values;
use sutra_vector::Ordinals;

use crate::memory::layer::Layer;

/// The rows of a layer that may pass; `None`: its index can't tell.
pub(super) fn rows(layer: &Layer, filter: &Filter) -> Option<Ordinals> {
    match filter {
        // The smallest will do.
        Filter::All { all } => all.iter().filter_map(|filter| rows(layer, filter)).min_by_key(Ordinals::len),
        Filter::Any { any } => {
            let mut union = Ordinals::with_capacity(layer.rows());
            for filter in any {
                rows(layer, filter)?.iter().for_each(|row| {
                    union.insert(row);
                });
            }
            Some(union)
        }
        Filter::Not { .. } => None,
        Filter::Leaf(leaf) => leaf_rows(layer, leaf),
    }
}

fn leaf_rows(layer: &Layer, leaf: &Leaf) -> Option<Ordinals> {
    let name = leaf.field.strip_prefix("attributes.")?;
    if leaf.ne.is_some() || leaf.exists.is_some() || leaf.prefix.is_some() {
        return None;
    }
    let mut found = Ordinals::with_capacity(layer.rows());
    // No row of this layer had the attribute: none passes.
    let Some(runs) = layer.attribute(name) else { return Some(found) };
    let mut add = |values: Values<'_>| {
        values.rows().for_each(|code| {
            found.insert(code.row());
        });
    };
    for value in leaf.eq.iter().chain(leaf.one_of.iter().flatten()) {
        match value {
            AttributeValue::Bool(value) => add(runs.equal_bool(*value)),
            AttributeValue::Text(text) => match text.parse::<Timestamp>() {
                Ok(time) => add(runs.times(time..=time)),
                Err(_) => add(runs.equal_text(text)),
            },
            number => {
                let number = number_of(number)?;
                add(runs.numbers(number..=number));
            }
        }
    }
    let (least, greatest) = (leaf.gt.as_ref().or(leaf.gte.as_ref()), leaf.lt.as_ref().or(leaf.lte.as_ref()));
    if let Some(bound) = least.or(greatest) {
        match bound {
            AttributeValue::Bool(_) => return None,
            AttributeValue::Text(text) => {
                // Texts that are no times are ordered by the alphabet, of which there is no index.
                let time = text.parse::<Timestamp>().ok()?;
                let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
                add(runs.times(if least.is_some() { time..=last } else { first..=time }));
            }
            number => {
                let number = number_of(number)?;
                add(runs.numbers(if least.is_some() { number..=f64::INFINITY } else { f64::NEG_INFINITY..=number }));
            }
        }
    }
    Some(found)
}

/// A number as the index orders it. Rounding keeps the order, so the bounds stay right as far as candidates go.
fn number_of(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::Integer(number) => Some(*number as f64),
        AttributeValue::Float(number) => Some(*number),
        AttributeValue::Bool(_) | AttributeValue::Text(_) => None,
    }
}
