//! One round of a channel: receipts are written down, what is due is sent.

use crate::delivery::{Channel, Outcome, Turn};
use crate::error::StoreError;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::sender::Sender;

/// Takes the receipts of a sender, then sends what is due, so much at most.
///
/// Gives how many deliveries were touched. `node` is the address of the node, `now_ms` tells the
/// time, and `is_over` ends the round early.
///
/// # Errors
/// When something cannot be written down: nothing more is sent then.
pub fn send_due(
    outbox: &Outbox,
    (channel, sender): (Channel, &dyn Sender),
    node: &str,
    limit: usize,
    now_ms: &dyn Fn() -> u64,
    is_over: &dyn Fn() -> bool,
) -> Result<usize, StoreError> {
    let mut touched = 0;
    for receipt in sender.receipts() {
        outbox.end(receipt.id, channel, &receipt.outcome, now_ms())?;
        sender.settle(receipt.id);
        touched += 1;
    }
    for due in outbox.due(channel, now_ms(), limit)? {
        if is_over() {
            break;
        }
        touched += 1;
        if outbox.begin(due.id, channel, now_ms())? == Turn::Nothing {
            continue;
        }
        let outcome = match &due.to {
            None => Outcome::Permanent("the address was taken back".into()),
            Some((to, lang)) => {
                let message = Message::notice(due.id, *lang, node, now_ms());
                sender.send(to, &message).into()
            }
        };
        outbox.end(due.id, channel, &outcome, now_ms())?;
    }
    Ok(touched)
}
