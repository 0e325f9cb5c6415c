//! Passkeys: the ceremonies of Web Authentication, over the `webauthn-rs` library.

use crate::asset::Asset;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kepil_identity::id::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// How long a ceremony may take, milliseconds.
pub const CEREMONY_MS: u64 = 5 * 60 * 1000;

/// The ceremonies of this node.
#[derive(Debug)]
pub struct Passkeys(Webauthn);

/// A ceremony that adds a passkey, under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Adding {
    /// What the browser calls the device.
    pub label: String,
    state: PasskeyRegistration,
}

/// A ceremony that lets somebody in, under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entering {
    state: DiscoverableAuthentication,
}

/// A passkey as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its id, base64url.
    pub credential: String,
    /// What the library needs of it.
    pub stored: String,
}

/// Why a ceremony did not end well.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// The device said something that does not fit.
    #[error("using a passkey")]
    Ceremony(#[from] WebauthnError),
    /// What the browser sent or what is kept is not of its form.
    #[error("using a passkey: what was sent or kept cannot be read")]
    Form(#[from] serde_json::Error),
    /// The device answered for another key.
    #[error("using a passkey: the device answered for another key")]
    Other,
}

impl Passkeys {
    /// Ceremonies for a node at this address; none where the address is no name.
    #[must_use]
    pub fn new(public_url: &str) -> Option<Self> {
        // Passkeys are bound to a name for life; what listens on an address alone is asked as
        // `localhost` by browsers on the same machine.
        let named = public_url
            .replace("://127.0.0.1", "://localhost")
            .replace("://[::1]", "://localhost");
        let origin = Url::parse(&named).ok()?;
        let name = origin.domain()?.to_owned();
        let built = WebauthnBuilder::new(&name, &origin)
            .and_then(|builder| builder.rp_name("Kepil").build());
        built.ok().map(Self)
    }

    /// Begins to add a passkey: what the browser is told, and what waits for its answer.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn begin_adding(
        &self,
        account: AccountId,
        name: &str,
        label: &str,
        known: &[String],
    ) -> Result<(Value, Adding), CeremonyError> {
        let mut exclude: Vec<CredentialID> = Vec::with_capacity(known.len());
        for stored in known {
            let passkey: Passkey = serde_json::from_str(stored)?;
            exclude.push(passkey.cred_id().clone());
        }
        // The id of an account is random and is neither a person's reference nor a sector's.
        let handle = Uuid::from_bytes(*account.as_bytes());
        let (options, state) =
            self.0
                .start_passkey_registration(handle, name, name, Some(exclude))?;
        let mut options = serde_json::to_value(options)?;
        // A key that is found without a name being typed; the library checks either kind.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            selection["residentKey"] = "required".into();
            selection["requireResidentKey"] = true.into();
        }
        let label = label.to_owned();
        Ok((options, Adding { label, state }))
    }

    /// Ends it: the passkey to keep.
    ///
    /// # Errors
    /// When the browser's answer does not fit.
    pub fn end_adding(&self, adding: &Adding, answer: Value) -> Result<Kept, CeremonyError> {
        let answer: RegisterPublicKeyCredential = serde_json::from_value(answer)?;
        let passkey = self.0.finish_passkey_registration(&answer, &adding.state)?;
        kept(&passkey)
    }

    /// Begins to let somebody in, whoever it is.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn begin_entering(&self) -> Result<(Value, Entering), CeremonyError> {
        let (options, state) = self.0.start_discoverable_authentication()?;
        let mut options = serde_json::to_value(options)?;
        // A button, not a form that fills itself in.
        if let Some(map) = options.as_object_mut() {
            map.remove("mediation");
        }
        Ok((options, Entering { state }))
    }

    /// The account handle and the passkey that a browser answers with, before anything is checked.
    ///
    /// # Errors
    /// When the answer cannot be read.
    pub fn who(&self, answer: &Value) -> Result<(AccountId, String), CeremonyError> {
        let answer: PublicKeyCredential = serde_json::from_value(answer.clone())?;
        let (handle, credential) = self.0.identify_discoverable_authentication(&answer)?;
        Ok((
            AccountId::new(*handle.as_bytes()),
            URL_SAFE_NO_PAD.encode(credential),
        ))
    }

    /// Ends it: the passkey as it is to be kept from now on, if it has changed.
    ///
    /// # Errors
    /// When the browser's answer does not fit the passkey.
    pub fn end_entering(
        &self,
        entering: Entering,
        answer: Value,
        stored: &str,
    ) -> Result<Option<Kept>, CeremonyError> {
        let answer: PublicKeyCredential = serde_json::from_value(answer)?;
        let mut passkey: Passkey = serde_json::from_str(stored)?;
        let result =
            self.0
                .finish_discoverable_authentication_v2(&answer, entering.state, &passkey)?;
        if !result.user_verified() {
            return Err(CeremonyError::Other);
        }
        match passkey.update_credential(&result) {
            None => Err(CeremonyError::Other),
            Some(false) => Ok(None),
            Some(true) => kept(&passkey).map(Some),
        }
    }
}

fn kept(passkey: &Passkey) -> Result<Kept, CeremonyError> {
    Ok(Kept {
        credential: URL_SAFE_NO_PAD.encode(passkey.cred_id()),
        stored: serde_json::to_string(passkey)?,
    })
}

/// `GET /assets/passkey.js`
pub(crate) async fn script(asked: HeaderMap) -> Response {
    static PASSKEY: Asset =
        Asset::new("text/javascript; charset=utf-8", include_str!("passkey.js"));
    PASSKEY.serve(&asked)
}
