//! Time stamps, against a real authority.

#[cfg(test)]
mod openssl;
#[cfg(test)]
mod peer;
