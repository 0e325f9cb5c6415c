//! `kepil demo`: spring 2020 and today, on invented people, over real HTTP.

mod caller;
mod offices;
mod own;
mod play;
mod stage;

use crate::client::Client;
use crate::exit::{Failure, environment};
use kepil_identity::holder::{Holder, Role};
use kepil_ledger::note::VerifyingKey;
use kepil_notices::{About, Kind, New};
use kepil_server::Config;
use kepil_server::config::{DeskConfig, LawConfig, LogConfig, NoticesConfig};
use kepil_server::notices::Notices;
use kepil_server::people::invented::invent;
use kepil_server::serve::{listen, open, serve, system_clock};
use kepil_terms::Lang;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How to play.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after the checks instead of serving the pages.
    #[arg(long)]
    exit: bool,
    /// The folder to play in; it is emptied first if an earlier demo made it.
    #[arg(long, default_value = "kepil-demo")]
    dir: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8640")]
    listen: SocketAddr,
    /// Language of the story: kk, ru or en.
    #[arg(long, default_value = "en", value_parser = crate::decide::lang)]
    lang: Lang,
}

const MARK: &str = ".kepil-demo";

fn empty(dir: &Path) -> Result<(), Failure> {
    let say = |e: std::io::Error| environment(format!("preparing {}: {e}", dir.display()));
    if dir.join(MARK).exists() {
        std::fs::remove_dir_all(dir).map_err(say)?;
    }
    std::fs::create_dir_all(dir).map_err(say)?;
    if std::fs::read_dir(dir).map_err(say)?.next().is_some() {
        return Err(environment(format!(
            "{} is not empty and no demo made it; choose another folder with --dir",
            dir.display()
        )));
    }
    std::fs::write(
        dir.join(MARK),
        "made by kepil demo; a new demo empties this folder\n",
    )
    .map_err(say)
}

pub fn run(args: &Args, json: bool) -> Result<(), Failure> {
    empty(&args.dir)?;
    crate::serve::logs(&LogConfig {
        level: "warn".into(),
        format: "text".into(),
    });
    let stage = stage::build(&args.dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(environment)?;
    runtime.block_on(async {
        let mut config = Config {
            listen: args.listen,
            public_url: format!("http://{}", args.listen),
            data_dir: args.dir.clone(),
            law: LawConfig { pack: None, confidence_floor: false },
            danger_assumed_law: true,
            desk: DeskConfig {
                supervisor_system: Some(offices::AUTHORITY.to_owned()),
                second_person: vec!["mobile_location".to_owned()],
                ..DeskConfig::default()
            },
            // A folder instead of a modem: whoever plays reads the codes there.
            notices: NoticesConfig { sms_dir: Some(args.dir.join("sms")), ..NoticesConfig::default() },
            ..Config::default()
        };
        let listener = match listen(&config).await {
            Ok(l) => l,
            // The usual port is taken: any free one does for a demonstration.
            Err(_) if args.listen.port() == 8640 => {
                config.listen.set_port(0);
                listen(&config).await.map_err(environment)?
            }
            Err(e) => return Err(environment(e)),
        };
        let address = listener.local_addr().map_err(environment)?;
        config.public_url = format!("http://{address}");
        let url = config.public_url.clone();
        // The story's time: the player turns it, the gate reads it.
        let begins = stage.scenes.first().map_or(0, |scene| scene.at_ms);
        let story = Arc::new(AtomicU64::new(begins));
        let hands = Arc::clone(&story);
        let app = open(config, Arc::new(move || match hands.load(Ordering::SeqCst) {
            // The story is over: time goes on as it does.
            0 => system_clock()(),
            told => told,
        }), system_clock()).map_err(environment)?;
        let people = stage.persons().into_iter().map(|reference| Holder { role: Role::Citizen, reference });
        let holders: Vec<Holder> = people.chain(offices::holders()).collect();
        let with = Arc::clone(&app);
        tokio::task::spawn_blocking(move || invent(&with.people, &holders, system_clock()()))
            .await
            .map_err(environment)?
            .map_err(environment)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let node = tokio::spawn(serve(Arc::clone(&app), listener, async {
            let _ = stopped.await;
        }));

        let persons = stage.persons();
        let lang = args.lang;
        let base = url.clone();
        let (turned, with) = (Arc::clone(&story), Arc::clone(&app));
        // A node enrols everybody when a month begins; the story leaps into months.
        let turn = move |at_ms: u64| {
            turned.store(at_ms, Ordering::SeqCst);
            if let Err(error) = with.enrol() {
                tracing::warn!(%error, "enrolling the invented people");
            }
        };
        let played = tokio::task::spawn_blocking(move || play::play(&stage, &base, &turn, lang, json)).await.map_err(environment)??;
        story.store(0, Ordering::SeqCst);
        let (with, told) = (Arc::clone(&app), persons.clone());
        tokio::task::spawn_blocking(move || tell(&with.people.notices, &told)).await.map_err(environment)??;
        let chronicle = Arc::clone(&app.ledger.chronicle);
        let head = tokio::task::spawn_blocking(move || chronicle.publish()).await.map_err(environment)?;
        if let Err(e) = head {
            return Err(environment(format!("publishing the log: {e}")));
        }
        let base = url.clone();
        let checked = tokio::task::spawn_blocking(move || check(&base, json)).await.map_err(environment)?;
        let asker = own::choose(&app.ledger.chronicle, &persons, &args.dir)?;
        if let Some(asker) = &asker {
            let (own, base) = (own::Asker { person: asker.person.clone(), period: asker.period, secret: asker.secret.clone() }, url.clone());
            let now = system_clock()() / 1000;
            let count = tokio::task::spawn_blocking(move || own::ask(&own, &base, now)).await.map_err(environment)??;
            if !json {
                crate::out!("{} asked who used the own data in {}: {count} entries, and the proof that none is missing holds.", asker.person, asker.period);
            }
        }
        if !json {
            crate::out!("\nLook at   {url}/{}        decisions with reasons, the statute book, the ledger's head", lang.code());
            // Passkeys are bound to a name, so people come in by name.
            let named = url.replace("127.0.0.1", "localhost");
            crate::out!("Come in   {named}/{}/sign-in        as an invented citizen, official or supervisor", lang.code());
            crate::out!("Check it  kepil ledger verify {url}");
            crate::out!("          kepil ledger receipt {}/receipt.json --log {url}", args.dir.display());
            if let Some(asker) = &asker {
                crate::out!("          kepil person list {url} --person {} --period {} --secret {}", asker.person, asker.period.number(), asker.secret.display());
            }
        }
        if !args.exit && played && checked.is_ok() {
            if !json {
                crate::out!("Serving until Ctrl-C.");
            }
            crate::serve::stopped().await;
        }
        let _ = stop.send(());
        node.await.map_err(environment)?.map_err(environment)?;
        checked?;
        if played { Ok(()) } else { Err(Failure::Finding) }
    })
}

/// Tells the invented people that their data were used.
fn tell(notices: &Notices, persons: &[String]) -> Result<(), Failure> {
    let about = About::new(Kind::UseRecorded, "/my/uses").map_err(environment)?;
    for person in persons {
        let new = New {
            key: &format!("demo/{person}"),
            person,
            about: about.clone(),
        };
        notices.queue(&new, system_clock()()).map_err(environment)?;
    }
    Ok(())
}

/// Verifies the log over HTTP, as a stranger would.
fn check(base: &str, json: bool) -> Result<(), Failure> {
    let client = Client::new(base);
    let key = VerifyingKey::parse(client.text("/log/key")?.trim()).map_err(environment)?;
    let report = kepil_ledger::verify::rebuild(&client, &key, None);
    if !report.is_sound() {
        for f in &report.findings {
            crate::out!("finding: {f}");
        }
        return Err(Failure::Finding);
    }
    if !json {
        crate::out!(
            "\nThe log was read back over HTTP and rebuilt: {} entries, every hash holds under the signed root.",
            report.entries_checked
        );
    }
    Ok(())
}
