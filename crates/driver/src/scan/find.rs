//! Which order a code means.

use caps_proto::OrderRef;

use super::Scan;
use super::words::Word;

impl Scan {
    /// The order that a code means: that of the label before that of an id, because an order whose id looks like
    /// another's label has a label of its own.
    pub(super) fn find(&self, code: &str) -> Result<OrderRef, Word> {
        // Of an order without its pickup there is nothing that could be asked.
        let known = || self.orders.iter().filter(|(_, known)| known.pickup.is_some());
        let all = |is: &dyn Fn(&OrderRef) -> bool| {
            let mut all: Vec<_> =
                known().map(|(which, _)| which).filter(|which| is(which)).collect();
            all.sort_unstable();
            all
        };
        let labelled = all(&|which| is_label_of(which, code));
        let found = if labelled.is_empty() {
            all(&|which| which.message_id.as_str() == code)
        } else {
            labelled
        };
        match found[..] {
            [which] => Ok(which.clone()),
            [] => {
                let why = format!(
                    "`{code}` is no order that waits or that this driver has; `list` and `mine` show those, \
                     and another driver may have it"
                );
                Err(Word::wrong(code, None, &why))
            }
            [first, second, ..] => {
                let (first, second) = (first.to_string(), second.to_string());
                let why = if first == second {
                    format!("`{code}` is the label of several orders; type the order's own id")
                } else {
                    format!(
                        "several stores have an order `{code}`; scan the code of its label, such as `{first}` or \
                         `{second}`"
                    )
                };
                Err(Word::wrong(code, None, &why))
            }
        }
    }
}

/// Whether `code` is what stands on the order's label, `clientId/orderId`. Either may have a `/` in it.
fn is_label_of(which: &OrderRef, code: &str) -> bool {
    let rest = code.strip_prefix(which.client_id.as_str());
    rest.and_then(|rest| rest.strip_prefix('/')) == Some(which.message_id.as_str())
}
