//! The replay of an auditor: what it finds, what it cannot see, and that its state is
//! the same however it came about.

mod faults;
mod resume;
mod unseen;
mod world;
