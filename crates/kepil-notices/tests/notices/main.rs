//! Notices on a real file, with a real mail server.

#[cfg(test)]
mod choosing;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod sms;
#[cfg(test)]
mod support;
