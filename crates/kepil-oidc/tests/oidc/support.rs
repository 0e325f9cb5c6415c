//! A provider with clients, and a relying party written with another JWT library.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk as OtherJwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kepil_oidc::assertion::ASSERTION_TYPE;
use kepil_oidc::assurance::{Acr, Amr, SignIn};
use kepil_oidc::authorize::{Authorization, AuthorizeError, Next, PageError, Refusal, Visit};
use kepil_oidc::client::{Entry, Register};
use kepil_oidc::code::{MemoryCodes, TokenId};
use kepil_oidc::form::{Form, encode};
use kepil_oidc::id::{AttributeName, PersonId};
use kepil_oidc::key::SigningKey;
use kepil_oidc::provider::{Op, Provider};
use kepil_oidc::replay::MemoryReplay;
use kepil_oidc::ring::KeyRing;
use kepil_oidc::sector::PairwiseKey;
use kepil_oidc::token::{TokenAnswer, TokenRefusal, TokenRequest, exchange};
use kepil_oidc::userinfo::{Opened, UserinfoError, UserinfoRequest};
use kepil_terms::Lang;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

pub const NOW: u64 = 1_800_000_000;
pub const ISSUER: &str = "https://id.kepil.example";
pub const ANNA: PersonId = PersonId::new([1; 16]);
pub const BERIK: PersonId = PersonId::new([2; 16]);
pub const VERIFIER: &str = "a-verifier-of-more-than-43-characters-0123456789";
/// Looks like an IIN; its month is 99, so nobody has it.
pub const NOBODYS_IIN: &str = "999900000012";

pub struct Stage {
    pub provider: Provider,
    pub register: Register,
    pub ring: KeyRing,
    pub pairwise: PairwiseKey,
    pub codes: MemoryCodes,
    pub replay: MemoryReplay,
    pub entries: Vec<Entry>,
    keys: BTreeMap<String, Vec<u8>>,
    counter: Cell<u8>,
}

pub fn pkcs8() -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .unwrap()
        .as_ref()
        .to_vec()
}

/// The public half, worked out by the other library.
pub fn jwk(pkcs8: &[u8]) -> Value {
    let key = EncodingKey::from_ec_der(pkcs8);
    let jwk = OtherJwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    serde_json::to_value(jwk).unwrap()
}

pub fn redirect(client: &str) -> String {
    format!("https://{client}.example/cb")
}

pub fn entry(client: &str, sector: &str, jwk: &Value) -> Value {
    json!({
        "client_id": client,
        "controller": "Bureau",
        "contact": "bureau@example.org",
        "sector": sector,
        "legal_basis": ["PSL 4(1)"],
        "purpose": {"en": "to serve", "ru": "услуга", "kk": "қызмет"},
        "attributes": [
            {"name": "name", "norm": "PDL 7(9)"},
            {"name": "birthdate", "norm": "PDL 7(9)"},
        ],
        "redirect_uris": [redirect(client), format!("{}?keep=1", redirect(client))],
        "logout_uris": [format!("https://{client}.example/bye")],
        "jwks": {"keys": [jwk]},
    })
}

impl Stage {
    /// `shop` and `lab` in sector health; `tax` in its own, with a law for the IIN; `strict`
    /// demands the second level, no older than 600 s.
    pub fn new() -> Self {
        let mut keys = BTreeMap::new();
        let mut entries = Vec::new();
        for (client, sector) in [
            ("shop", "health"),
            ("lab", "health"),
            ("tax", "tax"),
            ("strict", "justice"),
        ] {
            let der = pkcs8();
            let mut entry = entry(client, sector, &jwk(&der));
            match client {
                "tax" => entry["iin_release"] = json!("DC 45(2)"),
                "strict" => {
                    entry["min_acr"] = json!("urn:kepil:aal2");
                    entry["max_auth_age_secs"] = json!(600);
                }
                _ => {}
            }
            keys.insert(client.to_owned(), der);
            entries.push(serde_json::from_value(entry).unwrap());
        }
        Self {
            provider: Provider::new(ISSUER, [Acr::Aal1, Acr::Aal2], Lang::Kk).unwrap(),
            register: Register::new(entries.clone()).unwrap(),
            ring: KeyRing::new(SigningKey::from_pkcs8(&pkcs8()).unwrap()),
            pairwise: PairwiseKey::new([7; 32]),
            codes: MemoryCodes::new(),
            replay: MemoryReplay::new(),
            entries,
            keys,
            counter: Cell::new(0),
        }
    }

    pub fn op(&self) -> Op<'_> {
        Op {
            provider: &self.provider,
            register: &self.register,
            keys: &self.ring,
            pairwise: &self.pairwise,
        }
    }

    /// Bytes that never come twice.
    fn random<const N: usize>(&self) -> [u8; N] {
        self.counter.set(self.counter.get() + 1);
        [self.counter.get(); N]
    }

    pub fn read(&self, query: &str) -> Result<Authorization, AuthorizeError> {
        Authorization::read(&self.op(), query.as_bytes(), NOW)
    }

    pub fn page(&self, query: &str) -> PageError {
        match self.read(query) {
            Err(AuthorizeError::Page(error)) => error,
            other => panic!("no page: {other:?}"),
        }
    }

    pub fn refusal(&self, query: &str) -> Refusal {
        match self.read(query) {
            Err(AuthorizeError::Redirect(refusal)) => refusal,
            other => panic!("no refusal: {other:?}"),
        }
    }

    pub fn next(&self, query: &str, visit: &Visit<'_>) -> Next {
        self.read(query).unwrap().next(&self.op(), visit, NOW)
    }

    /// The location with the code, for a person who agreed to everything earlier.
    pub fn approved(&self, query: &str, sign_in: &SignIn) -> String {
        let remembered = names(&["name", "birthdate", "iin"]);
        let visit = Visit {
            sign_in: Some(sign_in),
            remembered: Some(&remembered),
            ..Visit::default()
        };
        match self.next(query, &visit) {
            Next::Answer(approval) => approval.issue(self.random(), &self.codes, NOW).unwrap(),
            other => panic!("no answer: {other:?}"),
        }
    }

    /// A code for `client`.
    pub fn code(&self, client: &str) -> String {
        let location = self.approved(&query(client, &[]), &sign_in(ANNA, NOW - 10));
        parameter(&location, "code").unwrap()
    }

    /// An assertion of `client`, with some claims changed.
    pub fn assertion(&self, client: &str, change: Value) -> String {
        self.assertion_with(client, change, &Header::new(Algorithm::ES256))
    }

    pub fn assertion_with(&self, client: &str, change: Value, header: &Header) -> String {
        let key = EncodingKey::from_ec_der(&self.keys[client]);
        jsonwebtoken::encode(header, &self.claims(client, change), &key).unwrap()
    }

    pub fn claims(&self, client: &str, change: Value) -> Value {
        let jti = URL_SAFE_NO_PAD.encode(self.random::<16>());
        let mut claims = json!({
            "iss": client, "sub": client, "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": jti,
        });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims
                    .as_object_mut()
                    .unwrap()
                    .insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    /// The body of a good request for tokens, with some parameters changed.
    pub fn body(&self, client: &str, code: &str, change: &[(&str, &str)]) -> String {
        let assertion = self.assertion(client, json!({}));
        let uri = redirect(client);
        form(
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", &uri),
                ("code_verifier", VERIFIER),
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", &assertion),
            ],
            change,
        )
    }

    pub fn exchange(&self, body: &str, now: u64) -> Result<TokenAnswer, TokenRefusal> {
        let request = TokenRequest {
            body: body.as_bytes(),
            has_authorization_header: false,
        };
        let token = TokenId::new(self.random());
        exchange(&self.op(), &self.codes, &self.replay, request, &token, now)
    }

    /// The whole way of a client to its tokens.
    pub fn tokens(&self, client: &str, changes: &[(&str, &str)], sign_in: &SignIn) -> TokenAnswer {
        let location = self.approved(&query(client, changes), sign_in);
        let code = parameter(&location, "code").unwrap();
        self.exchange(&self.body(client, &code, &[]), NOW).unwrap()
    }

    pub fn userinfo(&self, token: &str, now: u64) -> Result<Opened, UserinfoError> {
        let header = format!("Bearer {token}");
        let request = UserinfoRequest {
            authorization: Some(&header),
            query: "",
        };
        Opened::read(&self.op(), &self.codes, request, now)
    }

    /// What a token says, checked by the other library with a key of `/jwks`.
    pub fn claims_of(&self, token: &str, audience: &str) -> Value {
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let jwks = serde_json::to_value(self.ring.jwks(NOW)).unwrap();
        let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks).unwrap();
        let key = DecodingKey::from_jwk(jwks.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[ISSUER]);
        jsonwebtoken::decode::<Value>(token, &key, &validation)
            .unwrap()
            .claims
    }
}

/// A token signed with `der` by the other library.
pub fn forged(der: &[u8], kid: Option<&str>, typ: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = kid.map(str::to_owned);
    header.typ = Some(typ.to_owned());
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(der)).unwrap()
}

pub fn sign_in(person: PersonId, auth_time_secs: u64) -> SignIn {
    SignIn {
        person,
        auth_time_secs,
        acr: Acr::Aal2,
        amr: vec![Amr::Hwk, Amr::User, Amr::Mfa],
    }
}

pub fn names(names: &[&str]) -> BTreeSet<AttributeName> {
    names
        .iter()
        .map(|n| AttributeName::parse(n).unwrap())
        .collect()
}

pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A good query of a client, with some parameters changed (empty = left out).
pub fn query(client: &str, change: &[(&str, &str)]) -> String {
    let (uri, challenge) = (redirect(client), challenge(VERIFIER));
    form(
        &[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", &uri),
            ("scope", "openid name"),
            ("state", "s1"),
            ("nonce", "n1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ],
        change,
    )
}

pub fn form(base: &[(&str, &str)], change: &[(&str, &str)]) -> String {
    let kept = base
        .iter()
        .filter(|(name, _)| change.iter().all(|(n, _)| n != name));
    kept.chain(change.iter().filter(|(_, value)| !value.is_empty()))
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

pub fn parameter(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    Form::read(query.as_bytes())
        .unwrap()
        .get(name)
        .map(str::to_owned)
}
