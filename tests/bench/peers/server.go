// client_golang behind promhttp: server DIRECTORY holds the gauges and counters of page.prom.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	file, err := os.Open(os.Args[1] + "/page.prom")
	must(err)
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(file)
	must(err)
	registry := prometheus.NewRegistry()
	for name, family := range families {
		kind := family.GetType()
		if kind != dto.MetricType_GAUGE && kind != dto.MetricType_COUNTER {
			continue
		}
		var labels []string
		for _, pair := range family.Metric[0].Label {
			labels = append(labels, pair.GetName())
		}
		gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: family.GetHelp()}, labels)
		counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: family.GetHelp()}, labels)
		if kind == dto.MetricType_GAUGE {
			registry.MustRegister(gauge)
		} else {
			registry.MustRegister(counter)
		}
		for _, metric := range family.Metric {
			var values []string
			for _, pair := range metric.Label {
				values = append(values, pair.GetValue())
			}
			if kind == dto.MetricType_GAUGE {
				gauge.WithLabelValues(values...).Set(metric.GetGauge().GetValue())
			} else {
				counter.WithLabelValues(values...).Add(metric.GetCounter().GetValue())
			}
		}
	}
	families = nil
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(listener.Addr())
	must(http.Serve(listener, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
}
