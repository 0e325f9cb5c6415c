//! What an authority says of a text, once it has been checked.

use der::Decode as _;
use der::asn1::Uint;

use crate::MAX_RESPONSE_BYTES;
use crate::chain;
use crate::error::StampError;
use crate::message::{PkiStatusInfo, TimeStampResp, TstInfo};
use crate::oid;
use crate::signature::Digest;
use crate::signed;
use crate::trust::Trust;

/// Greatest status that grants: as asked for (0), or with changes that the token shows (1).
const GRANTED: u32 = 1;

/// Most characters of a refusal that are passed on.
const MAX_SAID_CHARS: usize = 300;

/// A text existed at a time, by the word of a trusted authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When: Unix time in milliseconds.
    pub unix_ms: u64,
    /// Number of the stamp at its authority, hexadecimal.
    pub serial: String,
    /// The authority's policy, an object identifier.
    pub policy: String,
    /// The authority: subject of the certificate that signed.
    pub authority: String,
}

/// Checks a response against the text it is to stamp.
///
/// `nonce` is that of the request; who did not ask leaves it out.
///
/// # Errors
///
/// When the authority refuses, anything does not read, or any check fails; the error says which.
pub fn verify(
    response: &[u8],
    text: &[u8],
    nonce: Option<u64>,
    trust: &Trust,
) -> Result<Stamp, StampError> {
    if response.len() > MAX_RESPONSE_BYTES {
        let found = response.len();
        return Err(StampError::TooLong { found });
    }
    let encoding = |what| move |source| StampError::Encoding { what, source };
    let answer = TimeStampResp::from_der(response).map_err(encoding("the answer"))?;
    if answer.status.status > GRANTED {
        return Err(refusal(&answer.status));
    }
    let token = answer.token.ok_or(StampError::NoToken)?;
    let signed = signed::open(&token, trust)?;
    let said = TstInfo::from_der(&signed.content).map_err(encoding("what is signed"))?;
    check_said(&said, text, nonce)?;

    let secs = said.gen_time.unix_ms() / 1000;
    signed.signer.check_stamps()?;
    chain::check(&signed.signer, &signed.certificates, trust, secs)?;
    Ok(Stamp {
        unix_ms: said.gen_time.unix_ms(),
        serial: hex(said.serial_number.as_bytes()),
        policy: said.policy.to_string(),
        authority: signed.signer.name(),
    })
}

fn check_said(said: &TstInfo, text: &[u8], nonce: Option<u64>) -> Result<(), StampError> {
    if said.version != 1 {
        let what = "what is signed";
        return Err(StampError::Kind { what });
    }
    let imprint = &said.message_imprint;
    // Stamps are asked for over SHA-256 only.
    let is_ours = imprint.hash_algorithm.oid == oid::SHA_256
        && Digest::named(&imprint.hash_algorithm)
            .is_some_and(|digest| imprint.hashed_message.as_bytes() == digest.of(text));
    if !is_ours {
        return Err(StampError::OtherText);
    }
    if let Some(nonce) = nonce
        && said.nonce != Uint::new(&nonce.to_be_bytes()).ok()
    {
        return Err(StampError::OtherRequest);
    }
    let mut extensions = said.extensions.iter().flatten();
    if let Some(extension) = extensions.find(|extension| extension.critical) {
        let oid = extension.extn_id.to_string();
        return Err(StampError::Extension { oid });
    }
    Ok(())
}

fn refusal(status: &PkiStatusInfo) -> StampError {
    let text = status.text.iter().flatten().map(String::as_str);
    let said = text.collect::<Vec<_>>().join("; ");
    let said: String = said
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_SAID_CHARS)
        .collect();
    StampError::Refused {
        status: status.status,
        said: if said.is_empty() {
            "without a reason".to_owned()
        } else {
            format!("`{said}`")
        },
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
