//! Accounts, sessions, powers: what they allow and what they refuse.

#[cfg(test)]
mod account;
#[cfg(test)]
mod attempts;
#[cfg(test)]
mod mandates;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod support;
