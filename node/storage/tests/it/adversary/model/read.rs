//! Questions: each goes through everything.

use std::collections::{BTreeMap, BTreeSet};

use sutra_protocol::http::Degree;
use sutra_protocol::name::{names, normal_name};
use sutra_protocol::{AsOf, Association, AssociationKey, Concept, ConceptId, Evidence, Ground, Namespace, Step};

use super::{Claim, Ward};
use crate::adversary::lists::Lists;
use crate::adversary::scene;
use crate::adversary::seen::{NOW, Seen};

impl Ward {
    /// The concept, if it is alive and holds.
    pub(crate) fn concept(&self, id: ConceptId, as_of: AsOf) -> Option<&Concept> {
        let versions = &self.lives.get(&id)?.versions;
        let known = versions.iter().rfind(|(at, _)| as_of.known_at.is_none_or(|known_at| *at <= known_at));
        let concept = known?.1.as_ref()?;
        as_of.valid_at.is_none_or(|time| concept.validity.contains(time)).then_some(concept)
    }

    /// Every one that is, by id.
    pub(crate) fn living(&self, as_of: AsOf) -> impl Iterator<Item = &Concept> {
        self.lives.keys().filter_map(move |id| self.concept(*id, as_of))
    }

    /// Whether a claim stands, its three concepts being those that it was made about.
    pub(super) fn stands(&self, claim: &Claim, as_of: AsOf) -> bool {
        let made = match as_of.known_at {
            None => claim.withdrawn.is_none(),
            Some(time) => claim.made <= time && claim.withdrawn.is_none_or(|withdrawn| time < withdrawn),
        };
        let [source, target, statement] = claim.incarnations;
        let is = |id, incarnation| self.concept(id, as_of).is_some_and(|concept| concept.incarnation == incarnation);
        made && is(claim.key.source, source)
            && is(claim.key.target, target)
            && match claim.ground {
                Ground::Statement(id) => is(id, statement),
                Ground::AssertedBy(_) => true,
            }
    }

    /// The association, if it is alive and holds.
    pub(crate) fn association(&self, key: &AssociationKey, as_of: AsOf) -> Option<Association> {
        if as_of.valid_at.is_some_and(|time| !key.validity.contains(time)) {
            return None;
        }
        let mut counting: Vec<&Claim> =
            self.claims.iter().filter(|claim| claim.key == *key && self.stands(claim, as_of)).collect();
        counting.sort_by(|a, b| a.ground.cmp(&b.ground));
        let mut newest = *counting.first()?;
        for claim in &counting {
            if claim.made >= newest.made {
                newest = claim;
            }
        }
        let mut evidence = Vec::new();
        // Of what comes from one origin, the strongest.
        let mut origins: Vec<(String, f64)> = Vec::new();
        for claim in &counting {
            let (origin, confidence) = match &claim.ground {
                Ground::AssertedBy(teacher) => (format!("by {teacher}"), claim.confidence),
                Ground::Statement(id) => {
                    let statement = self.concept(*id, as_of)?;
                    let origin = match &statement.source {
                        Some(source) => format!("from {}", source.uri),
                        None => format!("by {}", statement.asserted_by),
                    };
                    (origin, if claim.confidence < statement.confidence { claim.confidence } else { statement.confidence })
                }
            };
            evidence.push(Evidence { ground: claim.ground.clone(), confidence });
            match origins.iter_mut().find(|(known, _)| *known == origin) {
                Some((_, strongest)) => *strongest = strongest.max(confidence),
                None => origins.push((origin, confidence)),
            }
        }
        let confidence = match origins.as_slice() {
            [(_, only)] => *only,
            _ => 1.0 - origins.iter().map(|(_, confidence)| 1.0 - confidence).product::<f64>(),
        };
        Some(Association { key: key.clone(), confidence, strength: newest.strength, evidence })
    }

    /// Every one that was ever claimed.
    pub(crate) fn keys(&self) -> BTreeSet<AssociationKey> {
        self.claims.iter().map(|claim| claim.key.clone()).collect()
    }

    /// Living concepts, associations and vectors, whenever they hold.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let associations = self.keys().iter().filter(|key| self.association(key, NOW).is_some()).count();
        let vectors = self.living(NOW).filter(|concept| concept.vector.is_some()).count();
        (self.living(NOW).count() as u64, associations as u64, vectors as u64)
    }

    /// Everything that a view should answer.
    pub(crate) fn seen(&self, namespace: &Namespace, as_of: AsOf) -> Seen {
        let concepts: Vec<Concept> = self.living(as_of).cloned().collect();
        let associations: Vec<Association> = self.keys().iter().filter_map(|key| self.association(key, as_of)).collect();
        let mut steps = BTreeMap::new();
        let mut degrees = BTreeMap::new();
        for id in scene::everybody(namespace) {
            let mut out: Vec<Step> = associations.iter().filter(|one| one.key.source == id).map(|one| step(one, false)).collect();
            let mut into: Vec<Step> = associations.iter().filter(|one| one.key.target == id).map(|one| step(one, true)).collect();
            let order = |step: &Step| (step.key.kind, step.key.label.clone(), step.to(), step.key.validity);
            out.sort_by_key(order);
            into.sort_by_key(order);
            degrees.insert(id, Degree { out: out.len() as u64, into: into.len() as u64 });
            out.extend(into);
            steps.insert(id, out);
        }
        let keyed = scene::keys().map(|key| {
            let holder = concepts.iter().find(|concept| concept.key.as_deref() == Some(key));
            (key.to_owned(), holder.map(|holder| holder.id))
        });
        let named = scene::names().map(|name| {
            let wanted = normal_name(name);
            let called = concepts.iter().filter(|concept| {
                let aliases = concept.aliases.iter().map(AsRef::as_ref);
                names(&concept.content, aliases).contains(&wanted)
            });
            (name.to_owned(), called.map(|concept| concept.id).collect())
        });
        let retracted = scene::everybody(namespace).map(|id| {
            let life = self.lives.get(&id).filter(|_| as_of.known_at.is_some());
            let versions = life.map(|life| life.versions.as_slice()).unwrap_or_default();
            let later = versions.iter().find(|(at, concept)| Some(*at) > as_of.known_at && concept.is_none());
            (id, later.map(|(at, _)| *at))
        });
        let mut recent: Vec<_> = concepts.iter().map(|concept| (concept.created_at, concept.id)).collect();
        recent.sort_unstable();
        let lists = Lists::right(&concepts, as_of, self.dimension);
        Seen {
            keyed: keyed.collect(),
            named: named.collect(),
            retracted: retracted.collect(),
            concepts,
            associations,
            steps,
            degrees,
            recent,
            lists,
            contradictions: Vec::new(),
        }
    }
}

fn step(association: &Association, reversed: bool) -> Step {
    let Association { key, confidence, strength, .. } = association;
    Step { key: key.clone(), confidence: *confidence, strength: *strength, reversed }
}
