//! A provider with one client.

use kepil_oidc::assurance::Acr;
use kepil_oidc::client::Register;
use kepil_oidc::key::SigningKey;
use kepil_oidc::provider::{Op, Provider};
use kepil_oidc::ring::KeyRing;
use kepil_oidc::sector::PairwiseKey;
use kepil_terms::Lang;
use serde_json::json;
use std::sync::LazyLock;

pub const NOW: u64 = 1_800_000_000;

/// The key pair of RFC 6979, A.2.5, as PKCS #8: everybody knows it, so it signs nothing real.
const PKCS8: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420\
    c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a14403420004\
    60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
    7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

pub struct Stage {
    provider: Provider,
    register: Register,
    ring: KeyRing,
    pairwise: PairwiseKey,
}

impl Stage {
    pub fn op(&self) -> Op<'_> {
        Op {
            provider: &self.provider,
            register: &self.register,
            keys: &self.ring,
            pairwise: &self.pairwise,
        }
    }
}

pub static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let byte = |at: usize| u8::from_str_radix(&PKCS8[at..at + 2], 16).unwrap();
    let der: Vec<u8> = (0..PKCS8.len()).step_by(2).map(byte).collect();
    let entry = json!({
        "client_id": "rp",
        "controller": "c",
        "contact": "c",
        "sector": "s",
        "legal_basis": ["n"],
        "purpose": {"kk": "p", "ru": "p", "en": "p"},
        "attributes": [{"name": "name", "norm": "n"}],
        "redirect_uris": ["https://rp.example/cb"],
        "logout_uris": ["https://rp.example/bye"],
        // RFC 7515, A.3.
        "jwks": {"keys": [{
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }]},
    });
    Stage {
        provider: Provider::new("https://id.example", Acr::ALL, Lang::Kk).unwrap(),
        register: Register::new([serde_json::from_value(entry).unwrap()]).unwrap(),
        ring: KeyRing::new(SigningKey::from_pkcs8(&der).unwrap()),
        pairwise: PairwiseKey::new([7; 32]),
    }
});
