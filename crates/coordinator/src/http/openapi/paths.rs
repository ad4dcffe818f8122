//! The paths: what each does, and what it may answer.

use serde_json::{Map, Value, json};

use super::responses::{answer, problem, reference, text, with_headers};
use crate::command::Verb;
use crate::http::body::about;

/// All paths.
pub(super) fn paths() -> Map<String, Value> {
    let commands = Verb::all().map(|verb| (format!("/v1/{}", verb.name()), json!({ "post": command(verb) })));
    let others = [
        ("/allow", json!({ "post": allow() })),
        ("/v1/keys/{key}", json!({ "delete": delete() })),
        ("/v1/policies", json!({ "get": policies() })),
        ("/v1/policies/{name}", policy()),
        ("/v1/policies/{name}/overrides", json!({ "parameters": [policy_name()], "get": overrides() })),
        ("/v1/policies/{name}/overrides/{key}", one_override()),
        ("/v1/watch", json!({ "get": watch() })),
        ("/metrics", json!({ "get": metrics() })),
        ("/healthz", json!({ "get": health() })),
        ("/readyz", json!({ "get": ready() })),
    ];
    let others = others.map(|(path, item)| (path.to_owned(), item));
    commands.chain(others).collect()
}

/// `POST /v1/…`
fn command(verb: Verb) -> Value {
    let (schema, summary, example) = match verb {
        Verb::Limit(kind) => about(kind),
        Verb::Quota => (
            "Quota",
            "Many limits, all or nothing",
            json!({
                "key": "claude",
                "limits": [
                    { "name": "rpm", "limit": 1000, "window": "60s" },
                    { "name": "tpm", "limit": 80000, "window": "1m", "unit": "tokens" }
                ],
                "cost": { "tokens": 500 },
                "reserve": "2m"
            }),
        ),
        Verb::ManyQuotas => (
            "ManyQuotas",
            "Several keys with a policy each, all or nothing",
            json!({
                "keys": [{ "key": "org:1", "policy": "org" }, { "key": "user:7", "policy": "user" }],
                "cost": { "tokens": 500 },
                "reserve": "2m"
            }),
        ),
        Verb::First => (
            "ManyQuotas",
            "The first of several keys, in this order, that admits",
            json!({
                "keys": [{ "key": "opus", "policy": "opus" }, { "key": "haiku", "policy": "haiku" }],
                "cost": { "tokens": 500 },
                "reserve": "2m",
                "wait": "20s"
            }),
        ),
        Verb::Hold => (
            "Hold",
            "Admits nobody for a time. A hold that ends later stays; 0 lifts it",
            json!({ "key": "claude", "duration": "30s" }),
        ),
        Verb::Sync => (
            "Sync",
            "Says how much is left by somebody else's count; answers how much is used elsewhere",
            json!({ "key": "claude", "limits": { "rpm": { "remaining": 17, "reset": "12s" } } }),
        ),
        Verb::Peek => (
            "Peek",
            "Says whether and when a request would be admitted; changes nothing",
            json!({ "key": "api" }),
        ),
        Verb::Refund => ("Refund", "Gives back cost that was not used", json!({ "key": "api", "cost": 1 })),
        Verb::Settle => (
            "Settle",
            "Charges what a reserved call really used",
            json!({ "key": "claude", "id": "4e1f", "cost": { "tokens": 420 } }),
        ),
        Verb::Cancel => ("Cancel", "Gives a reserved call back", json!({ "key": "claude", "id": "4e1f" })),
        Verb::Renew => {
            ("Renew", "Holds a reservation longer", json!({ "key": "claude", "id": "4e1f", "ttl": "2m" }))
        }
    };
    let content = json!({ "schema": reference("schemas", schema), "example": example });
    let mut responses = errors(&["400", "401", "403", "408", "409", "413", "415", "502", "503"]);
    let answered = |schemas: &[&str]| answer("Answered.", schemas);
    match verb {
        Verb::Limit(_) => admission(&mut responses, "LimitAnswer"),
        Verb::Quota | Verb::ManyQuotas | Verb::First => admission(&mut responses, "QuotaAnswer"),
        Verb::Peek => {
            responses.insert("200".to_owned(), answered(&["LimitAnswer", "QuotaAnswer"]));
            responses.extend(errors(&["404"]));
        }
        Verb::Hold => {
            responses.insert("200".to_owned(), answered(&["Held"]));
        }
        Verb::Sync => {
            responses.insert("200".to_owned(), answered(&["Synced"]));
        }
        Verb::Refund => {
            responses.insert("200".to_owned(), answered(&["Remaining"]));
        }
        Verb::Settle | Verb::Cancel | Verb::Renew => {
            responses.insert("200".to_owned(), answered(&["Done"]));
        }
    }
    json!({
        "operationId": verb.name(),
        "summary": summary,
        "requestBody": { "required": true, "content": { "application/json": content } },
        "responses": responses
    })
}

/// Adds the answers of a command that asks for an admission.
fn admission(responses: &mut Map<String, Value>, schema: &str) {
    let admitted = answer("Admitted and counted.", &[schema, "DegradedAnswer"]);
    let admitted = with_headers(admitted, &["RateLimit", "RateLimit-Policy", "Rl-Degraded"]);
    let denied = answer("Denied; nothing was counted.", &[schema]);
    let denied = with_headers(denied, &["Retry-After", "RateLimit", "RateLimit-Policy"]);
    responses.insert("200".to_owned(), admitted);
    responses.insert("429".to_owned(), denied);
}

/// Errors that several paths share, by status.
fn errors(statuses: &[&str]) -> Map<String, Value> {
    statuses.iter().map(|status| ((*status).to_owned(), reference("responses", status))).collect()
}

fn allow() -> Value {
    let mut responses = errors(&["400", "401", "403", "408", "413", "502", "503"]);
    responses.insert("200".to_owned(), answer("Answered.", &["AllowAnswer", "DegradedAnswer"]));
    json!({
        "operationId": "allow",
        "summary": "One limit for all callers: status 200 whether or not it is allowed. The body is ignored",
        "responses": responses
    })
}

fn delete() -> Value {
    let mut responses = errors(&["400", "401", "403", "409", "502", "503"]);
    responses.insert("200".to_owned(), answer("Whether there was such a key.", &["Done"]));
    json!({
        "operationId": "delete",
        "summary": "Deletes a key and what is counted in it",
        "parameters": [{
            "name": "key", "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1, "maxLength": 1024 }
        }],
        "responses": responses
    })
}

fn policies() -> Value {
    let mut responses = errors(&["401", "403", "502", "503"]);
    responses.insert("200".to_owned(), answer("The names of all policies.", &["Policies"]));
    json!({
        "operationId": "policies",
        "summary": "The names of all policies; for tokens without prefixes",
        "responses": responses
    })
}

fn policy() -> Value {
    read_and_changed(&ReadAndChanged {
        parameters: json!([policy_name()]),
        body: "Policy",
        get: ("policy", "The limits of a policy, and the weights of its flows"),
        put: ("set_policy", "Sets the limits of a policy, and the weights of its flows; for tokens that may"),
        delete: ("delete_policy", "Deletes a policy; for tokens that may"),
        missing: "There is no such policy.",
        deleted: "Whether there was such a policy.",
    })
}

fn one_override() -> Value {
    let key = json!({
        "name": "key", "in": "path", "required": true,
        "schema": { "type": "string", "minLength": 1, "maxLength": 1024 }
    });
    read_and_changed(&ReadAndChanged {
        parameters: json!([policy_name(), key]),
        body: "Override",
        get: ("override", "The limits that a key has of its own under a policy"),
        put: ("set_override", "Gives a key limits of its own under a policy; for tokens that may"),
        delete: ("delete_override", "Takes a key's own limits under a policy away; for tokens that may"),
        missing: "The key has no limits of its own under this policy.",
        deleted: "Whether the key had limits of its own.",
    })
}

/// What differs between the paths of limits that are read, set and deleted. A method has an id and a summary.
struct ReadAndChanged {
    parameters: Value,
    /// The schema of what is set.
    body: &'static str,
    get: (&'static str, &'static str),
    put: (&'static str, &'static str),
    delete: (&'static str, &'static str),
    missing: &'static str,
    deleted: &'static str,
}

fn read_and_changed(of: &ReadAndChanged) -> Value {
    let with = |answered: Value, statuses: &[&str]| {
        let mut responses = errors(statuses);
        responses.insert("200".to_owned(), answered);
        responses
    };
    let shown = || answer("The policy.", &["PolicyAnswer"]);
    let example = json!({ "limits": [{ "name": "rpm", "limit": 1000, "window": "60s" }] });
    let content = json!({ "schema": reference("schemas", of.body), "example": example });
    let mut missing = with(shown(), &["400", "401", "403", "502", "503"]);
    missing.insert("404".to_owned(), problem(of.missing));
    let set = with(shown(), &["400", "401", "403", "408", "409", "413", "415", "502", "503"]);
    let deleted = with(answer(of.deleted, &["Done"]), &["400", "401", "403", "409", "502", "503"]);
    json!({
        "parameters": of.parameters,
        "get": { "operationId": of.get.0, "summary": of.get.1, "responses": missing },
        "put": {
            "operationId": of.put.0,
            "summary": of.put.1,
            "requestBody": { "required": true, "content": { "application/json": content } },
            "responses": set
        },
        "delete": { "operationId": of.delete.0, "summary": of.delete.1, "responses": deleted }
    })
}

fn policy_name() -> Value {
    json!({
        "name": "name", "in": "path", "required": true,
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$", "minLength": 1, "maxLength": 64 }
    })
}

fn overrides() -> Value {
    let mut responses = errors(&["400", "401", "403", "502", "503"]);
    responses.insert("200".to_owned(), answer("The keys.", &["Overrides"]));
    responses.insert("404".to_owned(), problem("There is no such policy."));
    json!({
        "operationId": "overrides",
        "summary": "The keys that have limits of their own under a policy; for tokens without prefixes",
        "responses": responses
    })
}

fn watch() -> Value {
    json!({
        "operationId": "watch",
        "summary": "Server-sent events: one state at once, and one each second",
        "responses": {
            "200": text("A stream that does not end.", "text/event-stream"),
            "401": problem("A token is needed."),
            "403": problem("A page of another site asks."),
            "503": problem("The server has as many watchers as it allows.")
        }
    })
}

fn metrics() -> Value {
    json!({
        "operationId": "metrics",
        "summary": "Metrics for Prometheus; for tokens without prefixes",
        "responses": {
            "200": text("OpenMetrics.", "application/openmetrics-text"),
            "401": problem("A token is needed."),
            "403": problem("The token is for some keys only.")
        }
    })
}

fn health() -> Value {
    json!({
        "operationId": "healthz",
        "security": [],
        "summary": "Whether the program runs",
        "responses": { "200": text("Text.", "text/plain") }
    })
}

fn ready() -> Value {
    let unavailable =
        problem("No request, or no new key, can be decided: the detail says why. Or the program ends.");
    json!({
        "operationId": "readyz",
        "security": [],
        "summary": "Whether requests are decided now",
        "responses": {
            "200": text("Text.", "text/plain"),
            "503": with_headers(unavailable, &["Retry-After"])
        }
    })
}
