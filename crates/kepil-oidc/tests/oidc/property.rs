//! Readers of foreign bytes: nothing makes them panic, and what goes in comes out.

use crate::support::{ANNA, ISSUER, NOW, Stage, names, parameter, query, sign_in};
use kepil_oidc::assertion::authenticate;
use kepil_oidc::authorize::{Authorization, AuthorizeError, Next, Visit};
use kepil_oidc::form::{Form, encode};
use kepil_oidc::logout::Logout;
use kepil_oidc::replay::MemoryReplay;
use kepil_oidc::userinfo::{Opened, UserinfoRequest};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::sync::LazyLock;

/// One stage for all cases; what is not `Sync` is left behind.
struct Shared {
    provider: kepil_oidc::provider::Provider,
    register: kepil_oidc::client::Register,
    ring: kepil_oidc::ring::KeyRing,
    pairwise: kepil_oidc::sector::PairwiseKey,
    codes: kepil_oidc::code::MemoryCodes,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let stage = Stage::new();
    Shared {
        provider: stage.provider,
        register: stage.register,
        ring: stage.ring,
        pairwise: stage.pairwise,
        codes: stage.codes,
    }
});

fn op() -> kepil_oidc::provider::Op<'static> {
    kepil_oidc::provider::Op {
        provider: &SHARED.provider,
        register: &SHARED.register,
        keys: &SHARED.ring,
        pairwise: &SHARED.pairwise,
    }
}

proptest! {
    #[test]
    fn a_form_reads_what_was_written(fields in btree_map(".{1,8}", ".{1,20}", 0..8)) {
        let written: Vec<String> =
            fields.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        let form = Form::read(written.join("&").as_bytes()).unwrap();
        prop_assert!(!form.repeats_any());
        for (name, value) in &fields {
            prop_assert_eq!(form.get(name), Some(value.as_str()));
        }
    }

    #[test]
    fn any_bytes_are_a_form_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Form::read(&bytes);
        let _ = Logout::read(&op(), &bytes, None, NOW);
    }

    /// Whatever stands in the other parameters, people are sent to the registered address or
    /// nowhere, and the state comes back.
    #[test]
    fn nobody_is_sent_elsewhere(
        name in "(scope|prompt|max_age|acr_values|nonce|request|response_mode|id_token_hint|x)",
        value in ".{0,40}",
        state in ".{1,40}",
    ) {
        let query = query("shop", &[("state", &state), (name.as_str(), &value)]);
        let anna = sign_in(ANNA, NOW);
        let all = names(&["name", "birthdate"]);
        let visit = Visit { sign_in: Some(&anna), remembered: Some(&all), ..Visit::default() };
        let location = match Authorization::read(&op(), query.as_bytes(), NOW) {
            Err(AuthorizeError::Redirect(refusal)) => Some(refusal.location()),
            Err(AuthorizeError::Page(_)) => None,
            Ok(request) => match request.next(&op(), &visit, NOW) {
                Next::Refuse(refusal) => Some(refusal.location()),
                _ => None,
            },
        };
        if let Some(location) = location {
            prop_assert!(location.starts_with("https://shop.example/cb?error="));
            prop_assert!(location.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(parameter(&location, "state"), Some(state));
            let iss = parameter(&location, "iss");
            prop_assert_eq!(iss.as_deref(), Some(ISSUER));
        }
    }

    #[test]
    fn only_registered_addresses_are_taken(uri in "https://shop\\.example/cb.{0,12}") {
        let query = query("shop", &[("redirect_uri", &uri)]);
        let read = Authorization::read(&op(), query.as_bytes(), NOW);
        let registered = SHARED.register.find("shop").unwrap().may_redirect_to(&uri);
        let page = matches!(read, Err(AuthorizeError::Page(_)));
        prop_assert_eq!(page, !registered);
    }

    #[test]
    fn no_text_is_an_assertion_or_a_token(
        text in "([A-Za-z0-9_-]{0,40}\\.){0,3}[A-Za-z0-9_-]{0,40}|.{0,60}",
    ) {
        prop_assert!(authenticate(&op(), &MemoryReplay::new(), &text, None, NOW).is_err());
        let header = format!("Bearer {text}");
        let request = UserinfoRequest { authorization: Some(&header), query: "" };
        prop_assert!(Opened::read(&op(), &SHARED.codes, request, NOW).is_err());
    }
}
