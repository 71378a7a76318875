//! Exporters of telemetry. Each tells of a session of its own.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use prost::Message as _;
use tokio::time::sleep;
use tonic::transport::Endpoint;

use super::api::Connection;
use super::{Crowd, Ground, Kind, add};
use crate::figures::otlp::export;
use crate::soak::Chance;

/// When an exporter that was told to come again does so.
const AGAIN: Duration = Duration::from_millis(20);

/// One exporter; what it sends is never the same twice.
pub(super) struct Exporter<'a> {
    pub(super) session: usize,
    pub(super) made: &'a mut u64,
}

impl Exporter<'_> {
    /// Over the port, or over the socket.
    pub(super) async fn by_grpc(
        self,
        ground: &Ground,
        crowd: &Crowd,
        chance: &mut Chance,
        things: u64,
        on_socket: bool,
    ) -> Result<()> {
        let place = if on_socket {
            format!("unix:{}", ground.otel.display())
        } else {
            format!("http://127.0.0.1:{}", ground.otel_port)
        };
        let channel = Endpoint::from_shared(place)?.connect().await.context("connecting for telemetry")?;
        let mut client = MetricsServiceClient::new(channel);
        for _ in 0..things {
            if !crowd.goes_on() {
                break;
            }
            *self.made += 1;
            let export = export(self.session, *self.made);
            let sent = async {
                loop {
                    match client.export(export.clone()).await {
                        Ok(_) => return Ok(()),
                        Err(status) if status.code() == tonic::Code::ResourceExhausted => {
                            add(&crowd.busy, 1);
                            sleep(AGAIN).await;
                        }
                        Err(status) => bail!("an export was refused: {status}"),
                    }
                }
            };
            crowd.answered(Kind::Grpc, sent).await?;
            add(&crowd.exports, 1);
            crowd.pause(chance).await;
        }
        Ok(())
    }

    /// Protobuf or JSON.
    pub(super) async fn by_http(
        self,
        ground: &Ground,
        crowd: &Crowd,
        chance: &mut Chance,
        things: u64,
    ) -> Result<()> {
        let host = format!("127.0.0.1:{}", ground.otel_port);
        let mut connection = Connection::open(&host).await?;
        let is_json = chance.below(2) == 0;
        let kind = if is_json { "application/json" } else { "application/x-protobuf" };
        for _ in 0..things {
            if !crowd.goes_on() {
                break;
            }
            *self.made += 1;
            let export = export(self.session, *self.made);
            let body = if is_json { serde_json::to_vec(&export)? } else { export.encode_to_vec() };
            let headers = [("Content-Type", kind)];
            let sent = async {
                loop {
                    match connection.ask("POST", "/v1/metrics", &headers, &body).await?.0 {
                        503 => {
                            add(&crowd.busy, 1);
                            sleep(AGAIN).await;
                        }
                        status => {
                            ensure!(status == 200, "an export was refused: {status}");
                            return Ok(());
                        }
                    }
                }
            };
            crowd.answered(Kind::OtlpHttp, sent).await?;
            add(&crowd.exports, 1);
            crowd.pause(chance).await;
        }
        Ok(())
    }
}
