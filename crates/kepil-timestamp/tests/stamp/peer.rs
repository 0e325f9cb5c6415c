//! A time stamping authority by Debian's `openssl ts`, with throwaway certificates.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Keys of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    Rsa,
    P256,
    P384,
}

/// What an authority is like.
#[derive(Debug, Clone)]
pub struct Plan {
    pub keys: Keys,
    /// Hash of its signatures.
    pub digest: &'static str,
    /// Hash by which a token names the certificate.
    pub ess: &'static str,
    /// Lifetime of its certificate in days; less than 0 and it is over.
    pub days: i32,
    /// An issuer between root and authority.
    pub has_middle: bool,
    /// Extensions of its certificate.
    pub extensions: &'static str,
    /// Hashes it takes.
    pub takes: &'static str,
    /// Digits of a second's fraction.
    pub digits: u8,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            keys: Keys::Rsa,
            digest: "sha256",
            ess: "sha256",
            days: 365,
            has_middle: false,
            extensions: GOOD,
            takes: "sha256",
            digits: 0,
        }
    }
}

/// Extensions of a certificate that may stamp.
pub const GOOD: &str =
    "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n";

/// An authority in a temporary folder.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
    plan: Plan,
}

/// Subject of the authority's certificate, as RFC 4514 writes it.
pub const NAME: &str = "CN=Time of the tests,O=Kepil";
/// Its policy.
pub const POLICY: &str = "1.2.3.4.1";

impl Authority {
    pub fn new(plan: Plan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let it = Self { dir, plan };
        it.make();
        it
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The root's certificate.
    pub fn root(&self) -> Vec<u8> {
        fs::read(self.path("root.pem")).unwrap()
    }

    /// Runs `openssl` in the folder; it must succeed.
    pub fn openssl(&self, line: &str) -> Vec<u8> {
        let output = self.try_openssl(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {said}");
        output.stdout
    }

    pub fn try_openssl(&self, line: &str) -> Output {
        openssl(self.dir.path(), line)
    }

    /// Answers a request.
    pub fn reply(&self, query: &[u8]) -> Vec<u8> {
        fs::write(self.path("query.tsq"), query).unwrap();
        // A refusal is an answer too, and ends the command with an error.
        let _ = fs::remove_file(self.path("reply.tsr"));
        self.try_openssl(
            "ts -reply -config tsa.cnf -section tsa -queryfile query.tsq -out reply.tsr",
        );
        fs::read(self.path("reply.tsr")).unwrap()
    }

    fn make(&self) {
        self.write("root.ext", "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n");
        let new = self.new_key();
        self.openssl(&format!("req -x509 {new} -nodes -keyout root.key -out root.pem -subj /CN=Root -days 3650 -config root.ext -extensions ca"));
        let mut issuer = "root";
        if self.plan.has_middle {
            self.write(
                "middle.ext",
                "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign\n",
            );
            self.issue("middle", "/CN=Middle", "root", 3650, "middle.ext");
            issuer = "middle";
        }
        self.write("tsa.ext", self.plan.extensions);
        self.issue(
            "tsa",
            "/O=Kepil/CN=Time\\sof\\sthe\\stests",
            issuer,
            self.plan.days,
            "tsa.ext",
        );
        let certs = if self.plan.has_middle {
            "certs=middle.pem\n"
        } else {
            ""
        };
        let Plan {
            digest,
            ess,
            takes,
            digits,
            ..
        } = &self.plan;
        self.write("tsa.cnf", &format!(
            "[tsa]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=tsa.key\n{certs}signer_digest={digest}\ndefault_policy={POLICY}\ndigests={takes}\naccuracy=secs:1,millisecs:500,microsecs:100\nclock_precision_digits={digits}\nordering=yes\ntsa_name=yes\ness_cert_id_chain=no\ness_cert_id_alg={ess}\n"
        ));
        self.write("serial", "0F1E2D\n");
    }

    /// Makes `name.key` and `name.pem`, issued by another name's key.
    pub fn issue(&self, name: &str, subject: &str, issuer: &str, days: i32, extensions: &str) {
        let new = self.new_key();
        self.openssl(&format!("req -new {new} -nodes -keyout {name}.key -out {name}.csr -subj {subject} -config root.ext"));
        self.openssl(&format!("x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -set_serial {} -days {days} -extfile {extensions} -out {name}.pem", 1000 + name.len()));
    }

    fn new_key(&self) -> &'static str {
        match self.plan.keys {
            Keys::Rsa => "-newkey rsa:2048",
            Keys::P256 => "-newkey ec -pkeyopt ec_paramgen_curve:P-256",
            Keys::P384 => "-newkey ec -pkeyopt ec_paramgen_curve:P-384",
        }
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

/// Runs `openssl` with arguments parted by spaces; `\s` stands for a space.
pub fn openssl(dir: &Path, line: &str) -> Output {
    let args = line.split(' ').map(|arg| arg.replace("\\s", " "));
    Command::new("openssl")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| {
            panic!("`openssl` could not be started ({e}): install the Debian package `openssl`")
        })
}
