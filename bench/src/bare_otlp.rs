//! A receiver of metrics that does no more than it must: tonic as it comes, one sum per series.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric, number_data_point};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The sums, by metric, session, model and type.
#[derive(Default)]
struct Sums(Mutex<HashMap<[String; 4], f64>>);

#[tonic::async_trait]
impl MetricsService for Sums {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|from| from.scope_metrics);
        for metric in scopes.flat_map(|from| from.metrics) {
            let Some(metric::Data::Sum(sum)) = metric.data else { continue };
            for point in sum.data_points {
                let key = [
                    metric.name.clone(),
                    text(&point, "session.id"),
                    text(&point, "model"),
                    text(&point, "type"),
                ];
                let value = match point.value {
                    Some(number_data_point::Value::AsDouble(value)) => value,
                    Some(number_data_point::Value::AsInt(value)) => value as f64,
                    None => 0.0,
                };
                *sums.entry(key).or_default() += value;
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse { partial_success: None }))
    }
}

fn text(point: &NumberDataPoint, name: &str) -> String {
    let pair = point.attributes.iter().find(|pair| pair.key == name);
    match pair.and_then(|pair| pair.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Listens on a port of the system's choice, prints it, and serves until it is ended.
pub fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("listening")?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder().add_service(MetricsServiceServer::new(Sums::default()));
        server.serve_with_incoming(incoming).await.context("serving")
    })
}
