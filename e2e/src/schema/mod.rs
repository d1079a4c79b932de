//! Every rule of the custom resources, and what breaks it.
//!
//! | module | responsibility |
//! |---|---|
//! | [`constraint`] | the rules and bounds that the generated definitions hold |
//! | [`refusal`] | for each of them, an object that breaks it and what the API server has to say |

pub mod constraint;
pub mod refusal;

pub use constraint::{Constraint, constraints};
pub use refusal::{Refusal, refusals};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_of_the_generated_definitions_is_broken_by_a_case() {
        let constraints: BTreeSet<String> = constraints().unwrap().into_iter().map(|constraint| constraint.id()).collect();
        let broken: BTreeSet<String> = refusals().into_iter().map(|refusal| refusal.breaks).collect();
        let without: Vec<_> = constraints.difference(&broken).collect();
        assert!(without.is_empty(), "no case breaks {without:#?}");
        let unknown: Vec<_> = broken.difference(&constraints).collect();
        assert!(unknown.is_empty(), "cases break what there is not: {unknown:#?}");
    }

    #[test]
    fn a_rule_is_told_from_any_other() {
        let all = constraints().unwrap();
        let ids: BTreeSet<String> = all.iter().map(Constraint::id).collect();
        assert_eq!(all.len(), ids.len());
    }
}
