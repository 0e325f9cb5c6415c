//! OP38: signing out.

use crate::support::{ANNA, BERIK, NOW, Stage, form, pkcs8, sign_in};
use kepil_oidc::logout::{AskReason, Logout};
use kepil_terms::Lang;
use serde_json::json;

const BYE: &str = "https://shop.example/bye";

fn read(stage: &Stage, parameters: &[(&str, &str)]) -> Logout {
    let anna = sign_in(ANNA, NOW);
    Logout::read(
        &stage.op(),
        form(parameters, &[]).as_bytes(),
        Some(&anna),
        NOW,
    )
}

#[test]
fn op38_good_hint_ends_and_returns() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let hint = ("id_token_hint", answer.id_token());
    let back = ("post_logout_redirect_uri", BYE);
    assert_eq!(
        read(&stage, &[hint, back]),
        Logout::EndAndReturn(BYE.to_owned())
    );
    assert_eq!(
        read(
            &stage,
            &[hint, back, ("state", "a b&"), ("client_id", "shop")]
        ),
        Logout::EndAndReturn(format!("{BYE}?state=a%20b%26"))
    );
    assert_eq!(read(&stage, &[hint]), Logout::End);
    // A hint that has expired is good enough, and so is one when nobody is signed in.
    let query = form(&[hint, back], &[]);
    let later = Logout::read(&stage.op(), query.as_bytes(), None, NOW + 100_000);
    assert_eq!(later, Logout::EndAndReturn(BYE.to_owned()));
}

#[test]
fn op38_bad_or_altered_hint_is_a_page() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let back = ("post_logout_redirect_uri", BYE);
    assert_eq!(read(&stage, &[back]), Logout::Ask(AskReason::NoHint));
    let id = answer.id_token();
    let mut parts: Vec<String> = id.split('.').map(str::to_owned).collect();
    parts[1] = parts[1].chars().rev().collect();
    let altered = parts.join(".");
    let kid = stage.ring.current().kid().to_owned();
    let claims = stage.claims_of(id, "shop");
    let forged = crate::support::forged(&pkcs8(), Some(&kid), "JWT", &claims);
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", id.split('.').nth(1).unwrap());
    for bad in ["x", &altered, &forged, &unsigned, answer.access_token()] {
        let page = read(&stage, &[("id_token_hint", bad), back]);
        assert!(matches!(page, Logout::Ask(AskReason::Hint(_))), "{bad}");
    }
}

#[test]
fn op38_a_hint_is_an_id_token_of_this_issuer() {
    let mut stage = Stage::new();
    let der = pkcs8();
    let key = kepil_oidc::key::SigningKey::from_pkcs8(&der).unwrap();
    let kid = key.kid().to_owned();
    stage.ring = kepil_oidc::ring::KeyRing::new(key);
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let mut claims = stage.claims_of(answer.id_token(), "shop");
    let page = |typ: &str, claims: &serde_json::Value| {
        let token = crate::support::forged(&der, Some(&kid), typ, claims);
        read(&stage, &[("id_token_hint", &token)])
    };
    assert_eq!(page("JWT", &claims), Logout::End);
    assert!(matches!(
        page("at+jwt", &claims),
        Logout::Ask(AskReason::Hint(_))
    ));
    claims["iss"] = json!("https://other.example");
    assert!(matches!(
        page("JWT", &claims),
        Logout::Ask(AskReason::Hint(_))
    ));
}

#[test]
fn op38_unregistered_address_is_a_page() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let hint = ("id_token_hint", answer.id_token());
    for uri in [
        "https://evil.example/",
        "https://shop.example/bye/",
        "https://lab.example/bye",
        "https://shop.example/cb",
    ] {
        let page = read(&stage, &[hint, ("post_logout_redirect_uri", uri)]);
        assert_eq!(page, Logout::Ask(AskReason::Address));
    }
}

#[test]
fn op38_another_person_or_client_is_a_page() {
    let stage = Stage::new();
    let berik = stage.tokens("shop", &[], &sign_in(BERIK, NOW));
    let hint = ("id_token_hint", berik.id_token());
    assert_eq!(read(&stage, &[hint]), Logout::Ask(AskReason::OtherPerson));
    let anna = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let hint = ("id_token_hint", anna.id_token());
    let other = read(&stage, &[hint, ("client_id", "lab")]);
    assert_eq!(other, Logout::Ask(AskReason::OtherClient));
    let twice = format!("{}&state=1&state=2", form(&[hint], &[]));
    let page = Logout::read(&stage.op(), twice.as_bytes(), None, NOW);
    assert_eq!(page, Logout::Ask(AskReason::Repeated));
    let page = Logout::read(&stage.op(), b"state=%", None, NOW);
    assert!(matches!(page, Logout::Ask(AskReason::Form(_))));
}

#[test]
fn op38_hint_of_a_client_that_is_gone_is_a_page() {
    let mut stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    stage.register = kepil_oidc::client::Register::default();
    let page = read(&stage, &[("id_token_hint", answer.id_token())]);
    assert!(matches!(page, Logout::Ask(AskReason::Hint(_))));
}

#[test]
fn op38_language_of_the_page() {
    let stage = Stage::new();
    assert_eq!(Logout::lang(&stage.op(), b"ui_locales=ru"), Lang::Ru);
    assert_eq!(Logout::lang(&stage.op(), b"%"), Lang::Kk);
    assert_eq!(json!(Lang::Kk), "kk");
}
