//! The OpenAPI document and the page to try it. The paths come from the handlers; what holds for all
//! of them (keys, limits, faults) is added here, so that no handler repeats it.

use axum::{Router, http::header, routing};
use utoipa::{
    PartialSchema,
    openapi::{
        ArrayBuilder, Components, Content, HeaderBuilder, InfoBuilder, ObjectBuilder, OpenApi,
        OpenApiBuilder, Ref, RefOr, ResponseBuilder, Type,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{error::PROBLEM_JSON, events::EventView};

/// The document before any path.
pub fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("novofon-bot")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Places phone calls through Asterisk and says truthfully what became of them. Errors are problem JSON \
             (RFC 9457) with a stable `code`.",
        ))
        .build();
    let tag = |name: &str, text: &str| TagBuilder::new().name(name).description(Some(text)).build();
    OpenApiBuilder::new()
        .info(info)
        .tags(Some([
            tag("calls", "Place calls and see what became of them"),
            tag("events", "See what happens, as it happens"),
            tag("health", "How the bot is"),
        ]))
        .build()
}

/// The office API's document before any path.
pub fn office_base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("novofon-bot: office API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Click-to-call and monitoring for enterprises that have an Asterisk of their own. Errors are \
             `{\"detail\": ...}`; of bad parameters 422 tells all. 401: no such secret; 429: too many requests, with \
             `Retry-After`; 503: the enterprises' database is away.",
        ))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// Adds what stands before every guarded route: a key, its rate.
pub fn describe_guard(document: &mut OpenApi) {
    for operation in operations(document) {
        operation.security =
            Some(["bearer", "api_key"].map(|name| SecurityRequirement::new(name, [""; 0])).to_vec());
        add(operation, "401", || {
            let challenge =
                HeaderBuilder::new().schema(Some(text())).description(Some("How to present a key")).build();
            problem("`unauthorized`: no API key, or one that is not known")
                .header("WWW-Authenticate", challenge)
        });
        add(operation, "403", || {
            problem(
                "`right_missing`: the key has not the right that is named in `right`; `foreign_site`: there are no API keys, \
                 and the request names another machine or comes from another site's page; `forwarded`: there are none, \
                 and a proxy has brought it",
            )
        });
        add(operation, "429", || {
            problem("`rate_limited`: the key's requests per minute are used up")
                .header("Retry-After", retry_after())
        });
    }
}

/// Adds what any route may answer, and the schemes of keys.
pub fn finish(document: &mut OpenApi) {
    for operation in operations(document) {
        add(operation, "500", || problem("`internal_error`: a fault of the bot"));
        add(operation, "503", || {
            problem("`store_unavailable`, `stopping`, `timed_out`").header("Retry-After", retry_after())
        });
    }
    let components = document.components.get_or_insert_with(Components::new);
    // The data of streams, which no answer's schema names.
    components.schemas.insert("EventView".to_owned(), EventView::schema());
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme(
        "api_key",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
    );
}

/// Adds the office API's errors: those of the secret's guard, and of the host.
pub fn finish_office(document: &mut OpenApi) {
    const OF_HOSTS: [&str; 3] =
        ["/api/makecallexternal", "/api/monitor", "/api/extensions/{extension}/calls"];
    for (path, item) in &mut document.paths.paths {
        if ["/health", "/api/status"].contains(&path.as_str()) {
            continue;
        }
        for operation in operations_of(item) {
            add(operation, "401", || {
                told("`Invalid clientId`: nobody has it, or the enterprise is not active")
            });
            add(operation, "422", || {
                let content = Content::new(Some(Ref::from_schema_name("HTTPValidationError")));
                let response = ResponseBuilder::new().description("Parameters are missing or wrong");
                response.content("application/json", content)
            });
            add(operation, "429", || told("Too many requests").header("Retry-After", retry_after()));
            add(operation, "503", || {
                told("The enterprises' database, or the store, is away").header("Retry-After", retry_after())
            });
            if OF_HOSTS.contains(&path.as_str()) {
                add(operation, "403", || told("The extension does not belong to the enterprise"));
                add(operation, "500", || {
                    told("The host did not take it; `X-Call-Id` is the record of an order")
                });
            }
            for status in ["404", "409"] {
                if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
                    let content = Content::new(Some(Ref::from_schema_name("Detail")));
                    response.content.insert("application/json".to_owned(), content.into());
                }
            }
        }
    }
    let schemas = &mut document.components.get_or_insert_with(Components::new).schemas;
    let detail = ObjectBuilder::new().property("detail", text()).required("detail");
    schemas.insert("Detail".to_owned(), detail.into());
    let fault = ObjectBuilder::new()
        .property("type", text())
        .property("loc", ArrayBuilder::new().items(text()))
        .property("msg", text())
        .property("input", utoipa::openapi::schema::empty())
        .property("ctx", ObjectBuilder::new())
        .required("type")
        .required("loc")
        .required("msg");
    schemas.insert("ValidationError".to_owned(), fault.into());
    let faults = ArrayBuilder::new().items(Ref::from_schema_name("ValidationError"));
    let all = ObjectBuilder::new().property("detail", faults).required("detail");
    schemas.insert("HTTPValidationError".to_owned(), all.into());
}

pub fn to_json(document: &OpenApi) -> String {
    let mut json = serde_json::to_string_pretty(document).expect("a document can be written as JSON");
    json.push('\n');
    json
}

/// `/openapi.json` and `/docs`; both are free, they hold no secrets.
pub fn routes<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
    let json = to_json(document);
    let serve = routing::get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json) });
    let page = SwaggerUi::new("/docs").config(Config::from("/openapi.json").try_it_out_enabled(true));
    Router::new().route("/openapi.json", serve).merge(page)
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(operations_of)
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut)
}

/// Adds an answer that the handler did not describe by itself.
fn add(operation: &mut Operation, status: &str, response: impl FnOnce() -> ResponseBuilder) {
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(response().build()));
}

fn problem(description: &str) -> ResponseBuilder {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content)
}

/// `{"detail": "..."}`
fn told(description: &str) -> ResponseBuilder {
    let content = Content::new(Some(Ref::from_schema_name("Detail")));
    ResponseBuilder::new().description(description).content("application/json", content)
}

fn retry_after() -> utoipa::openapi::Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds")).build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
