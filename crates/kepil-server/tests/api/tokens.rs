//! The door: who gets a token, and what a token is good for.

use crate::support::{Keys, Node, ONE, PUBLIC_URL, Play, Reply, Stage, WALL_SECS, claims, form};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tempfile::TempDir;

fn door() -> (TempDir, Node, Stage, Play) {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    // The folder comes first, so that it goes last.
    (dir, node, stage, play)
}

/// The refusal of a token request: status, error and its description.
fn refusal(reply: &Reply) -> (u16, String, String) {
    assert_eq!(
        reply.header("content-type"),
        Some("application/json"),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.json();
    assert!(body.get("access_token").is_none(), "{body}");
    let text = |k: &str| body[k].as_str().unwrap().to_owned();
    (reply.status, text("error"), text("error_description"))
}

/// A refusal of the client, whose description says this.
fn refused(reply: &Reply, said: &str) {
    let (status, error, description) = refusal(reply);
    assert_eq!(
        (status, error.as_str()),
        (401, "invalid_client"),
        "{description}"
    );
    assert!(description.contains(said), "{description}");
}

const STRANGER: &str = "registered system with its registered key";

#[test]
fn a_good_assertion_gets_a_token_that_opens_the_gate() {
    let (_dir, node, stage, play) = door();
    let reply = node.assert(&stage.keys.sign(&claims(&play.system, WALL_SECS)));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let answer = reply.ok();
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.len() >= 43);
    assert_eq!(node.post(ONE, token, &play.request).ok()["decision"], true);
    let again = node
        .assert(&stage.keys.sign(&claims(&play.system, WALL_SECS)))
        .ok();
    assert_ne!(again["access_token"], token, "every token is new");
}

#[test]
fn every_form_of_a_good_audience_is_taken() {
    let (_dir, node, stage, play) = door();
    let token_address = format!("{PUBLIC_URL}/oauth/token");
    for audience in [
        json!(PUBLIC_URL),
        json!(token_address),
        json!(["https://other.test", PUBLIC_URL]),
        json!([token_address]),
    ] {
        let mut claims = claims(&play.system, WALL_SECS);
        claims["aud"] = audience;
        node.assert(&stage.keys.sign(&claims)).ok();
    }
}

#[test]
fn an_es256_key_is_taken_too() {
    let dir = tempfile::tempdir().unwrap();
    let (mut stage, play) = Stage::with("C04");
    // The key of RFC 7515, appendix A.3.
    let (x, y) = (
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    );
    let d = URL_SAFE_NO_PAD
        .decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")
        .unwrap();
    stage.file.systems[0].keys = vec![json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})];
    let node = Node::start(dir.path(), &stage, &play);
    // PKCS#8 around the bare scalar and the public point.
    let point = [
        URL_SAFE_NO_PAD.decode(x).unwrap(),
        URL_SAFE_NO_PAD.decode(y).unwrap(),
    ]
    .concat();
    let head = b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20";
    let der = [head.as_slice(), &d, b"\xa1\x44\x03\x42\x00\x04", &point].concat();
    let sign = |claims: &Value| {
        jsonwebtoken::encode(
            &Header::new(Algorithm::ES256),
            claims,
            &EncodingKey::from_ec_der(&der),
        )
        .unwrap()
    };
    node.assert(&sign(&claims(&play.system, WALL_SECS))).ok();
    // The key it was registered with before is no longer good.
    refused(
        &node.assert(&stage.keys.sign(&claims(&play.system, WALL_SECS))),
        STRANGER,
    );
}

#[test]
fn without_a_valid_token_there_is_no_answer() {
    let (_dir, node, stage, play) = door();
    let good = node.token(&stage, &play.system);
    let ask = |value: Option<&str>| {
        let call = node.call("post", ONE).json(&play.request);
        match value {
            Some(v) => call.header("authorization", v).send(),
            None => call.send(),
        }
    };
    let upper = good.to_ascii_uppercase();
    for value in [
        None,
        Some("Basic dXNlcjpwYXNz"),
        Some(good.as_str()),
        Some(&format!("Token {good}")),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer no-such-token"),
        Some(&format!("Bearer {upper}")),
        Some(&format!("Bearer {good}x")),
        Some(&format!("Bearer  {good}")),
        Some(&format!(
            "Bearer {}",
            stage.keys.sign(&claims(&play.system, WALL_SECS))
        )),
    ] {
        let reply = ask(value);
        assert!(reply.problem(401).contains("/oauth/token"), "{value:?}");
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Bearer realm=\"kepil\"")
        );
    }
    assert_eq!(node.entries(), 0);
    assert_eq!(ask(Some(&format!("Bearer {good}"))).ok()["decision"], true);
    assert_eq!(
        ask(Some(&format!("bearer {good}"))).ok()["decision"],
        true,
        "schemes have no case (RFC 9110, 11.1)"
    );
}

#[test]
fn a_token_ends_with_its_time() {
    let (_dir, node, stage, play) = door();
    let token = node.token(&stage, &play.system);
    node.wall.store(WALL_SECS + 599, Ordering::SeqCst);
    node.post(ONE, &token, &play.request).ok();
    for after in [600, 601, 100_000] {
        node.wall.store(WALL_SECS + after, Ordering::SeqCst);
        node.post(ONE, &token, &play.request).problem(401);
    }
    // A clock that is set back does not bring anything new: the token was good then.
    node.post(ONE, &node.token(&stage, &play.system), &play.request)
        .ok();
}

#[test]
fn an_assertion_outside_its_time_is_refused() {
    let (_dir, node, stage, play) = door();
    let with = |changes: &[(&str, Value)]| {
        let mut claims = claims(&play.system, WALL_SECS);
        for (k, v) in changes {
            claims[*k] = v.clone();
        }
        node.assert(&stage.keys.sign(&claims))
    };
    let at = |offset: i64| json!(i64::try_from(WALL_SECS).unwrap() + offset);
    refused(&with(&[("iat", at(-600)), ("exp", at(-31))]), "expired");
    refused(&with(&[("exp", json!(0))]), "expired");
    refused(&with(&[("exp", at(331))]), "lives too long");
    refused(&with(&[("exp", json!(u64::MAX))]), "lives too long");
    refused(&with(&[("iat", at(31))]), "begins in the future");
    refused(&with(&[("iat", json!(u64::MAX))]), "begins in the future");
    refused(&with(&[("exp", json!(-1))]), "exp");
    refused(&with(&[("exp", json!("tomorrow"))]), "exp");
    // The clocks of two machines may differ by half a minute.
    for changes in [
        [("exp", at(-30)), ("iat", at(-300))],
        [("exp", at(330)), ("iat", at(0))],
        [("exp", at(120)), ("iat", at(30))],
    ] {
        with(&changes).ok();
    }
    let mut claims = claims(&play.system, WALL_SECS);
    claims.as_object_mut().unwrap().remove("iat");
    node.assert(&stage.keys.sign(&claims)).ok();
}

#[test]
fn an_assertion_for_another_audience_is_refused() {
    let (_dir, node, stage, play) = door();
    let slash = format!("{PUBLIC_URL}/");
    for audience in [
        json!("https://other.test"),
        json!(slash),
        json!(""),
        json!([]),
        json!(["https://other.test"]),
    ] {
        let mut claims = claims(&play.system, WALL_SECS);
        claims["aud"] = audience;
        refused(&node.assert(&stage.keys.sign(&claims)), "another audience");
    }
}

#[test]
fn an_assertion_is_good_once() {
    let (_dir, node, stage, play) = door();
    let mut claims = claims(&play.system, WALL_SECS);
    let assertion = stage.keys.sign(&claims);
    node.assert(&assertion).ok();
    refused(&node.assert(&assertion), "used before");
    // The same jti in another assertion is a replay as well, for as long as the first could be used.
    claims["exp"] = json!(WALL_SECS + 100);
    refused(&node.assert(&stage.keys.sign(&claims)), "used before");
    node.wall.store(WALL_SECS + 149, Ordering::SeqCst);
    refused(&node.assert(&assertion), "used before");
    node.wall.store(WALL_SECS + 151, Ordering::SeqCst);
    refused(&node.assert(&assertion), "expired");
}

#[test]
fn two_systems_may_use_the_same_jti() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (one, two) = (stage.play("C04").unwrap(), stage.play("C35").unwrap());
    let node = Node::start(dir.path(), &stage, &one);
    for system in [&one.system, &two.system] {
        let mut claims = claims(system, WALL_SECS);
        claims["jti"] = json!("the-same");
        node.assert(&stage.keys.sign(&claims)).ok();
    }
}

#[test]
fn an_unknown_system_and_a_wrong_key_get_one_and_the_same_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (own, other) = (stage.play("C04").unwrap(), stage.play("C35").unwrap());
    let node = Node::start(dir.path(), &stage, &own);
    let mut borrowed = claims(&own.system, WALL_SECS);
    borrowed["sub"] = other.system.clone().into();
    let replies =
        [
            node.assert(&stage.keys.sign(&claims("no-such-system", WALL_SECS))),
            node.assert(&Keys::new().sign(&claims(&own.system, WALL_SECS))),
            node.assert(&Keys::new().sign(&claims("no-such-system", WALL_SECS))),
            node.assert(&stage.keys.sign(&borrowed)),
            // Whatever else is wrong with it: a stranger learns nothing more.
            node.assert(&Keys::new().sign(
                &json!({"iss": own.system, "sub": own.system, "aud": "x", "exp": 0, "jti": ""}),
            )),
        ];
    for reply in &replies {
        refused(reply, STRANGER);
        let but_date = |r: &Reply| {
            r.headers
                .iter()
                .filter(|(n, _)| n != "date")
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (&reply.body, but_date(reply)),
            (&replies[0].body, but_date(&replies[0]))
        );
    }
}

#[test]
fn no_other_algorithm_than_the_registered_key_has_is_taken() {
    let (_dir, node, stage, play) = door();
    let claims = claims(&play.system, WALL_SECS);
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    // No signature at all, in its spellings.
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = part(&json!({"alg": name, "typ": "JWT"}));
        for signature in ["", "AAAA"] {
            refused(
                &node.assert(&format!("{header}.{}.{signature}", part(&claims))),
                "",
            );
        }
    }
    // The public key as a shared secret, as bytes and as it stands in the register.
    let public = stage.keys.public();
    let written = URL_SAFE_NO_PAD.encode(public);
    for secret in [
        public.as_slice(),
        written.as_bytes(),
        stage.keys.jwk().to_string().as_bytes(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let forged = jsonwebtoken::encode(
                &Header::new(algorithm),
                &claims,
                &EncodingKey::from_secret(secret),
            )
            .unwrap();
            refused(&node.assert(&forged), STRANGER);
        }
    }
    // A good signature under a header that names another algorithm, or brings its own key.
    let good = stage.keys.sign(&claims);
    let mut parts = good.splitn(2, '.');
    let (_, rest) = (parts.next(), parts.next().unwrap());
    for header in [
        json!({"alg": "ES256", "typ": "JWT"}),
        json!({"alg": "RS256", "typ": "JWT"}),
    ] {
        refused(&node.assert(&format!("{}.{rest}", part(&header))), STRANGER);
    }
    let thief = Keys::new();
    let mut header = Header::new(Algorithm::EdDSA);
    header.jwk = serde_json::from_value(thief.jwk()).ok();
    assert!(header.jwk.is_some());
    let der = ed25519_dalek::pkcs8::EncodePrivateKey::to_pkcs8_der(&thief.signing()).unwrap();
    let forged =
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap();
    refused(&node.assert(&forged), STRANGER);
    node.assert(&good).ok();
}

#[test]
fn a_changed_assertion_is_refused() {
    let (_dir, node, stage, play) = door();
    let good = stage.keys.sign(&claims(&play.system, WALL_SECS));
    let parts: Vec<&str> = good.split('.').collect();
    let longer = URL_SAFE_NO_PAD.encode(json!({"iss": play.system, "sub": play.system, "aud": PUBLIC_URL, "exp": WALL_SECS + 200, "jti": "x"}).to_string());
    for changed in [
        format!("{}.{longer}.{}", parts[0], parts[2]),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            parts[2].chars().rev().collect::<String>()
        ),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
    ] {
        refused(&node.assert(&changed), "");
    }
}

#[test]
fn garbage_instead_of_an_assertion_is_refused() {
    let (_dir, node, stage, play) = door();
    for garbage in [
        "",
        "x",
        "a.b.c",
        "..",
        "...",
        "%00%ff",
        "eyJhbGciOiJFZERTQSJ9",
        "eyJhbGciOiJFZERTQSJ9.x.x",
        &"a".repeat(100_000),
    ] {
        refused(&node.assert(garbage), "not a signed JWT");
    }
    for member in ["iss", "sub", "aud", "exp", "jti"] {
        let mut claims = claims(&play.system, WALL_SECS);
        claims.as_object_mut().unwrap().remove(member);
        refused(&node.assert(&stage.keys.sign(&claims)), member);
        claims[member] = json!({"x": 1});
        refused(&node.assert(&stage.keys.sign(&claims)), member);
    }
    refused(&node.assert(&stage.keys.sign(&json!("text"))), "must hold");
    for jti in [String::new(), "x".repeat(129)] {
        let mut claims = claims(&play.system, WALL_SECS);
        claims["jti"] = jti.into();
        refused(&node.assert(&stage.keys.sign(&claims)), "1 to 128");
    }
}

#[test]
fn a_form_that_asks_for_something_else_is_a_400() {
    let (_dir, node, stage, play) = door();
    let assertion = stage.keys.sign(&claims(&play.system, WALL_SECS));
    let send = |kind: &str, body: &str| {
        node.call("post", "/oauth/token")
            .body(kind, body.as_bytes())
            .send()
    };
    let urlencoded = "application/x-www-form-urlencoded";
    let good = form(&assertion);
    let kind_of = |body: &str, kind: &str| {
        let (status, error, _) = refusal(&send(kind, body));
        assert_eq!(status, 400, "{body}");
        error
    };
    assert_eq!(
        kind_of(&good.replace("client_credentials", "password"), urlencoded),
        "unsupported_grant_type"
    );
    assert_eq!(kind_of("", urlencoded), "unsupported_grant_type");
    assert_eq!(
        kind_of(&good.replace("jwt-bearer", "saml2-bearer"), urlencoded),
        "invalid_request"
    );
    assert_eq!(
        kind_of(&format!("{good}&grant_type=client_credentials"), urlencoded),
        "invalid_request"
    );
    assert_eq!(
        kind_of(
            &json!({"client_assertion": assertion}).to_string(),
            "application/json"
        ),
        "invalid_request"
    );
    assert_eq!(kind_of(&good, "text/plain"), "invalid_request");
    assert_eq!(
        kind_of(&"x".repeat(1_048_577), urlencoded),
        "invalid_request"
    );
    node.assert(&assertion).ok();
}
