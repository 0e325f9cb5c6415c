//! `/token`: codes, verifiers, grants and what the tokens say.

use crate::support::{ANNA, BERIK, ISSUER, NOW, Stage, parameter, query, sign_in};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kepil_oidc::code::{CODE_SECS, CodeStore, REMEMBER_SECS, TokenId};
use kepil_oidc::event::SecurityEvent;
use kepil_oidc::ring::TOKEN_SECS;
use kepil_oidc::token::{HEADERS, TokenError, TokenRefusal, TokenRequest, exchange};
use serde_json::{Value, json};

fn refused(stage: &Stage, body: &str, now: u64) -> TokenRefusal {
    stage.exchange(body, now).unwrap_err()
}

fn assert_answer(refusal: &TokenRefusal, status: u16, code: &str) {
    assert_eq!(refusal.error.status(), status, "{refusal:?}");
    let body = serde_json::to_value(refusal.body()).unwrap();
    assert_eq!(body["error"], code);
    // RFC 6749, 5.2: characters that may stand in a description.
    let text = body["error_description"].as_str().unwrap();
    assert!(
        text.bytes()
            .all(|b| (0x20..=0x7e).contains(&b) && b != b'"' && b != b'\\')
    );
}

#[test]
fn op01_the_whole_way() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[("scope", "openid name")], &sign_in(ANNA, NOW - 5));
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 300);
    assert_eq!(json["scope"], "openid name");
    let mut id = stage.claims_of(answer.id_token(), "shop");
    let sub = id.as_object_mut().unwrap().remove("sub").unwrap();
    assert_eq!(sub.as_str().unwrap().len(), 43);
    assert_eq!(
        id,
        json!({
            "iss": ISSUER, "aud": "shop", "iat": NOW, "exp": NOW + TOKEN_SECS,
            "auth_time": NOW - 5, "nonce": "n1", "acr": "urn:kepil:aal2",
            "amr": ["hwk", "user", "mfa"],
        })
    );
    let mut access = stage.claims_of(answer.access_token(), ISSUER);
    let jti = access.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    assert_eq!(
        access,
        json!({
            "iss": ISSUER, "sub": sub, "aud": ISSUER, "client_id": "shop", "iat": NOW,
            "exp": NOW + TOKEN_SECS, "scope": "openid name",
        })
    );
    let header = jsonwebtoken::decode_header(answer.access_token()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
}

#[test]
fn op01_without_nonce_there_is_none() {
    let stage = Stage::new();
    let answer = stage.tokens("shop", &[("nonce", "")], &sign_in(ANNA, NOW));
    assert_eq!(
        stage.claims_of(answer.id_token(), "shop").get("nonce"),
        None
    );
}

#[test]
fn op21_wrong_or_missing_verifier_is_invalid_grant() {
    let stage = Stage::new();
    let long = "x".repeat(129);
    for verifier in [
        "",
        "short",
        &"y".repeat(43),
        &long,
        &format!("{} ", "z".repeat(43)),
    ] {
        let code = stage.code("shop");
        let body = stage.body("shop", &code, &[("code_verifier", verifier)]);
        let refusal = refused(&stage, &body, NOW);
        assert!(matches!(refusal.error, TokenError::Verifier));
        assert_answer(&refusal, 400, "invalid_grant");
        // The code is spent: the right verifier comes too late.
        let refusal = refused(&stage, &stage.body("shop", &code, &[]), NOW);
        assert!(matches!(refusal.error, TokenError::CodeReused));
    }
    let body = stage.body(
        "shop",
        &stage.code("shop"),
        &[("code_verifier", &"y".repeat(43))],
    );
    let wrong = refused(&stage, &body, NOW).event;
    assert!(matches!(wrong, Some(SecurityEvent::WrongVerifier { .. })));
}

#[test]
fn op21_a_short_verifier_is_refused_even_if_it_fits() {
    let stage = Stage::new();
    let challenge = crate::support::challenge("short");
    let query = query("shop", &[("code_challenge", &challenge)]);
    let location = stage.approved(&query, &sign_in(ANNA, NOW));
    let code = parameter(&location, "code").unwrap();
    let body = stage.body("shop", &code, &[("code_verifier", "short")]);
    assert!(matches!(
        refused(&stage, &body, NOW).error,
        TokenError::Verifier
    ));
}

#[test]
fn op21_nothing_stands_behind_a_token_that_was_not_given() {
    let stage = Stage::new();
    let wrong = [("code_verifier", "")];
    let bodies = [
        stage.body("shop", &stage.code("shop"), &wrong),
        stage.body("lab", &stage.code("shop"), &[]),
    ];
    for (n, body) in (150..).zip(bodies) {
        let request = TokenRequest {
            body: body.as_bytes(),
            has_authorization_header: false,
        };
        let token = TokenId::new([n; 16]);
        let answer = exchange(
            &stage.op(),
            &stage.codes,
            &stage.replay,
            request,
            &token,
            NOW,
        );
        assert!(answer.is_err());
        assert_eq!(stage.codes.behind(&token, NOW).unwrap(), None);
    }
}

#[test]
fn op22_code_used_twice_revokes_what_it_gave() {
    for pause in [0, 30, REMEMBER_SECS] {
        let stage = Stage::new();
        let code = stage.code("shop");
        let answer = stage
            .exchange(&stage.body("shop", &code, &[]), NOW)
            .unwrap();
        assert!(stage.userinfo(answer.access_token(), NOW + 1).is_ok());
        let change = json!({"iat": NOW + pause, "exp": NOW + pause + 60});
        let assertion = stage.assertion("shop", change);
        let body = stage.body("shop", &code, &[("client_assertion", &assertion)]);
        let refusal = refused(&stage, &body, NOW + pause);
        assert!(matches!(refusal.error, TokenError::CodeReused));
        assert!(matches!(
            refusal.event,
            Some(SecurityEvent::CodeReused { .. })
        ));
        assert_answer(&refusal, 400, "invalid_grant");
        assert!(stage.userinfo(answer.access_token(), NOW + 1).is_err());
    }
}

#[test]
fn op22_of_two_at_once_one_gets_nothing_and_the_other_is_revoked() {
    let stage = Stage::new();
    let code = stage.code("shop");
    let bodies: Vec<String> = (0..8).map(|_| stage.body("shop", &code, &[])).collect();
    let (provider, register) = (&stage.provider, &stage.register);
    let (keys, pairwise) = (&stage.ring, &stage.pairwise);
    let (codes, replay) = (&stage.codes, &stage.replay);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (100u8..)
            .zip(&bodies)
            .map(|(n, body)| {
                scope.spawn(move || {
                    let op = kepil_oidc::provider::Op {
                        provider,
                        register,
                        keys,
                        pairwise,
                    };
                    let body = body.as_bytes();
                    let request = TokenRequest {
                        body,
                        has_authorization_header: false,
                    };
                    exchange(&op, codes, replay, request, &TokenId::new([n; 16]), NOW)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let good: Vec<_> = answers.iter().filter_map(|a| a.as_ref().ok()).collect();
    assert_eq!(good.len(), 1);
    assert!(stage.userinfo(good[0].access_token(), NOW).is_err());
}

#[test]
fn op23_code_older_than_a_minute_is_invalid_grant() {
    let stage = Stage::new();
    let code = stage.code("shop");
    assert!(
        stage
            .exchange(&stage.body("shop", &code, &[]), NOW + CODE_SECS)
            .is_ok()
    );
    let code = stage.code("shop");
    let change = json!({"exp": NOW + CODE_SECS + 60});
    let assertion = stage.assertion("shop", change);
    let body = stage.body("shop", &code, &[("client_assertion", &assertion)]);
    let refusal = refused(&stage, &body, NOW + CODE_SECS + 1);
    assert!(matches!(refusal.error, TokenError::CodeExpired));
    assert_answer(&refusal, 400, "invalid_grant");
}

#[test]
fn op23_a_code_that_nobody_gave_is_invalid_grant() {
    let stage = Stage::new();
    let refusal = refused(&stage, &stage.body("shop", "x", &[]), NOW);
    assert!(matches!(refusal.error, TokenError::Code));
    assert_answer(&refusal, 400, "invalid_grant");
}

#[test]
fn op24_code_of_another_client_is_invalid_grant_and_spent() {
    let stage = Stage::new();
    let code = stage.code("shop");
    let uri = "https://shop.example/cb";
    let refusal = refused(
        &stage,
        &stage.body("lab", &code, &[("redirect_uri", uri)]),
        NOW,
    );
    assert!(matches!(refusal.error, TokenError::CodeOfAnother));
    assert!(matches!(
        refusal.event,
        Some(SecurityEvent::CodeOfAnother { .. })
    ));
    assert_answer(&refusal, 400, "invalid_grant");
    let refusal = refused(&stage, &stage.body("shop", &code, &[]), NOW);
    assert!(matches!(refusal.error, TokenError::CodeReused));
}

#[test]
fn op24_a_thief_without_a_key_cannot_spend_a_code() {
    let stage = Stage::new();
    let code = stage.code("shop");
    let body = stage.body("shop", &code, &[("client_assertion", "x")]);
    assert_eq!(refused(&stage, &body, NOW).error.status(), 401);
    assert!(stage.exchange(&stage.body("shop", &code, &[]), NOW).is_ok());
}

#[test]
fn op25_other_or_missing_address_is_invalid_grant() {
    let stage = Stage::new();
    // Another registered one is another one too.
    for uri in [
        "",
        "https://shop.example/cb?keep=1",
        "https://lab.example/cb",
    ] {
        let body = stage.body("shop", &stage.code("shop"), &[("redirect_uri", uri)]);
        let refusal = refused(&stage, &body, NOW);
        assert!(matches!(refusal.error, TokenError::Redirect));
        assert_answer(&refusal, 400, "invalid_grant");
    }
}

#[test]
fn op27_client_secret_or_no_authentication_is_invalid_client() {
    let stage = Stage::new();
    let code = stage.code("shop");
    for change in [
        vec![("client_assertion", ""), ("client_id", "shop")],
        vec![
            ("client_assertion", ""),
            ("client_id", "shop"),
            ("client_secret", "x"),
        ],
        vec![("client_secret", "x")],
        vec![("client_assertion_type", "")],
        vec![(
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        )],
    ] {
        let refusal = refused(&stage, &stage.body("shop", &code, &change), NOW);
        assert!(matches!(refusal.error, TokenError::NoAssertion));
        assert_answer(&refusal, 401, "invalid_client");
    }
    // `Authorization: Basic`, even beside a good assertion.
    let body = stage.body("shop", &code, &[]);
    let request = TokenRequest {
        body: body.as_bytes(),
        has_authorization_header: true,
    };
    let token = TokenId::new([200; 16]);
    let refusal = exchange(
        &stage.op(),
        &stage.codes,
        &stage.replay,
        request,
        &token,
        NOW,
    );
    assert_answer(&refusal.unwrap_err(), 401, "invalid_client");
}

#[test]
fn op28_other_grants_are_unsupported() {
    let stage = Stage::new();
    for grant in [
        "password",
        "client_credentials",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "x",
    ] {
        let body = stage.body("shop", &stage.code("shop"), &[("grant_type", grant)]);
        let refusal = refused(&stage, &body, NOW);
        assert!(matches!(refusal.error, TokenError::Grant));
        assert_answer(&refusal, 400, "unsupported_grant_type");
    }
    let body = stage.body("shop", &stage.code("shop"), &[("grant_type", "")]);
    assert_answer(&refused(&stage, &body, NOW), 400, "invalid_request");
}

#[test]
fn op30_nobody_keeps_an_answer() {
    assert!(HEADERS.contains(&("cache-control", "no-store")));
}

#[test]
fn requests_that_cannot_be_read_are_invalid() {
    let stage = Stage::new();
    let body = stage.body("shop", &stage.code("shop"), &[]);
    for bad in [
        format!("{body}&code=x"),
        format!("{body}&x=%"),
        body.replace("&code=", "&no="),
    ] {
        assert_answer(&refused(&stage, &bad, NOW), 400, "invalid_request");
    }
}

#[test]
fn op34_one_sector_one_subject() {
    let stage = Stage::new();
    let sub = |client: &str, person| {
        let answer = stage.tokens(client, &[], &sign_in(person, NOW));
        stage.claims_of(answer.id_token(), client)["sub"].clone()
    };
    assert_eq!(sub("shop", ANNA), sub("lab", ANNA));
    assert_ne!(sub("shop", ANNA), sub("tax", ANNA));
    assert_ne!(sub("shop", ANNA), sub("shop", BERIK));
}

#[test]
fn op35_no_token_carries_an_attribute_or_an_iin() {
    let stage = Stage::new();
    // The one client that may receive the IIN.
    let scope = [("scope", "openid name iin")];
    let answer = stage.tokens("tax", &scope, &sign_in(ANNA, NOW));
    for (token, aud) in [(answer.id_token(), "tax"), (answer.access_token(), ISSUER)] {
        let claims = stage.claims_of(token, aud);
        let known = [
            "iss",
            "sub",
            "aud",
            "iat",
            "exp",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "client_id",
            "jti",
            "scope",
        ];
        for (name, value) in claims.as_object().unwrap() {
            assert!(known.contains(&name.as_str()), "{name}");
            assert!(!kepil_oidc::iin::contains_iin(&value.to_string()));
        }
        assert!(claims["sub"].is_string());
        assert_eq!(claims.get("iin"), None);
        let payload = token.split('.').nth(1).unwrap();
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert!(!kepil_oidc::iin::contains_iin(&payload));
    }
}

#[test]
fn op35_debug_shows_no_secret_and_no_person() {
    let stage = Stage::new();
    let location = stage.approved(&query("shop", &[]), &sign_in(ANNA, NOW));
    let code = parameter(&location, "code").unwrap();
    let body = stage.body("shop", &code, &[]);
    let request = TokenRequest {
        body: body.as_bytes(),
        has_authorization_header: false,
    };
    let answer = stage.exchange(&body, NOW).unwrap();
    let opened = stage.userinfo(answer.access_token(), NOW).unwrap();
    let sub = stage.claims_of(answer.id_token(), "shop")["sub"].clone();
    let shown = format!(
        "{request:?} {answer:?} {opened:?} {:?} {:?} {:?} {:?}",
        stage.codes,
        stage.op(),
        sign_in(ANNA, NOW),
        kepil_oidc::form::Form::read(body.as_bytes()),
    );
    let challenge = crate::support::challenge(crate::support::VERIFIER);
    for secret in [
        &code,
        answer.access_token(),
        answer.id_token(),
        sub.as_str().unwrap(),
        &challenge,
    ] {
        assert!(!shown.contains(secret));
    }
    assert!(!shown.contains("n1"));
    assert!(!shown.contains("[7, 7, 7"));
    assert!(!shown.contains("[1, 1, 1"));
}

#[test]
fn a_store_that_is_silent_gives_no_tokens() {
    struct Broken;
    impl kepil_oidc::replay::ReplayStore for Broken {
        fn first_use(
            &self,
            _: &kepil_oidc::id::ClientId,
            _: &str,
            _: u64,
            _: u64,
        ) -> Result<bool, kepil_oidc::store::StoreError> {
            Err(kepil_oidc::store::StoreError::new("remember", "disk full"))
        }
    }
    let stage = Stage::new();
    let body = stage.body("shop", &stage.code("shop"), &[]);
    let request = TokenRequest {
        body: body.as_bytes(),
        has_authorization_header: false,
    };
    let token = TokenId::new([201; 16]);
    let refusal = exchange(&stage.op(), &stage.codes, &Broken, request, &token, NOW).unwrap_err();
    assert_answer(&refusal, 503, "server_error");
    let body: Value = serde_json::to_value(refusal.body()).unwrap();
    assert!(!body.to_string().contains("disk"));
}
