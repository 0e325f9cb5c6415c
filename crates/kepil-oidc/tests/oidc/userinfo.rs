//! `/userinfo`: who may open it, and what leaves.

use crate::support::{ANNA, ISSUER, NOBODYS_IIN, NOW, Stage, forged, names, pkcs8, sign_in};
use kepil_oidc::client::Register;
use kepil_oidc::id::AttributeName;
use kepil_oidc::ring::TOKEN_SECS;
use kepil_oidc::userinfo::{AnswerError, Opened, UserinfoError, UserinfoRequest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn values() -> BTreeMap<AttributeName, Value> {
    let value = |n: &str, v: &str| (AttributeName::parse(n).unwrap(), json!(v));
    BTreeMap::from([
        value("name", "Anna"),
        value("birthdate", "2000-01-01"),
        value("phone_number", "+77010000000"),
        value("iin", NOBODYS_IIN),
    ])
}

fn released(stage: &Stage, client: &str, scope: &str) -> Value {
    let answer = stage.tokens(client, &[("scope", scope)], &sign_in(ANNA, NOW));
    let opened = stage.userinfo(answer.access_token(), NOW).unwrap();
    let id = stage.claims_of(answer.id_token(), client);
    let mut info = opened.answer(values()).unwrap();
    // OP31.
    assert_eq!(info.remove("sub").unwrap(), id["sub"]);
    Value::Object(info)
}

#[test]
fn op31_userinfo_sub_is_the_id_tokens() {
    let stage = Stage::new();
    assert_eq!(released(&stage, "shop", "openid"), json!({}));
}

#[test]
fn op31_only_what_was_asked_agreed_and_registered_leaves() {
    let stage = Stage::new();
    assert_eq!(
        released(&stage, "shop", "openid name"),
        json!({"name": "Anna"})
    );
    assert_eq!(
        released(&stage, "shop", "openid name phone_number birthdate"),
        json!({"name": "Anna", "birthdate": "2000-01-01"})
    );
    assert_eq!(
        released(&stage, "tax", "openid name"),
        json!({"name": "Anna"})
    );
    assert_eq!(
        released(&stage, "tax", "openid iin"),
        json!({"iin": NOBODYS_IIN})
    );
}

#[test]
fn op31_each_attribute_comes_with_its_norm() {
    let stage = Stage::new();
    let answer = stage.tokens("tax", &[("scope", "openid iin name")], &sign_in(ANNA, NOW));
    let opened = stage.userinfo(answer.access_token(), NOW).unwrap();
    assert_eq!(opened.person(), ANNA);
    assert_eq!(opened.client().id().as_str(), "tax");
    let norms: Vec<String> = opened
        .attributes()
        .iter()
        .map(|(n, l)| format!("{n}: {l}"))
        .collect();
    assert_eq!(norms, ["iin: DC 45(2)", "name: PDL 7(9)"]);
}

#[test]
fn op31_what_the_register_takes_back_stays_shut() {
    let mut stage = Stage::new();
    let answer = stage.tokens("tax", &[("scope", "openid iin name")], &sign_in(ANNA, NOW));
    let tax = stage
        .entries
        .iter_mut()
        .find(|e| e.client_id.as_str() == "tax")
        .unwrap();
    tax.iin_release = None;
    tax.attributes.clear();
    stage.register = Register::new(stage.entries.clone()).unwrap();
    let opened = stage.userinfo(answer.access_token(), NOW).unwrap();
    assert!(opened.attributes().is_empty());
    assert_eq!(opened.answer(values()).unwrap().len(), 1);
    stage.register = Register::default();
    let gone = stage.userinfo(answer.access_token(), NOW);
    assert!(matches!(gone, Err(UserinfoError::Client)));
}

#[test]
fn op32_id_token_opens_nothing() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let error = stage.userinfo(answer.id_token(), NOW).unwrap_err();
    assert!(matches!(error, UserinfoError::Type));
    assert_eq!(error.status(), 401);
    assert_eq!(error.www_authenticate(), r#"Bearer error="invalid_token""#);
}

#[test]
fn op33_expired_altered_wrong_type() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let token = answer.access_token();
    let error = |token: &str, now| stage.userinfo(token, now).unwrap_err();
    assert!(stage.userinfo(token, NOW + TOKEN_SECS - 1).is_ok());
    assert!(matches!(
        error(token, NOW + TOKEN_SECS),
        UserinfoError::Expired
    ));
    assert!(matches!(error(token, NOW - 31), UserinfoError::Expired));
    // Every byte that is changed.
    for at in 0..token.len() {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(bytes).unwrap();
        assert!(matches!(
            error(&altered, NOW),
            UserinfoError::Type | UserinfoError::Signature
        ));
    }
    let claims = stage.claims_of(token, ISSUER);
    let kid = stage.ring.current().kid();
    let other = forged(&pkcs8(), Some(kid), "at+jwt", &claims);
    assert!(matches!(error(&other, NOW), UserinfoError::Signature));
    for typ in ["JWT", "at-jwt", ""] {
        let other = forged(&pkcs8(), Some(kid), typ, &claims);
        assert!(matches!(error(&other, NOW), UserinfoError::Type));
    }
}

#[test]
fn op33_signed_by_us_for_others_or_never_given() {
    let mut stage = Stage::new();
    let der = pkcs8();
    let key = kepil_oidc::key::SigningKey::from_pkcs8(&der).unwrap();
    let kid = key.kid().to_owned();
    stage.ring = kepil_oidc::ring::KeyRing::new(key);
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let good = stage.claims_of(answer.access_token(), ISSUER);
    let with = |name: &str, value: &str| {
        let mut claims = good.clone();
        claims[name] = json!(value);
        let token = forged(&der, Some(&kid), "at+jwt", &claims);
        stage.userinfo(&token, NOW).unwrap_err()
    };
    assert!(matches!(with("aud", "shop"), UserinfoError::Audience));
    assert!(matches!(
        with("iss", "https://other.example"),
        UserinfoError::Audience
    ));
    assert!(matches!(with("jti", "never-given"), UserinfoError::Revoked));
    assert!(matches!(with("client_id", "tax"), UserinfoError::Revoked));
    assert!(matches!(with("sub", "x"), UserinfoError::Revoked));
}

#[test]
fn op33_token_in_the_query_or_nowhere() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let token = answer.access_token();
    let open = |authorization: Option<&str>, query: &str| {
        let request = UserinfoRequest {
            authorization,
            query,
        };
        Opened::read(&stage.op(), &stage.codes, request, NOW)
    };
    let bearer = format!("Bearer {token}");
    assert!(open(Some(&bearer), "").is_ok());
    assert!(open(Some(&format!("bearer  {token}")), "x=1").is_ok());
    let query = format!("access_token={token}");
    for authorization in [None, Some(bearer.as_str())] {
        let error = open(authorization, &query).unwrap_err();
        assert!(matches!(error, UserinfoError::InQuery));
        assert_eq!((error.status(), error.www_authenticate()), (401, "Bearer"));
        assert!(open(authorization, &format!("{query}%")).is_err());
    }
    for none in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Basic eDp5"),
        Some(token),
    ] {
        let error = open(none, "").unwrap_err();
        assert!(matches!(error, UserinfoError::NoToken));
        assert_eq!((error.status(), error.www_authenticate()), (401, "Bearer"));
    }
}

#[test]
fn op35_an_iin_does_not_leave_under_another_name() {
    let stage = Stage::new();
    for client in ["shop", "tax"] {
        let scope = [("scope", "openid name")];
        let answer = stage.tokens(client, &scope, &sign_in(ANNA, NOW));
        let opened = stage.userinfo(answer.access_token(), NOW).unwrap();
        for value in [
            json!(NOBODYS_IIN),
            json!(format!("Anna ({NOBODYS_IIN})")),
            json!({"given": "Anna", "ids": [NOBODYS_IIN]}),
            json!(NOBODYS_IIN.parse::<u64>().unwrap()),
        ] {
            let name = AttributeName::parse("name").unwrap();
            let error = opened
                .answer(BTreeMap::from([(name.clone(), value)]))
                .unwrap_err();
            assert_eq!(error, AnswerError::Iin { name });
        }
    }
}

#[test]
fn consent_to_less_releases_less() {
    use kepil_oidc::authorize::{Answer, Next, Visit};
    let stage = Stage::new();
    let anna = sign_in(ANNA, NOW);
    let agreed = Answer::Agreed {
        person: ANNA,
        attributes: names(&["name"]),
    };
    let visit = Visit {
        sign_in: Some(&anna),
        answer: Some(&agreed),
        ..Visit::default()
    };
    let query = crate::support::query("tax", &[("scope", "openid name birthdate iin")]);
    let Next::Answer(approval) = stage.next(&query, &visit) else {
        panic!("no answer");
    };
    let location = approval.issue([99; 32], &stage.codes, NOW).unwrap();
    let code = crate::support::parameter(&location, "code").unwrap();
    let answer = stage.exchange(&stage.body("tax", &code, &[]), NOW).unwrap();
    assert_eq!(answer.scope(), "openid name");
    let opened = stage.userinfo(answer.access_token(), NOW).unwrap();
    let mut info = opened.answer(values()).unwrap();
    info.remove("sub");
    assert_eq!(Value::Object(info), json!({"name": "Anna"}));
}
