//! `/authorize`: what is read, and what is refused where.

use crate::support::{ANNA, ISSUER, NOW, Stage, parameter, query, redirect, sign_in};
use kepil_oidc::authorize::{Answer, ErrorCode, Next, PageError, Refusal, Visit};
use kepil_terms::Lang;

pub fn assert_refused(refusal: &Refusal, code: ErrorCode) {
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

pub fn refuses(change: &[(&str, &str)], code: ErrorCode) {
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
            ("code_challenge", good.get(1..).unwrap()),
            ("code_challenge_method", "S256"),
        ],
        [
            ("code_challenge", &format!("{good}=")),
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
