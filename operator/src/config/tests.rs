use clap::{CommandFactory as _, Parser};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    flags: Flags,
}

fn flags(arguments: &[&str]) -> Flags {
    let fixed = ["sutra-operator", "--node-image", "sutra-node:1", "--lease-namespace", "sutra", "--identity", "one"];
    Line::try_parse_from(fixed.iter().chain(arguments)).map_err(|refusal| refusal.to_string()).unwrap().flags
}

fn resolve(arguments: &[&str]) -> Result<Config, ConfigError> {
    Config::resolve(flags(arguments))
}

fn refusal(arguments: &[&str]) -> String {
    resolve(arguments).unwrap_err().to_string()
}

#[test]
fn every_flag_is_in_the_environment_too() {
    for argument in Line::command().get_arguments().filter(|argument| argument.get_id() != "help") {
        let expected = format!("SUTRA_OPERATOR_{}", argument.get_long().unwrap().replace('-', "_").to_uppercase());
        assert_eq!(argument.get_env().unwrap().to_str(), Some(expected.as_str()));
    }
}

#[test]
fn what_is_not_given_has_a_default() {
    let config = resolve(&[]).unwrap();
    assert_eq!(config.namespace, None);
    assert_eq!((config.lease.duration, config.lease.renew), (Duration::from_secs(15), Duration::from_secs(5)));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.cluster_domain, "cluster.local");
    assert_eq!(config.poll, Duration::from_secs(15));
}

#[test]
fn an_empty_value_is_none_for_a_chart_sets_it_anyway() {
    let config = resolve(&["--namespace", "", "--cluster-selector", ""]).unwrap();
    assert_eq!((config.namespace, config.cluster_selector), (None, None));
}

#[test]
fn what_cannot_work_is_refused_with_a_sentence() {
    assert!(refusal(&["--namespace", "Sutra"]).starts_with("--namespace Sutra: a namespace's name has"));
    assert!(refusal(&["--lease-name=-x"]).starts_with("--lease-name -x: "));
    assert!(refusal(&["--lease-duration", "3500ms", "--lease-renew", "1s"]).contains("whole seconds"));
    assert!(refusal(&["--lease-duration", "14s"]).contains("more than a third of --lease-duration 14s"));
    assert!(refusal(&["--lease-duration", "1s"]).contains("between 3s and 600s"));
    assert!(refusal(&["--poll", "often"]).contains("such as 500ms"));
    assert!(refusal(&["--poll=-5s"]).contains("such as 500ms"));
    let image = Config::resolve(Flags { node_image: "a b".into(), ..flags(&[]) });
    assert!(image.unwrap_err().to_string().contains("no blanks"));
}

#[test]
fn selectors_are_checked_before_the_start() {
    for good in ["a=b", "a==b,c!=d", "tier in (gold, silver),!old", "sutra.dev/team notin (x)", "exists"] {
        assert!(resolve(&["--cluster-selector", good]).is_ok(), "{good}");
    }
    for bad in ["a=b,", "a in (b", "a in b)", "a=\u{e4}", "!", "a in ((b))"] {
        assert!(resolve(&["--cluster-selector", bad]).is_err(), "{bad}");
    }
}
