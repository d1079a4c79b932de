//! Every request by its name.

use rmpv::ValueRef;
use serde::{Deserialize, Deserializer};

use super::association::{GetAssociation, LearnAssociation};
use super::concept::{GetAllConceptIds, GetNeighbors, ListRecent, OneConcept};
use super::envelope::{self, RequestId};
use super::learn;
use super::path::{FindPath, FindPathSemantic};
use super::search::{TextSearch, VectorSearch};
use super::{shape, value};
use crate::error::{ApiError, ErrorCode};
use crate::http::{LearnBatchRequest, LearnRequest, ReasonRequest};
use crate::limits;
use crate::namespace::Namespace;
use crate::time::Timestamp;

/// Names that the protocol has and this version does not serve.
const NOT_AVAILABLE: [&str; 4] = ["FindTemporalChain", "FindCausalChain", "FindContradictions", "QueryBySemantic"];

/// What a frame held.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// The number that the request gave itself.
    pub id: Option<RequestId>,
    /// The request, or what is wrong with it.
    pub request: Result<(Common, Request), ApiError>,
}

/// How fresh a read has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// No older than what the token has seen, and this node has shown.
    #[default]
    Session,
    /// All that was acknowledged before, by whichever node.
    Strong,
    /// As `Session`, where no token is given.
    Eventual,
}

/// Fields that every request may have.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Common {
    /// Whose graph.
    pub namespace: Namespace,
    /// What held in the world then. Default: now.
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    pub known_at: Option<Timestamp>,
    /// How long the caller waits, in milliseconds.
    #[serde(deserialize_with = "timeout")]
    pub timeout_ms: u64,
    /// Of a write: the same request with the same `request_id` within an hour returns the first answer.
    #[serde(deserialize_with = "request_id")]
    pub request_id: Option<String>,
    /// Of a write with a `request_id`: a digest of what makes two requests the same, which is all of them but for how long the caller waits.
    #[serde(skip)]
    pub digest: u128,
    /// What the caller has written or seen, as an earlier reply's `token` said; an empty one asks for the reply's. `None`: it wants none.
    pub token: Option<String>,
    /// How fresh a read has to be.
    pub consistency: Consistency,
}

/// A request with its fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Teach a concept.
    LearnConceptV2(Box<LearnRequest>),
    /// Teach several concepts.
    LearnBatch(LearnBatchRequest),
    /// Teach a concept under a key.
    LearnConcept(Box<LearnRequest>),
    /// Teach a concept under a key, with its vector.
    LearnWithEmbedding(Box<LearnRequest>),
    /// Teach an association.
    LearnAssociation(Box<LearnAssociation>),
    /// Read a concept.
    QueryConcept(OneConcept),
    /// Retract a concept.
    DeleteConcept(OneConcept),
    /// Read what a concept is associated with.
    GetNeighbors(GetNeighbors),
    /// Read an association.
    GetAssociation(GetAssociation),
    /// Find the shortest path.
    FindPath(FindPath),
    /// Find paths.
    FindPathSemantic(Box<FindPathSemantic>),
    /// Search by words.
    TextSearch(TextSearch),
    /// Search by a vector.
    VectorSearch(Box<VectorSearch>),
    /// Read the newest concepts.
    ListRecent(ListRecent),
    /// Read every id, page by page.
    GetAllConceptIds(GetAllConceptIds),
    /// Ask a question.
    Reason(Box<ReasonRequest>),
    /// Read the node's numbers.
    GetStats,
    /// Wait until everything queued is durable and checkpointed.
    Flush,
    /// Read how the node is.
    HealthCheck,
    /// Remove a namespace with everything in it.
    ClearCollection,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            namespace: Namespace::default(),
            valid_at: None,
            known_at: None,
            timeout_ms: limits::DEFAULT_TIMEOUT_MS,
            request_id: None,
            digest: 0,
            token: None,
            consistency: Consistency::default(),
        }
    }
}

fn request_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(id) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let bound = limits::IDEMPOTENCY_KEY_BYTES;
    if (1..=bound).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(id));
    }
    Err(serde::de::Error::custom(format!("has {} bytes; 1 to {bound} visible ASCII characters are allowed", id.len())))
}

/// The first 16 bytes of BLAKE3 over a request's name and its fields, in any order, but for how long the caller waits.
fn digest(name: &str, fields: &ValueRef<'_>) -> u128 {
    let mut told: Vec<Vec<u8>> = Vec::new();
    if let ValueRef::Map(entries) = fields {
        let waits = |key: &ValueRef<'_>| matches!(key, ValueRef::String(key) if key.as_str() == Some("timeout_ms"));
        for (key, value) in entries.iter().filter(|(key, _)| !waits(key)) {
            let mut entry = Vec::new();
            // Writing into memory can't fail.
            let _ = rmpv::encode::write_value_ref(&mut entry, key);
            let _ = rmpv::encode::write_value_ref(&mut entry, value);
            told.push(entry);
        }
    }
    told.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes());
    for entry in told {
        hasher.update(&(entry.len() as u64).to_le_bytes());
        hasher.update(&entry);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_be_bytes(first)
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let timeout = u64::deserialize(deserializer)?;
    let bounded = limits::in_range("timeout_ms", timeout, 1, limits::TIMEOUT_MS);
    bounded.map(|()| timeout).map_err(serde::de::Error::custom)
}

impl Incoming {
    /// Reads the payload of a frame.
    pub fn decode(payload: &[u8]) -> Self {
        match parse(payload) {
            Err(error) => Self { id: None, request: Err(error) },
            Ok(value) => match envelope::request_id(&value) {
                Err(error) => Self { id: None, request: Err(error) },
                Ok(id) => Self { id, request: read(&value) },
            },
        }
    }
}

fn parse(payload: &[u8]) -> Result<ValueRef<'_>, ApiError> {
    shape::check(payload)?;
    // Its own measure of depth counts two for a level.
    rmpv::decode::read_value_ref_with_max_depth(&mut &payload[..], 4 * shape::DEPTH)
        .map_err(|error| ApiError::new(ErrorCode::InvalidArgument, format!("the frame is not a MessagePack value: {error}")))
}

fn read(payload: &ValueRef<'_>) -> Result<(Common, Request), ApiError> {
    let none = ValueRef::Map(Vec::new());
    let envelope = envelope::open(payload)?;
    let fields = envelope.fields.unwrap_or(&none);
    let request = Request::read(envelope.name, fields)?;
    let mut common: Common = value::fields(fields, "")?;
    if common.request_id.is_some() {
        common.digest = digest(envelope.name, fields);
    }
    Ok((common, request))
}

impl Request {
    fn read(name: &str, fields: &ValueRef<'_>) -> Result<Self, ApiError> {
        Ok(match name {
            "LearnConceptV2" => Self::LearnConceptV2(learn::learn_concept_v2(fields, "")?.into()),
            "LearnBatch" => Self::LearnBatch(learn::learn_batch(fields)?),
            "LearnConcept" => Self::LearnConcept(learn::learn_concept(fields)?.into()),
            "LearnWithEmbedding" => Self::LearnWithEmbedding(learn::learn_with_embedding(fields)?.into()),
            "LearnAssociation" => Self::LearnAssociation(value::fields(fields, "")?),
            "QueryConcept" => Self::QueryConcept(value::fields(fields, "")?),
            "DeleteConcept" => Self::DeleteConcept(value::fields(fields, "")?),
            "GetNeighbors" => Self::GetNeighbors(value::fields(fields, "")?),
            "GetAssociation" => Self::GetAssociation(value::fields(fields, "")?),
            "FindPath" => Self::FindPath(value::fields(fields, "")?),
            "FindPathSemantic" => Self::FindPathSemantic(value::fields(fields, "")?),
            "TextSearch" => Self::TextSearch(value::fields(fields, "")?),
            "VectorSearch" => Self::VectorSearch(value::fields(fields, "")?),
            "ListRecent" => Self::ListRecent(value::fields(fields, "")?),
            "GetAllConceptIds" => Self::GetAllConceptIds(value::fields(fields, "")?),
            "Reason" => Self::Reason(value::fields(fields, "")?),
            "GetStats" => Self::GetStats,
            "Flush" => Self::Flush,
            "HealthCheck" => Self::HealthCheck,
            "ClearCollection" => Self::ClearCollection,
            name if NOT_AVAILABLE.contains(&name) => {
                return Err(ApiError::new(ErrorCode::InvalidArgument, format!("{name} is not available in this version")));
            }
            other => {
                let message = format!("there is no request named {}", limits::excerpt(other));
                return Err(ApiError::new(ErrorCode::InvalidArgument, message));
            }
        })
    }

    /// The request's name, as in the frame.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LearnConceptV2(_) => "LearnConceptV2",
            Self::LearnBatch(_) => "LearnBatch",
            Self::LearnConcept(_) => "LearnConcept",
            Self::LearnWithEmbedding(_) => "LearnWithEmbedding",
            Self::LearnAssociation(_) => "LearnAssociation",
            Self::QueryConcept(_) => "QueryConcept",
            Self::DeleteConcept(_) => "DeleteConcept",
            Self::GetNeighbors(_) => "GetNeighbors",
            Self::GetAssociation(_) => "GetAssociation",
            Self::FindPath(_) => "FindPath",
            Self::FindPathSemantic(_) => "FindPathSemantic",
            Self::TextSearch(_) => "TextSearch",
            Self::VectorSearch(_) => "VectorSearch",
            Self::ListRecent(_) => "ListRecent",
            Self::GetAllConceptIds(_) => "GetAllConceptIds",
            Self::Reason(_) => "Reason",
            Self::GetStats => "GetStats",
            Self::Flush => "Flush",
            Self::HealthCheck => "HealthCheck",
            Self::ClearCollection => "ClearCollection",
        }
    }
}

#[cfg(test)]
mod tests;
