//! What the page must do next.

use super::{Authorization, ErrorCode, Refusal, ReturnTo};
use crate::assurance::{Acr, SignIn};
use crate::code::{Code, CodeStore, Grant};
use crate::id::{AttributeName, PersonId};
use crate::provider::{Op, SKEW_SECS};
use crate::store::StoreError;
use std::collections::BTreeSet;
use std::fmt;

/// How long an authentication made for a request counts as new for it, in seconds: time enough to
/// read the consent page.
pub const REQUEST_SECS: u64 = 600;

/// How old an authentication made for a request may be however small `max_age` is, in seconds;
/// else nobody could ever come through with `max_age=0`.
pub const GRACE_SECS: u64 = 60;

/// What the server knows of the visitor of one request. The default: nobody, nothing done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visit<'a> {
    /// Who is signed in at this browser now.
    pub sign_in: Option<&'a SignIn>,
    /// What the person who is signed in agreed to for this client earlier, if it is remembered.
    pub remembered: Option<&'a BTreeSet<AttributeName>>,
    /// Who authenticated on a page of this very request.
    pub authenticated: Option<PersonId>,
    /// What was answered on a page of this very request.
    pub answer: Option<&'a Answer>,
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Agreed to release these attributes, be it fewer than asked for or none.
    Agreed {
        /// Who answered.
        person: PersonId,
        /// What may be released.
        attributes: BTreeSet<AttributeName>,
    },
    /// Declined, on the sign-in page or on the consent page.
    Declined,
}

/// What the page must do next.
#[derive(Debug)]
pub enum Next {
    /// Let the person sign in, or authenticate anew; then ask again.
    SignIn(SignInAsk),
    /// Show what is asked for, and why; then ask again.
    Consent,
    /// Answer the client.
    Answer(Approval),
    /// Send the person back with an error.
    Refuse(Refusal),
}

/// How to let a person sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInAsk {
    /// Somebody is signed in already, and must authenticate again.
    pub again: bool,
    /// Below this level the person comes no further.
    pub at_least: Option<Acr>,
    /// The level to offer first; not less than `at_least`.
    pub wanted: Option<Acr>,
}

impl Authorization {
    /// What to do next for this visitor. With `prompt=none` it is an answer or a refusal, never a
    /// page.
    #[must_use]
    pub fn next(&self, op: &Op<'_>, visit: &Visit<'_>, now_secs: u64) -> Next {
        let silent = self.prompt.none;
        if !silent && matches!(visit.answer, Some(Answer::Declined)) {
            return self.refuse(ErrorCode::AccessDenied, "the person declined");
        }
        let Some(sign_in) = visit.sign_in else {
            return self.ask_to_sign_in(false);
        };
        if self.is_another(op, sign_in) {
            let what = "another person than the one in id_token_hint is signed in";
            return self.refuse(ErrorCode::LoginRequired, what);
        }
        if self.must_authenticate(visit, sign_in, now_secs) {
            return self.ask_to_sign_in(true);
        }
        match self.agreed(visit, sign_in) {
            Some(attributes) => Next::Answer(self.approve(op, sign_in, attributes)),
            None if silent => self.refuse(ErrorCode::ConsentRequired, "the person must agree"),
            None => Next::Consent,
        }
    }

    fn is_another(&self, op: &Op<'_>, sign_in: &SignIn) -> bool {
        let sector = &self.client.entry().sector;
        self.hint
            .as_ref()
            .is_some_and(|hint| *hint != op.pairwise.subject(sector, &sign_in.person))
    }

    fn must_authenticate(&self, visit: &Visit<'_>, sign_in: &SignIn, now_secs: u64) -> bool {
        let age = now_secs.saturating_sub(sign_in.auth_time_secs);
        // Made by this person, for this request, and not left lying.
        let here = visit.authenticated == Some(sign_in.person);
        let new = here && age <= REQUEST_SECS;
        let from_the_future = sign_in.auth_time_secs > now_secs.saturating_add(SKEW_SECS);
        let too_low = self
            .client
            .entry()
            .min_acr
            .is_some_and(|min| sign_in.acr < min);
        let too_old = self
            .max_age_secs
            .is_some_and(|max| age > if here { max.max(GRACE_SECS) } else { max });
        // A level that is only wished for is tried once, and not without a page.
        let wished = !self.prompt.none && self.wanted.is_some_and(|w| sign_in.acr < w);
        // Within one second an age is 0, so max_age=0 is taken as prompt=login.
        let at_once = self.prompt.login || self.max_age_secs == Some(0);
        from_the_future || too_low || too_old || (!new && (at_once || wished))
    }

    /// What is to be released, as far as the person agreed; `None` = the person must be asked.
    fn agreed(&self, visit: &Visit<'_>, sign_in: &SignIn) -> Option<BTreeSet<AttributeName>> {
        if !self.prompt.none
            && let Some(Answer::Agreed { person, attributes }) = visit.answer
            && *person == sign_in.person
        {
            return Some(self.attributes.intersection(attributes).cloned().collect());
        }
        let remembered = visit.remembered.filter(|_| !self.prompt.consent)?;
        let covers = self.attributes.is_subset(remembered);
        covers.then(|| self.attributes.clone())
    }

    fn approve(
        &self,
        op: &Op<'_>,
        sign_in: &SignIn,
        attributes: BTreeSet<AttributeName>,
    ) -> Approval {
        let sector = &self.client.entry().sector;
        Approval {
            back: Box::new(self.back.clone()),
            grant: Box::new(Grant {
                client: self.client.id().clone(),
                redirect_uri: self.back.redirect_uri.clone(),
                challenge: self.challenge,
                nonce: self.nonce.clone(),
                person: sign_in.person,
                subject: op.pairwise.subject(sector, &sign_in.person),
                auth_time_secs: sign_in.auth_time_secs,
                acr: sign_in.acr,
                amr: sign_in.amr.clone(),
                attributes,
                issued_secs: 0,
            }),
        }
    }

    fn ask_to_sign_in(&self, again: bool) -> Next {
        if self.prompt.none {
            return self.refuse(ErrorCode::LoginRequired, "the person must sign in");
        }
        Next::SignIn(SignInAsk {
            again,
            at_least: self.client.entry().min_acr,
            wanted: self.wanted,
        })
    }

    fn refuse(&self, code: ErrorCode, what: &'static str) -> Next {
        Next::Refuse(Refusal::new(code, what, self.back.clone()))
    }
}

/// The right to issue one code. INVARIANT: made by [`Authorization::next`] only.
pub struct Approval {
    back: Box<ReturnTo>,
    grant: Box<Grant>,
}

impl Approval {
    /// What the person releases with it.
    #[must_use]
    pub fn attributes(&self) -> &BTreeSet<AttributeName> {
        &self.grant.attributes
    }

    /// Issues a code from 32 random bytes, and gives the address to send the person to (303): with
    /// `code`, `state` and `iss`.
    ///
    /// # Errors
    /// When the store does not answer; then no code exists.
    pub fn issue(
        self,
        random: [u8; 32],
        codes: &impl CodeStore,
        now_secs: u64,
    ) -> Result<String, StoreError> {
        let code = Code::new(random);
        let mut grant = self.grant;
        grant.issued_secs = now_secs;
        codes.put(code.hash(), *grant)?;
        Ok(self.back.with([("code", code.expose())]))
    }
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = &self.grant.client;
        f.debug_struct("Approval")
            .field("client", client)
            .finish_non_exhaustive()
    }
}
