//! People at the door: activation, secret and code, sessions, the own list, and who is kept out.

use crate::browser::{Browser, SECRET, form, open, set_up, sign_in};
use crate::support::{Node, Play, Stage, WALL_SECS, index};
use kepil_ledger::manifest::Manifest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::Ordering;

fn started() -> (tempfile::TempDir, Stage, Play, Node) {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    (dir, stage, play, node)
}

#[test]
fn a_person_activates_sets_two_ways_and_sees_who_used_the_data() {
    let (dir, stage, play, node) = started();
    let used = index(&node.play(&stage, &play));
    node.publish();
    let (number, codes) = set_up(&node, &play.person);
    let (mut browser, reply) = sign_in(&node, &number, &codes[0]);
    let home = browser.to(&reply);
    let page = browser.to(&home);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    assert!(text.contains("This list is complete"), "{text}");
    let own = format!("/my/uses/202607/{used}");
    assert!(text.contains(&own), "{text}");
    let one = browser.get(&format!("/en{own}"));
    assert!(
        one.text().contains("Why it was decided so"),
        "{}",
        one.text()
    );
    assert_eq!(one.header("cache-control"), Some("no-store"));
    let hsts = one.header("strict-transport-security");
    assert_eq!(hsts, Some("max-age=31536000"), "the address is https");
    let receipt = browser.get(&format!("/en{own}/receipt"));
    let receipt = kepil_ledger::receipt::Receipt::from_json(&receipt.body).unwrap();
    receipt.verify(&node.key()).unwrap();
    let proof = browser.get("/en/my/uses/202607/proof");
    assert!(
        proof.text().starts_with("c2sp.org/tlog-proof@v1"),
        "{}",
        proof.text()
    );
    // Everything, to take along.
    let all = browser.get("/en/my/export/uses.json").ok();
    let months = all["months"].as_array().unwrap();
    let month = months
        .iter()
        .find(|month| month["month"] == 202_607)
        .unwrap();
    assert_eq!(month["uses"][0]["entry"], used);
    assert!(
        month["proof"]
            .as_str()
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1")
    );
    let table = browser.get("/en/my/export/uses.csv").text();
    assert!(table.contains(&format!("\r\n{used},2026-07-")), "{table}");
    assert_eq!(browser.get("/en/my/export/uses.pdf").status, 404);
    signed_archive(&node, &mut browser, &table);
    // In each language, and after a restart.
    let cookie = browser.cookie.clone();
    node.stop().unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    node.publish();
    let mut browser = Browser::new(&node);
    browser.cookie = cookie;
    for (lang, words) in [
        ("ru", "Кто пользовался моими данными"),
        ("kk", "Деректерімді кім пайдаланды"),
    ] {
        let page = browser.get(&format!("/{lang}/my/uses"));
        assert_eq!(page.status, 200);
        assert!(page.text().contains(words));
    }
}

#[test]
fn nobody_gets_in_without_what_opens() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let mut stranger = Browser::new(&node);
    for path in ["/en/my/uses", "/en/my/identity", "/en/my/uses/202607/proof"] {
        let reply = stranger.get(path);
        assert_eq!(reply.status, 303);
        let to = format!("/en/sign-in?then={path}");
        assert_eq!(reply.header("location"), Some(to.as_str()));
    }
    let mut tried = Vec::new();
    for (number, secret, code) in [
        (number.as_str(), "not the secret", codes[0].as_str()),
        (&number, SECRET, "1-AAAAA-AAAAA-AAAAA-AA"),
        ("00000-00000-000", SECRET, &codes[0]),
        ("nonsense", SECRET, &codes[0]),
    ] {
        let fields = [("number", number), ("secret", secret), ("code", code)];
        let reply = stranger.post("/en/sign-in/secret", &fields);
        assert_eq!(reply.status, 401);
        // What was typed is kept, but for secrets; the page says nothing about what was wrong.
        let text = reply.text().replace(number, "");
        assert!(!text.contains(secret) && !text.contains(code));
        tried.push(text);
    }
    assert!(tried.iter().all(|text| *text == tried[0]));
    // A code is good once.
    let (_, first) = sign_in(&node, &number, &codes[1]);
    assert_eq!(first.status, 303);
    let (_, again) = sign_in(&node, &number, &codes[1]);
    assert_eq!(again.status, 401);
}

#[test]
fn guessing_gets_slow_and_the_wait_ends() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let mut stranger = Browser::new(&node);
    let guess = [
        ("number", number.as_str()),
        ("secret", "a wrong guess"),
        ("code", "1-A"),
    ];
    for _ in 0..3 {
        assert_eq!(stranger.post("/en/sign-in/secret", &guess).status, 401);
    }
    let slow = stranger.post("/en/sign-in/secret", &guess);
    assert_eq!((slow.status, slow.header("retry-after")), (429, Some("1")));
    // Also who knows everything waits, and then comes in.
    let (_, early) = sign_in(&node, &number, &codes[0]);
    assert_eq!(early.status, 429);
    node.wall.store(WALL_SECS + 2, Ordering::SeqCst);
    let (_, late) = sign_in(&node, &number, &codes[0]);
    assert_eq!(late.status, 303, "{}", late.text());
}

#[test]
fn an_activation_code_is_good_once_and_for_a_week() {
    let (_dir, _stage, play, node) = started();
    let (number, code) = open(&node, &play.person);
    let mut browser = Browser::new(&node);
    let wrong = [("number", number.as_str()), ("code", "0000")];
    assert_eq!(browser.post("/en/activate", &wrong).status, 401);
    let right = [("number", number.as_str()), ("code", code.as_str())];
    assert_eq!(browser.post("/en/activate", &right).status, 303);
    assert_eq!(Browser::new(&node).post("/en/activate", &right).status, 401);
    // Signed in by a code alone nobody sees a list.
    let list = browser.get("/en/my/uses");
    assert_eq!(list.status, 403);
    let (number, code) = open(&node, "person-of-last-week");
    node.wall.store(WALL_SECS + 7 * 24 * 3600, Ordering::SeqCst);
    let late = [("number", number.as_str()), ("code", code.as_str())];
    assert_eq!(Browser::new(&node).post("/en/activate", &late).status, 401);
}

#[test]
fn other_pages_cannot_act_in_a_persons_name() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let (browser, _) = sign_in(&node, &number, &codes[0]);
    let send = |headers: &[(&str, &str)]| {
        let call = node.call("post", "/en/my/identity/secret");
        let call = call.header("cookie", &browser.cookie);
        let call = headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        let body = form(&[("secret", "a secret of somebody else")]);
        call.body("application/x-www-form-urlencoded", body.as_bytes())
            .send()
            .status
    };
    assert_eq!(send(&[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(send(&[("sec-fetch-site", "same-site")]), 403);
    assert_eq!(send(&[("origin", "https://evil.test")]), 403);
    assert_eq!(send(&[("origin", "null")]), 403);
    assert_eq!(send(&[]), 403);
    let own = format!("http://{}", node.address);
    assert_eq!(
        send(&[("origin", &own)]),
        303,
        "an old browser says its origin"
    );
}

#[test]
fn a_person_sees_and_ends_sessions_and_keeps_two_ways() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let (mut phone, _) = sign_in(&node, &number, &codes[0]);
    let (mut home, _) = sign_in(&node, &number, &codes[1]);
    let page = home.get("/en/my/identity").text();
    assert!(
        page.contains(&number) && page.contains("Printed codes: 8"),
        "{page}"
    );
    // The last two ways stay.
    let factor = page.split("name=\"factor\" value=\"").nth(1).unwrap();
    let factor = factor.split('"').next().unwrap();
    let kept = home.post("/en/my/identity/remove", &[("factor", factor)]);
    assert_eq!(kept.status, 422);
    assert!(kept.text().contains("Two independent ways must be left"));
    for nonsense in ["", "zz", &"0".repeat(32)] {
        let reply = home.post("/en/my/identity/remove", &[("factor", nonsense)]);
        assert_eq!(reply.status, 422, "{nonsense}");
    }
    for (weak, said) in [
        ("short", "ten characters"),
        ("aaaaaaaaaaaa", "over and over"),
    ] {
        let reply = home.post("/en/my/identity/secret", &[("secret", weak)]);
        assert_eq!(reply.status, 422);
        assert!(reply.text().contains(said));
    }
    let ended = home.post("/en/my/identity/sessions", &[("session", "others")]);
    assert_eq!(ended.status, 303);
    assert_eq!(phone.get("/en/my/identity").status, 303);
    assert_eq!(home.get("/en/my/identity").status, 200);
    let out = home.post("/en/sign-out", &[]);
    assert_eq!(out.status, 303);
    assert_eq!(home.get("/en/my/identity").status, 303);
}

#[test]
fn a_cookie_in_another_browser_ends_the_session() {
    const FIRST: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36";
    const NEWER: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/157.0.0.0 Safari/537.36";
    const THIEF: &str = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/145.0";
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let fields = [
        ("number", number.as_str()),
        ("secret", SECRET),
        ("code", &codes[0]),
    ];
    let reply = node
        .call("post", "/en/sign-in/secret")
        .header("user-agent", FIRST)
        .header("sec-fetch-site", "same-origin")
        .body(
            "application/x-www-form-urlencoded",
            form(&fields).as_bytes(),
        )
        .send();
    let cookie = reply
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let look = |agent: &str| {
        let call = node
            .call("get", "/en/my/identity")
            .header("cookie", &cookie);
        call.header("user-agent", agent).send()
    };
    assert_eq!(look(FIRST).status, 200);
    assert_eq!(
        look(NEWER).status,
        200,
        "a browser that was brought up to date"
    );
    let stolen = look(THIEF);
    assert!(
        stolen.status == 303 && !stolen.text().contains(&number),
        "{}",
        stolen.text()
    );
    assert_eq!(look(FIRST).status, 303, "it is over for both");
}

#[test]
fn a_session_that_nobody_uses_ends() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let (mut browser, _) = sign_in(&node, &number, &codes[0]);
    node.wall.store(WALL_SECS + 3599, Ordering::SeqCst);
    assert_eq!(browser.get("/en/my/identity").status, 200);
    node.wall.store(WALL_SECS + 3599 + 3600, Ordering::SeqCst);
    assert_eq!(browser.get("/en/my/identity").status, 303);
}

#[test]
fn nobody_sees_an_entry_of_somebody_elses_list() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (mine, theirs) = (stage.play("C04").unwrap(), stage.play("C98").unwrap());
    let node = Node::start(dir.path(), &stage, &mine);
    node.play(&stage, &mine);
    let strange = index(&node.play(&stage, &theirs));
    node.publish();
    let (number, codes) = set_up(&node, &mine.person);
    let (mut browser, _) = sign_in(&node, &number, &codes[0]);
    for path in [
        format!("/en/my/uses/202607/{strange}"),
        format!("/en/my/uses/202607/{strange}/receipt"),
        "/en/my/uses/202607/999999".to_owned(),
        "/en/my/uses/999913/proof".to_owned(),
        "/en/my/uses?month=nonsense".to_owned(),
        "/en/my/uses?month=190001".to_owned(),
    ] {
        assert_eq!(browser.get(&path).status, 404, "{path}");
    }
}

#[test]
fn pages_lead_nowhere_else_and_show_markup_as_text() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let mut browser = Browser::new(&node);
    let page = browser.get("/en/sign-in?then=https://evil.test/");
    assert!(page.text().contains("value=\"/en/my\""));
    let fields = [
        ("number", number.as_str()),
        ("secret", SECRET),
        ("code", codes[0].as_str()),
        ("then", "//evil.test/"),
    ];
    let reply = browser.post("/en/sign-in/secret", &fields);
    assert_eq!(reply.header("location"), Some("/en/my"));
    let attack = "\"><script>alert(1)</script>";
    let fields = [("number", attack), ("secret", "x"), ("code", "x")];
    let page = Browser::new(&node).post("/en/sign-in/secret", &fields);
    assert!(!page.text().contains("<script>alert"));
    let filtered = browser.get("/en/my/uses?system=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!filtered.text().contains("<script>alert"));
}

#[test]
fn ceremonies_that_were_never_begun_or_make_no_sense_are_refused() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let (browser, _) = sign_in(&node, &number, &codes[0]);
    let send = |path: &str, body: serde_json::Value| {
        node.call("post", path)
            .header("cookie", &browser.cookie)
            .header("sec-fetch-site", "same-origin")
            .json(&body)
            .send()
            .status
    };
    let nothing = json!({"ticket": "00", "credential": {}});
    assert_eq!(send("/en/sign-in/passkey/finish", nothing.clone()), 400);
    assert_eq!(send("/en/my/identity/passkey/finish", nothing), 400);
    assert_eq!(
        send("/en/sign-in/passkey/finish", json!({"ticket": 7})),
        422
    );
}

#[test]
fn anybody_checks_a_receipt_by_pasting_it() {
    let (_dir, stage, play, node) = started();
    let answer = node.play(&stage, &play);
    node.publish();
    let receipt = answer["context"]["entry"]["receipt"].to_string();
    let mut anybody = Browser::new(&node);
    let mut paste = |text: &str| anybody.post("/en/ledger", &[("receipt", text)]);
    for text in [
        receipt.clone(),
        answer.to_string(),
        format!("\n {receipt} \n"),
    ] {
        let page = paste(&text);
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("stands in the published log"));
    }
    let mut changed: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    changed["index"] = 1.into();
    let page = paste(&changed.to_string());
    assert_eq!(page.status, 422);
    assert!(page.text().contains("does not hold"));
    for nonsense in ["{}", "", "<script>alert(1)</script>", "[1"] {
        let page = paste(nonsense);
        assert_eq!(page.status, 422, "{nonsense}");
        assert!(!page.text().contains("<script>alert"));
    }
    // The file that was kept goes before what is in the box.
    let upload = |file: &str, end: &str| {
        let part = |name: &str, more: &str, text: &str| {
            format!(
                "--cut\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{text}\r\n"
            )
        };
        let chosen = "; filename=\"r.json\"\r\nContent-Type: application/json";
        let body = part("receipt", "", "old") + &part("file", chosen, file) + end;
        node.call("post", "/en/ledger")
            .header("sec-fetch-site", "same-origin")
            .body("multipart/form-data; boundary=cut", body.as_bytes())
            .send()
    };
    let page = upload(&receipt, "--cut--\r\n");
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("stands in the published log"));
    assert_eq!(
        upload("<script>alert(1)</script>", "--cut--\r\n").status,
        422
    );
    // Nothing chosen: what is in the box counts, and it is no receipt.
    assert_eq!(upload("", "--cut--\r\n").status, 422);
    assert_eq!(upload(&receipt, "").status, 400, "a form that was cut off");
    let large = upload(&"x".repeat(3_000_000), "--cut--\r\n");
    assert_eq!(large.status, 413, "{}", large.text());
}

#[test]
fn a_shut_account_opens_for_nobody_until_somebody_sees_the_holder_again() {
    let (_dir, _stage, play, node) = started();
    let (number, codes) = set_up(&node, &play.person);
    let (mut browser, _) = sign_in(&node, &number, &codes[0]);
    let file = node.app.config.data_dir.join("operator.token");
    let token = std::fs::read_to_string(file).unwrap();
    let order = |order: Value| node.post("/admin/v1/orders", token.trim(), &order);
    let shut = |role: &str, basis: &str| {
        order(json!({"do": "shut_account", "role": role, "reference": play.person, "basis": basis}))
    };
    shut("citizen", " ").problem(400);
    shut("supervisor", "order 12").problem(400);
    assert_eq!(browser.get("/en/my/identity").status, 200);
    let done = shut("citizen", "order 12").ok();
    assert_eq!(done, json!({"shut": number, "ways": 2, "sessions": 2}));
    assert_eq!(browser.get("/en/my/identity").status, 303, "signed out");
    let (_, refused) = sign_in(&node, &number, &codes[1]);
    assert_eq!(refused.status, 401);
    // A document was shown: the same account, with new ways in.
    let (again, codes) = set_up(&node, &play.person);
    assert_eq!(again, number);
    let (mut browser, _) = sign_in(&node, &again, &codes[0]);
    let page = browser.get("/en/my/identity");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Way in removed"), "{}", page.text());
}

#[test]
fn forms_of_one_address_come_at_a_rate() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, _) = Stage::with("C04");
    stage.write(dir.path());
    let mut config = crate::support::config(dir.path());
    config.limits.forms_per_minute = 10;
    let node = Node::with(config);
    let mut browser = Browser::new(&node);
    // No account can have this number, so no delay of an account's own comes in between.
    let guess = [("number", "nobody"), ("secret", "x"), ("code", "y")];
    for _ in 0..10 {
        assert_eq!(browser.post("/en/sign-in/secret", &guess).status, 401);
    }
    let reply = browser.post("/en/sign-in/secret", &guess);
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert_eq!(reply.header("retry-after"), Some("6"));
    assert!(
        reply.text().contains("Nothing was lost"),
        "{}",
        reply.text()
    );
    // Looking is not held back, and no header of a stranger changes whose address it is.
    assert_eq!(browser.get("/en/sign-in").status, 200);
    let pretended = node
        .call("post", "/en/sign-in/secret")
        .header("sec-fetch-site", "same-origin")
        .header("x-forwarded-for", "198.51.100.7")
        .body("application/x-www-form-urlencoded", form(&guess).as_bytes())
        .send();
    assert_eq!(pretended.status, 429);
    node.wall.fetch_add(6, Ordering::SeqCst);
    assert_eq!(browser.post("/en/sign-in/secret", &guess).status, 401);
}

#[test]
fn what_goes_wrong_is_said_to_browsers_as_a_page_and_to_programs_as_a_problem() {
    let (_dir, _stage, _play, node) = started();
    for (path, status, said) in [
        ("/en/nope", 404, "There is no such page"),
        ("/ru/law/NOPE", 404, "Такой страницы нет"),
        ("/kk/decisions/99999", 404, "Мұндай бет жоқ"),
        ("/xx", 404, "Мұндай бет жоқ"),
    ] {
        let page = node
            .call("get", path)
            .header("accept", "text/html,*/*;q=0.8")
            .send();
        assert_eq!(page.status, status);
        assert!(page.text().contains(said), "{path}: {}", page.text());
        assert!(page.header("content-security-policy").is_some());
        let reply = node
            .call("get", path)
            .header("accept", "application/json")
            .send();
        reply.problem(status);
    }
    // A form that is larger than the node takes.
    let big = node
        .call("post", "/en/sign-in/secret")
        .header("accept", "text/html")
        .header("sec-fetch-site", "same-origin")
        .body(
            "application/x-www-form-urlencoded",
            &vec![b'a'; (1 << 20) + 1],
        );
    let reply = big.send();
    assert_eq!(reply.status, 413);
    assert!(
        reply.text().contains("Nothing was done"),
        "{}",
        reply.text()
    );
}

/// Everything in one archive: signed by the log, complete, and without what is secret.
fn signed_archive(node: &Node, browser: &mut Browser, table: &str) {
    let reply = browser.get("/en/my/export/kepil.zip");
    assert_eq!(reply.header("content-type"), Some("application/zip"));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&reply.body)).unwrap();
    let mut files = std::collections::BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        files.insert(file.name().unwrap().into_owned(), bytes);
    }
    let manifest = files.remove("manifest.txt").unwrap();
    let manifest = Manifest::verify(&manifest, &node.key()).unwrap();
    let names: Vec<&str> = manifest
        .files()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, files.keys().map(String::as_str).collect::<Vec<_>>());
    for (name, hash) in manifest.files() {
        let found: [u8; 32] = Sha256::digest(&files[name]).into();
        assert_eq!(*hash.as_bytes(), found, "{name}");
    }
    assert_eq!(files["uses.csv"], table.as_bytes());
    let own: Value = serde_json::from_slice(&files["register.json"]).unwrap();
    assert_eq!(own["kind"], "person");
    let account: Value = serde_json::from_slice(&files["account.json"]).unwrap();
    assert_eq!(account["role"], "citizen");
    assert_eq!(account["ways_in"][0]["way"]["kind"], "secret");
    assert_eq!(account["history"][0]["event"], "opened");
    assert!(
        account["sessions"][0]["begun"]
            .as_str()
            .unwrap()
            .contains('T')
    );
    // Neither the hash of the secret nor those of the codes.
    let text = String::from_utf8_lossy(&files["account.json"]);
    assert!(!text.contains("argon2") && !text.contains("hash"), "{text}");
}
