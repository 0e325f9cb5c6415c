//! Notices to people: the outbox of the node, its ways out, and who works at them.

use crate::app::App;
use crate::config::{Config, NoticesConfig};
use crate::metrics::DeliveryLabel;
use crate::people::opened;
use crate::serve::ServeError;
use kepil_ledger::error::in_one_line;
use kepil_notices::{
    Accepted, Channel, Message, New, NoticeId, Outbox, QueueError, Receipt, Refused, STATES,
    Sender, Smtp, SmtpSettings, Spool, send_due,
};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the mail server may take for each step.
const SMTP_TIMEOUT: Duration = Duration::from_secs(20);

/// How often somebody looks for what is due.
const LOOK: Duration = Duration::from_secs(1);

/// How long to wait when nothing can be written down.
const TROUBLE: Duration = Duration::from_secs(60);

/// Idle looks between two sweeps of addresses that nobody confirmed.
const SWEEP: u32 = 60;

/// How much is sent between two looks at the receipts.
const AT_A_TIME: usize = 50;

/// How long a stop waits for an attempt under way; what it comes to is found out again later.
const STOP: Duration = Duration::from_secs(5);

/// Why a notice was not queued.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// No random bytes.
    #[error("queueing a notice: no random bytes are to be had")]
    Random,
    /// The outbox did not take it.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Tells the workers that something is to be done, or that it is over.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<Rung>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct Rung {
    times: u64,
    is_over: bool,
}

impl Bell {
    fn ring(&self, is_over: bool) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.times = rung.times.wrapping_add(1);
        rung.is_over |= is_over;
        drop(rung);
        self.turned.notify_all();
    }

    fn is_over(&self) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.is_over
    }

    /// Waits until it rings again or the time is up; gives how often it has rung.
    fn wait(&self, heard: u64, at_most: Duration) -> u64 {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (rung, _) = self
            .turned
            .wait_timeout_while(rung, at_most, |rung| rung.times == heard && !rung.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        rung.times
    }
}

/// The outbox, and the ways out of the node.
#[derive(Debug)]
pub struct Notices {
    /// What is kept.
    pub outbox: Outbox,
    ways: Vec<(Channel, Arc<dyn Sender>)>,
    bell: Arc<Bell>,
}

impl Notices {
    /// Opens the outbox and makes the ways out ready.
    ///
    /// # Errors
    /// When the file cannot be opened or the configuration cannot work.
    pub fn open(config: &Config) -> Result<Self, ServeError> {
        let outbox = opened(config, "notices.db", Outbox::open)?;
        let mut ways: Vec<(Channel, Arc<dyn Sender>)> = Vec::new();
        if let Some(smtp) = mail(&config.notices, &config.public_url)? {
            ways.push((Channel::Email, Arc::new(Said(smtp))));
        }
        if let Some(folder) = &config.notices.sms_dir {
            let spool = Spool::open(folder);
            let spool = spool.map_err(|e| ServeError::Environment(in_one_line(&e)))?;
            ways.push((Channel::Sms, Arc::new(Said(spool))));
        }
        Ok(Self {
            outbox,
            ways,
            bell: Arc::default(),
        })
    }

    /// Queues a notice: it stands in the own space at once, and goes out by the ways the person has
    /// chosen. The same key is the same notice. Gives its id, and whether it is new.
    ///
    /// # Errors
    /// When it cannot be kept, or the key belongs to another notice.
    pub fn queue(&self, new: &New<'_>, now_ms: u64) -> Result<(NoticeId, bool), NoticeError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| NoticeError::Random)?;
        let queued = self.outbox.queue(NoticeId::new(id), new, now_ms)?;
        self.bell.ring(false);
        Ok(queued)
    }

    /// The way out by a channel, if this node has one.
    #[must_use]
    pub fn way(&self, channel: Channel) -> Option<Arc<dyn Sender>> {
        let found = self.ways.iter().find(|(of, _)| *of == channel);
        found.map(|(_, sender)| Arc::clone(sender))
    }
}

fn mail(config: &NoticesConfig, public_url: &str) -> Result<Option<Smtp>, ServeError> {
    let (Some(host), Some(from)) = (&config.smtp_host, &config.from) else {
        return Ok(None);
    };
    let read = |path: &std::path::Path| {
        std::fs::read(path)
            .map_err(|e| ServeError::Environment(format!("reading {}: {e}", path.display())))
    };
    let password = config.smtp_password.as_deref().map(read).transpose()?;
    let password = password.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned());
    let settings = SmtpSettings {
        host: host.clone(),
        port: config.port(),
        tls: config.smtp_tls,
        certificates: config.smtp_certificates.as_deref().map(read).transpose()?,
        login: config.smtp_user.clone().zip(password),
        from: from.clone(),
        node: name_of(public_url),
        timeout: SMTP_TIMEOUT,
    };
    let smtp = Smtp::new(settings).map_err(|e| ServeError::Environment(in_one_line(&e)))?;
    Ok(Some(smtp))
}

/// The name in the address of the node.
fn name_of(public_url: &str) -> String {
    let rest = public_url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.to_owned()
}

/// A sender whose troubles stand in the node's log, without anything about a person.
#[derive(Debug)]
struct Said<S>(S);

impl<S: Sender> Sender for Said<S> {
    fn send(&self, to: &str, message: &Message) -> Result<Accepted, Refused> {
        let sent = self.0.send(to, message);
        if let Err(refused) = &sent {
            let (Refused::Temporary(said) | Refused::Permanent(said)) = refused;
            let is_final = matches!(refused, Refused::Permanent(_));
            tracing::warn!(is_final, said = bare(said), "a message was not taken");
        }
        sent
    }

    fn receipts(&self) -> Vec<Receipt> {
        self.0.receipts()
    }

    fn settle(&self, id: NoticeId) {
        self.0.settle(id);
    }
}

/// What may stand in a log: of a server's answer the code alone, as the rest may name a person.
fn bare(said: &str) -> &str {
    let is_answer = ["permanent error", "transient error"]
        .iter()
        .any(|begin| said.starts_with(begin));
    match said.split_once(':') {
        Some((code, _)) if is_answer => code,
        _ => said,
    }
}

/// Threads that send, one for each way out, so that a slow one holds up no other.
#[derive(Debug)]
pub struct Workers {
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Begins to work.
    #[must_use]
    pub fn start(app: &Arc<App>) -> Self {
        let bell = Arc::clone(&app.people.notices.bell);
        let mut threads = Vec::new();
        for (channel, sender) in &app.people.notices.ways {
            let (app, channel, sender) = (Arc::clone(app), *channel, Arc::clone(sender));
            let thread = std::thread::Builder::new().name(format!("kepil-{}", channel.as_str()));
            match thread.spawn(move || work(&app, channel, &*sender)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    tracing::error!(%error, channel = channel.as_str(), "nobody sends notices by this channel");
                }
            }
        }
        Self { bell, threads }
    }

    /// Stops; an attempt under way gets a moment to be written down.
    pub async fn stop(self) {
        self.bell.ring(true);
        let until = tokio::time::Instant::now() + STOP;
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            if tokio::time::Instant::now() >= until {
                tracing::warn!("stopped while a message was being sent; it is sent again");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn work(app: &App, channel: Channel, sender: &dyn Sender) {
    let notices = &app.people.notices;
    let (mut heard, mut idle) = (0, 0_u32);
    while !notices.bell.is_over() {
        let sent = send_due(
            &notices.outbox,
            (channel, sender),
            &app.config.public_url,
            AT_A_TIME,
            &|| (app.wall)(),
            &|| notices.bell.is_over(),
        );
        let sent = sent.and_then(|touched| {
            idle = if touched == 0 {
                idle.wrapping_add(1)
            } else {
                0
            };
            if touched == 0 && idle.is_multiple_of(SWEEP) {
                notices.outbox.sweep((app.wall)())?;
            }
            Ok(touched)
        });
        match sent {
            Ok(0) => heard = notices.bell.wait(heard, LOOK),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = %in_one_line(&error), "notices cannot be written down; nothing is sent");
                wait_in_trouble(&notices.bell);
            }
        }
    }
}

/// Waits a while, whatever rings, unless it is over.
fn wait_in_trouble(bell: &Bell) {
    let rung = bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = bell
        .turned
        .wait_timeout_while(rung, TROUBLE, |rung| !rung.is_over);
}

/// Takes the counts of notices into the metrics.
pub async fn measure(app: &Arc<App>) {
    let with = Arc::clone(app);
    let counted = tokio::task::spawn_blocking(move || with.people.notices.outbox.counts()).await;
    let counts = match counted {
        Ok(Ok(counts)) => counts,
        Ok(Err(error)) => {
            tracing::error!(error = %in_one_line(&error), "notices cannot be counted");
            return;
        }
        Err(error) => {
            tracing::error!(%error, "counting notices was cut off");
            return;
        }
    };
    for channel in Channel::ALL {
        for state in STATES {
            let found = counts.deliveries.iter();
            let mut found = found.filter(|(of, word, _)| *of == channel && word == state);
            let label = DeliveryLabel {
                channel: channel.as_str(),
                state,
            };
            let gauge = app.metrics.deliveries.get_or_create(&label);
            gauge.set(found.next().map_or(0, |(_, _, count)| *count));
        }
    }
    let oldest = counts.oldest_undelivered_ms;
    let age = oldest.map_or(0, |ms| (app.wall)().saturating_sub(ms) / 1000);
    app.metrics.oldest_undelivered.set(age);
}

#[cfg(test)]
mod tests {
    use super::{bare, name_of};

    #[test]
    fn the_name_of_the_node_is_that_of_its_address() {
        for (url, name) in [
            ("https://gate.example.kz", "gate.example.kz"),
            ("http://127.0.0.1:8640", "127.0.0.1"),
            ("http://[::1]:8640", "[::1]"),
            ("https://gate.example.kz/kepil", "gate.example.kz"),
        ] {
            assert_eq!(name_of(url), name);
        }
    }

    #[test]
    fn an_answer_in_the_log_names_nobody() {
        assert_eq!(
            bare("permanent error (550): Aigul has moved"),
            "permanent error (550)"
        );
        assert_eq!(
            bare("Connection error: refused"),
            "Connection error: refused"
        );
    }
}
