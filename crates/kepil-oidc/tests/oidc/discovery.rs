//! OP37: each advertised value works, and no other does.

use crate::support::{ANNA, ISSUER, NOW, Stage, names, parameter, query, sign_in};
use kepil_oidc::assurance::Acr;
use kepil_oidc::authorize::{Next, Visit};
use kepil_oidc::provider::{Endpoint, Provider, ProviderError};
use kepil_terms::Lang;
use serde_json::{Value, json};

fn discovery(stage: &Stage) -> Value {
    serde_json::to_value(stage.provider.discovery()).unwrap()
}

fn list<'a>(discovery: &'a Value, name: &str) -> Vec<&'a str> {
    let list = discovery[name].as_array().unwrap();
    list.iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn op37_the_document() {
    let stage = Stage::new();
    let expected = json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"),
        "userinfo_endpoint": format!("{ISSUER}/userinfo"),
        "jwks_uri": format!("{ISSUER}/jwks"),
        "end_session_endpoint": format!("{ISSUER}/logout"),
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": ["urn:kepil:aal1", "urn:kepil:aal2"],
        "ui_locales_supported": ["kk", "ru", "en"],
        "claims_supported":
            ["iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "acr", "amr"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    assert_eq!(discovery(&stage), expected);
}

/// Values that are listed are taken, values that are not are refused.
fn parameter_is(stage: &Stage, listed: &[&str], name: &str, others: &[&str]) {
    for value in listed {
        assert!(
            stage.read(&query("shop", &[(name, value)])).is_ok(),
            "{name}={value}"
        );
    }
    for value in others {
        assert!(!listed.contains(value));
        assert!(
            stage.read(&query("shop", &[(name, value)])).is_err(),
            "{name}={value}"
        );
    }
}

#[test]
fn op37_requests() {
    let stage = Stage::new();
    let d = discovery(&stage);
    let is = |list_name, name, others: &[&str]| {
        parameter_is(&stage, &list(&d, list_name), name, others);
    };
    is(
        "response_types_supported",
        "response_type",
        &["token", "id_token", "code token"],
    );
    is(
        "response_modes_supported",
        "response_mode",
        &["fragment", "form_post"],
    );
    is(
        "code_challenge_methods_supported",
        "code_challenge_method",
        &["plain"],
    );
    is("prompt_values_supported", "prompt", &["create", "x"]);
    is("scopes_supported", "scope", &["iin", "profile"]);
    for (flag, name) in [
        ("request_parameter_supported", "request"),
        ("request_uri_parameter_supported", "request_uri"),
    ] {
        assert_eq!(d[flag], false);
        assert!(stage.read(&query("shop", &[(name, "x")])).is_err());
    }
    for locale in list(&d, "ui_locales_supported") {
        let read = stage
            .read(&query("shop", &[("ui_locales", locale)]))
            .unwrap();
        assert_eq!(read.lang().code(), locale);
    }
    // `claims` asks for nothing.
    assert_eq!(d["claims_parameter_supported"], false);
    let claims = r#"{"userinfo":{"birthdate":null}}"#;
    let read = stage.read(&query("shop", &[("claims", claims)])).unwrap();
    assert_eq!(read.attributes().count(), 1);
}

#[test]
fn op37_levels() {
    let stage = Stage::new();
    let d = discovery(&stage);
    let all = names(&["name"]);
    for name in list(&d, "acr_values_supported") {
        let mut who = sign_in(ANNA, NOW);
        who.acr = Acr::from_name(name).unwrap();
        let visit = Visit {
            sign_in: Some(&who),
            remembered: Some(&all),
            ..Visit::default()
        };
        let wish = query("shop", &[("acr_values", name)]);
        assert!(matches!(stage.next(&wish, &visit), Next::Answer(_)));
        let answer = stage.tokens("shop", &[("acr_values", name)], &who);
        assert_eq!(stage.claims_of(answer.id_token(), "shop")["acr"], name);
    }
}

#[test]
fn op37_tokens() {
    let stage = Stage::new();
    let d = discovery(&stage);
    let location = stage.approved(&query("shop", &[]), &sign_in(ANNA, NOW));
    assert_eq!(d["authorization_response_iss_parameter_supported"], true);
    assert_eq!(parameter(&location, "iss").as_deref(), d["issuer"].as_str());
    let code = parameter(&location, "code").unwrap();
    for grant in list(&d, "grant_types_supported") {
        let body = stage.body("shop", &code, &[("grant_type", grant)]);
        let answer = stage.exchange(&body, NOW).unwrap();
        let alg = jsonwebtoken::decode_header(answer.id_token()).unwrap().alg;
        assert_eq!(
            list(&d, "id_token_signing_alg_values_supported"),
            [format!("{alg:?}")]
        );
        let claims = stage.claims_of(answer.id_token(), "shop");
        let mut stands: Vec<&str> = claims
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut listed = list(&d, "claims_supported");
        stands.sort_unstable();
        listed.sort_unstable();
        assert_eq!(stands, listed);
    }
    // Subject types: op34. Authentication methods and algorithms: op26, op27.
    assert_eq!(list(&d, "subject_types_supported"), ["pairwise"]);
    assert_eq!(
        list(&d, "token_endpoint_auth_methods_supported"),
        ["private_key_jwt"]
    );
    assert_eq!(
        list(&d, "token_endpoint_auth_signing_alg_values_supported"),
        ["ES256"]
    );
}

#[test]
fn op37_addresses() {
    let stage = Stage::new();
    let d = discovery(&stage);
    for (name, endpoint) in [
        ("authorization_endpoint", Endpoint::Authorize),
        ("token_endpoint", Endpoint::Token),
        ("userinfo_endpoint", Endpoint::Userinfo),
        ("jwks_uri", Endpoint::Jwks),
        ("end_session_endpoint", Endpoint::Logout),
    ] {
        assert_eq!(d[name].as_str().unwrap(), stage.provider.uri(endpoint));
    }
}

#[test]
fn issuers() {
    let new = |issuer: &str| Provider::new(issuer, [Acr::Aal2], Lang::Kk).map(|_| ());
    assert_eq!(new("https://id.example"), Ok(()));
    assert_eq!(new("https://id.example/tenant"), Ok(()));
    assert_eq!(new("http://localhost:8080"), Ok(()));
    for bad in ["http://id.example", "id.example", "https://id.example#x"] {
        assert!(matches!(new(bad), Err(ProviderError::Issuer { .. })));
    }
    for bad in ["https://id.example/", "https://id.example?x"] {
        assert!(matches!(new(bad), Err(ProviderError::Shape { .. })));
    }
    let no_level = Provider::new("https://id.example", [], Lang::Kk);
    assert!(matches!(no_level, Err(ProviderError::NoLevel)));
}
