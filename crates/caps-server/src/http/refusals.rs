//! With what requests may be refused, as the document tells it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema as _};

use super::problem::{Details, KIND};

/// With what one is refused who asks for a document.
pub(super) struct DocumentProblems;

/// With what a read may be refused.
pub(super) struct ReadProblems;

/// With what a read of one thing may be refused, which there may not be.
pub(super) struct FindProblems;

/// With what the placing of an order may be refused.
pub(super) struct PlaceProblems;

/// With what may be refused that is done with an order.
pub(super) struct ActProblems;

const DOCUMENT: [(StatusCode, &str); 1] =
    [(StatusCode::UNAUTHORIZED, "Nobody knows who is asking")];
const READ: [(StatusCode, &str); 4] = [
    (StatusCode::BAD_REQUEST, "What is asked for cannot be"),
    (StatusCode::FORBIDDEN, "Whoever asks may not do this"),
    (StatusCode::INTERNAL_SERVER_ERROR, "The hub failed"),
    (StatusCode::SERVICE_UNAVAILABLE, "Not now; ask again in a moment"),
];
const FIND: [(StatusCode, &str); 1] = [(StatusCode::NOT_FOUND, "There is none")];
const ACT: [(StatusCode, &str); 3] = [
    (StatusCode::CONFLICT, "Another driver holds or has delivered the order, or it is another one"),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than the hub takes"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not `application/json`"),
];

impl IntoResponses for DocumentProblems {
    fn responses() -> Responses {
        problems(&[&DOCUMENT])
    }
}

impl IntoResponses for ReadProblems {
    fn responses() -> Responses {
        problems(&[&DOCUMENT, &READ])
    }
}

impl IntoResponses for FindProblems {
    fn responses() -> Responses {
        problems(&[&DOCUMENT, &READ, &FIND])
    }
}

impl IntoResponses for PlaceProblems {
    fn responses() -> Responses {
        problems(&[&DOCUMENT, &READ, &ACT])
    }
}

impl IntoResponses for ActProblems {
    fn responses() -> Responses {
        problems(&[&DOCUMENT, &READ, &FIND, &ACT])
    }
}

type Responses = BTreeMap<String, RefOr<Response>>;

fn problems(kinds: &[&[(StatusCode, &str)]]) -> Responses {
    let details = Ref::from_schema_name(Details::name());
    let problem = |(status, description): &(StatusCode, &str)| {
        let content = ContentBuilder::new().schema(Some(details.clone())).build();
        let response = ResponseBuilder::new().description(*description).content(KIND, content);
        (status.as_str().to_owned(), RefOr::T(response.build()))
    };
    kinds.iter().copied().flatten().map(problem).collect()
}
