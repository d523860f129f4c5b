//! Whatever a guest hands over is a value, a denial, a manifest of ours, or refused; and a value that
//! goes in and comes out again is the same.

use proptest::prelude::*;

use super::*;

/// Every number that JSON can say, as PocketBase would store it.
fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1000_i32..1000).prop_map(Value::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number(),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |within| {
        prop_oneof![
            prop::collection::vec(within.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), within, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What a guest may hand over for a value.
fn any_handed_over() -> impl Strategy<Value = json::Value> {
    let text = prop_oneof![
        any::<String>(),
        any_value().prop_map(|value| value.to_string()),
        "[\\[\\]{}\",:0-9eE.+-]{0,12}",
    ];
    prop_oneof![
        Just(json::Value::Null),
        any::<bool>().prop_map(json::Value::Boolean),
        any::<u64>().prop_map(|bits| json::Value::Number(f64::from_bits(bits))),
        any::<String>().prop_map(json::Value::Text),
        text.prop_map(json::Value::Json),
    ]
}

fn any_denial() -> impl Strategy<Value = types::Denial> {
    // Letters of one to four bytes, around the length at which a text is cut.
    let text = (
        prop::sample::select(vec!["a", "ü", "€", "😀"]),
        0_usize..2_100,
    );
    let text = text.prop_map(|(letter, count)| letter.repeat(count));
    let field = text.clone().prop_map(|field| types::FieldError {
        field,
        code: "short".to_owned(),
        message: String::new(),
    });
    let fields = (field, 0_usize..130);
    (any::<u16>(), text.clone(), text, fields).prop_map(|(status, code, message, fields)| {
        types::Denial {
            status,
            code,
            message,
            fields: vec![fields.0; fields.1],
        }
    })
}

proptest! {
    #[test]
    fn a_value_comes_back_as_it_went(there in any_value()) {
        let back = value(seen(Seen::Plain(&there)));
        match there {
            // To a rule every number is a double.
            Value::Number(number) => {
                let back = back.expect("a number");
                prop_assert_eq!(back.as_f64(), number.as_f64());
            }
            other => prop_assert_eq!(back, Ok(other)),
        }
    }

    #[test]
    fn what_is_handed_over_is_one_value_or_refused(handed in any_handed_over()) {
        let (text, weight) = (format!("{handed:?}"), size(&handed));
        if let Ok(taken) = value(handed.clone()) {
            let printed = taken.to_string();
            let again: Value = serde_json::from_str(&printed).expect("JSON");
            prop_assert_eq!(&again, &taken, "{}", text);
            if let json::Value::Json(said) = &handed {
                let usual: Value = serde_json::from_str(said).expect("what serde reads, too");
                prop_assert_eq!(&usual, &taken);
            }
        } else {
            let refused = matches!(handed, json::Value::Json(_))
                || matches!(handed, json::Value::Number(number) if !number.is_finite());
            prop_assert!(refused, "{}", text);
        }
        prop_assert!(weight >= 8 || matches!(handed, json::Value::Text(_) | json::Value::Json(_)));
    }

    #[test]
    fn a_denial_is_a_refusal_of_bounded_length(handed in any_denial()) {
        let (said, count) = (handed.message.clone(), handed.fields.len());
        let taken = denial(handed);
        prop_assert!((400..500).contains(&taken.status));
        prop_assert!(said.starts_with(&taken.message) && taken.message.len() <= MESSAGE);
        // Cut no shorter than the last letter that fits.
        prop_assert!(taken.message.len() + 4 > MESSAGE.min(said.len()));
        prop_assert_eq!(taken.fields.len(), count.min(FIELDS));
        for field in &taken.fields {
            prop_assert!(field.field.len().max(field.code.len()).max(field.message.len()) <= MESSAGE);
        }
    }

    #[test]
    fn a_parameter_is_something_a_filter_can_hold(
        name in any::<String>(),
        handed in any_handed_over(),
    ) {
        let is_container = matches!(handed, json::Value::Json(_));
        let taken = parameters(vec![(name.clone(), handed)]);
        prop_assert_eq!(taken.is_err(), is_container);
        if let Ok(taken) = taken {
            prop_assert_eq!(&taken[0].0, &name);
        }
    }
}

#[test]
fn every_operation_that_is_served_is_told_by_its_own_name() {
    for kind in [
        OperationKind::List,
        OperationKind::View,
        OperationKind::Create,
        OperationKind::Update,
        OperationKind::Delete,
        OperationKind::AuthMethods,
        OperationKind::AuthWithPassword,
        OperationKind::AuthWithOAuth2,
        OperationKind::RequestOtp,
        OperationKind::AuthWithOtp,
        OperationKind::AuthRefresh,
        OperationKind::RequestVerification,
        OperationKind::ConfirmVerification,
        OperationKind::RequestPasswordReset,
        OperationKind::ConfirmPasswordReset,
        OperationKind::RequestEmailChange,
        OperationKind::ConfirmEmailChange,
        OperationKind::Impersonate,
        OperationKind::FileToken,
        OperationKind::Download,
        OperationKind::Subscribe,
        OperationKind::Event,
    ] {
        assert_eq!(operation(kind).map(operation_kind), Some(kind));
    }
}
