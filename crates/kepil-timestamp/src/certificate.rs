//! A certificate with the bytes that were signed.

use der::asn1::{Any, BitString};
use der::{Decode, Encode as _, Sequence};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use x509_cert::{AlgorithmIdentifier, SubjectPublicKeyInfo, TbsCertificate};

use der::oid::AssociatedOid;

use crate::oid;
use crate::signature::Scheme;

/// The outside of a certificate: what is signed stays as it came.
#[derive(Debug, Clone, Sequence)]
struct Envelope {
    signed: Any,
    algorithm: AlgorithmIdentifier,
    signature: BitString,
}

/// A certificate that has been read; trust it only at the end of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    bytes: Vec<u8>,
    signed: Vec<u8>,
    scheme: Option<Scheme>,
    signature: BitString,
    fields: TbsCertificate,
}

/// Why a certificate cannot be what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is not a certificate.
    #[error("reading a certificate")]
    Encoding(#[from] der::Error),
    /// It says in two places how it is signed, and not the same.
    #[error("reading a certificate: inside it names another signature algorithm than outside")]
    Algorithm,
    /// An extension that must be understood is not, or an extension stands twice.
    #[error(
        "the certificate of `{name}` has the extension {oid}, which must be understood and is not, or stands twice"
    )]
    Extension {
        /// Whose certificate.
        name: String,
        /// Which extension.
        oid: String,
    },
    /// It was not valid at that time.
    #[error(
        "the certificate of `{name}` is valid from {from} to {to}, not at the time that is stamped"
    )]
    NotValid {
        /// Whose certificate.
        name: String,
        /// Begin.
        from: String,
        /// End.
        to: String,
    },
    /// It may not stamp times.
    #[error(
        "the certificate of `{name}` is not for time stamping, and for nothing else, as a critical extension must say"
    )]
    NotForStamps {
        /// Whose certificate.
        name: String,
    },
    /// It may not issue this certificate.
    #[error("the certificate of `{name}` is not one that may issue such certificates")]
    NotAnIssuer {
        /// Whose certificate.
        name: String,
    },
}

impl Certificate {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let envelope = Envelope::from_der(bytes)?;
        let signed = envelope.signed.to_der()?;
        let fields = TbsCertificate::from_der(&signed)?;
        if *fields.signature() != envelope.algorithm {
            return Err(CertificateError::Algorithm);
        }
        Ok(Self {
            bytes: bytes.to_vec(),
            signed,
            scheme: Scheme::named(&envelope.algorithm, None)
                .filter(|_| envelope.algorithm.oid != oid::RSA),
            signature: envelope.signature,
            fields,
        })
    }

    /// The bytes as they came.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) const fn fields(&self) -> &TbsCertificate {
        &self.fields
    }

    pub(crate) fn key(&self) -> &SubjectPublicKeyInfo {
        self.fields.subject_public_key_info()
    }

    /// Whose certificate it is.
    pub(crate) fn name(&self) -> String {
        self.fields.subject().to_string()
    }

    /// The number its issuer gave it, as in DER.
    pub(crate) fn serial(&self) -> &[u8] {
        self.fields.serial_number().as_bytes()
    }

    /// True when this is the identifier of its key.
    pub(crate) fn has_key_id(&self, id: &[u8]) -> bool {
        let own = self.extension::<SubjectKeyIdentifier>();
        own.is_ok_and(|own| own.is_some_and(|(_, own)| own.0.as_bytes() == id))
    }

    /// True when the other's name is the one of its issuer, and the other's key signed it.
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> bool {
        self.scheme
            .zip(self.signature.as_bytes())
            .is_some_and(|(scheme, bytes)| scheme.accepts(issuer.key(), &self.signed, bytes))
    }

    /// Checks what holds for every certificate of a chain.
    pub(crate) fn check_at(&self, secs: u64) -> Result<(), CertificateError> {
        let known = [
            BasicConstraints::OID,
            KeyUsage::OID,
            ExtendedKeyUsage::OID,
            oid::SUBJECT_ALT_NAME,
            oid::CERTIFICATE_POLICIES,
        ];
        let extensions = self.fields.extensions().map_or(&[][..], Vec::as_slice);
        for extension in extensions {
            let same = extensions
                .iter()
                .filter(|other| other.extn_id == extension.extn_id);
            if same.count() > 1 || extension.critical && !known.contains(&extension.extn_id) {
                return Err(CertificateError::Extension {
                    name: self.name(),
                    oid: extension.extn_id.to_string(),
                });
            }
        }
        let validity = self.fields.validity();
        let (from, to) = (validity.not_before, validity.not_after);
        if from.to_unix_duration().as_secs() > secs || to.to_unix_duration().as_secs() < secs {
            return Err(CertificateError::NotValid {
                name: self.name(),
                from: from.to_string(),
                to: to.to_string(),
            });
        }
        Ok(())
    }

    /// Checks that its key may stamp times, and do nothing else (RFC 3161, 2.3).
    pub(crate) fn check_stamps(&self) -> Result<(), CertificateError> {
        let usage = self.extension::<ExtendedKeyUsage>()?;
        let is_for_stamps = usage
            .is_some_and(|(is_critical, usage)| is_critical && usage.0 == [oid::TIME_STAMPING]);
        let is_for_signing = self
            .extension::<KeyUsage>()?
            .is_none_or(|(_, usage)| usage.digital_signature() || usage.non_repudiation());
        if is_for_stamps && is_for_signing {
            Ok(())
        } else {
            Err(CertificateError::NotForStamps { name: self.name() })
        }
    }

    /// Checks that its key may issue certificates for stamps, with so many issuers below it.
    pub(crate) fn check_issues(&self, below: u8) -> Result<(), CertificateError> {
        let may_issue = self
            .extension::<BasicConstraints>()?
            .is_some_and(|(_, limits)| {
                limits.ca && limits.path_len_constraint.is_none_or(|most| below <= most)
            });
        let may_sign = self
            .extension::<KeyUsage>()?
            .is_none_or(|(_, usage)| usage.key_cert_sign());
        let is_for_stamps = self
            .extension::<ExtendedKeyUsage>()?
            .is_none_or(|(_, usage)| {
                usage.0.contains(&oid::TIME_STAMPING) || usage.0.contains(&oid::ANY_USAGE)
            });
        if may_issue && may_sign && is_for_stamps {
            Ok(())
        } else {
            Err(CertificateError::NotAnIssuer { name: self.name() })
        }
    }

    fn extension<'a, T>(&'a self) -> Result<Option<(bool, T)>, der::Error>
    where
        T: Decode<'a, Error = der::Error> + AssociatedOid,
    {
        self.fields.get_extension::<T>()
    }
}
