//! Learn.

use std::sync::Arc;

use sutra_protocol::command::{Learn, LearnedAssociation, NewAssociation, NewConcept, Outcome, Rejection};
use sutra_protocol::http::{OnConflict, VectorScalar};
use sutra_protocol::{Concept, ConceptId, Ground};

use super::{Occasion, Ward};
use crate::adversary::seen::NOW;

impl Ward {
    pub(super) fn learn(&mut self, occasion: &Occasion, learn: &Learn) -> Result<Outcome, Rejection> {
        let taught = &learn.concept;
        let holder = taught.key.as_ref().and_then(|key| self.living(NOW).find(|one| one.key.as_ref() == Some(key))).cloned();
        let holder = holder.filter(|holder| holder.id != taught.id);
        let (id, retired) = match (holder, learn.on_conflict) {
            (None, _) => (taught.id, None),
            (Some(holder), Some(OnConflict::Merge)) => (holder.id, None),
            (Some(holder), Some(OnConflict::Replace)) => (taught.id, Some(holder.id)),
            (Some(holder), None | Some(OnConflict::Error)) => {
                return Err(Rejection::KeyTaken { key: holder.key.unwrap_or_default(), holder: holder.id });
            }
        };
        let existing = self.concept(id, NOW).cloned();
        if learn.on_conflict == Some(OnConflict::Error) && existing.is_some() {
            return Err(Rejection::Exists { id });
        }
        let found = taught.vector.as_ref().map(|vector| vector.len() as u32);
        if let (Some(expected), Some(found)) = (self.dimension, found)
            && expected != found
        {
            return Err(Rejection::Dimension { expected, found });
        }
        let version = match &existing {
            None => Some(self.fresh(occasion, taught)),
            Some(existing) if learn.on_conflict == Some(OnConflict::Replace) => {
                let fresh = self.fresh(occasion, taught);
                changed(
                    existing,
                    Concept { incarnation: existing.incarnation, created_at: existing.created_at, ..fresh },
                    occasion,
                )
            }
            Some(existing) => complemented(existing, taught, learn.on_conflict, occasion)?,
        };
        let new_name = |given: ConceptId| if given == taught.id { id } else { given };
        let associations: Vec<NewAssociation> = learn.associations.iter().map(|given| renamed(given, new_name)).collect();
        for association in &associations {
            self.check_ends(association, |needed| {
                let brought = needed == id || learn.targets.iter().any(|target| target.id == needed);
                brought || (retired != Some(needed) && self.concept(needed, NOW).is_some())
            })?;
        }

        if let Some(retired) = retired {
            self.bury(occasion.at, retired);
        }
        if self.dimension.is_none() && found.is_some() {
            self.dimension = found;
            self.settings.vector_scalar.get_or_insert(VectorScalar::F16);
            self.settings.embedder.get_or_insert_with(|| "given".into());
        }
        if let Some(version) = version {
            self.put(occasion.at, version);
        }
        let semantic_type = self.concept(id, NOW).map(|concept| concept.semantic_type).unwrap_or_default();
        for target in &learn.targets {
            if self.concept(target.id, NOW).is_none() {
                let fresh = self.fresh(occasion, target);
                self.put(occasion.at, fresh);
            }
        }
        for association in &associations {
            let mut grounds = vec![Ground::Statement(id)];
            grounds.extend(association.evidence.iter().filter(|ground| **ground != id).copied().map(Ground::Statement));
            self.claim(occasion.at, association, grounds);
        }
        let learned = associations.iter().filter_map(|association| {
            let now = self.association(&association.key, NOW)?;
            let target_content = Arc::clone(&self.concept(association.key.target, NOW)?.content);
            Some(LearnedAssociation { key: now.key, target_content, confidence: now.confidence, evidence: now.evidence })
        });
        Ok(Outcome::Learned { id, created: existing.is_none(), semantic_type, associations: learned.collect() })
    }

    fn fresh(&self, occasion: &Occasion, taught: &NewConcept) -> Concept {
        Concept {
            id: taught.id,
            namespace: occasion.namespace.clone(),
            incarnation: self.lives.get(&taught.id).map_or(0, |life| life.incarnations) + 1,
            key: taught.key.clone(),
            content: Arc::clone(&taught.content),
            aliases: taught.aliases.clone(),
            semantic_type: taught.semantic_type.unwrap_or_default(),
            confidence: taught.confidence.unwrap_or(1.0),
            strength: taught.strength.unwrap_or(1.0),
            attributes: taught.attributes.clone(),
            vector: taught.vector.clone(),
            source: taught.source.clone(),
            validity: taught.validity.unwrap_or_default(),
            asserted_by: Arc::clone(&occasion.by),
            created_at: occasion.at,
            updated_at: occasion.at,
        }
    }
}

/// What is stored, with what is new in the teaching; `None`: nothing is.
fn complemented(
    existing: &Concept,
    taught: &NewConcept,
    conflict: Option<OnConflict>,
    occasion: &Occasion,
) -> Result<Option<Concept>, Rejection> {
    if let (Some(one), Some(other)) = (&existing.source, &taught.source)
        && one != other
        && conflict.is_none()
    {
        return Err(Rejection::SourceDiffers { id: existing.id });
    }
    let mut version = existing.clone();
    let other_content = (taught.content != existing.content).then_some(&taught.content);
    for alias in other_content.into_iter().chain(&taught.aliases) {
        if *alias != version.content && !version.aliases.contains(alias) {
            version.aliases.push(Arc::clone(alias));
        }
    }
    for (name, value) in &taught.attributes {
        version.attributes.insert(name.clone(), value.clone());
    }
    version.semantic_type = taught.semantic_type.unwrap_or(existing.semantic_type);
    version.confidence = taught.confidence.unwrap_or(existing.confidence);
    version.strength = taught.strength.unwrap_or(existing.strength);
    version.validity = taught.validity.unwrap_or(existing.validity);
    version.vector = taught.vector.clone().or_else(|| existing.vector.clone());
    version.source = existing.source.clone().or_else(|| taught.source.clone());
    Ok(changed(existing, version, occasion))
}

/// The version with its time, if it says anything new.
fn changed(existing: &Concept, version: Concept, occasion: &Occasion) -> Option<Concept> {
    let same = Concept { updated_at: existing.updated_at, ..version.clone() } == *existing;
    (!same).then_some(Concept { updated_at: occasion.at, ..version })
}

fn renamed(given: &NewAssociation, new_name: impl Fn(ConceptId) -> ConceptId) -> NewAssociation {
    let mut association = given.clone();
    association.key.source = new_name(given.key.source);
    association.key.target = new_name(given.key.target);
    association.evidence = given.evidence.iter().map(|id| new_name(*id)).collect();
    association
}
