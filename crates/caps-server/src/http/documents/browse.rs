//! The API's document as a page that loads nothing and runs nothing.

use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; }
code, .method { font-family: ui-monospace, monospace; font-size: .95em; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
.method { display: inline-block; min-width: 3.2rem; font-weight: 700; text-transform: uppercase; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-top: 1px solid var(--line); }
";

/// Writes the page of an OpenAPI document.
pub(super) fn page(document: &Value) -> String {
    let mut page = Page { html: String::new() };
    let (title, version) = (text(&document["info"]["title"]), text(&document["info"]["version"]));
    let description = text(&document["info"]["description"]);
    page.write(format_args!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}: the HTTP API</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title} {version}: the HTTP API</h1>\n<p>{description}</p>\n\
         <p>For programs: <a href=\"/api/openapi.json\">OpenAPI</a>, and of the Socket.IO events \
         <a href=\"/api/asyncapi.json\">AsyncAPI</a>.</p>\n"
    ));
    for tag in document["tags"].as_array().into_iter().flatten() {
        let (name, about) = (text(&tag["name"]), text(&tag["description"]));
        page.write(format_args!("<h2>{name}</h2>\n<p>{about}</p>\n"));
        for (path, item) in fields(&document["paths"]) {
            let of_tag = fields(item).filter(|(_, operation)| operation["tags"][0] == tag["name"]);
            of_tag.for_each(|(method, operation)| page.operation(method, path, operation));
        }
    }
    page.write(format_args!("<h2>Schemas</h2>\n"));
    for (name, schema) in fields(&document["components"]["schemas"]) {
        page.schema(name, schema);
    }
    page.html.push_str("</body></html>\n");
    page.html
}

struct Page {
    html: String,
}

impl Page {
    fn write(&mut self, html: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        let _ = self.html.write_fmt(html);
    }

    fn operation(&mut self, method: &str, path: &str, operation: &Value) {
        let (summary, description) = (text(&operation["summary"]), text(&operation["description"]));
        let (method, path) = (escape(method), escape(path));
        self.write(format_args!(
            "<details><summary><span class=\"method\">{method}</span> <code>{path}</code> {summary}</summary>\n\
             <p>{description}</p>\n"
        ));
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        self.table(
            "Parameter",
            parameters.iter().map(|parameter| {
                let place = text(&parameter["in"]);
                let name = format!("<code>{}</code> in {place}", text(&parameter["name"]));
                (name, shape(&parameter["schema"]), text(&parameter["description"]))
            }),
        );
        let body = fields(&operation["requestBody"]["content"]);
        self.table(
            "Body",
            body.map(|(kind, content)| {
                (format!("<code>{}</code>", escape(kind)), shape(&content["schema"]), String::new())
            }),
        );
        self.table(
            "Answer",
            fields(&operation["responses"]).map(|(status, response)| {
                let shapes =
                    fields(&response["content"]).map(|(_, content)| shape(&content["schema"]));
                let shapes = shapes.collect::<Vec<_>>().join(", ");
                (format!("<code>{}</code>", escape(status)), shapes, text(&response["description"]))
            }),
        );
        self.html.push_str("</details>\n");
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        let name = escape(name);
        let (own, description) = (shape(schema), text(&schema["description"]));
        self.write(format_args!(
            "<details id=\"{name}\"><summary><code>{name}</code> {description}</summary>\n<p>{own}</p>\n"
        ));
        self.table(
            "Field",
            fields(&schema["properties"]).map(|(name, field)| {
                (
                    format!("<code>{}</code>", escape(name)),
                    shape(field),
                    text(&field["description"]),
                )
            }),
        );
        self.html.push_str("</details>\n");
    }

    /// A table of what is HTML already.
    fn table(&mut self, heading: &str, rows: impl Iterator<Item = (String, String, String)>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        self.write(format_args!("<table><tr><th>{heading}</th><th>Type</th><th></th></tr>\n"));
        for (name, shape, description) in rows {
            self.write(format_args!(
                "<tr><td>{name}</td><td>{shape}</td><td>{description}</td></tr>\n"
            ));
        }
        self.html.push_str("</table>\n");
    }
}

/// What a schema says, in a few words of HTML.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#{name}\"><code>{name}</code></a>");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(|value| format!("<code>{}</code>", text(value)));
        return values.collect::<Vec<_>>().join(", ");
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(shapes) = schema[several].as_array() {
            return shapes.iter().map(shape).collect::<Vec<_>>().join(" or ");
        }
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind),
    };
    match &schema["items"] {
        Value::Null => kinds,
        items => format!("list of {}", shape(items)),
    }
}

/// The fields of an object, or none.
fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_stands_in_the_document_is_shown_as_text() {
        let evil = "<script>\"&";
        let document = json!({
            "tags": [{"name": evil, "description": evil}],
            "info": {"title": evil, "description": evil},
            "paths": {evil: {"get": {"tags": [evil], "summary": evil, "parameters": [{"name": evil, "schema": {"enum": [evil]}}]}}},
            "components": {"schemas": {evil: {"type": evil, "properties": {evil: {"$ref": evil}}}}},
        });
        let page = page(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.matches("&lt;script&gt;&quot;&amp;").count() > 8, "{page}");
    }
}
