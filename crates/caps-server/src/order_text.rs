//! What stands in an order for people to read, whatever its fields are called.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Hands over the texts, numbers and truths in a JSON value, in the order in which they stand there.
pub(crate) fn for_each_text(json: &str, mut each: impl FnMut(&str)) {
    // An order is JSON; what is no JSON has no text.
    let _ = Texts(&mut each).deserialize(&mut serde_json::Deserializer::from_str(json));
}

/// What is looked for in orders, in whatever case.
#[derive(Debug, Clone)]
pub(crate) struct Needle(String);

impl Needle {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// Whether it is a part of a text in the order.
    pub(crate) fn is_in_order(&self, json: &str) -> bool {
        // Most orders have nothing of the kind, and need no closer look.
        let may_be = json.contains('\\') || self.is_in(json);
        let mut found = false;
        if may_be {
            for_each_text(json, |text| found = found || self.is_in(text));
        }
        found
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

struct Texts<'a>(&'a mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        (self.0)(&value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        (self.0)(&value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        (self.0)(&value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        (self.0)(&value.to_string());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        (self.0)(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Texts(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while fields.next_key::<IgnoredAny>()?.is_some() {
            fields.next_value_seed(Texts(self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"customer":{"first":"Zoë","last":"O\u0027Hara"},"lines":[{"qty":2,"gift":true}],"total":-1.50}"#;

    #[test]
    fn the_texts_of_an_order_are_read_in_the_order_in_which_they_stand() {
        let mut texts = Vec::new();
        for_each_text(ORDER, |text| texts.push(text.to_owned()));
        assert_eq!(texts, ["Zoë", "O'Hara", "2", "true", "-1.5"]);
    }

    #[test]
    fn what_is_looked_for_is_found_in_any_case_however_it_is_escaped_and_not_in_names_of_fields() {
        for (needle, is_there) in
            [("zoË", true), ("o'h", true), ("TRUE", true), ("customer", false), ("u0027", false)]
        {
            assert_eq!(Needle::new(needle).is_in_order(ORDER), is_there, "{needle}");
        }
    }
}
