//! Help at a service centre: both people agree, and the session is the person's.

use crate::browser::{Browser, set_up, signed_in};
use crate::desk::{started, tax_office, told};
use std::sync::atomic::Ordering;

#[test]
fn a_person_is_helped_at_a_counter_when_both_agree() {
    let (mut stage, play, _) = tax_office();
    stage.file.mandates[0]
        .purposes
        .insert("rights_exercise".to_owned());
    let (_dir, node) = started(&stage, &play, &[]);
    node.play(&stage, &play);
    node.publish();
    let (number, codes) = set_up(&node, &play.person);
    let mut counter = signed_in(&node, "official", "tax-official-1");
    let both = [("person", "1"), ("official", "1")];
    let with = |number: &str, code: &str, consents: &[(&str, &str)]| -> Vec<(String, String)> {
        let fields = [("number", number), ("code", code)];
        let fields = fields.iter().chain(consents);
        fields
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    };
    let post = |browser: &mut Browser<'_>, fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        browser.post("/en/desk/assist", &fields)
    };
    for consents in [&both[..1], &both[1..], &[]] {
        let reply = post(&mut counter, &with(&number, &codes[1], consents));
        assert_eq!(reply.status, 422);
        assert!(
            reply.text().contains("Both people must agree"),
            "{}",
            reply.text()
        );
    }
    // A wrong code and a number of nobody are the same.
    let wrong = post(&mut counter, &with(&number, "AAAAA-AAAAA", &both));
    let nobody = post(&mut counter, &with("00000-00000-000", &codes[1], &both));
    assert_eq!((wrong.status, nobody.status), (422, 422));
    assert!(
        nobody.text().contains("do not fit together"),
        "{}",
        nobody.text()
    );
    node.wall.fetch_add(60, Ordering::SeqCst);
    let begun = post(&mut counter, &with(&number, &codes[1], &both));
    let list = counter.to(&begun);
    assert!(
        list.text().contains("This is an assisted session"),
        "{}",
        list.text()
    );
    assert!(told(&node, &play.person).contains(&"assisted_session".to_owned()));
    // It is the person's session now, and no official's.
    assert_eq!(counter.get("/en/desk").status, 403);
    // Good once; and after five idle minutes it is over.
    let mut again = signed_in(&node, "official", "tax-official-1b");
    assert_eq!(
        again.get("/en/desk/assist").status,
        403,
        "no mandate of a service centre"
    );
    node.wall.fetch_add(301, Ordering::SeqCst);
    let over = counter.get("/en/my/uses");
    assert_eq!(over.status, 303, "{}", over.text());
}
