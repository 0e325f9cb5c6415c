//! The signed attributes, and what they bind together.

use der::asn1::{Any, Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode as _, Encode as _};
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::name::GeneralName;

use crate::certificate::Certificate;
use crate::error::StampError;
use crate::message::{IssuerSerial, SigningCertificate, SigningCertificateV2};
use crate::oid;
use crate::signature::{Digest, sha_1};

/// What a signer signs beside, or rather around, the content.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a SetOfVec<Attribute>);

impl Attributes<'_> {
    /// The bytes that are signed.
    pub(crate) fn to_signed(&self) -> Result<Vec<u8>, StampError> {
        self.0.to_der().map_err(|source| StampError::Encoding {
            what: "the set of signed attributes",
            source,
        })
    }

    /// Checks type and hash of the content.
    pub(crate) fn check_content(&self, content: &[u8], digest: Digest) -> Result<(), StampError> {
        let name = "content type";
        let kind = self.need(oid::CONTENT_TYPE, name)?;
        let kind = kind.decode_as::<ObjectIdentifier>();
        if kind.map_err(|_| StampError::Attribute { name })? != oid::TST_INFO {
            return Err(StampError::Kind {
                what: "the signed content",
            });
        }
        let name = "message digest";
        let hash = self.need(oid::MESSAGE_DIGEST, name)?;
        let hash = hash.decode_as::<OctetString>();
        let hash = hash.map_err(|_| StampError::Attribute { name })?;
        if hash.as_bytes() != digest.of(content) {
            return Err(StampError::MessageDigest);
        }
        Ok(())
    }

    /// Checks that the signature was made for this certificate, by either attribute or both.
    pub(crate) fn check_certificate(&self, signer: &Certificate) -> Result<(), StampError> {
        let name = "signing certificate";
        let older = self.find(oid::SIGNING_CERTIFICATE, name)?;
        let newer = self.find(oid::SIGNING_CERTIFICATE_V2, name)?;
        if older.is_none() && newer.is_none() {
            return Err(StampError::Attribute { name });
        }
        let bad = |_| StampError::Attribute { name };
        if let Some(value) = older {
            let value = value.to_der().map_err(bad)?;
            let value = SigningCertificate::from_der(&value).map_err(bad)?;
            let first = value.certificates.first();
            let first = first.ok_or(StampError::Attribute { name })?;
            let is_it = first.hash.as_bytes() == sha_1(signer.as_bytes());
            check(is_it, first.issuer_serial.as_ref(), signer)?;
        }
        if let Some(value) = newer {
            let value = value.to_der().map_err(bad)?;
            let value = SigningCertificateV2::from_der(&value).map_err(bad)?;
            let first = value.certificates.first();
            let first = first.ok_or(StampError::Attribute { name })?;
            let digest = match &first.hash_algorithm {
                None => Digest::Sha256,
                Some(named) => Digest::named(named).ok_or_else(|| StampError::Algorithm {
                    what: "the attribute with the signer's certificate",
                    oid: named.oid.to_string(),
                })?,
            };
            let is_it = first.hash.as_bytes() == digest.of(signer.as_bytes());
            check(is_it, first.issuer_serial.as_ref(), signer)?;
        }
        Ok(())
    }

    fn need(&self, oid: ObjectIdentifier, name: &'static str) -> Result<&Any, StampError> {
        self.find(oid, name)?.ok_or(StampError::Attribute { name })
    }

    /// The value of an attribute; an attribute may stand once, with one value.
    fn find(&self, oid: ObjectIdentifier, name: &'static str) -> Result<Option<&Any>, StampError> {
        let mut of_it = self.0.iter().filter(|attribute| attribute.oid == oid);
        let Some(attribute) = of_it.next() else {
            return Ok(None);
        };
        let mut values = attribute.values.iter();
        match (values.next(), values.next(), of_it.next()) {
            (Some(value), None, None) => Ok(Some(value)),
            _ => Err(StampError::Attribute { name }),
        }
    }
}

fn check(
    is_it: bool,
    issued: Option<&IssuerSerial>,
    signer: &Certificate,
) -> Result<(), StampError> {
    let is_issued_so = issued.is_none_or(|issued| {
        is_serial(&issued.serial_number, signer)
            && issued
                .issuer
                .iter()
                .any(|name| matches!(name, GeneralName::DirectoryName(name) if name == signer.fields().issuer()))
    });
    if is_it && is_issued_so {
        Ok(())
    } else {
        Err(StampError::OtherCertificate)
    }
}

/// True when this is the number of the certificate.
pub(crate) fn is_serial(number: &Int, certificate: &Certificate) -> bool {
    number.as_bytes() == certificate.serial()
}
