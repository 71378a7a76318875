// Exports what an agent might, by OpenTelemetry's SDK for Node: export.cjs PROTOCOL ENDPOINT SESSION TEMPORALITY.
"use strict";
const [protocol, endpoint, session, temporality] = process.argv.slice(2);
const kind = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" }[protocol];
const load = (signal) => require(`@opentelemetry/exporter-${signal}-otlp-${kind}`);
// This library names no socket in a URL; its agent may have one.
const socketPath = endpoint.startsWith("unix:") ? endpoint.slice("unix:".length) : undefined;
const base = socketPath ? "http://localhost" : endpoint;
const place = (signal) =>
  kind === "grpc" ? { url: endpoint } : { url: `${base}/v1/${signal}`, httpAgentOptions: { socketPath } };
const { AggregationTemporality, AggregationType, MeterProvider, PeriodicExportingMetricReader } = require(
  "@opentelemetry/sdk-metrics",
);
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { diag, DiagLogLevel } = require("@opentelemetry/api");

// The SDK swallows what an exporter says; here it is a failure.
const complain = (...words) => {
  console.error(...words);
  process.exitCode = 1;
};
diag.setLogger({ error: complain, warn: complain, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);

async function main() {
  const resource = resourceFromAttributes({ "service.name": "gemini-cli", "session.id": session });
  const { OTLPMetricExporter } = load("metrics");
  const temporalityPreference =
    temporality === "delta" ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
  const exporter = new OTLPMetricExporter({ ...place("metrics"), temporalityPreference });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const views = [
    {
      instrumentName: "gemini_cli.tool.call.latency",
      aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM },
    },
  ];
  const metrics = new MeterProvider({ readers: [reader], resource, views });
  const meter = metrics.getMeter("gemini-cli");
  const tokens = meter.createCounter("gemini_cli.token.usage");
  const requests = meter.createHistogram("gemini_cli.api.request.latency", { unit: "ms" });
  const calls = meter.createCounter("gemini_cli.tool.call.count");
  const tools = meter.createHistogram("gemini_cli.tool.call.latency", { unit: "ms" });
  meter.createUpDownCounter("some.depth").add(-3);
  meter.createGauge("some.level").record(0.5);
  for (const amount of [10, 20, 30]) {
    tokens.add(amount, { model: "gemini-2.5-pro", type: "input" });
    requests.record(amount * 10, { model: "gemini-2.5-pro" });
    calls.add(1, { function_name: "Shell", success: true, decision: "accept" });
    tools.record(amount, { function_name: "Shell" });
    await metrics.forceFlush();
  }

  const logs = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: new (load("logs").OTLPLogExporter)(place("logs")) })],
  });
  logs.getLogger("gemini-cli").emit({
    body: "User prompt. Length: 5.",
    attributes: { "event.name": "gemini_cli.user_prompt", prompt_id: `${session}-prompt`, prompt_length: 5 },
  });
  await logs.forceFlush();

  const traces = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new (load("trace").OTLPTraceExporter)(place("traces")))],
  });
  const span = traces.getTracer("gemini-cli").startSpan("llm_call");
  span.setAttribute("gen_ai.request.model", "gemini-2.5-pro");
  span.end();
  await traces.forceFlush();
  for (const provider of [metrics, logs, traces]) await provider.shutdown();
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});
