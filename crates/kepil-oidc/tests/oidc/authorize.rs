//! `/authorize`: what is read, and what is refused where.

use crate::support::{ANNA, BERIK, ISSUER, NOW, Stage, names, parameter, query, redirect, sign_in};
use kepil_oidc::assurance::Acr;
use kepil_oidc::authorize::{
    Answer, ErrorCode, Next, PageError, REQUEST_SECS, Refusal, SignInAsk, Visit,
};
use kepil_terms::Lang;

fn assert_refused(refusal: &Refusal, code: ErrorCode) {
    assert_eq!(refusal.code(), code);
    let location = refusal.location();
    assert!(
        location.starts_with("https://shop.example/cb?"),
        "{location}"
    );
    assert_eq!(
        parameter(&location, "error").as_deref(),
        Some(code.as_str())
    );
    assert_eq!(parameter(&location, "iss").as_deref(), Some(ISSUER));
    assert_eq!(parameter(&location, "state").as_deref(), Some("s1"));
    assert_eq!(parameter(&location, "code"), None);
}

fn refuses(change: &[(&str, &str)], code: ErrorCode) {
    assert_refused(&Stage::new().refusal(&query("shop", change)), code);
}

#[test]
fn op01_code_state_and_iss_in_the_answer() {
    let stage = Stage::new();
    let location = stage.approved(&query("shop", &[]), &sign_in(ANNA, NOW));
    assert!(location.starts_with("https://shop.example/cb?code="));
    assert_eq!(parameter(&location, "code").unwrap().len(), 43);
    assert_eq!(parameter(&location, "state").as_deref(), Some("s1"));
    assert_eq!(parameter(&location, "iss").as_deref(), Some(ISSUER));
}

#[test]
fn op02_post_reads_like_get() {
    // The one function reads both; a form may write a space as `+`.
    let stage = Stage::new();
    let get = query("shop", &[("scope", "openid name")]);
    let post = get.replace("openid%20name", "openid+name");
    assert_ne!(get, post);
    let asked = |q: &str| stage.read(q).unwrap().attributes().count();
    assert_eq!((asked(&get), asked(&post)), (1, 1));
}

#[test]
fn op03_unknown_client_is_a_page() {
    let stage = Stage::new();
    for id in ["nobody", "", "SHOP", "shop "] {
        assert_eq!(
            stage.page(&query("shop", &[("client_id", id)])),
            PageError::UnknownClient
        );
    }
}

#[test]
fn op04_address_that_is_not_registered_is_a_page() {
    let stage = Stage::new();
    for uri in [
        "",
        "https://shop.example/cb?x=1",
        "https://shop.example/cb?keep=1&x=1",
        "https://shop.example:443/cb",
        "https://shop.example/CB",
        "https://Shop.example/cb",
        "https://shop.example/cb/",
        "https://shop.example/cb/../cb",
        "https://shop.example/c%62",
        "https://shop.example",
        "http://shop.example/cb",
        "https://lab.example/cb",
        "https://shop.example.evil.example/cb",
    ] {
        assert_eq!(
            stage.page(&query("shop", &[("redirect_uri", uri)])),
            PageError::Redirect,
            "{uri}"
        );
    }
}

#[test]
fn op04_what_stands_in_the_registered_query_stays() {
    let stage = Stage::new();
    let uri = "https://shop.example/cb?keep=1";
    let location = stage.approved(
        &query("shop", &[("redirect_uri", uri)]),
        &sign_in(ANNA, NOW),
    );
    assert!(location.starts_with("https://shop.example/cb?keep=1&code="));
}

#[test]
fn op05_fragment_in_a_request_is_a_page() {
    let uri = "https://shop.example/cb#x";
    assert_eq!(
        Stage::new().page(&query("shop", &[("redirect_uri", uri)])),
        PageError::Redirect
    );
}

#[test]
fn op06_response_type_missing_or_other() {
    refuses(&[("response_type", "")], ErrorCode::InvalidRequest);
    for other in ["token", "id_token", "code id_token", "none", "CODE"] {
        refuses(
            &[("response_type", other)],
            ErrorCode::UnsupportedResponseType,
        );
    }
}

#[test]
fn op07_scope_without_openid_is_invalid_scope() {
    for scope in ["", "name", "openid_", "OPENID"] {
        refuses(&[("scope", scope)], ErrorCode::InvalidScope);
    }
}

#[test]
fn op08_no_challenge_or_plain_is_invalid_request() {
    let good = crate::support::challenge("x");
    for change in [
        [("code_challenge", ""), ("code_challenge_method", "S256")],
        [("code_challenge", ""), ("code_challenge_method", "")],
        [
            ("code_challenge", &good),
            ("code_challenge_method", "plain"),
        ],
        [("code_challenge", &good), ("code_challenge_method", "")],
        [("code_challenge", &good), ("code_challenge_method", "s256")],
        [
            ("code_challenge", &good[1..]),
            ("code_challenge_method", "S256"),
        ],
        [
            ("code_challenge", &good.replace(&good[..1], "=")),
            ("code_challenge_method", "S256"),
        ],
    ] {
        refuses(&change, ErrorCode::InvalidRequest);
    }
}

#[test]
fn op09_unknown_parameter_is_ignored() {
    let stage = Stage::new();
    for name in ["x", "login_hint", "display", "claims", "resource"] {
        assert!(stage.read(&query("shop", &[(name, "1")])).is_ok());
    }
    // And so is a scope that the register does not name for the client.
    let asked = stage.read(&query(
        "shop",
        &[("scope", "openid name phone_number offline_access")],
    ));
    assert_eq!(asked.unwrap().attributes().count(), 1);
}

#[test]
fn op10_parameter_sent_twice() {
    let stage = Stage::new();
    for name in ["scope", "nonce", "response_type", "code_challenge", "x"] {
        let twice = format!("{}&{name}=a&{name}=a", query("shop", &[(name, "")]));
        assert_refused(&stage.refusal(&twice), ErrorCode::InvalidRequest);
    }
    // Where the address is not sure, nobody is sent to it.
    let twice = format!("{}&client_id=shop", query("shop", &[]));
    assert_eq!(stage.page(&twice), PageError::UnknownClient);
    let twice = format!("{}&redirect_uri={}", query("shop", &[]), redirect("shop"));
    assert_eq!(stage.page(&twice), PageError::Redirect);
    // A state that stands there twice is not sent back.
    let refusal = stage.refusal(&format!("{}&state=s1", query("shop", &[])));
    assert_eq!(refusal.code(), ErrorCode::InvalidRequest);
    assert_eq!(parameter(&refusal.location(), "state"), None);
}

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

#[test]
fn op16_ui_locales() {
    let stage = Stage::new();
    for (list, lang) in [
        ("kk", Lang::Kk),
        ("ru", Lang::Ru),
        ("en", Lang::En),
        ("EN-gb", Lang::En),
        ("fr de-AT ru kk", Lang::Ru),
        ("fr", Lang::Kk),
        ("", Lang::Kk),
    ] {
        let query = query("shop", &[("ui_locales", list), ("claims_locales", "fr")]);
        assert_eq!(stage.read(&query).unwrap().lang(), lang, "{list}");
    }
}

#[test]
fn op17_request_objects_are_refused() {
    refuses(&[("request", "e30.e30.")], ErrorCode::RequestNotSupported);
    let uri = "https://shop.example/request";
    refuses(&[("request_uri", uri)], ErrorCode::RequestUriNotSupported);
    refuses(
        &[("registration", "{}")],
        ErrorCode::RegistrationNotSupported,
    );
}

#[test]
fn op18_response_mode_other_than_query() {
    for mode in ["fragment", "form_post", "query.jwt", "QUERY"] {
        refuses(&[("response_mode", mode)], ErrorCode::InvalidRequest);
    }
    assert!(
        Stage::new()
            .read(&query("shop", &[("response_mode", "query")]))
            .is_ok()
    );
}

#[test]
fn op19_state_comes_back_byte_for_byte() {
    let stage = Stage::new();
    let printable: String = (' '..='~').collect();
    for state in [printable.as_str(), "%20+&=#", "қазақ", "a b"] {
        let location = stage.approved(&query("shop", &[("state", state)]), &sign_in(ANNA, NOW));
        assert_eq!(parameter(&location, "state").as_deref(), Some(state));
        let refusal = stage.refusal(&query("shop", &[("state", state), ("scope", "x")]));
        let location = refusal.location();
        assert_eq!(parameter(&location, "state").as_deref(), Some(state));
        let raw = location
            .split("state=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap();
        let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
        assert!(raw.bytes().all(fine), "{raw}");
    }
}

#[test]
fn op19_without_state_none_comes_back() {
    let location = Stage::new().approved(&query("shop", &[("state", "")]), &sign_in(ANNA, NOW));
    assert!(!location.contains("state"));
}

#[test]
fn op20_the_person_declines() {
    let stage = Stage::new();
    let anna = sign_in(ANNA, NOW);
    for who in [None, Some(&anna)] {
        let visit = Visit {
            sign_in: who,
            answer: Some(&Answer::Declined),
            ..Visit::default()
        };
        match stage.next(&query("shop", &[]), &visit) {
            Next::Refuse(refusal) => assert_refused(&refusal, ErrorCode::AccessDenied),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_iin_scope_needs_a_law() {
    refuses(&[("scope", "openid iin")], ErrorCode::InvalidScope);
    let stage = Stage::new();
    let asked = stage
        .read(&query("tax", &[("scope", "openid iin")]))
        .unwrap();
    let asked: Vec<String> = asked
        .attributes()
        .map(|(n, l)| format!("{n}: {l}"))
        .collect();
    assert_eq!(asked, ["iin: DC 45(2)"]);
}

#[test]
fn a_long_nonce_is_refused() {
    refuses(&[("nonce", &"n".repeat(513))], ErrorCode::InvalidRequest);
    assert!(
        Stage::new()
            .read(&query("shop", &[("nonce", &"n".repeat(512))]))
            .is_ok()
    );
}

#[test]
fn a_form_that_cannot_be_read_is_a_page() {
    let stage = Stage::new();
    let long = query("shop", &[("x", &"x".repeat(20_000))]);
    for bad in ["state=%ff", "state=%2", "%zz=1", &long] {
        assert!(matches!(stage.page(bad), PageError::Form(_)));
    }
}
