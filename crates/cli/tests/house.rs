//! The walls of the house, checked from `cargo metadata`, and that the map names places that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// For each of our crates, the crates it depends on (not for its tests), by short name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs, since it runs this test");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let short = |name: &str| name.strip_prefix("strandline-").unwrap_or(name).to_owned();
    let packages = metadata["packages"].as_array().expect("packages are a list");
    packages
        .iter()
        .map(|package| {
            let name = short(package["name"].as_str().expect("a package has a name"));
            let list = package["dependencies"].as_array().expect("dependencies are a list");
            let normal = list.iter().filter(|d| d["kind"].is_null()).filter_map(|d| d["name"].as_str()).map(short).collect();
            (name, normal)
        })
        .collect()
}

const STAGES: [&str; 7] = ["evidence", "event", "detection", "trace", "containment", "exposure", "notice"];

/// `crate` may depend on these of ours, and on no other.
fn check(dependencies: &BTreeMap<String, BTreeSet<String>>, name: &str, allowed: &[&str]) {
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    let used = dependencies.get(name).unwrap_or_else(|| panic!("there is no crate {name}"));
    let beyond: Vec<&String> = used.iter().filter(|d| ours.contains(d.as_str()) && !allowed.contains(&d.as_str())).collect();
    assert!(beyond.is_empty(), "{name} leans on {beyond:?}; it may lean on {allowed:?} (see ARCHITECTURE.md)");
}

#[test]
fn a_stage_stands_on_model_alone() {
    let dependencies = dependencies();
    for stage in STAGES {
        let allowed: &[&str] = match stage {
            "exposure" => &["history", "model", "provenance", "sql"],
            "event" | "trace" => &["model", "sql"],
            _ => &["model"],
        };
        check(&dependencies, stage, allowed);
    }
    check(&dependencies, "model", &[]);
    check(&dependencies, "sql", &[]);
    check(&dependencies, "history", &["model", "sql"]);
    check(&dependencies, "provenance", &["model", "sql"]);
    // It is the stage, in a process of its own.
    check(&dependencies, "reader", &["event", "model"]);
    // It serves, and asks the conductor for everything that it shows or does.
    check(&dependencies, "console", &["model", "response"]);
    check(&dependencies, "estate", &["model", "sql"]);
    // The support page is for a host that has no case: it knows a code and a document, and nothing else of the house.
    for name in ["case", "report", "drill", "outbound", "print", "support"] {
        check(&dependencies, name, &["model"]);
    }
}

#[test]
fn only_the_conductor_and_the_terminal_see_the_case() {
    let dependencies = dependencies();
    let seeing: Vec<&str> = dependencies.iter().filter(|(_, used)| used.contains("case")).map(|(name, _)| name.as_str()).collect();
    assert_eq!(seeing, ["response", "strandline"]);
}

#[test]
fn only_replay_and_sql_know_the_query_engine() {
    let dependencies = dependencies();
    let knowing: Vec<&str> = dependencies.iter().filter(|(_, used)| used.contains("datafusion")).map(|(name, _)| name.as_str()).collect();
    assert_eq!(knowing, ["provenance", "strandline"]);
}

#[test]
fn only_console_and_support_page_listen() {
    for (name, used) in &dependencies() {
        for server in ["axum", "hyper-util", "tower", "actix-web", "tiny_http", "warp"] {
            let listens = ["console", "support"].contains(&name.as_str());
            assert!(listens || !used.contains(server), "{name} depends on {server}: only the console and the support page listen");
        }
    }
}

#[test]
fn only_outbound_acts_on_the_world_and_only_the_conductor_has_it_act() {
    let dependencies = dependencies();
    for (name, used) in &dependencies {
        for client in ["reqwest", "hyper", "ureq", "tokio-postgres", "postgres", "lettre", "rustls", "curl"] {
            // Who serves needs them to listen; that it dials nobody is checked below.
            let serves = name == "support" && ["hyper", "rustls"].contains(&client);
            assert!(name == "outbound" || serves || !used.contains(client), "{name} depends on {client}: effects on the world belong in outbound");
        }
    }
    let acting: Vec<&str> = dependencies.iter().filter(|(_, used)| used.contains("outbound")).map(|(name, _)| name.as_str()).collect();
    assert_eq!(acting, ["response"]);
}

#[test]
fn who_serves_listens_and_dials_nobody() {
    let manifest = std::fs::read_to_string(root().join("crates/support/Cargo.toml")).expect("the manifest is there");
    let hyper: Vec<&str> = manifest.lines().filter(|line| line.starts_with("hyper")).collect();
    assert!(!hyper.is_empty() && hyper.iter().all(|line| !line.contains("client")), "a server needs no client of HTTP: {hyper:?}");
    for server in ["crates/support/src", "crates/console/src"] {
        each_source(&root().join(server), &mut |path, text| {
            for dialling in ["connect(", "connect_timeout(", "UdpSocket", "ClientConfig", "Command::new"] {
                assert!(!text.contains(dialling), "{} has {dialling}: a server answers, and asks nobody", path.display());
            }
        });
    }
}

#[test]
fn the_map_names_places_that_exist() {
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(document)).expect("the document is there");
        for word in text.split(['`', '(', ')', ' ', '\n']) {
            let is_path = ["crates/", "docs/", "letters/", "examples/", "fuzz/", ".ci/"].iter().any(|start| word.starts_with(start));
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
            if is_path && plain {
                assert!(root().join(word.trim_end_matches('.')).exists(), "{document} names {word}, which is not there");
            }
        }
    }
}

#[test]
fn a_block_of_commands_in_a_list_stays_in_it() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("the document is there");
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut fence = None;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fence = if fence.is_some() { None } else { Some(indent(line)) };
        }
        let stays = fence.is_none_or(|fence| line.is_empty() || indent(line) >= fence);
        assert!(stays, "README.md:{} ends the list that its block stands in", number + 1);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    each_source(&root().join("crates"), &mut |path, text| {
        assert!(text.starts_with("//! "), "{} does not begin with what it is for", path.display());
    });
}

/// Every source file of Rust below a folder, with its text.
fn each_source(folder: &Path, check: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            each_source(&path, check);
        } else if path.extension().is_some_and(|e| e == "rs") {
            check(&path, &std::fs::read_to_string(&path).expect("our own source is readable"));
        }
    }
}
