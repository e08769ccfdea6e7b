//! `GET /api/orders/{clientId}/{messageId}/label.svg`: a label to print, four inches by six, that a scanner can read.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use caps_proto::{Code, Order, OrderRef, Refusal};
use qrcode::bits::Bits;
use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode, Version};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Sources;
use super::caller::Caller;
use super::orders::{OrderPath, Shown, Which, which};
use super::problem::Problem;
use super::refusals::FindProblems;
use crate::order_text::for_each_text;

mod text;

use text::{escape, fit};

/// In hundredths of an inch, as are all measures here.
const WIDTH: f32 = 400.0;
const HEIGHT: f32 = 600.0;
const MARGIN: f32 = 24.0;

/// The side of the QR code, with the margin that scanners want around it.
const CODE: f32 = 220.0;

/// That margin, in modules.
const QUIET: usize = 4;

/// What is shown must be shown as text: nothing in a label runs, and nothing is loaded.
const POLICY: &str = "default-src 'none'; sandbox";

/// An order's label
///
/// To print, four inches by six: store, order id, the order's `customer` and `address`, and a QR code that says
/// `clientId/orderId`.
#[utoipa::path(
    get, path = "/orders/{clientId}/{messageId}/label.svg", operation_id = "drawLabel", tag = "Orders",
    params(OrderPath),
    responses(
        (status = 200, description = "The label", body = String, content_type = "image/svg+xml"),
        FindProblems
    )
)]
pub(super) async fn label(
    State(sources): State<Sources>,
    caller: Caller,
    path: Which,
) -> Result<impl IntoResponse, Problem> {
    let which = which(path)?;
    caller.may_see(&which.client_id)?;
    let Shown { order, .. } = Shown::of(&sources, which.clone()).await?;
    let label = draw(&which, order.as_ref()).map_err(|why| {
        Refusal::new(Code::Internal, format!("The label cannot be drawn: {why}."))
    })?;
    let headers =
        [(header::CONTENT_TYPE, "image/svg+xml"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, label))
}

/// What a label takes from an order, whatever else that has.
#[derive(Default, Deserialize)]
struct Addressee<'a> {
    #[serde(borrow)]
    customer: Option<&'a RawValue>,
    #[serde(borrow)]
    address: Option<&'a RawValue>,
}

fn draw(which: &OrderRef, order: Option<&Order>) -> Result<String, QrError> {
    let OrderRef { client_id, message_id } = which;
    // An order with two customers has none.
    let addressee: Addressee<'_> =
        order.and_then(|order| serde_json::from_str(order.text()).ok()).unwrap_or_default();
    let name = which.to_string();
    let mut label = Label::new(&name);
    label.block(client_id.as_str(), Block { top: 20.0, height: 60.0, size: 30.0, weight: 700 });
    label.rule(92.0);
    label.block("Deliver to", Block { top: 104.0, height: 16.0, size: 12.0, weight: 400 });
    label.block(
        &words(addressee.customer, " "),
        Block { top: 124.0, height: 66.0, size: 28.0, weight: 700 },
    );
    label.block(
        &words(addressee.address, ", "),
        Block { top: 196.0, height: 90.0, size: 22.0, weight: 400 },
    );
    label.rule(298.0);
    label.block("Order", Block { top: 308.0, height: 16.0, size: 12.0, weight: 400 });
    label.block(message_id.as_str(), Block { top: 326.0, height: 48.0, size: 20.0, weight: 700 });
    label.code(&encode(&name)?);
    Ok(label.finish())
}

/// All that stands in a field, as a person reads it.
fn words(field: Option<&RawValue>, between: &str) -> String {
    let mut words = Vec::new();
    for_each_text(field.map_or("null", RawValue::get), |text| words.push(text.to_owned()));
    words.join(between)
}

/// Where a text stands, and how large it is if there is room for that.
struct Block {
    top: f32,
    height: f32,
    size: f32,
    weight: u16,
}

struct Label {
    svg: String,
}

impl Label {
    fn new(name: &str) -> Self {
        let name = escape(name);
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4in\" height=\"6in\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\">\n\
             <title>Label of {name}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
        );
        Self { svg }
    }

    fn block(&mut self, text: &str, block: Block) {
        let Block { top, height, size, weight } = block;
        let (size, lines) = fit(text, WIDTH - 2.0 * MARGIN, height, size);
        for (number, line) in lines.iter().enumerate() {
            let y = top + size + number as f32 * text::leading(size);
            let line = escape(line);
            // Writing to memory cannot fail.
            let _ = writeln!(
                self.svg,
                "<text x=\"{MARGIN}\" y=\"{y:.1}\" font-size=\"{size:.1}\" font-weight=\"{weight}\">{line}</text>"
            );
        }
    }

    fn rule(&mut self, y: f32) {
        let end = WIDTH - MARGIN;
        let _ = writeln!(
            self.svg,
            "<path d=\"M{MARGIN} {y}H{end}\" stroke=\"#000\" stroke-width=\"1.5\"/>"
        );
    }

    fn code(&mut self, code: &QrCode) {
        let width = code.width();
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
                let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
        let scale = CODE / (width + 2 * QUIET) as f32;
        let (x, y) = ((WIDTH - CODE) / 2.0, HEIGHT - CODE);
        let _ = writeln!(
            self.svg,
            "<path transform=\"translate({x} {y}) scale({scale})\" shape-rendering=\"crispEdges\" d=\"{path}\"/>"
        );
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

/// As bytes, and marked as UTF-8 where that matters: left to themselves, bytes of UTF-8 may be taken for Japanese.
fn encode(text: &str) -> Result<QrCode, QrError> {
    const UTF_8: u32 = 26;
    const LEVEL: EcLevel = EcLevel::M;
    if text.is_ascii() {
        return QrCode::with_error_correction_level(text, LEVEL);
    }
    let mut encoded = Err(QrError::DataTooLong);
    for version in 1..=40 {
        let mut bits = Bits::new(Version::Normal(version));
        bits.push_eci_designator(UTF_8)?;
        encoded = bits.push_byte_data(text.as_bytes()).and_then(|()| bits.push_terminator(LEVEL));
        if encoded.is_ok() {
            return QrCode::with_bits(bits, LEVEL);
        }
    }
    Err(encoded.err().unwrap_or(QrError::DataTooLong))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn which(client_id: &str, message_id: &str) -> OrderRef {
        OrderRef { client_id: client_id.parse().unwrap(), message_id: message_id.parse().unwrap() }
    }

    fn label(message_id: &str, order: &str) -> String {
        draw(&which("acme", message_id), Some(&serde_json::from_str(order).unwrap())).unwrap()
    }

    /// What a scanner reads.
    fn scan(code: &QrCode) -> String {
        const PIXELS: usize = 4;
        let side = (code.width() + 2 * QUIET) * PIXELS;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
            let (x, y) = (x / PIXELS, y / PIXELS);
            let inside = QUIET..code.width() + QUIET;
            let is_dark = inside.contains(&x)
                && inside.contains(&y)
                && code[(x - QUIET, y - QUIET)] == Color::Dark;
            if is_dark { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        let mut read = Vec::new();
        grids[0].decode_to(&mut read).unwrap();
        String::from_utf8(read).unwrap()
    }

    #[test]
    fn a_scanner_reads_whose_order_it_is() {
        let long = "x".repeat(256);
        for (client, message) in
            [("acme", "7"), ("a b/c", "1/2"), ("żółw & söhne", "日本語の注文"), (&long, &long)]
        {
            let name = which(client, message).to_string();
            assert_eq!(scan(&encode(&name).unwrap()), name);
        }
        let longest = "語".repeat(171);
        assert_eq!(scan(&encode(&longest).unwrap()), longest, "two ids of the longest kind");
    }

    #[test]
    fn what_stands_in_an_order_is_shown_as_text_whatever_it_is() {
        let order =
            r#"{"customer":"<img src=x onerror=alert(1)>","address":"a\u0000b & \"c\" ]]>"}"#;
        let label = label("<script>alert(1)</script>", order);
        assert!(!label.contains("<img") && !label.contains("<script"), "{label}");
        assert!(label.contains("&lt;script&gt;alert(1)&lt;/script&gt;</text>"), "{label}");
        assert!(label.contains(">a b &amp; &quot;c&quot; ]]&gt;</text>"), "{label}");
        assert!(!label.contains(|c: char| c.is_control() && c != '\n'), "{label}");
    }

    #[test]
    fn an_address_of_any_shape_is_written_out() {
        for (order, shown) in [
            (r#"{"address":{"street":"Elm 1","zip":12345,"city":"Łódź"}}"#, "Elm 1, 12345, Łódź"),
            (r#"{"address":["Elm 1","Springfield"]}"#, "Elm 1, Springfield"),
            (r#"{"customer":{"first":"Ann","last":"Lee"}}"#, "Ann Lee"),
        ] {
            assert!(label("7", order).contains(&format!(">{shown}</text>")), "{order}");
        }
        assert!(label("7", r#"{"address":null}"#).contains(">acme</text>"));
        assert!(draw(&which("acme", "7"), None).is_ok(), "nothing but the ids is known");
    }
}
