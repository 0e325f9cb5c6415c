//! The signed message around what an authority says.

use der::Encode as _;

use crate::attributes::{Attributes, is_serial};
use crate::certificate::Certificate;
use crate::error::StampError;
use crate::message::{ContentInfo, SignedData, SignerIdentifier, SignerInfo};
use crate::oid;
use crate::signature::{Digest, Scheme};
use crate::trust::Trust;

/// Most certificates in a token that are looked at.
const MAX_CERTIFICATES: usize = 16;

/// A message whose one signature is good; whether its signer is trusted is not known yet.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) content: Vec<u8>,
    pub(crate) signer: Certificate,
    pub(crate) certificates: Vec<Certificate>,
}

/// Reads a token and checks its signature.
pub(crate) fn open(token: &ContentInfo, trust: &Trust) -> Result<Signed, StampError> {
    let kind = |what| StampError::Kind { what };
    if token.content_type != oid::SIGNED_DATA {
        return Err(kind("the token"));
    }
    let data: SignedData = read("the signed message", &token.content)?;
    if data.version != 3 {
        return Err(kind("the signed message"));
    }
    if data.content.content_type != oid::TST_INFO {
        return Err(kind("the signed content"));
    }
    let content = data.content.content.ok_or(kind("the signed content"))?;
    let mut signers = data.signers.iter();
    let (Some(signer), None) = (signers.next(), signers.next()) else {
        let found = data.signers.len();
        return Err(StampError::Signers { found });
    };
    let info: SignerInfo = read("the signature", signer)?;

    let found = data.certificates.as_ref().map_or(0, |set| set.len());
    if found > MAX_CERTIFICATES {
        return Err(StampError::TooManyCertificates { found });
    }
    // Others than X.509 certificates may stand among them.
    let certificates: Vec<Certificate> = data
        .certificates
        .iter()
        .flat_map(|set| set.iter())
        .filter_map(|any| Certificate::parse(&any.to_der().ok()?).ok())
        .collect();
    let signer = certificates
        .iter()
        .chain(trust.certificates())
        .find(|certificate| is_signer(&info.signer, certificate))
        .cloned()
        .ok_or(StampError::NoCertificate)?;

    check(&info, content.as_bytes(), &signer)?;
    Ok(Signed {
        content: content.into_bytes().into(),
        signer,
        certificates,
    })
}

fn check(info: &SignerInfo, content: &[u8], signer: &Certificate) -> Result<(), StampError> {
    let digest = Digest::named(&info.digest_algorithm).ok_or_else(|| StampError::Algorithm {
        what: "the hash of its signature",
        oid: info.digest_algorithm.oid.to_string(),
    })?;
    let scheme = Scheme::named(&info.signature_algorithm, Some(digest))
        .filter(|scheme| scheme.digest() == digest)
        .ok_or_else(|| StampError::Algorithm {
            what: "its signature",
            oid: info.signature_algorithm.oid.to_string(),
        })?;
    let name = "content type";
    let attributes = info.signed.as_ref();
    let attributes = Attributes(attributes.ok_or(StampError::Attribute { name })?);
    if !scheme.accepts(
        signer.key(),
        &attributes.to_signed()?,
        info.signature.as_bytes(),
    ) {
        return Err(StampError::Signature);
    }
    attributes.check_content(content, digest)?;
    attributes.check_certificate(signer)
}

fn is_signer(id: &SignerIdentifier, certificate: &Certificate) -> bool {
    match id {
        SignerIdentifier::IssuerAndSerial(id) => {
            id.issuer == *certificate.fields().issuer() && is_serial(&id.serial_number, certificate)
        }
        SignerIdentifier::KeyIdentifier(id) => certificate.has_key_id(id.as_bytes()),
    }
}

fn read<T>(what: &'static str, any: &der::Any) -> Result<T, StampError>
where
    T: for<'a> der::Decode<'a, Error = der::Error>,
{
    any.to_der()
        .and_then(|bytes| T::from_der(&bytes))
        .map_err(|source| StampError::Encoding { what, source })
}
