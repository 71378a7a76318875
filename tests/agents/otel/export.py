"""Exports what an agent might, by OpenTelemetry's SDK for Python: export.py PROTOCOL ENDPOINT SESSION TEMPORALITY."""

import sys

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, session, temporality = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    # Over a socket this library's authority is the socket's path, which no HTTP/2 server may take for a host.
    options = (("grpc.default_authority", "localhost"),) if endpoint.startswith("unix:") else None
    place = {"endpoint": endpoint, "insecure": True, "channel_options": options}
    places = {signal: place for signal in ("metrics", "logs", "traces")}
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    places = {signal: {"endpoint": f"{endpoint}/v1/{signal}"} for signal in ("metrics", "logs", "traces")}

resource = Resource.create({"service.name": "gemini-cli", "session.id": session})
kind = AggregationTemporality.DELTA if temporality == "delta" else AggregationTemporality.CUMULATIVE
exporter = OTLPMetricExporter(**places["metrics"], preferred_temporality={Counter: kind, Histogram: kind})
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
# The latency of tools comes in exponential buckets.
view = View(instrument_name="gemini_cli.tool.call.latency", aggregation=ExponentialBucketHistogramAggregation())
metrics = MeterProvider([reader], resource=resource, views=[view])
meter = metrics.get_meter("gemini-cli")
tokens = meter.create_counter("gemini_cli.token.usage")
requests = meter.create_histogram("gemini_cli.api.request.latency", unit="ms")
calls = meter.create_counter("gemini_cli.tool.call.count")
tools = meter.create_histogram("gemini_cli.tool.call.latency", unit="ms")
meter.create_up_down_counter("some.depth").add(-3)
meter.create_gauge("some.level").set(0.5)
for amount in (10, 20, 30):
    tokens.add(amount, {"model": "gemini-2.5-pro", "type": "input"})
    requests.record(amount * 10, {"model": "gemini-2.5-pro"})
    calls.add(1, {"function_name": "Shell", "success": True, "decision": "accept"})
    tools.record(amount, {"function_name": "Shell"})
    assert metrics.force_flush(), "metrics"

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(**places["logs"])))
logs.get_logger("gemini-cli").emit(
    LogRecord(
        timestamp=1_700_000_000_000_000_000,
        severity_number=SeverityNumber.INFO,
        body="User prompt. Length: 5.",
        attributes={"event.name": "gemini_cli.user_prompt", "prompt_id": f"{session}-prompt", "prompt_length": 5},
    )
)
assert logs.force_flush(), "logs"

traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(**places["traces"])))
with traces.get_tracer("gemini-cli").start_as_current_span("llm_call") as span:
    span.set_attribute("gen_ai.request.model", "gemini-2.5-pro")
assert traces.force_flush(), "traces"
for provider in (metrics, logs, traces):
    provider.shutdown()
