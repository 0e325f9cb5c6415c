//! Registration of clients.

use crate::support::{entry, jwk, pkcs8, redirect};
use kepil_oidc::client::{Client, ClientError, Entry, Register};
use kepil_oidc::uri::UriError;
use serde_json::{Value, json};

fn with(name: &str, value: Value) -> Result<Client, ClientError> {
    let mut entry = entry("shop", "health", &jwk(&pkcs8()));
    entry[name] = value;
    Client::register(serde_json::from_value(entry).unwrap())
}

fn without(name: &str) -> bool {
    let mut entry = entry("shop", "health", &jwk(&pkcs8()));
    entry.as_object_mut().unwrap().remove(name);
    serde_json::from_value::<Entry>(entry).is_err()
}

#[test]
fn a_good_entry() {
    let client = with("min_acr", json!("urn:kepil:aal2")).unwrap();
    assert_eq!(client.id().as_str(), "shop");
    assert_eq!(client.keys().len(), 1);
    assert!(client.may_redirect_to("https://shop.example/cb"));
    assert!(!client.may_redirect_to("https://shop.example/c"));
    // It is written as it was read.
    let text = serde_json::to_string(client.entry()).unwrap();
    assert_eq!(
        &serde_json::from_str::<Entry>(&text).unwrap(),
        client.entry()
    );
}

#[test]
fn op05_addresses_are_checked_at_registration() {
    for (uri, expected) in [
        ("https://shop.example/cb#x", UriError::Fragment),
        ("https://shop.example/cb#", UriError::Fragment),
        ("http://shop.example/cb", UriError::Scheme),
        ("/cb", UriError::Scheme),
        ("https://*.example/cb", UriError::Host),
        ("https://shop.example/a b", UriError::Characters),
        ("https://shop.example/cb?%ff", UriError::Characters),
        ("https://shop.example/cb?code=1", UriError::Reserved),
        ("https://shop.example/cb?x=1&st%61te", UriError::Reserved),
    ] {
        for list in ["redirect_uris", "logout_uris"] {
            match with(list, json!([redirect("shop"), uri])) {
                Err(ClientError::Uri { source, .. }) => assert_eq!(source, expected, "{uri}"),
                other => panic!("{uri}: {other:?}"),
            }
        }
    }
    assert!(with("redirect_uris", json!(["http://localhost:3000/cb"])).is_ok());
}

#[test]
fn no_client_without_a_basis() {
    for (name, value) in [
        ("controller", json!(" ")),
        ("contact", json!("")),
        ("legal_basis", json!([])),
        ("redirect_uris", json!([])),
        ("jwks", json!({"keys": []})),
    ] {
        let missing = with(name, value);
        assert!(
            matches!(missing, Err(ClientError::Missing { .. })),
            "{name}"
        );
    }
    let purpose = with("purpose", json!({"en": "x", "ru": "x"}));
    let text = purpose.unwrap_err().to_string();
    assert_eq!(
        text,
        "registering the client `shop`: the purpose has no text in `kk`"
    );
    for name in [
        "client_id",
        "controller",
        "contact",
        "sector",
        "legal_basis",
        "purpose",
        "jwks",
        "redirect_uris",
    ] {
        assert!(without(name), "{name}");
    }
}

#[test]
fn attributes_have_a_norm_each_and_the_iin_its_own() {
    let iin = with("attributes", json!([{"name": "iin", "norm": "x"}]));
    assert!(matches!(iin, Err(ClientError::IinAmongAttributes { .. })));
    let twice = json!([{"name": "name", "norm": "x"}, {"name": "name", "norm": "y"}]);
    assert!(matches!(
        with("attributes", twice),
        Err(ClientError::Twice { .. })
    ));
    for bad in [
        json!([{"name": "name"}]),
        json!([{"name": "name", "norm": " "}]),
        json!([{"name": "sub", "norm": "x"}]),
        json!([{"name": "openid", "norm": "x"}]),
        json!([{"name": "a b", "norm": "x"}]),
    ] {
        let mut entry = entry("shop", "health", &jwk(&pkcs8()));
        entry["attributes"] = bad;
        assert!(serde_json::from_value::<Entry>(entry).is_err());
    }
}

#[test]
fn things_that_stand_there_twice() {
    let uri = redirect("shop");
    let twice = with("redirect_uris", json!([uri, uri]));
    assert!(matches!(twice, Err(ClientError::Twice { .. })));
    let key = jwk(&pkcs8());
    let twice = with("jwks", json!({"keys": [key, key]}));
    assert!(matches!(twice, Err(ClientError::Twice { .. })));
    let named = || {
        let mut key = jwk(&pkcs8());
        key["kid"] = json!("k1");
        key
    };
    let twice = with("jwks", json!({"keys": [named(), named()]}));
    assert!(matches!(twice, Err(ClientError::Twice { .. })));
    let many: Vec<Value> = (0..9).map(|_| jwk(&pkcs8())).collect();
    let many = with("jwks", json!({"keys": many}));
    assert!(matches!(many, Err(ClientError::TooManyKeys { .. })));
}

#[test]
fn a_private_key_is_refused() {
    let mut key = jwk(&pkcs8());
    key["d"] = json!("AA");
    let private = with("jwks", json!({"keys": [key]}));
    assert!(matches!(private, Err(ClientError::Key { number: 1, .. })));
}

#[test]
fn a_register_has_each_id_and_each_key_once() {
    let key = jwk(&pkcs8());
    let read = |id: &str, key: &Value| serde_json::from_value(entry(id, "s", key)).unwrap();
    let same_id = Register::new([read("a", &key), read("a", &jwk(&pkcs8()))]);
    assert!(matches!(same_id, Err(ClientError::Twice { .. })));
    let same_key = Register::new([read("a", &key), read("b", &key)]);
    assert!(matches!(same_key, Err(ClientError::Twice { .. })));
    let good = Register::new([read("b", &key), read("a", &jwk(&pkcs8()))]).unwrap();
    let ids: Vec<&str> = good.iter().map(|c| c.id().as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
}
