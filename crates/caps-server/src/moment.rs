//! A moment as a person or a program writes it.

use std::str::FromStr;
use std::time::SystemTime;

use caps_hub::Timestamp;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Read from RFC 3339, or from milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Moment(pub Timestamp);

/// Why a text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time such as `2026-11-22T21:04:05Z`, or milliseconds since 1970")]
pub struct InvalidMoment;

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        if let Ok(millis) = text.parse() {
            return Ok(Self(Timestamp::from_millis(millis)));
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidMoment)?;
        Ok(Self(SystemTime::from(time).into()))
    }
}

impl TryFrom<String> for Moment {
    type Error = InvalidMoment;

    fn try_from(text: String) -> Result<Self, InvalidMoment> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_any_zone() {
        let moment = Moment(Timestamp::from_millis(1_795_381_445_123));
        for text in [
            "1795381445123",
            "2026-11-22T21:04:05.123Z",
            "2026-11-22t21:04:05.123z",
            "2026-11-22T22:34:05.123+01:30",
        ] {
            assert_eq!(text.parse(), Ok(moment), "{text}");
        }
        for text in ["", "now", "-1", "2026-11-22", "2026-11-22T21:04:05"] {
            assert_eq!(text.parse::<Moment>(), Err(InvalidMoment), "{text}");
        }
    }
}
