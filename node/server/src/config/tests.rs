use clap::Parser as _;

use super::*;
use crate::arguments::{Arguments, Command};

fn settings(flags: &[&str]) -> Settings {
    let line = ["sutra-node", "serve"].iter().chain(flags);
    match Arguments::parse_from(line).command {
        Command::Serve(settings) => *settings,
        Command::Dev(_) | Command::Offline(_) => panic!("another command"),
    }
}

fn refused(flags: &[&str]) -> String {
    Config::resolve(settings(flags)).unwrap_err().to_string()
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    std::fs::write(&file, "http = \"127.0.0.1:1\"\ntcp = \"127.0.0.1:2\"\n").unwrap();
    let config = Config::resolve(settings(&["--config", file.to_str().unwrap(), "--http", "127.0.0.1:3"])).unwrap();
    assert_eq!([config.http.port(), config.tcp.port(), config.peer.port()], [3, 2, 7001]);
    assert_eq!(config.drain_delay, None);
    assert_eq!(config.shutdown_timeout, Duration::from_secs(60));
}

#[test]
fn what_this_version_cannot_do_is_refused() {
    assert_eq!(
        refused(&["--shards", "4"]),
        "--shards 4: a node alone keeps one shard; the shards of a grid are told to `sutra cluster init`"
    );
    assert!(refused(&["--embedder", "hash:64"]).starts_with("--embedder hash:64: this version has no embedders"));
    assert!(refused(&["--edition", "simple"]).starts_with("--edition simple: "));
    assert!(refused(&["--secure"]).starts_with("--secure true: "));
    let none = ["--shards", "1", "--embedder", "none", "--edition", "none", "--secure=false", "--wait-for-grid=no"];
    assert!(Config::resolve(settings(&none)).is_ok());
}

#[test]
fn durability_and_memory_are_chosen_and_checked() {
    let config = Config::resolve(settings(&[])).unwrap();
    assert_eq!((config.durability, config.delta_budget), (DurabilitySetting::Fsync, Size::mib(48)));
    let config = Config::resolve(settings(&["--durability", "buffered", "--delta-budget", "1GiB"])).unwrap();
    assert_eq!((config.durability, config.delta_budget), (DurabilitySetting::Buffered, Size::mib(1024)));
    assert!(refused(&["--delta-budget", "512KiB"]).starts_with("--delta-budget 512KiB: at least 1MiB is needed"));
    let line = ["sutra-node", "serve", "--delta-budget", "48MB"];
    assert!(Arguments::try_parse_from(line).unwrap_err().to_string().contains("such as 256MiB"));
}

#[test]
fn other_addresses_than_loopback_need_a_word() {
    assert!(refused(&["--http", "0.0.0.0:8000"]).starts_with("--http 0.0.0.0:8000: it is not a loopback address"));
    assert!(refused(&["--tcp", "[::]:1"]).contains("--insecure-listen"));
    let config = Config::resolve(settings(&["--http", "0.0.0.0:8000", "--insecure-listen"])).unwrap();
    assert_eq!(config.exposed().map(|(name, _)| name).collect::<Vec<_>>(), ["http"]);
}

#[test]
fn addresses_and_names_are_checked() {
    assert!(refused(&["--http", "8000"]).contains("it is not HOST:PORT"));
    assert!(refused(&["--peer", "127.0.0.1:99999"]).starts_with("--peer"));
    assert!(refused(&["--advertise", "two words"]).starts_with("--advertise \"two words\""));
    assert!(refused(&["--node-name", ""]).starts_with("--node-name"));
    assert!(refused(&["--config", "/nonexistent/node.toml"]).contains("/nonexistent/node.toml"));
}
