//! Where randomness comes from: the caller.

use std::fmt;
use std::io;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Fills a buffer with random bytes fit for keys.
type Fill = dyn Fn(&mut [u8]) -> io::Result<()> + Send + Sync;

/// A source of randomness, such as the kernel's.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

impl Random {
    /// Takes a function that fills a buffer, whole or not at all.
    pub fn new(fill: impl Fn(&mut [u8]) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills a buffer with fresh bytes.
    ///
    /// # Errors
    ///
    /// When the source fails.
    pub fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        (self.0)(bytes)
    }

    /// Fresh bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> io::Result<Zeroizing<[u8; N]>> {
        let mut bytes = Zeroizing::new([0; N]);
        (self.0)(bytes.as_mut_slice())?;
        Ok(bytes)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}
