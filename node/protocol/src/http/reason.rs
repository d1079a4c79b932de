//! `POST /v1/reason`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::PathView;
use crate::concept::Source;
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ReasonRequest {
    /// The question, in English: 1 byte to 64 KiB.
    #[schema(required, min_length = 1)]
    pub query: String,
    /// How many paths may support the answer: 1 to 100. Default: 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub paths: Option<u32>,
    /// Most hops of a path: 1 to 20. Default: 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub max_depth: Option<u32>,
    /// How sure an answer has to be. Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Which concept a name in the question stands for: how an `ambiguous_entity` is settled.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "super::bounded::or_null::<{ limits::FILTER_ITEMS }, _, _>"
    )]
    pub bind: BTreeMap<String, ConceptId>,
    /// Whether to answer as an event stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What held in the world then. Default: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

/// How sure an answer has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// A confidence of 0.8.
    Strict,
    /// A confidence of 0.5.
    #[default]
    Default,
    /// A confidence of 0.2.
    Lenient,
}

/// An answer, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonResponse {
    /// Names this answer.
    pub id: String,
    /// Whether there is an answer.
    pub known: bool,
    /// The answer in a sentence; `null` if there is none.
    pub answer: Option<String>,
    /// The answer's parts, best first.
    pub answers: Vec<AnswerView>,
    /// How sure the answer is, 0 to 1; 0 if there is none.
    pub confidence: f64,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Refusal>,
    /// What kind of question it was taken for.
    pub intent: Intent,
    /// What the question was taken to ask.
    pub asked: Asked,
    /// How far the paths agree.
    pub consensus: Consensus,
    /// Other answers that fewer or weaker paths lead to.
    pub alternatives: Vec<AnswerView>,
    /// Statements that speak against the answer.
    pub against: Vec<Objection>,
    /// The chains of evidence.
    pub paths: Vec<PathView>,
    /// The gate that the answer had to pass.
    pub gate: GateReport,
    /// Every statement that the paths rest on, once.
    pub sources: Vec<SourceView>,
    /// How long it took.
    pub elapsed_ms: f64,
    /// Whether a shard could not answer, or the time was over.
    pub partial: bool,
    /// Which shards could not answer. What they know may change the answer, so there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_shards: Vec<u64>,
}

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnswerView {
    /// The concept; absent for yes, no and relations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ConceptId>,
    /// Its content, or "yes" or "no".
    pub content: String,
    /// 0 to 1.
    pub confidence: f64,
    /// The paths that lead to it, as positions in `paths`.
    pub paths: Vec<usize>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// A sentence.
    pub message: String,
    /// The concepts that an ambiguous name may stand for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// What comes nearest to an answer: a weak one, or concepts with similar names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Candidate>,
}

/// Why there is no answer, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// A name in the question is not known.
    UnknownEntity,
    /// A name in the question stands for several concepts; settle it with `bind`.
    AmbiguousEntity,
    /// The question is of no known kind.
    UnsupportedQuestion,
    /// Nothing stored leads to an answer.
    NoPath,
    /// What is stored leads to an answer that is not sure enough.
    BelowGate,
    /// What is stored says both yes and no.
    Contradicted,
    /// What was known held only in the past.
    Expired,
    /// A shard that may hold the answer could not be asked.
    Partial,
    /// The time was over.
    Deadline,
}

/// A concept that may be meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// The name in the question.
    pub name: String,
    /// The concept.
    pub id: ConceptId,
    /// Its content.
    pub content: String,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The kind of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// "What is X?"
    Define,
    /// "Is X a Y?"
    IsA,
    /// "How are X and Y related?"
    Relate,
    /// "What are the parts of X?"
    Parts,
    /// "What are the kinds of X?"
    Kinds,
    /// "What are the members of X?"
    Members,
    /// "What has X as part?"
    Wholes,
    /// "What has X as a member?"
    Groups,
    /// "What is X a kind of?"
    Classes,
    /// None of these.
    Unsupported,
}

/// What a question was taken to ask.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// The names in it, with what they were linked to.
    pub entities: Vec<AskedEntity>,
    /// The relation it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// The association types and labels that may be followed.
    pub filters: Vec<String>,
}

/// A name in a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AskedEntity {
    /// As the question says it.
    pub name: String,
    /// What it was linked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ConceptId>,
    /// That concept's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// How far the paths of an answer agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Consensus {
    /// How many paths were weighed.
    pub paths: u32,
    /// How many of them lead to the answer.
    pub supporting: u32,
}

/// A statement that speaks against an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Objection {
    /// The statement's id.
    pub statement: ConceptId,
    /// How it contradicts the answer.
    pub reason: String,
}

/// The gate that an answer had to pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateReport {
    /// Which gate.
    pub name: Gate,
    /// Whether the answer passed; false if there was nothing to measure.
    pub passed: bool,
    /// The confidence it asks for.
    pub threshold: f64,
    /// The confidence it saw.
    pub confidence: f64,
}

/// A statement that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    /// Its id.
    pub id: ConceptId,
    /// Its content.
    pub content: String,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Gate {
    /// The least confidence that passes.
    pub const fn threshold(self) -> f64 {
        match self {
            Self::Strict => 0.8,
            Self::Default => 0.5,
            Self::Lenient => 0.2,
        }
    }
}

impl RefusalCode {
    /// The code's name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownEntity => "unknown_entity",
            Self::AmbiguousEntity => "ambiguous_entity",
            Self::UnsupportedQuestion => "unsupported_question",
            Self::NoPath => "no_path",
            Self::BelowGate => "below_gate",
            Self::Contradicted => "contradicted",
            Self::Expired => "expired",
            Self::Partial => "partial",
            Self::Deadline => "deadline",
        }
    }
}

impl ReasonRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        limits::text("query", &self.query, limits::QUERY_BYTES)?;
        if let Some(paths) = self.paths {
            limits::in_range("paths", paths.into(), 1, limits::PATHS as u64)?;
        }
        if let Some(depth) = self.max_depth {
            limits::in_range("max_depth", depth.into(), 1, limits::DEPTH as u64)?;
        }
        limits::at_most("bind", self.bind.len(), limits::FILTER_ITEMS, "entries")
    }
}
