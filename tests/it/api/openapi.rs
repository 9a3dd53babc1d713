//! The document under version control is the one that is served.

use std::path::Path;

use novofon_bot::api;

use crate::support::{Answer, Bot};

#[tokio::test]
async fn the_openapi_document_is_the_committed_one() {
    let bot = Bot::start().await;
    let served = Answer::of(bot.get("/openapi.json")).await;
    assert_eq!(served.text, api::openapi_json(&bot.state));
    let document = served.expect(200);
    assert_eq!(document["openapi"], "3.1.0");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("docs/ can be made");
        std::fs::write(&path, api::openapi_json(&bot.state)).expect("docs/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == api::openapi_json(&bot.state),
        "docs/openapi.json is not what the server serves; look at the change you made, then run \
         `UPDATE_OPENAPI=1 cargo nextest run openapi` and commit the file"
    );
}

#[test]
fn the_document_of_the_office_api_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi-office.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, api::office::openapi_json()).expect("docs/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == api::office::openapi_json(),
        "docs/openapi-office.json is not what the server serves; look at the change you made, then run \
         `UPDATE_OPENAPI=1 cargo nextest run openapi` and commit the file"
    );
}

#[tokio::test]
async fn every_operation_tells_its_errors() {
    let bot = Bot::start().await;
    let document = Answer::of(bot.get("/openapi.json")).await.expect(200);
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            operations += 1;
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("500") && responses.contains_key("503"), "{method} {path}");
            let is_probe = ["/health/live", "/health/ready"].contains(&path.as_str());
            assert_eq!(responses.contains_key("401"), !is_probe, "{method} {path}");
            assert_eq!(operation.get("security").is_some(), !is_probe, "{method} {path}");
            for (status, response) in responses {
                if status.starts_with(['4', '5']) {
                    let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                }
            }
        }
    }
    assert_eq!(operations, 17);
}

#[tokio::test]
async fn the_page_to_try_it_is_served() {
    let bot = Bot::start().await;
    let page = Answer::of(bot.get("/docs")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"), "{page:?}");
    let start = Answer::of(bot.get("/docs/swagger-initializer.js")).await;
    assert!(start.text.contains("/openapi.json"), "{start:?}");
}
