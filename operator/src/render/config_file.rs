//! `config.toml` of `sutra-node serve`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sutra_crds::SutraCluster;
use sutra_crds::cluster::{Embedding, EmbeddingProvider, SecurityMode};
use toml::{Table, Value};

use super::ports;
use super::setting::{Renderer, Setting};

/// The settings of a cluster's nodes, by the names of their flags, sorted. Settings that differ between nodes are arguments of
/// the pod. As a pod reads them once, they belong to the renderer revision as much as its template.
pub(super) fn config_file(cluster: &SutraCluster, setting: &Setting) -> String {
    match setting.renderer {
        Renderer::One => Table::from_iter(settings(cluster)).to_string(),
    }
}

fn settings(cluster: &SutraCluster) -> BTreeMap<String, Value> {
    let spec = &cluster.spec;
    let mut settings = BTreeMap::from([("log".to_owned(), Value::from("json"))]);
    for (key, value) in &spec.config.0 {
        let value = match value {
            IntOrString::Int(number) => Value::from(*number),
            IntOrString::String(text) => Value::from(text.as_str()),
        };
        settings.insert(key.replace('_', "-"), value);
    }
    // After the user's keys: what the operator relies on cannot be set otherwise, whatever the schema let through.
    for port in [ports::HTTP, ports::TCP, ports::PEER] {
        settings.insert(port.name.to_owned(), Value::from(port.address()));
    }
    match spec.security.mode {
        SecurityMode::Development => settings.insert("insecure-listen".to_owned(), Value::from(true)),
        SecurityMode::Production => settings.insert("secure".to_owned(), Value::from(true)),
    };
    // More than one of several nodes are told to whoever founds the grid.
    if let Some(shards) = spec.initial_shards.filter(|shards| *shards == 1 || spec.nodes == 1) {
        settings.insert("shards".to_owned(), Value::from(shards));
    }
    if let Some(embedding) = &spec.embedding {
        settings.insert("embedder".to_owned(), Value::from(embedder(embedding)));
    }
    settings
}

fn embedder(embedding: &Embedding) -> String {
    let provider = match embedding.provider {
        EmbeddingProvider::None => return "none".to_owned(),
        EmbeddingProvider::Local => "local",
        EmbeddingProvider::Http => "http",
        EmbeddingProvider::Hash => "hash",
    };
    format!("{provider}:{}", embedding.model.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    use sutra_crds::cluster::{Embedding, EmbeddingProvider, SecurityMode};

    use super::config_file;
    use crate::render::fixture;

    #[test]
    fn a_node_listens_on_every_address_and_says_that_everybody_may_connect() {
        let expected =
            "http = \"[::]:8000\"\ninsecure-listen = true\nlog = \"json\"\npeer = \"[::]:7001\"\ntcp = \"[::]:50051\"\n";
        assert_eq!(config_file(&fixture::minimal(), &fixture::setting()), expected);
    }

    #[test]
    fn keys_of_the_user_are_flags_and_keep_their_kind() {
        let mut cluster = fixture::minimal();
        cluster.spec.config.0 = [
            ("drain_delay".to_owned(), IntOrString::String("5s".to_owned())),
            ("future-limit".to_owned(), IntOrString::Int(7)),
            ("log".to_owned(), IntOrString::String("text".to_owned())),
        ]
        .into();
        let file = config_file(&cluster, &fixture::setting());
        assert!(file.contains("drain-delay = \"5s\"\nfuture-limit = 7\n"), "{file}");
        assert!(file.contains("log = \"text\"\n"), "{file}");
    }

    #[test]
    fn what_the_operator_sets_cannot_be_set_otherwise() {
        let mut cluster = fixture::minimal();
        cluster.spec.config.0 = [("http".to_owned(), IntOrString::String("127.0.0.1:1".to_owned()))].into();
        assert!(config_file(&cluster, &fixture::setting()).contains("http = \"[::]:8000\"\n"));
    }

    #[test]
    fn shards_embedder_and_protection_follow_the_spec() {
        let mut cluster = fixture::minimal();
        cluster.spec.initial_shards = Some(4);
        cluster.spec.security.mode = SecurityMode::Production;
        for (provider, model, expected) in [
            (EmbeddingProvider::None, None, "none"),
            (EmbeddingProvider::Local, Some("all-MiniLM-L6-v2"), "local:all-MiniLM-L6-v2"),
            (EmbeddingProvider::Http, Some("http://embed:8080"), "http:http://embed:8080"),
            (EmbeddingProvider::Hash, Some("64"), "hash:64"),
        ] {
            cluster.spec.embedding = Some(Embedding { provider, model: model.map(str::to_owned) });
            let file = config_file(&cluster, &fixture::setting());
            assert!(file.contains(&format!("embedder = \"{expected}\"\n")), "{file}");
            assert!(file.contains("secure = true\nshards = 4\n") && !file.contains("insecure"), "{file}");
        }
    }
}
