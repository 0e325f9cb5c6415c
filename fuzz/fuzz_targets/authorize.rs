//! Queries of the authorisation endpoint and of signing out.
#![no_main]

#[path = "oidc/stage.rs"]
mod stage;

use kepil_oidc::assurance::{Acr, SignIn};
use kepil_oidc::authorize::{Authorization, AuthorizeError, Next, Visit};
use kepil_oidc::form::Form;
use kepil_oidc::id::PersonId;
use kepil_oidc::logout::Logout;
use libfuzzer_sys::fuzz_target;
use stage::{NOW, STAGE};

/// The one registered address.
const BACK: &str = "https://rp.example/cb";
/// A good query.
const GOOD: &str = "response_type=code&scope=openid&client_id=rp&redirect_uri=https%3A%2F%2Frp.example%2Fcb\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fuzz_target!(|data: &[u8]| {
    check(data);
    // The same behind a good query, so that more than the first checks is reached.
    check(&[GOOD.as_bytes(), b"&", data].concat());
    let logout = Logout::read(&STAGE.op(), data, None, NOW);
    assert!(matches!(logout, Logout::Ask(_)));
});

fn check(query: &[u8]) {
    let op = STAGE.op();
    let who = SignIn {
        person: PersonId::new([1; 16]),
        auth_time_secs: NOW,
        acr: Acr::Aal2,
        amr: Vec::new(),
    };
    let visit = Visit { sign_in: Some(&who), ..Visit::default() };
    let location = match Authorization::read(&op, query, NOW) {
        Err(AuthorizeError::Page(_)) => return,
        Err(AuthorizeError::Redirect(refusal)) => refusal.location(),
        Ok(request) => match request.next(&op, &visit, NOW) {
            Next::Refuse(refusal) => refusal.location(),
            _ => return,
        },
    };
    assert!(location.starts_with(BACK));
    let sent = Form::read(query).unwrap();
    let back = Form::read(location[BACK.len() + 1..].as_bytes()).unwrap();
    assert_eq!(sent.get("state"), back.get("state"));
}
