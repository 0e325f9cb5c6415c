//! OP26: each way an assertion can be wrong.

use crate::support::{ISSUER, NOW, Stage, forged, jwk, pkcs8};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kepil_oidc::assertion::{ASSERTION_SECS, AssertionError, authenticate};
use kepil_oidc::event::SecurityEvent;
use kepil_oidc::token::TokenError;
use serde_json::{Value, json};

fn check(stage: &Stage, assertion: &str) -> Result<String, AssertionError> {
    authenticate(&stage.op(), &stage.replay, assertion, None, NOW)
        .map(|client| client.id().to_string())
}

fn with(change: Value) -> AssertionError {
    let stage = Stage::new();
    check(&stage, &stage.assertion("shop", change)).unwrap_err()
}

/// At the token endpoint every one of them is 401 `invalid_client`, and spends no code.
fn assert_invalid_client(stage: &Stage, assertion: &str) {
    let code = stage.code("shop");
    let body = stage.body("shop", &code, &[("client_assertion", assertion)]);
    let refusal = stage.exchange(&body, NOW).unwrap_err();
    assert_eq!(
        (refusal.error.status(), refusal.error.code()),
        (401, "invalid_client")
    );
    assert!(matches!(refusal.error, TokenError::Assertion(_)));
    assert!(stage.exchange(&stage.body("shop", &code, &[]), NOW).is_ok());
}

#[test]
fn op26_good_ones() {
    let stage = Stage::new();
    let token = format!("{ISSUER}/token");
    for aud in [
        json!(ISSUER),
        json!(token),
        json!([ISSUER]),
        json!([ISSUER, token]),
    ] {
        let assertion = stage.assertion("shop", json!({"aud": aud}));
        assert_eq!(check(&stage, &assertion).unwrap(), "shop");
    }
    for typ in [None, Some("JWT"), Some("client-authentication+jwt")] {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = typ.map(str::to_owned);
        let assertion = stage.assertion_with("shop", json!({"iat": null}), &header);
        assert_eq!(check(&stage, &assertion).unwrap(), "shop");
    }
}

#[test]
fn op26_wrong_audience() {
    for aud in [
        json!("https://other.example"),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/userinfo")),
        json!([]),
        json!([ISSUER, "https://other.example"]),
    ] {
        assert!(
            matches!(with(json!({"aud": aud})), AssertionError::Audience),
            "{aud}"
        );
    }
    let stage = Stage::new();
    assert_invalid_client(&stage, &stage.assertion("shop", json!({"aud": "x"})));
}

#[test]
fn op26_expired() {
    assert!(matches!(
        with(json!({"exp": NOW - 30})),
        AssertionError::Expired
    ));
    assert!(matches!(with(json!({"exp": 0})), AssertionError::Expired));
    let stage = Stage::new();
    // Clocks may differ by half a minute.
    assert!(check(&stage, &stage.assertion("shop", json!({"exp": NOW - 29}))).is_ok());
    assert_invalid_client(&stage, &stage.assertion("shop", json!({"exp": NOW - 30})));
}

#[test]
fn op26_far_expiry() {
    let far = NOW + ASSERTION_SECS + 31;
    assert!(matches!(
        with(json!({"exp": far})),
        AssertionError::FarExpiry
    ));
    assert!(matches!(
        with(json!({"exp": u64::MAX})),
        AssertionError::FarExpiry
    ));
    let stage = Stage::new();
    assert!(check(&stage, &stage.assertion("shop", json!({"exp": far - 1}))).is_ok());
    assert_invalid_client(&stage, &stage.assertion("shop", json!({"exp": far})));
}

#[test]
fn op26_begins_in_the_future() {
    for claim in ["iat", "nbf"] {
        assert!(matches!(
            with(json!({claim: NOW + 31})),
            AssertionError::NotYet
        ));
        let stage = Stage::new();
        assert_invalid_client(&stage, &stage.assertion("shop", json!({claim: NOW + 31})));
    }
}

#[test]
fn op26_issuer_is_not_subject() {
    assert!(matches!(
        with(json!({"iss": "lab"})),
        AssertionError::Issuer
    ));
    assert!(matches!(
        with(json!({"sub": "lab"})),
        AssertionError::Issuer
    ));
    let stage = Stage::new();
    assert_invalid_client(&stage, &stage.assertion("shop", json!({"sub": "lab"})));
    // client_id in the form, if it is there, names the same client.
    let assertion = stage.assertion("shop", json!({}));
    let other = authenticate(&stage.op(), &stage.replay, &assertion, Some("lab"), NOW);
    assert!(matches!(other, Err(AssertionError::Issuer)));
    let same = authenticate(&stage.op(), &stage.replay, &assertion, Some("shop"), NOW);
    assert!(same.is_ok());
}

#[test]
fn op26_wrong_key() {
    let stage = Stage::new();
    let forged = forged(&pkcs8(), None, "JWT", &stage.claims("shop", json!({})));
    assert!(matches!(
        check(&stage, &forged),
        Err(AssertionError::Signature)
    ));
    assert_invalid_client(&stage, &forged);
    // A registered client cannot sign for another one.
    let lab_as_shop = stage.assertion("lab", json!({"iss": "shop", "sub": "shop"}));
    assert!(matches!(
        check(&stage, &lab_as_shop),
        Err(AssertionError::Signature)
    ));
    // Nor can the key come along in the header.
    let der = pkcs8();
    let mut header = Header::new(Algorithm::ES256);
    header.jwk = Some(serde_json::from_value(jwk(&der)).unwrap());
    let claims = stage.claims("shop", json!({}));
    let own = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(&der)).unwrap();
    assert!(matches!(
        check(&stage, &own),
        Err(AssertionError::Signature)
    ));
}

#[test]
fn op26_altered() {
    let stage = Stage::new();
    let good = stage.assertion("shop", json!({}));
    let mut parts: Vec<&str> = good.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(stage.claims("shop", json!({})).to_string());
    parts[1] = &other;
    assert!(matches!(
        check(&stage, &parts.join(".")),
        Err(AssertionError::Signature)
    ));
    parts[2] = "";
    assert!(matches!(
        check(&stage, &parts.join(".")),
        Err(AssertionError::Signature)
    ));
    assert!(check(&stage, &good).is_ok());
}

#[test]
fn op26_unknown_client_sounds_like_a_wrong_key() {
    let unknown = with(json!({"iss": "nobody", "sub": "nobody"}));
    assert!(matches!(unknown, AssertionError::UnknownClient));
    assert_eq!(unknown.to_string(), AssertionError::Signature.to_string());
}

#[test]
fn op26_none() {
    let stage = Stage::new();
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = part(&json!({"alg": alg}));
        let assertion = format!("{header}.{}.", part(&stage.claims("shop", json!({}))));
        assert!(matches!(
            check(&stage, &assertion),
            Err(AssertionError::Algorithm)
        ));
        assert_invalid_client(&stage, &assertion);
    }
}

#[test]
fn op26_hs256_and_others() {
    let stage = Stage::new();
    // The public key as the secret: the old trick.
    let secret = serde_json::to_vec(&stage.entries[0].jwks.keys[0].x).unwrap();
    let claims = stage.claims("shop", json!({}));
    let key = EncodingKey::from_secret(&secret);
    let hs256 = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
    assert!(matches!(
        check(&stage, &hs256),
        Err(AssertionError::Algorithm)
    ));
    assert_invalid_client(&stage, &hs256);
    let good = stage.assertion("shop", json!({}));
    let (_, rest) = good.split_once('.').unwrap();
    for alg in ["RS256", "ES384", "EdDSA", "PS256", "es256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg}).to_string());
        let other = check(&stage, &format!("{header}.{rest}"));
        assert!(matches!(other, Err(AssertionError::Algorithm)));
    }
}

#[test]
fn op26_no_jti() {
    for jti in [json!(null), json!(""), json!("j".repeat(129))] {
        assert!(matches!(with(json!({"jti": jti})), AssertionError::NoJti));
    }
    let stage = Stage::new();
    assert_invalid_client(&stage, &stage.assertion("shop", json!({"jti": null})));
}

#[test]
fn op26_replayed_jti() {
    let stage = Stage::new();
    let assertion = stage.assertion("shop", json!({"jti": "once"}));
    assert!(check(&stage, &assertion).is_ok());
    assert!(matches!(
        check(&stage, &assertion),
        Err(AssertionError::Replayed { .. })
    ));
    // A new assertion with the old jti is a replay; another client's jti is not.
    let again = stage.assertion("shop", json!({"jti": "once", "exp": NOW + 90}));
    assert!(matches!(
        check(&stage, &again),
        Err(AssertionError::Replayed { .. })
    ));
    assert!(check(&stage, &stage.assertion("lab", json!({"jti": "once"}))).is_ok());
    assert_invalid_client(&stage, &again);
    let body = stage.body("shop", &stage.code("shop"), &[("client_assertion", &again)]);
    let event = stage.exchange(&body, NOW).unwrap_err().event;
    assert!(matches!(
        event,
        Some(SecurityEvent::AssertionReplayed { .. })
    ));
    // As long as it could pass, it is remembered.
    let at = |now| authenticate(&stage.op(), &stage.replay, &assertion, None, now);
    assert!(matches!(at(NOW + 89), Err(AssertionError::Replayed { .. })));
    assert!(matches!(at(NOW + 90), Err(AssertionError::Expired)));
}

#[test]
fn op26_missing_claims_and_rubbish() {
    for claim in ["iss", "sub", "aud", "exp"] {
        assert!(matches!(with(json!({claim: null})), AssertionError::Shape));
    }
    let stage = Stage::new();
    let good = stage.assertion("shop", json!({}));
    let twice = r#"{"iss":"shop","sub":"shop","sub":"lab","aud":"x","exp":1}"#;
    let twice = format!(
        "{}.{}.x",
        good.split('.').next().unwrap(),
        URL_SAFE_NO_PAD.encode(twice)
    );
    for bad in [
        "",
        "x",
        "..",
        "a.b.c",
        good.get(..20).unwrap(),
        &format!("{good}."),
        &format!("{good}="),
        &twice,
    ] {
        assert!(
            matches!(check(&stage, bad), Err(AssertionError::Shape)),
            "{bad}"
        );
    }
    assert_invalid_client(&stage, "x.y.z");
}

#[test]
fn op26_other_type_and_critical_extensions() {
    let stage = Stage::new();
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        let assertion = stage.assertion_with("shop", json!({}), &header);
        assert!(matches!(
            check(&stage, &assertion),
            Err(AssertionError::Type)
        ));
        assert_invalid_client(&stage, &assertion);
    }
    let mut header = Header::new(Algorithm::ES256);
    header.crit = Some(vec!["exp".to_owned()]);
    let assertion = stage.assertion_with("shop", json!({}), &header);
    assert!(matches!(
        check(&stage, &assertion),
        Err(AssertionError::Shape)
    ));
}

#[test]
fn op26_a_named_key_is_used_only_under_its_name() {
    let mut stage = Stage::new();
    stage.entries[0].jwks.keys[0].kid = Some("k1".to_owned());
    stage.register = kepil_oidc::client::Register::new(stage.entries.clone()).unwrap();
    let named = |kid: Option<&str>| {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = kid.map(str::to_owned);
        check(&stage, &stage.assertion_with("shop", json!({}), &header))
    };
    assert!(named(Some("k1")).is_ok());
    assert!(named(None).is_ok());
    assert!(matches!(named(Some("k2")), Err(AssertionError::Signature)));
}
