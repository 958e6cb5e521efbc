//! `/v1/products`: the kinds of card and the contents of a job for each, so that no upstream needs to read
//! `product.toml`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::App;
use super::problem::Problem;
use crate::product::Product;
use crate::report::Sentence;

/// The products of this station.
pub(super) async fn list(State(app): State<App>) -> Json<Value> {
    let examiner = app.examiner();
    let products = examiner.products().map(|product| {
        json!({
            "name": product.name, "title": Sentence::from(&product.title), "links": links(product),
        })
    });
    Json(json!({ "products": products.collect::<Vec<_>>() }))
}

/// One product: fields, reasons, documents, photo, codes, and the JSON Schema of its jobs.
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let examiner = app.examiner();
    let product = examiner.product(&name).ok_or_else(Problem::not_found)?;
    let officials = examiner.officials();
    let mut told = product.description(&officials);
    told["job_schema"] = product.job_schema(&officials);
    told["links"] = links(product);
    Ok(Json(told))
}

/// The JSON Schema of a product's jobs alone, for a validator.
pub(super) async fn job_schema(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let examiner = app.examiner();
    let product = examiner.product(&name).ok_or_else(Problem::not_found)?;
    let schema = product.job_schema(&examiner.officials()).to_string();
    Ok(([(CONTENT_TYPE, "application/schema+json")], schema))
}

fn links(product: &Product) -> Value {
    let this = format!("/v1/products/{}", product.name);
    json!({ "job_schema": format!("{this}/job.schema.json"), "self": this })
}
