//! `/authorize`: who must sign in, again, or at a higher level (OP11 to OP15).

use crate::authorize::{assert_refused, refuses};
use crate::support::{ANNA, BERIK, ISSUER, NOW, Stage, names, query, sign_in};
use kepil_oidc::assurance::Acr;
use kepil_oidc::authorize::{Answer, ErrorCode, GRACE_SECS, Next, REQUEST_SECS, SignInAsk, Visit};
use kepil_terms::Lang;

#[test]
fn op11_prompt_none() {
    let stage = Stage::new();
    let silent = query("shop", &[("prompt", "none")]);
    let anna = sign_in(ANNA, NOW - 10);
    let (all, none) = (names(&["name"]), names(&[]));
    let visit = |sign_in, remembered| Visit {
        sign_in,
        remembered,
        ..Visit::default()
    };
    let refused = |visit: &Visit<'_>| match stage.next(&silent, visit) {
        Next::Refuse(refusal) => refusal.code(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        stage.next(&silent, &visit(Some(&anna), Some(&all))),
        Next::Answer(_)
    ));
    assert_eq!(refused(&visit(None, None)), ErrorCode::LoginRequired);
    assert_eq!(
        refused(&visit(Some(&anna), None)),
        ErrorCode::ConsentRequired
    );
    assert_eq!(
        refused(&visit(Some(&anna), Some(&none))),
        ErrorCode::ConsentRequired
    );
    // What was said on a page cannot belong to a request that has none.
    let answer = Answer::Agreed {
        person: ANNA,
        attributes: all.clone(),
    };
    let mut said = visit(Some(&anna), None);
    said.answer = Some(&answer);
    assert_eq!(refused(&said), ErrorCode::ConsentRequired);
    // A level that is only wished for is no reason to fail.
    let mut low = sign_in(ANNA, NOW - 10);
    low.acr = Acr::Aal1;
    let wish = query(
        "shop",
        &[("prompt", "none"), ("acr_values", "urn:kepil:aal2")],
    );
    let all = names(&["name"]);
    let next = stage.next(&wish, &visit(Some(&low), Some(&all)));
    assert!(matches!(next, Next::Answer(_)));
    said.answer = Some(&Answer::Declined);
    said.sign_in = None;
    assert_eq!(refused(&said), ErrorCode::LoginRequired);
    for both in ["none login", "none consent", "none select_account"] {
        refuses(&[("prompt", both)], ErrorCode::InvalidRequest);
    }
}

#[test]
fn op11_without_prompt_the_person_is_asked() {
    let stage = Stage::new();
    let anna = sign_in(ANNA, NOW - 10);
    assert!(matches!(
        stage.next(&query("shop", &[]), &Visit::default()),
        Next::SignIn(SignInAsk { again: false, .. })
    ));
    let visit = Visit {
        sign_in: Some(&anna),
        ..Visit::default()
    };
    assert!(matches!(
        stage.next(&query("shop", &[]), &visit),
        Next::Consent
    ));
    // A first visit is asked for even when there is nothing to release.
    assert!(matches!(
        stage.next(&query("shop", &[("scope", "openid")]), &visit),
        Next::Consent
    ));
    // prompt=consent asks although everything is remembered.
    let all = names(&["name"]);
    let remembered = Visit {
        remembered: Some(&all),
        ..visit
    };
    let again = query("shop", &[("prompt", "consent")]);
    assert!(matches!(stage.next(&again, &remembered), Next::Consent));
}

#[test]
fn op12_prompt_login_needs_a_new_authentication() {
    let stage = Stage::new();
    let all = names(&["name"]);
    // Not even one of this very second, made for something else, is new.
    let anna = sign_in(ANNA, NOW);
    let mut visit = Visit {
        sign_in: Some(&anna),
        remembered: Some(&all),
        ..Visit::default()
    };
    for prompt in ["login", "select_account", "login consent"] {
        let query = query("shop", &[("prompt", prompt)]);
        let next = stage.next(&query, &visit);
        assert!(
            matches!(next, Next::SignIn(SignInAsk { again: true, .. })),
            "{next:?}"
        );
    }
    visit.authenticated = Some(ANNA);
    let login = query("shop", &[("prompt", "login")]);
    assert!(matches!(stage.next(&login, &visit), Next::Answer(_)));
    // The new auth_time is the one in the ID token: see op13. An old one is not new for ever.
    let old = sign_in(ANNA, NOW - REQUEST_SECS - 1);
    visit.sign_in = Some(&old);
    assert!(matches!(stage.next(&login, &visit), Next::SignIn(_)));
}

#[test]
fn op13_max_age() {
    let stage = Stage::new();
    let all = names(&["name"]);
    let anna = sign_in(ANNA, NOW - 2);
    let visit = Visit {
        sign_in: Some(&anna),
        remembered: Some(&all),
        ..Visit::default()
    };
    let with = |age| query("shop", &[("max_age", age)]);
    assert!(matches!(stage.next(&with("1"), &visit), Next::SignIn(_)));
    assert!(matches!(stage.next(&with("2"), &visit), Next::Answer(_)));
    assert!(matches!(
        stage.next(&with("10000"), &visit),
        Next::Answer(_)
    ));
    for bad in ["-1", "+1", "1.5", "x", "99999999999999999999"] {
        refuses(&[("max_age", bad)], ErrorCode::InvalidRequest);
    }
    let now = sign_in(ANNA, NOW);
    let at_once = Visit {
        sign_in: Some(&now),
        ..visit
    };
    assert!(matches!(stage.next(&with("0"), &at_once), Next::SignIn(_)));
    for max_age in ["2", "10000"] {
        let answer = stage.tokens("shop", &[("max_age", max_age)], &anna);
        let claims = stage.claims_of(answer.id_token(), "shop");
        assert_eq!(claims["auth_time"], NOW - 2);
    }
}

#[test]
fn op13_a_small_max_age_can_be_met_and_a_limit_holds_on_the_consent_page() {
    let stage = Stage::new();
    let all = names(&["name"]);
    let comes_through = |client, max_age, age| {
        let who = sign_in(ANNA, NOW - age);
        let visit = Visit {
            sign_in: Some(&who),
            remembered: Some(&all),
            authenticated: Some(ANNA),
            ..Visit::default()
        };
        let next = stage.next(&query(client, &[("max_age", max_age)]), &visit);
        matches!(next, Next::Answer(_))
    };
    for max_age in ["0", "1", "60"] {
        assert!(comes_through("shop", max_age, GRACE_SECS));
        assert!(!comes_through("shop", max_age, GRACE_SECS + 1));
    }
    assert!(comes_through("shop", "300", 300));
    assert!(!comes_through("shop", "300", 301));
    assert!(comes_through("strict", "", 600));
    assert!(!comes_through("strict", "", 601));
}

#[test]
fn op13_the_clients_own_limit_is_never_widened() {
    let stage = Stage::new();
    let all = names(&["name"]);
    let old = sign_in(ANNA, NOW - 601);
    let visit = Visit {
        sign_in: Some(&old),
        remembered: Some(&all),
        ..Visit::default()
    };
    assert!(matches!(
        stage.next(&query("strict", &[]), &visit),
        Next::SignIn(_)
    ));
    let wide = query("strict", &[("max_age", "10000")]);
    assert!(matches!(stage.next(&wide, &visit), Next::SignIn(_)));
    assert!(matches!(
        stage.next(&query("shop", &[]), &visit),
        Next::Answer(_)
    ));
}

#[test]
fn op13_a_sign_in_from_the_future_does_not_count() {
    let stage = Stage::new();
    let all = names(&["name"]);
    let ahead = sign_in(ANNA, NOW + 31);
    let visit = Visit {
        sign_in: Some(&ahead),
        remembered: Some(&all),
        authenticated: Some(ANNA),
        ..Visit::default()
    };
    assert!(matches!(
        stage.next(&query("shop", &[]), &visit),
        Next::SignIn(_)
    ));
}

#[test]
fn op14_id_token_hint() {
    let stage = Stage::new();
    let anna = sign_in(ANNA, NOW - 10);
    let answer = stage.tokens("shop", &[], &anna);
    let all = names(&["name"]);
    for prompt in ["", "none"] {
        let hinted = query(
            "shop",
            &[("id_token_hint", answer.id_token()), ("prompt", prompt)],
        );
        let next = |person| {
            let who = sign_in(person, NOW - 10);
            let visit = Visit {
                sign_in: Some(&who),
                remembered: Some(&all),
                ..Visit::default()
            };
            stage.next(&hinted, &visit)
        };
        assert!(matches!(next(ANNA), Next::Answer(_)));
        match next(BERIK) {
            Next::Refuse(refusal) => assert_refused(&refusal, ErrorCode::LoginRequired),
            other => panic!("{other:?}"),
        }
    }
    // Nobody signed in: a page, unless there may be none.
    let hinted = query("shop", &[("id_token_hint", answer.id_token())]);
    assert!(matches!(
        stage.next(&hinted, &Visit::default()),
        Next::SignIn(_)
    ));
    // A hint that is no ID token, or somebody else's.
    let lab = stage.tokens("lab", &[], &anna);
    for bad in ["x", answer.access_token(), lab.id_token()] {
        refuses(&[("id_token_hint", bad)], ErrorCode::InvalidRequest);
        assert_refused(
            &stage.refusal(&query("shop", &[("id_token_hint", bad)])),
            ErrorCode::InvalidRequest,
        );
    }
}

#[test]
fn op15_acr_values() {
    let stage = Stage::new();
    let all = names(&["name"]);
    let mut low = sign_in(ANNA, NOW - 10);
    low.acr = Acr::Aal1;
    let visit = Visit {
        sign_in: Some(&low),
        remembered: Some(&all),
        ..Visit::default()
    };
    let asks = |client, values| match stage.next(&query(client, &[("acr_values", values)]), &visit)
    {
        Next::SignIn(ask) => ask.wanted,
        Next::Answer(_) => None,
        other => panic!("{other:?}"),
    };
    // Reachable: a step up. The first one that can be reached decides.
    assert_eq!(asks("shop", "urn:kepil:aal2"), Some(Acr::Aal2));
    assert_eq!(
        asks("shop", "urn:kepil:aal3 urn:kepil:aal2"),
        Some(Acr::Aal2)
    );
    assert_eq!(asks("shop", "urn:kepil:aal1 urn:kepil:aal2"), None);
    // Not reachable here, or unknown: what there is.
    assert_eq!(asks("shop", "urn:kepil:aal3"), None);
    assert_eq!(asks("shop", "phr"), None);
    // The client's lowest level is never undercut.
    assert_eq!(asks("strict", "urn:kepil:aal1"), Some(Acr::Aal2));
    assert_eq!(asks("strict", ""), Some(Acr::Aal2));
}

#[test]
fn op15_the_level_that_was_reached_stands_in_the_token() {
    let stage = Stage::new();
    let all = names(&["name"]);
    let mut low = sign_in(ANNA, NOW - 1);
    low.acr = Acr::Aal1;
    // Tried on this request and not reached: for a wish that is enough, for a demand it is not.
    let tried = Visit {
        sign_in: Some(&low),
        remembered: Some(&all),
        authenticated: Some(ANNA),
        ..Visit::default()
    };
    let wish = query("shop", &[("acr_values", "urn:kepil:aal2")]);
    assert!(matches!(stage.next(&wish, &tried), Next::Answer(_)));
    match stage.next(&query("strict", &[]), &tried) {
        Next::SignIn(ask) => assert_eq!(ask.at_least, Some(Acr::Aal2)),
        other => panic!("{other:?}"),
    }
    let answer = stage.tokens("shop", &[], &low);
    let claims = stage.claims_of(answer.id_token(), "shop");
    assert_eq!(claims["acr"], "urn:kepil:aal1");
}

#[test]
fn op15_a_demand_that_nobody_can_meet_is_refused() {
    let mut stage = Stage::new();
    stage.provider = kepil_oidc::provider::Provider::new(ISSUER, [Acr::Aal1], Lang::Kk).unwrap();
    let refusal = stage.refusal(&query("strict", &[]));
    assert_eq!(refusal.code(), ErrorCode::UnmetAuthenticationRequirements);
}
