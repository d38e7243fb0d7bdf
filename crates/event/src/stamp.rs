//! Time stamps as logs write them, to UTC microseconds. Stamps without an offset are read in the source's clock zone.
