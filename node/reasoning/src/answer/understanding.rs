//! Which reading of a question is meant, and of which concepts.
//!
//! The first row of the table that has a reading whose names are all known decides. If that row has several such readings
//! ("how are A and B and C related", where "A and B" and "B and C" are names too) and they mean different concepts, the
//! question is ambiguous: quotes, or a `bind` of both names of one reading, settle it. If no reading has only known names, the
//! one with the most known names is reported, the earlier row and the earlier split first.

use std::collections::{BTreeSet, HashMap};

use sutra_protocol::http::{AskedEntity, Candidate, Intent, ReasonRequest, Refusal, RefusalCode};
use sutra_protocol::{ConceptId, Knowledge, limits};

use super::Suggest;
use super::thought::refusal;
use crate::linking::{Bindings, Link, link_spoken, spellings};
use crate::question::{self, Reading};

/// Most candidates of an ambiguous name.
const CANDIDATES: usize = 50;
/// Most suggestions for an unknown name.
const NEAREST: usize = 5;

/// A name in the question and what it stands for.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) name: String,
    pub(super) id: ConceptId,
    pub(super) content: String,
}

impl Entity {
    pub(super) fn view(self) -> AskedEntity {
        AskedEntity { name: self.name, id: Some(self.id), content: Some(self.content) }
    }
}

pub(super) enum Understood {
    Asked { intent: Intent, entities: Vec<Entity> },
    Refused { intent: Intent, entities: Vec<AskedEntity>, refusal: Refusal },
}

struct Linked {
    reading: Reading,
    links: Vec<Link>,
}

impl Linked {
    /// The concepts, if each name stands for one.
    fn concepts(&self) -> Option<Vec<ConceptId>> {
        self.links.iter().map(|link| if let Link::One(id) = link { Some(*id) } else { None }).collect()
    }

    /// How many names stand for something: for one concept or for several.
    fn known(&self) -> usize {
        self.links.iter().filter(|link| matches!(link, Link::One(_) | Link::Several(_))).count()
    }

    fn is_known(&self) -> bool {
        self.known() == self.links.len()
    }
}

pub(super) fn understand(knowledge: &dyn Knowledge, request: &ReasonRequest, suggest: Option<Suggest<'_>>) -> Understood {
    let bindings = Bindings::new(&request.bind);
    let mut links: HashMap<String, Link> = HashMap::new();
    let mut linked: Vec<Linked> = Vec::new();
    for reading in question::readings(&request.query) {
        if let Some(last) = linked.last()
            && last.reading.row != reading.row
            && let Some(understood) = decide(knowledge, &linked, &bindings)
        {
            return understood;
        }
        let link = |name: &String| links.entry(name.clone()).or_insert_with(|| link_spoken(knowledge, name, &bindings)).clone();
        let found = reading.entities.iter().map(link).collect();
        linked.push(Linked { reading, links: found });
    }
    decide(knowledge, &linked, &bindings).unwrap_or_else(|| fail(knowledge, linked, suggest))
}

/// The meaning, if the last row has one.
fn decide(knowledge: &dyn Knowledge, linked: &[Linked], bindings: &Bindings) -> Option<Understood> {
    let row = linked.last()?.reading.row;
    let meanings: Vec<(&Linked, Vec<ConceptId>)> = linked
        .iter()
        .filter(|linked| linked.reading.row == row)
        .filter_map(|linked| Some((linked, linked.concepts()?)))
        .collect();
    let is_bound = |(linked, _): &&(&Linked, Vec<ConceptId>)| {
        linked.reading.entities.iter().all(|name| spellings(name).iter().any(|name| bindings.get(name).is_some()))
    };
    let bound: Vec<&(&Linked, Vec<ConceptId>)> = meanings.iter().filter(is_bound).collect();
    let chosen: Vec<&(&Linked, Vec<ConceptId>)> = if bound.is_empty() { meanings.iter().collect() } else { bound };
    let (first, concepts) = chosen.first()?;
    if chosen.iter().any(|(_, others)| others != concepts) {
        return Some(several_readings(knowledge, &chosen));
    }
    let entity = |(name, id): (&String, &ConceptId)| Entity { name: name.clone(), id: *id, content: content(knowledge, *id) };
    let entities = first.reading.entities.iter().zip(concepts).map(entity).collect();
    Some(Understood::Asked { intent: first.reading.intent, entities })
}

fn several_readings(knowledge: &dyn Knowledge, chosen: &[&(&Linked, Vec<ConceptId>)]) -> Understood {
    let mut seen = BTreeSet::new();
    let mut candidates = Vec::new();
    let mut splits = Vec::new();
    for (linked, concepts) in chosen {
        splits.push(linked.reading.entities.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" and "));
        for (name, id) in linked.reading.entities.iter().zip(concepts) {
            if seen.insert(*id) && candidates.len() < CANDIDATES {
                candidates.push(candidate(knowledge, name, *id));
            }
        }
    }
    let message = format!(
        "The question can be about {}. Put the names meant in double quotes, or repeat the question with `bind` for both.",
        splits.join(", or about ")
    );
    let intent = chosen.first().map_or(Intent::Unsupported, |(linked, _)| linked.reading.intent);
    Understood::Refused {
        intent,
        entities: Vec::new(),
        refusal: Refusal { candidates, ..refusal(RefusalCode::AmbiguousEntity, message) },
    }
}

/// The refusal of the reading that comes nearest to being understood.
fn fail(knowledge: &dyn Knowledge, linked: Vec<Linked>, suggest: Option<Suggest<'_>>) -> Understood {
    let mut nearest: Option<Linked> = None;
    for linked in linked.into_iter().filter(|linked| !linked.reading.weak || linked.is_known()) {
        let score = |linked: &Linked| (linked.is_known(), linked.known());
        if nearest.as_ref().is_none_or(|held| score(&linked) > score(held)) {
            nearest = Some(linked);
        }
    }
    let Some(Linked { reading, links }) = nearest else {
        return Understood::Refused { intent: Intent::Unsupported, entities: Vec::new(), refusal: unsupported() };
    };
    let asked = |(name, link): (&String, &Link)| {
        let id = if let Link::One(id) = link { Some(*id) } else { None };
        AskedEntity { name: name.clone(), id, content: id.map(|id| content(knowledge, id)) }
    };
    let entities = reading.entities.iter().zip(&links).map(asked).collect();
    let troubles = || reading.entities.iter().zip(&links);
    // What is not known at all first: no choice among candidates mends that.
    let refusal = troubles()
        .find_map(|(name, link)| match link {
            Link::Dead(id) => {
                let message = format!("{} is bound to {id}, which is not a known concept.", limits::excerpt(name));
                Some(refusal(RefusalCode::UnknownEntity, message))
            }
            Link::Unknown => Some(unknown(knowledge, name, suggest)),
            Link::One(_) | Link::Several(_) => None,
        })
        .unwrap_or_else(|| {
            let mut several: Vec<(&String, &[ConceptId])> = Vec::new();
            for (name, link) in troubles() {
                if let Link::Several(ids) = link {
                    several.push((name, ids));
                }
            }
            several.dedup_by_key(|(name, _)| *name);
            ambiguous(knowledge, &several)
        });
    Understood::Refused { intent: reading.intent, entities, refusal }
}

/// Every ambiguous name with its candidates, so that one repetition settles all of them.
fn ambiguous(knowledge: &dyn Knowledge, names: &[(&String, &[ConceptId])]) -> Refusal {
    let tell = |(name, ids): &(&String, &[ConceptId])| {
        let shown = if ids.len() > CANDIDATES { format!(" ({CANDIDATES} are shown)") } else { String::new() };
        format!("{} may stand for {} concepts{shown}", limits::excerpt(name), ids.len())
    };
    let told = names.iter().map(tell).collect::<Vec<_>>().join("; ");
    let message = format!("{told}. Repeat the question with `bind`: {{name: id}} for what is meant.");
    let of_name = |(name, ids): &(&String, &[ConceptId])| {
        ids.iter().take(CANDIDATES).map(|id| candidate(knowledge, name, *id)).collect::<Vec<_>>()
    };
    Refusal { candidates: names.iter().flat_map(of_name).collect(), ..refusal(RefusalCode::AmbiguousEntity, message) }
}

fn unknown(knowledge: &dyn Knowledge, name: &str, suggest: Option<Suggest<'_>>) -> Refusal {
    let suggested = suggest.map(|suggest| suggest(name)).unwrap_or_default();
    let nearest = suggested.into_iter().filter(|id| knowledge.concept(*id).is_some()).take(NEAREST);
    let nearest = nearest.map(|id| candidate(knowledge, name, id)).collect();
    let message = format!("Nothing called {} is known.", limits::excerpt(name));
    Refusal { nearest, ..refusal(RefusalCode::UnknownEntity, message) }
}

/// The refusal of a question of no known kind.
pub(super) fn unsupported() -> Refusal {
    let message = "Questions of these kinds are understood: \"what is X\", \"is X a Y\", \"how are X and Y related\", \"what are the \
                   parts (kinds, members) of X\", \"what has X as a part (member)\", \"what is X a kind (part, member) of\".";
    refusal(RefusalCode::UnsupportedQuestion, message.into())
}

pub(super) fn candidate(knowledge: &dyn Knowledge, name: &str, id: ConceptId) -> Candidate {
    let concept = knowledge.concept(id);
    Candidate {
        name: name.to_owned(),
        id,
        content: concept.as_ref().map(|concept| concept.content.to_string()).unwrap_or_default(),
        key: concept.and_then(|concept| concept.key.as_ref().map(|key| key.to_string())),
    }
}

fn content(knowledge: &dyn Knowledge, id: ConceptId) -> String {
    knowledge.concept(id).map(|concept| concept.content.to_string()).unwrap_or_default()
}
