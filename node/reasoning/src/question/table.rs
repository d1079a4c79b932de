//! The patterns, the most specific first.

use sutra_protocol::http::Intent;

pub(super) struct Row {
    pub(super) intent: Intent,
    pub(super) words: &'static str,
    pub(super) weak: bool,
}

const fn row(intent: Intent, words: &'static str) -> Row {
    Row { intent, words, weak: false }
}

const fn weak(intent: Intent, words: &'static str) -> Row {
    Row { intent, words, weak: true }
}

/// See [`pattern`](super::pattern) for how a row is written.
pub(super) const ROWS: &[Row] = &[
    row(Intent::Relate, "how is|are {x} and|with {y} related|connected|linked"),
    row(Intent::Relate, "how is|are {x} related|connected|linked to|with {y}"),
    row(Intent::Relate, "how does|do {x} relate|connect to {y}"),
    row(Intent::Relate, "is|are {x} and {y} related|connected|linked"),
    row(Intent::Relate, "is|are {x} related|connected|linked to|with {y}"),
    row(Intent::Relate, "what connects|links|relates {x} and|with|to {y}"),
    row(Intent::Relate, "what is|are the? relation|relations|relationship|connection|link between {x} and {y}"),
    row(Intent::Parts, "what is|are the? parts|components|ingredients of {x}"),
    row(Intent::Parts, "what parts|components|ingredients does|do {x} have"),
    row(Intent::Parts, "list|name the? parts|components|ingredients of {x}"),
    row(Intent::Parts, "what is|are a? part|component of {x}"),
    row(Intent::Parts, "what does|do {x} consist of"),
    row(Intent::Parts, "what is|are {x} made of"),
    row(Intent::Wholes, "what has|have {x} as a|an? part|component|ingredient"),
    row(Intent::Wholes, "what is|are {x} a? part|parts|component|components of"),
    row(Intent::Kinds, "what is|are the? kinds|types|sorts|varieties of {x}"),
    row(Intent::Kinds, "what kinds|types|sorts of {x} are there"),
    row(Intent::Kinds, "list|name the? kinds|types|sorts of {x}"),
    row(Intent::Kinds, "what is|are a? kind|type|sort of {x}"),
    row(Intent::Members, "what|who is|are the? members of {x}"),
    row(Intent::Members, "what|which members does|do {x} have"),
    row(Intent::Members, "list|name the? members of {x}"),
    row(Intent::Members, "what|who is a? member of {x}"),
    row(Intent::Groups, "what has|have {x} as a? member|members"),
    row(Intent::Groups, "what is|are {x} a? member|members of"),
    row(Intent::Classes, "what is|are {x} a? kind|kinds|type|types|sort of"),
    row(Intent::Classes, "what kind|type|sort of thing is {x}"),
    row(Intent::IsA, "is|are {x} a|an|the? kind|kinds|type|types|sort|instance|instances of {y}"),
    row(Intent::IsA, "is|are {x} a|an {y}"),
    row(Intent::Define, "what does|do {x} mean"),
    row(Intent::Define, "what is|are the? meaning|definition of {x}"),
    row(Intent::Define, "what is|are meant by {x}"),
    row(Intent::Define, "tell me about {x}"),
    row(Intent::Define, "define {x}"),
    row(Intent::Define, "what|who is|are {x}"),
    row(Intent::IsA, "are {x} {y}"),
    weak(Intent::IsA, "is {x} {y}"),
];
