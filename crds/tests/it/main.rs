//! The committed definitions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::Path;

#[test]
fn committed_definitions_are_those_of_the_types() {
    let generated = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    for definition in sutra_crds::definitions().unwrap() {
        let path = generated.join(definition.file);
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == definition.yaml, "{} is stale: run `cargo xtask crdgen` and commit what it writes", path.display());
    }
}

#[test]
fn every_rule_says_a_sentence() {
    for definition in sutra_crds::definitions().unwrap() {
        let crd: serde_json::Value = serde_norway::from_str(&definition.yaml).unwrap();
        let mut rules = 0;
        each_rule(&crd, &mut |rule| {
            rules += 1;
            let message = rule["message"].as_str().unwrap_or_default();
            assert!(message.contains(' '), "no sentence for {rule}");
        });
        assert!(rules > 0 || definition.file == "sutrashards.yaml", "{} has no rule", definition.file);
    }
}

fn each_rule(value: &serde_json::Value, see: &mut impl FnMut(&serde_json::Value)) {
    match value {
        serde_json::Value::Object(map) => {
            if let Some(rules) = map.get("x-kubernetes-validations").and_then(|rules| rules.as_array()) {
                rules.iter().for_each(&mut *see);
            }
            map.values().for_each(|value| each_rule(value, see));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| each_rule(value, see)),
        _ => {}
    }
}
