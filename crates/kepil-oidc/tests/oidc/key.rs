//! The provider's keys and their rotation.

use crate::support::{ANNA, ISSUER, NOW, Stage, forged, pkcs8, sign_in};
use kepil_oidc::key::{Jwk, KeyError, PublicKey, SigningKey};
use kepil_oidc::ring::{KeyRing, RotateError, TOKEN_SECS};
use kepil_oidc::userinfo::UserinfoError;
use serde_json::json;

fn kids(ring: &KeyRing, now: u64) -> Vec<String> {
    ring.jwks(now)
        .keys
        .into_iter()
        .filter_map(|k| k.kid)
        .collect()
}

#[test]
fn op36_next_key_published_old_key_kept_unknown_refused() {
    let mut stage = Stage::new();
    let old = stage.tokens("shop", &[], &sign_in(ANNA, NOW));
    let old_kid = stage.ring.current().kid().to_owned();

    // Too early, or nothing to rotate to.
    assert_eq!(stage.ring.rotate(NOW), Err(RotateError::NoNext));
    let der = pkcs8();
    let next = SigningKey::from_pkcs8(&der).unwrap();
    let next_kid = next.kid().to_owned();
    stage.ring.publish_next(next, NOW).unwrap();
    let from_secs = NOW + TOKEN_SECS;
    assert_eq!(
        stage.ring.rotate(from_secs - 1),
        Err(RotateError::TooEarly { from_secs })
    );
    assert_eq!(kids(&stage.ring, NOW), [old_kid.clone(), next_kid.clone()]);

    // What another node signs with the next key is accepted already.
    let claims = stage.claims_of(old.access_token(), ISSUER);
    let early = forged(&der, Some(&next_kid), "at+jwt", &claims);
    assert!(stage.userinfo(&early, NOW).is_ok());

    // After the rotation the old key is kept while its tokens live.
    stage.ring.rotate(from_secs).unwrap();
    assert_eq!(stage.ring.current().kid(), next_kid);
    assert!(
        stage
            .userinfo(old.access_token(), NOW + TOKEN_SECS - 1)
            .is_ok()
    );
    let last = from_secs + TOKEN_SECS;
    assert_eq!(kids(&stage.ring, last), [next_kid.clone(), old_kid]);
    assert_eq!(kids(&stage.ring, last + 1), [next_kid]);

    // An unknown key, a key without its name, and a name without its key.
    let wrong_name = old_kid_of(&old);
    for (der, kid) in [
        (pkcs8(), Some("x")),
        (der.clone(), None),
        (der, Some(wrong_name.as_str())),
    ] {
        let token = forged(&der, kid, "at+jwt", &claims);
        let error = stage.userinfo(&token, NOW).unwrap_err();
        assert!(matches!(error, UserinfoError::Signature));
    }
}

fn old_kid_of(answer: &kepil_oidc::token::TokenAnswer) -> String {
    let header = jsonwebtoken::decode_header(answer.id_token()).unwrap();
    header.kid.unwrap()
}

#[test]
fn op36_a_key_is_published_once() {
    let der = pkcs8();
    let key = || SigningKey::from_pkcs8(&der).unwrap();
    let mut ring = KeyRing::new(key());
    let known = ring.publish_next(key(), NOW).unwrap_err();
    assert!(matches!(known, RotateError::Known { .. }));
    let other = || SigningKey::from_pkcs8(&pkcs8()).unwrap();
    ring.publish_next(other(), NOW).unwrap();
    assert_eq!(
        ring.publish_next(other(), NOW),
        Err(RotateError::NextExists)
    );
}

#[test]
fn op36_a_ring_is_restored_as_it_was() {
    let (a, b) = (pkcs8(), pkcs8());
    let key = |der: &[u8]| SigningKey::from_pkcs8(der).unwrap();
    let mut ring = KeyRing::new(key(&a));
    ring.publish_next(key(&b), NOW).unwrap();
    ring.rotate(NOW + TOKEN_SECS).unwrap();
    let mut restored = KeyRing::new(key(&b));
    restored.keep(key(&a).public().clone(), NOW + TOKEN_SECS);
    for now in [
        NOW + TOKEN_SECS,
        NOW + 2 * TOKEN_SECS,
        NOW + 2 * TOKEN_SECS + 1,
    ] {
        assert_eq!(ring.jwks(now), restored.jwks(now));
    }
}

#[test]
fn jwks_shows_public_members_only() {
    let stage = Stage::new();
    let jwks = serde_json::to_value(stage.ring.jwks(NOW)).unwrap();
    let mut members: Vec<&String> = jwks["keys"][0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    // The name is the thumbprint that the other library works out.
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
    let thumbprint = jwk
        .thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
        .unwrap();
    assert_eq!(stage.ring.current().kid(), thumbprint);
}

#[test]
fn keys_of_other_kinds_are_refused() {
    assert_eq!(SigningKey::from_pkcs8(b"x").unwrap_err(), KeyError::Pkcs8);
    let good = crate::support::jwk(&pkcs8());
    let read = |name: &str, value: serde_json::Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        PublicKey::from_jwk(&jwk).map(|_| ())
    };
    assert_eq!(read("alg", json!("ES256")), Ok(()));
    assert_eq!(read("alg", json!("ES384")), Err(KeyError::NotEs256));
    assert_eq!(read("use", json!("enc")), Err(KeyError::NotEs256));
    assert_eq!(read("crv", json!("P-384")), Err(KeyError::NotEs256));
    assert_eq!(read("kty", json!("OKP")), Err(KeyError::NotEs256));
    assert_eq!(read("d", json!("AA")), Err(KeyError::Private));
    assert_eq!(read("x", json!("AA")), Err(KeyError::Point));
    assert_eq!(read("x", good["y"].clone()), Err(KeyError::Point));
    assert_eq!(read("y", json!("!")), Err(KeyError::Point));
}
