use super::*;
use crate::commands::Command;

fn typed(words: &[&str]) -> Result<Arguments, clap::Error> {
    parse(words.iter().map(OsString::from))
}

fn refusal(words: &[&str]) -> String {
    let error = typed(words).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn the_grammar_is_sound() {
    command("sutra").debug_assert();
}

#[test]
fn global_flags_stand_before_or_behind_the_command() {
    for words in [["sutra", "-o", "json", "-n", "ward-7", "stats"], ["sutra", "stats", "-o", "json", "-n", "ward-7"]] {
        let arguments = typed(&words).unwrap();
        assert_eq!(arguments.global.output, Format::Json);
        assert_eq!(arguments.global.namespace.unwrap().as_str(), "ward-7");
        assert!(matches!(arguments.command, Command::Stats));
    }
}

#[test]
fn wrong_values_are_refused_with_what_is_right() {
    assert!(refusal(&["sutra", "-n", "../etc", "stats"]).contains("a namespace is"));
    assert!(refusal(&["sutra", "get", "aspirin"]).contains("sutra search"));
    assert!(refusal(&["sutra", "ask", "What is aspirin?", "--known-at", "yesterday"]).contains("RFC 3339"));
    assert!(refusal(&["sutra", "--server", "https://grid", "stats"]).contains("not supported"));
    assert!(refusal(&["sutra", "learn", "aspirin", "--type", "drug"]).contains("quantitative"));
    assert!(refusal(&["sutra", "learn", "aspirin", "--confidence", "2"]).contains("from 0 to 1"));
    assert!(refusal(&["sutra", "learn", "aspirin", "--source-page", "2"]).contains("--source"));
    assert!(refusal(&["sutra", "learn", "aspirin", "--associate", "treats=headache"]).contains("hierarchical"));
    assert!(refusal(&["sutra", "search"]).contains("WORDS"));
}

#[test]
fn help_speaks_of_the_program_as_it_was_called() {
    let help = typed(&["/usr/local/bin/kubectl-sutra", "--help"]).unwrap_err();
    assert_eq!(help.exit_code(), 0);
    assert!(help.to_string().contains("Usage: kubectl sutra [OPTIONS] <COMMAND>"), "{help}");
    let help = typed(&["sutra", "ask", "--help"]).unwrap_err().to_string();
    assert!(help.contains("Usage: sutra ask [OPTIONS] <QUESTION>") && help.contains("3 \"I don't know\""), "{help}");
}

#[test]
fn exit_codes_are_in_the_help() {
    let help = typed(&["sutra", "--help"]).unwrap_err().to_string();
    assert!(help.contains("Exit codes:") && help.contains("3  `ask`: I don't know"), "{help}");
}

#[test]
fn the_invocation_is_kept_to_be_repeated() {
    let arguments = typed(&["kubectl-sutra", "-n", "words", "ask", "What is a bank?"]).unwrap();
    assert_eq!(arguments.invocation, ["kubectl sutra", "-n", "words", "ask", "What is a bank?"]);
}

#[test]
fn a_grid_is_asked_for_with_the_peer_ports_of_its_nodes() {
    let words = ["sutra", "cluster", "init", "--node", "a:7001", "--node", "[::1]:7001", "--node", "c:7001", "--timeout", "2m"];
    let arguments = typed(&words).unwrap();
    assert!(matches!(arguments.command, Command::Cluster(_)));
    assert_eq!(arguments.global.timeout, Some(Duration::from_secs(120)));
    assert!(refusal(&["sutra", "cluster", "init"]).contains("--node <HOST:PORT>"));
    assert!(refusal(&["sutra", "cluster", "init", "--node", "a"]).contains("did you mean a:7001?"));
    assert!(refusal(&["sutra", "cluster", "init", "--node", "a:1", "--replicas", "all"]).contains("--replicas"));
    assert!(refusal(&["sutra", "cluster", "health-check", "--wait", "soon"]).contains("ends in ms, s, m or h"));
}
