//! Asks the hub which of the orders that wait are this driver's already.
//!
//! A replay shows a driver what it holds and what nobody holds, and not which is which; the hub's HTTP side tells.

use std::time::Duration;

use caps_client::cli::HubArgs;
use caps_proto::{DriverName, OrderRef};
use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use url::Url;

/// How many orders are asked about at the same time.
const AT_ONCE: usize = 8;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the hub says of an order, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Shown {
    state: String,
    holder: Option<String>,
}

/// Those of `orders` that this driver has on the road. Where the hub does not say, they are found out when they are
/// scanned.
pub(super) async fn on_the_road(
    hub: HubArgs,
    driver: DriverName,
    orders: Vec<OrderRef>,
) -> Vec<OrderRef> {
    let mut found = Vec::new();
    let asked = async {
        let client = reqwest::Client::builder().build()?;
        let ask = |which| ask(&client, &hub, which);
        let mut answers = stream::iter(orders).map(ask).buffered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            let (which, shown) = answer?;
            let is_own = |shown: Shown| {
                shown.state == "in-transit" && shown.holder.as_deref() == Some(driver.as_str())
            };
            if shown.is_some_and(is_own) {
                found.push(which);
            }
        }
        anyhow::Ok(())
    };
    let why = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => return found,
        Ok(Err(why)) => format!("{why:#}"),
        Err(_) => format!("no answer in {PATIENCE:?}"),
    };
    tracing::warn!(
        "the hub does not say which orders are on the road already: {why}; those of them that are yours are found \
         when you scan them"
    );
    found
}

/// None where the hub has forgotten the order meanwhile.
async fn ask(
    client: &reqwest::Client,
    hub: &HubArgs,
    which: OrderRef,
) -> anyhow::Result<(OrderRef, Option<Shown>)> {
    let mut request = client.get(address(&hub.url, &which)?);
    if let Some(token) = hub.token.as_deref().filter(|token| !token.is_empty()) {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok((which, None));
    }
    let shown = serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?;
    Ok((which, Some(shown)))
}

/// Where the hub at `url` tells of an order.
fn address(url: &str, which: &OrderRef) -> anyhow::Result<Url> {
    let url = match url.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => url.to_owned(),
    };
    let mut url = Url::parse(&url)?;
    url.set_query(None);
    let OrderRef { client_id, message_id } = which;
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(["api", "orders", client_id.as_str(), message_id.as_str()]);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps_proto::{ClientId, MessageId};

    #[test]
    fn an_order_has_an_address_whatever_its_id_is() {
        let which = OrderRef {
            client_id: ClientId::new("a/b").unwrap(),
            message_id: MessageId::new("7 ?#").unwrap(),
        };
        for url in ["http://hub:3001", "ws://hub:3001/socket.io/"] {
            let address = address(url, &which).unwrap();
            assert_eq!(address.as_str(), "http://hub:3001/api/orders/a%2Fb/7%20%3F%23");
        }
    }
}
