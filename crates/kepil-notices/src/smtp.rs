//! E-mail, handed to the mail server of the operator.

use crate::delivery::Proof;
use crate::mail::{From, mail};
use crate::message::Message;
use crate::sender::{Accepted, Refused, Sender};
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{SmtpTransport, Transport as _};
use serde::Deserialize;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Longest answer of a server that is kept, characters.
const REPLY: usize = 300;

/// Answers that speak of the node's own sign-in, not of the message.
const SIGN_IN: [u16; 4] = [530, 534, 535, 538];

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// TLS from the first byte (port 465).
    #[default]
    Tls,
    /// TLS after a greeting (port 587); without TLS nothing is sent.
    Starttls,
    /// None: only to a server on the same machine.
    Off,
}

/// Where the mail server is, and who sends.
#[derive(Clone)]
pub struct SmtpSettings {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: TlsMode,
    /// More certificates (PEM) the server's may lead to.
    pub certificates: Option<Vec<u8>>,
    /// User and password, if it wants them.
    pub login: Option<(String, String)>,
    /// From whom messages come.
    pub from: String,
    /// The node's name, for greetings and Message-IDs.
    pub node: String,
    /// How long to wait for the server.
    pub timeout: Duration,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("from", &self.from)
            .field("has_login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The sender's address.
    #[error(
        "setting up e-mail: `{0}` is no address to send from; it must look like Kepil <kepil@example.kz>"
    )]
    From(String),
    /// The file of certificates holds none.
    #[error("setting up e-mail: the file of certificates holds none; it must be PEM")]
    NoCertificate,
    /// TLS or its certificates.
    #[error("setting up e-mail: the TLS certificates cannot be used")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Sends by SMTP; each message over a connection of its own.
#[derive(Debug)]
pub struct Smtp {
    transport: SmtpTransport,
    from: From,
    node: String,
}

impl Smtp {
    /// Makes a sender; nothing is asked of the server yet.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub fn new(settings: SmtpSettings) -> Result<Self, SmtpError> {
        let from = From::parse(&settings.from);
        let from = from.ok_or_else(|| SmtpError::From(settings.from.clone()))?;
        let tls = match settings.tls {
            TlsMode::Off => Tls::None,
            mode => {
                let mut parameters = TlsParameters::builder(settings.host.clone());
                if let Some(pem) = &settings.certificates {
                    if !String::from_utf8_lossy(pem).contains("BEGIN CERTIFICATE") {
                        return Err(SmtpError::NoCertificate);
                    }
                    let certificates = Certificate::from_pem(pem).map_err(SmtpError::Tls)?;
                    parameters = parameters.add_root_certificate(certificates);
                }
                let parameters = parameters.build_rustls().map_err(SmtpError::Tls)?;
                match mode {
                    TlsMode::Starttls => Tls::Required(parameters),
                    _ => Tls::Wrapper(parameters),
                }
            }
        };
        let transport = SmtpTransport::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(settings.timeout))
            .hello_name(match settings.node.parse::<Ipv4Addr>() {
                Ok(address) => ClientId::Ipv4(address),
                Err(_) => ClientId::Domain(settings.node.clone()),
            });
        let transport = match settings.login {
            Some((user, password)) => transport.credentials(Credentials::new(user, password)),
            None => transport,
        };
        Ok(Self {
            transport: transport.build(),
            from,
            node: settings.node,
        })
    }
}

impl Sender for Smtp {
    fn send(&self, to: &str, message: &Message) -> Result<Accepted, Refused> {
        let never = |what: &str| Refused::Permanent(what.to_owned());
        let address = to
            .parse()
            .map_err(|_| never("the address cannot be used"))?;
        let envelope = Envelope::new(Some(self.from.address.clone()), vec![address]);
        let envelope = envelope.map_err(|_| never("the address cannot be used"))?;
        let message_id = format!("<{}@{}>", message.id, self.node);
        let mail = mail(&self.from, to, &message_id, message);
        match self.transport.send_raw(&envelope, mail.as_bytes()) {
            Ok(response) => Ok(Accepted::Proven(Proof::Accepted {
                reply: kept(&reply(&response), to),
                message_id,
            })),
            Err(error) => {
                let code = error.status().map(u16::from);
                let said = kept(&in_words(&error), to);
                let is_own = code.is_some_and(|code| SIGN_IN.contains(&code));
                if (error.is_permanent() && !is_own) || error.is_client() {
                    Err(Refused::Permanent(said))
                } else {
                    Err(Refused::Temporary(said))
                }
            }
        }
    }
}

fn reply(response: &Response) -> String {
    let code = response.code();
    let lines: Vec<&str> = response.message().collect();
    format!("{code} {}", lines.join(" "))
}

fn in_words(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_said = cause.to_string();
        if !said.contains(&cause_said) {
            said.push_str(": ");
            said.push_str(&cause_said);
        }
        next = cause.source();
    }
    said
}

/// An answer as it is kept: one line, not too long, and without the address, which the person may
/// take back.
fn kept(said: &str, address: &str) -> String {
    let line: String = said
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = line.replace(address, "(address)");
    line.chars().take(REPLY).collect()
}
