//! The law on disk: broken, it stops a start; while a node runs, it changes nothing until it is whole.

use crate::support::{Node, ONE, Play, Stage, config, open_only};
use kepil_server::serve::reload;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes the pack of the binary into a folder.
fn unpack(dir: &Path) -> PathBuf {
    let pack = dir.join("pack");
    for (name, text) in kepil_packs::kz() {
        let path = pack.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    pack
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed);
    fs::write(path, changed).unwrap();
}

fn data(dir: &Path) -> PathBuf {
    let data = dir.join("data");
    fs::create_dir_all(&data).unwrap();
    data
}

#[test]
fn a_broken_pack_refuses_to_start_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let pack = unpack(dir.path());
    let mut config = config(&data(dir.path()));
    config.law.pack = Some(pack.clone());
    let whole = fs::read_to_string(pack.join("digital-code.md")).unwrap();
    for (said, broken) in [
        ("digital-code.md", whole.replacen("permit", "permitt", 1)),
        (
            "digital-code.md",
            whole.replacen("```cedar", "```cedar\n((((", 1),
        ),
    ] {
        assert_ne!(whole, broken);
        fs::write(pack.join("digital-code.md"), broken).unwrap();
        let error = open_only(config.clone()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(
            !config.data_dir.join("ledger").exists(),
            "nothing was begun"
        );
    }
    fs::write(pack.join("digital-code.md"), whole).unwrap();
    for name in [
        "tests.yaml",
        "vocabulary.yaml",
        "schema.cedarschema",
        "unknown.yaml",
    ] {
        let text = fs::read_to_string(pack.join(name)).unwrap();
        fs::remove_file(pack.join(name)).unwrap();
        let error = open_only(config.clone()).unwrap_err().to_string();
        assert!(error.contains(name), "{name}: {error}");
        fs::write(pack.join(name), text).unwrap();
    }
    let mut nowhere = config.clone();
    nowhere.law.pack = Some(dir.path().join("no-such-folder"));
    let error = open_only(nowhere).unwrap_err().to_string();
    assert!(error.contains("no-such-folder"), "{error}");
    open_only(config).unwrap();
}

#[test]
fn broken_registers_refuse_to_start_and_say_what() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let (stage, play) = Stage::with("C04");
    let good = serde_json::to_value(&stage.file).unwrap();
    let broken = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut file = good.clone();
        change(&mut file);
        file.to_string()
    };
    for (text, said) in [
        ("{".to_owned(), "register.json"),
        (
            broken(&|f| f["systems"][0]["surprise"] = 1.into()),
            "surprise",
        ),
        (
            broken(&|f| f["systems"][0]["actors"][0] = "wizard".into()),
            "wizard",
        ),
        (
            broken(&|f| f["records"][0]["kind"] = "rumour".into()),
            "rumour",
        ),
        (
            broken(&|f| f["records"][0]["facts"] = serde_json::json!({"system": {}})),
            "may not speak of `system`",
        ),
        (
            broken(&|f| f["records"][0]["facts"]["notice"]["judge"] = "maybe".into()),
            "notice.judge",
        ),
        (broken(&|f| twice(&mut f["systems"])), play.system.as_str()),
        (broken(&|f| twice(&mut f["records"])), "stands there twice"),
    ] {
        fs::write(data.join("register.json"), text).unwrap();
        let error = open_only(config(&data)).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
}

fn twice(list: &mut serde_json::Value) {
    let list = list.as_array_mut().unwrap();
    list.push(list[0].clone());
}

struct Running {
    node: Node,
    stage: Stage,
    play: Play,
    pack: PathBuf,
    _dir: tempfile::TempDir,
}

impl Running {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pack = unpack(dir.path());
        let (stage, play) = Stage::with("C04");
        let data = data(dir.path());
        stage.write(&data);
        let mut config = config(&data);
        config.law.pack = Some(pack.clone());
        let node = Node::with(config);
        node.at(&play);
        Self {
            node,
            stage,
            play,
            pack,
            _dir: dir,
        }
    }

    /// Pack and decision of an answer of now.
    fn answer(&self) -> (String, bool) {
        let answer = self.node.play(&self.stage, &self.play);
        (
            answer["context"]["pack"].as_str().unwrap().to_owned(),
            answer["decision"] == true,
        )
    }
}

#[test]
fn a_reload_of_a_broken_pack_keeps_the_old_law() {
    let run = Running::new();
    let before = run.answer();
    assert!(before.1);
    let file = run.pack.join("digital-code.md");
    let whole = fs::read_to_string(&file).unwrap();
    edit(&file, |t| t.replacen("permit", "permitt", 1));
    reload(&run.node.app);
    assert_eq!(run.answer(), before);
    fs::remove_dir_all(run.pack.join("cases")).unwrap();
    reload(&run.node.app);
    assert_eq!(run.answer(), before);
    fs::remove_dir_all(&run.pack).unwrap();
    reload(&run.node.app);
    assert_eq!(run.answer(), before);
    // Mended and changed: the new law counts, and an unchanged one has the old hash.
    unpack(run.pack.parent().unwrap());
    reload(&run.node.app);
    assert_eq!(run.answer(), before);
    fs::write(&file, whole + "\n").unwrap();
    reload(&run.node.app);
    let after = run.answer();
    assert_ne!(after.0, before.0);
    assert!(after.1);
    assert_eq!(
        run.node.app.entries_by_pack(),
        [(before.0, 5), (after.0, 1)]
    );
}

/// How many entries of the log name each pack, in the order in which they first come.
trait ByPack {
    fn entries_by_pack(&self) -> Vec<(String, u64)>;
}

impl ByPack for kepil_server::App {
    fn entries_by_pack(&self) -> Vec<(String, u64)> {
        let mut out: Vec<(String, u64)> = Vec::new();
        for entry in self.ledger.chronicle.reader().records(0) {
            let entry = entry.unwrap();
            if self.ledger.chronicle.open_row(&entry).is_err() {
                continue;
            }
            let pack = crate::entries::record(self, entry.index).pack;
            match out.iter_mut().find(|(p, _)| *p == pack) {
                Some((_, n)) => *n += 1,
                None => out.push((pack, 1)),
            }
        }
        out
    }
}

#[test]
fn a_reload_of_broken_registers_keeps_the_old_ones() {
    let run = Running::new();
    let before = run.answer();
    let path = run.node.app.config.data_dir.join("register.json");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    reload(&run.node.app);
    assert_eq!(run.answer(), before);
    fs::write(&path, &whole).unwrap();
    reload(&run.node.app);
    assert_eq!(run.answer(), before);
}

#[test]
fn a_system_that_is_struck_off_loses_its_token_at_the_reload() {
    let run = Running::new();
    let token = run.node.token(&run.stage, &run.play.system);
    run.node.post(ONE, &token, &run.play.request).ok();
    fs::write(
        run.node.app.config.data_dir.join("register.json"),
        "{\"systems\": [], \"records\": []}",
    )
    .unwrap();
    reload(&run.node.app);
    run.node.post(ONE, &token, &run.play.request).problem(401);
}

#[test]
fn what_the_register_says_of_a_system_counts_from_the_reload_even_under_an_old_token() {
    let mut run = Running::new();
    let token = run.node.token(&run.stage, &run.play.system);
    assert_eq!(
        run.node.post(ONE, &token, &run.play.request).ok()["decision"],
        true
    );
    run.stage.file.systems[0].facts["system"]["asking_registered"] = false.into();
    run.stage.write(&run.node.app.config.data_dir);
    reload(&run.node.app);
    assert_eq!(
        run.node.post(ONE, &token, &run.play.request).ok()["decision"],
        false
    );
}
