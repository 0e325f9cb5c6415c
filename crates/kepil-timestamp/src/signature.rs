//! Hashes and signatures: RSA PKCS#1 v1.5 and ECDSA over P-256 and P-384, with SHA-2.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use der::asn1::ObjectIdentifier;
use x509_cert::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use crate::oid;

/// A hash that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digest {
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    Ecdsa,
}

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scheme {
    family: Family,
    digest: Digest,
}

impl Digest {
    /// The hash of an identifier; one that is not taken gives none.
    pub(crate) fn named(algorithm: &AlgorithmIdentifier) -> Option<Self> {
        if !has_no_parameters(algorithm) {
            return None;
        }
        match algorithm.oid {
            oid::SHA_256 => Some(Self::Sha256),
            oid::SHA_384 => Some(Self::Sha384),
            oid::SHA_512 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// SHA-1, by which the older attribute names the signer's certificate; nothing is signed with it.
pub(crate) fn sha_1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
        .as_ref()
        .to_vec()
}

impl Scheme {
    /// The scheme of an identifier; `digest` is the hash where the identifier names none.
    pub(crate) fn named(algorithm: &AlgorithmIdentifier, digest: Option<Digest>) -> Option<Self> {
        if !has_no_parameters(algorithm) {
            return None;
        }
        let (family, digest) = match algorithm.oid {
            oid::RSA => (Family::Rsa, digest?),
            oid::RSA_SHA_256 => (Family::Rsa, Digest::Sha256),
            oid::RSA_SHA_384 => (Family::Rsa, Digest::Sha384),
            oid::RSA_SHA_512 => (Family::Rsa, Digest::Sha512),
            oid::ECDSA_SHA_256 => (Family::Ecdsa, Digest::Sha256),
            oid::ECDSA_SHA_384 => (Family::Ecdsa, Digest::Sha384),
            oid::ECDSA_SHA_512 => (Family::Ecdsa, Digest::Sha512),
            _ => return None,
        };
        Some(Self { family, digest })
    }

    pub(crate) const fn digest(self) -> Digest {
        self.digest
    }

    /// True when the key's signature over the message is good.
    pub(crate) fn accepts(self, key: &SubjectPublicKeyInfo, message: &[u8], bytes: &[u8]) -> bool {
        let Some((verifier, key)) = self
            .verifier(&key.algorithm)
            .zip(key.subject_public_key.as_bytes())
        else {
            return false;
        };
        UnparsedPublicKey::new(verifier, key)
            .verify(message, bytes)
            .is_ok()
    }

    fn verifier(self, key: &AlgorithmIdentifier) -> Option<&'static dyn VerificationAlgorithm> {
        let curve = || {
            let parameters = key.parameters.as_ref()?;
            parameters.decode_as::<ObjectIdentifier>().ok()
        };
        Some(match (self.family, key.oid, self.digest) {
            (Family::Rsa, oid::RSA, Digest::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Family::Rsa, oid::RSA, Digest::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Family::Rsa, oid::RSA, Digest::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Family::Ecdsa, oid::EC, digest) => match (curve()?, digest) {
                (oid::P256, Digest::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
                (oid::P256, Digest::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
                (oid::P256, Digest::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
                (oid::P384, Digest::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
                (oid::P384, Digest::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
                (oid::P384, Digest::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// Hashes and these signatures have none, or NULL.
fn has_no_parameters(algorithm: &AlgorithmIdentifier) -> bool {
    algorithm
        .parameters
        .as_ref()
        .is_none_or(|parameters| parameters.is_null())
}
