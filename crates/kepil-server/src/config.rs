//! The configuration file: one TOML file that explains itself.

use kepil_law::Release;
use kepil_notices::TlsMode;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The file as `kepil config print` writes it: every key with its meaning and default.
pub const DOCUMENTED: &str = include_str!("config.toml");

/// Everything a node is told at its start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address callers use; audience of client assertions, issuer of tokens.
    pub public_url: String,
    /// The folder with the ledger, the keys and the registers.
    pub data_dir: PathBuf,
    /// The law.
    pub law: LawConfig,
    /// Bounds.
    pub limits: Limits,
    /// Tokens.
    pub tokens: Tokens,
    /// The ledger.
    pub ledger: LedgerConfig,
    /// The desks of supervisors and officials.
    pub desk: DeskConfig,
    /// Where people find help.
    pub help: HelpConfig,
    /// Notices to people.
    pub notices: NoticesConfig,
    /// Logs.
    pub log: LogConfig,
    /// Assumed acts too: tests and the demo only.
    pub danger_assumed_law: bool,
    /// The AuthZEN conformance tenant: tests only.
    pub danger_conformance_tenant: bool,
}

/// Which law, and how strictly.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LawConfig {
    /// A folder with a pack instead of the one inside the binary.
    pub pack: Option<PathBuf>,
    /// Answer with the strict verdict.
    pub confidence_floor: bool,
}

/// Bounds of requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Longest batch.
    pub batch: usize,
    /// How long an idempotency key is remembered, seconds.
    pub repeat_secs: u64,
    /// How many idempotency keys are remembered at most.
    pub repeats: usize,
    /// Forms that one address may send in a minute.
    pub forms_per_minute: u64,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<std::net::IpAddr>,
}

/// Access tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// Lifetime, seconds.
    pub ttl_secs: u64,
    /// Longest lifetime of a client assertion, seconds.
    pub assertion_secs: u64,
}

/// The ledger: its keys, who vouches for it, how long things may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// Folder of the keys.
    pub keys_dir: Option<PathBuf>,
    /// File with the secret that encrypts the keys.
    pub root_key: Option<PathBuf>,
    /// Policy file.
    pub policy: Option<PathBuf>,
    /// Addresses of witnesses and auditors.
    pub witnesses: Vec<String>,
    /// Time between checkpoints.
    pub checkpoint_ms: u64,
    /// How long a use may stay without an outcome.
    pub intent_secs: u64,
    /// SHA-256 of the tokens of auditors, in hexadecimal.
    pub auditor_tokens: Vec<String>,
    /// Address of a time stamping authority.
    pub timestamp_url: Option<String>,
    /// File with the certificates (PEM) that its stamps must lead to.
    pub timestamp_certificates: Option<PathBuf>,
    /// Time between two stamps at least.
    pub timestamp_secs: u64,
    /// What an answer waits for at least; the law may ask for more.
    pub release: Release,
}

/// Ways of notices out of the node; without any, they stand in the own space alone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticesConfig {
    /// Name of the mail server.
    pub smtp_host: Option<String>,
    /// Its port.
    pub smtp_port: Option<u16>,
    /// Protection of the connection to it.
    pub smtp_tls: TlsMode,
    /// File with more certificates (PEM) that its own may lead to.
    pub smtp_certificates: Option<PathBuf>,
    /// User at it.
    pub smtp_user: Option<String>,
    /// File with the user's password.
    pub smtp_password: Option<PathBuf>,
    /// From whom e-mail comes.
    pub from: Option<String>,
    /// Folder for short messages.
    pub sms_dir: Option<PathBuf>,
}

impl NoticesConfig {
    /// The port of the mail server, or the usual one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.smtp_port.unwrap_or(match self.smtp_tls {
            TlsMode::Tls => 465,
            TlsMode::Starttls => 587,
            TlsMode::Off => 25,
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.smtp_host.is_some() != self.from.is_some() {
            return Err("`notices.smtp_host` and `notices.from` need each other: a mail server, and the address e-mail comes from".into());
        }
        if self.smtp_user.is_some() != self.smtp_password.is_some() {
            return Err("`notices.smtp_user` and `notices.smtp_password` need each other: a user, and the file with the password".into());
        }
        if self.smtp_user.is_some() && self.smtp_host.is_none() {
            return Err("`notices.smtp_user` needs `notices.smtp_host`".into());
        }
        if self.from.as_ref().is_some_and(|from| !from.contains('@')) {
            return Err(
                "`notices.from` must be an address such as Kepil <kepil@example.kz>".into(),
            );
        }
        Ok(())
    }

    fn warnings(&self) -> Option<String> {
        let host = self.smtp_host.as_deref()?;
        let is_here = ["localhost", "127.0.0.1", "::1"].contains(&host);
        (self.smtp_tls == TlsMode::Off && !is_here).then(|| {
            "notices.smtp_tls is off: e-mail and the password go to another machine in the open"
                .to_owned()
        })
    }
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            keys_dir: None,
            root_key: None,
            policy: None,
            witnesses: Vec::new(),
            checkpoint_ms: 500,
            intent_secs: 300,
            auditor_tokens: Vec::new(),
            timestamp_url: None,
            timestamp_certificates: None,
            timestamp_secs: 3600,
            release: Release::Durable,
        }
    }
}

/// Where people find help: said at the foot of every page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HelpConfig {
    /// A telephone number.
    pub phone: String,
    /// The nearest place, in words.
    pub place: String,
}

/// The desks of supervisors and officials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeskConfig {
    /// The registered system under which supervisors look at records.
    pub supervisor_system: Option<String>,
    /// Data categories whose release by a human takes two people.
    pub second_person: Vec<String>,
    /// Different persons in a day from which on one official's reading is flagged.
    pub flag_persons: usize,
    /// Uses at night from which on one official's reading is flagged.
    pub flag_night: usize,
}

impl Default for DeskConfig {
    fn default() -> Self {
        Self {
            supervisor_system: None,
            second_person: Vec::new(),
            flag_persons: 50,
            flag_night: 5,
        }
    }
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// error, warn, info, debug.
    pub level: String,
    /// text or json.
    pub format: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8640)),
            public_url: "http://127.0.0.1:8640".into(),
            data_dir: PathBuf::from("kepil-data"),
            law: LawConfig::default(),
            limits: Limits::default(),
            tokens: Tokens::default(),
            ledger: LedgerConfig::default(),
            desk: DeskConfig::default(),
            help: HelpConfig::default(),
            notices: NoticesConfig::default(),
            log: LogConfig::default(),
            danger_assumed_law: false,
            danger_conformance_tenant: false,
        }
    }
}

impl Default for LawConfig {
    fn default() -> Self {
        Self {
            pack: None,
            confidence_floor: true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1_048_576,
            batch: 1000,
            repeat_secs: 86_400,
            repeats: 100_000,
            forms_per_minute: 120,
            proxies: Vec::new(),
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            ttl_secs: 600,
            assertion_secs: 300,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: "json".into(),
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// With the key and the line that are wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Config = toml::from_str(text).map_err(|e| e.to_string())?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let within = |name: &str, v: u64, low: u64, high: u64| {
            if (low..=high).contains(&v) {
                Ok(())
            } else {
                Err(format!(
                    "`{name}` is {v}; it must lie between {low} and {high}"
                ))
            }
        };
        within(
            "limits.body_bytes",
            self.limits.body_bytes as u64,
            1024,
            64 << 20,
        )?;
        within("limits.batch", self.limits.batch as u64, 1, 5000)?;
        within("limits.repeats", self.limits.repeats as u64, 1, 10_000_000)?;
        within("tokens.ttl_secs", self.tokens.ttl_secs, 30, 3600)?;
        within(
            "tokens.assertion_secs",
            self.tokens.assertion_secs,
            10,
            3600,
        )?;
        within(
            "ledger.checkpoint_ms",
            self.ledger.checkpoint_ms,
            10,
            60_000,
        )?;
        within("ledger.intent_secs", self.ledger.intent_secs, 1, 86_400)?;
        let forms = self.limits.forms_per_minute;
        within("limits.forms_per_minute", forms, 1, 60_000)?;
        let persons = self.desk.flag_persons as u64;
        within("desk.flag_persons", persons, 2, 100_000)?;
        within("desk.flag_night", self.desk.flag_night as u64, 1, 100_000)?;
        within(
            "ledger.timestamp_secs",
            self.ledger.timestamp_secs,
            1,
            2_592_000,
        )?;
        let url = self.ledger.timestamp_url.as_ref();
        if url.is_some_and(|url| !(url.starts_with("http://") || url.starts_with("https://"))) {
            return Err("`ledger.timestamp_url` must begin with http:// or https://".into());
        }
        if url.is_some() != self.ledger.timestamp_certificates.is_some() {
            return Err("`ledger.timestamp_url` and `ledger.timestamp_certificates` need each other: a stamp is kept only if it leads to a certificate you trust".into());
        }
        let is_hash = |t: &String| t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit());
        if !self.ledger.auditor_tokens.iter().all(is_hash) {
            return Err("`ledger.auditor_tokens` holds SHA-256 hashes of tokens, 64 hexadecimal digits each".into());
        }
        if !self.ledger.witnesses.is_empty() && self.ledger.policy.is_none() {
            return Err(
                "`ledger.witnesses` needs `ledger.policy`: the file that says whose word counts"
                    .into(),
            );
        }
        if !(self.public_url.starts_with("http://") || self.public_url.starts_with("https://"))
            || self.public_url.ends_with('/')
        {
            return Err(
                "`public_url` must begin with http:// or https:// and not end with a slash".into(),
            );
        }
        self.notices.check()?;
        if !["error", "warn", "info", "debug"].contains(&self.log.level.as_str()) {
            return Err("`log.level` must be error, warn, info or debug".into());
        }
        if !["text", "json"].contains(&self.log.format.as_str()) {
            return Err("`log.format` must be text or json".into());
        }
        Ok(())
    }

    /// What an operator should think about: switches that weaken protection.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.danger_assumed_law {
            out.push("danger_assumed_law is on: acts that do not exist count as law; never with real data".into());
        }
        if self.danger_conformance_tenant {
            out.push("danger_conformance_tenant is on: /tenants/conformance answers without tokens and without records".into());
        }
        if !self.law.confidence_floor {
            out.push(
                "law.confidence_floor is off: an ok may rest on a text that is not verified".into(),
            );
        }
        if self.public_url.starts_with("http://") && !self.listen.ip().is_loopback() {
            out.push("public_url is not https: put a TLS proxy in front".into());
        }
        out.extend(self.notices.warnings());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_the_default() {
        let documented = Config::parse(DOCUMENTED).unwrap();
        assert_eq!(
            format!("{documented:?}"),
            format!("{:?}", Config::default())
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, said) in [
            ("lisen = \"x\"", "lisen"),
            ("listen = \"nowhere\"", "listen"),
            ("[limits]\nbatch = 0", "limits.batch"),
            ("public_url = \"ftp://x\"", "public_url"),
            ("[log]\nlevel = \"loud\"", "log.level"),
            ("[ledger]\ntimestamp_secs = 0", "ledger.timestamp_secs"),
            ("[ledger]\ntimestamp_url = \"tsa.example\"", "http://"),
            (
                "[ledger]\ntimestamp_url = \"http://tsa.example\"",
                "ledger.timestamp_certificates",
            ),
            ("[notices]\nsmtp_host = \"mail.example\"", "notices.from"),
            ("[notices]\nsmtp_user = \"kepil\"", "notices.smtp_password"),
            (
                "[notices]\nsmtp_host = \"mail.example\"\nfrom = \"Kepil\"",
                "kepil@example.kz",
            ),
            ("[notices]\nsmtp_tls = \"maybe\"", "smtp_tls"),
        ] {
            assert!(Config::parse(text).unwrap_err().contains(said), "{text}");
        }
    }

    #[test]
    fn mail_in_the_open_is_warned_of_and_ports_are_the_usual_ones() {
        let with = |tls: &str, host: &str| {
            let text = format!(
                "[notices]\nsmtp_tls = \"{tls}\"\nsmtp_host = \"{host}\"\nfrom = \"kepil@example.kz\""
            );
            let config = Config::parse(&text).unwrap();
            (config.notices.port(), config.warnings().len())
        };
        assert_eq!(with("tls", "mail.example"), (465, 0));
        assert_eq!(with("starttls", "mail.example"), (587, 0));
        assert_eq!(with("off", "localhost"), (25, 0));
        assert_eq!(with("off", "mail.example"), (25, 1));
    }
}
