//! What can't work ends the program with status 2 and a sentence.

use std::net::TcpListener;

use crate::node::{Node, command, data, fresh, run};

fn refused(arguments: &[&str]) -> String {
    let (status, sentence) = run(&mut command(arguments));
    assert_eq!(status, Some(2), "{sentence}");
    sentence
}

#[test]
fn flags_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    for (flags, words) in [
        (
            &["--shards", "2"][..],
            "--shards 2: a node alone keeps one shard; the shards of a grid are told to `sutra cluster init`",
        ),
        (&["--embedder", "local:/models"], "--embedder local:/models"),
        (&["--edition", "enterprise"], "--edition enterprise"),
        (&["--secure"], "--secure"),
        (&["--http", "0.0.0.0:0"], "not a loopback address"),
        (&["--tcp", "here"], "not HOST:PORT"),
        (&["--config", "/nonexistent.toml"], "/nonexistent.toml"),
    ] {
        let arguments = [&["serve", "--data-dir", dir], flags].concat();
        let sentence = refused(&arguments);
        assert!(sentence.starts_with("sutra-node: ") && sentence.contains(words), "{sentence}");
    }
    for bad in [&["serve", "--colour", "red"][..], &["serve", "--drain-delay", "soon"], &["sing"], &["dev", "--nodes", "x"]] {
        assert_eq!(run(&mut command(bad)).0, Some(2));
    }
}

#[test]
fn a_file_of_settings_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    std::fs::write(&file, "colour = \"red\"\n").unwrap();
    let sentence = refused(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(sentence, format!("sutra-node: {}: the key colour is unknown", file.display()));
}

#[test]
fn the_environment_and_the_file_configure_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    std::fs::write(&file, "http = \"127.0.0.1:0\"\ntcp = \"0.0.0.0:0\"\nnode_name = \"from-the-file\"\n").unwrap();
    let mut command = command(["serve", "--config", file.to_str().unwrap()]);
    command.env("SUTRA_DATA_DIR", data(&dir)).env("SUTRA_TCP", "127.0.0.1:0").env("SUTRA_ADVERTISE", "node-1.example");
    let node = Node::start(&mut command);
    let info = reqwest::blocking::get(node.url("/info")).unwrap().text().unwrap();
    assert!(info.contains("from-the-file") && info.contains(&node.tcp.to_string()), "{info}");
    assert!(info.contains(r#""peer":"127.0.0.1:7001""#) && info.contains(r#""advertise":"node-1.example""#), "{info}");
    assert!(data(&dir).exists());
}

#[test]
fn an_open_address_is_served_with_a_warning_if_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, open) = (data(&dir), ["--http", "0.0.0.0:0", "--tcp", "127.0.0.1:0", "--insecure-listen"]);
    let node = Node::start(&mut command([&["serve", "--data-dir", dir.to_str().unwrap()][..], &open].concat()));
    assert!(node.http.ip().is_unspecified());
    let warning = node.early.iter().find(|line| line.contains("WARN")).unwrap();
    assert!(warning.contains("--http") && warning.contains("everybody"), "{warning}");
}

#[test]
fn acknowledgements_without_a_sync_are_chosen_warned_of_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::serve_with(&data(&dir), &["--durability", "buffered", "--delta-budget", "2MiB"]);
    assert!(node.early.iter().any(|line| line.contains("WARN") && line.contains("--durability buffered")), "{:?}", node.early);
    let stats = node.client().call("GetStats", serde_json::json!({}));
    assert_eq!((&stats["durability"], &stats["delta_budget_bytes"]), (&"buffered".into(), &(2 << 20).into()));
    node.stop();
    assert!(refused(&["serve", "--delta-budget", "64KiB"]).contains("--delta-budget 64KiB: at least 1MiB"));
}

#[test]
fn a_port_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = data(&dir);
    let sentence = refused(&["serve", "--data-dir", dir.to_str().unwrap(), "--http", "127.0.0.1:0", "--tcp", &address]);
    assert!(sentence.contains(&address) && sentence.contains("in use"), "{sentence}");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let (dir, node) = fresh();
    let used = data(&dir);
    let serve = |dir: &std::path::Path| {
        let dir = dir.to_str().unwrap();
        let sentence = refused(&["serve", "--data-dir", dir, "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"]);
        assert!(sentence.contains(dir), "{sentence}");
        sentence
    };
    assert!(serve(&used).contains("in use"));
    node.stop();

    std::fs::write(used.join("IDENTITY"), "{\"layout\": 99}").unwrap();
    assert!(serve(&used).contains("99"));

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    serve(&file.join("below"));
}

#[test]
fn the_version_is_told() {
    let output = command(["--version"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("sutra-node ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = String::from_utf8(command(["serve", "--help"]).output().unwrap().stdout).unwrap();
    for flag in ["--data-dir", "--peer", "--advertise", "--drain-delay", "SUTRA_SHUTDOWN_TIMEOUT", "status 2"] {
        assert!(help.contains(flag), "{flag}");
    }
}
