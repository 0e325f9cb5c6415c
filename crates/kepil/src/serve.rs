//! `kepil serve`.

use crate::exit::{Failure, environment};
use kepil_server::Config;
use kepil_server::config::LogConfig;
use kepil_server::serve::{listen, open, reload, serve, system_clock};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

pub fn run(file: Option<&Path>) -> Result<(), Failure> {
    let config = match file {
        Some(f) => crate::config::read(f)?,
        None => Config::default(),
    };
    logs(&config.log);
    for w in config.warnings() {
        tracing::warn!("{w}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(environment)?;
    runtime.block_on(async {
        let listener = listen(&config).await.map_err(environment)?;
        let app = open(config, system_clock(), system_clock()).map_err(environment)?;
        eprintln!(
            "Kepil listens on {}. Stop with Ctrl-C; SIGHUP loads law and registers anew.",
            app.config.public_url
        );
        let mut hup = signal(SignalKind::hangup()).map_err(environment)?;
        let of_reload = std::sync::Arc::clone(&app);
        tokio::spawn(async move {
            while hup.recv().await.is_some() {
                reload(&of_reload);
            }
        });
        serve(app, listener, stopped()).await.map_err(environment)
    })
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn stopped() {
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

/// Starts logging as configured.
pub fn logs(config: &LogConfig) {
    let filter = tracing_subscriber::EnvFilter::new(format!(
        "warn,kepil={0},kepil_server={0},kepil_store={0}",
        config.level
    ));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = if config.format == "json" {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
