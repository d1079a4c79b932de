//! The rules and bounds that the generated definitions hold.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// What Kubernetes itself defines; it is not for us to test. Paths that begin so.
const NOT_OURS: [&str; 5] = [
    "spec.podTemplate.spec.affinity",
    "spec.podTemplate.spec.imagePullSecrets",
    "spec.podTemplate.spec.topologySpreadConstraints",
    "spec.resources",
    // Nobody writes it but the operator.
    "status",
];

/// A rule or a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The kind of the object.
    pub kind: String,
    /// The field: `spec.storage.size`; empty for the object as a whole.
    pub path: String,
    /// What it says.
    pub rule: Rule,
}

/// What a constraint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A CEL rule, with its sentence.
    Sentence(String),
    /// A bound: the keyword, and what the API server complains of.
    Bound {
        /// `minimum`, `enum` …
        keyword: &'static str,
        /// What stands in the API server's complaint.
        complaint: String,
    },
    /// A field that has to be there.
    Required(String),
}

impl Constraint {
    /// A name for it.
    #[must_use]
    pub fn id(&self) -> String {
        let Self { kind, path, rule } = self;
        match rule {
            Rule::Sentence(sentence) => format!("{kind} {path}: {sentence}"),
            Rule::Bound { keyword, .. } => format!("{kind} {path} {keyword}"),
            Rule::Required(field) => format!("{kind} {path} requires {field}"),
        }
    }

    /// What has to stand in the API server's complaint.
    #[must_use]
    pub fn complaint(&self) -> &str {
        match &self.rule {
            Rule::Sentence(sentence) => sentence,
            Rule::Bound { complaint, .. } => complaint,
            Rule::Required(_) => "Required value",
        }
    }
}

/// All of them, from crds/generated.
///
/// # Errors
/// If the files are not what they should be.
pub fn constraints() -> Result<Vec<Constraint>> {
    let mut found = Vec::new();
    for text in
        [include_str!("../../../crds/generated/sutraclusters.yaml"), include_str!("../../../crds/generated/sutrashards.yaml")]
    {
        let definition: Value = serde_norway::from_str(text).context("read a definition")?;
        let kind = definition["spec"]["names"]["kind"].as_str().context("a definition without a kind")?;
        let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema").context("a definition without a schema")?;
        walk(kind, "", schema, &mut found);
    }
    Ok(found)
}

fn walk(kind: &str, path: &str, schema: &Value, found: &mut Vec<Constraint>) {
    if NOT_OURS.iter().any(|theirs| path.starts_with(theirs)) {
        return;
    }
    let rules = sentences(schema).chain(bounds(schema)).chain(required(schema));
    found.extend(rules.map(|rule| Constraint { kind: kind.to_owned(), path: path.to_owned(), rule }));
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(kind, &below(name), property, found);
    }
    for (keyword, name) in [("additionalProperties", "*"), ("items", "[]")] {
        if schema[keyword].is_object() {
            walk(kind, &below(name), &schema[keyword], found);
        }
    }
}

fn sentences(schema: &Value) -> impl Iterator<Item = Rule> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.filter_map(|rule| rule["message"].as_str()).map(|message| Rule::Sentence(message.to_owned()))
}

fn required(schema: &Value) -> impl Iterator<Item = Rule> {
    let fields = schema["required"].as_array().into_iter().flatten();
    fields.filter_map(Value::as_str).map(|field| Rule::Required(field.to_owned()))
}

fn bounds(schema: &Value) -> impl Iterator<Item = Rule> {
    let number = |keyword: &str| schema[keyword].as_f64();
    let values = || schema["enum"].as_array().map(|values| values.iter().map(Value::to_string).collect::<Vec<_>>().join(", "));
    [
        ("minimum", number("minimum").map(|bound| format!("should be greater than or equal to {bound}"))),
        ("maximum", number("maximum").map(|bound| format!("should be less than or equal to {bound}"))),
        ("minLength", number("minLength").map(|bound| format!("should be at least {bound} chars long"))),
        ("maxLength", number("maxLength").map(|bound| format!("may not be more than {bound} bytes"))),
        ("maxProperties", number("maxProperties").map(|bound| format!("must have at most {bound} items"))),
        ("maxItems", number("maxItems").map(|bound| format!("must have at most {bound} items"))),
        ("pattern", schema["pattern"].as_str().map(|pattern| format!("should match '{pattern}'"))),
        ("enum", values().map(|values| format!("supported values: {values}"))),
    ]
    .into_iter()
    .filter_map(|(keyword, complaint)| Some(Rule::Bound { keyword, complaint: complaint? }))
}
