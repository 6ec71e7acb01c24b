//! Where mined pairs are written.

use std::io::{self, Write};

use twinspire::MinedPair;

/// A writer of mined pairs.
pub trait Sink {
    /// Writes a pair.
    fn write(&mut self, mined: MinedPair) -> io::Result<()>;
    /// Writes what is still buffered.
    fn finish(&mut self) -> io::Result<()>;
}

/// One JSON object per line.
pub struct JsonLines<W>(pub W);

impl<W: Write> Sink for JsonLines<W> {
    fn write(&mut self, mut mined: MinedPair) -> io::Result<()> {
        // The known items are input, and there may be many.
        mined.pair = mined.pair.without_known();
        serde_json::to_writer(&mut self.0, &mined)?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
