//! OP40: what the requests of one browser may and may not share.

use crate::support::{ANNA, BERIK, NOW, Stage, names, parameter, query, sign_in};
use kepil_oidc::authorize::{Answer, Next, Visit};

#[test]
fn op40_an_answer_counts_for_the_person_who_gave_it() {
    let stage = Stage::new();
    let answer = Answer::Agreed {
        person: ANNA,
        attributes: names(&["name"]),
    };
    let next = |person| {
        let who = sign_in(person, NOW);
        let visit = Visit {
            sign_in: Some(&who),
            answer: Some(&answer),
            ..Visit::default()
        };
        stage.next(&query("shop", &[]), &visit)
    };
    assert!(matches!(next(ANNA), Next::Answer(_)));
    // Berik signed in in another tab meanwhile.
    assert!(matches!(next(BERIK), Next::Consent));
}

#[test]
fn op40_an_authentication_counts_for_its_person_and_request() {
    let stage = Stage::new();
    let login = query("shop", &[("prompt", "login")]);
    let all = names(&["name"]);
    let next = |person, authenticated| {
        let who = sign_in(person, NOW);
        let visit = Visit {
            sign_in: Some(&who),
            remembered: Some(&all),
            authenticated,
            ..Visit::default()
        };
        stage.next(&login, &visit)
    };
    assert!(matches!(next(ANNA, Some(ANNA)), Next::Answer(_)));
    assert!(matches!(next(BERIK, Some(ANNA)), Next::SignIn(_)));
    // The other tab's request has its own row, in which nobody authenticated.
    assert!(matches!(next(ANNA, None), Next::SignIn(_)));
}

#[test]
fn op40_two_requests_keep_their_own_state_and_nonce() {
    let stage = Stage::new();
    let anna = sign_in(ANNA, NOW);
    let one = stage.approved(&query("shop", &[("state", "one"), ("nonce", "1")]), &anna);
    let two = stage.approved(&query("shop", &[("state", "two"), ("nonce", "2")]), &anna);
    for (location, state, nonce) in [(two, "two", "2"), (one, "one", "1")] {
        assert_eq!(parameter(&location, "state").as_deref(), Some(state));
        let code = parameter(&location, "code").unwrap();
        let answer = stage
            .exchange(&stage.body("shop", &code, &[]), NOW)
            .unwrap();
        assert_eq!(stage.claims_of(answer.id_token(), "shop")["nonce"], nonce);
    }
}

#[test]
fn less_than_asked_for_may_be_agreed_to_and_never_more() {
    let stage = Stage::new();
    let anna = sign_in(ANNA, NOW);
    for (agreed, released) in [
        (names(&[]), names(&[])),
        (names(&["name"]), names(&["name"])),
        (
            names(&["name", "birthdate", "phone_number"]),
            names(&["name"]),
        ),
    ] {
        let answer = Answer::Agreed {
            person: ANNA,
            attributes: agreed,
        };
        let visit = Visit {
            sign_in: Some(&anna),
            answer: Some(&answer),
            ..Visit::default()
        };
        match stage.next(&query("shop", &[]), &visit) {
            Next::Answer(approval) => assert_eq!(approval.attributes(), &released),
            other => panic!("{other:?}"),
        }
    }
}
