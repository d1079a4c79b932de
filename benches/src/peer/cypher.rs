//! WordNet as FalkorDB's queries.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::wordnet::Synset;

/// Rows of one `UNWIND`.
const ROWS: usize = 1_000;

/// Everything that is sent, made before the clock starts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Queries {
    /// The index by which edges find their ends.
    pub(crate) index: String,
    pub(crate) nodes: Vec<String>,
    /// After the nodes.
    pub(crate) edges: Vec<String>,
}

impl Queries {
    /// The same nodes with the same properties, and the same edges with their type and label, as the import file has.
    pub(crate) fn of(synsets: &[Synset]) -> Self {
        let nodes = synsets.chunks(ROWS).map(nodes).collect();
        // An edge's label cannot be a parameter: each has queries of its own.
        let mut by_label: BTreeMap<&str, Vec<(&str, &str, &str)>> = BTreeMap::new();
        for synset in synsets {
            for association in &synset.associations {
                let edge = (&*synset.key, &*association.target_key, association.kind.as_str());
                by_label.entry(&association.label).or_default().push(edge);
            }
        }
        let edges = by_label.iter().flat_map(|(label, all)| all.chunks(ROWS).map(|rows| edges(label, rows))).collect();
        Self { index: "CREATE INDEX FOR (s:Synset) ON (s.key)".into(), nodes, edges }
    }
}

fn nodes(synsets: &[Synset]) -> String {
    let mut query = String::from("CYPHER rows=[");
    for (at, synset) in synsets.iter().enumerate() {
        separate(&mut query, at);
        query.push('{');
        named(&mut query, "key", &synset.key);
        named(&mut query, ",content", &synset.content);
        query.push_str(",aliases:[");
        for (at, alias) in synset.aliases.iter().enumerate() {
            separate(&mut query, at);
            quote(&mut query, alias);
        }
        query.push(']');
        for (name, value) in &synset.attributes {
            query.push(',');
            named(&mut query, name, value);
        }
        named(&mut query, ",uri", &synset.source.uri);
        named(&mut query, ",title", synset.source.title.as_deref().unwrap_or_default());
        let _ = write!(query, ",offset:{}}}", synset.source.offset.unwrap_or_default());
    }
    query.push_str("] UNWIND $rows AS r CREATE (s:Synset) SET s = r");
    query
}

fn edges(label: &str, rows: &[(&str, &str, &str)]) -> String {
    let mut query = String::from("CYPHER rows=[");
    for (at, (source, target, kind)) in rows.iter().enumerate() {
        separate(&mut query, at);
        query.push('[');
        for (at, text) in [source, target, kind].into_iter().enumerate() {
            separate(&mut query, at);
            quote(&mut query, text);
        }
        query.push(']');
    }
    let _ = write!(
        query,
        "] UNWIND $rows AS r MATCH (a:Synset {{key: r[0]}}), (b:Synset {{key: r[1]}}) CREATE (a)-[:{label} {{kind: r[2], confidence: 1.0}}]->(b)"
    );
    query
}

fn separate(query: &mut String, at: usize) {
    if at > 0 {
        query.push(',');
    }
}

fn named(query: &mut String, name: &str, value: &str) {
    query.push_str(name);
    query.push(':');
    quote(query, value);
}

fn quote(query: &mut String, text: &str) {
    query.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            query.push('\\');
        }
        query.push(character);
    }
    query.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wordnet::tests::{CANINE, DOG, synset};

    #[test]
    fn nodes_have_all_their_properties_and_edges_their_label() {
        let queries = Queries::of(&[synset(DOG), synset(CANINE)]);
        assert_eq!(queries.nodes.len(), 1);
        let nodes = &queries.nodes[0];
        assert!(
            nodes.contains("{key:'wn30:02084071-n',content:'dog, domestic dog: a man\\'s best friend',aliases:['domestic dog'],")
        );
        assert!(nodes.contains(
            "lexname:'noun.animal',pos:'noun',uri:'https://wordnet.princeton.edu/',title:'WordNet 3.0, data.noun',offset:2084071}"
        ));
        let expected = concat!(
            "CYPHER rows=[['wn30:02084071-n','wn30:02083346-n','hierarchical']] UNWIND $rows AS r ",
            "MATCH (a:Synset {key: r[0]}), (b:Synset {key: r[1]}) CREATE (a)-[:hypernym {kind: r[2], confidence: 1.0}]->(b)"
        );
        assert_eq!(queries.edges, [expected]);
    }

    #[test]
    fn long_loads_are_cut_into_batches() {
        let many: Vec<Synset> = (0..ROWS + 1).map(|_| synset(DOG)).collect();
        let queries = Queries::of(&many);
        assert_eq!((queries.nodes.len(), queries.edges.len()), (2, 2));
    }
}
