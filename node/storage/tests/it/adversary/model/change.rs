//! Associate, dissociate, amend, retract, erase.

use std::sync::Arc;

use sutra_protocol::command::{Amend, Edit, NewAssociation, Outcome, Rejection};
use sutra_protocol::{AssociationKey, Concept, ConceptId, Ground, Timestamp};

use super::{Claim, Occasion, Ward};
use crate::adversary::seen::NOW;

impl Ward {
    pub(super) fn associate(&mut self, occasion: &Occasion, association: &NewAssociation) -> Result<Outcome, Rejection> {
        self.check_ends(association, |id| self.concept(id, NOW).is_some())?;
        let mut grounds: Vec<Ground> = association.evidence.iter().copied().map(Ground::Statement).collect();
        if grounds.is_empty() {
            grounds.push(Ground::AssertedBy(Arc::clone(&occasion.by)));
        }
        let created = self.association(&association.key, NOW).is_none();
        self.claim(occasion.at, association, grounds);
        let confidence = self.association(&association.key, NOW).map_or(0.0, |now| now.confidence);
        Ok(Outcome::Associated { created, confidence })
    }

    pub(super) fn check_ends(&self, association: &NewAssociation, lives: impl Fn(ConceptId) -> bool) -> Result<(), Rejection> {
        let mut needed = vec![("source", association.key.source), ("target", association.key.target)];
        needed.extend(association.evidence.iter().map(|id| ("evidence", *id)));
        match needed.into_iter().find(|(_, id)| !lives(*id)) {
            Some((role, id)) => Err(Rejection::NoConcept { role, id }),
            None => Ok(()),
        }
    }

    /// Records a claim for each ground, in place of a living one of the same ground that says otherwise.
    pub(super) fn claim(&mut self, at: Timestamp, association: &NewAssociation, grounds: Vec<Ground>) {
        for ground in grounds {
            let statement = match &ground {
                Ground::Statement(id) => self.incarnation(*id),
                Ground::AssertedBy(_) => 0,
            };
            let key = &association.key;
            let incarnations = [self.incarnation(key.source), self.incarnation(key.target), statement];
            let same = |claim: &Claim| claim.key == *key && claim.ground == ground && self.stands(claim, NOW);
            if let Some(held) = self.claims.iter().position(same) {
                let held = &mut self.claims[held];
                if held.confidence == association.confidence && held.strength == association.strength {
                    continue;
                }
                held.withdrawn = Some(at);
            }
            self.claims.push(Claim {
                key: key.clone(),
                ground,
                confidence: association.confidence,
                strength: association.strength,
                incarnations,
                made: at,
                withdrawn: None,
            });
        }
    }

    pub(super) fn dissociate(&mut self, occasion: &Occasion, key: &AssociationKey) -> Outcome {
        let deleted = self.claims.iter().any(|claim| claim.key == *key && self.stands(claim, NOW));
        if deleted {
            for claim in self.claims.iter_mut().filter(|claim| claim.key == *key && claim.withdrawn.is_none()) {
                claim.withdrawn = Some(occasion.at);
            }
        }
        Outcome::Dissociated { deleted }
    }

    pub(super) fn amend(&mut self, occasion: &Occasion, amend: &Amend) -> Result<Outcome, Rejection> {
        let before = self.concept(amend.id, NOW).ok_or(Rejection::NoConcept { role: "concept", id: amend.id })?.clone();
        if amend.expected.is_some_and(|expected| expected != before.updated_at) {
            return Err(Rejection::Changed { id: amend.id });
        }
        let mut after = before.clone();
        if let Some(aliases) = &amend.aliases {
            after.aliases = aliases.clone();
        }
        for (name, value) in &amend.attributes {
            match value {
                Some(value) => drop(after.attributes.insert(name.clone(), value.clone())),
                None => drop(after.attributes.remove(name)),
            }
        }
        if let Some(confidence) = amend.confidence {
            after.confidence = confidence;
        }
        for (field, edit) in [(&mut after.validity.from, amend.valid_from), (&mut after.validity.to, amend.valid_to)] {
            match edit {
                Edit::Keep => {}
                Edit::Clear => *field = None,
                Edit::Set(time) => *field = Some(time),
            }
        }
        if let (Some(from), Some(to)) = (after.validity.from, after.validity.to)
            && to <= from
        {
            return Err(Rejection::EmptyValidity { from, to });
        }
        if after == before {
            return Ok(Outcome::Amended(Arc::new(before)));
        }
        after.updated_at = occasion.at;
        self.put(occasion.at, after.clone());
        Ok(Outcome::Amended(Arc::new(after)))
    }

    pub(super) fn retract(&mut self, occasion: &Occasion, id: ConceptId) -> Result<Outcome, Rejection> {
        if self.concept(id, NOW).is_none() {
            return Err(Rejection::NoConcept { role: "concept", id });
        }
        let before = self.counts_alive();
        self.bury(occasion.at, id);
        Ok(Outcome::Retracted { associations: before - self.counts_alive() })
    }

    pub(super) fn erase(&mut self, id: ConceptId) -> Result<Outcome, Rejection> {
        let before = self.counts_alive();
        match self.lives.get_mut(&id) {
            Some(life) if !life.versions.is_empty() => life.versions.clear(),
            _ => return Err(Rejection::NoConcept { role: "concept", id }),
        }
        Ok(Outcome::Erased { associations: before - self.counts_alive() })
    }

    pub(super) fn bury(&mut self, at: Timestamp, id: ConceptId) {
        self.lives.entry(id).or_default().versions.push((at, None));
    }

    pub(super) fn put(&mut self, at: Timestamp, concept: Concept) {
        let life = self.lives.entry(concept.id).or_default();
        life.incarnations = concept.incarnation;
        life.versions.push((at, Some(concept)));
    }

    fn incarnation(&self, id: ConceptId) -> u64 {
        self.concept(id, NOW).map_or(0, |concept| concept.incarnation)
    }

    fn counts_alive(&self) -> u64 {
        self.counts().1
    }
}
