//! Signing out (OpenID Connect RP-Initiated Logout 1.0).

use crate::assurance::SignIn;
use crate::form::{Form, FormError, with_query};
use crate::hint::{self, Hint, HintError};
use crate::provider::Op;
use kepil_terms::Lang;

/// What to do with a request to sign out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logout {
    /// End the sign-in, then send the person to this address (303).
    EndAndReturn(String),
    /// End the sign-in, then show a page of our own.
    End,
    /// Show a page of our own that asks whether to sign out, and send nobody anywhere. A link on
    /// a foreign page must not sign people out.
    Ask(AskReason),
}

/// Why the person is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskReason {
    /// The parameters cannot be read.
    #[error("reading a request to sign out")]
    Form(#[source] FormError),
    /// A parameter stands there twice.
    #[error("reading a request to sign out: a parameter was sent twice")]
    Repeated,
    /// There is no hint.
    #[error("reading a request to sign out: there is no id_token_hint")]
    NoHint,
    /// The hint is not one of ours.
    #[error("reading a request to sign out")]
    Hint(#[source] HintError),
    /// `client_id` and the hint name different clients.
    #[error("reading a request to sign out: client_id is not the one in id_token_hint")]
    OtherClient,
    /// Somebody else is signed in.
    #[error("reading a request to sign out: another person is signed in")]
    OtherPerson,
    /// The address is not registered for the client, byte for byte.
    #[error("reading a request to sign out: the address to go to is not registered")]
    Address,
}

impl Logout {
    /// Reads the query of a GET or the form of a POST, for whoever is signed in at this browser.
    /// With a good hint nobody is asked: the client that signed the person in signs them out.
    #[must_use]
    pub fn read(op: &Op<'_>, parameters: &[u8], sign_in: Option<&SignIn>, now_secs: u64) -> Self {
        match Form::read(parameters) {
            Ok(form) => Self::parse(op, &form, sign_in, now_secs).unwrap_or_else(Logout::Ask),
            Err(error) => Logout::Ask(AskReason::Form(error)),
        }
    }

    /// The language of the page for a request to sign out.
    #[must_use]
    pub fn lang(op: &Op<'_>, parameters: &[u8]) -> Lang {
        let form = Form::read(parameters).unwrap_or_default();
        op.provider.lang(form.get("ui_locales").unwrap_or_default())
    }

    fn parse(
        op: &Op<'_>,
        form: &Form,
        sign_in: Option<&SignIn>,
        now_secs: u64,
    ) -> Result<Self, AskReason> {
        if form.repeats_any() {
            return Err(AskReason::Repeated);
        }
        let token = form.get("id_token_hint").ok_or(AskReason::NoHint)?;
        let Hint { client, subject } = hint::read(op, token, now_secs).map_err(AskReason::Hint)?;
        if form
            .get("client_id")
            .is_some_and(|id| id != client.id().as_str())
        {
            return Err(AskReason::OtherClient);
        }
        let sector = &client.entry().sector;
        let is = |s: &SignIn| op.pairwise.subject(sector, &s.person) == subject;
        if !sign_in.is_none_or(is) {
            return Err(AskReason::OtherPerson);
        }
        match form.get("post_logout_redirect_uri") {
            None => Ok(Logout::End),
            Some(uri) if client.may_log_out_to(uri) => {
                let state = form.get("state").map(|s| ("state", s));
                Ok(Logout::EndAndReturn(with_query(uri, state)))
            }
            Some(_) => Err(AskReason::Address),
        }
    }
}
