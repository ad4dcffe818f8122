//! The schemas of bodies and answers, from their types.

use rl_core::limit::Kind;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::http::allow::AllowAnswer;
use crate::http::answer::{
    DegradedAnswer, DoneAnswer, HeldAnswer, LimitAnswer, QuotaAnswer, RemainingAnswer, SyncAnswer,
};
use crate::http::body::{
    CancelBody, HoldBody, ManyBody, OverrideBody, PeekBody, PolicyBody, QuotaBody, RefundBody, RenewBody,
    SettleBody, SyncBody, add_schema,
};
use crate::http::policy_answer::{OverridesAnswer, PoliciesAnswer, PolicyAnswer};
use crate::http::problem::ProblemBody;

/// All schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut bodies = settings.clone().for_deserialize().with_transform(NotNull).into_generator();
    Kind::ALL.into_iter().for_each(|kind| add_schema(kind, &mut bodies));
    add::<QuotaBody<'_>>(&mut bodies);
    add::<ManyBody<'_>>(&mut bodies);
    add::<OverrideBody<'_>>(&mut bodies);
    add::<PolicyBody<'_>>(&mut bodies);
    add::<HoldBody<'_>>(&mut bodies);
    add::<SyncBody<'_>>(&mut bodies);
    add::<PeekBody<'_>>(&mut bodies);
    add::<RefundBody<'_>>(&mut bodies);
    add::<SettleBody<'_>>(&mut bodies);
    add::<CancelBody<'_>>(&mut bodies);
    add::<RenewBody<'_>>(&mut bodies);
    let mut answers = settings.for_serialize().into_generator();
    add::<LimitAnswer>(&mut answers);
    add::<QuotaAnswer<'_>>(&mut answers);
    add::<DegradedAnswer>(&mut answers);
    add::<DoneAnswer>(&mut answers);
    add::<RemainingAnswer>(&mut answers);
    add::<PoliciesAnswer<'_>>(&mut answers);
    add::<OverridesAnswer>(&mut answers);
    add::<PolicyAnswer<'_>>(&mut answers);
    add::<HeldAnswer>(&mut answers);
    add::<SyncAnswer>(&mut answers);
    add::<AllowAnswer>(&mut answers);
    add::<ProblemBody<'_>>(&mut answers);
    let mut all = bodies.take_definitions(true);
    all.extend(answers.take_definitions(true));
    all
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// Removes `null` from the types of optional fields: a field may be left out, but not be `null`.
#[derive(Clone)]
struct NotNull;

impl Transform for NotNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|known| known != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                object.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(options)) = object.get_mut("anyOf") {
            options.retain(|option| option.get("type").is_none_or(|known| known != "null"));
            if let [Value::Object(one)] = options.as_slice() {
                let one = one.clone();
                object.remove("anyOf");
                object.extend(one);
            }
        }
    }
}
