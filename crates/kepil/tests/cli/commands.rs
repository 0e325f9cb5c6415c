//! The law and the configuration: what is printed, and how it ends.

use crate::support::*;
use serde_json::Value;
use std::fs;

#[test]
fn help_and_version_end_well_and_name_the_exit_codes() {
    kepil(&["--help"])
        .ended(0)
        .says("Exit codes")
        .says("ledger")
        .says("decide");
    kepil(&["--version"]).ended(0).says("kepil ");
    for sub in ["decide", "law", "ledger", "serve", "config", "demo"] {
        kepil(&[sub, "--help"]).ended(0).says("Usage");
    }
}

#[test]
fn a_command_nobody_knows_ends_with_2() {
    for args in [
        &["levitate"][..],
        &[],
        &["law"],
        &["law", "show"],
        &["--nonsense"],
        &["law", "show", "KZ-DC-2026#77.4", "--lang", "de"],
        &["demo", "--listen", "nowhere"],
    ] {
        kepil(args).ended(2);
    }
}

#[test]
fn law_check_finds_the_built_in_pack_whole() {
    kepil(&["law", "check"])
        .ended(0)
        .says("The pack holds")
        .says("Pack hash");
    let said = kepil(&["law", "check", "--json"]).ended(0).json();
    assert_eq!(said["faults"], serde_json::json!([]));
    assert_eq!(said["hash"].as_str().unwrap().len(), 64);
    assert!(said["cases"].as_u64().unwrap() >= 136);
    let service = kepil(&["law", "check", "--no-assumed", "--json"])
        .ended(0)
        .json();
    assert!(service["instruments"].as_u64() < said["instruments"].as_u64());
}

#[test]
fn law_check_reads_the_same_pack_from_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let pack = unpack(&dir).display().to_string();
    let (inside, outside) = (
        kepil(&["law", "check", "--json"]),
        kepil(&["law", "check", "--json", "--pack", &pack]),
    );
    assert_eq!(inside.ended(0).json(), outside.ended(0).json());
}

#[test]
fn law_check_of_a_broken_pack_names_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let pack = unpack(&dir);
    let path = pack.join("digital-code.md");
    let text = fs::read_to_string(&path).unwrap();
    let broken = text.replacen("permit (", "permitt (", 1);
    assert_ne!(text, broken);
    let line = broken
        .lines()
        .position(|l| l.contains("permitt ("))
        .unwrap()
        + 1;
    fs::write(&path, broken).unwrap();
    let pack = pack.display().to_string();
    let said = kepil(&["law", "check", "--pack", &pack]).ended(1);
    let place = said
        .out
        .split("digital-code.md:")
        .nth(1)
        .unwrap_or_else(|| panic!("{}", said.out));
    let named: usize = place
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap();
    assert!(
        line.abs_diff(named) <= 12,
        "line {named} instead of {line}: {}",
        said.out
    );
    let json = kepil(&["law", "check", "--json", "--pack", &pack])
        .ended(1)
        .json();
    assert_eq!(
        (
            &json["faults"][0]["file"],
            json["faults"][0]["line"].as_u64()
        ),
        (&"digital-code.md".into(), Some(named as u64))
    );
    assert!(
        json["faults"][0]["what"]
            .as_str()
            .is_some_and(|w| !w.is_empty())
    );
    // Every other command refuses to work with it.
    let situation = file(&dir, "s.yaml", &situation("S01"));
    for args in [
        &["law", "test", "--pack", &pack][..],
        &["law", "list", "--pack", &pack],
        &["decide", "--pack", &pack, &situation],
    ] {
        kepil(args).ended(2).says("digital-code.md");
    }
}

#[test]
fn law_test_ends_with_its_counts() {
    let run = kepil(&["law", "test"]).ended(0);
    let last = run.out.lines().last().unwrap();
    let passed: u32 = last
        .strip_suffix(" passed, 0 failed")
        .unwrap()
        .parse()
        .unwrap();
    assert!(passed >= 272, "{last}");
    let json = kepil(&["law", "test", "--json", "--only", "S01"])
        .ended(0)
        .json();
    assert_eq!(
        (json["passed"].as_u64(), json["failed"].as_u64()),
        (Some(2), Some(0))
    );
    kepil(&["law", "test", "--only", "S01", "--all", "--tests"])
        .ended(0)
        .says("ok   S01")
        .says("T01=");
}

#[test]
fn law_test_of_a_wrong_case_ends_with_1_and_names_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = case("S01").replacen("verdict: deny", "verdict: ok", 1);
    let cases = file(
        &dir,
        "mine.md",
        &format!("# Mine\n\n```case\n{text}\n```\n"),
    );
    let run = kepil(&["law", "test", &cases])
        .ended(1)
        .says("mine.md:")
        .says("verdict deny instead of ok");
    assert!(
        run.out.trim_end().ends_with("1 failed") || run.out.trim_end().ends_with("2 failed"),
        "{}",
        run.out
    );
    let json = kepil(&["law", "test", "--json", &cases]).ended(1).json();
    assert!(json["failed"].as_u64() >= Some(1));
}

#[test]
fn law_show_tells_a_provision_in_the_language_asked_for() {
    let texts: Vec<String> = ["kk", "ru", "en"]
        .iter()
        .map(|l| {
            kepil(&["law", "show", "KZ-DC-2026#77.4", "--lang", l])
                .ended(0)
                .says("KZ-DC-2026#77.4")
                .says("cases:")
                .out
        })
        .collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2]);
    assert!(
        texts[0].chars().any(|c| "әғқңөұүһі".contains(c)),
        "{}",
        texts[0]
    );
    let json = kepil(&["law", "show", "KZ-DC-2026#77.4", "--json"])
        .ended(0)
        .json();
    assert_eq!(json["id"], "KZ-DC-2026#77.4");
    for lang in ["kk", "ru", "en"] {
        assert!(
            json["text"][lang].as_str().is_some_and(|t| !t.is_empty()),
            "{lang}"
        );
    }
    kepil(&["law", "show", "KZ-DC-2026", "--lang", "kk"])
        .ended(0)
        .says("KZ-DC-2026#77.4");
}

#[test]
fn law_show_of_an_unknown_id_ends_with_2() {
    for id in ["KZ-DC-2026#999", "KZ-NOWHERE-1999", "", "#", "77.4"] {
        kepil(&["law", "show", id])
            .ended(2)
            .says("neither an act nor a provision");
    }
}

#[test]
fn law_list_names_every_act() {
    let run = kepil(&["law", "list"])
        .ended(0)
        .says("KZ-DC-2026")
        .says("[assumed]");
    let lines = kepil(&["law", "list", "--json"]).ended(0).json_lines();
    assert_eq!(lines.len(), run.out.lines().count());
    assert!(
        lines
            .iter()
            .all(|l| l["id"].is_string() && l["title"]["kk"].is_string())
    );
    let real = kepil(&["law", "list", "--no-assumed", "--lang", "ru"]).ended(0);
    assert!(!real.out.contains("[assumed]"));
}

#[test]
fn decide_says_the_verdict_of_a_situation_and_ends_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let (allowed, denied) = (
        file(&dir, "allowed.yaml", &situation("C04")),
        file(&dir, "denied.yaml", &situation("S01")),
    );
    kepil(&["decide", &allowed])
        .ended(0)
        .says("the request: ok")
        .says("ground");
    kepil(&["decide", &denied])
        .ended(1)
        .says("the request: deny");
    let json = kepil(&["decide", "--json", "--lang", "kk", &denied])
        .ended(1)
        .json();
    assert_eq!(
        (&json["verdict"], &json["id"]),
        (&"deny".into(), &"the request".into())
    );
    assert!(
        json["explanation"]["reasons"]
            .as_array()
            .is_some_and(|r| !r.is_empty())
    );
    kepil(&["decide", "--all", &allowed])
        .ended(0)
        .says("passes");
}

#[test]
fn decide_reads_the_cases_of_a_markdown_file() {
    let dir = tempfile::tempdir().unwrap();
    let block = |id: &str| format!("```case\n{}\n```\n\n", case(id));
    let cases = file(
        &dir,
        "cases.md",
        &format!("# Two\n\n{}{}", block("C04"), block("S01")),
    );
    kepil(&["decide", &cases])
        .ended(1)
        .says("C04: ok")
        .says("S01: deny");
    let lines = kepil(&["decide", "--json", &cases]).ended(1).json_lines();
    let verdicts: Vec<_> = lines
        .iter()
        .map(|l| (l["id"].as_str().unwrap(), l["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(verdicts, [("C04", "ok"), ("S01", "deny")]);
}

#[test]
fn a_file_without_cases_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    let empty = file(&dir, "none.md", "# Nothing here\n\n```yaml\nid: S01\n```\n");
    kepil(&["decide", &empty]).ended(2).says("no case blocks");
    kepil(&["law", "test", &empty]).ended(2).says("no case");
    kepil(&["law", "test", "--only", "X99"])
        .ended(2)
        .says("no case");
}

#[test]
fn decide_of_what_it_cannot_use_ends_with_2_or_3_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let good = situation("C04");
    let change = |key: &str, v: Value| {
        let mut s: Value = serde_json::from_str(&good).unwrap();
        s[key] = v;
        s.to_string()
    };
    for (text, said) in [
        ("a: [".to_owned(), "s.yaml"),
        ("at: 2026-01-01".to_owned(), "actor"),
        (change("actor", "wizard".into()), "wizard"),
        (change("operation", "levitate".into()), "levitate"),
        (change("purpose", "fun".into()), "fun"),
        (change("at", "2026-07-12T10:00:00".into()), "offset"),
        (
            change("facts", serde_json::json!({"person": {"no_such_fact": 1}})),
            "person.no_such_fact",
        ),
        (
            change("base", serde_json::json!(["no_such_baseline"])),
            "no_such_baseline",
        ),
    ] {
        let path = file(&dir, "s.yaml", &text);
        kepil(&["decide", &path]).ended(2).says(said);
    }
    let md = file(&dir, "broken.md", "```case\nid: X\n");
    kepil(&["decide", &md]).ended(2).says("broken.md");
    kepil(&["decide", "/no/such/file.yaml"])
        .ended(3)
        .says("/no/such/file.yaml");
    kepil(&["decide", &dir.path().display().to_string()]).ended(3);
    kepil(&["decide", "--pack", "/no/such/folder", &md])
        .ended(3)
        .says("/no/such/folder");
}

#[test]
fn the_printed_configuration_is_a_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let printed = kepil(&["config", "print"]).ended(0).out;
    let path = file(&dir, "kepil.toml", &printed);
    kepil(&["config", "check", &path])
        .ended(0)
        .says("The configuration holds")
        .says("127.0.0.1:8640");
    let json = kepil(&["config", "check", &path, "--json"]).ended(0).json();
    assert_eq!(
        (&json["ok"], &json["warnings"], &json["systems"]),
        (&true.into(), &serde_json::json!([]), &0.into())
    );
    let risky = printed
        .replace("confidence_floor = true", "confidence_floor = false")
        .replace("[law]", "danger_assumed_law = true\n[law]");
    let path = file(&dir, "risky.toml", &risky);
    kepil(&["config", "check", &path])
        .ended(0)
        .says("danger_assumed_law is on")
        .says("confidence_floor is off");
}

#[test]
fn a_broken_configuration_ends_with_2_and_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("register.json"), "{\"systems\": 5}").unwrap();
    for (text, said) in [
        ("lisen = \"x\"".to_owned(), "lisen"),
        ("listen = ".to_owned(), "line 1"),
        ("[limits]\nbatch = 0".to_owned(), "limits.batch"),
        (
            format!("data_dir = {:?}", data.display().to_string()),
            "register.json",
        ),
        (
            "[law]\npack = \"/no/such/folder\"".to_owned(),
            "/no/such/folder",
        ),
    ] {
        let path = file(&dir, "kepil.toml", &text);
        kepil(&["config", "check", &path]).ended(2).says(said);
    }
    kepil(&["config", "check", "/no/such/kepil.toml"])
        .ended(3)
        .says("/no/such/kepil.toml");
    kepil(&["serve", "--config", "/no/such/kepil.toml"]).ended(3);
    let path = file(&dir, "kepil.toml", "lisen = 1");
    kepil(&["serve", "--config", &path]).ended(2).says("lisen");
}

/// The fenced JSON blocks of a document under a heading.
fn blocks(text: &str, heading: &str) -> Vec<String> {
    let from = text.split_once(heading).unwrap().1;
    let section = from.split("\n## ").next().unwrap();
    let parts = section.split("```json\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_service_of_the_openid_guide_is_one_the_gate_knows() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/openid.md");
    let guide = fs::read_to_string(guide).unwrap();
    let files = blocks(&guide, "## A service from beginning to end");
    let [clients, register] = files.as_slice() else {
        panic!("{} files in the guide", files.len());
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("clients.json"), clients).unwrap();
    fs::write(data.join("register.json"), register).unwrap();
    let config = format!("data_dir = {:?}", data.display().to_string());
    let path = file(&dir, "kepil.toml", &config);
    let json = kepil(&["config", "check", &path, "--json"]).ended(0).json();
    assert_eq!(json["warnings"], serde_json::json!([]));
    assert_eq!(json["systems"], 1);
    fs::write(
        data.join("register.json"),
        register.replace("agreement-aid", "agreement-other"),
    )
    .unwrap();
    kepil(&["config", "check", &path])
        .ended(0)
        .says("names the agreement `agreement-aid`");
}
