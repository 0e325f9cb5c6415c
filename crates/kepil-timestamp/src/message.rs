//! The messages of RFC 3161, and the parts of RFC 5652 (CMS) and RFC 5035 they are made of.

use der::asn1::{Any, BitString, Int, ObjectIdentifier, OctetString, SetOfVec, Uint};
use der::{Choice, Sequence};
use x509_cert::AlgorithmIdentifier;
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::time::GenTime;

/// The hash of what is stamped.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct MessageImprint {
    pub(crate) hash_algorithm: AlgorithmIdentifier,
    pub(crate) hashed_message: OctetString,
}

/// What an authority is asked.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct TimeStampReq {
    pub(crate) version: u8,
    pub(crate) message_imprint: MessageImprint,
    pub(crate) nonce: u64,
    #[asn1(default = "Default::default")]
    pub(crate) cert_req: bool,
}

/// What an authority answers.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct TimeStampResp {
    pub(crate) status: PkiStatusInfo,
    #[asn1(optional = "true")]
    pub(crate) token: Option<ContentInfo>,
}

/// Whether it stamps, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct PkiStatusInfo {
    pub(crate) status: u32,
    #[asn1(optional = "true")]
    pub(crate) text: Option<Vec<String>>,
    #[asn1(optional = "true")]
    pub(crate) failure: Option<BitString>,
}

/// What an authority says.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct TstInfo {
    pub(crate) version: u8,
    pub(crate) policy: ObjectIdentifier,
    pub(crate) message_imprint: MessageImprint,
    pub(crate) serial_number: Int,
    pub(crate) gen_time: GenTime,
    #[asn1(optional = "true")]
    pub(crate) accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    pub(crate) ordering: bool,
    #[asn1(optional = "true")]
    pub(crate) nonce: Option<Uint>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) tsa: Option<GeneralName>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) extensions: Option<Vec<Extension>>,
}

/// How far the time may be off.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct Accuracy {
    #[asn1(optional = "true")]
    pub(crate) seconds: Option<u64>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) micros: Option<u16>,
}

/// A message of some type.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct ContentInfo {
    pub(crate) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(crate) content: Any,
}

/// A signed message.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct SignedData {
    pub(crate) version: u8,
    pub(crate) digest_algorithms: SetOfVec<AlgorithmIdentifier>,
    pub(crate) content: EncapsulatedContentInfo,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) certificates: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) revocations: Option<SetOfVec<Any>>,
    pub(crate) signers: SetOfVec<Any>,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct EncapsulatedContentInfo {
    pub(crate) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) content: Option<OctetString>,
}

/// Who signed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct SignerInfo {
    pub(crate) version: u8,
    pub(crate) signer: SignerIdentifier,
    pub(crate) digest_algorithm: AlgorithmIdentifier,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) signed: Option<SetOfVec<Attribute>>,
    pub(crate) signature_algorithm: AlgorithmIdentifier,
    pub(crate) signature: OctetString,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) unsigned: Option<SetOfVec<Attribute>>,
}

/// Which certificate.
#[derive(Debug, Clone, PartialEq, Eq, Choice)]
pub(crate) enum SignerIdentifier {
    IssuerAndSerial(IssuerAndSerial),
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    KeyIdentifier(OctetString),
}

/// A certificate by who issued it, and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct IssuerAndSerial {
    pub(crate) issuer: Name,
    pub(crate) serial_number: Int,
}

/// The certificates of the signature, the signer's first, by SHA-1.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct SigningCertificate {
    pub(crate) certificates: Vec<EssCertId>,
    #[asn1(optional = "true")]
    pub(crate) policies: Option<Vec<Any>>,
}

/// A certificate by its SHA-1.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct EssCertId {
    pub(crate) hash: OctetString,
    #[asn1(optional = "true")]
    pub(crate) issuer_serial: Option<IssuerSerial>,
}

/// The certificates of the signature, the signer's first, by a named hash.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct SigningCertificateV2 {
    pub(crate) certificates: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    pub(crate) policies: Option<Vec<Any>>,
}

/// A certificate by a named hash.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct EssCertIdV2 {
    /// SHA-256 where it is left out.
    #[asn1(optional = "true")]
    pub(crate) hash_algorithm: Option<AlgorithmIdentifier>,
    pub(crate) hash: OctetString,
    #[asn1(optional = "true")]
    pub(crate) issuer_serial: Option<IssuerSerial>,
}

/// Who issued a certificate, by names of any kind, and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(crate) struct IssuerSerial {
    pub(crate) issuer: Vec<GeneralName>,
    pub(crate) serial_number: Int,
}
