//! What is measured.

pub(crate) mod alone;
pub(crate) mod ingest;
pub(crate) mod log;
pub(crate) mod soak;
pub(crate) mod waiting;

/// The order of that id, as long as asked for, or as short as it can be.
fn order(id: &str, text: usize) -> String {
    let order = format!(r#"{{"store":"bench","orderId":"{id}","note":""}}"#);
    let note = "x".repeat(text.saturating_sub(order.len()));
    order.replace(r#""note":"""#, &format!(r#""note":"{note}""#))
}

/// What names the order of that id.
fn reference(id: &str) -> String {
    format!(r#"{{"clientId":"bench","messageId":"{id}"}}"#)
}

/// The same with the event of a queue.
fn message(event: &str, id: &str) -> String {
    format!(r#"{{"clientId":"bench","messageId":"{id}","event":"{event}"}}"#)
}

/// The middle one.
fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}
