//! "I don't know" for people: why, and what to do about it.

use std::collections::BTreeMap;
use std::fmt::Write;

use sutra_protocol::http::{Candidate, ReasonResponse, Refusal, RefusalCode};

use super::answer;
use crate::output::candidates::{self, SHOWN};
use crate::output::number::{confidence, milliseconds};
use crate::output::table::Rows;
use crate::output::text;

/// What listed concepts are to a name of the question.
#[derive(Clone, Copy)]
enum Relation {
    MayBe,
    Nearest,
}

/// The whole refusal. `invocation` is the command line that asked.
pub(super) fn render(reason: &ReasonResponse, because: &Refusal, invocation: &[String], width: usize) -> String {
    let message = text::line(&because.message);
    let sentence = if message.starts_with("I don't know") { message } else { format!("I don't know: {message}") };
    let mut out = text::wrap(&sentence, width, 0);
    let mut facts = vec![because.code.as_str().to_owned()];
    if because.code == RefusalCode::BelowGate {
        facts.extend([format!("confidence {}", confidence(reason.gate.confidence)), answer::gate(&reason.gate)]);
    }
    facts.push(milliseconds(reason.elapsed_ms));
    out.push_str(&text::wrap(&facts.join(" · "), width, 0));
    push_candidates(&mut out, Relation::MayBe, &because.candidates, width);
    push_commands(&mut out, &because.candidates, invocation);
    push_candidates(&mut out, Relation::Nearest, &because.nearest, width);
    answer::push_paths(&mut out, reason, width);
    answer::push_objections(&mut out, reason, width);
    out
}

fn push_candidates(out: &mut String, relation: Relation, candidates: &[Candidate], width: usize) {
    let Some(first) = candidates.first() else { return };
    // One name, the usual case, stands in the heading.
    let single = candidates.iter().all(|candidate| candidate.name == first.name);
    let name = if single { format!("“{}”", text::line(&first.name)) } else { "A name".into() };
    let heading = match relation {
        Relation::MayBe => format!("{name} may be one of these:"),
        Relation::Nearest if single => format!("What comes nearest to {name}:"),
        Relation::Nearest => "What comes nearest:".into(),
    };
    let _ = write!(out, "\n{}", text::wrap(&heading, width, 0));
    let cells = |candidate: &Candidate| candidates::cells(candidate.id, candidate.key.as_deref(), &candidate.content);
    if single {
        out.push_str(&candidates::table(candidates.iter().map(cells), width));
    } else {
        let [id, key, content] = candidates::HEADINGS;
        let mut rows = Rows::new(width, ["NAME", id, key, content], &["ID"]);
        for candidate in candidates.iter().take(SHOWN) {
            let [id, key, content] = cells(candidate);
            rows.push([candidate.name.clone(), id, key, content]);
        }
        out.push_str(&rows.render());
    }
    candidates::push_rest(out, candidates.len(), " (-o json shows all)");
}

/// The commands that settle an ambiguity: one for each candidate of a name; if several names are open, one with the first
/// candidate of each.
fn push_commands(out: &mut String, candidates: &[Candidate], invocation: &[String]) {
    let mut names: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        names.entry(candidate.name.as_str()).or_default().push(candidate);
    }
    let choices: Vec<Vec<&Candidate>> = match names.len() {
        0 => return,
        1 => candidates.iter().take(SHOWN).map(|candidate| vec![candidate]).collect(),
        _ => vec![names.values().filter_map(|several| several.first().copied()).collect()],
    };
    out.push_str(if names.len() == 1 {
        "\nAsk again with the one you mean:\n"
    } else {
        "\nAsk again with the ids you mean, such as:\n"
    });
    for choice in choices {
        let _ = writeln!(out, "  {}", command(invocation, &choice));
    }
}

/// The command line that asked, with these bindings. Its lines are never wrapped, so that they can be copied.
fn command(invocation: &[String], bindings: &[&Candidate]) -> String {
    let (program, words) =
        invocation.split_first().map_or(("sutra", [].as_slice()), |(program, words)| (program.as_str(), words));
    let mut line = program.to_owned();
    // Behind `--` everything is a question; the bindings go before it.
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (flags, rest) = words.split_at(end);
    let bindings = bindings.iter().flat_map(|candidate| ["--bind".to_owned(), format!("{}={}", candidate.name, candidate.id)]);
    for word in flags.iter().cloned().chain(bindings).chain(rest.iter().cloned()) {
        line.push(' ');
        line.push_str(&text::shell_word(&word));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rendered(because: Value, confidence: f64, invocation: &[&str]) -> String {
        let reason: ReasonResponse = serde_json::from_value(json!({
            "id": "ans-2", "known": false, "answer": null, "answers": [], "confidence": 0.0, "because": because, "intent": "define",
            "asked": {"entities": [], "filters": []}, "consensus": {"paths": 0, "supporting": 0}, "alternatives": [], "against": [],
            "paths": [], "gate": {"name": "strict", "passed": false, "threshold": 0.8, "confidence": confidence}, "sources": [],
            "elapsed_ms": 0.42, "partial": false
        }))
        .unwrap();
        let invocation: Vec<String> = invocation.iter().map(|word| (*word).to_owned()).collect();
        render(&reason, reason.because.as_ref().unwrap(), &invocation, 100)
    }

    #[test]
    fn an_ambiguous_name_lists_candidates_and_the_commands_that_settle_it() {
        let [slope, money] = ["1", "2"].map(|digit| digit.repeat(32));
        let because = json!({"code": "ambiguous_entity", "message": "“bank” may stand for 2 concepts.", "candidates": [
            {"name": "bank", "id": slope, "content": "bank: sloping land", "key": "wn:09213565-n"},
            {"name": "bank", "id": money, "content": "bank: a financial institution"},
        ]});
        let told = rendered(because, 0.0, &["kubectl sutra", "-n", "words", "ask", "What is a bank?"]);
        let expected = format!(
            "I don't know: “bank” may stand for 2 concepts.
ambiguous_entity · 0.4 ms

“bank” may be one of these:
ID                                KEY            CONTENT
{slope}  wn:09213565-n  bank: sloping land
{money}                 bank: a financial institution

Ask again with the one you mean:
  kubectl sutra -n words ask 'What is a bank?' --bind bank={slope}
  kubectl sutra -n words ask 'What is a bank?' --bind bank={money}
"
        );
        assert_eq!(told, expected);
    }

    #[test]
    fn several_open_names_are_settled_in_one_command_before_the_end_of_flags() {
        let [slope, shore, tree] = ["1", "2", "3"].map(|digit| digit.repeat(32));
        let because = json!({"code": "ambiguous_entity", "message": "two names are open", "candidates": [
            {"name": "bank", "id": slope, "content": "bank"}, {"name": "bank", "id": shore, "content": "bank"},
            {"name": "ash tree", "id": tree, "content": "ash"},
        ]});
        let told = rendered(because, 0.0, &["sutra", "ask", "--", "-what?"]);
        let expected = format!("  sutra ask --bind 'ash tree={tree}' --bind bank={slope} -- '-what?'\n");
        assert!(told.ends_with(&expected), "{told}");
        assert!(told.contains("\nA name may be one of these:\nNAME      ID  "), "{told}");
    }

    #[test]
    fn an_answer_below_the_gate_says_how_far() {
        let because = json!({"code": "below_gate", "message": "the best path is not sure enough", "nearest":
            [{"name": "dog", "id": "1".repeat(32), "content": "dog: a canine"}]});
        let told = rendered(because, 0.44, &["sutra"]);
        assert!(told.starts_with(
            "I don't know: the best path is not sure enough\nbelow_gate · confidence 0.44 · gate strict: at least 0.80 · 0.4 ms\n"
        ));
        assert!(told.contains("\nWhat comes nearest to “dog”:\nID  "), "{told}");
        assert!(!told.contains("--bind"));
    }
}
