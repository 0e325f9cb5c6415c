//! The behaviours OP01 to OP40 of the provider, as far as they need no HTTP and no browser: one
//! test or more for each, named by its id. Not here, and left to the server's tests:
//!
//! | row | why |
//! |---|---|
//! | OP29 `/token` with GET answers 405 | methods are the server's |
//! | OP39 consent page reaches the client under the real content policy | needs pages and a browser |
//!
//! Here in part: OP01 without a foreign relying party; OP16 without pages; OP17 (this crate opens
//! no connection at all); OP30 as the headers that the server must send; OP35 for tokens, answers
//! and `Debug`, not for log lines and pages; OP37 against this crate, not over HTTP; OP40 as what
//! two requests of one browser may and may not share, without back button and reload.

#[cfg(test)]
mod assertion;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod client;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod key;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod property;
#[cfg(test)]
mod sector;
#[cfg(test)]
mod signin;
#[cfg(test)]
mod support;
#[cfg(test)]
mod token;
#[cfg(test)]
mod userinfo;
