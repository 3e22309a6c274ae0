"""prometheus_client behind its own server: server.py DIRECTORY holds the gauges and counters of page.prom."""
import sys
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.parser import text_string_to_metric_families

registry = CollectorRegistry()
for family in text_string_to_metric_families(open(sys.argv[1] + "/page.prom").read()):
    if family.type not in ("gauge", "counter"):
        continue
    samples = [s for s in family.samples if not s.name.endswith("_created")]
    labels = list(samples[0].labels)
    metric = (Gauge if family.type == "gauge" else Counter)(family.name, family.documentation, labels, registry=registry)
    for sample in samples:
        child = metric.labels(*sample.labels.values()) if labels else metric
        child.set(sample.value) if family.type == "gauge" else child.inc(sample.value)

server, _ = start_http_server(0, "127.0.0.1", registry)
print("127.0.0.1:%d" % server.server_port, flush=True)
while True:
    time.sleep(3600)
