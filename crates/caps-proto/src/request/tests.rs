use super::*;

fn parse(verb: Verb, payload: &str) -> Result<Request, Refusal> {
    let payload = serde_json::from_str(payload).unwrap();
    Request::parse(verb, Some(payload), || MessageId::new("minted").unwrap())
}

fn placed(payload: &str) -> (String, String) {
    match parse(Verb::Pickup, payload).unwrap() {
        Request::Pickup(which, order) => (which.to_string(), order.text().to_owned()),
        other => panic!("{other:?}"),
    }
}

fn refused(verb: Verb, payload: &str) -> String {
    let refusal = parse(verb, payload).unwrap_err();
    assert_eq!(refusal.code, Code::InvalidPayload);
    assert!(!refusal.temporary);
    refusal.message.into_owned()
}

#[test]
fn an_order_alone_is_its_own_text() {
    let order = r#"{ "store": "acme", "orderId": 7, "total": 1.50, "ünï": "\u0041" }"#;
    assert_eq!(placed(order), ("acme/7".into(), order.into()));
}

#[test]
fn a_message_wraps_the_orders_text() {
    let message = r#"{"event":"pickup","messageId":"7","clientId":"acme","order":{"z":1.0,"a":2}}"#;
    assert_eq!(placed(message), ("acme/7".into(), r#"{"z":1.0,"a":2}"#.into()));
    let ids_inside = r#"{"event":"pickup","order":{"store":"acme","orderId":"7"}}"#;
    assert_eq!(placed(ids_inside).0, "acme/7");
}

#[test]
fn every_name_seen_in_the_wild_is_understood() {
    for client in [
        "clientId",
        "clientID",
        "queueId",
        "store",
        "storeId",
        "storeName",
        "vendorId",
        "vendorID",
        "retailer",
    ] {
        for message in ["messageId", "messageID", "orderId", "orderID", "id"] {
            let order = format!(r#"{{"{client}":"acme","{message}":"7"}}"#);
            assert_eq!(placed(&order).0, "acme/7", "{order}");
        }
    }
}

#[test]
fn of_several_names_the_more_exact_counts_and_null_is_absent() {
    assert_eq!(placed(r#"{"retailer":"x","store":"acme","id":"x","orderId":"7"}"#).0, "acme/7");
    assert_eq!(placed(r#"{"clientId":null,"store":"acme","messageId":null,"id":7}"#).0, "acme/7");
    let outer_counts = r#"{"clientId":"acme","messageId":"7","order":{"store":"x","orderId":"x"}}"#;
    assert_eq!(placed(outer_counts).0, "acme/7");
}

#[test]
fn an_order_may_have_a_field_called_order() {
    let order = r#"{"store":"acme","orderId":"7","order":"two pizzas"}"#;
    assert_eq!(placed(order), ("acme/7".into(), order.into()));
    let message = r#"{"event":"pickup","clientId":"acme","messageId":"7","order":null}"#;
    assert_eq!(placed(message).1, message);
    let broken = r#"{"event":"pickup","clientId":"acme","messageId":"7","order":[1]}"#;
    assert!(refused(Verb::Pickup, broken).contains("`order` is not a JSON object"));
}

fn proven(payload: &str) -> Option<String> {
    match parse(Verb::Delivered, payload).unwrap() {
        Request::Delivered(_, _, proof) => proof.map(|proof| proof.text().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proof_stands_beside_the_order_of_a_message() {
    let proof = r#"{ "scannedAt": 1.50, "code":"\u0041" }"#;
    let message = format!(r#"{{"clientId":"acme","messageId":"7","proof":{proof},"order":{{}}}}"#);
    assert_eq!(proven(&message).as_deref(), Some(proof));
    for none in [
        r#"{"clientId":"acme","messageId":"7","order":{}}"#,
        r#"{"clientId":"acme","messageId":"7","order":{},"proof":null}"#,
        r#"{"clientId":"acme","messageId":"7","order":{"proof":{}}}"#,
    ] {
        assert_eq!(proven(none), None, "{none}");
    }
}

#[test]
fn an_order_may_have_a_field_called_proof() {
    for order in [
        r#"{"store":"acme","orderId":"7","proof":"of age"}"#,
        r#"{"store":"acme","orderId":"7","proof":{}}"#,
        r#"{"store":"acme","orderId":"7","proof":{},"order":"two pizzas"}"#,
    ] {
        assert_eq!(proven(order), None, "{order}");
        assert_eq!(placed(order).1, order);
    }
}

#[test]
fn a_proof_is_a_small_object_that_others_can_read() {
    let with = |proof: &str| {
        format!(r#"{{"clientId":"acme","messageId":"7","order":{{}},"proof":{proof}}}"#)
    };
    for proof in ["7", "true", "[]", "[{}]", "\"signed\""] {
        let sentence = refused(Verb::Delivered, &with(proof));
        assert!(sentence.contains("`proof` that is not a JSON object; send"), "{sentence}");
    }
    let halved = refused(Verb::Delivered, &with(r#"{"by":"\ud83d"}"#));
    assert!(halved.contains("send whole characters"), "{halved}");

    let giant = with(&format!(r#"{{"photo":"{}"}}"#, "x".repeat(5_000)));
    let refusal = parse(Verb::Delivered, &giant).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::new(
            Code::PayloadTooLarge,
            "The `proof` has 5012 bytes; at most 4096 are taken, so send a link to what is longer."
        )
    );
    // Nowhere else is it looked at.
    for verb in [Verb::Pickup, Verb::InTransit, Verb::Release] {
        assert!(parse(verb, &giant).is_ok(), "{verb}");
    }
    let came = giant.replacen('{', r#"{"event":"delivered","#, 1);
    assert!(parse(Verb::Received, &came).is_ok());
}

#[test]
fn an_order_without_an_id_gets_one_but_a_report_needs_it() {
    assert_eq!(placed(r#"{"store":"acme"}"#).0, "acme/minted");
    let no_id = r#"{"store":"acme"}"#;
    assert!(refused(Verb::InTransit, no_id).contains("needs `messageId`"));
    assert!(refused(Verb::Delivered, no_id).contains("needs `messageId`"));
}

#[test]
fn an_id_is_a_string_or_an_integer() {
    assert_eq!(placed(r#"{"store":7,"id":-12}"#).0, "7/-12");
    assert_eq!(
        placed(r#"{"store":"a","id":123456789012345678901234567890}"#).0,
        "a/123456789012345678901234567890"
    );
    assert_eq!(placed(r#"{"store":"a\u0062","id":"\u0037"}"#).0, "ab/7");
    for id in ["1.5", "1e3", "true", "[]", "{}", r#""""#, r#"" ""#, r#""a\nb""#, r#""\u0000""#] {
        refused(Verb::Pickup, &format!(r#"{{"store":"acme","id":{id}}}"#));
        refused(Verb::Pickup, &format!(r#"{{"id":"7","store":{id}}}"#));
        refused(
            Verb::Received,
            &format!(r#"{{"clientId":"a","event":"pickup","messageId":{id}}}"#),
        );
        refused(Verb::Join, &format!(r#"{{"clientId":{id}}}"#));
    }
    let giant = format!(r#"{{"store":"acme","id":"{}"}}"#, "x".repeat(1_000_000));
    assert_eq!(
        refused(Verb::Pickup, &giant),
        "`pickup` has a `id` that is 1000000 bytes long; at most 256 are accepted."
    );
}

#[test]
fn what_is_not_an_object_is_refused_with_an_example() {
    for verb in [
        Verb::Subscribe,
        Verb::Pickup,
        Verb::InTransit,
        Verb::Delivered,
        Verb::Release,
        Verb::Received,
    ] {
        for payload in ["null", "7", "true", "[]", "[{}]", "\"x\""] {
            assert!(refused(verb, payload).contains("takes a JSON object"), "{verb} {payload}");
        }
        let nothing = Request::parse(verb, None, || unreachable!());
        assert_eq!(nothing.unwrap_err().code, Code::InvalidPayload);
    }
    for payload in ["null", "7", "true", "[]"] {
        refused(Verb::Join, payload);
    }
    for payload in ["7", "true", "[]", "\"acme\""] {
        refused(Verb::GetAll, payload);
    }
}

#[test]
fn an_order_that_readers_could_not_parse_is_refused() {
    let deep = format!(r#"{{"store":"a","id":1,"x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert!(refused(Verb::Pickup, &deep).contains("recursion limit"));
    let lone_surrogate = r#"{"store":"a","id":1,"x":"\ud83d"}"#;
    assert!(refused(Verb::Pickup, lone_surrogate).contains("send whole characters"));
}

#[test]
fn join_takes_a_name_or_an_object() {
    for payload in [r#""acme""#, r#"{"clientId":"acme"}"#, r#"{"store":"acme"}"#] {
        match parse(Verb::Join, payload).unwrap() {
            Request::Join(client_id) => assert_eq!(client_id.as_str(), "acme"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused(Verb::Join, r#""""#), "`join` names a store that is empty.");
}

#[test]
fn received_takes_one_id_or_a_list_or_the_message_as_it_came() {
    for payload in [
        r#"{"clientId":"acme","event":"delivered","messageId":"7"}"#,
        r#"{"event":"delivered","messageId":"7","clientId":"acme","order":{"store":"x"}}"#,
        r#"{"event":"delivered","order":{"store":"acme","orderId":7}}"#,
    ] {
        match parse(Verb::Received, payload).unwrap() {
            Request::Received(event, which) => {
                assert_eq!((event, which.to_string()), (Event::Delivered, "acme/7".into()));
            }
            other => panic!("{other:?}"),
        }
    }
    match parse(Verb::Received, r#"{"clientId":"a","event":"pickup","messageIds":["7",8]}"#)
        .unwrap()
    {
        Request::ReceivedAll(Event::Pickup, _, ids) => {
            assert_eq!(ids.iter().map(MessageId::as_str).collect::<Vec<_>>(), ["7", "8"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(
        refused(Verb::Received, r#"{"clientId":"a","messageId":"7"}"#).contains("needs `event`")
    );
    assert!(
        refused(Verb::Received, r#"{"clientId":"a","event":"x","messageId":"7"}"#)
            .contains("none of")
    );
    assert!(
        refused(Verb::Received, r#"{"clientId":"a","event":"pickup","messageIds":7}"#)
            .contains("list of ids")
    );
    assert!(
        refused(Verb::Received, r#"{"clientId":"a","event":"pickup","messageIds":[{}]}"#)
            .contains("`messageIds`")
    );
}

#[test]
fn release_takes_the_ids_or_the_message_as_it_came() {
    for payload in [
        r#"{"clientId":"acme","messageId":"7"}"#,
        r#"{"store":"acme","orderId":7,"customer":"Ada"}"#,
        r#"{"event":"pickup","messageId":"7","clientId":"acme","order":{"store":"x"}}"#,
        r#"{"event":"pickup","order":{"store":"acme","orderId":7}}"#,
        r#"{"event":["no","event"],"clientId":"acme","id":7,"order":"two pizzas"}"#,
    ] {
        match parse(Verb::Release, payload).unwrap() {
            Request::Release(which) => assert_eq!(which.to_string(), "acme/7"),
            other => panic!("{other:?}"),
        }
    }
    assert!(refused(Verb::Release, r#"{"messageId":"7"}"#).contains("needs `clientId`"));
    assert!(refused(Verb::Release, r#"{"clientId":"a"}"#).contains("needs `messageId`"));
    let list = r#"{"clientId":"a","messageIds":["7"]}"#;
    assert!(refused(Verb::Release, list).contains("needs `messageId`"), "one at a time");
}

#[test]
fn get_all_takes_as_much_as_one_knows() {
    let everything = Request::parse(Verb::GetAll, None, || unreachable!()).unwrap();
    assert!(matches!(everything, Request::GetAll { client_id: None, event: None, limit: None }));
    let page =
        parse(Verb::GetAll, r#"{"clientId":"acme","event":"in-transit","limit":10}"#).unwrap();
    assert!(matches!(
        page,
        Request::GetAll { client_id: Some(_), event: Some(Event::InTransit), limit: Some(10) }
    ));
    for limit in ["-1", "1.5", "\"10\"", "[]", "99999999999999999999999"] {
        assert!(refused(Verb::GetAll, &format!(r#"{{"limit":{limit}}}"#)).contains("`limit`"));
    }
}
